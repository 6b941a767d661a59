"""The smallest world that still shows something: rows and optional keys are left out as long as it does."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

from .slow_facts import World

ROWS = ("events", "history", "assessments", "links", "unmapped", "unconnected")

OPTIONAL = {
    "events": ("outcome", "declined", "ends_at", "quoted_amount", "quoted_currency", "auto", "recorded_at"),
    "links": ("from", "to", "recorded_at"),
    "history": ("by", "recorded_at"),
    "assessments": ("by", "recorded_at"),
    "contacts": ("left_at", "deleted", "merged_into"),
    "companies": ("merged_into", "fit_score"),
    "deals": ("solution_fit",),
}


def smaller(world: World, shows: Callable[[World], bool]) -> World:
    """A world from which nothing more can be left out without it no longer showing what `shows` looks for."""
    for candidate in candidates(world):
        if shows(candidate):
            return smaller(candidate, shows)
    return world


def candidates(world: World) -> Iterator[World]:
    """The world less one deal, one row, one optional key, or one contact or company that nothing points to."""
    yield from (_without_deal(world, deal["id"]) for deal in world["deals"])
    yield from (_without_row(world, table, place) for table in ROWS for place in range(len(world[table])))
    for table, keys in OPTIONAL.items():
        present = [(place, key) for place, row in enumerate(world[table]) for key in keys if key in row]
        yield from (_without_key(world, table, place, key) for place, key in present)
    pointed = pointed_at(world)
    for table in ("contacts", "companies"):
        alone = [place for place, row in enumerate(world[table]) if row["id"] not in pointed]
        yield from (_without_row(world, table, place) for place in alone)


def pointed_at(world: World) -> set[str]:
    """The ids of contacts and companies that some row names."""
    rows = [*world["contacts"], *world["companies"], *world["deals"], *world["links"], *world["events"]]
    named = [row.get(key) for row in rows for key in ("merged_into", "company", "contact")]
    return {*filter(None, named), *(who for e in world["events"] for who in (*e["contacts"], *e.get("declined", [])))}


def _without_deal(world: World, deal_id: str) -> World:
    less = copy.deepcopy(world)
    for table, key in (("deals", "id"), ("links", "deal"), ("history", "deal"), ("assessments", "deal")):
        less[table] = [row for row in less[table] if row[key] != deal_id]
    less["events"] = [event for event in less["events"] if deal_id not in (event.get("deals") or [event.get("deal")])]
    return less


def _without_row(world: World, table: str, place: int) -> World:
    less = copy.deepcopy(world)
    del less[table][place]
    return less


def _without_key(world: World, table: str, place: int, key: str) -> World:
    less = copy.deepcopy(world)
    del less[table][place][key]
    return less
