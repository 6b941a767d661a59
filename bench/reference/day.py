"""One day of work in the reference org: two per cent of everything is new, changed or gone by its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import cycle, islice
from random import Random
from typing import Protocol

from bench.reference.plan import (
    FIRST,
    LAST_STAGE,
    LOST,
    ROLES,
    TITLES,
    WON,
    Activity,
    Change,
    Company,
    Deal,
    Link,
    Person,
    Plan,
)
from crm_audit.emulator.clock import Clock

SHARE = 50  # one in so many: two per cent
SECONDS = 86_400


class Crm(Protocol):
    """What can happen to the reference org in either CRM; an id that is gone is an empty text."""

    plan: Plan
    clock: Clock
    ids: dict[str, list[str]]

    def add_companies(self, companies: Iterable[Company]) -> None: ...
    def add_people(self, people: Iterable[Person]) -> None: ...
    def add_deals(self, deals: Iterable[Deal]) -> None: ...
    def add_links(self, links: Iterable[Link]) -> None: ...
    def log(self, activities: Iterable[Activity]) -> None: ...
    def change_company(self, n: int) -> None: ...
    def change_person(self, n: int, title: str) -> None: ...
    def change_deal(self, n: int, change: Change) -> None: ...
    def change_activity(self, n: int) -> None: ...
    def remove(self, kind: str, n: int) -> None: ...
    def merge(self, kind: str, survivor: int, loser: int) -> None: ...


Deed = Callable[[], None]


def a_day(crm: Crm, *, number: int = 1) -> dict[str, int]:
    """Play a day, the same for the same number; the clock ends a day later. Gives what was new, changed and gone."""
    day = _Day(crm, Random(f"{crm.plan.seed} day {number}"))
    begin = crm.clock.now()
    day.add()
    deeds = [*day.edits()]
    day.dice.shuffle(deeds)
    deeds += day.farewells()  # what is gone by the evening was worked on in the morning
    for place, deed in enumerate(deeds):
        crm.clock.set(begin + timedelta(seconds=SECONDS * (place + 1) // (len(deeds) + 1)))
        deed()
    crm.clock.set(begin + timedelta(days=1))
    return day.done


class _Day:
    def __init__(self, crm: Crm, dice: Random) -> None:
        self.crm, self.dice = crm, dice
        self.begin = crm.clock.now()
        self.done: dict[str, int] = {}
        self.met: set[tuple[str, int]] = set()
        size = crm.plan.size
        self.due = {
            "companies": size.companies // SHARE,
            "people": size.people // SHARE,
            "deals": size.deals // SHARE,
            "links": size.links // SHARE,
            "activities": size.activities // SHARE,
            "history": size.history // SHARE,
        }

    def add(self) -> None:
        """What is new: a tenth of the deals, a fifth of the companies and people, most roles and activities."""
        crm, due = self.crm, self.due
        crm.add_companies([Company(n, at, at) for n, at in self._new("companies", due["companies"] // 5)])
        crm.add_people([self._person(n, at) for n, at in self._new("people", due["people"] // 5)])
        crm.add_deals([self._deal(n, at) for n, at in self._new("deals", due["deals"] // 10)])
        crm.add_links([self._link(at) for _, at in self._new("links", due["links"] * 6 // 10)])
        crm.log([self._activity(at) for _, at in self._new("activities", due["activities"] * 9 // 10)])

    def edits(self) -> Iterator[Deed]:
        """What changes, and the roles that are taken away."""
        crm, due = self.crm, self.due
        for n in self._some("companies", due["companies"] - self.done["new companies"], "changed"):
            yield partial(crm.change_company, n)
        for n in self._some("people", due["people"] - self.done["new people"], "changed"):
            yield partial(crm.change_person, n, f"Head of {n}")
        for n in self._some("activities", due["activities"] - self.done["new activities"], "changed"):
            yield partial(crm.change_activity, n)
        for n in self._some("links", due["links"] - self.done["new links"], "gone"):
            yield partial(crm.remove, "links", n)
        moved = self._some("deals", due["deals"] - self.done["new deals"], "changed")
        self.done["new history"] = due["history"]
        for place, n in enumerate(islice(cycle(moved), due["history"])):
            yield partial(crm.change_deal, n, self._change(place))

    def farewells(self) -> Iterator[Deed]:
        """A few deletions and merges, at least one of each."""
        crm, size = self.crm, self.crm.plan.size
        for kind, count in (("deals", size.deals), ("people", size.people), ("activities", size.activities)):
            for n in self._some(kind, max(count // 20_000, 1), "gone"):
                yield partial(crm.remove, kind, n)
        for kind, count in (("people", size.people), ("companies", size.companies)):
            chosen = self._some(kind, 2 * max(count // 50_000, 1), "merged")
            for survivor, loser in zip(chosen[::2], chosen[1::2], strict=True):
                yield partial(crm.merge, kind, survivor, loser)

    def _new(self, kind: str, count: int) -> Iterator[tuple[int, datetime]]:
        """The next numbers of a kind, each with an instant of the day."""
        self.done[f"new {kind}"] = count
        first = len(self.crm.ids[kind])
        for n in range(first, first + count):
            yield n, self.begin + timedelta(seconds=self.dice.randrange(SECONDS))

    def _some(self, kind: str, count: int, what: str) -> list[int]:
        """The numbers of some records that are still there, none of which has met this before today."""
        there = [n for n, record in enumerate(self.crm.ids[kind]) if record and (kind, n) not in self.met]
        chosen = self.dice.sample(there, count)
        self.met.update((kind, n) for n in chosen)
        self.done[f"{what} {kind}"] = count
        return chosen

    def _person(self, n: int, at: datetime) -> Person:
        company = self.dice.randrange(self.crm.plan.size.companies)
        return Person(n, company, self.dice.choice(FIRST), self.dice.choice(TITLES), at, at)

    def _deal(self, n: int, at: datetime) -> Deal:
        size = self.crm.plan.size
        close = at.date() + timedelta(days=self.dice.randrange(30, 300))
        amount = self.dice.randrange(1, 800) * 500
        return Deal(
            n=n,
            company=n % size.companies,
            owner=self.dice.randrange(size.owners),
            created=at,
            modified=at,
            stage=0,
            amount=amount,
            close=close,
            changes=(),
        )

    def _link(self, at: datetime) -> Link:
        deal = self.dice.randrange(len(self.crm.ids["deals"]))
        person = self.dice.randrange(len(self.crm.ids["people"]))
        return Link(deal, person, self.dice.choice(ROLES), at)

    def _activity(self, at: datetime) -> Activity:
        drawn = self.crm.plan.activity(self.dice)
        return drawn._replace(created=at, at=at if drawn.over else drawn.at + timedelta(days=1))

    def _change(self, place: int) -> Change:
        """What a rep does to a deal; no two in a row leave a field as it was."""
        at = self.begin
        match place % 3:
            case 0:
                return Change("amount", at, 1_000 + place * 10)
            case 1:
                return Change("close", at, at.date() + timedelta(days=30 + place % 400))
        return Change("stage", at, self.dice.choice((*range(LAST_STAGE + 1), WON, LOST)))
