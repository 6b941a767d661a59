"""Undo: back to what stood there, only where the CRM still shows what we wrote, and only in fields that may go back."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_audit.connectors.base import Fields, Write
from crm_audit.writeback.undo import undo

RESTORES = {"verdict": ("status", "gap")}


def entries(*written: tuple[Fields | None, Fields], deal: str = "d1") -> list[Write]:
    return [Write(deal, "verdict", *each) for each in written]


def shown(**fields: str | int | None) -> Mapping[str, Mapping[str, Fields]]:
    return {"d1": {"verdict": fields}}


def test_what_still_shows_what_we_wrote_goes_back() -> None:
    plan = undo(entries(({"status": "old"}, {"status": "new"})), shown(status="new"), RESTORES)
    assert plan.writes == (Write("d1", "verdict", {"status": "new"}, {"status": "old"}),)


def test_what_somebody_changed_since_stays() -> None:
    plan = undo(entries(({"status": "old"}, {"status": "new"})), shown(status="theirs"), RESTORES)
    assert (plan.writes, plan.unchanged) == ((), 1)


def test_field_by_field() -> None:
    written = entries(({"status": "old", "gap": 1}, {"status": "new", "gap": 2}))
    plan = undo(written, shown(status="theirs", gap=2), RESTORES)
    assert [write.after for write in plan.writes] == [{"gap": 1}]


def test_a_place_that_was_made_is_emptied_and_what_ties_it_to_its_deal_stays() -> None:
    plan = undo(entries((None, {"key": "d1", "status": "new"})), shown(key="d1", status="new"), RESTORES)
    assert [write.after for write in plan.writes] == [{"status": None}]


@pytest.mark.parametrize("now", [{}, {"d1": {}}])
def test_a_deal_or_a_place_that_is_gone_is_left(now: Mapping[str, Mapping[str, Fields]]) -> None:
    plan = undo(entries(({"status": None}, {"status": "new"})), now, RESTORES)
    assert (plan.writes, plan.unchanged) == ((), 1)


def test_a_place_of_which_nothing_may_go_back_is_never_touched() -> None:
    link = [Write("d1", "link", None, {"status": "d1"})]
    assert undo(link, {"d1": {"link": {"status": "d1"}}}, RESTORES).writes == ()


def test_writes_in_a_row_go_back_to_before_the_first() -> None:
    written = entries(({"gap": 1}, {"gap": 2}), ({"gap": 2}, {"gap": 3}))
    assert [write.after for write in undo(written, shown(gap=3), RESTORES).writes] == [{"gap": 1}]


def test_what_somebody_wrote_between_two_of_our_writes_comes_back() -> None:
    written = entries(({"gap": 1}, {"gap": 2}), ({"gap": 9}, {"gap": 2}))
    assert [write.after for write in undo(written, shown(gap=2), RESTORES).writes] == [{"gap": 9}]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.integers(0, 3))
def test_an_undo_undoes_once_and_never_what_is_not_ours(values: list[int], now: int) -> None:
    steps = list(zip([0, *values], values, strict=False))
    written = entries(*(({"gap": before}, {"gap": after}) for before, after in steps))
    plan = undo(written, shown(gap=now), RESTORES)
    if now != values[-1]:
        assert plan.writes == ()
    held = plan.writes[0].after["gap"] if plan.writes else now
    assert held == (0 if now == values[-1] else now)
