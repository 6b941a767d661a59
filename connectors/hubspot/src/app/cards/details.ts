/**
 * Reads the text of the details; docs/reference/annotation.md of crm-audit describes it.
 * Lines that are not known are skipped, so an older card reads a newer text.
 */

export interface Rests {
    kind: string;
    id: string;
    day: string;
}

export interface Entry {
    rule: string;
    reason: string;
    severity: string;
    status: string;
    says: string;
    todo: string;
    asks: string[];
    rests: Rests | null;
}

export interface Details {
    claimed: string | null;
    next: string | null;
    refused: string[];
    warned: string[];
    holds: string[];
    missing: Entry[];
    others: Entry[];
    leftOff: number;
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;

const words = (value: string): string[] => value.split(/ +/).filter(Boolean);

export function parse(text: string | null | undefined): Details {
    const told: Details = { claimed: null, next: null, refused: [], warned: [], holds: [], missing: [], others: [], leftOff: 0 };
    for (const line of (text ?? '').split(/\r?\n/)) {
        const at = line.includes(': ') ? line.indexOf(': ') : line.length;
        put(told, line.slice(0, at), line.slice(at + 2).replace(/^ +| +$/g, ''));
    }
    return told;
}

function put(told: Details, name: string, value: string): void {
    switch (name) {
        case 'Claimed stage':
            told.claimed = value;
            break;
        case 'Next stage':
            told.next = value;
            break;
        case 'Not yet':
            told.refused.push(value);
            break;
        case 'With a reason':
            told.warned.push(value);
            break;
        case 'Holds':
            told.holds.push(value);
            break;
        case 'Missing':
            told.missing.push(...begun(value));
            break;
        case 'Finding':
            told.others.push(...begun(value));
            break;
        case 'Left off':
            told.leftOff = /^[0-9]+$/.test(value) ? Number(value) : told.leftOff;
            break;
        default:
            tell(told.others.at(-1) ?? told.missing.at(-1), name, value);
    }
}

/** One entry, or none where the words do not fit. */
function begun(value: string): Entry[] {
    const [rule, reason, severity, status, ...more] = words(value);
    if (!rule || !reason || !severity || !status || more.length > 0) {
        return [];
    }
    return [{ rule, reason, severity, status, says: '', todo: '', asks: [], rests: null }];
}

/** One more line of the block that was begun last. */
function tell(entry: Entry | undefined, name: string, value: string): void {
    if (!entry) {
        return;
    }
    if (name === 'Says') {
        entry.says = value;
    } else if (name === 'Do') {
        entry.todo = value;
    } else if (name === 'Ask') {
        entry.asks = words(value);
    } else if (name === 'Record') {
        entry.rests = rests(value);
    }
}

function rests(value: string): Rests | null {
    const [kind, id, day, ...more] = words(value);
    return kind && id && day && more.length === 0 && isDay(day) ? { kind, id, day } : null;
}

function isDay(day: string): boolean {
    const at = new Date(`${day}T00:00:00Z`);
    return DAY.test(day) && !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day);
}

/** `Contract sent` of `5 committed (Contract sent)`. */
export function stageOf(named: string | null | undefined): string | null {
    const found = /^\d \w+ \((.*)\)$/.exec(named ?? '');
    return found?.[1] ?? (named || null);
}
