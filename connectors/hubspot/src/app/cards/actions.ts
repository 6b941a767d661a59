import type { ActionType, ArgsFor } from '@hubspot/ui-extensions/crm';
import type { Entry, Rests } from './details';

/** What HubSpot itself can open: the record a finding rests on, and the form for what is to be done. */

export interface Deal {
    objectId: number;
    objectTypeId: string;
}

export interface Action {
    label: string;
    actionType: ActionType;
    actionContext: ArgsFor<ActionType>;
}

const CONTACT = '0-1';
const ACTIVITIES = ['meetings', 'calls', 'emails', 'notes', 'tasks'];
const MORE_PEOPLE = ['contact_left', 'contact_deleted', 'contact_removed'];
const MORE_TALK = ['none', 'stale', 'superseded_amount', 'only_sent', 'count'];

/** What opens the record; null where HubSpot has no page for it. */
export function opens(rests: Rests, deal: Deal): Omit<Action, 'label'> | null {
    const [type, id] = rests.id.split(':');
    if (!type || !id || !/^[0-9]+$/.test(id)) {
        return null;
    }
    if (ACTIVITIES.includes(type)) {
        return { actionType: 'ENGAGEMENT_APP_LINK', actionContext: { ...deal, engagementId: id } };
    }
    if (type === 'contacts') {
        return { actionType: 'RECORD_APP_LINK', actionContext: { objectTypeId: CONTACT, objectId: Number(id) } };
    }
    return null;
}

/** The first steps that a reason suggests; none where a field of the deal is to be edited, or nothing can be done. */
export function suggested(entry: Entry, deal: Deal): Action[] {
    if (entry.status !== 'open') {
        return [];
    }
    if (MORE_PEOPLE.includes(entry.reason)) {
        const association = { objectTypeId: deal.objectTypeId, objectId: deal.objectId };
        return [
            {
                label: 'Add contact',
                actionType: 'OPEN_RECORD_ASSOCIATION_FORM',
                actionContext: { objectTypeId: CONTACT, association }
            }
        ];
    }
    if (!MORE_TALK.includes(entry.reason)) {
        return [];
    }
    return [
        { label: 'Schedule meeting', actionType: 'SCHEDULE_MEETING', actionContext: deal },
        entry.asks.length > 0
            ? { label: 'Send mail', actionType: 'SEND_EMAIL', actionContext: deal }
            : { label: 'Add note', actionType: 'ADD_NOTE', actionContext: deal }
    ];
}
