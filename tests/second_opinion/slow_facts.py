"""What a world says about one deal, read straight off the world: nothing is indexed and nothing is remembered."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
World = dict[str, Any]
Ladders = Mapping[str, Mapping[str, int | str]]
Money = tuple[Decimal, str]

AUDITOR = "auditor"
"""The auditor's own integration user (3.5 point 5)."""

STRENGTH = {
    "quote_viewed": 3,
    "quote_accepted": 3,
    "esign_viewed": 3,
    "esign_completed": 3,
    "doc_viewed": 3,
    "meeting_held": 3,
    "call_connected": 3,
    "email_in": 3,
    "attestation": 2,
    "quote_reported": 2,  # ruling 1
    "link_click": 1,  # ruling 2
    "quote_sent": 1,
    "email_out": 1,
    "doc_shared": 1,
    "email_open": 1,
    "doc_open": 1,  # ruling 4
}
"""2.2."""

BUYER_ACTS = {
    "meeting_held",
    "call_connected",
    "email_in",
    "doc_viewed",
    "quote_viewed",
    "quote_accepted",
    "esign_viewed",
    "esign_completed",
}
"""3.5 point 1."""

TERMINAL = ("won", "lost")

EXACT = Context(prec=500)
"""3.6: no rounding before a comparison."""


@dataclass(frozen=True)
class Case:
    """One deal of one world."""

    world: World
    ladders: Ladders
    deal: Row


# --- 3.2 what is mapped, filled, connected -------------------------------------------------------------------------


def unmapped(case: Case, *names: str) -> bool:
    """Whether one of the names is a field that nobody mapped (3.2)."""
    return any(name in case.world["unmapped"] for name in names)


def blank(text: str | None) -> bool:
    """Null, empty or only white space (3.2)."""
    return text is None or text.strip() == ""


def no_source(case: Case, kinds: Collection[str]) -> bool:
    """Whether no connected source can produce any of the kinds (3.2, ruling 35)."""
    return all(kind in case.world.get("unconnected", []) for kind in kinds)


# --- 3.3 time ------------------------------------------------------------------------------------------------------


def instant(text: str) -> datetime:
    """An instant as written in a world, always UTC."""
    return datetime.fromisoformat(text)


def zone(case: Case) -> ZoneInfo:
    """The zone in which the organisation's days begin (3.3 point 1)."""
    return ZoneInfo(case.world["org_tz"])


def as_of(case: Case) -> datetime:
    """The moment of the audit."""
    return instant(case.world["as_of"])


def today(case: Case) -> date:
    """The calendar date of the audit in the organisation's zone (3.3 point 1)."""
    return as_of(case).astimezone(zone(case)).date()


def local_day(case: Case, text: str) -> date:
    """The calendar date of a fact; a date-only value is never converted (3.3 points 2 and 4)."""
    if "T" not in text:
        return date.fromisoformat(text)
    return instant(text).astimezone(zone(case)).date()


def close_day(case: Case, text: str) -> date:
    """The calendar date of a close date; exactly midnight UTC stands for that UTC date (3.3 point 5)."""
    if "T" in text and instant(text).astimezone(UTC).time() == time(0):
        return instant(text).astimezone(UTC).date()
    return local_day(case, text)


def happened(case: Case, text: str) -> bool:
    """A fact counts only if it has happened (3.3 point 3)."""
    if "T" not in text:
        return date.fromisoformat(text) <= today(case)
    return instant(text) <= as_of(case)


def age(case: Case, text: str) -> int:
    """Age in days: today minus the local calendar date of the fact (3.3 point 2)."""
    return (today(case) - local_day(case, text)).days


def within(case: Case, text: str, days: int) -> bool:
    """Within N days, both ends included, of a fact that has happened (3.3 points 2 and 3)."""
    return happened(case, text) and 0 <= age(case, text) <= days


# --- 3.4 identity, eligibility, roles ------------------------------------------------------------------------------


def survivor(rows: list[Row], row_id: str) -> Row | None:
    """The row that a chain of merges ends in; none if there is no such row (3.4 point 1)."""
    found = next((row for row in rows if row["id"] == row_id), None)
    if found is None or found.get("merged_into") is None:
        return found
    return survivor(rows, found["merged_into"])


def company(case: Case) -> Row | None:
    """The surviving company of the deal (3.4 point 1)."""
    if blank(case.deal["company"]):
        return None
    return survivor(case.world["companies"], case.deal["company"])


def person(case: Case, contact_id: str) -> str:
    """The id of the person that a contact id stands for after merging (3.4 point 1)."""
    row = survivor(case.world["contacts"], contact_id)
    return contact_id if row is None else str(row["id"])


def name(case: Case, person_id: str) -> str:
    """The name under which a finding speaks of a person."""
    row = survivor(case.world["contacts"], person_id)
    return person_id if row is None else str(row["name"])


