"""Meetings, calls, logged mail and open tasks out of Event and Task rows. Pure; subjects stay behind."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from crm_audit.connectors.options import topics_named
from crm_audit.connectors.salesforce.reading import Row, flag, instant, kind_of, of_kind, present, required, text, when
from crm_audit.connectors.salesforce.terms import Terms
from crm_audit.connectors.titles import PRICING
from crm_audit.domain import Event, When

CALL = "Call"
MAIL = ("Email", "ListEmail")
LOGGED = ("email_in", "email_out")
DECLINED, UNINVITED = "Declined", "Uninvited"


@dataclass(frozen=True, slots=True)
class Around:
    """What other objects tell about a page of activities."""

    relations: Mapping[str, Sequence[Row]] = field(default_factory=dict)  # activity -> who takes part
    quoted: Mapping[str, str] = field(default_factory=dict)  # quote -> its deal
    mailed: Collection[str] = ()  # Tasks that an EmailMessage tells of
    attached: Mapping[str, Sequence[str]] = field(default_factory=dict)  # message -> titles of its files


@dataclass(frozen=True, slots=True)
class Scope:
    """Which deals an activity is about, and which of them its subject or its quote names."""

    deals: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    quote: bool = False


def meetings(rows: Iterable[Row], around: Around, *, terms: Terms) -> Iterator[Event]:
    """Meetings, past and planned: which of them were held is for the evaluation to say.

    A copy in an invitee's calendar repeats its master, and a recurrence master is a plan: neither is a meeting.
    """
    for row in rows:
        scope = scope_of(row, around, what="WhatId")
        if scope is None or flag(row, "IsChild") or flag(row, "IsRecurrence"):
            continue
        invited = [each for each in around.relations.get(required(row, "Id"), ()) if text(each, "Status") != UNINVITED]
        people = of_kind("Contact", (text(row, "WhoId"), *(text(each, "RelationId") for each in invited)))
        refused = (text(each, "RelationId") for each in invited if text(each, "Status") == DECLINED)
        all_day = flag(row, "IsAllDayEvent")
        yield Event(
            id=required(row, "Id"),
            kind="meeting_held",
            at=(when(row, "ActivityDate") if all_day else None) or _start(row, all_day=all_day),
            ends_at=None if all_day else instant(row, "EndDateTime"),
            people=people,
            declined=of_kind("Contact", refused),
            deals=scope.deals,
            named=scope.named,
            topics=topics(row, scope, terms=terms),
            outcome=_outcome(terms.text(row, "meeting_outcome")),
            by=text(row, "CreatedById"),
            recorded_at=instant(row, "CreatedDate"),
        )


def tasks(rows: Iterable[Row], around: Around, *, terms: Terms) -> Iterator[Event]:
    """Calls, logged mail, attestations and open tasks; mail that an EmailMessage tells of is not told twice."""
    for row in rows:
        scope, kind = scope_of(row, around, what="WhatId"), task_kind(row, terms)
        told = kind in LOGGED and required(row, "Id") in around.mailed
        if scope is None or kind is None or told:
            continue
        at = happened(row, date_first=kind in ("attestation", "task_open"))
        if at is None:
            continue  # an open task for no particular day plans nothing
        who = (
            text(row, "WhoId"),
            *(text(each, "RelationId") for each in around.relations.get(required(row, "Id"), ())),
        )
        yield Event(
            id=required(row, "Id"),
            kind=kind,
            at=at,
            people=of_kind("Contact", who),
            deals=scope.deals,
            named=scope.named,
            topics=_vouched(row, terms) if kind == "attestation" else topics(row, scope, terms=terms),
            automatic=kind == "email_in" and terms.automatic(text(row, "Subject")),
            by=text(row, "CreatedById"),
            recorded_at=instant(row, "CreatedDate"),
        )


def task_kind(row: Row, terms: Terms) -> str | None:
    """What kind of event a Task is, None where it is none."""
    if flag(row, "IsRecurrence"):
        return None
    if not flag(row, "IsClosed"):
        return "task_open"
    kind, subtype = text(row, "Type") or "", text(row, "TaskSubtype")
    if kind in terms.options.rechecks:
        return None  # it is a re-check
    if kind in terms.options.attestations:
        return "attestation"
    if subtype == CALL:
        return "call_connected" if (text(row, "CallDisposition") or "") in terms.options.connected else None
    return _mail_kind(text(row, "Subject") or "", subtype, terms=terms)


def _mail_kind(subject: str, subtype: str | None, *, terms: Terms) -> str | None:
    if any(re.search(pattern, subject) for pattern in terms.options.mail_in):
        return "email_in"
    if any(re.search(pattern, subject) for pattern in terms.options.mail_out):
        return "email_out"
    return "email_out" if subtype in MAIL else None  # without a pattern nothing says that the buyer wrote it


def happened(row: Row, *, date_first: bool) -> When | None:
    """The day or instant of a Task; a closed one without either was at least entered then."""
    names = ("ActivityDate", "CompletedDateTime") if date_first else ("CompletedDateTime", "ActivityDate")
    found = when(row, names[0]) or when(row, names[1])
    return found or (when(row, "CreatedDate") if flag(row, "IsClosed") else None)


def scope_of(row: Row, around: Around, *, what: str) -> Scope | None:
    """The deal an activity is about, directly or through its quote; none of them where it is about none or an account.

    None for anything else: work on a case, a campaign or an order is not evidence for a deal.
    """
    about = text(row, what)
    if about is None or kind_of(about) == "Account":
        return Scope()
    if about in around.quoted:
        deals = (around.quoted[about],)
        return Scope(deals, deals, quote=True)
    if kind_of(about) != "Opportunity":
        return None
    name = (text(row, f"{what.removesuffix('Id')}.Name") or "").strip().casefold()
    held = name and name in (text(row, "Subject") or "").casefold()
    return Scope((about,), (about,) if held else ())


def topics(row: Row, scope: Scope, *, titles: Iterable[str] = (), terms: Terms) -> tuple[str, ...]:
    """What an activity was about; one that carries a quote is about the price whatever it is called."""
    said = terms.topics_of(text(row, "Type"), (text(row, "Subject"), *titles))
    return tuple(dict.fromkeys((PRICING, *said))) if scope.quote else said


def _vouched(row: Row, terms: Terms) -> tuple[str, ...]:
    return topics_named(terms.options.attestations[required(row, "Type")])


def _start(row: Row, *, all_day: bool) -> When:
    start = present(row, "StartDateTime", found=instant(row, "StartDateTime"))
    return start.date() if all_day else start  # an all-day event starts at midnight UTC, whatever the zone


def _outcome(value: str | None) -> str | None:
    name = re.sub(r"[\s_-]+", "_", (value or "").strip()).upper()
    return {"CANCELLED": "CANCELED"}.get(name, name) or None
