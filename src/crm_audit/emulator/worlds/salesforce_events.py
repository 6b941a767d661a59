"""Events as records of a Salesforce org: one way of recording for each kind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crm_audit.domain import Event
from crm_audit.emulator.salesforce import SalesforceOrg
from crm_audit.emulator.worlds.plot import Plot
from crm_audit.emulator.worlds.words import PLAIN, activity_type, attestation_type, subject

STATUS = {"quote_sent": "Presented", "quote_reported": "Accepted", "quote_accepted": "Accepted"}

Values = dict[str, Any]


class Activities:
    """Records events in an org whose deals and contacts are known by `ids`."""

    def __init__(
        self, org: SalesforceOrg, plot: Plot, ids: Mapping[tuple[str, str], str], *, several_currencies: bool
    ) -> None:
        self._org = org
        self._plot = plot
        self._ids = ids
        self._several = several_currencies
        self._unopened: dict[tuple[object, ...], str] = {}

    def record(self, event: Event) -> None:
        """Make the record that this kind of event leaves."""
        match event.kind:
            case "meeting_held":
                self._meeting(event)
            case "email_in" | "email_out":
                self._mail(event)
            case "email_open":
                self._open(event)
            case "quote_sent" | "quote_reported" | "quote_accepted":
                self._quote(event)
            case "doc_shared" | "doc_viewed":
                self._delivery(event)
            case _:
                self._task(event)

    def _deal(self, event: Event) -> str | None:
        return self._ids["Opportunity", event.deals[0]] if event.deals else None

    def _people(self, names: tuple[str, ...]) -> list[str]:
        return [self._ids["Contact", name] for name in names]

    def _insert(self, name: str, /, **fields: object) -> str:
        given: Values = {field: value for field, value in fields.items() if value is not None}
        return self._org.insert(name, **given)

    def _by(self, event: Event) -> Values:
        return {"CreatedById": self._ids.get(("User", event.by or ""))}

    def _about(self, event: Event) -> Values:
        return {
            "Type": activity_type(event.topics) or None,
            "Subject": PLAIN,
            "WhatId": self._deal(event),
            **self._by(event),
        }

    def _meeting(self, event: Event) -> None:
        """The first who accepted is the Event's own contact; all others are relations with their answer."""
        people, declined = self._people(event.people), self._people(event.declined)
        first = next((one for one in people if one not in declined), None)
        meeting = self._insert(
            "Event", **self._about(event), **self._times(event), WhoId=first, Outcome__c=event.outcome
        )
        for person in dict.fromkeys((*people, *declined)):
            if person != first:
                answer = "Declined" if person in declined else "Accepted"
                self._insert("EventRelation", EventId=meeting, RelationId=person, IsInvitee=True, Status=answer)

    def _times(self, event: Event) -> Values:
        if isinstance(event.at, datetime):
            return {"StartDateTime": event.at, "EndDateTime": event.ends_at or event.at}
        midnight = f"{event.at.isoformat()}T00:00:00Z"
        return {"IsAllDayEvent": True, "ActivityDate": event.at, "StartDateTime": midnight, "EndDateTime": midnight}

    def _task(self, event: Event) -> None:
        """Calls, attestations and open tasks."""
        people = self._people(event.people)
        how = {
            "call_connected": {"TaskSubtype": "Call", "CallDisposition": "Connected"},
            "attestation": {"Type": attestation_type(event)},
        }
        instant = event.at if isinstance(event.at, datetime) else None
        when: Values = {"ActivityDate": None if instant else event.at}
        if event.kind != "task_open":
            when |= {"Status": "Completed"}
        fields = {**self._about(event), **how.get(event.kind, {}), **when, "WhoId": people[0] if people else None}
        given: Values = {name: value for name, value in fields.items() if value is not None}
        if event.kind != "task_open":
            given["CompletedDateTime"] = instant  # given even where it is empty: Salesforce would fill it in
        task = self._org.insert("Task", **given)
        for person in people[1:]:
            self._insert("TaskRelation", TaskId=task, RelationId=person)

    def _mail(self, event: Event, **fields: object) -> None:
        incoming = event.kind == "email_in"
        told = {"Subject": subject(event), "Incoming": incoming, "MessageDate": event.at, **fields}
        mail = self._insert("EmailMessage", RelatedToId=self._deal(event), **told, **self._by(event))
        for person in self._people(event.people):
            kind = "FromAddress" if incoming else "ToAddress"
            self._insert("EmailMessageRelation", EmailMessageId=mail, RelationId=person, RelationType=kind)
        if not incoming:
            self._unopened[_sent(event)] = mail

    def _open(self, event: Event) -> None:
        """A mail that was sent before is now open; without one, the mail that was opened comes with it."""
        mail = self._unopened.pop(_sent(event), None)
        if mail is None:
            self._mail(event, FirstOpenedDate=event.at)
            self._unopened.pop(_sent(event))
        else:
            self._org.update("EmailMessage", mail, FirstOpenedDate=event.at)

    def _quote(self, event: Event) -> None:
        people, deal = self._people(event.people), self._plot.deals.get(next(iter(event.deals), ""))
        currency = event.quoted_currency or (deal.currency if deal else None)
        told = {"Status": STATUS[event.kind], "GrandTotal": event.quoted_amount, "LastModifiedDate": event.at}
        if self._several:
            told["CurrencyIsoCode"] = currency
        if event.kind == "quote_accepted":
            told["Signed_On__c"] = event.at
        contact = people[0] if people else None
        self._insert(
            "Quote", Name="Offer", OpportunityId=self._deal(event), ContactId=contact, **told, **self._by(event)
        )

    def _delivery(self, event: Event) -> None:
        people = self._people(event.people)
        related = people[0] if people else None
        name = activity_type(event.topics) or PLAIN
        stamps = {"CreatedDate": event.at, **self._by(event)}
        made = self._insert("ContentDistribution", Name=name, RelatedRecordId=related, **stamps)
        if event.kind == "doc_viewed":
            self._insert("ContentDistributionView", DistributionId=made, CreatedDate=event.at)


def _sent(event: Event) -> tuple[object, ...]:
    return event.deals, event.people, event.topics
