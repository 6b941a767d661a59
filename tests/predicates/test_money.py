"""An amount against another one, exactly, and in whichever currency."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from crm_audit.domain import Rate, Record
from crm_audit.predicates import PREDICATES
from tests.builders import ago, around, ask, deal, proof

WITHIN = {"money": {"of": "amount", "at_most": "budget", "tolerance": 0.10}}
LARGE = {"money": {"of": "amount", "at_least": 100_000}}
EUR = Rate(id="eur", currency="EUR", units=Decimal("1.10"))


def priced(amount: str | None, budget: str | None = "100000", *more: Record, **changes: object) -> list[Record]:
    return [*around(), deal("d1", 5, amount=_money(amount), budget=_money(budget), **changes), *more]


def _money(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


@pytest.mark.parametrize(
    ("amount", "outcome"),
    [
        ("100000", ("holds", None)),
        ("110000", ("holds", None)),
        ("110000.00", ("holds", None)),
        ("110000.01", ("fails", "over_budget")),
        ("110000.000000000000000000000000000001", ("fails", "over_budget")),
        ("0.01", ("holds", None)),
    ],
)
def test_exactly_ten_per_cent_more_is_fine(amount: str, outcome: tuple[str, str | None]) -> None:
    assert ask(priced(amount), WITHIN) == outcome


def test_a_tolerance_is_read_as_it_is_written() -> None:
    tight = {"money": {"of": "amount", "at_most": "budget", "tolerance": 0.1}}  # no binary 0.1000000000000000055
    assert ask(priced("1100000000000000000.00", "1000000000000000000"), tight) == ("holds", None)
    assert ask(priced("1100000000000000000.01", "1000000000000000000"), tight) == ("fails", "over_budget")


MISSING = [
    (None, "100000", "amount_missing"),
    ("0", "100000", "amount_missing"),
    ("0.00", "100000", "amount_missing"),
    ("-5", "100000", "amount_missing"),
    ("5", None, "budget_missing"),
    ("5", "0", "budget_missing"),
    ("5", "-1", "budget_missing"),
    (None, None, "amount_missing"),
]


@pytest.mark.parametrize(("amount", "budget", "reason"), MISSING)
def test_nothing_zero_and_less_are_missing_money(amount: str | None, budget: str | None, reason: str) -> None:
    assert ask(priced(amount, budget), WITHIN) == ("fails", reason)


def test_missing_money_may_be_told_to_be_unknown() -> None:
    asked = {"money": {**WITHIN["money"], "on_null": "unknown"}}
    assert ask(priced(None), asked) == ("unknown", "amount_missing")
    assert ask(priced("5", None), asked) == ("unknown", "budget_missing")
    assert ask(priced("200000"), asked) == ("fails", "over_budget")


@pytest.mark.parametrize(
    ("amount", "budget", "hidden", "outcome"),
    [
        ("5", "9", {"budget"}, ("unknown", "unmapped")),
        ("5", "9", {"amount"}, ("unknown", "unmapped")),
        ("5", None, {"amount"}, ("fails", "budget_missing")),  # missing whatever the amount is
        (None, "9", {"budget"}, ("fails", "amount_missing")),
        (None, None, {"amount", "budget"}, ("unknown", "unmapped")),
    ],
)
def test_hidden_money_is_unknown(
    amount: str | None, budget: str | None, hidden: set[str], outcome: tuple[str, str | None]
) -> None:
    assert ask(priced(amount, budget), WITHIN, unmapped=frozenset(hidden)) == outcome


CONVERTED = [
    # amount, its currency, budget, its currency; a euro is 1.10 dollars
    ("100000", "EUR", "100000", "USD", ("holds", None)),  # 110,000 against 110,000
    ("100000.01", "EUR", "100000", "USD", ("fails", "over_budget")),
    ("121000", "USD", "100000", "EUR", ("holds", None)),
    ("121000.01", "USD", "100000", "EUR", ("fails", "over_budget")),
    ("110000", "GBP", "100000", "GBP", ("holds", None)),  # one currency needs no rate
    ("1", "GBP", "100000", "USD", ("unknown", "no_rate")),
    ("1", "USD", "100000", "GBP", ("unknown", "no_rate")),
    ("1", None, "100000", None, ("holds", None)),  # where none is named it is the organisation's
]


@pytest.mark.parametrize(("amount", "currency", "budget", "budget_currency", "outcome"), CONVERTED)
def test_currencies(
    amount: str, currency: str | None, budget: str, budget_currency: str | None, outcome: tuple[str, str | None]
) -> None:
    records = priced(amount, budget, EUR, currency=currency, budget_currency=budget_currency)
    assert ask(records, WITHIN) == outcome


def test_a_rate_that_is_no_decimal_is_exact() -> None:
    third = Rate(id="r", currency="XTS", units=Decimal(1), per=Decimal(3))  # three of them are a dollar
    at = {"currency": "XTS", "budget_currency": "USD"}
    assert ask(priced("330000", "100000", third, **at), WITHIN) == ("holds", None)
    assert ask(priced("330000.01", "100000", third, **at), WITHIN) == ("fails", "over_budget")


def test_todays_rate_holds_for_both_sides() -> None:
    rates = [
        Rate(id="1", currency="EUR", units=Decimal(9)),
        Rate(id="2", currency="EUR", units=Decimal(1), valid_from=ago(0)),
        Rate(id="3", currency="EUR", units=Decimal(9), valid_from=ago(-1)),
    ]
    assert ask(priced("110000", "100000", *rates, currency="EUR"), WITHIN) == ("holds", None)


def test_the_corporate_currency_is_one_whatever_the_table_says() -> None:
    odd = Rate(id="usd", currency="USD", units=Decimal(5))
    assert ask(priced("99999.99", "1", odd), LARGE) == ("fails", "low")


@pytest.mark.parametrize(
    ("amount", "currency", "outcome"),
    [
        ("100000", "USD", ("holds", None)),
        ("99999.99", "USD", ("fails", "low")),
        ("90909.09", "EUR", ("fails", "low")),
        ("90909.10", "EUR", ("holds", None)),
        ("100000", "GBP", ("unknown", "no_rate")),
        (None, "USD", ("fails", "amount_missing")),
    ],
)
def test_a_line_in_the_corporate_currency(amount: str | None, currency: str, outcome: tuple[str, str | None]) -> None:
    assert ask(priced(amount, "1", EUR, currency=currency), LARGE) == outcome


def test_a_hidden_amount_is_neither_large_nor_small() -> None:
    assert ask(priced("5"), LARGE, unmapped=frozenset({"amount"})) == ("unknown", "unmapped")


def test_it_shows_both_sides() -> None:
    seen = proof(priced("5", "9"), WITHIN).steps[0].observed
    assert (seen["a"], seen["b"]) == ("5", "9")


@pytest.mark.parametrize(
    "args",
    [
        {"of": "amount"},
        {"of": "amount", "at_most": "budget", "at_least": 5},
        {"of": "price", "at_most": "budget"},
        {"of": "amount", "at_most": "budget", "tolerance": -0.1},
        {"of": "amount", "at_most": "budget", "tolerance": 11},
        {"of": "amount", "at_least": -1},
        {"of": "amount", "at_most": "budget", "on_null": "holds"},
    ],
)
def test_what_makes_no_sense_is_refused(args: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PREDICATES["money"].Args.model_validate(args)
