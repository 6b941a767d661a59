/**
 * Reads the text of the details; docs/reference/annotation.md of crm-audit describes it.
 * Lines that are not known are skipped, so an older component reads a newer text.
 */

const BLOCKS = { Missing: 'missing', Finding: 'others' };

function begun(value) {
    const words = value.split(' ');
    if (words.length !== 4) {
        return null;
    }
    const [rule, reason, severity, status] = words;
    return { rule, reason, severity, status, says: '', todo: '', asks: [], rests: null };
}

function rests(value) {
    const [kind, id, day] = value.split(' ');
    return kind && id && day ? { kind, id, day } : null;
}

function put(told, entry, name, value) {
    if (name === 'Claimed stage') {
        told.claimed = value;
    } else if (name === 'Next stage') {
        told.next = value;
    } else if (name === 'Not yet') {
        told.refused.push(value);
    } else if (name === 'With a reason') {
        told.warned.push(value);
    } else if (name === 'Holds') {
        told.holds.push(value);
    } else if (name === 'Left off') {
        told.leftOff = Number(value) || 0;
    } else if (entry && name === 'Says') {
        entry.says = value;
    } else if (entry && name === 'Do') {
        entry.todo = value;
    } else if (entry && name === 'Ask') {
        entry.asks = value.split(' ');
    } else if (entry && name === 'Record') {
        entry.rests = rests(value);
    }
}

export function parse(text) {
    const told = { claimed: null, next: null, refused: [], warned: [], holds: [], missing: [], others: [], leftOff: 0 };
    let entry = null;
    for (const line of (text || '').split(/\r?\n/)) {
        const at = line.indexOf(': ');
        const name = line.slice(0, Math.max(at, 0));
        const value = line.slice(at + 2).trim();
        if (Object.hasOwn(BLOCKS, name)) {
            entry = begun(value);
            if (entry) {
                told[BLOCKS[name]].push(entry);
            }
        } else {
            put(told, entry, name, value);
        }
    }
    return told;
}

/** `Value Proposition` of `3 evaluating (Value Proposition)`. */
export function stageOf(named) {
    const found = /^\d \w+ \((.*)\)$/.exec(named || '');
    return found ? found[1] : named;
}
