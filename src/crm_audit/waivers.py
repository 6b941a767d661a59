"""Exceptions that people make: a rule that is waived on one deal, and a gate that is broken open. Values, pure.

A waiver is judged as of an instant, as everything else is: what was in force in March stays so for an audit of March.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

State = Literal["requested", "in force", "expired", "withdrawn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One rule of one deal that somebody asks to be let off, and somebody else lets off, until a day.

    Names and reasons are None where they were erased.
    """

    id: int
    connection: str
    deal: str
    rule: str
    until: date  # the last day, in the organisation's zone
    why: str | None
    requested: datetime
    requester: str | None
    approved: datetime | None = None
    approver: str | None = None
    withdrawn: datetime | None = None

    def state(self, at: datetime, today: date) -> State:
        """How it stood at an instant, which was `today` in the organisation's zone."""
        if self.withdrawn is not None and self.withdrawn <= at:
            return "withdrawn"
        if today > self.until:
            return "expired"
        return "in force" if self.approved is not None and self.approved <= at else "requested"

    def was_in_force(self, at: datetime, today: date) -> bool:
        """Whether it was approved in time and has since run out by itself."""
        return self.approved is not None and self.approved <= at and self.state(at, today) == "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenGlass:
    """The whole gate of one deal, opened at once without approval, until an instant."""

    id: int
    connection: str
    deal: str
    why: str | None
    opened: datetime
    until: datetime
    opener: str | None

    def in_force(self, at: datetime) -> bool:
        """Whether the gate was open at an instant."""
        return self.opened <= at < self.until


Moment = tuple[datetime, date]
"""An instant, and which day it was then in the organisation's zone."""


def turned(waivers: Iterable[Waiver], glass: Iterable[BrokenGlass], since: Moment, until: Moment) -> set[str]:
    """The deals of which an exception began or ended between two moments."""
    deals = {waiver.deal for waiver in waivers if waiver.state(*since) != waiver.state(*until)}
    return deals | {each.deal for each in glass if each.in_force(since[0]) != each.in_force(until[0])}


INVISIBLE = ("Cf", "Cc")
"""Categories of characters that nobody sees, and that would make two people of one."""


def person(name: str) -> str:
    """A name as it is compared and kept: one person, however it is typed. ValueError where nothing is left of it."""
    words = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    kept = "".join(each for each in words if unicodedata.category(each) not in INVISIBLE).strip()
    if not kept:
        raise ValueError("a name is missing")
    return kept
