/** One overstated deal, as the wires give it. */

export const DETAILS = `Claimed stage: 5 committed (Negotiation/Review)
Next stage: 3 evaluating (Value Proposition)
Not yet: Closed Won
Holds: There is a solid purchase date

Missing: CQ-STK-AUTH none critical open
Says: We do not know yet who decides.
Do: Ask Lee Park: "Who else signs this off?"

Missing: CQ-OPP-BASICS stale major open
Says: Time to re-ask: price against budget. Last asked on 24 Jan 2026.
Do: One short mail to Lee Park covers it.
Ask: price_vs_budget

Finding: CQ-STK-PRICE superseded_amount critical open
Says: Ada Ng saw USD 80,000; the deal says USD 100,000.
Do: Show her the new figure.
Record: meeting_held 00U8c00000AbCdEFGH 2026-05-12

Finding: CQ-ORG-FIT unmapped info unverifiable
Says: We could not check that the company is like your best customers.`;

export const LAST_RUN = '2026-05-20T02:14:00.000Z';

const value = (content) => ({ value: content, displayValue: null });

export function verdict(changes = {}) {
    return {
        apiName: 'CRM_Audit_Verdict__c',
        id: 'a018c00000AbCdEFGH',
        fields: {
            Status__c: value('overstated'),
            Supported_Stage__c: value('2 qualified (Needs Analysis)'),
            Stage_Gap__c: value(3),
            Details__c: value(DETAILS),
            Connection__r: { value: { fields: { Last_Run__c: value(LAST_RUN) } }, displayValue: null },
            ...Object.fromEntries(Object.entries(changes).map(([name, content]) => [name, value(content)]))
        }
    };
}

export function deal(stage = 'Negotiation/Review') {
    return { apiName: 'Opportunity', id: '0068c00000AbCdEFGH', fields: { StageName: value(stage) } };
}

export function answer(rule, given, at) {
    return { fields: { Rule__c: value(rule), Answer__c: value(given), CreatedDate: value(at) } };
}
