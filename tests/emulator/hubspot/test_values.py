"""How values are written, kept and refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_audit.emulator.hubspot.values import BadValue, Property, instant, iso, stored, text_of


def a(kind: str, *, field_type: str = "", options: tuple[str, ...] = ()) -> Property:
    return Property(name="p", kind=kind, field_type=field_type, group="g", options=options)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (3, "3"),
        (Decimal("1.10"), "1.10"),
        ("as it is", "as it is"),
        (date(2026, 3, 31), "2026-03-31T00:00:00Z"),
        (datetime(2026, 3, 31, 17, tzinfo=timezone(timedelta(hours=-4))), "2026-03-31T21:00:00Z"),
        (datetime(2026, 3, 31, 17, 0, 0, 7_999, tzinfo=UTC), "2026-03-31T17:00:00.007Z"),
    ],
)
def test_python_values_become_text(value: object, text: str) -> None:
    assert text_of(value) == text


def test_floats_and_naive_instants_are_refused() -> None:
    with pytest.raises(TypeError, match="is no property value"):
        text_of(0.1)
    with pytest.raises(ValueError, match="has no time zone"):
        text_of(datetime.fromisoformat("2026-03-31T17:00:00"))


@given(st.datetimes(timezones=st.just(UTC)))
def test_instants_survive_to_the_millisecond_in_both_spellings(at: datetime) -> None:
    whole = at.replace(microsecond=at.microsecond // 1000 * 1000)
    milliseconds = (whole - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)

    assert instant(iso(at)) == whole
    assert instant(str(milliseconds)) == whole
    assert stored(a("datetime"), str(milliseconds)) == iso(at)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4))
def test_numbers_are_kept_as_written(number: Decimal) -> None:
    assert stored(a("number"), str(number)) == str(number)


@pytest.mark.parametrize("kind", ["string", "number", "date", "datetime", "bool", "enumeration"])
def test_empty_text_is_no_value_of_any_kind(kind: str) -> None:
    assert stored(a(kind), "") is None


@pytest.mark.parametrize(
    ("definition", "text", "code"),
    [
        (a("number"), "Infinity", "INVALID_DOUBLE"),
        (a("number"), "1,000", "INVALID_DOUBLE"),
        (a("bool"), "yes", "INVALID_OPTION"),
        (a("datetime"), "31.03.2026", "INVALID_LONG"),
        (a("datetime"), "9" * 30, "INVALID_LONG"),
        (a("date"), "1774972800001", "INVALID_DATE"),
        (a("enumeration", options=("x",)), "X", "INVALID_OPTION"),
        (a("enumeration", field_type="checkbox", options=("x", "y")), "x;z", "INVALID_OPTION"),
    ],
)
def test_what_a_property_cannot_hold(definition: Property, text: str, code: str) -> None:
    with pytest.raises(BadValue) as caught:
        stored(definition, text)
    assert caught.value.code == code


def test_an_enumeration_without_options_takes_anything() -> None:
    assert stored(a("enumeration"), "70000001") == "70000001"
