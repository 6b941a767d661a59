import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse, stageOf } from '../../../connectors/salesforce/force-app/main/default/lwc/crmAuditVerdict/details';

const PAGE = readFileSync(resolve(__dirname, '../../../docs/reference/annotation.md'), 'utf8').split('```\n')[1];

describe('the text of the details', () => {
    it('is read as the reference says', () => {
        const told = parse(PAGE);
        expect(told.claimed).toBe('5 committed (Negotiation/Review)');
        expect(stageOf(told.next)).toBe('Value Proposition');
        expect(told.holds).toHaveLength(2);
        expect([told.refused, told.warned]).toEqual([['Closed Won'], ['Negotiation/Review']]);
        expect(told.missing.map((each) => each.rule)).toEqual(['CQ-STK-AUTH']);
        expect(told.missing[0].todo).toBe('Ask Lee Park: "Who else signs this off?"');
        expect(told.others[0].rests).toEqual({ kind: 'meeting_held', id: '00U8c00000AbCdEFGH', day: '2026-05-12' });
        expect(told.leftOff).toBe(3);
    });

    it.each([null, undefined, '', 'Says: nothing of mine', 'Missing: CQ', 'free text', '__proto__: x', 'toString: a b c d'])(
        'does not break on %p',
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
