"""What may stand in a case file: the clean deal, and what a case changes about it, in the words of the trade.

Days are told as people tell them: `6 days ago`, `in 30 days`, `today`, or a day or an instant as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from crm_audit.domain import HISTORY_FIELDS, STRENGTH
from crm_audit.near import one_of
from crm_audit.predicates.base import Kind, Role
from crm_audit.world_rows import Currency, Instant, Mappable, Number, Row, Topics, Value, decimal, when
from crm_audit.zones import ZoneName

MORNING = time(9)
"""When a day that is told without a time begins, in the organisation's zone."""

RELATIVE = re.compile(r"(?:(?P<ago>\d{1,4}) days? ago)|(?:in (?P<ahead>\d{1,4}) days?)|today|yesterday|tomorrow")
WORDS = {"today": 0, "yesterday": -1, "tomorrow": 1}


Part = dict[str, Any]
"""A checked part of a story: only the keys that were told."""


def _day(text: object) -> str:
    told = str(text)
    if RELATIVE.fullmatch(told) is None:
        try:
            when(told)
        except ValueError:
            raise ValueError(
                f"{told!r} is no day: write `6 days ago`, `in 30 days`, `today`, 2026-03-10 or 2026-03-10T15:00:00Z"
            ) from None
    return told


def _money(text: object) -> str:
    told = str(text)
    amount, _, currency = told.partition(" ")
    decimal(amount)
    if currency and re.fullmatch(r"[A-Z]{3}", currency) is None:
        raise ValueError(f"{told!r} is no money: write 100000 or 100000 USD")
    return told


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Told = Annotated[str, BeforeValidator(_day)]
Money = Annotated[str, BeforeValidator(_money)]
Rung = Annotated[int, Field(ge=0, le=5)] | Literal["won", "lost"]
Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]


@dataclass(frozen=True, slots=True)
class Calendar:
    """Turns what is told into days and instants, as seen from `now` in the organisation's zone."""

    now: datetime
    zone: str

    def day(self, told: str) -> str:
        """The calendar day."""
        found = self._relative(told) or when(told)
        return (found.astimezone(ZoneInfo(self.zone)).date() if isinstance(found, datetime) else found).isoformat()

    def instant(self, told: str) -> str:
        """The instant; a day means nine in the morning there."""
        found = self._relative(told) or when(told)
        if not isinstance(found, datetime):
            found = datetime.combine(found, MORNING, ZoneInfo(self.zone))
        return found.astimezone(UTC).isoformat()

    def _relative(self, told: str) -> date | None:
        match = RELATIVE.fullmatch(told)
        if match is None:
            return None
        steps = WORDS.get(told, int(match["ahead"] or 0) - int(match["ago"] or 0))
        return self.now.astimezone(ZoneInfo(self.zone)).date() + timedelta(days=steps)


class Terms(Row):
    """When and where the question is asked."""

    now: Instant
    zone: ZoneName = "UTC"
    currency: Currency = "USD"


class DealPart(Row):
    """The deal itself. `entered`: when it came to its stage; `stage`: a stage by name, instead of the rung's own."""

    amount: Money | None = None
    budget: Money | None = None
    closes: Told | None = None
    created: Told | None = None
    entered: Told | None = None
    need: str | None = None
    stage: str | None = None
    solution_fit: str | None = None
    owner: str | None = None
    next_step: str | None = None
    forecast_category: str | None = None
    probability: Number | None = None


class CompanyPart(Row):
    """The buying organisation."""

    name: str | None = None
    fit: str | None = None
    score: Number | None = None
    assessed: Told | None = None


class PersonPart(Row):
    """Somebody by name. Without a role the person is not on the deal; on the day `to` the role is gone.

    `was` names roles that the person held until the day `until`.
    """

    role: Annotated[tuple[Role, ...], BeforeValidator(_listed)] | None = None
    title: str | None = None
    email: str | None = None
    valid_from: Told | None = Field(None, alias="from")
    valid_to: Told | None = Field(None, alias="to")
    was: Annotated[tuple[Role, ...], BeforeValidator(_listed)] | None = None
    until: Told | None = None
    left: Told | None = None
    deleted: bool = False
    merged_into: str | None = None


