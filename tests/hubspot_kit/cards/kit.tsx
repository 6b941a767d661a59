import React from 'react';
import { createRenderer } from '@hubspot/ui-extensions/testing';
import { DealCard } from '../../../connectors/hubspot/src/app/cards/DealCard';
import story from '../story.json';

type Name = keyof typeof story.deals;
type Held = Record<string, string | null>;

const STAGES: Record<string, string> = story.stages;
const READY = { error: null, isLoading: false, isRefetching: false, refetch: async () => {} };

export const DEAL = { objectId: 9001, objectTypeId: '0-3' };

/** What HubSpot tells of a deal: raw, or with the labels of the properties that are to be formatted. */
export function held(name: Name): Held {
    return story.deals[name];
}

function labelled(raw: Held, formatted: unknown): Held {
    const stage = raw['dealstage'] ?? '';
    return Array.isArray(formatted) && formatted.includes('dealstage') ? { ...raw, dealstage: STAGES[stage] ?? stage } : raw;
}

/** The card on a deal, in HubSpot's own test renderer; `changes` to what the hook answers come last, by what is asked. */
export function show(name: Name, changes: object | ((isLabels: boolean) => object) = {}, props: Held = {}) {
    const renderer = createRenderer('crm.record.tab');
    renderer.mocks.context.crm = DEAL;
    renderer.mocks.useCrmProperties.willCall((names, options) => {
        const changed = typeof changes === 'function' ? changes(options !== undefined) : changes;
        const known = Object.entries({ ...held(name), ...props }).filter(([one]) => names.includes(one));
        return { ...READY, properties: labelled(Object.fromEntries(known), options?.propertiesToFormat), ...changed };
    });
    renderer.render(<DealCard />);
    return renderer;
}

export type Shown = ReturnType<typeof show>;

interface Node {
    nodeType: string;
    text?: string;
    name?: string;
    props?: Record<string, unknown>;
    childNodes?: Node[];
}

/** Everything that the card says, in its order. */
export function said(card: Shown): string {
    return told(card.getRootNode());
}

/** Everything that a part of it says. */
export function told(node: unknown): string {
    const { nodeType, text, props = {}, childNodes = [] } = node as Node;
    if (nodeType === 'text') {
        return text ?? '';
    }
    const own = ['title', 'label', 'screenReaderText'].map((each) => props[each]).filter(Boolean);
    return [...own, ...childNodes.map(told)].join(' ').replace(/\s+/g, ' ').trim();
}
