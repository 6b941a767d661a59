"""A value that is there, and what it may be compared with."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from crm_audit.domain import Record
from crm_audit.predicates import PREDICATES
from tests.builders import around, ask, but, company, deal, proof

FIELDS = ("need", "solution_fit", "next_step", "owner", "forecast_category", "company")


def with_value(**values: object) -> list[Record]:
    return [*around(), deal("d1", 5, **values)]


@pytest.mark.parametrize("path", FIELDS)
@pytest.mark.parametrize("text", [None, "", "  ", "\t\n", "\u00a0"])
def test_empty_and_blank_are_missing(path: str, text: str | None) -> None:
    assert ask(with_value(**{path: text}), {"field": {"path": path}}) == ("fails", "missing")


@pytest.mark.parametrize("path", FIELDS)
def test_a_value_is_there(path: str) -> None:
    assert ask(with_value(**{path: "acme"}), {"field": {"path": path}}) == ("holds", None)


def test_a_zero_is_a_value() -> None:
    assert ask(with_value(probability=Decimal(0)), {"field": {"path": "probability"}}) == ("holds", None)
    assert ask(with_value(need="0"), {"field": {"path": "need"}}) == ("holds", None)


TEXTS: dict[str, tuple[dict[str, Any], str, tuple[str, str | None]]] = {
    "equal": ({"equals": "confirmed"}, "confirmed", ("holds", None)),
    "equal but for blanks around it": ({"equals": "confirmed"}, " confirmed ", ("holds", None)),
    "other letters": ({"equals": "confirmed"}, "Confirmed", ("fails", "differs")),
    "part of it": ({"equals": "confirmed"}, "unconfirmed", ("fails", "differs")),
    "unlike": ({"not_equals": "confirmed"}, "open", ("holds", None)),
    "not unlike": ({"not_equals": "confirmed"}, "confirmed", ("fails", "differs")),
    "empty is not unlike, it is missing": ({"not_equals": "confirmed"}, "", ("fails", "missing")),
    "one of several": ({"in": ["A", "B"]}, "B", ("holds", None)),
    "none of several": ({"in": ["A", "B"]}, "AB", ("fails", "differs")),
    "a pattern anywhere": ({"matches": "(?i)fit"}, "Good FIT", ("holds", None)),
    "a pattern nowhere": ({"matches": "^fit$"}, "good fit", ("fails", "differs")),
    "a name for the difference": ({"in": ["A"], "reason": "low"}, "C", ("fails", "low")),
    "missing keeps its own name": ({"in": ["A"], "reason": "low"}, " ", ("fails", "missing")),
}


@pytest.mark.parametrize(("comparison", "text", "outcome"), TEXTS.values(), ids=TEXTS)
def test_text(comparison: dict[str, Any], text: str, outcome: tuple[str, str | None]) -> None:
    asked = {"field": {"path": "solution_fit", **comparison}}
    assert ask(with_value(solution_fit=text), asked) == outcome


NUMBERS = [
    ({"at_least": 60}, "60", ("holds", None)),
    ({"at_least": 60}, "59.999999999999999999", ("fails", "low")),
    ({"above": 60}, "60", ("fails", "low")),
    ({"above": 60}, "60.01", ("holds", None)),
    ({"at_most": 60}, "60.00", ("holds", None)),
    ({"at_most": 60}, "60.01", ("fails", "high")),
    ({"below": 60}, "60", ("fails", "high")),
    ({"below": 60}, "-3", ("holds", None)),
]


@pytest.mark.parametrize(("comparison", "number", "outcome"), NUMBERS)
def test_numbers_are_exact(comparison: dict[str, Any], number: str, outcome: tuple[str, str | None]) -> None:
    records = but(with_value(), "acme", add=[company(fit_score=Decimal(number))])
    assert ask(records, {"field": {"path": "company.fit_score", **comparison}}) == outcome


def test_a_missing_number_is_missing_and_never_zero() -> None:
    records = but(with_value(), "acme", add=[company(fit_score=None)])
    for comparison in ({"at_least": 0}, {"at_most": 0}, {"below": 1}):
        assert ask(records, {"field": {"path": "company.fit_score", **comparison}}) == ("fails", "missing")


FIT = {"field": {"path": "company.fit_tier", "in": ["A", "B"], "reason": "low"}}
COMPANIES: dict[str, tuple[list[Record], tuple[str, str | None]]] = {
    "a good one": ([company(fit_tier="B")], ("holds", None)),
    "another tier": ([company(fit_tier="C")], ("fails", "low")),
    "never looked at": ([company(fit_tier=None)], ("fails", "missing")),
    "deleted": ([company(deleted=True)], ("fails", "missing")),
    "merged into one that was never looked at": (
        [company(merged_into="group"), company(id="group", fit_tier=None)],
        ("fails", "missing"),
    ),
    "merged into a good one": ([company(fit_tier="C", merged_into="group"), company(id="group")], ("holds", None)),
    "not known": ([], ("fails", "missing")),
}


@pytest.mark.parametrize(("companies", "outcome"), COMPANIES.values(), ids=COMPANIES)
def test_the_company_that_is_left_is_the_one_that_counts(
    companies: list[Record], outcome: tuple[str, str | None]
) -> None:
    assert ask(but(with_value(), "acme", add=companies), FIT) == outcome


def test_a_link_to_a_deleted_company_is_no_link() -> None:
    asked = {"field": {"path": "company"}}
    assert ask(but(with_value(), "acme", add=[company(deleted=True)]), asked) == ("fails", "missing")
    assert ask(but(with_value(), "acme", add=[company(merged_into="gone")]), asked) == ("holds", None)


HIDDEN = [
    ("need", "need"),
    ("solution_fit", "solution_fit"),
    ("company", "company"),
    ("company.fit_tier", "company"),
    ("company.fit_tier", "fit"),
    ("company.fit_score", "fit"),
]


@pytest.mark.parametrize(("path", "hidden"), HIDDEN)
def test_a_hidden_field_is_unknown_whatever_stands_there(path: str, hidden: str) -> None:
    for records in (with_value(), with_value(need=None, solution_fit=None, company=None)):
        assert ask(records, {"field": {"path": path}}, unmapped=frozenset({hidden})) == ("unknown", "unmapped")


def test_another_hidden_field_does_not_matter() -> None:
    assert ask(with_value(), {"field": {"path": "need"}}, unmapped=frozenset({"fit", "budget"})) == ("holds", None)


def test_it_shows_the_value() -> None:
    seen = proof(with_value(need="  Fewer errors "), {"field": {"path": "need"}})
    assert str(seen.steps[0].observed["value"]).strip() == "Fewer errors"


WRONG: dict[str, dict[str, Any]] = {
    "two comparisons": {"path": "need", "equals": "a", "matches": "b"},
    "a number for text": {"path": "need", "at_least": 3},
    "text for a number": {"path": "probability", "equals": "0.5"},
    "no field of ours": {"path": "needs"},
    "a broken pattern": {"path": "need", "matches": "("},
    "an unknown argument": {"path": "need", "equal": "a"},
}


@pytest.mark.parametrize("args", WRONG.values(), ids=WRONG)
def test_what_makes_no_sense_is_refused(args: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PREDICATES["field"].Args.model_validate(args)
