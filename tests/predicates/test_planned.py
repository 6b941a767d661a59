"""A meeting or a task that lies ahead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crm_audit.domain import STRENGTH, Event, Record
from tests.builders import NOW, ago, around, ask, deal, event, link, proof

SOON = {"planned": {"within": 14}}


def scene(*more: Record) -> list[Record]:
    return [*around(), deal(), link("lee", "champion"), *more]


def meeting(days: int, *people: str, **changes: object) -> Event:
    return event("meeting_held", days, *people, on="d1", **changes)


def task(days: int, *people: str) -> Event:
    return event("task_open", days, *people, at=ago(days))


AHEAD: dict[str, tuple[list[Record], tuple[str, str | None]]] = {
    "nothing": ([], ("fails", "none")),
    "a meeting in a fortnight": ([meeting(-14, "lee")], ("holds", None)),
    "a day later": ([meeting(-15, "lee")], ("fails", "too_far")),
    "the nearest counts": ([meeting(-15, "lee"), meeting(-2, "lee")], ("holds", None)),
    "a meeting in a minute": ([meeting(0, "lee", at=NOW + timedelta(minutes=1))], ("holds", None)),
    "a meeting that has begun": ([meeting(0, "lee", at=NOW)], ("fails", "none")),
    "a meeting yesterday": ([meeting(1, "lee")], ("fails", "none")),
    "a meeting all of today": ([meeting(0, "lee", at=ago(0))], ("holds", None)),
    "a meeting that was called off": ([meeting(-2, "lee", outcome="CANCELED")], ("fails", "none")),
    "a task due today": ([task(0, "lee")], ("holds", None)),
    "a task due in a fortnight": ([task(-14, "lee")], ("holds", None)),
    "an overdue task": ([task(1, "lee")], ("fails", "none")),
    "a task about nobody": ([task(-3)], ("holds", None)),
    "a meeting with nobody named": ([meeting(-3)], ("holds", None)),
    "a meeting with somebody who is not on the deal": ([meeting(-3, "sam")], ("holds", None)),
    "a mail that will be sent": ([event("email_out", -3, "lee")], ("fails", "none")),
    "a task of another deal": ([deal("d2"), event("task_open", -3, "lee", on="d2")], ("fails", "none")),
    "a task of no deal": ([event("task_open", -3, "lee", on=())], ("fails", "none")),
}


@pytest.mark.parametrize(("more", "outcome"), AHEAD.values(), ids=AHEAD)
def test_what_lies_ahead(more: list[Record], outcome: tuple[str, str | None]) -> None:
    assert ask(scene(*more), SOON) == outcome


def test_only_the_kinds_that_are_asked_for() -> None:
    meetings, tasks = ({"planned": {"kinds": [kind], "within": 14}} for kind in ("meeting", "task"))
    assert ask(scene(task(-3, "lee")), meetings) == ("fails", "none")
    assert ask(scene(task(-3, "lee")), tasks) == ("holds", None)
    assert ask(scene(meeting(-3, "lee")), tasks) == ("fails", "none")


def test_the_last_day_is_the_organisations() -> None:
    last = datetime(2026, 3, 31, 3, 59, 59, tzinfo=UTC)  # 30 March in New York, 14 days on
    assert ask(scene(meeting(0, "lee", at=last)), SOON) == ("holds", None)
    assert ask(scene(meeting(0, "lee", at=last + timedelta(seconds=1))), SOON) == ("fails", "too_far")


def test_a_window_may_differ_by_rung() -> None:
    asked = {"planned": {"within": {3: 30, 5: 14}}}
    assert [ask(scene(meeting(-20, "lee")), asked, rung)[0] for rung in (3, 4, 5)] == ["holds", "holds", "fails"]


def test_without_a_calendar_nobody_knows() -> None:
    dead = frozenset({"meeting_held", "task_open"})
    assert ask(scene(), SOON, unconnected=dead) == ("unknown", "no_source")
    assert ask(scene(meeting(-3, "lee")), SOON, unconnected=dead) == ("holds", None)
    assert ask(scene(), SOON, unconnected=frozenset(STRENGTH) - {"task_open"}) == ("fails", "none")


def test_who_is_on_the_deal_does_not_matter() -> None:
    assert ask(scene(task(-3, "lee")), SOON, unmapped=frozenset({"contacts", "roles"})) == ("holds", None)


def test_what_lies_ahead_need_not_be_completed() -> None:
    for outcome, status in ((None, "holds"), ("SCHEDULED", "holds"), ("RESCHEDULED", "fails"), ("CANCELED", "fails")):
        assert ask(scene(meeting(-3, "lee", outcome=outcome)), SOON, strict_meetings=True)[0] == status


def test_it_tells_how_soon() -> None:
    seen = proof(scene(meeting(-9, "lee"), task(-11, "lee")), SOON).steps[0].observed
    assert dict(seen) == {"days": 9, "limit": 14}