def links(case: Case, deal_id: str) -> list[tuple[str, str, Row]]:
    """Person, role and row of every link of a deal; where roles are not mapped nobody has one."""
    rows = [row for row in case.world["links"] if row["deal"] == deal_id]
    if unmapped(case, "roles"):
        return [(person(case, row["contact"]), "unassigned", row) for row in rows]
    return [(person(case, row["contact"]), row["role"], row) for row in rows]


def begun(case: Case, link: Row) -> bool:
    """Whether the first day of the link is here."""
    return link.get("from") is None or local_day(case, link["from"]) <= today(case)


def valid(case: Case, link: Row) -> bool:
    """From <= today, and to null or > today: on the removal date the contact is out (3.4 point 2)."""
    return begun(case, link) and (link.get("to") is None or local_day(case, link["to"]) > today(case))


def roles(case: Case, deal_id: str, person_id: str) -> set[str]:
    """The roles that a person holds on a deal now (3.4 point 5)."""
    return {role for who, role, link in links(case, deal_id) if who == person_id and valid(case, link)}


def ours(case: Case, contact: Row) -> bool:
    """Whether the contact is the seller's own, by the domain of the address (3.4 point 2)."""
    domain = contact["email"].rpartition("@")[2].lower()
    return domain in [internal.lower() for internal in case.world["internal_domains"]]


def has_left(case: Case, contact: Row) -> bool:
    """Left date <= today (3.4 point 2)."""
    return contact.get("left_at") is not None and local_day(case, contact["left_at"]) <= today(case)


def eligible(case: Case) -> set[str]:
    """The people on the buyer's side who count on this deal now (3.4 point 2)."""
    return {who for who, _, _ in links(case, case.deal["id"]) if _is_eligible(case, who)}


def _is_eligible(case: Case, person_id: str) -> bool:
    contact = survivor(case.world["contacts"], person_id)
    if contact is None or contact.get("deleted", False) or has_left(case, contact) or ours(case, contact):
        return False
    return bool(roles(case, case.deal["id"], person_id) - {"partner"})


def holders(case: Case, role: str) -> set[str]:
    """The eligible people who hold the role now (3.4 point 3)."""
    return {who for who in eligible(case) if role in roles(case, case.deal["id"], who)}


def former_authorities(case: Case) -> dict[str, str]:
    """People who were authority on this deal and are not now, each with the reason (3.4 point 3, 3.10)."""
    held = {who for who, role, link in links(case, case.deal["id"]) if role == "authority" and begun(case, link)}
    reasons = {who: _why_gone(case, who) for who in held - holders(case, "authority")}
    return {who: reason for who, reason in reasons.items() if reason is not None}


def _why_gone(case: Case, person_id: str) -> str | None:
    contact = survivor(case.world["contacts"], person_id)
    if contact is None or ours(case, contact):
        return None
    if has_left(case, contact):
        return "contact_left"
    if contact.get("deleted", False):
        return "contact_deleted"
    return "role_changed" if roles(case, case.deal["id"], person_id) else "contact_removed"


# --- 3.5 events ----------------------------------------------------------------------------------------------------


def evidence(
    case: Case, people: Collection[str], kinds: Collection[str], topics: Collection[str] | None = None
) -> list[tuple[str, Row]]:
    """Every past event of these people for this deal, of one of the kinds, with one of the topics where asked for."""
    return [
        (who, event)
        for event in case.world["events"]
        if event["kind"] in kinds and took_place(case, event)
        for who in sorted(people_counted(case, event))
        if who in people and (topics is None or topics_counted(case, event) & set(topics))
    ]


def took_place(case: Case, event: Row) -> bool:
    """Happened, was not automatic, and a meeting ended and was held (3.5 points 2 and 3, rulings 5 and 6)."""
    if event.get("auto", False) or not happened(case, event["at"]):
        return False
    if event["kind"] != "meeting_held":
        return True
    if event.get("outcome") in ("NO_SHOW", "CANCELED", "RESCHEDULED"):
        return False
    return happened(case, event.get("ends_at") or event["at"])


def event_deals(event: Row) -> list[str]:
    """The deals that an event is linked to (ruling 7)."""
    if event.get("deals"):
        return list(event["deals"])
    return [] if event.get("deal") is None else [event["deal"]]


def participants(case: Case, event: Row) -> set[str]:
    """The people at an event; a meeting loses those who declined (3.5 point 3)."""
    there = {person(case, contact) for contact in event["contacts"]}
    if event["kind"] != "meeting_held":
        return there
    return there - {person(case, contact) for contact in event.get("declined") or []}


def people_counted(case: Case, event: Row) -> set[str]:
    """The participants for whom the event counts for this deal (3.5 point 4)."""
    deals = event_deals(event)
    if deals:
        return participants(case, event) if case.deal["id"] in deals else set()
    if local_day(case, event["at"]) < local_day(case, case.deal["created"]):
        return set()
    return {who for who in participants(case, event) if open_deals_of(case, who) == {case.deal["id"]}}


