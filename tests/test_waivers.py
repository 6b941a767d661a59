"""How a waiver stands at an instant, and who is one person."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from crm_audit.waivers import BrokenGlass, Waiver, person, turned
from tests.builders import NOW, at

TODAY = date(2026, 3, 16)
ASKED = Waiver(
    id=1, connection="org", deal="d1", rule="CQ-STK-AUTH", until=TODAY, why="Signed on paper", requested=at(5),
    requester="mia",
)  # fmt: skip
APPROVED = replace(ASKED, approved=at(3), approver="noor")


def test_a_waiver_is_in_force_from_its_approval_to_the_end_of_its_day_and_never_before() -> None:
    assert ASKED.state(NOW, TODAY) == "requested"
    assert APPROVED.state(NOW, TODAY) == "in force"
    assert APPROVED.state(at(4), TODAY - timedelta(days=4)) == "requested"
    assert APPROVED.state(NOW, TODAY + timedelta(days=1)) == "expired"
    assert replace(APPROVED, withdrawn=at(1)).state(NOW, TODAY) == "withdrawn"
    assert replace(APPROVED, withdrawn=at(1)).state(at(2), TODAY) == "in force"


def test_only_what_was_approved_in_time_was_ever_in_force() -> None:
    later = TODAY + timedelta(days=1)
    assert APPROVED.was_in_force(NOW, later)
    assert not ASKED.was_in_force(NOW, later)
    assert not APPROVED.was_in_force(NOW, TODAY)
    assert not replace(APPROVED, withdrawn=at(1)).was_in_force(NOW, later)


def test_broken_glass_holds_up_to_its_instant() -> None:
    glass = BrokenGlass(id=1, connection="org", deal="d1", why="Signed", opened=at(2), until=at(1), opener="mia")
    assert [glass.in_force(moment) for moment in (at(3), at(2), at(1), NOW)] == [False, True, False, False]


def test_an_exception_turns_where_it_begins_ends_or_runs_out_and_nowhere_else() -> None:
    glass = BrokenGlass(id=1, connection="org", deal="d2", why="Signed", opened=at(2), until=at(1), opener="mia")
    days = {at(number): TODAY - timedelta(days=number) for number in range(-1, 6)}

    def between(since: int, until: int, waiver: Waiver = APPROVED) -> set[str]:
        moments = [(at(number), days[at(number)]) for number in (since, until)]
        return turned([waiver], [glass], moments[0], moments[1])

    assert between(4, 3) == {"d1"}  # approved
    assert between(3, 2) == {"d2"}  # broken open
    assert between(2, 1) == {"d2"}  # closed again
    assert between(1, 0) == set()
    assert between(0, -1) == {"d1"}  # its last day is over
    assert between(2, 1, replace(APPROVED, withdrawn=at(1))) == {"d1", "d2"}


@pytest.mark.parametrize(
    "typed", ["Mia Chen", " mia  chen ", "MIA\tCHEN", "mia\u200b chen", "ｍia chen", "mia\u00a0chen"]
)
def test_one_person_is_one_name_however_it_is_typed(typed: str) -> None:
    assert person(typed) == "mia chen"


@pytest.mark.parametrize("typed", ["", "  ", "\u200b\t"])
def test_nobody_is_no_person(typed: str) -> None:
    with pytest.raises(ValueError, match="a name is missing"):
        person(typed)
