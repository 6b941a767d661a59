"""Records as frames: nothing is rounded, refused or mixed up on the way."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import polars as pl
import pytest

from crm_audit.domain import KINDS, Deal, Record
from crm_audit.frames import SCHEMAS, UNSHOWN, cells, frame, frames, written
from tests.builders import NOW, clean, deal, event
from tests.store.records import RECORDS

EVERY = [record for records in RECORDS.values() for record in records]


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_has_a_column_for_every_field_that_rules_may_see(kind: str) -> None:
    names = {field.name for field in fields(KINDS[kind])} | ({"day"} if kind == "events" else set())
    assert set(SCHEMAS[kind]) == names - (UNSHOWN if kind == "people" else frozenset())


def test_a_kind_without_records_keeps_its_columns() -> None:
    for kind in KINDS:
        assert frame(kind).schema == pl.Schema(SCHEMAS[kind])


def test_every_record_lies_in_the_frame_of_its_kind() -> None:
    sorted_out = frames(EVERY)
    for kind, records in RECORDS.items():
        assert sorted_out[kind]["id"].to_list() == [record.id for record in records]
        assert sorted_out[kind].schema == pl.Schema(SCHEMAS[kind])


@pytest.mark.parametrize(
    ("when", "text"),
    [
        (date(2026, 3, 16), "2026-03-16"),
        (datetime(2026, 3, 16, tzinfo=UTC), "2026-03-16T00:00:00Z"),
        (datetime(2026, 3, 16, 1, 2, 3, 4, tzinfo=UTC), "2026-03-16T01:02:03.000004Z"),
        (datetime(2026, 3, 16, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))), "2026-03-15T19:30:00Z"),
    ],
)
def test_days_and_instants_are_written_apart(when: date | datetime, text: str) -> None:
    assert written(when) == text
    assert cells(deal(close_date=when))["close_date"] == text


@pytest.mark.parametrize(
    "amount", ["0.1", "100000000000000000000.01", "-1", "1E+3", "0", "0.000000000000000000000000000001"]
)
def test_money_is_the_decimal_as_it_was(amount: str) -> None:
    text = frame("deals", [deal(amount=Decimal(amount))])["amount"][0]
    assert Decimal(text) == Decimal(amount)
    assert "e" not in text.lower()


def test_a_day_and_an_instant_of_an_event_lie_in_columns_of_their_own() -> None:
    rows = frame("events", [event("email_in", 0, "lee", at=NOW), event("task_open", 1, "lee", at=date(2026, 3, 15))])
    assert rows["at"].to_list() == [NOW, None]
    assert rows["day"].to_list() == [None, date(2026, 3, 15)]


@pytest.mark.parametrize("name", ["plain", 'a"b', "a\\b", 'x","y', "[]", "Zoë", "", "a\nb", "😀"])
def test_lists_keep_whatever_their_names_hold(name: str) -> None:
    row = cells(event("email_in", 0, name, name, topics=(name,)))
    assert json.loads(str(row["people"])) == [name, name]
    assert json.loads(str(row["topics"])) == [name]


def test_an_empty_list_is_always_written_alike() -> None:
    row = cells(event("email_in", 0))
    assert {row[name] for name in ("people", "declined", "topics", "named")} == {"[]"}


def test_nothing_is_null_and_nothing_else_is() -> None:
    empty = Deal(id="d", name="", pipeline="", stage="", created=None)
    row = frame("deals", [empty]).row(0, named=True)
    filled = {name for name, value in row.items() if value is not None}
    assert filled == {"id", "name", "pipeline", "stage"}


def test_a_close_date_must_be_a_date() -> None:
    wrong: dict[str, object] = {"close_date": "soon"}
    with pytest.raises(TypeError, match="neither a date nor an instant"):
        cells(deal("d1", 5, **wrong))


def test_a_thing_that_is_no_record_is_refused() -> None:
    with pytest.raises(KeyError):
        frames(["d1"])  # type: ignore[list-item]  # that is the point


def test_instants_keep_their_microseconds() -> None:
    exact = NOW.replace(microsecond=123_456)
    assert frame("deals", [deal(created=exact)])["created"][0] == exact


def test_a_record_is_not_changed_by_being_written() -> None:
    records: list[Record] = clean()
    before = [replace(record) for record in records]
    frames(records)
    assert records == before
