"""The canonical vocabulary: what every CRM's records become, and what the rules speak about.

Values are frozen and mean the same whichever CRM they came from. Ids are the CRM's own, as text, unique within a
connection and a kind of record. `None` means "mapped and empty"; a field nobody mapped or nobody may read is named in
`Survey.unmapped` instead, because unknown must never be taken for empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

When = date | datetime
"""A calendar date of the organisation (never converted), or an aware instant in UTC."""

WON, LOST = "won", "lost"
Rung = int | str
"""0 to 5, or `won` or `lost`."""

RUNGS = {0: "identified", 1: "engaged", 2: "qualified", 3: "evaluating", 4: "proposed", 5: "committed"}
TOP = max(RUNGS)

ROLES = (
    "authority", "sponsor", "champion", "technical", "user", "influencer",
    "procurement_legal", "coach", "blocker", "partner", "other", "unassigned",
)  # fmt: skip

BASICS = ("price_vs_budget", "final_decision_maker", "purchase_date")
TOPIC_ALIASES = {"budget": "price_vs_budget", "authority": "final_decision_maker", "timing": "purchase_date"}
"""One answer serves every pack (ruling 31)."""

STRENGTH: Mapping[str, int] = {
    # 3: the buyer did it
    "meeting_held": 3, "call_connected": 3, "email_in": 3, "doc_viewed": 3,
    "quote_viewed": 3, "quote_accepted": 3, "esign_viewed": 3, "esign_completed": 3,
    # 2: somebody reported it
    "attestation": 2, "quote_reported": 2,
    # 1: the seller did it, or a machine may have
    "quote_sent": 1, "email_out": 1, "doc_shared": 1, "email_open": 1, "doc_open": 1, "link_click": 1,
    # 0: nothing happened yet
    "task_open": 0,
}  # fmt: skip
"""Every kind of event with its strength (qualification 2.2, rulings 1, 2 and 4)."""

BUYER_ACTS = tuple(kind for kind, strength in STRENGTH.items() if strength == 3)

SOURCES: Mapping[str, tuple[str, ...]] = {
    "meetings": ("meeting_held",),
    "calls": ("call_connected",),
    "mail": ("email_in", "email_out"),
    "tracking": ("email_open", "link_click"),
    "quotes": ("quote_sent", "quote_reported", "quote_accepted", "quote_viewed"),
    "documents": ("doc_shared", "doc_open", "doc_viewed"),
    "signatures": ("esign_viewed", "esign_completed"),
    "attestations": ("attestation",),
    "tasks": ("task_open",),
}
"""What is connected or not connected as one (ruling 35): a mailbox that logs outgoing mail also logs replies."""

NOT_HELD = ("NO_SHOW", "CANCELED", "RESCHEDULED")
"""Outcomes after which a meeting was no meeting (ruling 5)."""

MAPPABLE = (
    "fit", "budget", "need", "solution_fit", "company", "close_date", "amount",
    "roles", "contacts", "rechecks", "history",
)  # fmt: skip
"""Names that may stand in `Survey.unmapped`. `contacts`: who is on a deal at all; `roles`: what they are there."""

ANSWERS = ("fixed", "asked", "wrong", "not_applicable")
"""What can be answered to a finding."""

HISTORY_FIELDS = ("stage", "close_date", "amount", "next_step")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """An opportunity as the CRM shows it now."""

    id: str
    name: str
    pipeline: str
    stage: str
    created: datetime | None
    amount: Decimal | None = None
    currency: str | None = None
    probability: Decimal | None = None  # 0 to 1
    forecast_category: str | None = None
    close_date: When | None = None
    budget: Decimal | None = None
    budget_currency: str | None = None
    company: str | None = None
    need: str | None = None
    solution_fit: str | None = None
    owner: str | None = None
    next_step: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One role of one person on one deal, valid on `valid_from <= day < valid_to`."""

    id: str
    deal: str
    person: str
    role: str
    valid_from: date | None = None
    valid_to: date | None = None
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A contact. Only the domain of an e-mail address is kept: it tells whose side the person is on.

    The last two fields stay in the store, for connectors; rules do not see them.
    """

    id: str
    name: str
    title: str | None = None
    domain: str | None = None
    left_on: date | None = None
    deleted: bool = False
    merged_into: str | None = None
    roles: tuple[str, ...] = ()  # of ROLES: what the person is on every deal
    addresses: tuple[str, ...] = ()  # keyed hashes of the addresses: they tell who sent a message, and not the address


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A buying organisation; `fit_score` runs from 0 to 100."""

    id: str
    name: str
    fit_tier: str | None = None
    fit_score: Decimal | None = None
    fit_assessed: date | None = None
    deleted: bool = False
    merged_into: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, or is planned, between buyer and seller. Never a message body."""

    id: str
    kind: str
    at: When
    people: tuple[str, ...]  # the buyer's side, as far as the CRM names it
    ends_at: datetime | None = None
    declined: tuple[str, ...] = ()
    deals: tuple[str, ...] = ()
    named: tuple[str, ...] = ()  # of `deals`: whose quote it carries or whose name its title holds (ruling 7)
    topics: tuple[str, ...] = ()
    outcome: str | None = None
    automatic: bool = False
    quoted_amount: Decimal | None = None
    quoted_currency: str | None = None
    by: str | None = None  # the user who recorded it
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recheck:
    """The basics (or other topics) were asked again on that day."""

    id: str
    deal: str
    on: date
    topics: tuple[str, ...]
    by: str | None = None
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a person said of a finding, on the record itself. What it was about is bound when it is first seen."""

    id: str
    deal: str
    rule: str | None  # None where nobody can tell which finding it was about
    answer: str  # of ANSWERS
    at: datetime
    topics: tuple[str, ...] = ()  # that the finding asked to be asked again
    until: date | None = None
    reason: str | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field of one deal changed. Dates are written YYYY-MM-DD or as an instant ending in Z, money as a decimal."""

    id: str
    deal: str
    field: str  # one of HISTORY_FIELDS
    at: datetime
    old: str | None
    new: str | None
    by: str | None = None
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage of a pipeline as the CRM defines it; `closed` is won, lost or None for an open stage."""

    id: str  # pipeline and stage, joined by the connector
    pipeline: str
    stage: str
    label: str
    position: int
    probability: Decimal | None = None
    forecast_category: str | None = None
    closed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody on the seller's side."""

    id: str
    name: str
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """`per` units of `currency` are worth `units` of the corporate currency, from that day on.

    A ratio, because Salesforce stores the inverse and 1/0.909 is not a decimal.
    """

    id: str
    currency: str
    units: Decimal
    per: Decimal = Decimal(1)
    valid_from: date | None = None


