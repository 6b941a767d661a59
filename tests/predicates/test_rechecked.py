"""Which questions were asked again, and when."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from crm_audit.domain import Record
from crm_audit.predicates import PREDICATES
from tests.builders import around, ask, at, deal, proof, recheck

BASICS = ["price_vs_budget", "final_decision_maker", "purchase_date"]
ASKED = {"rechecked": {"topics": BASICS, "within": {3: 45, 4: 30, 5: 14}}}


def scene(*more: Record) -> list[Record]:
    return [*around(), deal(), *more]


def missing(records: list[Record], rung: int = 5) -> list[str]:
    topics: Any = proof(records, ASKED, rung).steps[0].observed.get("missing", [])
    return list(topics)


ONE_BY_ONE = [recheck(3, "price_vs_budget"), recheck(9, "final_decision_maker"), recheck(14, "purchase_date")]
TOLD: dict[str, tuple[list[Record], tuple[str, str | None]]] = {
    "never": ([], ("fails", "none")),
    "all at once": ([recheck(14)], ("holds", None)),
    "a day too long ago": ([recheck(15)], ("fails", "stale")),
    "today": ([recheck(0)], ("holds", None)),
    "tomorrow": ([recheck(-1)], ("fails", "none")),
    "one by one": ([*ONE_BY_ONE], ("holds", None)),
    "one is missing": ([*ONE_BY_ONE[:2]], ("fails", "none")),
    "one is too old": ([*ONE_BY_ONE[:2], recheck(15, "purchase_date")], ("fails", "stale")),
    "under other names": ([recheck(3, "budget", "authority", "timing")], ("holds", None)),
    "another question": ([recheck(3, "metrics")], ("fails", "none")),
    "another deal": ([recheck(3, name="d2"), deal("d2")], ("fails", "none")),
    "by our own user": ([recheck(3, by="robot")], ("fails", "none")),
    "by a user": ([recheck(3, by="olga")], ("holds", None)),
    "about nothing": ([recheck(3, "")], ("fails", "none")),
}


@pytest.mark.parametrize(("more", "outcome"), TOLD.values(), ids=TOLD)
def test_all_three_have_to_be_fresh(more: list[Record], outcome: tuple[str, str | None]) -> None:
    assert ask(scene(*more), ASKED) == outcome


@pytest.mark.parametrize(
    ("days", "holds"), [(14, [3, 4, 5]), (15, [3, 4]), (30, [3, 4]), (31, [3]), (45, [3]), (46, [])]
)
def test_support_decays_from_the_top(days: int, holds: list[int]) -> None:
    records = scene(recheck(days))
    assert [rung for rung in (3, 4, 5) if ask(records, ASKED, rung)[0] == "holds"] == holds


def test_two_names_of_one_topic_are_one_topic() -> None:
    twice = {"rechecked": {"topics": ["budget", "price_vs_budget"], "within": 14}}
    assert ask(scene(recheck(3, "budget")), twice) == ("holds", None)
    assert ask(scene(), twice) == ("fails", "none")


def test_it_names_what_to_ask_again_in_the_order_of_the_rule() -> None:
    assert missing(scene(*ONE_BY_ONE)) == []
    assert missing(scene(recheck(3, "final_decision_maker"))) == ["price_vs_budget", "purchase_date"]
    assert missing(scene(recheck(20), recheck(3, "purchase_date"))) == BASICS[:2]
    assert missing(scene()) == BASICS


def test_all_stands_for_the_three_basics_and_nothing_else() -> None:
    asked = {"rechecked": {"topics": ["metrics"], "within": 60}}
    assert ask(scene(recheck(3)), asked) == ("fails", "none")
    assert ask(scene(recheck(3, "metrics")), asked) == ("holds", None)


def test_packs_may_use_their_own_names() -> None:
    asked = {"rechecked": {"topics": ["budget", "authority", "timing"], "within": 14}}
    assert ask(scene(recheck(3)), asked) == ("holds", None)


@pytest.mark.parametrize("more", [[], [recheck(3)]])
def test_hidden_answers_are_unknown(more: list[Record]) -> None:
    assert ask(scene(*more), ASKED, unmapped=frozenset({"rechecks"})) == ("unknown", "unmapped")


def test_as_of_an_earlier_day() -> None:
    assert ask(scene(recheck(3)), ASKED, as_of=at(4)) == ("fails", "none")
    assert ask(scene(recheck(3)), ASKED, as_of=at(3)) == ("holds", None)


@pytest.mark.parametrize("args", [{"topics": [], "within": 3}, {"topics": ["budget"]}, {"within": 3}])
def test_what_makes_no_sense_is_refused(args: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PREDICATES["rechecked"].Args.model_validate(args)
