"""One deal of the invented company, before any CRM knows it. Time is counted in days before the demo's present."""

from __future__ import annotations

import re
from dataclasses import dataclass

NEW, RENEWAL = "new", "renewal"
WON, LOST, UNKNOWN = "won", "lost", "unknown"
"""Besides the rungs: closed, or on a stage that nobody has mapped yet."""

REACH = {WON: 6, LOST: 4, UNKNOWN: 4}
"""Below which rung such a deal passed through every stage."""

RUNGS = {NEW: (0, 1, 2, 3, 4, 5), RENEWAL: (1, 3, 4, 5)}
"""The rungs that each pipeline has a stage for."""

PUSH = 21
"""Days by which a close date is pushed each time."""

SUBJECTS = {
    "pricing": ("Commercial review: pricing", "Our proposal"),
    "demo": ("Product demo", "Evaluation with the team"),
    "": ("Next steps", "Catching up", "Open questions"),
}
"""What people write over an activity, by its topic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm:
    """A buying company; `fit` runs from 0 to 100 and was looked at `assessed` days ago."""

    name: str
    fit: int
    assessed: int

    @property
    def domain(self) -> str:
        """Where its people have their mail: a name that cannot exist."""
        return f"{re.sub('[^a-z]+', '-', self.name.lower())}.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody on the buyer's side with one role on the deal."""

    name: str
    title: str
    role: str
    left: int | None = None  # the company, so many days ago
    removed: int | None = None  # from the deal
    merged: int | None = None  # a second record of the same person, which until then took what was logged


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that happened, with the roles of those it was with."""

    kind: str  # meeting | call | mail_in | mail_out | quote
    days: int
    who: tuple[str, ...]
    topic: str = ""
    missed: tuple[str, ...] = ()  # invited, and did not come
    opened: bool = False

    @property
    def subject(self) -> str:
        """The same words for the same act."""
        choices = SUBJECTS[self.topic]
        return choices[self.days % len(choices)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """A deal as it is now, and the little of its past that the rules look at."""

    story: str
    name: str
    firm: Firm | None
    owner: str
    pipeline: str
    rung: int | str
    amount: int | None
    budget: int | None
    close: int  # days ahead; negative has passed
    created: int
    entered: int  # the present stage
    need: str | None
    people: tuple[Person, ...]
    acts: tuple[Act, ...]
    asked: int | None = None  # price, decider and date were asked again
    fits: bool = False  # the solution, as confirmed by the buyer
    currency: str = "USD"
    repriced: tuple[int, int] | None = None  # days, and the amount before
    pushes: tuple[int, ...] = ()  # days on which the close date was moved later, the first push first

    def amount_on(self, days: int) -> int | None:
        """The amount as it stood so many days ago."""
        return self.repriced[1] if self.repriced and days > self.repriced[0] else self.amount

    def path(self) -> tuple[tuple[int, int | str], ...]:
        """When it reached each stage, from the first to the present one, as (days, rung)."""
        reach = self.rung if isinstance(self.rung, int) else REACH[self.rung]
        steps = [rung for rung in RUNGS[self.pipeline] if rung < reach]
        span = self.created - self.entered
        on_the_way = [(self.created - span * n // (len(steps) or 1), rung) for n, rung in enumerate(steps)]
        return (*on_the_way, (self.entered if steps else self.created, self.rung))
