import React from 'react';
import { Divider, Flex, Heading, List, Text } from '@hubspot/ui-extensions';
import { CrmPropertyList } from '@hubspot/ui-extensions/crm';
import type { Entry } from './details';
import { ANSWER, REPLY } from './properties';
import type { Held } from './properties';
import { ANSWERS } from './words';

interface About {
    held: Held;
    says: string;
    entry: Entry | undefined;
}

/** The rep's answer to the top finding: HubSpot's own fields, which save by themselves, and what each answer does. */
export function Reply({ held, says, entry }: About) {
    if (entry && entry.status !== 'open') {
        return null; // there is nothing to answer where nobody can tell
    }
    return (
        <Flex direction="column" gap="small">
            <Divider />
            <Heading>Your answer</Heading>
            {held[ANSWER] === undefined ? (
                <Text>Answers are not set up in this portal yet. Your administrator can add their three deal properties.</Text>
            ) : (
                <Form held={held} says={says} asks={entry?.asks} />
            )}
        </Flex>
    );
}

/** `asks` are the topics that are due; where the finding is not among the details, they are not known. */
function Form({ held, says, asks }: { held: Held; says: string; asks: string[] | undefined }) {
    const given = ANSWERS.find(({ value }) => value === held[ANSWER]);
    const offered = ANSWERS.filter(({ value }) => value !== 'asked' || asks?.length !== 0);
    return (
        <>
            <Text>{`About: ${says}`}</Text>
            <CrmPropertyList properties={REPLY} />
            {given ? (
                <Text>
                    <Text inline format={{ fontWeight: 'demibold' }}>
                        {`Your last answer: ${given.label}.`}
                    </Text>{' '}
                    If that was about an earlier finding, clear the fields and answer anew.
                </Text>
            ) : null}
            <List variant="unordered-styled">
                {offered.map(({ value, label, does }) => (
                    <Text key={value} variant="microcopy">
                        <Text inline variant="microcopy" format={{ fontWeight: 'bold' }}>
                            {`${label}.`}
                        </Text>{' '}
                        {does}
                    </Text>
                ))}
            </List>
            {asks && asks.length > 0 ? (
                <Text variant="microcopy">{`To ask again: ${asks.map((topic) => topic.replaceAll('_', ' ')).join(', ')}.`}</Text>
            ) : null}
        </>
    );
}
