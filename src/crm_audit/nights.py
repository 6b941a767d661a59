"""Which night of a connection is due: at most one per local date, whatever the clocks do. Pure.

A night is named by the local date on which its time of day comes. The ledger of nights remembers what became of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Literal
from zoneinfo import ZoneInfo

State = Literal["running", "done", "partial", "failed", "missed"]

PAUSES = (timedelta(minutes=15), timedelta(hours=1))
"""How long a night that failed rests before it is tried again; after the last of them it stays failed."""

TRIES = len(PAUSES) + 1

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One line of the ledger of nights; instants are aware."""

    connection: str
    day: date
    state: State
    tries: int = 0
    began: datetime | None = None
    ended: datetime | None = None
    run: int | None = None  # of the run ledger, the last that was made for this night
    note: str = ""  # why it is not done
    holder: str = ""  # the process at work
    until: int | None = None  # the holder's lease: seconds since 1970, by the clock of the database
    lost: bool = False  # running, and nobody is at work on it any more


@dataclass(frozen=True, slots=True)
class Timetable:
    """At what time of the day, and in which zone, the nights of a connection begin."""

    at: time
    zone: ZoneInfo

    def begins(self, day: date) -> datetime | None:
        """The instant at which the night of a date begins; None for a date that the zone leaves out.

        A time that comes twice counts the first time. One that the clocks jump over comes as late as the jump is long.
        """
        instant = datetime.combine(day, self.at, self.zone).astimezone(UTC)
        return instant if instant.astimezone(self.zone).date() == day else None

    def latest(self, now: datetime) -> date:
        """The date of the last night that has begun."""
        today = now.astimezone(self.zone).date()
        # One day ahead too: clocks that go back over midnight return to a date whose morrow has begun already.
        days = (today + DAY * number for number in count(1, -1))
        return next(day for day in days if self._has_begun(day, now))

    def following(self, now: datetime) -> datetime:
        """The instant at which the next night begins."""
        later = (self.begins(self.latest(now) + DAY * number) for number in count(1))
        return next(begins for begins in later if begins is not None)

    def _has_begun(self, day: date, now: datetime) -> bool:
        begins = self.begins(day)
        return begins is not None and begins <= now


@dataclass(frozen=True, slots=True)
class Agenda:
    """What is to be done about the nights of a connection at an instant."""

    due: date | None  # to be begun now
    missed: tuple[date, ...]  # gone by while nobody looked, and never to be made up for
    given_up: tuple[Night, ...]  # running by the ledger, but cut off, and not to be tried again


def agenda(timetable: Timetable, known: Sequence[Night], now: datetime) -> Agenda:
    """What is to be done now, given the ledger of these nights."""
    latest = timetable.latest(now)
    by_day = {night.day: night for night in known}
    before = max((day for day in by_day if day < latest), default=latest)
    missed = tuple(day for day in _between(before, latest) if timetable.begins(day) is not None)
    given_up = tuple(night for night in known if night.lost and (night.day < latest or night.tries >= TRIES))
    return Agenda(latest if _open(by_day.get(latest), now) else None, missed, given_up)


def _open(night: Night | None, now: datetime) -> bool:
    """Whether the latest night is to be begun, for the first time or again."""
    if night is None or night.state == "missed":  # missed, and the latest: a clock ran ahead and was set right
        return True
    if night.state == "running":
        return night.lost and night.tries < TRIES
    again = again_at(night)
    return again is not None and again <= now


def again_at(night: Night) -> datetime | None:
    """From when on a night that failed may be tried again; None where it may not."""
    if night.state != "failed" or night.ended is None or night.tries >= TRIES:
        return None
    return night.ended + PAUSES[max(night.tries, 1) - 1]


def _between(first: date, last: date) -> Iterable[date]:
    """The dates between two, without either."""
    return (first + DAY * number for number in range(1, (last - first).days))
