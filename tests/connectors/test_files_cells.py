"""What the text of a cell means."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_audit.connectors.files.cells import Reader, Unreadable
from crm_audit.domain import KINDS

NEW_YORK, UTC_ZONE = ZoneInfo("America/New_York"), ZoneInfo("UTC")
READER = Reader(zone=NEW_YORK, times=NEW_YORK)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-01T14:00:00Z", datetime(2026, 3, 1, 14, tzinfo=UTC)),
        ("2026-03-01T14:00:00.000+0000", datetime(2026, 3, 1, 14, tzinfo=UTC)),
        ("2026-03-01 14:00:00.5+02:00", datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-03-01 14:00:00 UTC", datetime(2026, 3, 1, 14, tzinfo=UTC)),
        ("2026-03-01 9:05", datetime(2026, 3, 1, 14, 5, tzinfo=UTC)),  # New York, one digit
        ("2026-07-01 9:05:07", datetime(2026, 7, 1, 13, 5, 7, tzinfo=UTC)),  # New York in summer
    ],
)
def test_iso_instants_are_understood(text: str, instant: datetime) -> None:
    assert READER.when(text) == instant


def test_times_without_an_offset_stand_in_the_zone_that_the_options_name() -> None:
    assert replace(READER, times=UTC_ZONE).when("2026-03-01 14:00:00") == datetime(2026, 3, 1, 14, tzinfo=UTC)


def test_a_date_is_a_date() -> None:
    assert READER.when("2026-03-01") == date(2026, 3, 1)
    assert type(READER.when("2026-03-01")) is date


def test_a_date_as_an_instant_is_the_beginning_of_that_day_and_back() -> None:
    assert READER.instant("2026-03-01") == datetime(2026, 3, 1, 5, tzinfo=UTC)
    assert READER.day("2026-03-02T04:59:59Z") == date(2026, 3, 1)
    assert READER.day("2026-03-02") == date(2026, 3, 2)


@pytest.mark.parametrize(
    ("form", "text", "meaning"),
    [
        ("%m/%d/%Y", "3/1/2017", date(2017, 3, 1)),
        ("%d.%m.%Y", "01.03.2017", date(2017, 3, 1)),
        ("%m/%d/%Y %I:%M %p", "3/1/2017 4:30 PM", datetime(2017, 3, 1, 21, 30, tzinfo=UTC)),
        ("%m/%d/%Y", "2017-03-01", date(2017, 3, 1)),  # ISO is understood besides
    ],
)
def test_formats_of_the_export_come_first(form: str, text: str, meaning: date) -> None:
    assert replace(READER, dates=(form,)).when(text) == meaning


@pytest.mark.parametrize(
    "text",
    ["soon", "2026-02-30", "2026-13-01", "3/1/2017", "1575463702000", "2026-03-01T25:00:00Z",
     "0001-01-01T00:00:00+14:00", "9999-12-31 23:59:59", "20260301", "٢٠٢٦-03-01T"],
)  # fmt: skip
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(Unreadable, match="a date"):
        READER.when(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", "0"), ("-5", "-5"), ("1000.50", "1000.50"), (".5", "0.5"), ("1,234,567.89", "1234567.89"),
        ("$1,000", "1000"), ("-$5", "-5"), ("EUR 12", "12"), ("12 €", "12"), ("1E+3", "1000"),
        ("1 234", "1234"), ("1\u00a0234.5", "1234.5"), ("999999999999999", "999999999999999"),
    ],
)  # fmt: skip
def test_numbers_are_exact(text: str, number: str) -> None:
    assert READER.number(text) == Decimal(number)


def test_a_decimal_comma_is_a_setting() -> None:
    german = replace(READER, decimal=",")
    assert german.number("1.234,50 €") == Decimal("1234.50")
    with pytest.raises(Unreadable):
        german.number("1,234.50")
    with pytest.raises(Unreadable):
        READER.number("1.234,50")


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "1e99", "12,34", "1,2345", "1.2.3", "lots", "$1m", "10-20", "", ".", "1000000000000000"]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Unreadable, match="a number"):
        READER.number(text)


@settings(deadline=None)  # a busy machine is no defect
@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12))
def test_what_was_written_with_separators_is_read_back(number: Decimal) -> None:
    assert READER.number(f"{number:,}") == number
    assert replace(READER, decimal=",").number(f"{number:,}".translate(str.maketrans(".,", ",."))) == number


NEARLY = st.one_of(
    st.text(max_size=20),
    st.from_regex(r"-?[$€]?[0-9.,]{1,20}([eE][+-]?[0-9]{1,3})?%?", fullmatch=True),
    st.from_regex(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:?[0-9]{2})?", fullmatch=True
    ),
    st.from_regex(r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{2,4}", fullmatch=True),
)
"""What looks like a value and often is none."""


@settings(deadline=None)
@given(NEARLY)
def test_no_text_is_more_than_unreadable(text: str) -> None:
    readers = (READER, replace(READER, dates=("%m/%d/%Y",), decimal=",", percent=True))
    for reads in (reader.reads(kind) for reader in readers for kind in KINDS):
        for read in reads.values():
            try:
                read(text)
            except Unreadable:
                continue


def test_shares_percents_and_scores_have_their_limits() -> None:
    percent = replace(READER, percent=True)
    assert [READER.share("0.65"), READER.share("65%"), percent.share("65")] == [Decimal("0.65")] * 3
    for read, text in ((READER.share, "65"), (percent.share, "1000"), (READER.share, "-0.1"), (READER.score, "101")):
        with pytest.raises(Unreadable, match="between 0 and"):
            read(text)


def test_flags_are_read_in_the_words_that_exports_use() -> None:
    assert [READER.flag(text) for text in ("TRUE", "yes", "1", "X", "false", "No", "0")] == [True] * 4 + [False] * 3
    with pytest.raises(Unreadable, match="true or false"):
        READER.flag("perhaps")


def test_a_whole_number_may_be_written_as_a_decimal() -> None:
    assert READER.whole("6.0") == 6
    with pytest.raises(Unreadable, match="whole"):
        READER.whole("6.5")


def test_several_values_in_a_cell_are_taken_once_each() -> None:
    assert READER.listed("a; b;;a ;") == ("a", "b")


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_every_kind_can_be_read(kind: str) -> None:
    assert set(READER.reads(kind)) == {field.name for field in fields(KINDS[kind])}
