import { Accordion, Alert, Button, EmptyState, ErrorState, Icon, LoadingSpinner, StatusTag } from '@hubspot/ui-extensions';
import { CrmActionButton, CrmActionLink, CrmPropertyList } from '@hubspot/ui-extensions/crm';
import { describe, expect, it, vi } from 'vitest';
import { DEAL, held, said, show, told } from './kit';

describe('a deal that is ahead of its evidence', () => {
    it('shows claimed against supported, and by how much', () => {
        const card = show('overstated');
        expect(said(card)).toMatch(/^Claimed stage Contract sent Evidence supports Qualified to buy 3 stages ahead /);
        expect(card.find(StatusTag).props.variant).toBe('warning');
        expect(show('one_ahead').find(StatusTag).text).toBe('1 stage ahead');
    });

    it('tells what the next stage lacks, what it has, and then everything else', () => {
        const all = said(show('overstated'));
        const order = [
            'Missing for Presentation scheduled',
            'Missing Time to re-ask',
            'Next: One short mail',
            'Cannot be told We could not check',
            'There There is a solid purchase date',
            '1 other finding',
            'Missing Dana Ruiz saw USD 80,000',
            'Your answer'
        ];
        const places = order.map((each) => all.indexOf(each));
        expect(order.filter((each) => !all.includes(each))).toEqual([]);
        expect(places).toEqual([...places].sort((a, b) => a - b));
    });

    it('says for every icon what it means', () => {
        const icons = show('overstated').findAll(Icon);
        expect(icons.map(({ props }) => props.screenReaderText)).toEqual([
            'Missing', 'Cannot be told', 'There', 'There', 'There', 'Missing'
        ]);
    });

    it('opens the other findings where the top one is among them, and only there', () => {
        const isOpen = (name: 'overstated' | 'unverifiable' | 'aside') =>
            show(name === 'aside' ? 'overstated' : name, {}, name === 'aside' ? { crm_audit_top_finding: 'Another.' } : {})
                .find(Accordion, ({ props }) => props.title.includes('finding')).props.defaultOpen;
        expect([isOpen('overstated'), isOpen('unverifiable'), isOpen('aside')]).toEqual([true, true, false]);
    });

    it('gives the reason, the record that it rests on, and the rule', () => {
        const card = show('overstated');
        const [, , price] = card.findAll(Accordion, { title: 'Why?' });
        const { props } = card.find(CrmActionLink);
        expect(told(price)).toMatch(/another amount.*Rests on: Meeting of Mar 10, 2026 Rule CQ-STK-PRICE, critical/);
        expect(props.actionType).toBe('ENGAGEMENT_APP_LINK');
        expect(props.actionContext).toEqual({ ...DEAL, engagementId: '501' });
    });

    it("offers HubSpot's own forms for what a finding asks for, on this deal", () => {
        const steps = show('overstated').findAll(CrmActionButton);
        expect(steps.map(({ text, props }) => [text, props.actionType])).toEqual([
            ['Schedule meeting', 'SCHEDULE_MEETING'],
            ['Send mail', 'SEND_EMAIL'],
            ['Schedule meeting', 'SCHEDULE_MEETING'],
            ['Add note', 'ADD_NOTE']
        ]);
        expect(steps.map(({ props }) => props.actionContext)).toEqual([DEAL, DEAL, DEAL, DEAL]);
        const [another] = show('left').findAll(CrmActionButton);
        expect([another?.text, another?.props.actionContext]).toEqual([
            'Add contact', { objectTypeId: '0-1', association: DEAL }
        ]);
    });

    it("passes on HubSpot's own words where it refuses to open something", () => {
        const card = show('overstated');
        card.find(CrmActionButton).trigger('onError', ['You may not create meetings.'] as never);
        expect(card.mocks.actions.addAlert.calls[0]?.[0]).toMatchObject({ message: 'You may not create meetings.' });
    });

    it('never asks for anything but properties of the deal', () => {
        const card = show('overstated');
        const asked = card.mocks.useCrmProperties.calls.flatMap(([names]) => names);
        expect(new Set(asked)).toEqual(new Set(Object.keys(held('overstated'))));
        expect(card.mocks.useAssociations.callCount + card.mocks.useCrmSearch.callCount).toBe(0);
    });
});

