"""What a rule can say is known before it is asked: for its messages, its cases and the reference."""

from __future__ import annotations

import pytest

from crm_audit import packs
from crm_audit.evaluate import RANK
from crm_audit.policy import UNMAPPED_STAGE, Combined, Leaf, Rule, reasons
from crm_audit.predicates import PREDICATES
from crm_audit.predicates.base import Reasons
from crm_audit.scene import FORMER
from tests.second_opinion.test_generate import REASONS as REPORTED

CORE = packs.load("core")
IDS = [rule.id for rule in CORE.rules]


def leaf(predicate: str, **args: object) -> Leaf:
    return Leaf(predicate, PREDICATES[predicate].Args.model_validate(args))


WINDOW = {"within": 30}
SHOWN = {"by": {"role": "authority"}, "topic": "pricing", "min_strength": 2, **WINDOW}

EXPECTED: list[tuple[Leaf, tuple[str, ...], tuple[str, ...]]] = [
    (leaf("contact", role="champion"), (*FORMER, "none"), ("unmapped",)),
    (leaf("contact", role="champion", min=2), ("count",), ("unmapped",)),
    (leaf("date", path="close_date"), ("missing",), ("unmapped",)),
    (leaf("date", path="created"), ("missing",), ()),
    (leaf("date", path="close_date", not_past=True, fiscal="this"), ("missing", "past", "too_far"), ("unmapped",)),
    (leaf("date", path="close_date", max_days_ahead=9, max_days_ago=9), ("missing", "too_far", "stale"), ("unmapped",)),
    (leaf("evidence", **WINDOW), ("stale", "none"), ("unmapped", "no_source")),
    (leaf("evidence", topic="pricing", **WINDOW), ("stale", "none"), ("unmapped", "no_source")),
    (leaf("evidence", **SHOWN), ("stale", "only_sent", *FORMER, "none"), ("unmapped", "no_source")),
    (leaf("evidence", min_people=2, **SHOWN), ("count",), ("unmapped", "no_source")),
    (leaf("evidence", amount_tolerance="0.1", **WINDOW), ("superseded_amount", "stale", "none"),
     ("unmapped", "no_source", "no_rate")),
    (leaf("field", path="need"), ("missing",), ("unmapped",)),
    (leaf("field", path="owner", not_equals="x"), ("missing", "differs"), ()),
    (leaf("field", path="probability", at_most=1), ("missing", "high"), ()),
    (leaf("field", path="probability", above=1), ("missing", "low"), ()),
    (leaf("field", path="probability", above=1, reason="differs"), ("missing", "differs"), ()),
    (leaf("history", field="stage", change="skip", max=0), ("count",), ("unmapped",)),
    (leaf("money", of="amount", at_most="budget"), ("amount_missing", "budget_missing", "over_budget"),
     ("unmapped", "no_rate")),
    (leaf("money", of="budget", at_most="amount"), ("budget_missing", "amount_missing", "over_amount"),
     ("unmapped", "no_rate")),
    (leaf("money", of="amount", at_least=1), ("amount_missing", "low"), ("unmapped", "no_rate")),
    (leaf("money", of="amount", at_least=1, on_null="unknown"), ("low",), ("amount_missing", "unmapped", "no_rate")),
    (leaf("planned", within=7), ("none", "too_far"), ("no_source",)),
    (leaf("rechecked", topics=["timing"], within=7), ("none", "stale"), ("unmapped",)),
    (leaf("since", of="created", max=7), ("old", "none"), ()),
    (leaf("since", of="amount", max=7), ("old", "none"), ("unmapped",)),
    (leaf("since", of="buyer_act", max=7), ("old", "none"), ("unmapped", "no_source")),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "fails", "unknown"), EXPECTED, ids=lambda part: getattr(part, "predicate", ""))
def test_the_arguments_decide_what_can_be_said(asked: Leaf, fails: tuple[str, ...], unknown: tuple[str, ...]) -> None:
    told = reasons(asked)
    assert (told.fails, told.unknown) == (fails, unknown)
    assert {*fails, *unknown} <= {*PREDICATES[asked.predicate].REASONS}
    assert {*fails, *unknown} <= {*RANK}


def test_every_reason_a_predicate_names_can_be_given_somehow() -> None:
    given: dict[str, set[str]] = {}
    for asked, fails, unknown in EXPECTED:
        given.setdefault(asked.predicate, set()).update(fails, unknown)
    assert given == {name: set(predicate.REASONS) for name, predicate in PREDICATES.items()}


def test_what_is_combined_can_say_what_its_parts_can() -> None:
    parts = (leaf("field", path="need"), leaf("planned", within=7), leaf("field", path="need"))
    assert reasons(Combined("any", parts)) == Reasons(("missing", "none", "too_far"), ("unmapped", "no_source"))
    assert reasons(Combined("not", parts[1:2])) == Reasons(("differs",), ("no_source",))


def test_a_fixed_reason_stands_for_every_failure_and_a_guard_only_for_what_is_unknown() -> None:
    rule = Rule(
        id="TRY-ME", title="It is so", layer="hygiene", start=1, reason="none",
        require=leaf("field", path="need"), when=leaf("money", of="amount", at_least=1),
    )  # fmt: skip
    assert rule.reasons() == Reasons(("none",), ("unmapped", "no_rate"))


@pytest.mark.parametrize("rule", IDS)
def test_the_second_opinion_reports_no_other_reason(rule: str) -> None:
    told = CORE.rule(rule).reasons()
    assert REPORTED[rule] <= {*told.fails, *told.unknown}


@pytest.mark.parametrize("rule", [name for name in IDS if name != UNMAPPED_STAGE])
def test_the_core_pack_has_words_for_every_failure_and_for_nothing_else(rule: str) -> None:
    assert set(CORE.rule(rule).messages) == set(CORE.rule(rule).reasons().fails)
