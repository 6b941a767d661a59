"""The rows of a world file: which keys each may have, what may stand there, and the record it becomes.

Money and days are text or numbers as written; a key that is absent means "mapped and empty", unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from crm_audit.domain import (
    HISTORY_FIELDS,
    MAPPABLE,
    STRENGTH,
    Change,
    Company,
    Deal,
    Event,
    Link,
    Person,
    Recheck,
    When,
)
from crm_audit.near import one_of
from crm_audit.predicates.base import Kind, Role
from crm_audit.zones import ZoneName


def instant(text: object) -> datetime:
    """2026-03-16T15:00:00Z as an aware instant in UTC."""
    value = _iso(text, datetime)
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError(f"{text!r} is no instant; write it as 2026-03-16T15:00:00Z")
    return value.astimezone(UTC)


def day(text: object) -> date:
    """2026-03-16 as a calendar day."""
    value = _iso(text, date)
    if value is None or isinstance(value, datetime):
        raise ValueError(f"{text!r} is no day; write it as 2026-03-16")
    return value


def when(text: object) -> When:
    """A day, or an instant where a time is given."""
    return instant(text) if isinstance(text, datetime) or "T" in str(text) else day(text)


def _iso(text: object, kind: type[date]) -> date | None:
    if isinstance(text, date):
        return text
    try:
        return kind.fromisoformat(str(text))
    except ValueError:
        return None


def decimal(text: object) -> Decimal:
    """100000, "0.90": an exact decimal."""
    try:
        value = Decimal(str(text))
    except InvalidOperation:
        value = Decimal("NaN")
    if isinstance(text, bool) or not value.is_finite():
        raise ValueError(f"{text!r} is no number; write it as 100000 or 0.90")
    return value


Instant = Annotated[datetime, BeforeValidator(instant)]
Day = Annotated[date, BeforeValidator(day)]
Moment = Annotated[date | datetime, BeforeValidator(when)]
Number = Annotated[Decimal, BeforeValidator(decimal)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Value = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]
Topics = tuple[str, ...]
Mappable = Annotated[str, one_of(MAPPABLE, "field")]


class Row(BaseModel):
    """A row of a world file; a key that nobody reads is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Named(Row):
    """A row that others refer to."""

    id: str


class CompanyRow(Named):
    """A buying organisation."""

    name: str
    fit_tier: str | None = None
    fit_score: Number | None = None
    fit_assessed: Day | None = None
    merged_into: str | None = None

    def record(self, number: int) -> Company:
        """The row as a record."""
        return Company(**self.model_dump())


class ContactRow(Named):
    """Somebody on the buyer's side, or ours where the domain of the address says so."""

    name: str
    title: str | None = None
    email: str = ""
    left_at: Day | None = None
    deleted: bool = False
    merged_into: str | None = None

    def record(self, number: int) -> Person:
        """The row as a record; of the address only the domain is kept."""
        return Person(
            id=self.id, name=self.name, title=self.title, domain=self.email.rpartition("@")[2], left_on=self.left_at,
            deleted=self.deleted, merged_into=self.merged_into,
        )  # fmt: skip


class DealRow(Named):
    """An opportunity as the CRM shows it at the moment of the world."""

    name: str | None = None
    pipeline: str
    stage: str
    created: Instant | None
    amount: Number | None = None
    currency: Currency | None = None
    probability: Number | None = None
    forecast_category: str | None = None
    close_date: Moment | None = None
    budget: Number | None = None
    budget_currency: Currency | None = None
    company: str | None = None
    need: str | None = None
    solution_fit: str | None = None
    owner: str | None = None
    next_step: str | None = None

    def record(self, number: int) -> Deal:
        """The row as a record; a deal without a name is called by its id."""
        return Deal(**{**self.model_dump(), "name": self.name or self.id})


class LinkRow(Row):
    """One role of one contact on one deal; on the day `to` the contact is out."""

    deal: str
    contact: str
    role: Role
    valid_from: Day | None = Field(None, alias="from")
    valid_to: Day | None = Field(None, alias="to")
    recorded_at: Instant | None = None

    def record(self, number: int) -> Link:
        """The row as a record."""
        return Link(
            id=f"l{number}", deal=self.deal, person=self.contact, role=self.role, valid_from=self.valid_from,
            valid_to=self.valid_to, recorded_at=self.recorded_at,
        )  # fmt: skip


