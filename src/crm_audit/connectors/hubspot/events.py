"""HubSpot's activities and quotes as events. A record that fits no kind is no event. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import time

from crm_audit.connectors.hubspot.gateway import Json
from crm_audit.connectors.hubspot.names import (
    ACCEPTED,
    ACCEPTED_ON,
    INCOMING,
    NEVER_SENT,
    OUTGOING,
    QUOTE_STATUS,
    SIGNER,
    TASK_DONE,
    TASK_SHELVED,
    TITLES,
)
from crm_audit.connectors.hubspot.portal import Portal
from crm_audit.connectors.hubspot.values import choices, day, instant, number, text
from crm_audit.connectors.options import topics_named
from crm_audit.domain import Event, Person, Recheck, When


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """An activity or a quote, with what it is associated with."""

    source: str  # the HubSpot object: meetings, calls, ...
    record: Json
    portal: Portal
    contacts: tuple[Json, ...] = ()  # rows of the associations endpoint
    deals: tuple[str, ...] = ()
    known: Mapping[str, Person] = field(default_factory=dict)  # contacts, by id
    hashed: Callable[[str], str] = str  # of an address, as the store keeps it
    names: Mapping[str, str] = field(default_factory=dict)  # of deals, by id

    @property
    def id(self) -> str:
        """Unique among all events of the portal."""
        return f"{self.source}:{self.record['id']}"

    @property
    def title(self) -> str | None:
        """Title or subject; it never leaves the connector."""
        return self.text(TITLES.get(self.source))

    @property
    def people(self) -> tuple[str, ...]:
        """The ids of the associated contacts."""
        return tuple(str(row["toObjectId"]) for row in self.contacts)

    def text(self, name: str | None) -> str | None:
        """A property as text."""
        return text(self.record, name)

    def at_addresses(self, *addresses: str | None) -> tuple[str, ...]:
        """The associated contacts who have one of these addresses."""
        asked = {self.hashed(one.lower()) for one in addresses if one}
        return tuple(
            one for one in self.people if one in self.known and not asked.isdisjoint(self.known[one].addresses)
        )

    def signers(self) -> tuple[str, ...]:
        """The contacts who sign; without any, all of them."""
        signing = [
            str(row["toObjectId"])
            for row in self.contacts
            if SIGNER in [(kind.get("category"), kind.get("typeId")) for kind in row.get("associationTypes") or ()]
        ]
        return tuple(signing) or self.people

    def event(self, kind: str, at: When | None) -> Iterator[Event]:
        """The event without what only its kind has; none where HubSpot does not say when it was."""
        if at is None:
            return
        yield Event(
            id=self.id,
            kind=kind,
            at=at,
            people=self.people,
            deals=self.deals,
            named=tuple(one for one in self.deals if _holds(self.title or "", self.names.get(one, ""))),
            topics=self.portal.topics_in(self.title, self.text(self.portal.fields["activity_type"])),
            by=self.portal.author(self.record),
            recorded_at=instant(self.text("hs_createdate") or self.record.get("createdAt")),
        )


def _holds(title: str, name: str) -> bool:
    """The whole name stands in the title (ruling 7)."""
    words = name.strip()
    return bool(words) and re.search(rf"(?<!\w){re.escape(words)}(?!\w)", title, re.IGNORECASE) is not None


def meeting(activity: Activity) -> Iterator[Event]:
    """A meeting, planned or past: its end and outcome tell which. HubSpot keeps no attendee's answer."""
    start = instant(activity.text("hs_meeting_start_time") or activity.text("hs_timestamp"))
    ends_at = instant(activity.text("hs_meeting_end_time"))
    for event in activity.event("meeting_held", start):
        yield replace(event, ends_at=ends_at, outcome=activity.text("hs_meeting_outcome"))


def call(activity: Activity) -> Iterator[Event]:
    """A call that somebody answered."""
    if activity.text("hs_call_disposition") in activity.portal.options.connected:
        yield from activity.event("call_connected", instant(activity.text("hs_timestamp")))


def email(activity: Activity) -> Iterator[Event]:
    """A mail of the buyer's, which is its sender's alone, or one of ours to contacts among its recipients."""
    at = instant(activity.text("hs_timestamp"))
    direction = (activity.text("hs_email_direction") or "").upper()
    if direction == INCOMING:
        sender = activity.text("hs_email_from_email")
        automatic = activity.portal.is_automatic(activity.title, sender)
        for event in activity.event("email_in", at):
            yield replace(event, people=activity.at_addresses(sender), automatic=automatic)
    if direction == OUTGOING and activity.text("hs_email_status") not in NEVER_SENT:
        fields = ("hs_email_to_email", "hs_email_cc_email")
        recipients = [address for name in fields for address in choices(activity.text(name))]
        for event in activity.event("email_out", at):
            yield replace(event, people=activity.at_addresses(*recipients))


