"""Which night is due: one per connection and local date, over every zone and clock change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_audit.nights import PAUSES, TRIES, Agenda, Night, State, Timetable, again_at, agenda

NEW_YORK = ZoneInfo("America/New_York")
EARLY = Timetable(time(2, 30), NEW_YORK)
DAY = timedelta(days=1)

ZONES = (
    "UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Chatham",
    "America/St_Johns", "America/Sao_Paulo", "Africa/Cairo", "Pacific/Apia", "Asia/Gaza", "America/Havana",
)  # fmt: skip
"""Half hours, changes at midnight, changes of half an hour, and Apia, which left a whole date out."""


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def night(day: date, state: State, tries: int = 1, *, ended: datetime | None = None, lost: bool = False) -> Night:
    return Night(connection="org", day=day, state=state, tries=tries, ended=ended, lost=lost)


class Ledger:
    """Nights as a process that looks now and then would keep them."""

    def __init__(self, timetable: Timetable) -> None:
        self.timetable = timetable
        self.nights: dict[date, Night] = {}
        self.begun: list[date] = []

    def look(self, now: datetime, state: State = "done") -> Agenda:
        found = agenda(self.timetable, list(self.nights.values()), now)
        for day in found.missed:
            self.nights.setdefault(day, night(day, "missed", 0))
        if found.due:
            before = self.nights.get(found.due)
            self.nights[found.due] = night(found.due, state, (before.tries if before else 0) + 1, ended=now)
            self.begun.append(found.due)
        return found


def looks(since: datetime, minutes: int, days: int) -> Iterator[datetime]:
    step = timedelta(minutes=minutes)
    return (since + step * number for number in range(int(days * DAY / step)))


def dates(zone: ZoneInfo, since: datetime, until: datetime) -> set[date]:
    """Every local date of a zone between two instants, found by looking at its clock every half hour."""
    found, at = set(), since
    while at <= until:
        found.add(at.astimezone(zone).date())
        at += timedelta(minutes=30)
    return found


@pytest.mark.parametrize(
    ("at", "day", "begins"),
    [
        (time(2, 30), date(2026, 6, 1), "2026-06-01T06:30"),
        (time(1, 30), date(2026, 11, 1), "2026-11-01T05:30"),  # comes again at 06:30, and does not count again
        (time(2, 30), date(2027, 3, 14), "2027-03-14T07:30"),  # is jumped over: 03:30 by the new time
        (time(0, 0), date(2028, 2, 29), "2028-02-29T05:00"),
    ],
)
def test_fault_26_a_night_begins_once_also_when_clocks_change(at: time, day: date, begins: str) -> None:
    timetable = Timetable(at, NEW_YORK)
    assert timetable.begins(day) == instant(begins)
    ledger = Ledger(timetable)
    for now in looks(instant(begins) - timedelta(hours=6), 1, 1):
        ledger.look(now)
    assert ledger.begun == [day - DAY, day]  # what was due before the first look is made up for


@settings(deadline=None)
@given(
    name=st.sampled_from(ZONES),
    at=st.times().map(lambda at: at.replace(second=0, microsecond=0, fold=0)),
    since=st.integers(0, 30 * 365 * 24 * 60).map(
        lambda minutes: instant("2007-01-01T00:00") + timedelta(minutes=minutes)
    ),
    minutes=st.integers(1, 50),
)
def test_fault_26_every_date_of_a_zone_has_exactly_one_night(
    name: str, at: time, since: datetime, minutes: int
) -> None:
    ledger = Ledger(Timetable(at, ZoneInfo(name)))
    for now in looks(since, minutes, 5):
        ledger.look(now)
    assert len(set(ledger.begun)) == len(ledger.begun)
    assert {made.state for made in ledger.nights.values()} == {"done"}
    shown = dates(ZoneInfo(name), since - DAY, now)
    whole = {day for day in shown if ledger.begun[0] <= day <= ledger.begun[-1]}
    assert set(ledger.begun) == whole
    assert len(ledger.begun) >= 4


@pytest.mark.parametrize("name", ZONES)
def test_fault_26_around_every_change_of_clocks_in_ten_years(name: str) -> None:
    """Not left to chance: the days of each change, at the hours at which clocks change."""
    zone = ZoneInfo(name)
    for change in changes(zone):
        first, last = change - 2 * DAY, change + DAY
        shown = dates(zone, first - DAY, last)
        for at in (time(0, 0), time(0, 30), time(1, 30), time(2, 15), time(3, 0)):
            ledger = Ledger(Timetable(at, zone))
            for now in looks(first, 30, 3):
                ledger.look(now)
            assert len(set(ledger.begun)) == len(ledger.begun), (change, at)
            assert set(ledger.begun) == {day for day in shown if ledger.begun[0] <= day <= ledger.begun[-1]}


def changes(zone: ZoneInfo) -> list[datetime]:
    """Where the offset of a zone differs from that of the day before."""
    days = [datetime(2010, 1, 1, 12, tzinfo=UTC) + DAY * number for number in range(365 * 10)]
    return [day for day in days if day.astimezone(zone).utcoffset() != (day - DAY).astimezone(zone).utcoffset()]


def test_fault_26_a_date_that_a_zone_left_out_has_no_night() -> None:
    apia = Timetable(time(2, 0), ZoneInfo("Pacific/Apia"))
    assert apia.begins(date(2011, 12, 30)) is None
    assert apia.latest(instant("2011-12-30T09:59")) == date(2011, 12, 29)
    assert apia.following(instant("2011-12-30T09:59")) == instant("2011-12-30T12:00")
    assert apia.latest(instant("2011-12-30T12:00")) == date(2011, 12, 31)


def test_fault_26_a_night_that_has_begun_stays_begun_when_clocks_go_back_over_midnight() -> None:
    """In Newfoundland, 00:01 of the 7th became 23:01 of the 6th."""
    midnight = Timetable(time(0, 0), ZoneInfo("America/St_Johns"))
    assert midnight.begins(date(2010, 11, 7)) == instant("2010-11-07T02:30")
    assert midnight.latest(instant("2010-11-07T02:45")) == date(2010, 11, 7)


def test_fault_39_three_days_without_a_look_are_one_run_and_two_missed_nights() -> None:
    ledger = Ledger(EARLY)
    ledger.look(instant("2026-06-01T12:00"))
    found = ledger.look(instant("2026-06-04T12:00"))
    assert found.due == date(2026, 6, 4)
    assert found.missed == (date(2026, 6, 2), date(2026, 6, 3))
    assert ledger.look(instant("2026-06-04T12:01")) == Agenda(None, (), ())
    assert ledger.begun == [date(2026, 6, 1), date(2026, 6, 4)]


def test_fault_39_a_clock_that_ran_ahead_and_was_set_right_costs_no_night() -> None:
    ledger = Ledger(EARLY)
    for now in ("2026-06-01T12:00", "2026-06-09T12:00", "2026-06-02T12:00", "2026-06-03T12:00"):
        ledger.look(instant(now))
    assert ledger.begun == [date(2026, 6, day) for day in (1, 9, 2, 3)]


def test_the_first_look_ever_makes_up_for_the_last_night_and_misses_none() -> None:
    assert agenda(EARLY, [], instant("2026-06-01T05:00")) == Agenda(date(2026, 5, 31), (), ())


def test_a_night_that_fails_is_tried_again_after_pauses_and_then_let_be() -> None:
    ledger, began = Ledger(EARLY), instant("2026-06-01T06:30")
    begun = [now - began for now in looks(began, 1, 1) if ledger.look(now, "failed").due]
    assert begun == [timedelta(0), PAUSES[0], PAUSES[0] + PAUSES[1]]
    assert len(begun) == TRIES
    assert ledger.look(began + DAY).due == date(2026, 6, 2)


def test_a_night_that_failed_yesterday_is_not_tried_again_today() -> None:
    failed = night(date(2026, 6, 1), "failed", ended=instant("2026-06-02T06:25"))
    found = agenda(EARLY, [failed], instant("2026-06-02T06:41"))
    assert found == Agenda(date(2026, 6, 2), (), ())


@pytest.mark.parametrize("state", ["done", "partial", "running"])
def test_what_is_done_or_under_way_is_not_begun_again(state: State) -> None:
    known = [night(date(2026, 6, 1), state, ended=instant("2026-06-01T07:00"))]
    assert agenda(EARLY, known, instant("2026-06-01T23:00")) == Agenda(None, (), ())


def test_a_night_that_nobody_works_on_any_more_is_begun_again_at_once() -> None:
    lost = night(date(2026, 6, 1), "running", lost=True)
    assert agenda(EARLY, [lost], instant("2026-06-01T06:31")) == Agenda(date(2026, 6, 1), (), ())


def test_a_night_that_was_cut_off_again_and_again_is_given_up() -> None:
    lost = night(date(2026, 6, 1), "running", TRIES, lost=True)
    assert agenda(EARLY, [lost], instant("2026-06-01T06:31")) == Agenda(None, (), (lost,))


def test_a_night_that_was_cut_off_and_has_passed_is_given_up() -> None:
    lost = night(date(2026, 6, 1), "running", lost=True)
    assert agenda(EARLY, [lost], instant("2026-06-02T06:31")) == Agenda(date(2026, 6, 2), (), (lost,))


def test_when_it_may_be_tried_again_is_told() -> None:
    at = instant("2026-06-01T07:00")
    assert again_at(night(date(2026, 6, 1), "failed", ended=at)) == at + PAUSES[0]
    assert again_at(night(date(2026, 6, 1), "failed", TRIES, ended=at)) is None
    assert again_at(night(date(2026, 6, 1), "done", ended=at)) is None


def test_the_next_night_is_the_one_after_the_last_that_began() -> None:
    assert EARLY.following(instant("2026-06-01T06:29")) == instant("2026-06-01T06:30")
    assert EARLY.following(instant("2026-06-01T06:30")) == instant("2026-06-02T06:30")
