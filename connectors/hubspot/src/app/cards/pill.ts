import { lookUp } from './words';
import type { Words } from './words';

export interface Pill {
    label: string;
    variant: 'success' | 'warning' | 'default';
}

const NOT_AHEAD: Words<Pill> = {
    supported: { label: 'Supported', variant: 'success' },
    unverifiable: { label: 'Cannot be told', variant: 'default' },
    unmapped: { label: 'Stage is on no ladder', variant: 'default' },
    not_applicable: { label: 'Closed', variant: 'default' }
};

/** What the tag says of a status and a gap, both as HubSpot holds them. */
export function pill(status: string, gap: string | null | undefined): Pill {
    if (status === 'overstated') {
        const stages = Number(gap) || 0;
        const ahead = stages > 0 ? `${stages} ${stages === 1 ? 'stage' : 'stages'} ahead` : 'Ahead';
        return { label: ahead, variant: 'warning' };
    }
    return lookUp(NOT_AHEAD, status) ?? { label: 'Not checked yet', variant: 'default' };
}
