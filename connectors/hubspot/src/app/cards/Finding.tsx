import React from 'react';
import { Accordion, Flex, Icon, Text, useExtensionActions } from '@hubspot/ui-extensions';
import { CrmActionButton, CrmActionLink } from '@hubspot/ui-extensions/crm';
import { opens, suggested } from './actions';
import type { Deal } from './actions';
import type { Entry, Rests } from './details';
import { PUT, WHY, lookUp, seen } from './words';

interface About {
    entry: Entry;
    deal: Deal;
}

/** One finding: what is missing, what to do, the forms for it, and why. */
export function Finding({ entry, deal }: About) {
    const put = lookUp(PUT, entry.status);
    const isUnsure = entry.status !== 'open' && !put;
    return (
        <Flex direction="column" gap="extra-small">
            <Flex gap="extra-small" align="start">
                <Icon
                    name={put ? 'remove' : isUnsure ? 'questionCircle' : 'xCircle'}
                    color={put || isUnsure ? 'inherit' : 'warning'}
                    screenReaderText={put ?? (isUnsure ? 'Cannot be told' : 'Missing')}
                />
                <Text>{put ? `${put}: ${entry.says}` : entry.says}</Text>
            </Flex>
            {entry.todo ? <Next todo={entry.todo} /> : null}
            {isUnsure && !entry.todo ? <Text variant="microcopy">Nobody can tell, and that is not your fault.</Text> : null}
            <Steps entry={entry} deal={deal} />
            <Accordion title="Why?" size="extra-small">
                <Text>{lookUp(WHY, entry.reason) ?? entry.reason}</Text>
                {entry.rests ? <Evidence rests={entry.rests} deal={deal} /> : null}
                <Text variant="microcopy">{`Rule ${entry.rule}, ${entry.severity}`}</Text>
            </Accordion>
        </Flex>
    );
}

export function Next({ todo }: { todo: string }) {
    return (
        <Text>
            <Text inline format={{ fontWeight: 'bold' }}>
                Next:
            </Text>{' '}
            {todo}
        </Text>
    );
}

/** Tells what HubSpot says where it refuses to open something. */
function useRefusals(): (errors: string[]) => void {
    const { addAlert } = useExtensionActions<'crm.record.tab'>();
    return (errors) => addAlert({ type: 'danger', title: 'HubSpot could not open it', message: errors.join(' ') });
}

function Steps({ entry, deal }: About) {
    const refused = useRefusals();
    const steps = suggested(entry, deal);
    if (steps.length === 0) {
        return null;
    }
    return (
        <Flex gap="small" wrap="wrap">
            {steps.map(({ label, actionType, actionContext }) => (
                <CrmActionButton
                    key={actionType}
                    size="xs"
                    actionType={actionType}
                    actionContext={actionContext}
                    onError={refused}
                >
                    {label}
                </CrmActionButton>
            ))}
        </Flex>
    );
}

function Evidence({ rests, deal }: { rests: Rests; deal: Deal }) {
    const refused = useRefusals();
    const page = opens(rests, deal);
    return (
        <Text>
            Rests on:{' '}
            {page ? (
                <CrmActionLink actionType={page.actionType} actionContext={page.actionContext} onError={refused}>
                    {seen(rests)}
                </CrmActionLink>
            ) : (
                seen(rests)
            )}
        </Text>
    );
}