class EventPart(Row):
    """Something that happened; `linked: false` is an event on no deal."""

    kind: Kind | None = None
    when: Told | None = None
    ends: Told | None = None
    who: Names | None = None
    topics: Annotated[Topics, BeforeValidator(_listed)] = ()
    outcome: str | None = None
    declined: Names = ()
    automatic: bool = False
    quoted: Money | None = None
    linked: bool = True


class RecheckPart(Row):
    """The questions were asked again; all three basics unless topics are named."""

    when: Told | None = None
    topics: Annotated[Topics, BeforeValidator(_listed)] = ("all",)
    by: str | None = None


class ChangePart(Row):
    """A field of the deal went from one value to another."""

    field: Annotated[str, one_of(HISTORY_FIELDS, "field")]
    when: Told
    old: Value | None = Field(alias="from")
    new: Value | None = Field(alias="to")
    by: str | None = None

    @model_validator(mode="after")
    def _as_the_field_is(self) -> ChangePart:
        check: Mapping[str, Callable[[object], object]] = {"close_date": _day, "amount": decimal}
        for value in (self.old, self.new):
            if value is not None and self.field in check:
                check[self.field](value)
        return self


class Story(Row):
    """What a deal and its surroundings are like, or what a case changes about that."""

    rung: Rung | None = None
    rates: dict[Currency, Number] = Field(default_factory=dict)
    changes: tuple[ChangePart, ...] = ()
    unmapped: Annotated[tuple[Mappable, ...], BeforeValidator(_listed)] = ()
    unconnected: Annotated[
        tuple[Annotated[str, one_of((*STRENGTH, "everything"), "kind of event")], ...], BeforeValidator(_listed)
    ] = ()


PARTS: Mapping[str, type[Row]] = {"deal": DealPart, "company": CompanyPart}
NAMED_PARTS: Mapping[str, type[Row]] = {"people": PersonPart, "events": EventPart, "rechecks": RecheckPart}
"""Mappings of names to parts, so that a case can change or take away one of them."""


def _reason(value: object) -> object:
    if value is True:
        raise ValueError("name the reason: `breaks: stale`; or `breaks: false` where the rule must keep quiet")
    return value


class Wanted(Row):
    """What the rule must say: `breaks` with a reason, `unknown` with a reason, or nothing."""

    case: Annotated[str, Field(min_length=1)]
    now: Instant | None = None
    zone: ZoneName | None = None
    breaks: Annotated[Literal[False] | str, BeforeValidator(_reason)] = False
    unknown: str | None = None
    action: Literal["annotate", "block"] | None = None
    about: Names | None = None
    says: Annotated[str, AfterValidator(lambda text: " ".join(text.split()))] | None = None
    missing: Names | None = None
    n: int | None = None
    days: int | None = None
    supported: Annotated[tuple[int, int], BeforeValidator(lambda v: (v, v) if isinstance(v, int) else v)] | None = None
    verdict: Literal["supported", "overstated", "unverifiable", "not_applicable", "unmapped"] | None = None

    @model_validator(mode="after")
    def _one_answer(self) -> Wanted:
        if not {"breaks", "unknown"} & self.model_fields_set:
            raise ValueError("say what is expected: `breaks: REASON`, `breaks: false` or `unknown: REASON`")
        if self.breaks and self.unknown:
            raise ValueError("a rule either breaks or is unknown; give one of them")
        silent = not self.breaks and self.unknown is None
        if silent and (spoken := self.told().keys() - {"supported", "verdict"}):
            raise ValueError(f"a rule that keeps quiet says nothing: take {', '.join(sorted(spoken))} away")
        return self

    @property
    def reason(self) -> str | None:
        """Why the rule does not hold; None where it must keep quiet."""
        return self.unknown or self.breaks or None

    def told(self) -> dict[str, Any]:
        """What else is expected, as far as it stands there."""
        return self.model_dump(mode="json", exclude_none=True, exclude={"case", "now", "zone", "breaks", "unknown"})
