"""A world while it is being drawn: its moment, its chance, and the rows added so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import TypeVar
from zoneinfo import ZoneInfo

from .slow_facts import Row, World

T = TypeVar("T")

LADDERS: dict[str, dict[str, int | str]] = {
    "sf:NewBusiness": {
        "Negotiation/Review": 5,
        "Proposal/Price Quote": 4,
        "Perception Analysis": 3,
        "Value Proposition": 3,
        "Needs Analysis": 2,
        "Qualification": 1,
        "Prospecting": 0,
        "Closed Won": "won",
        "Closed Lost": "lost",
    },
    "sf:Renewal": {"Quoted": 4, "Verbal": 5, "Open": 2, "Renewed": "won", "Gone": "lost"},
    "sf:Partner": {"Signing": 5, "Introduced": 0, "Signed": "won", "Dropped": "lost"},
    "hs:default": {
        "contractsent": 5,
        "decisionmakerboughtin": 4,
        "presentationscheduled": 3,
        "qualifiedtobuy": 2,
        "appointmentscheduled": 1,
        "closedwon": "won",
        "closedlost": "lost",
    },
    "hs:renewals": {"ren_verbal": 5, "ren_quoted": 4, "ren_open": 2, "ren_won": "won", "ren_lost": "lost"},
}
"""Pipelines with and without gaps, for both CRMs; the highest open stage first, because chance shrinks to the first."""

ZONES = (
    "America/New_York",
    "America/Phoenix",
    "Europe/Berlin",
    "Pacific/Kiritimati",  # 14 hours ahead of UTC
    "Pacific/Pago_Pago",  # 11 hours behind it
    "Australia/Lord_Howe",  # daylight saving of half an hour
    "America/Havana",  # daylight saving begins at midnight
    "Asia/Kolkata",
    "UTC",
)

DAYS = (
    date(2026, 3, 16),
    date(2026, 3, 8),  # daylight saving begins in the United States and in Cuba
    date(2026, 3, 29),  # and in Europe
    date(2025, 11, 2),  # and ends in the United States
    date(2025, 10, 26),  # and in Europe
    date(2026, 4, 5),  # and on Lord Howe
    date(2026, 1, 1),
    date(2028, 2, 29),
)

NOON, MIDNIGHT, LAST_SECOND = time(12), time(0), time(23, 59, 59)

WINDOWS = (14, 21, 30, 45, 60, 90, 120, 180)
"""Every window limit of the core pack, in days."""

EDGES = (0, 1, *(days + step for days in WINDOWS for step in (0, -1, 1)))


@dataclass
class Sketch:
    """One world in the making; everything that is left to chance goes through `chance`."""

    chance: Random
    zone: ZoneInfo
    as_of: datetime
    world: World = field(default_factory=dict)

    @property
    def today(self) -> date:
        """The day of the audit in the organisation's zone."""
        return self.as_of.astimezone(self.zone).date()

    def pick(self, among: Sequence[T]) -> T:
        """One of them; the first is the plainest."""
        return among[self.chance.randrange(len(among))]

    def some(self, among: Sequence[T], most: int) -> list[T]:
        """One to `most` different ones of them."""
        count = min(len(among), 1 + self.chance.randrange(most))
        left = list(among)
        return [left.pop(self.chance.randrange(len(left))) for _ in range(count)]

    def once_in(self, times: int) -> bool:
        """True in one of so many cases."""
        return self.chance.randrange(times) == times - 1

    def day(self, age: int) -> str:
        """The date so many days ago; ahead where the age is negative."""
        return (self.today - timedelta(days=age)).isoformat()

    def local(self, age: int, clock: time) -> datetime:
        """A local time of the day so many days ago, as an instant."""
        return datetime.combine(self.today - timedelta(days=age), clock, self.zone).astimezone(UTC)

    def at(self, age: int) -> str:
        """An instant on the day so many days ago: noon or an edge of the day, never after the audit unless ahead."""
        moment = self.local(age, self.pick((NOON, MIDNIGHT, LAST_SECOND)))
        return written(min(moment, self.as_of) if age >= 0 else moment)

    def close_text(self, age: int) -> str:
        """A close date on that day: a date, or (HubSpot) also an instant that reads as that day or its neighbour."""
        if self.world["crm"] == "salesforce":
            return self.day(age)
        forms = (
            self.day(age),
            f"{self.day(age)}T00:00:00Z",
            written(self.local(age, MIDNIGHT)),
            written(self.local(age, LAST_SECOND)),
            f"{self.day(age)}T00:00:01Z",
        )
        return self.pick(forms)

    def edge(self) -> int:
        """An age at, just inside or just outside one of the windows."""
        return self.pick(EDGES)

    def events_of(self, deal: Row) -> list[Row]:
        """The events linked to the deal."""
        return [row for row in self.world["events"] if deal["id"] in (row.get("deals") or [row.get("deal")])]

    def links_of(self, deal: Row) -> list[Row]:
        """The links of the deal."""
        return [row for row in self.world["links"] if row["deal"] == deal["id"]]

    def contact(self, contact_id: str) -> Row:
        """The contact of that id."""
        return next(row for row in self.world["contacts"] if row["id"] == contact_id)


def written(moment: datetime) -> str:
    """An instant in the form of the worlds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def lost(deal: Row) -> str:
    """A stage in which the deal would be lost; where its pipeline is unheard of, a stage that nobody mapped."""
    stages = LADDERS.get(deal["pipeline"], {})
    return next((stage for stage, rung in stages.items() if rung == "lost"), "Lost somewhere")
