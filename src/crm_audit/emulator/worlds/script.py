"""A world in the order in which it happened, for a CRM that knows only its own present."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Protocol, TypeVar

from crm_audit.domain import HISTORY_FIELDS, Change, Company, Deal, Event, Link, Person, Recheck
from crm_audit.emulator.clock import Clock
from crm_audit.emulator.worlds.facts import by_task
from crm_audit.emulator.worlds.past import present
from crm_audit.emulator.worlds.plot import Plot

M = TypeVar("M", Company, Person)

Do = Callable[[], None]


class Loader(Protocol):
    """What happens in a CRM, told in our words; each call happens at the CRM's present."""

    def company(self, row: Company) -> None:
        """A company is entered."""

    def person(self, row: Person) -> None:
        """A contact is entered."""

    def leaves(self, row: Person) -> None:
        """Somebody notes the day on which a contact leaves."""

    def deal(self, row: Deal, first: Mapping[str, str | None]) -> None:
        """A deal is created; `first` has what its fields held before their history began."""

    def change(self, row: Change) -> None:
        """A field of a deal is changed."""

    def enters(self, row: Link) -> None:
        """A contact is given a role on a deal."""

    def withdraws(self, row: Link) -> None:
        """The role is taken away."""

    def event(self, row: Event) -> None:
        """An activity is recorded, past or planned."""

    def asked(self, row: Recheck, *, task: bool) -> None:
        """A re-check is noted: in the date field of its topics, or as a task."""

    def merges(self, loser: Company | Person) -> None:
        """A record is merged into the one that `merged_into` names."""

    def deletes(self, row: Person) -> None:
        """A contact is deleted."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that happens; of what happens at once, the lower rank comes first."""

    at: datetime
    rank: int
    do: Do


@dataclass(frozen=True, slots=True)
class Script:
    """All that happens; `looks` are the moments at which a pull must see what is about to go."""

    acts: tuple[Act, ...]
    looks: tuple[datetime, ...]
    ending: tuple[Do, ...]  # merges and deletions: nobody knows when, so between the last two pulls
    as_of: datetime

    def play(self, clock: Clock, look: Do) -> None:
        """Let it happen, with a pull before and after whatever disappears; the clock ends at the audit."""
        pulls = [Act(at, LOOKING, look) for at in self.looks]
        for act in sorted((*self.acts, *pulls), key=lambda act: (act.at, act.rank)):
            clock.set(act.at)
            act.do()
        clock.set(self.as_of)
        if self.ending:
            look()
        for do in self.ending:
            do()
        look()


RECORDS, DEALS, ENDS, ROLES, HAPPENINGS, LOOKING = range(6)


def script(plot: Plot, loader: Loader) -> Script:
    """The script of a world as the loader's CRM can hold it."""
    return Script(
        acts=(*_records(plot, loader), *_roles(plot, loader), *_happenings(plot, loader)),
        looks=tuple(_looks(plot)),
        ending=tuple(_ending(plot, loader)),
        as_of=plot.world.as_of,
    )


def _records(plot: Plot, loader: Loader) -> Iterator[Act]:
    for company in plot.all(Company):
        yield Act(plot.earliest, RECORDS, partial(loader.company, company))
    for person in plot.all(Person):
        yield Act(plot.earliest, RECORDS, partial(loader.person, person))
        if person.left_on is not None:
            yield Act(_within(plot, plot.midnight(person.left_on)), HAPPENINGS, partial(loader.leaves, person))
    began = {(row.deal, row.field): row.old for row in reversed(plot.all(Change))}
    for deal in plot.all(Deal):
        first = {field: began.get((deal.id, field), present(deal, field)) for field in HISTORY_FIELDS}
        yield Act(_within(plot, deal.created), DEALS, partial(loader.deal, deal, first))


def _roles(plot: Plot, loader: Loader) -> Iterator[Act]:
    for link in plot.all(Link):
        yield Act(plot.begins(link), ROLES, partial(loader.enters, link))
        if _gone(plot, link):
            yield Act(plot.ends(link), ENDS, partial(loader.withdraws, link))


def _looks(plot: Plot) -> Iterator[datetime]:
    """Noon of the day before and of the day on which a role is gone: the store dates its end by the pull."""
    ends = {link.valid_to for link in plot.all(Link) if link.valid_to and _gone(plot, link)}
    days = {day for end in ends for day in (end - timedelta(days=1), end)}
    for day in sorted(days):
        noon = datetime.combine(day, time(12), plot.zone).astimezone(UTC)
        if noon < plot.world.as_of:
            yield noon


def _gone(plot: Plot, link: Link) -> bool:
    return link.valid_to is not None and link.valid_to <= plot.today


def _happenings(plot: Plot, loader: Loader) -> Iterator[Act]:
    for event in plot.all(Event):
        at = event.recorded_at or (event.at if isinstance(event.at, datetime) else plot.noon(event.at))
        yield Act(_within(plot, at, *event.deals), HAPPENINGS, partial(loader.event, event))
    for change in plot.all(Change):
        yield Act(_within(plot, change.at, change.deal), HAPPENINGS, partial(loader.change, change))
    for row in plot.all(Recheck):
        note = partial(loader.asked, row, task=by_task(row, plot))
        yield Act(_within(plot, plot.midnight(row.on), row.deal), HAPPENINGS, note)


def _within(plot: Plot, at: datetime | None, *deals: str) -> datetime:
    """The instant, but within the world's time and not before the deals are there."""
    created = [plot.deals[deal].created for deal in deals if deal in plot.deals]
    known = [one for one in (plot.earliest, at, *created) if one is not None]
    return min(max(known), plot.world.as_of)


def _ending(plot: Plot, loader: Loader) -> Iterator[Do]:
    yield from (partial(loader.merges, row) for row in innermost_first(plot.all(Company)))
    yield from (partial(loader.merges, row) for row in innermost_first(plot.all(Person)))
    for person in plot.all(Person):
        if person.deleted and not person.merged_into:
            yield partial(loader.deletes, person)


def innermost_first(rows: Sequence[M]) -> Iterator[M]:
    """The losers of merges, each after those that were merged into it: a record that is gone absorbs nothing."""
    left = {row.id: row for row in rows if row.merged_into is not None}
    while left:
        targets = {row.merged_into for row in left.values()}
        ready = [row for row in left.values() if row.id not in targets] or list(left.values())
        yield from ready
        left = {id_: row for id_, row in left.items() if row not in ready}