describe('the answer', () => {
    it("is given in HubSpot's own fields, about the top finding", () => {
        const card = show('overstated');
        expect(card.find(CrmPropertyList).props.properties).toEqual([
            'crm_audit_answer', 'crm_audit_answer_until', 'crm_audit_answer_reason'
        ]);
        expect(said(card)).toContain(`About: ${held('overstated').crm_audit_top_finding}`);
        expect(said(card)).toContain('Does not apply to this deal. Say why in the reason, and until which day.');
        expect(said(card)).not.toContain('Your last answer');
    });

    it('"asked" is explained where something is to be asked, with the topics, and nowhere else', () => {
        expect(said(show('overstated'))).not.toContain('I asked them again today');
        expect(said(show('basics'))).toMatch(/I asked them again today.*To ask again: price vs budget, final decision maker, purchase date\./);
        expect(said(show('no_details'))).toContain('I asked them again today');
    });

    it('that was given is told back; HubSpot does not know which finding it was about', () => {
        expect(said(show('answered'))).toMatch(/Your last answer: Does not apply to this deal\. If that was about an earlier finding/);
    });

    it('is not asked for where nobody can tell, or nothing was found', () => {
        expect(show('unverifiable').maybeFind(CrmPropertyList)).toBeNull();
        expect(show('supported').maybeFind(CrmPropertyList)).toBeNull();
    });

    it('cannot be given in a portal that has no properties for it', () => {
        const card = show('no_answers');
        expect(card.maybeFind(CrmPropertyList)).toBeNull();
        expect(said(card)).toContain('Answers are not set up in this portal yet.');
    });

    it('belongs to the finding that was cut for being long', () => {
        expect(said(show('cut'))).not.toContain('I asked them again today');
    });
});

describe('what else there is to say', () => {
    it('nothing is missing', () => {
        const card = show('supported');
        expect(card.find(StatusTag).props.variant).toBe('success');
        expect(said(card)).toBe('Claimed stage Contract sent Evidence supports Contract sent Supported Nothing is missing.');
    });

    it('what nobody can tell is not the fault of anybody', () => {
        const all = said(show('unverifiable'));
        expect(all).toContain('Cannot be told');
        expect(all).toContain('that is not your fault');
        expect(all).toMatch(/your fault\. 1 finding Cannot be told We could not check.*Next: Ask the administrator/);
        expect(all).not.toContain('Nothing is missing');
    });

    it.each([
        ['closed', 'Closed', 'This deal is closed.'],
        ['unmapped', 'Stage is on no ladder', 'on no ladder yet']
    ] as const)('%s', (name, tag, words) => {
        const card = show(name);
        expect(card.find(StatusTag).text).toBe(tag);
        expect(said(card)).toContain(words);
        expect(said(card)).not.toContain('Nothing is missing');
    });

    it('the deal was not checked yet', () => {
        expect(said(show('unchecked'))).toBe('This deal was not checked yet. The next run checks it.');
    });

    it('the stage is another than the one that was judged', () => {
        const card = show('moved');
        expect(card.find(Alert).props.title).toBe('The stage changed since the last check');
        expect(card.find(Alert).text).toBe('This verdict is about Contract sent, until the next run.');
        expect(said(card)).toMatch(/^Claimed stage Decision maker bought-in /);
        expect(show('overstated').maybeFind(Alert)).toBeNull();
    });

    it('nothing is said about the stage where HubSpot gives only its id', () => {
        const card = show('overstated', {}, { dealstage: '4711' });
        expect(card.maybeFind(Alert)).toBeNull();
        expect(said(card)).toMatch(/^Claimed stage Contract sent /);
    });

    it('the top finding and its next step where the details cannot be read', () => {
        const card = show('no_details');
        const { crm_audit_top_finding: top, crm_audit_next_step: next } = held('no_details');
        expect(said(card)).toContain(`${top} Next: ${next}`);
        expect(said(card)).not.toContain('Nothing is missing');
    });

    it('how many findings did not fit', () => {
        expect(said(show('cut'))).toMatch(/4 other findings.*3 more did not fit here\./);
    });

    it('a status of a later version is not taken for a good one', () => {
        const card = show('supported', {}, { crm_audit_status: 'waived' });
        expect(card.find(StatusTag).props.variant).toBe('default');
    });
});

describe('while there is nothing to show', () => {
    it('it says that it is reading', () => {
        const card = show('overstated', { isLoading: true, properties: {} });
        expect(card.find(LoadingSpinner).props.label).toBe('Reading the verdict');
        expect(card.maybeFind(StatusTag)).toBeNull();
    });

    it('it waits for the label of the stage, and does without it where that cannot be read', () => {
        const waiting = show('moved', (isLabels: boolean) => (isLabels ? { isLoading: true, properties: {} } : {}));
        expect(waiting.maybeFind(StatusTag)).toBeNull();
        const card = show('moved', (isLabels: boolean) => (isLabels ? { error: new Error('no'), properties: {} } : {}));
        expect(card.maybeFind(Alert)).toBeNull();
        expect(said(card)).toMatch(/^Claimed stage Contract sent /);
    });

    it('it says that it could not read, and tries again', () => {
        const refetch = vi.fn().mockResolvedValue(undefined);
        const card = show('overstated', { error: new Error('no'), properties: {}, refetch });
        expect(card.find(ErrorState).props.title).toBe('The verdict could not be read');
        card.find(Button).trigger('onClick');
        expect(refetch).toHaveBeenCalledTimes(1);
    });

    it('it says that the portal has none of the properties', () => {
        const card = show('not_set_up');
        expect(card.find(EmptyState).props.title).toBe('CRM Audit is not set up here yet');
        expect(card.maybeFind(StatusTag)).toBeNull();
    });

    it('an empty status is not a missing property', () => {
        expect(show('unchecked').maybeFind(EmptyState)).toBeNull();
    });
});