def quote(activity: Activity) -> Iterator[Event]:
    """A quote that was published, and its acceptance: it speaks of pricing and carries its own total."""
    amount = number(activity.text("hs_quote_amount"))
    currency = activity.text("hs_currency") or activity.portal.currency
    accepted = _accepted(activity)
    reported = None if accepted else _since(activity, (ACCEPTED,))  # ruling 1: a status alone is a report
    moments = (
        ("quote_sent", _since(activity, activity.portal.options.quote_sent), activity.people),
        ("quote_reported", reported, activity.people),
        ("quote_accepted", accepted, activity.signers()),
    )
    for kind, at, people in moments:
        for event in activity.event(kind, at):
            yield replace(
                event,
                id=f"{activity.id}:{kind}",
                people=people,
                named=activity.deals,
                topics=("pricing",),
                quoted_amount=amount,
                quoted_currency=currency if amount is not None else None,
            )


QUOTE_KINDS = ("quote_sent", "quote_reported", "quote_accepted")


def _since(activity: Activity, states: tuple[str, ...]) -> When | None:
    """Since when the quote has been in one of these states; its history has the newest entry first."""
    if activity.text(QUOTE_STATUS) not in states:
        return None
    since = None
    for entry in (activity.record.get("propertiesWithHistory") or {}).get(QUOTE_STATUS) or ():
        if entry.get("value") not in states:
            break
        since = entry.get("timestamp")
    return instant(since or activity.text("hs_createdate"))


def _accepted(activity: Activity) -> When | None:
    value = next((found for name in ACCEPTED_ON if (found := activity.text(name))), None)
    stamp = instant(value)
    return stamp.date() if stamp and stamp.time() == time() else stamp


def note(activity: Activity) -> Iterator[Event]:
    """A note by which somebody vouches for something, if its type is mapped."""
    yield from _attestation(activity, activity.portal.fields["note_type"])


def task(activity: Activity) -> Iterator[Event]:
    """An open task, or a done one by which somebody vouches for something."""
    status = activity.text("hs_task_status")
    if status == TASK_DONE:
        yield from _attestation(activity, activity.portal.fields["task_type"])
    elif status != TASK_SHELVED:
        yield from activity.event("task_open", instant(activity.text("hs_timestamp")))


def _attestation(activity: Activity, type_property: str) -> Iterator[Event]:
    topics = activity.portal.options.attestations.get(activity.text(type_property) or "")
    if topics is None:
        return
    for event in activity.event("attestation", instant(activity.text("hs_timestamp"))):
        yield replace(event, topics=tuple(dict.fromkeys((*topics, *event.topics))))


def rechecks(activity: Activity) -> Iterator[Recheck]:
    """The re-check that a done task of a mapped type is, once for each of its deals."""
    portal = activity.portal
    mapped = portal.options.rechecks.get(activity.text(portal.fields["task_type"]) or "")
    on = day(activity.text("hs_timestamp"), portal.zone)
    if mapped is None or on is None or activity.text("hs_task_status") != TASK_DONE:
        return
    for deal in activity.deals:
        yield Recheck(
            id=f"{activity.id}:{deal}",
            deal=deal,
            on=on,
            topics=topics_named(mapped),
            by=portal.author(activity.record),
            recorded_at=instant(activity.text("hs_createdate")),
        )


def view_id(contact: str) -> str:
    """The event that a contact's last visit is; a later visit takes its place."""
    return f"contacts:{contact}"


def view(record: Json, portal: Portal) -> Iterator[Event]:
    """The contact's last visit to a document, where a property names its instant (ruling 3)."""
    at = instant(text(record, portal.fields.get("doc_viewed")))
    if at is not None:
        yield Event(
            id=view_id(str(record["id"])),
            kind="doc_viewed",
            at=at,
            people=(str(record["id"]),),
            topics=portal.topics.get("doc_viewed", ()),
            recorded_at=at,
        )


def ids(source: str, record_id: str) -> tuple[str, ...]:
    """The ids of all events that a record may become."""
    if source == "quotes":
        return tuple(f"{source}:{record_id}:{kind}" for kind in QUOTE_KINDS)
    return (f"{source}:{record_id}",)


SOURCES: Mapping[str, Callable[[Activity], Iterator[Event]]] = {
    "meetings": meeting,
    "calls": call,
    "emails": email,
    "quotes": quote,
    "notes": note,
    "tasks": task,
}
"""The objects that become events, in the order in which they are read."""
