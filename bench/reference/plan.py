"""What the reference org holds, in no vendor's words: rows drawn one by one, the same for the same seed and size.

Rows name one another by their number within their kind. Nothing is kept, so a million activities cost no memory here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from random import Random
from typing import Literal, NamedTuple, TypeVar

BEGIN = datetime(2026, 3, 16, 5, tzinfo=UTC)
"""When the org stands as it was planned: midnight in New York. The day that is played into it follows."""

LAST_STAGE, WON, LOST = 4, 5, 6
"""Stages are 0 to 4, then won and lost."""
DAYS = 500
HOSTED = 60  # days that meetings and tasks may lie ahead
MIX = ("meeting",) * 5 + ("call",) * 4 + ("mail",) * 8 + ("task",) * 3
BATCH = 20_000
"""Rows that are loaded at once, for as long as they have to be looked at again."""
ROLES = ("authority", "champion", "technical", "unassigned", "unassigned")
FIRST = ("Ada", "Bo", "Cleo", "Dana", "Eli", "Fay", "Gus", "Hana", "Ira", "Jo")
TITLES = ("VP Operations", "IT Lead", "Buyer", "Chief Financial Officer", "Plant Manager")
SUBJECTS = ("Pricing", "Product demo", "Weekly call", "Contract questions", "Introduction", "Evaluation plan")

Field = Literal["stage", "amount", "close"]
Value = int | date
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows of each kind; the history is one row for the beginning of each deal and one for each change."""

    deals: int = 100_000
    people: int = 250_000
    companies: int = 60_000
    links: int = 300_000
    activities: int = 1_000_000
    history: int = 500_000
    quotes: int = 20_000
    owners: int = 400

    def scaled(self, divisor: int) -> Size:
        """The same shape, smaller."""
        return Size(*(max(getattr(self, field.name) // divisor, 1) for field in fields(self)))


def batches(rows: Iterable[T]) -> Iterator[list[T]]:
    """The rows, so many at once."""
    left = iter(rows)
    while batch := list(islice(left, BATCH)):
        yield batch


class Company(NamedTuple):
    """A buying company."""

    n: int
    created: datetime
    modified: datetime

    @property
    def domain(self) -> str:
        """Where its people have their mail."""
        return f"company{self.n}.example"


class Person(NamedTuple):
    """A contact of a company."""

    n: int
    company: int
    first: str
    title: str
    created: datetime
    modified: datetime

    @property
    def last(self) -> str:
        """Unique, for whoever looks for somebody."""
        return f"Invented{self.n}"

    @property
    def address(self) -> str:
        """Unique as well."""
        return address(self.n, self.company)


def address(person: int, company: int) -> str:
    """The mail address of a contact."""
    return f"person{person}@company{company}.example"


class Change(NamedTuple):
    """What a field of a deal was set to, and when."""

    field: Field
    at: datetime
    value: Value


class Deal(NamedTuple):
    """A deal as it began, and everything that happened to it since."""

    n: int
    company: int
    owner: int
    created: datetime
    modified: datetime
    stage: int
    amount: int
    close: date
    changes: tuple[Change, ...]

    def states(self) -> Iterator[tuple[datetime, dict[str, Value]]]:
        """The fields at the beginning and after each change."""
        now: dict[str, Value] = {"stage": self.stage, "amount": self.amount, "close": self.close}
        yield self.created, dict(now)
        for change in self.changes:
            now[change.field] = change.value
            yield change.at, dict(now)

    def now(self) -> dict[str, Value]:
        """The fields at the end."""
        *_, (_, last) = self.states()
        return last


class Link(NamedTuple):
    """A person's role on a deal."""

    deal: int
    person: int
    role: str
    created: datetime


class Activity(NamedTuple):
    """A meeting, call, mail or task with one to three people, usually about one deal."""

    kind: str
    company: int
    deal: int | None
    people: tuple[int, ...]
    owner: int
    subject: str
    at: datetime
    created: datetime
    incoming: bool

    @property
    def over(self) -> bool:
        """Whether it has happened, or is only planned."""
        return self.created >= self.at

    @property
    def addresses(self) -> list[str]:
        """Where its people have their mail."""
        return [address(person, self.company) for person in self.people]


class Quote(NamedTuple):
    """A quote for a deal."""

    n: int
    deal: int
    amount: int
    created: datetime
    sent: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """Draws the rows of each kind; any of them may be drawn again."""

    size: Size = Size()
    seed: int = 7
    at: datetime = BEGIN

    def companies(self) -> Iterator[Company]:
        """Buying companies."""
        dice = self._dice("companies")
        for n in range(self.size.companies):
            yield Company(n, *self._stamps(dice))

    def people(self) -> Iterator[Person]:
        """Contacts: four or five to a company."""
        dice = self._dice("people")
        for n in range(self.size.people):
            company = n % self.size.companies
            yield Person(n, company, dice.choice(FIRST), dice.choice(TITLES), *self._stamps(dice))

    def deals(self) -> Iterator[Deal]:
        """Deals, every other one open, each with its share of the history."""
        dice = self._dice("deals")
        changes = self.size.history // self.size.deals - 1
        for n in range(self.size.deals):
            yield self._deal(n, changes - 2 + n % 5, dice=dice)

    def links(self) -> Iterator[Link]:
        """Roles: as many people to each deal."""
        dice = self._dice("links")
        for n in range(self.size.links):
            deal = n % self.size.deals
            person = self.staff(deal % self.size.companies)[n // self.size.deals]
            yield Link(deal, person, dice.choice(ROLES), self._ago(dice))

    def activities(self) -> Iterator[Activity]:
        """Activities: most of them lately, and most of them about few deals."""
        dice = self._dice("activities")
        for _ in range(self.size.activities):
            yield self.activity(dice)

    def activity(self, dice: Random) -> Activity:
        """One activity, which was entered when it happened unless it lies ahead."""
        kind = dice.choice(MIX)
        deal = int(dice.random() ** 1.5 * self.size.deals)
        company = deal % self.size.companies
        staff = self.staff(company)
        people = dice.sample(staff, min(dice.choice((1, 1, 1, 2, 2, 3)), len(staff)))
        at = created = self._ago(dice, skew=2)
        if kind in ("meeting", "task") and dice.random() < 0.02:
            at = self.at + timedelta(days=dice.randrange(1, HOSTED), hours=dice.randrange(12))
        return Activity(
            kind=kind,
            company=company,
            deal=None if dice.random() < 0.05 else deal,
            people=tuple(people),
            owner=dice.randrange(self.size.owners),
            subject=dice.choice(SUBJECTS),
            at=at,
            created=created,
            incoming=dice.random() < 0.4,
        )

    def quotes(self) -> Iterator[Quote]:
        """Quotes, one to a deal at most."""
        dice = self._dice("quotes")
        for n in range(self.size.quotes):
            deal = n * self.size.deals // self.size.quotes
            yield Quote(n, deal, dice.randrange(1, 800) * 500, self._ago(dice), dice.random() < 0.8)

    def staff(self, company: int) -> Sequence[int]:
        """The people of a company."""
        return range(company, self.size.people, self.size.companies)

    def _dice(self, kind: str) -> Random:
        return Random(f"{self.seed} {kind}")

    def _ago(self, dice: Random, *, skew: int = 1) -> datetime:
        """An instant within the last DAYS, in whole seconds."""
        return self.at - timedelta(seconds=60 + int(dice.random() ** skew * DAYS * 86_400))

    def _stamps(self, dice: Random) -> tuple[datetime, datetime]:
        """Of creation, and of the last change: never changed in half of the cases."""
        created, modified = self._ago(dice), self._ago(dice)
        return created, max(created, modified) if dice.random() < 0.5 else created

    def _deal(self, n: int, changes: int, *, dice: Random) -> Deal:
        created = self.at - timedelta(days=5 + dice.randrange(DAYS), seconds=dice.randrange(86_400))
        times = sorted(dice.sample(range(60, int((self.at - created).total_seconds())), changes))
        amount, close = dice.randrange(1, 800) * 500, created.date() + timedelta(days=dice.randrange(30, 300))
        stage = dice.randrange(3)
        return Deal(
            n=n,
            company=n % self.size.companies,
            owner=dice.randrange(self.size.owners),
            created=created,
            modified=created + timedelta(seconds=times[-1]) if times else created,
            stage=stage,
            amount=amount,
            close=close,
            changes=tuple(self._changes(dice, created, times=times, state=(stage, amount, close), open_=n % 2 == 0)),
        )

    @staticmethod
    def _changes(
        dice: Random, created: datetime, *, times: Sequence[int], state: tuple[int, int, date], open_: bool
    ) -> Iterator[Change]:
        stage, amount, close = state
        for number, seconds in enumerate(times, start=1):
            at = created + timedelta(seconds=seconds)
            if number == len(times) and not open_:
                yield Change("stage", at, dice.choice((WON, LOST)))
                return
            chance = dice.random()
            if chance < 0.5 and stage < LAST_STAGE:
                stage += 1
                yield Change("stage", at, stage)
            elif chance < 0.85:
                close += timedelta(days=dice.randrange(7, 60))
                yield Change("close", at, close)
            else:
                amount += dice.randrange(1, 40) * 500
                yield Change("amount", at, amount)
