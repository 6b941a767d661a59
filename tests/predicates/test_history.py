"""How often a field changed in a certain way: pushes, rises, falls, steps back and jumps."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from crm_audit.domain import Change, Record
from crm_audit.predicates import PREDICATES
from tests.builders import NOW, ago, around, ask, at, change, deal, proof, stages

PUSHES = {"history": {"field": "close_date", "change": "later", "days": 7, "max": 0}}


def day(text: str) -> datetime:
    return datetime.fromisoformat(text)


def scene(*rows: Change, **deal_changes: object) -> list[Record]:
    return [*around(), deal("d1", 5, **deal_changes), *rows]


def counted(records: list[Record], asked: dict[str, Any], **of: object) -> object:
    return proof(records, {"history": {"max": 0, **asked}}, 5, when=None, as_of=NOW, **of).steps[0].observed["n"]


def close(days: int, old: str | None, new: str | None, **changes: object) -> Change:
    return change("close_date", days, old, new, "d1", **changes)


MOVES: dict[str, tuple[list[Change], int]] = {
    "never": ([], 0),
    "a week later": ([close(9, "2026-03-01", "2026-03-08")], 1),
    "six days later": ([close(9, "2026-03-01", "2026-03-07")], 0),
    "earlier": ([close(9, "2026-03-08", "2026-03-01")], 0),
    "there and back is still a push": (
        [close(9, "2026-03-01", "2026-03-31"), close(8, "2026-03-31", "2026-03-01")],
        1,
    ),
    "there and back on one day is none": (
        [
            close(9, "2026-03-01", "2026-03-31", at=day("2026-03-07T14:00:00Z")),
            close(9, "2026-03-31", "2026-03-01", at=day("2026-03-07T15:00:00Z")),
        ],
        0,
    ),
    "four days and four days on one day are one": (
        [
            close(9, "2026-03-01", "2026-03-05", at=day("2026-03-07T14:00:00Z")),
            close(9, "2026-03-05", "2026-03-09", at=day("2026-03-07T15:00:00Z")),
        ],
        1,
    ),
    "four days and four days on two days are none": (
        [close(9, "2026-03-01", "2026-03-05"), close(8, "2026-03-05", "2026-03-09")],
        0,
    ),
    "one local day although two of UTC": (
        [
            close(9, "2026-03-01", "2026-03-05", at=day("2026-03-08T04:30:00Z")),
            close(9, "2026-03-05", "2026-03-09", at=day("2026-03-07T23:00:00Z")),
        ],
        0,  # first old 5 March, last new 5 March
    ),
    "from nothing to a date": ([close(9, None, "2026-03-31")], 0),
    "from a date to nothing": ([close(9, "2026-03-01", None)], 0),
    "to the same date": ([close(9, "2026-03-01", "2026-03-01")], 0),
    "in the future": ([close(-1, "2026-03-01", "2026-03-31")], 0),
    "by our own user": ([close(9, "2026-03-01", "2026-03-31", by="robot")], 0),
    "another field": ([change("next_step", 9, "2026-03-01", "2026-03-31")], 0),
    "another deal": ([change("close_date", 9, "2026-03-01", "2026-03-31", "d2")], 0),
    "before the deal was made": ([close(200, "2026-03-01", "2026-03-31")], 0),
    "instants of one local week": ([close(9, "2026-03-02T04:59:59Z", "2026-03-08T05:00:00Z")], 1),
    "instants six local days apart": ([close(9, "2026-03-02T05:00:00Z", "2026-03-09T03:59:59Z")], 0),
    "midnight UTC to midnight UTC": ([close(9, "2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z")], 1),
}


@pytest.mark.parametrize(("rows", "n"), MOVES.values(), ids=MOVES)
def test_a_push_is_a_net_move_later_by_a_week(rows: list[Change], n: int) -> None:
    assert counted(scene(*rows), {"field": "close_date", "change": "later", "days": 7}) == n


@pytest.mark.parametrize(("pushes", "status"), [(2, "holds"), (3, "fails")])
def test_so_many_are_allowed(pushes: int, status: str) -> None:
    rows = [close(20 - n, "2026-03-01", "2026-03-20") for n in range(pushes)]
    asked = {"history": {"field": "close_date", "change": "later", "days": 7, "max": 2}}
    assert ask(scene(*rows), asked) == (status, None if status == "holds" else "count")


def test_the_number_allowed_may_differ_by_rung() -> None:
    row = close(9, "2026-03-01", "2026-03-20")
    asked = {"history": {"field": "close_date", "change": "later", "max": {3: 1, 5: 0}}}
    assert ask(scene(row), asked, 4)[0] == "holds"
    assert ask(scene(row), asked, 5)[0] == "fails"


def reopened(days: int) -> list[Change]:
    return [change("stage", 60, "Evaluate", "Lost"), change("stage", days, "Lost", "Evaluate")]


@pytest.mark.parametrize(("span", "n"), [("open", 1), ("all", 3), (30, 2), (29, 1), (1, 0)])
def test_what_span_is_counted(span: str | int, n: int) -> None:
    rows = [close(d, "2026-03-01", "2026-03-20") for d in (70, 30, 10)]
    asked = {"field": "close_date", "change": "later", "days": 7, "span": span}
    assert counted(scene(*rows, *reopened(20)), asked) == n


def test_a_deal_that_was_won_and_opened_again_begins_anew() -> None:
    rows = [close(30, "2026-03-01", "2026-03-20"), change("stage", 25, "Negotiate", "Won")]
    again = change("stage", 20, "Won", "Negotiate")
    asked = {"field": "close_date", "change": "later"}
    assert counted(scene(*rows), asked) == 1
    assert counted(scene(*rows, again), asked) == 0


def test_the_last_reopening_counts() -> None:
    twice = [*reopened(40), change("stage", 30, "Evaluate", "Lost"), change("stage", 10, "Lost", "Evaluate")]
    rows = [close(d, "2026-03-01", "2026-03-20") for d in (35, 5)]
    assert counted(scene(*twice, *rows), {"field": "close_date", "change": "later"}) == 1


def test_without_a_day_of_creation_everything_counts() -> None:
    rows = [close(900, "2026-03-01", "2026-03-20")]
    assert counted(scene(*rows, created=None), {"field": "close_date", "change": "later"}) == 1


AMOUNTS: dict[str, tuple[str | None, str | None, int, int]] = {
    # old, new, rises, falls
    "up": ("100", "100.01", 1, 0),
    "down": ("100", "99.99", 0, 1),
    "more digits, the same": ("100", "100.00", 0, 0),
    "as numbers and not as text": ("99", "100", 1, 0),
    "from nothing": (None, "100", 0, 0),
    "to nothing": ("100", None, 0, 0),
    "below zero": ("-1", "-2", 0, 1),
}


@pytest.mark.parametrize(("old", "new", "rises", "falls"), AMOUNTS.values(), ids=AMOUNTS)
def test_rises_and_falls(old: str | None, new: str | None, rises: int, falls: int) -> None:
    records = scene(change("amount", 9, old, new))
    assert counted(records, {"field": "amount", "change": "up"}) == rises
    assert counted(records, {"field": "amount", "change": "down"}) == falls


def walk(*names: str, start: int = 90) -> list[Change]:
    """Stage after stage, ten days apart."""
    return [change("stage", start - 10 * n, old, new) for n, (old, new) in enumerate(pairwise(names))]


STEPS: dict[str, tuple[tuple[str, ...], int, int]] = {
    # stages in order, steps back, jumps
    "one after another": (("Prospect", "Qualify", "Discover", "Evaluate"), 0, 0),
    "one step back": (("Discover", "Evaluate", "Discover"), 1, 0),
    "back and forth twice": (("Discover", "Evaluate", "Discover", "Evaluate", "Discover"), 2, 0),
    "two rungs back at once": (("Evaluate", "Qualify"), 1, 0),
    "over one rung": (("Discover", "Propose"), 0, 1),
    "over three rungs is one jump": (("Prospect", "Propose"), 0, 1),
    "over a rung that was visited": (("Discover", "Evaluate", "Discover", "Propose"), 1, 0),
    "over a visited and an unvisited rung": (("Discover", "Evaluate", "Qualify", "Propose"), 1, 0),
    "over one unvisited of two": (("Evaluate", "Qualify", "Propose"), 1, 1),
    "lost is no step back": (("Evaluate", "Lost"), 0, 0),
    "to a stage that is not mapped": (("Evaluate", "Odd", "Discover"), 0, 0),
    "opened again at a lower rung": (("Propose", "Lost", "Discover"), 0, 0),
    "opened again, then over a rung it knew before": (("Discover", "Evaluate", "Lost", "Discover", "Propose"), 0, 1),
}


@pytest.mark.parametrize(("names", "back", "jumps"), STEPS.values(), ids=STEPS)
def test_steps_back_and_jumps(names: tuple[str, ...], back: int, jumps: int) -> None:
    records = scene(*walk(*names))
    assert counted(records, {"field": "stage", "change": "regress"}) == back
    assert counted(records, {"field": "stage", "change": "skip"}) == jumps


def test_a_rung_that_the_pipeline_does_not_have_cannot_be_skipped() -> None:
    short = {"Open": 2, "Quoted": 4, "Said yes": 5}
    rows = walk("Open", "Quoted", "Said yes")
    records = [*around(), *stages("renewal", short), deal(pipeline="renewal", stage="Said yes"), *rows]
    ladders = {"ladders": {"renewal": short}}
    assert counted(records, {"field": "stage", "change": "skip"}, **ladders) == 0
    jump = [*records[: -len(rows)], *walk("Open", "Said yes")]
    assert counted(jump, {"field": "stage", "change": "skip"}, **ladders) == 1


def test_a_ladder_for_any_pipeline_has_its_rungs_too() -> None:
    ladder = {"Open": 2, "Quoted": 4, "Said yes": 5}
    records = [*around(), deal(pipeline="unheard of", stage="Said yes"), *walk("Open", "Said yes")]
    assert counted(records, {"field": "stage", "change": "skip"}, ladders={"*": ladder}) == 1


def test_two_stages_of_one_rung_are_no_step() -> None:
    ladder = {"Try": 3, "Show": 3, "Negotiate": 5}
    records = [*around(), deal(), *walk("Try", "Show", "Try")]
    for kind in ("regress", "skip"):
        assert counted(records, {"field": "stage", "change": kind}, ladders={"new": ladder}) == 0


@pytest.mark.parametrize("hidden", ["history", "close_date"])
def test_hidden_history_is_unknown(hidden: str) -> None:
    rows = [close(d, "2026-03-01", "2026-03-20") for d in (9, 8, 7)]
    for given in ((), rows):
        assert ask(scene(*given), PUSHES, unmapped=frozenset({hidden})) == ("unknown", "unmapped")


def test_hidden_dates_do_not_hide_stages() -> None:
    asked = {"history": {"field": "stage", "change": "regress", "max": 0}}
    assert ask(scene(), asked, unmapped=frozenset({"close_date"})) == ("holds", None)


def test_history_is_read_as_of_the_moment() -> None:
    rows = [close(9, "2026-03-01", "2026-03-20")]
    assert ask(scene(*rows), PUSHES, as_of=at(10)) == ("holds", None)
    assert ask(scene(*rows), PUSHES, as_of=at(9)) == ("fails", "count")


@pytest.mark.parametrize(
    "args",
    [
        {"field": "close_date", "change": "up", "max": 1},
        {"field": "stage", "change": "later", "max": 1},
        {"field": "amount", "change": "skip", "max": 1},
        {"field": "close_date", "change": "later", "max": -1},
        {"field": "close_date", "change": "later", "max": {6: 1}},
        {"field": "close_date", "change": "later", "max": {}},
        {"field": "close_date", "change": "later"},
        {"field": "close_date", "change": "later", "max": 1, "span": 0},
        {"field": "close_date", "change": "later", "max": 1, "days": 0},
    ],
)
def test_what_makes_no_sense_is_refused(args: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PREDICATES["history"].Args.model_validate(args)


def test_ages_and_days_agree() -> None:
    assert at(0).date() == ago(0) == datetime(2026, 3, 16, tzinfo=UTC).date()
