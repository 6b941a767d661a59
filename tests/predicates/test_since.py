"""How long ago something was."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from crm_audit.domain import STRENGTH, Record
from tests.builders import around, ask, at, change, deal, event, link, proof


def scene(*more: Record, **changes: object) -> list[Record]:
    return [*around(), deal("d1", 5, **changes), link("lee", "champion"), *more]


def since(of: str, most: int = 30) -> dict[str, dict[str, object]]:
    return {"since": {"of": of, "max": most}}


STAGE: dict[str, tuple[list[Record], int]] = {
    "no move: from creation": ([], 100),
    "the entry": ([change("stage", 40, "Propose", "Negotiate")], 40),
    "the last entry": (
        [
            change("stage", 40, "Propose", "Negotiate"),
            change("stage", 20, "Negotiate", "Propose"),
            change("stage", 9, "Propose", "Negotiate"),
        ],
        9,
    ),
    "a move elsewhere is no entry": ([change("stage", 9, "Discover", "Propose")], 100),
    "an entry that was taken for a move": ([change("stage", 9, "Negotiate", "Negotiate")], 100),
    "an entry by our own user": ([change("stage", 9, "Propose", "Negotiate", by="robot")], 100),
    "an entry tomorrow": ([change("stage", -1, "Propose", "Negotiate")], 100),
    "opened again": ([change("stage", 9, "Lost", "Negotiate")], 9),
    "another field": ([change("amount", 9, "1", "2")], 100),
}


@pytest.mark.parametrize(("rows", "days"), STAGE.values(), ids=STAGE)
def test_days_in_the_stage(rows: list[Record], days: int) -> None:
    records = scene(*rows, created=at(100))
    assert proof(records, since("stage")).steps[0].observed["days"] == days
    assert ask(records, since("stage", days)) == ("holds", None)
    assert ask(records, since("stage", days - 1)) == ("fails", "old")


@pytest.mark.parametrize(
    ("entered", "days"),
    [
        (datetime(2026, 3, 8, 4, 59, 59, tzinfo=UTC), 9),  # Saturday, 23:59:59 in New York
        (datetime(2026, 3, 8, 5, 0, tzinfo=UTC), 8),  # Sunday, a day of 23 hours
        (datetime(2026, 3, 9, 3, 59, 59, tzinfo=UTC), 8),
        (datetime(2026, 3, 9, 4, 0, tzinfo=UTC), 7),
    ],
)
def test_days_are_calendar_days_also_where_clocks_change(entered: datetime, days: int) -> None:
    records = scene(change("stage", 0, "Propose", "Negotiate", at=entered))
    assert proof(records, since("stage")).steps[0].observed["days"] == days


def test_the_limit_may_differ_by_rung() -> None:
    asked = {"since": {"of": "stage", "max": {1: 30, 4: 45, 5: 29}}}
    records = scene(change("stage", 30, "Propose", "Negotiate"))
    assert [ask(records, asked, rung)[0] for rung in range(6)] == ["holds"] * 5 + ["fails"]


@pytest.mark.parametrize(("days", "status"), [(365, "holds"), (366, "fails")])
def test_since_creation(days: int, status: str) -> None:
    assert ask(scene(created=at(days)), since("created", 365))[0] == status


@pytest.mark.parametrize("field", ["close_date", "amount", "next_step"])
def test_since_a_field_changed(field: str) -> None:
    old = scene(change(field, 21, "1", "2"), created=at(100))
    assert ask(old, since(field, 21)) == ("holds", None)
    assert ask(old, since(field, 20)) == ("fails", "old")
    assert ask(scene(created=at(100)), since(field, 99)) == ("fails", "old")  # never changed: from creation
    assert ask(scene(change(field, 21, "2", "2"), created=at(100)), since(field, 99)) == ("fails", "old")


def test_since_the_last_buyer_act() -> None:
    assert ask(scene(event("email_in", 30, "lee")), since("buyer_act")) == ("holds", None)
    assert ask(scene(event("email_in", 31, "lee")), since("buyer_act")) == ("fails", "old")
    assert ask(scene(event("email_out", 3, "lee")), since("buyer_act")) == ("fails", "none")
    assert ask(scene(event("email_in", 3, "sam")), since("buyer_act")) == ("fails", "none")
    assert ask(scene(event("email_in", -3, "lee")), since("buyer_act")) == ("fails", "none")


@pytest.mark.parametrize("kind", sorted(STRENGTH))
def test_since_one_kind_of_event(kind: str) -> None:
    other = "email_in" if kind != "email_in" else "call_connected"
    assert ask(scene(event(kind, 3, "lee")), since(kind)) == ("holds", None)
    assert ask(scene(event(other, 3, "lee")), since(kind)) == ("fails", "none")


def test_an_event_that_no_source_can_show_is_unknown() -> None:
    dead = frozenset({"esign_viewed", "esign_completed"})
    assert ask(scene(), since("esign_viewed"), unconnected=dead) == ("unknown", "no_source")
    assert ask(scene(), since("buyer_act"), unconnected=frozenset(STRENGTH)) == ("unknown", "no_source")
    assert ask(scene(), since("buyer_act"), unconnected=dead) == ("fails", "none")


@pytest.mark.parametrize(
    ("of", "hidden", "reason"),
    [
        ("stage", "history", "unmapped"),
        ("amount", "history", "unmapped"),
        ("amount", "amount", "unmapped"),
        ("close_date", "close_date", "unmapped"),
        ("buyer_act", "contacts", "unmapped"),
        ("email_in", "contacts", "unmapped"),
    ],
)
def test_what_is_hidden_is_unknown(of: str, hidden: str, reason: str) -> None:
    assert ask(scene(), since(of), unmapped=frozenset({hidden})) == ("unknown", reason)


def test_creation_needs_no_history() -> None:
    assert ask(scene(created=at(3)), since("created"), unmapped=frozenset({"history"})) == ("holds", None)
