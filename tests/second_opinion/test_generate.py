"""What the generated worlds reach: a comparison on worlds in which nothing happens would prove nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

import pytest

from . import slow_facts as facts
from .generate import seeded
from .sketch import LADDERS
from .slow import judge
from .slow_rules import CORE, Rule

WORLDS = 2000

EVIDENCE = {"unmapped", "no_source"}
GONE = {"contact_left", "contact_deleted", "contact_removed", "role_changed"}

REASONS: dict[str, set[str]] = {
    "CQ-ORG-COMPANY": {"missing", "unmapped"},
    "CQ-ORG-FIT": {"missing", "low", "unmapped"},
    "CQ-ORG-FIT-FRESH": {"missing", "stale"},
    "CQ-OPP-NEED": {"missing", "unmapped"},
    "CQ-OPP-DATE": {"missing", "past", "too_far", "unmapped"},
    "CQ-OPP-PUSH": {"count", "unmapped"},
    "CQ-OPP-BASICS": {"none", "stale", "unmapped"},
    "CQ-OPP-SOLUTION": {"none", *EVIDENCE},
    "CQ-OPP-PRICED": {"none", "stale", *EVIDENCE},
    "CQ-OPP-BUDGET": {"amount_missing", "budget_missing", "over_budget", "unmapped", "no_rate"},
    "CQ-STK-CONTACT": {"none", "stale", *EVIDENCE},
    "CQ-STK-AUTH": {"none", "unmapped", *GONE},
    "CQ-STK-PATH": {"none", "no_source"},
    "CQ-STK-ENGAGED": {"none", "stale", "no_source"},
    "CQ-STK-PRICE": {"none", "only_sent", "stale", "superseded_amount", "no_rate", *EVIDENCE, *GONE},
    "CQ-STK-THREADS": {"count", "no_source"},
    "CQ-STK-THREADS-L": {"count", "no_source", "unmapped", "no_rate"},
    "CQ-MOM-SILENT": {"stale", "no_source"},
    "CQ-MOM-AGE": {"old", "unmapped"},
    "SYS-UNMAPPED-STAGE": {"unmapped"},
}
"""Every reason each rule can report. `unmapped` is absent where a rule that suppresses it is then unknown as well."""


@cache
def results() -> list[dict[str, Any]]:
    return [judge(seeded(number), LADDERS) for number in range(WORLDS)]


@cache
def judgements() -> list[dict[str, Any]]:
    return [judged for result in results() for judged in result.values()]


@cache
def reported() -> Counter[tuple[str, str]]:
    return Counter((row["rule"], row["reason"]) for judged in judgements() for row in judged["findings"])


@pytest.mark.parametrize("rule", REASONS)
def test_a_rule_is_reported_for_each_of_its_reasons_and_no_other(rule: str) -> None:
    assert {reason for name, reason in reported() if name == rule} == REASONS[rule]


def test_every_core_rule_has_its_reasons_listed() -> None:
    assert set(REASONS) == {rule.id for rule in CORE} | {"SYS-UNMAPPED-STAGE"}


@pytest.mark.parametrize("rule", CORE, ids=lambda rule: rule.id)
def test_a_rule_is_also_often_not_reported_where_it_applies(rule: Rule) -> None:
    applied = [j for j in judgements() if isinstance(j["claimed"], int) and rule.first <= j["claimed"] <= rule.last]
    quiet = [j for j in applied if rule.id not in {row["rule"] for row in j["findings"]}]
    assert len(quiet) > len(applied) // 4 > 0


def test_every_verdict_action_and_supported_rung_occurs() -> None:
    assert {j["verdict"] for j in judgements()} == {
        "supported", "overstated", "unverifiable", "not_applicable", "unmapped"
    }  # fmt: skip
    assert {j["action"] for j in judgements()} == {"none", "annotate", "block"}
    ranges = {tuple(j["supported"]) for j in judgements() if j["supported"]}
    assert {lowest for lowest, _ in ranges} == {highest for _, highest in ranges} == set(range(6))
    assert any(lowest < highest for lowest, highest in ranges)


def test_the_same_number_gives_the_same_world_and_another_number_another() -> None:
    assert seeded(7) == seeded(7)
    assert len({json.dumps(seeded(seed), sort_keys=True) for seed in range(200)}) > 190


def _inclusive_removal(case: facts.Case, link: facts.Row) -> bool:
    return facts.begun(case, link) and (link.get("to") is None or link["to"] >= facts.today(case).isoformat())


def _one_merge_only(rows: list[facts.Row], row_id: str) -> facts.Row | None:
    row = next((row for row in rows if row["id"] == row_id), None)
    into = row and row.get("merged_into")
    return next((row for row in rows if row["id"] == into), None) if into else row


SLIPS: dict[str, Callable[..., object]] = {
    "within": lambda case, text, days: facts.happened(case, text) and 0 <= facts.age(case, text) < days,
    "happened": lambda case, text: True,
    "local_day": lambda case, text: datetime.fromisoformat(text).date(),
    "today": lambda case: facts.as_of(case).date(),
    "close_day": lambda case, text: facts.local_day(case, text),
    "valid": _inclusive_removal,
    "survivor": _one_merge_only,
    "is_open": lambda case, deal: isinstance(facts.rung(case, deal), int),
    "participants": lambda case, event: {facts.person(case, contact) for contact in event["contacts"]},
    "topics_counted": lambda case, event: set(event["topics"]),
    "in_corporate": lambda case, sum_: sum_[0],
    "amount_at": lambda case, moment: facts.decimal(case.deal["amount"]),
    "span_start": lambda case: facts.instant(case.deal["created"]),
    "stage_entered": lambda case: case.deal["created"],
    "former_authorities": lambda case: {},
    "no_source": lambda case, kinds: False,
    "ours": lambda case, contact: contact["email"].endswith("@seller.example"),
}
"""A mistake in one function of the slow evaluator, by the function's name."""


@pytest.mark.parametrize("slip", SLIPS)
def test_the_worlds_notice_a_mistake(slip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = results()
    monkeypatch.setattr(facts, slip, SLIPS[slip])
    assert any(judge(seeded(number), LADDERS) != right[number] for number in range(WORLDS))
