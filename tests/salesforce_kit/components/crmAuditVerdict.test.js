import { createElement } from 'lwc';
import CrmAuditVerdict from 'c/crmAuditVerdict';
import { getRecord } from 'lightning/uiRecordApi';
import { getRelatedListRecords } from 'lightning/uiRelatedListApi';
import { answer, deal, verdict } from './story';

const VERDICT_ID = 'a018c00000AbCdEFGH';
const of = (id) => (config) => config.recordId === id || config.parentRecordId === id;
const settled = () => new Promise((done) => setTimeout(done, 0));

async function shown({ record = verdict(), opportunity = deal(), answers = [] } = {}) {
    const element = createElement('c-crm-audit-verdict', { is: CrmAuditVerdict });
    element.recordId = '0068c00000AbCdEFGH';
    document.body.appendChild(element);
    await settled();
    getRelatedListRecords.emit({ records: record ? [{ id: VERDICT_ID, fields: {} }] : [] }, of('0068c00000AbCdEFGH'));
    await settled();
    if (record) {
        getRecord.emit(record, of(VERDICT_ID));
        getRelatedListRecords.emit({ records: answers }, of(VERDICT_ID));
    }
    getRecord.emit(opportunity, of('0068c00000AbCdEFGH'));
    await settled();
    return element.shadowRoot;
}

const text = (root, selector) => root.querySelector(selector)?.textContent ?? null;
const entries = (root, list) => [...root.querySelectorAll(`${list} c-crm-audit-finding`)].map((each) => each.entry);

afterEach(() => document.body.replaceChildren());

describe('the verdict on the record page', () => {
    it('sets the claimed stage beside the supported one', async () => {
        const root = await shown();
        expect(text(root, '.claimed')).toBe('Negotiation/Review');
        expect(text(root, '.supported')).toBe('Needs Analysis');
        expect(root.querySelector('lightning-badge').label).toBe('3 stages ahead');
    });

    it('shows what is missing for the next stage, and nothing of later ones, until it is asked', async () => {
        const root = await shown();
        expect(text(root, 'h3')).toBe('Missing for Value Proposition');
        expect(entries(root, '.missing').map((each) => each.rule)).toEqual(['CQ-STK-AUTH', 'CQ-OPP-BASICS']);
        expect(text(root, '.holds')).toContain('There is a solid purchase date');
        expect(entries(root, '.others')).toEqual([]);
        root.querySelector('.more').click();
        await settled();
        expect(entries(root, '.others').map((each) => each.rule)).toEqual(['CQ-STK-PRICE', 'CQ-ORG-FIT']);
    });

    it('says so when nothing is missing', async () => {
        const record = verdict({ Status__c: 'supported', Stage_Gap__c: 0, Details__c: null });
        const root = await shown({ record });
        expect(text(root, '.clear')).toBe('Nothing is missing.');
        expect(root.querySelector('lightning-badge').label).toBe('Supported');
        expect(root.querySelector('h3')).toBeNull();
    });

    it('says so when the deal was never checked', async () => {
        const root = await shown({ record: null });
        expect(text(root, '.unchecked')).toContain('not checked yet');
        expect(root.querySelector('.claimed')).toBeNull();
    });

    it('does not claim anything before it knows', () => {
        const element = createElement('c-crm-audit-verdict', { is: CrmAuditVerdict });
        document.body.appendChild(element);
        expect(element.shadowRoot.querySelector('.unchecked')).toBeNull();
        expect(element.shadowRoot.querySelector('.clear')).toBeNull();
    });

    it('says that the stage moved since the check', async () => {
        expect(text(await shown(), '.moved')).toBeNull();
        document.body.replaceChildren();
        expect(text(await shown({ opportunity: deal('Prospecting') }), '.moved')).toContain('stage before');
    });

    it.each([
        ['overstated', 1, '1 stage ahead'],
        ['unverifiable', 0, 'Cannot be told'],
        ['unmapped', null, 'Stage is on no ladder'],
        ['not_applicable', null, 'Closed'],
        [null, null, 'Not checked yet']
    ])('has a word for %s', async (status, gap, label) => {
        const root = await shown({ record: verdict({ Status__c: status, Stage_Gap__c: gap }) });
        expect(root.querySelector('lightning-badge').label).toBe(label);
    });

    it.each([
        ['fixed', '2026-05-20T08:00:00.000Z', 'fixed'],
        ['fixed', '2026-05-19T08:00:00.000Z', undefined],
        ['asked', '2026-05-19T08:00:00.000Z', undefined],
        ['wrong', '2026-05-19T08:00:00.000Z', 'wrong']
    ])('keeps the answer %s of %s only until a run did not believe it', async (given, at, kept) => {
        const root = await shown({ answers: [answer('CQ-STK-AUTH', given, at)] });
        expect(entries(root, '.missing')[0].answer).toBe(kept);
        expect(entries(root, '.missing')[1].answer).toBeUndefined();
    });

    it('shows the newest of several answers', async () => {
        const newest = answer('CQ-STK-AUTH', 'wrong', '2026-05-20T09:00:00.000Z');
        const older = answer('CQ-STK-AUTH', 'fixed', '2026-05-20T08:00:00.000Z');
        const root = await shown({ answers: [newest, older] });
        expect(entries(root, '.missing')[0].answer).toBe('wrong');
    });

    it('takes over an answer that was just given', async () => {
        const root = await shown();
        const detail = { rule: 'CQ-STK-AUTH', answer: 'fixed' };
        root.querySelector('.missing c-crm-audit-finding').dispatchEvent(new CustomEvent('answered', { detail }));
        await settled();
        expect(entries(root, '.missing')[0].answer).toBe('fixed');
    });
});