class EventRow(Row):
    """Something that happened or is planned; `deal` or `deals`, null where it is linked to none."""

    at: Moment
    ends_at: Instant | None = None
    kind: Kind
    contacts: tuple[str, ...]
    topics: Topics = ()
    deal: str | None = None
    deals: tuple[str, ...] = ()
    outcome: str | None = None
    declined: tuple[str, ...] = ()
    auto: bool = False
    quoted_amount: Number | None = None
    quoted_currency: Currency | None = None
    recorded_at: Instant | None = None

    def record(self, number: int) -> Event:
        """The row as a record."""
        return Event(
            id=f"e{number}", kind=self.kind, at=self.at, people=self.contacts, ends_at=self.ends_at,
            declined=self.declined, deals=self.deals or ((self.deal,) if self.deal else ()), topics=self.topics,
            outcome=self.outcome, automatic=self.auto, quoted_amount=self.quoted_amount,
            quoted_currency=self.quoted_currency, recorded_at=self.recorded_at,
        )  # fmt: skip


class ChangeRow(Row):
    """A field of a deal went from one value to another."""

    deal: str
    at: Instant
    field: Annotated[str, one_of(HISTORY_FIELDS, "field")]
    old: Value | None
    new: Value | None
    by: str | None = None
    recorded_at: Instant | None = None

    def record(self, number: int) -> Change:
        """The row as a record."""
        return Change(id=f"h{number}", **self.model_dump())


class RecheckRow(Row):
    """The questions were asked again on that day; `all` stands for the three basics."""

    deal: str
    at: Day
    topics: Topics
    by: str | None = None
    recorded_at: Instant | None = None

    def record(self, number: int) -> Recheck:
        """The row as a record."""
        return Recheck(
            id=f"a{number}", deal=self.deal, on=self.at, topics=self.topics, by=self.by, recorded_at=self.recorded_at
        )


class FindingRow(Row):
    """One expected finding; `missing`, `n` and `days` are compared where they stand."""

    rule: str
    reason: str
    action: Literal["annotate", "block"]
    status: Literal["open", "unverifiable", "error"] = "open"
    about: tuple[str, ...] = ()
    missing: Topics = ()
    n: int = 0
    days: int = 0


class Expectation(Row):
    """What the audit must say about one deal."""

    claimed: Annotated[int, Field(ge=0, le=5)] | Literal["won", "lost"] | None
    supported: tuple[int, int] | None
    verdict: Literal["supported", "overstated", "unverifiable", "not_applicable", "unmapped"]
    action: Literal["none", "annotate", "block"]
    findings: tuple[FindingRow, ...]


class Head(Row):
    """What a world says of itself and of its organisation."""

    id: str
    title: str = ""
    crm: str
    as_of: Instant
    org_tz: ZoneName
    corporate_currency: Currency
    rates: dict[Currency, Number] = Field(default_factory=dict)
    internal_domains: tuple[str, ...] = ()
    unmapped: tuple[Mappable, ...] = ()
    unconnected: tuple[Annotated[str, one_of(STRENGTH, "kind of event")], ...] = ()
    why: str = ""


Listed = CompanyRow | ContactRow | DealRow | LinkRow | EventRow | ChangeRow | RecheckRow
"""A row of one of a world's lists."""

ROWS: Mapping[str, type[Listed]] = {
    "companies": CompanyRow,
    "contacts": ContactRow,
    "deals": DealRow,
    "links": LinkRow,
    "events": EventRow,
    "history": ChangeRow,
    "assessments": RecheckRow,
}
"""Every list of a world, in the order in which its records are made."""

REFERENCES: Mapping[str, str] = {
    "company": "companies",
    "contact": "contacts",
    "contacts": "contacts",
    "declined": "contacts",
    "deal": "deals",
    "deals": "deals",
}
"""Keys of a row that hold the id, or ids, of rows of another list."""
