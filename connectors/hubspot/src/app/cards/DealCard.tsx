import React from 'react';
import { Button, EmptyState, ErrorState, LoadingSpinner, Text, hubspot, useExtensionContext } from '@hubspot/ui-extensions';
import { useCrmProperties } from '@hubspot/ui-extensions/crm';
import { REPLY, STAGE, STATUS, VERDICT } from './properties';
import { Verdict } from './Verdict';

const RAW = [STAGE, ...VERDICT, ...REPLY];
const LABELLED = [STAGE];

hubspot.extend<'crm.record.tab'>(() => <DealCard />);

/** The card on a deal. It reads properties of the deal, and nothing else; what it needs to write, HubSpot writes. */
export function DealCard() {
    const { crm } = useExtensionContext<'crm.record.tab'>();
    const deal = useCrmProperties(RAW);
    const shown = useCrmProperties(LABELLED, { propertiesToFormat: LABELLED });
    if (deal.isLoading || shown.isLoading) {
        return <LoadingSpinner label="Reading the verdict" showLabel layout="centered" />;
    }
    if (deal.error) {
        return <Unreadable again={deal.refetch} />;
    }
    const status = deal.properties[STATUS];
    if (status === undefined) {
        return (
            <EmptyState title="CRM Audit is not set up here yet" layout="vertical">
                <Text>This portal has none of its deal properties. Your administrator can add them.</Text>
            </EmptyState>
        );
    }
    if (!status) {
        return <Text>This deal was not checked yet. The next run checks it.</Text>;
    }
    const { objectId, objectTypeId } = crm;
    return <Verdict held={deal.properties} shownStage={shown.properties[STAGE]} deal={{ objectId, objectTypeId }} />;
}

function Unreadable({ again }: { again: () => Promise<void> }) {
    return (
        <ErrorState title="The verdict could not be read">
            <Text>
                Please try again. If this stays, ask your administrator whether the deal properties of CRM Audit are there, and
                whether you may see them.
            </Text>
            <Button onClick={() => void again()}>Try again</Button>
        </ErrorState>
    );
}
