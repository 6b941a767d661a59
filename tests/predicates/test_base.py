"""What all predicates share: limits by rung, and names that must be known."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from crm_audit.predicates import PREDICATES
from crm_audit.predicates.base import at


@pytest.mark.parametrize(
    ("limit", "by_rung"),
    [
        ({0: 9}, [9, 9, 9, 9, 9, 9]),
        ({3: 45, 4: 30, 5: 14}, [45, 45, 45, 45, 30, 14]),
        ({2: 45, 5: 14}, [45, 45, 45, 45, 45, 14]),
        ({5: 14}, [14] * 6),
        ({1: 30, 3: 60, 2: 45}, [30, 30, 45, 60, 60, 60]),
    ],
)
def test_the_largest_rung_reached_gives_the_limit(limit: dict[int, int], by_rung: list[int]) -> None:
    assert [at(limit, rung) for rung in range(6)] == by_rung


LEAST: dict[str, dict[str, Any]] = {
    "contact": {"role": "authority"},
    "date": {"path": "close_date"},
    "evidence": {"within": 30},
    "field": {"path": "need"},
    "history": {"field": "stage", "change": "skip", "max": 0},
    "money": {"of": "amount", "at_least": 1},
    "planned": {"within": 14},
    "rechecked": {"topics": ["budget"], "within": 30},
    "since": {"of": "stage", "max": 30},
}


def test_every_predicate_is_here() -> None:
    assert LEAST.keys() == PREDICATES.keys()


@pytest.mark.parametrize("name", LEAST)
def test_a_misspelt_argument_is_refused(name: str) -> None:
    PREDICATES[name].Args.model_validate(LEAST[name])
    with pytest.raises(ValidationError, match="withinn"):
        PREDICATES[name].Args.model_validate({**LEAST[name], "withinn": 3})


@pytest.mark.parametrize("name", LEAST)
def test_a_limit_is_no_part_of_what_is_observed(name: str) -> None:
    predicate = PREDICATES[name]
    assert set(predicate.Args.model_fields) >= predicate.THRESHOLDS


NEAR = [
    ("contact", {"role": "authorty"}, "authority"),
    ("evidence", {"kinds": ["emailin"], "within": 3}, "email_in"),
    ("evidence", {"by": {"role": "champ"}, "within": 3}, "champion"),
    ("field", {"path": "company.fit"}, "company.fit_"),
    ("date", {"path": "closedate"}, "close_date"),
    ("since", {"of": "stages", "max": 3}, "stage"),
]


@pytest.mark.parametrize(("name", "args", "hint"), NEAR)
def test_an_unknown_name_offers_the_nearest(name: str, args: dict[str, Any], hint: str) -> None:
    with pytest.raises(ValidationError, match=f"did you mean '{hint}"):
        PREDICATES[name].Args.model_validate(args)


LIMITS: list[Any] = [-1, {3: -1}, {}, {-1: 3}, {6: 3}, 1.5, "soon", None, True, {3: True}, {2.5: 3}]


@pytest.mark.parametrize("limit", LIMITS, ids=str)
def test_a_limit_is_a_whole_number_from_zero_or_one_per_rung(limit: object) -> None:
    with pytest.raises(ValidationError):
        PREDICATES["since"].Args.model_validate({"of": "stage", "max": limit})


def test_kinds_and_buyer_acts_are_a_choice() -> None:
    with pytest.raises(ValidationError, match="not both"):
        PREDICATES["evidence"].Args.model_validate({"kinds": ["email_in"], "buyer_acts": True, "within": 3})


@pytest.mark.parametrize(
    "args", [{"min_strength": 0}, {"min_strength": 4}, {"min_people": 0}, {"amount_tolerance": -1}]
)
def test_evidence_has_its_bounds(args: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PREDICATES["evidence"].Args.model_validate({"within": 3, **args})
