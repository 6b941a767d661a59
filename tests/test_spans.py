"""Where the present life of a deal begins."""

from __future__ import annotations

import polars as pl
import pytest

from crm_audit.domain import Change, Record
from crm_audit.scene import Scene, moments
from crm_audit.spans import moves, opened, within_span
from tests.builders import NOW, around, at, change, deal, known


def scene(*rows: Change, days: int = 0, **changes: object) -> Scene:
    records: list[Record] = [*around(), deal("d1", 5, **changes), *rows]
    facts = known(records)
    return Scene(facts, moments(facts, [(0, at(days))]))


def stage(days: int, old: str | None, new: str | None) -> Change:
    return change("stage", days, old, new)


def rungs(seen: Scene) -> list[tuple[object, ...]]:
    return list(moves(seen).select("old_rung", "old_closed", "new_rung", "new_closed").iter_rows())


MOVES = {
    "up": (stage(9, "Discover", "Propose"), (2, False, 4, False)),
    "down": (stage(9, "Propose", "Discover"), (4, False, 2, False)),
    "lost": (stage(9, "Propose", "Lost"), (4, False, None, True)),
    "opened again": (stage(9, "Won", "Propose"), (None, True, 4, False)),
    "from a stage that is gone": (stage(9, "Odd", "Propose"), (None, False, 4, False)),
    "from nowhere": (stage(9, None, "Propose"), (None, False, 4, False)),
}


@pytest.mark.parametrize(("row", "expected"), MOVES.values(), ids=MOVES)
def test_a_move_is_told_in_rungs(row: Change, expected: tuple[object, ...]) -> None:
    assert rungs(scene(row)) == [expected]


def test_moves_come_in_order_and_only_up_to_the_moment() -> None:
    rows = (stage(3, "Propose", "Negotiate"), stage(9, "Discover", "Evaluate"), stage(5, "Evaluate", "Propose"))
    assert moves(scene(*rows))["new"].to_list() == ["Evaluate", "Propose", "Negotiate"]
    assert moves(scene(*rows, days=4))["new"].to_list() == ["Evaluate", "Propose"]


OPENED: dict[str, tuple[list[Change], list[int]]] = {
    "never closed": ([stage(9, "Discover", "Propose")], []),
    "still closed": ([stage(9, "Propose", "Lost")], []),
    "once": ([stage(9, "Propose", "Lost"), stage(4, "Lost", "Propose")], [4]),
    "twice": ([stage(9, "Lost", "Propose"), stage(7, "Propose", "Won"), stage(2, "Won", "Negotiate")], [2]),
    "from lost to won is no opening": ([stage(9, "Lost", "Won")], []),
    "to a stage on no ladder it is one": ([stage(9, "Lost", "Odd")], [9]),
}


@pytest.mark.parametrize(("rows", "days"), OPENED.values(), ids=OPENED)
def test_the_last_way_out_of_a_closed_stage_opens_a_deal(rows: list[Change], days: list[int]) -> None:
    assert opened(scene(*rows))["opened"].to_list() == [at(day) for day in days]


REOPENED = (stage(20, "Propose", "Lost"), stage(10, "Lost", "Negotiate"))
PUSHES = tuple(change("close_date", days, "2026-03-01", "2026-03-20") for days in (200, 30, 15, 10, 5))


@pytest.mark.parametrize(
    ("span", "ages"), [("all", [200, 30, 15, 10, 5]), ("open", [10, 5]), (15, [15, 10, 5]), (5, [5])]
)
def test_rows_of_a_span(span: str | int, ages: list[int]) -> None:
    seen = scene(*REOPENED, *PUSHES)
    rows = seen.changes.filter(pl.col("field") == "close_date")
    assert within_span(rows, seen, span)["at"].to_list() == [at(age) for age in ages]


def test_a_deal_that_was_never_reopened_lives_since_its_creation() -> None:
    seen = scene(*PUSHES, created=at(30))
    rows = seen.changes.filter(pl.col("field") == "close_date")
    assert within_span(rows, seen, "open")["at"].to_list() == [at(age) for age in (30, 15, 10, 5)]


def test_without_moves_there_is_nothing_to_tell() -> None:
    seen = scene()
    assert moves(seen).is_empty()
    assert opened(seen).is_empty()
    assert within_span(seen.changes, seen, "open").is_empty()
    assert seen.moments["as_of"].to_list() == [NOW]
