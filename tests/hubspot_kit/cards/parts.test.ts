import { describe, expect, it } from 'vitest';
import { opens, suggested } from '../../../connectors/hubspot/src/app/cards/actions';
import { parse, stageOf } from '../../../connectors/hubspot/src/app/cards/details';
import type { Entry } from '../../../connectors/hubspot/src/app/cards/details';
import { pill } from '../../../connectors/hubspot/src/app/cards/pill';
import { hasMoved, labelOf } from '../../../connectors/hubspot/src/app/cards/stage';
import { seen } from '../../../connectors/hubspot/src/app/cards/words';
import { DEAL } from './kit';

describe('the text of the details', () => {
    it.each([null, undefined, '', 'Says: nothing of mine', 'Missing: CQ', 'free text', '__proto__: x', 'toString: a b c d'])(
        'does not break on %s',
        (text) => {
            const told = parse(text);
            expect([...told.missing, ...told.others]).toEqual([]);
            expect(told.next).toBeNull();
        }
    );

    it('skips lines from a later version', () => {
        const told = parse('Mood: fine\r\nMissing: R none major open\r\nWeather: rain\r\nSays: Hm.\r\n');
        expect(told.missing).toEqual([
            { rule: 'R', reason: 'none', severity: 'major', status: 'open', says: 'Hm.', todo: '', asks: [], rests: null }
        ]);
    });

    it('keeps what it cannot take apart', () => {
        expect(stageOf('Odd')).toBe('Odd');
        expect(stageOf(null)).toBeNull();
    });
});

describe('a record', () => {
    const about = (id: string) => opens({ kind: 'meeting_held', id, day: '2026-05-12' }, DEAL);

    it.each(['meetings', 'calls', 'emails', 'notes', 'tasks'])('among %s opens on the deal', (type) => {
        expect(about(`${type}:501`)).toEqual({
            actionType: 'ENGAGEMENT_APP_LINK', actionContext: { ...DEAL, engagementId: '501' }
        });
    });

    it('that is a contact opens its own page', () => {
        expect(about('contacts:77:9')).toEqual({
            actionType: 'RECORD_APP_LINK', actionContext: { objectTypeId: '0-1', objectId: 77 }
        });
    });

    it.each(['quotes:77:quote_sent', 'meetings', 'meetings:', 'meetings:5x1', '00U8c00000AbCdEFGH', ''])(
        'as %s opens nothing',
        (id) => expect(about(id)).toBeNull()
    );

    it('is named by what happened and when', () => {
        expect(seen({ kind: 'call_connected', id: 'calls:1', day: '2026-01-31' })).toBe('Call of Jan 31, 2026');
        expect(seen({ kind: 'smoke_signal', id: 'x:1', day: '2026-01-31' })).toBe('smoke signal of Jan 31, 2026');
    });
});

describe('what is suggested', () => {
    const entry = { rule: 'R', severity: 'major', status: 'open', says: '', todo: '', asks: [], rests: null };
    const names = (changes: Partial<Entry>) =>
        suggested({ ...entry, reason: 'none', ...changes }, DEAL).map(({ actionType }) => actionType);

    it.each([
        ['contact_left', ['OPEN_RECORD_ASSOCIATION_FORM']],
        ['only_sent', ['SCHEDULE_MEETING', 'ADD_NOTE']],
        ['past', []],
        ['missing', []],
        ['of a later version', []]
    ])('where it is %s', (reason, actions) => {
        expect(names({ reason })).toEqual(actions);
    });

    it('is nothing where nobody can tell', () => {
        expect(names({ status: 'unverifiable' })).toEqual([]);
        expect(names({ status: 'error' })).toEqual([]);
    });
});

describe('the stage', () => {
    it.each([
        ['Contract sent', 'contractsent', 'Contract sent', false],
        ['Contract sent', 'contractsent', 'Contract sent (Renewals)', false],
        ['Contract sent', '4711', null, false],
        ['4711', '4711', 'Renamed', false],
        [null, 'contractsent', 'Contract sent', false],
        ['Contract', 'contractsent', 'Contract sent', true],
        ['Qualified', 'contractsent', 'Contract sent', true]
    ])('judged at %s, now %s, which is %s: moved is %s', (judged, id, label, moved) => {
        expect(hasMoved(judged, id, label)).toBe(moved);
    });

    it('has no label where HubSpot gives only its id', () => {
        expect(labelOf('4711', '4711')).toBeNull();
        expect(labelOf('4711', null)).toBeNull();
        expect(labelOf('4711', 'Contract sent')).toBe('Contract sent');
    });
});

describe('the tag', () => {
    it.each([
        ['overstated', '1', '1 stage ahead'],
        ['overstated', '3', '3 stages ahead'],
        ['overstated', null, 'Ahead'],
        ['supported', '-1', 'Supported'],
        ['unverifiable', '0', 'Cannot be told'],
        ['toString', null, 'Not checked yet']
    ])('of %s by %s says %s', (status, gap, label) => {
        expect(pill(status, gap).label).toBe(label);
    });
});
