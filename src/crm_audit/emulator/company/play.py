"""Plays the company's past into a CRM day by day, so that stamps and histories are the CRM's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Protocol
from zoneinfo import ZoneInfo

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.company.deal import PUSH, Act, Deal, Firm, Person

ZONE = "America/New_York"
OPENING, HOURS, MINUTES = 10, 6, 60


@dataclass(slots=True)
class Life:
    """A deal in a CRM: the ids it and its people have there."""

    deal: Deal
    id: str = ""
    people: dict[str, str] = field(default_factory=dict)  # role -> contact
    doubles: dict[str, str] = field(default_factory=dict)  # role -> second record, until it is merged

    def ids(self, roles: Iterable[str]) -> list[str]:
        """The contacts with these roles, by the record that is in use at present."""
        return [self.doubles.get(role) or self.people[role] for role in roles]


class Crm(Protocol):
    """What the company's people do in their CRM. All of it happens at the clock's present."""

    def firm(self, firm: Firm, *, assessed: date) -> str:
        """Enter a buying company and how well it fits."""

    def person(self, person: Person, *, firm: Firm | None, firm_id: str | None) -> str:
        """Enter a contact."""

    def opens(self, life: Life, *, firm_id: str | None, amount: int | None, close: date) -> str:
        """Enter the deal on its first stage."""

    def joins(self, life: Life, person: Person) -> None:
        """Put somebody on the deal, in a role."""

    def removes(self, life: Life, person: Person) -> None:
        """Take somebody off the deal."""

    def leaves(self, life: Life, person: Person, *, day: date) -> None:
        """Note that somebody has left the company."""

    def merges(self, life: Life, person: Person) -> None:
        """Merge the second record of somebody into the first."""

    def moves(self, life: Life, rung: int | str) -> None:
        """Move the deal to the stage of a rung."""

    def reprices(self, life: Life, amount: int | None) -> None:
        """Change the amount."""

    def postpones(self, life: Life, close: date) -> None:
        """Change the close date."""

    def asks(self, life: Life, day: date) -> None:
        """Note that price, decider and date were asked again."""

    def acts(self, life: Life, act: Act) -> None:
        """Log what happened."""


Step = tuple[datetime, Callable[[], None]]


def play(deals: Iterable[Deal], crm: Crm, *, clock: Clock) -> dict[str, Deal]:
    """Play all deals in the order of time and end at the clock's present; gives them by their id in the CRM."""
    now = clock.now()
    lives = [Life(deal) for deal in deals]
    scripts = [_Script(life, crm, now) for life in lives]
    for at, step in sorted((step for script in scripts for step in script.steps()), key=lambda each: each[0]):
        clock.set(at)
        step()
    clock.set(now)
    return {life.id: life.deal for life in lives}


class _Script:
    """The life of one deal as dated steps."""

    def __init__(self, life: Life, crm: Crm, now: datetime) -> None:
        self._life = life
        self._deal = life.deal
        self._crm = crm
        self._today = now.astimezone(ZoneInfo(ZONE)).date()

    def steps(self) -> Iterator[Step]:
        deal, life, crm = self._deal, self._life, self._crm
        yield self._at(deal.created + 1), self._begin
        for days, rung in deal.path()[1:]:
            yield self._at(days), partial(crm.moves, life, rung)
        for n, days in enumerate(deal.pushes, start=1):
            yield self._at(days, 1), partial(crm.postpones, life, self._close(len(deal.pushes) - n))
        if deal.repriced:
            yield self._at(deal.repriced[0]), partial(crm.reprices, life, deal.amount)
        if deal.asked is not None:
            yield self._at(deal.asked), partial(crm.asks, life, self._day(deal.asked))
        for n, act in enumerate(deal.acts):
            yield self._at(act.days, n), partial(crm.acts, life, act)
        for person in deal.people:
            yield from self._partings(person)

    def _partings(self, person: Person) -> Iterator[Step]:
        crm, life = self._crm, self._life
        if person.left is not None:
            yield self._at(person.left), partial(crm.leaves, life, person, day=self._day(person.left))
        if person.removed is not None:
            yield self._at(person.removed), partial(crm.removes, life, person)
        if person.merged is not None:
            yield self._at(person.merged), partial(self._merge, person)

    def _begin(self) -> None:
        deal, life, crm = self._deal, self._life, self._crm
        firm_id = crm.firm(deal.firm, assessed=self._day(deal.firm.assessed)) if deal.firm else None
        life.id = crm.opens(
            life, firm_id=firm_id, amount=deal.amount_on(deal.created), close=self._close(len(deal.pushes))
        )
        for person in deal.people:
            life.people[person.role] = crm.person(person, firm=deal.firm, firm_id=firm_id)
            crm.joins(life, person)
            if person.merged is not None:
                life.doubles[person.role] = crm.person(person, firm=deal.firm, firm_id=firm_id)

    def _merge(self, person: Person) -> None:
        self._crm.merges(self._life, person)
        del self._life.doubles[person.role]

    def _close(self, pushes_ahead: int) -> date:
        """The close date while so many pushes were still to come."""
        return self._today + timedelta(days=self._deal.close - PUSH * pushes_ahead)

    def _day(self, days: int) -> date:
        return self._today - timedelta(days=days)

    def _at(self, days: int, n: int = 0) -> datetime:
        """An instant of that day within office hours, the n-th of several a little later."""
        minutes = (days * 37 + n * 11) % (HOURS * MINUTES)
        opening = datetime.combine(self._day(days), time(OPENING), ZoneInfo(ZONE))
        return opening.astimezone(UTC) + timedelta(minutes=minutes)
