"""Days: past or not, too far, too long ago, and the end of the fiscal year."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from crm_audit.domain import Record, When
from tests.builders import TODAY, ago, around, ask, at, clean, company, deal, proof

SOLID = {"date": {"path": "close_date", "not_past": True, "max_days_ahead": 365}}
FRESH = {"date": {"path": "company.fit_assessed", "max_days_ago": 180}}


def closing(on: When | None) -> list[Record]:
    return [*around(), deal(close_date=on)]


def assessed(on: date | None) -> list[Record]:
    return [r for r in [*around(), deal()] if r.id != "acme"] + [company(fit_assessed=on)]


@pytest.mark.parametrize(
    ("days", "outcome"),
    [
        (-365, ("holds", None)),
        (-366, ("fails", "too_far")),
        (-1, ("holds", None)),
        (0, ("holds", None)),
        (1, ("fails", "past")),
        (4000, ("fails", "past")),
    ],
)
def test_today_is_not_past_and_a_year_is_not_too_far(days: int, outcome: tuple[str, str | None]) -> None:
    assert ask(closing(ago(days)), SOLID) == outcome


def test_no_date_is_missing() -> None:
    assert ask(closing(None), SOLID) == ("fails", "missing")
    assert ask(closing(None), {"date": {"path": "close_date"}}) == ("fails", "missing")


def test_any_date_will_do_where_no_limit_is_set() -> None:
    for days in (-9000, 9000):
        assert ask(closing(ago(days)), {"date": {"path": "close_date"}}) == ("holds", None)


def test_a_hidden_date_is_unknown() -> None:
    for on in (None, ago(3)):
        assert ask(closing(on), SOLID, unmapped=frozenset({"close_date"})) == ("unknown", "unmapped")


# New York is 4 hours behind UTC in March and April.
INSTANTS: dict[str, tuple[datetime, date]] = {
    "midnight UTC is a date that an integration wrote": (datetime(2026, 3, 16, tzinfo=UTC), date(2026, 3, 16)),
    "a second after is still the evening before": (datetime(2026, 3, 16, 0, 0, 1, tzinfo=UTC), date(2026, 3, 15)),
    "a microsecond after too": (datetime(2026, 3, 16, 0, 0, 0, 1, tzinfo=UTC), date(2026, 3, 15)),
    "the last second of the local day": (datetime(2026, 3, 17, 3, 59, 59, tzinfo=UTC), date(2026, 3, 16)),
    "the first of the next": (datetime(2026, 3, 17, 4, 0, tzinfo=UTC), date(2026, 3, 17)),
}


@pytest.mark.parametrize(("instant", "day"), INSTANTS.values(), ids=INSTANTS)
def test_an_instant_is_read_in_the_zone_of_the_organisation(instant: datetime, day: date) -> None:
    seen = proof(closing(instant), {"date": {"path": "close_date", "not_past": True}})
    assert seen.steps[0].observed["date"] == day
    assert seen.status == ("fails" if day < TODAY else "holds")


ZONES = [
    ("Pacific/Kiritimati", datetime(2026, 3, 15, 10, 0, tzinfo=UTC), date(2026, 3, 16)),
    ("Pacific/Kiritimati", datetime(2026, 3, 15, 9, 59, 59, tzinfo=UTC), date(2026, 3, 15)),
    ("Pacific/Pago_Pago", datetime(2026, 3, 16, 10, 59, 59, tzinfo=UTC), date(2026, 3, 15)),
    ("Pacific/Pago_Pago", datetime(2026, 3, 16, 11, 0, tzinfo=UTC), date(2026, 3, 16)),
    ("America/Phoenix", datetime(2026, 4, 1, 1, 9, tzinfo=UTC), date(2026, 3, 31)),
    ("America/New_York", datetime(2026, 3, 8, 4, 59, 59, tzinfo=UTC), date(2026, 3, 7)),  # clocks change at 7:00 UTC
    ("America/New_York", datetime(2026, 3, 9, 3, 59, 59, tzinfo=UTC), date(2026, 3, 8)),
    ("America/New_York", datetime(2026, 3, 9, 4, 0, tzinfo=UTC), date(2026, 3, 9)),
    ("America/Havana", datetime(2026, 3, 8, 5, 0, tzinfo=UTC), date(2026, 3, 8)),  # a day that begins at one
]


@pytest.mark.parametrize(("zone", "instant", "day"), ZONES)
def test_every_zone_has_its_own_days(zone: str, instant: datetime, day: date) -> None:
    assert proof(closing(instant), SOLID, zone=zone).steps[0].observed["date"] == day


def test_a_date_without_a_time_is_never_converted() -> None:
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"):
        assert proof(closing(TODAY), SOLID, zone=zone).steps[0].observed["date"] == TODAY


def test_the_day_of_the_audit_is_the_organisations() -> None:
    late = datetime(2026, 3, 17, 2, 30, tzinfo=UTC)  # 22:30 on the 16th in New York
    assert ask(closing(TODAY), SOLID, as_of=late) == ("holds", None)
    assert ask(closing(TODAY), SOLID, as_of=late, zone="UTC") == ("fails", "past")


@pytest.mark.parametrize(
    ("days", "outcome"),
    [
        (0, ("holds", None)),
        (180, ("holds", None)),
        (181, ("fails", "stale")),
        (-1, ("fails", "missing")),  # nobody looked yet: the day lies ahead
    ],
)
def test_how_long_ago(days: int, outcome: tuple[str, str | None]) -> None:
    assert ask(assessed(ago(days)), FRESH) == outcome


def test_a_day_of_the_company_needs_a_company() -> None:
    assert ask(assessed(None), FRESH) == ("fails", "missing")
    assert ask([*around(), deal(company=None)], FRESH) == ("fails", "missing")
    deleted = [r for r in clean() if r.id != "acme"] + [company(deleted=True)]
    assert ask(deleted, FRESH) == ("fails", "missing")


@pytest.mark.parametrize("hidden", ["fit", "company"])
def test_a_hidden_company_is_unknown(hidden: str) -> None:
    assert ask(assessed(None), FRESH, unmapped=frozenset({hidden})) == ("unknown", "unmapped")


@pytest.mark.parametrize(("rung", "status"), [(3, "holds"), (4, "fails"), (5, "fails")])
def test_a_limit_may_differ_by_rung(rung: int, status: str) -> None:
    asked = {"date": {"path": "close_date", "max_days_ahead": {3: 90, 4: 29}}}
    assert ask(closing(ago(-30)), asked, rung)[0] == status


def fiscal(which: str) -> dict[str, dict[str, str]]:
    return {"date": {"path": "close_date", "fiscal": which}}


YEARS = [
    # fiscal year begins, which, last day that holds
    (1, "this", date(2026, 12, 31)),
    (1, "next", date(2027, 12, 31)),
    (2, "this", date(2027, 1, 31)),
    (3, "this", date(2027, 2, 28)),
    (3, "next", date(2028, 2, 29)),  # a leap year ends a day later
    (4, "this", date(2026, 3, 31)),
    (4, "next", date(2027, 3, 31)),
    (12, "this", date(2026, 11, 30)),
]


@pytest.mark.parametrize(("begins", "which", "last"), YEARS)
def test_the_end_of_a_fiscal_year_is_included(begins: int, which: str, last: date) -> None:
    day_after = date.fromordinal(last.toordinal() + 1)
    assert ask(closing(last), fiscal(which), fiscal_start=begins) == ("holds", None)
    assert ask(closing(day_after), fiscal(which), fiscal_start=begins) == ("fails", "too_far")


@pytest.mark.parametrize(
    ("as_of", "last"),
    [
        (datetime(2028, 2, 29, 12, tzinfo=UTC), date(2028, 2, 29)),  # the last day of the year
        (datetime(2028, 3, 1, 12, tzinfo=UTC), date(2029, 2, 28)),  # the first of the next
        (datetime(2028, 3, 1, 4, 59, tzinfo=UTC), date(2028, 2, 29)),  # in New York still the last of the old
    ],
)
def test_a_fiscal_year_turns_at_the_organisations_midnight(as_of: datetime, last: date) -> None:
    day_after = date.fromordinal(last.toordinal() + 1)
    assert ask(closing(last), fiscal("this"), fiscal_start=3, as_of=as_of) == ("holds", None)
    assert ask(closing(day_after), fiscal("this"), fiscal_start=3, as_of=as_of) == ("fails", "too_far")


def test_the_day_of_creation() -> None:
    asked = {"date": {"path": "created", "max_days_ago": 120}}
    assert ask([*around(), deal(created=at(120))], asked) == ("holds", None)
    assert ask([*around(), deal(created=at(121))], asked) == ("fails", "stale")
    assert ask([*around(), deal(created=None)], asked) == ("fails", "missing")
