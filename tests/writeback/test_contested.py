"""What is left alone: a value that never stays, and a place that is written too often."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from crm_audit.connectors.base import Fields, Write, Written
from crm_audit.writeback.contested import A_DAY, CONTESTED, ENOUGH, SPAN, STRIKES, without
from crm_audit.writeback.plan import LeftAlone, Plan

NOW = datetime(2026, 3, 16, 23, 30, tzinfo=UTC)
NIGHT = timedelta(days=1)
THEIRS: Fields = {"finding": "QUIET", "gap": 1}


def write(deal: str = "d1", place: str = "verdict", **after: str | int | None) -> Write:
    return wrote(after, deal, place)


def wrote(after: Fields, deal: str = "d1", place: str = "verdict") -> Write:
    return Write(deal, place, {name: THEIRS.get(name) for name in after}, after)


def past(*values: Mapping[str, str | int | None], every: timedelta = NIGHT) -> list[Written]:
    """One write of these fields a night, the last of them yesterday."""
    return [Written(wrote(each), NOW - every * (len(values) - at)) for at, each in enumerate(values)]


def again(times: int, **after: str | int | None) -> list[Written]:
    return past(*[after] * times)


def planned(*writes: Write, past: list[Written]) -> Plan:
    return without(Plan(writes, 0), past, now=NOW)


@pytest.mark.parametrize("times", range(STRIKES))
def test_a_value_that_did_not_stay_is_written_again(times: int) -> None:
    assert planned(write(finding="Quiet"), past=again(times, finding="Quiet")).writes == (write(finding="Quiet"),)


@pytest.mark.parametrize("times", [STRIKES, STRIKES + 1, 20])
def test_but_not_for_ever(times: int) -> None:
    plan = planned(write(finding="Quiet"), past=again(times, finding="Quiet"))
    assert (plan.writes, plan.left_alone) == ((), (LeftAlone("d1", "verdict", ("finding",), CONTESTED),))


def test_another_value_is_written_at_once() -> None:
    assert planned(write(finding="Silent"), past=again(STRIKES, finding="Quiet")).left_alone == ()


def test_a_value_that_was_wanted_before_another_one_begins_anew() -> None:
    told = past({"finding": "Quiet"}, {"finding": "Quiet"}, {"finding": "Silent"}, {"finding": "Quiet"})
    assert planned(write(finding="Quiet"), past=told).left_alone == ()


def test_the_other_fields_of_the_place_are_written() -> None:
    plan = planned(write(finding="Quiet", gap=2), past=again(STRIKES, finding="Quiet"))
    assert plan.writes == (write(gap=2),)
    assert plan.left_alone == (LeftAlone("d1", "verdict", ("finding",), CONTESTED),)


@pytest.mark.parametrize("other", [{"deal": "d2"}, {"place": "link"}])
def test_another_deal_or_place_has_no_part_in_it(other: dict[str, str]) -> None:
    elsewhere = write(**other, finding="Quiet")
    assert planned(elsewhere, past=again(STRIKES, finding="Quiet")).writes == (elsewhere,)


def test_a_place_that_is_deleted_again_and_again_is_not_made_again() -> None:
    made = Write("d1", "verdict", None, {"key": "d1", "finding": "Quiet"})
    plan = planned(made, past=again(STRIKES, key="d1", finding="Quiet"))
    assert (plan.writes, [each.fields for each in plan.left_alone]) == ((), [("key", "finding")])


def test_who_changes_a_field_once_a_month_is_no_automation() -> None:
    told = past(*[{"finding": "Quiet"}] * 12, every=timedelta(days=30))
    assert planned(write(finding="Quiet"), past=told).left_alone == ()


@pytest.mark.parametrize(("span", "contested"), [(SPAN, True), (SPAN + timedelta(seconds=1), False)])
def test_the_writes_lie_within_a_week_of_one_another(span: timedelta, contested: bool) -> None:
    days = (NOW - span, *[NOW] * (STRIKES - 1))
    told = [Written(write(finding="Quiet"), at) for at in days]
    assert bool(planned(write(finding="Quiet"), past=told).left_alone) is contested


def test_what_is_contested_stays_so_however_long_ago_it_was() -> None:
    told = [Written(each.write, each.at and each.at - timedelta(days=400)) for each in again(STRIKES, finding="Quiet")]
    assert planned(write(finding="Quiet"), past=told).writes == ()


def test_after_an_undo_it_begins_anew() -> None:
    told = [*again(STRIKES, finding="Quiet"), Written(write(finding=None), None)]
    assert planned(write(finding="Quiet"), past=told).left_alone == ()


def test_an_undo_of_the_same_value_is_no_strike() -> None:
    told = [*again(STRIKES - 1, finding="Quiet"), Written(write(finding="Quiet"), None)]
    assert planned(write(finding="Quiet"), past=told).left_alone == ()


@pytest.mark.parametrize(("times", "writes"), [(A_DAY - 1, 1), (A_DAY, 0), (A_DAY + 5, 0)])
def test_a_verdict_that_flips_all_day_waits_for_tomorrow(times: int, writes: int) -> None:
    told = [Written(write(gap=number % 2), NOW - timedelta(minutes=number)) for number in range(times)]
    plan = planned(write(gap=7), past=told)
    assert len(plan.writes) == writes
    assert plan.left_alone == (() if writes else (LeftAlone("d1", "verdict", ("gap",), ENOUGH),))


def test_the_day_ends_at_midnight_utc() -> None:
    told = [Written(write(gap=number), NOW) for number in range(A_DAY)]
    tomorrow = NOW + timedelta(minutes=31)
    assert without(Plan((write(gap=99),), 0), told, now=tomorrow).left_alone == ()


def test_an_undo_does_not_use_the_day_up() -> None:
    told = [Written(write(gap=number), None) for number in range(A_DAY)]
    assert planned(write(gap=99), past=told).left_alone == ()
