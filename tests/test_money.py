"""Exact money."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from crm_audit.domain import Rate, Record
from crm_audit.money import converted, positive, rates_on
from crm_audit.scene import Scene, moments
from tests.builders import NOW, TODAY, ago, around, deal, known

RATES = {"USD": Fraction(1), "EUR": Fraction(11, 10), "XTS": Fraction(1, 3)}


@pytest.mark.parametrize(
    ("text", "there"),
    [
        (None, False),
        ("0", False),
        ("0.000", False),
        ("-0", False),
        ("-1", False),
        ("0.000000000000000000000000000001", True),
        ("1E+3", True),
        ("1" + "0" * 300, True),
    ],
)
def test_money_is_more_than_nothing(text: str | None, there: bool) -> None:
    assert positive(text) is there


@pytest.mark.parametrize("text", ["abc", "", "NaN", "1,000"])
def test_what_is_no_number_is_never_taken_for_nothing(text: str) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        positive(text)


@pytest.mark.parametrize(
    ("amount", "currency", "to", "value"),
    [
        ("100.10", "USD", "USD", Fraction(1001, 10)),
        ("100", "EUR", "USD", Fraction(110)),
        ("110", "USD", "EUR", Fraction(100)),
        ("1", "XTS", "EUR", Fraction(10, 33)),
        ("7", "GBP", "GBP", Fraction(7)),  # one currency needs no rate
        ("7", "GBP", "USD", None),
        ("7", "USD", "GBP", None),
        ("0.1", "EUR", "EUR", Fraction(1, 10)),
    ],
)
def test_conversion_rounds_nothing(amount: str, currency: str, to: str, value: Fraction | None) -> None:
    assert converted(amount, currency, to, RATES) == value


def test_there_and_back_is_the_same_money() -> None:
    there = converted("99.99", "XTS", "EUR", RATES)
    assert there is not None
    back = there * RATES["EUR"] / RATES["XTS"]
    assert back == Fraction("99.99")


def rates(*records: Rate, day: date = TODAY) -> dict[str, Fraction]:
    listed: list[Record] = [*around(), deal(), *records]
    facts = known(listed)
    return dict(rates_on(Scene(facts, moments(facts, [(0, NOW)])), day))


def rate(units: str, since: date | None = None, per: str = "1", currency: str = "EUR") -> Rate:
    return Rate(
        id=f"{currency}{units}{since}", currency=currency, units=Decimal(units), per=Decimal(per), valid_from=since
    )


@pytest.mark.parametrize(
    ("day", "value"), [(ago(11), Fraction(9)), (ago(10), Fraction(1)), (ago(1), Fraction(1)), (ago(0), Fraction(2))]
)
def test_the_newest_rate_that_had_begun(day: date, value: Fraction) -> None:
    told = rates(rate("2", ago(0)), rate("9"), rate("1", ago(10)), rate("5", ago(-1)), day=day)
    assert told["EUR"] == value


def test_a_rate_is_a_ratio() -> None:
    assert rates(rate("1", per="0.909"))["EUR"] == Fraction(1000, 909)


def test_a_rate_of_nothing_is_no_rate() -> None:
    assert rates(rate("0"), rate("1", per="0", currency="GBP"), rate("-1", currency="CHF")) == {"USD": Fraction(1)}


def test_a_rate_that_begins_tomorrow_is_none_today() -> None:
    assert "EUR" not in rates(rate("2", ago(-1)))
    assert rates(rate("2", ago(-1)), day=ago(-1))["EUR"] == 2