Record = Deal | Link | Person | Company | Event | Recheck | Answer | Change | Stage | User | Rate

KINDS: Mapping[str, type[Record]] = {
    "stages": Stage,
    "users": User,
    "rates": Rate,
    "companies": Company,
    "people": Person,
    "deals": Deal,
    "links": Link,
    "events": Event,
    "rechecks": Recheck,
    "answers": Answer,
    "history": Change,
}
"""Every kind of record, in the order in which it is pulled."""

KEPT = frozenset({"history"})
"""Kinds whose rows stay when the CRM no longer shows them: it forgets, we do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who we are connected to."""

    id: str
    name: str
    zone: str  # IANA zone in which the organisation's days begin
    currency: str  # corporate currency, ISO code
    user: str | None  # the integration user: what it writes is never evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What this connection cannot tell, found out before anything is pulled."""

    unmapped: frozenset[str] = frozenset()  # of MAPPABLE
    unconnected: frozenset[str] = frozenset()  # of STRENGTH: kinds that no source here can produce
    notes: tuple[str, ...] = ()  # one sentence each, for the admin
    shared_topics: bool = True  # ruling 7: do the topics of an event count for each of its several deals?


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """What we show on a deal in the CRM: the whole list of our own fields (ruling 34)."""

    status: str  # supported | overstated | unverifiable | not_applicable | unmapped
    supported_stage: str | None = None
    stage_gap: int | None = None
    top_finding: str | None = None  # at most 255 characters
    next_step: str | None = None  # at most 255 characters
    details: str | None = None
    refused: tuple[str, ...] = ()  # stages that the gate keeps the deal out of, in the CRM's own names
    warned: tuple[str, ...] = ()  # stages that the deal enters only with a reason
