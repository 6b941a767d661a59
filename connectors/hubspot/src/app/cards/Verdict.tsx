import React from 'react';
import { Accordion, Alert, DescriptionList, DescriptionListItem, Flex, Heading, Icon, List, StatusTag, Text } from '@hubspot/ui-extensions';
import type { Deal } from './actions';
import { parse, stageOf } from './details';
import type { Details, Entry } from './details';
import { Finding, Next } from './Finding';
import { pill } from './pill';
import { DETAILS, GAP, NEXT, STAGE, STATUS, SUPPORTED, TOP } from './properties';
import type { Held } from './properties';
import { Reply } from './Reply';
import { hasMoved, labelOf } from './stage';
import { NOTES, lookUp } from './words';

interface About {
    held: Held;
    shownStage: string | null | undefined;
    deal: Deal;
}

/** A verdict: claimed against supported, what is missing for the next stage, why, what to do, and the answer. */
export function Verdict({ held, shownStage, deal }: About) {
    const status = held[STATUS] ?? '';
    const note = lookUp(NOTES, status);
    const told = parse(held[DETAILS]);
    const label = labelOf(held[STAGE], shownStage);
    const judged = stageOf(told.claimed);
    const { label: says, variant } = pill(status, held[GAP]);
    const top = held[TOP] ? answered(told, held[TOP]) : undefined;
    return (
        <Flex direction="column" gap="small">
            <Stages claimed={label ?? judged ?? held[STAGE]} supported={stageOf(held[SUPPORTED])} />
            <StatusTag variant={variant}>{says}</StatusTag>
            {hasMoved(judged, held[STAGE], label) ? (
                <Alert title="The stage changed since the last check">
                    {`This verdict is about ${judged}, until the next run.`}
                </Alert>
            ) : null}
            {note ? <Text>{note}</Text> : null}
            <Gate told={told} />
            {told.next ? <Missing told={told} deal={deal} /> : null}
            <Rest held={held} told={told} top={top} deal={deal} />
            {held[TOP] ? <Reply held={held} says={held[TOP]} entry={top} /> : null}
        </Flex>
    );
}

function Stages({ claimed, supported }: { claimed: string | null | undefined; supported: string | null }) {
    return (
        <DescriptionList direction="row">
            {claimed ? <DescriptionListItem label="Claimed stage">{claimed}</DescriptionListItem> : null}
            {supported ? <DescriptionListItem label="Evidence supports">{supported}</DescriptionListItem> : null}
        </DescriptionList>
    );
}

/** Later stages that are closed to this deal, or open to whoever gives a reason. */
function Gate({ told: { refused, warned } }: { told: Details }) {
    return (
        <>
            {refused.length > 0 ? <Text>{`Not open to this deal yet: ${refused.join(', ')}.`}</Text> : null}
            {warned.length > 0 ? <Text>{`Before it moves on, note why: ${warned.join(', ')}.`}</Text> : null}
        </>
    );
}

function Missing({ told, deal }: { told: Details; deal: Deal }) {
    return (
        <>
            <Heading>{`Missing for ${stageOf(told.next)}`}</Heading>
            <List>
                {told.missing.map((entry) => (
                    <Finding key={entry.rule} entry={entry} deal={deal} />
                ))}
            </List>
            {told.holds.length > 0 ? (
                <List>
                    {told.holds.map((title) => (
                        <Flex key={title} gap="extra-small" align="start">
                            <Icon name="success" color="success" screenReaderText="There" />
                            <Text>{title}</Text>
                        </Flex>
                    ))}
                </List>
            ) : null}
        </>
    );
}

interface Found {
    held: Held;
    told: Details;
    top: Entry | undefined;
    deal: Deal;
}

/** Everything else that was found, open where the top finding is among it; without details, what stands for them. */
function Rest({ held, told, top, deal }: Found) {
    if (told.others.length > 0) {
        return (
            <Accordion title={titleOf(told)} defaultOpen={top !== undefined && told.others.includes(top)}>
                <List>
                    {told.others.map((entry) => (
                        <Finding key={entry.rule} entry={entry} deal={deal} />
                    ))}
                </List>
                {told.leftOff > 0 ? <Text variant="microcopy">{`${told.leftOff} more did not fit here.`}</Text> : null}
            </Accordion>
        );
    }
    if (told.missing.length > 0) {
        return told.leftOff > 0 ? <Text variant="microcopy">{`${told.leftOff} more did not fit here.`}</Text> : null;
    }
    if (held[TOP]) {
        return (
            <>
                <Text>{held[TOP]}</Text>
                {held[NEXT] ? <Next todo={held[NEXT]} /> : null}
            </>
        );
    }
    return lookUp(NOTES, held[STATUS] ?? '') ? null : <Text>Nothing is missing.</Text>;
}

function titleOf({ missing, others, leftOff }: Details): string {
    const number = others.length + leftOff;
    return [number, missing.length > 0 ? 'other' : '', number === 1 ? 'finding' : 'findings'].filter(Boolean).join(' ');
}

/** The top finding, which an answer is about: the one whose sentence is on top, which is cut where it is too long. */
function answered(told: Details, top: string): Entry | undefined {
    const begins = top.endsWith('…') ? top.slice(0, -1) : null;
    return [...told.missing, ...told.others].find(
        ({ says }) => says === top || (begins !== null && says.startsWith(begins))
    );
}