def open_deals_of(case: Case, person_id: str) -> set[str]:
    """The deals, not won or lost, that a person is linked to now (3.5 point 4)."""
    return {deal["id"] for deal in case.world["deals"] if is_open(case, deal) and roles(case, deal["id"], person_id)}


def topics_counted(case: Case, event: Row) -> set[str]:
    """The topics of an event for this deal: in HubSpot only where it is on one open deal only (ruling 7)."""
    deals = event_deals(event)
    if case.world["crm"] == "hubspot" and len(deals) > 1:
        still_open = [deal for deal in case.world["deals"] if deal["id"] in deals and is_open(case, deal)]
        if len(still_open) != 1:
            return set()
    return set(event["topics"])


# --- 3.6 money -----------------------------------------------------------------------------------------------------


def decimal(text: str | None) -> Decimal | None:
    """An exact decimal; nothing where the field is blank."""
    return None if text is None or blank(text) else Decimal(text)


def money(case: Case, amount: Decimal, currency: str | None) -> Money:
    """An amount with its currency; a null currency is the corporate one."""
    return amount, currency or case.world["corporate_currency"]


def in_corporate(case: Case, sum_: Money) -> Decimal | None:
    """Converted into the corporate currency; nothing where there is no rate (3.6)."""
    amount, currency = sum_
    if currency == case.world["corporate_currency"]:
        return amount
    if currency not in case.world["rates"]:
        return None
    return EXACT.multiply(amount, Decimal(case.world["rates"][currency]))


def more_than(case: Case, a: Money, b: Money, *, factor: str) -> bool | None:
    """Whether a > b * factor after conversion; nothing where a rate is missing (3.6, ruling 39)."""
    if a[1] == b[1]:
        return a[0] > EXACT.multiply(b[0], Decimal(factor))
    left, right = in_corporate(case, a), in_corporate(case, b)
    if left is None or right is None:
        return None
    return left > EXACT.multiply(right, Decimal(factor))


def amount_at(case: Case, moment: datetime) -> Decimal | None:
    """The deal's amount at a past instant (3.6)."""
    rows = changes(case, "amount")
    before = [row for row in rows if instant(row["at"]) <= moment]
    if before:
        return decimal(before[-1]["new"])
    if rows:
        return decimal(rows[0]["old"])
    return decimal(case.deal["amount"])


# --- 3.7 the ladder, history, open span ----------------------------------------------------------------------------


def rung(case: Case, deal: Row) -> int | str | None:
    """The rung that the deal's stage claims; none where the stage is not in the ladder (3.7)."""
    return case.ladders.get(deal["pipeline"], {}).get(deal["stage"])


def is_open(case: Case, deal: Row) -> bool:
    """Neither won nor lost; a stage that nobody mapped is not known to be closed."""
    return rung(case, deal) not in TERMINAL


def changes(case: Case, field: str) -> list[Row]:
    """The past changes of a field of this deal, oldest first (3.5 point 5, 3.7)."""
    rows = [
        row
        for row in case.world["history"]
        if row["deal"] == case.deal["id"] and row["field"] == field and row.get("by") != AUDITOR
    ]
    past = [row for row in rows if happened(case, row["at"]) and row["old"] != row["new"]]
    return sorted(past, key=lambda row: instant(row["at"]))


def span_start(case: Case) -> datetime:
    """When the open span began: creation, or the last move from a terminal to an open stage (3.7)."""
    ladder = case.ladders[case.deal["pipeline"]]
    reopened = [
        instant(row["at"])
        for row in changes(case, "stage")
        if ladder.get(row["old"]) in TERMINAL and ladder.get(row["new"]) not in TERMINAL
    ]
    return reopened[-1] if reopened else instant(case.deal["created"])


def stage_entered(case: Case) -> str:
    """When the deal last entered its present stage; no history row: at creation (3.7)."""
    entries = [row["at"] for row in changes(case, "stage") if row["new"] == case.deal["stage"]]
    return str(entries[-1]) if entries else str(case.deal["created"])


def pushes(case: Case) -> int:
    """Days of the open span whose net move of the close date is later by at least seven days (3.8)."""
    moves = [row for row in changes(case, "close_date") if instant(row["at"]) >= span_start(case)]
    days = {local_day(case, row["at"]) for row in moves}
    return sum(_pushed([row for row in moves if local_day(case, row["at"]) == day], case) for day in days)


def _pushed(moves: list[Row], case: Case) -> bool:
    first, last = moves[0]["old"], moves[-1]["new"]
    if blank(first) or blank(last):
        return False
    return close_day(case, last) - close_day(case, first) >= timedelta(days=7)


def rechecks(case: Case) -> Iterator[Row]:
    """The past re-checks of this deal that a person made (3.5 point 5, 3.8, ruling 8)."""
    for row in case.world["assessments"]:
        if row["deal"] == case.deal["id"] and row.get("by") != AUDITOR and happened(case, row["at"]):
            yield row
