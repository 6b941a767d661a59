import { createElement } from 'lwc';
import CrmAuditFinding from 'c/crmAuditFinding';
import { createRecord } from 'lightning/uiRecordApi';

const TOAST = 'lightning__showtoast';

const OPEN = {
    rule: 'CQ-STK-PRICE', reason: 'superseded_amount', severity: 'critical', status: 'open',
    says: 'Ada Ng saw USD 80,000.', todo: 'Show her the new figure.', asks: [],
    rests: { kind: 'meeting_held', id: '00U8c00000AbCdEFGH', day: '2026-05-12' }
};
const settled = () => new Promise((done) => setTimeout(done, 0));

async function shown(entry = OPEN) {
    const element = createElement('c-crm-audit-finding', { is: CrmAuditFinding });
    Object.assign(element, { entry, verdictId: 'a018c00000AbCdEFGH' });
    document.body.appendChild(element);
    await settled();
    return element;
}

async function click(element, selector) {
    element.shadowRoot.querySelector(selector).click();
    await settled();
}

/** Opens the form and fills it; inputs are stubs here, so their validity is given. */
async function filled(element, { answer, reason, until, valid = true }) {
    await click(element, '.answer');
    const say = (input, value) => input.dispatchEvent(new CustomEvent('change', { detail: { value } }));
    say(element.shadowRoot.querySelector('lightning-radio-group'), answer);
    await settled();
    for (const input of element.shadowRoot.querySelectorAll('lightning-input')) {
        say(input, input.type === 'date' ? until : reason);
        input.reportValidity = () => valid;
    }
    await settled();
    await click(element, '.save');
}

beforeEach(() => createRecord.mockReset?.());
afterEach(() => document.body.replaceChildren());

describe('one finding', () => {
    it('says what is missing and what to do', async () => {
        const root = (await shown()).shadowRoot;
        expect(root.querySelector('.says').textContent).toBe('Ada Ng saw USD 80,000.');
        expect(root.querySelector('.todo').textContent).toBe('Next: Show her the new figure.');
        expect(root.querySelector('.reason')).toBeNull();
    });

    it.each([
        ['open', 'Missing'], ['waived', 'Waived'], ['snoozed', 'Snoozed'], ['unverifiable', 'Cannot be told']
    ])('says how it stands: %s', async (status, text) => {
        const root = (await shown({ ...OPEN, status })).shadowRoot;
        expect(root.querySelector('lightning-icon').alternativeText).toBe(text);
        expect(root.querySelector('.answer') === null).toBe(status !== 'open');
    });

    it('says why, with the record it rests on', async () => {
        const element = await shown();
        await click(element, '.why');
        expect(element.shadowRoot.querySelector('.reason').textContent).toContain('another amount');
        expect(element.shadowRoot.querySelector('.record').textContent).toBe('Meeting of May 12, 2026');
        expect(element.shadowRoot.querySelector('.why').getAttribute('aria-expanded')).toBe('true');
    });

    it.each([
        ['quote_sent', 'no-id', false, 'Sent quote of'],
        ['doc_viewed', '05H8c00000AbCdEFGH', false, 'Viewed document of'],
        ['email_open', '02s8c00000AbCdEFGH:open', true, 'Opened mail of'],
        ['something_new', '00U8c00000AbCdEFGH', true, 'something new of']
    ])('links %s %s: %p', async (kind, id, linked, words) => {
        const element = await shown({ ...OPEN, rests: { kind, id, day: '2026-05-12' } });
        await click(element, '.why');
        expect(Boolean(element.shadowRoot.querySelector('.record'))).toBe(linked);
        expect(element.shadowRoot.querySelector('.reason').textContent).toContain(words);
    });

    it('has no form where nobody can tell: it is not about the deal', async () => {
        const element = await shown({ ...OPEN, status: 'unverifiable', reason: 'unmapped' });
        expect(element.shadowRoot.querySelector('.answer')).toBeNull();
    });

    it('offers "asked" only where something is to be asked', async () => {
        const values = async (entry) => {
            const element = await shown(entry);
            await click(element, '.answer');
            return element.shadowRoot.querySelector('lightning-radio-group').options.map((each) => each.value);
        };
        expect(await values(OPEN)).toEqual(['fixed', 'wrong', 'not_applicable']);
        expect(await values({ ...OPEN, asks: ['price_vs_budget'] })).toContain('asked');
    });

    it('writes the answer as one record and tells of it', async () => {
        createRecord.mockResolvedValue({ id: 'a028c00000AbCdEFGH' });
        const element = await shown();
        const told = jest.fn();
        element.addEventListener('answered', (event) => told(event.detail));
        await filled(element, { answer: 'not_applicable', reason: 'Pilot only', until: '2026-07-01' });
        await settled();
        expect(createRecord).toHaveBeenCalledTimes(1);
        expect(createRecord).toHaveBeenCalledWith({
            apiName: 'CRM_Audit_Answer__c',
            fields: {
                Verdict__c: 'a018c00000AbCdEFGH', Rule__c: 'CQ-STK-PRICE', Answer__c: 'not_applicable',
                Reason__c: 'Pilot only', Until__c: '2026-07-01'
            }
        });
        expect(told).toHaveBeenCalledWith({ rule: 'CQ-STK-PRICE', answer: 'not_applicable' });
        expect(element.shadowRoot.querySelector('.answering')).toBeNull();
    });

    it('writes no day where none was asked for', async () => {
        createRecord.mockResolvedValue({});
        const element = await shown();
        await filled(element, { answer: 'fixed', reason: '' });
        expect(createRecord.mock.calls[0][0].fields).toEqual({
            Verdict__c: 'a018c00000AbCdEFGH', Rule__c: 'CQ-STK-PRICE', Answer__c: 'fixed'
        });
    });

    it('writes nothing while the form is not filled', async () => {
        const element = await shown();
        await filled(element, { answer: 'wrong', reason: '', valid: false });
        expect(createRecord).not.toHaveBeenCalled();
        expect(element.shadowRoot.querySelector('.answering')).not.toBeNull();
    });

    it('writes nothing when it is cancelled', async () => {
        const element = await shown();
        await click(element, '.answer');
        await click(element, '.cancel');
        expect(element.shadowRoot.querySelector('.answering')).toBeNull();
        expect(createRecord).not.toHaveBeenCalled();
    });

    it('keeps the form and repeats what Salesforce says when the answer is refused', async () => {
        const message = 'A waiver needs a reason.';
        createRecord.mockRejectedValue({ body: { message: 'An error occurred', output: { errors: [{ message }] } } });
        const element = await shown();
        const toasts = [];
        element.addEventListener(TOAST, (event) => toasts.push(event.detail));
        await filled(element, { answer: 'fixed', reason: '' });
        await settled();
        expect(toasts).toEqual([expect.objectContaining({ message, variant: 'error' })]);
        expect(element.shadowRoot.querySelector('.answering')).not.toBeNull();
    });

    it('shows the answer that stands, and asks no second one', async () => {
        const element = await shown({ ...OPEN, answer: 'wrong' });
        expect(element.shadowRoot.querySelector('.given').textContent).toBe('You answered: This is not right');
        expect(element.shadowRoot.querySelector('.answer')).toBeNull();
    });
});
