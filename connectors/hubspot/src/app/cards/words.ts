import type { Rests } from './details';

/** The words for what the properties name by codes. */

export type Words<Told = string> = Readonly<Record<string, Told>>;

/** What a table has for a code; a code may be any text, `constructor` too. */
export function lookUp<Told>(table: Words<Told>, code: string): Told | undefined {
    return Object.hasOwn(table, code) ? table[code] : undefined;
}

export const SEEN: Words = {
    meeting_held: 'Meeting',
    call_connected: 'Call',
    email_in: 'Mail from the buyer',
    email_out: 'Mail to the buyer',
    email_open: 'Opened mail',
    doc_viewed: 'Viewed document',
    doc_shared: 'Shared document',
    doc_open: 'Opened document',
    link_click: 'Clicked link',
    quote_viewed: 'Viewed quote',
    quote_accepted: 'Accepted quote',
    quote_reported: 'Quote reported as accepted',
    quote_sent: 'Sent quote',
    esign_viewed: 'Viewed signature request',
    esign_completed: 'Signature',
    attestation: 'Attestation',
    task_open: 'Planned task'
};

export const WHY: Words = {
    none: 'Nothing was found that shows it.',
    missing: 'The field is empty.',
    stale: 'It was there, too long ago to count.',
    superseded_amount: 'It was about another amount than the deal has now.',
    only_sent: 'It was sent, and nothing shows that it was looked at.',
    contact_left: 'The person it rested on has left.',
    contact_deleted: 'The person it rested on is no contact any more.',
    contact_removed: 'The person it rested on is not on this deal any more.',
    role_changed: 'The person it rested on has another role now.',
    count: 'It is there, but not often enough or too often.',
    past: 'The date has passed.',
    too_far: 'The date is too far away.',
    old: 'The deal has stood here for longer than deals do.',
    over_budget: 'The amount is above the budget.',
    unmapped: 'A field it needs cannot be read. Your administrator knows.',
    no_source: 'Nothing that could show it is connected. Your administrator knows.',
    no_rate: 'An exchange rate is missing. Your administrator knows.'
};

export interface Answer {
    value: string;
    label: string;
    does: string;
}

export const ANSWERS: readonly Answer[] = [
    {
        value: 'fixed',
        label: 'Done, please check again',
        does: 'The next run looks again. What it still cannot see stays on the list.'
    },
    {
        value: 'asked',
        label: 'I asked them again today',
        does: 'Counts as asked on the day of your answer.'
    },
    {
        value: 'wrong',
        label: 'This is not right',
        does: 'Say why in the reason. Whoever keeps the rules reads it.'
    },
    {
        value: 'not_applicable',
        label: 'Does not apply to this deal',
        does: 'Say why in the reason, and until which day. What the evidence supports stays as it is.'
    }
];

/** Findings that hold nobody up for now. */
export const PUT: Words = {
    waived: 'Waived',
    snoozed: 'Put off'
};

/** What the status alone has to say. */
export const NOTES: Words = {
    not_applicable: 'This deal is closed. There is nothing to check.',
    unmapped: 'The stage of this deal is on no ladder yet, so there is nothing to compare it with. Your administrator can add it.',
    unverifiable: 'What is connected does not show whether the evidence is there. Nobody can tell, and that is not your fault.'
};

/** `Meeting of May 12, 2026`. */
export function seen({ kind, day }: Rests): string {
    const on = new Date(`${day}T00:00:00Z`).toLocaleDateString('en-US', {
        day: 'numeric',
        month: 'short',
        year: 'numeric',
        timeZone: 'UTC'
    });
    return `${lookUp(SEEN, kind) ?? kind.replaceAll('_', ' ')} of ${on}`;
}
