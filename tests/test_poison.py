"""One deal that breaks a rule costs nobody else anything (ruling 42)."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import polars as pl
import pytest

from crm_audit import evaluate, facts
from crm_audit.evaluate import Audit
from crm_audit.explain import explain
from crm_audit.frames import frames
from crm_audit.proof import prove
from crm_audit.summary import summarise
from crm_audit.writeback.annotation import annotate
from tests.builders import CORE, NOW, Said, ago, around, change, spoilt, story, terms, told

NAMES = ("d1", "d2", "d3", "d4", "d5")
MONEY = {"CQ-OPP-BUDGET", "CQ-STK-PRICE", "CQ-STK-THREADS-L"}

RECORDS = [
    *around(),
    *story("d1"),
    *story("d2", 4, need=None),
    *story("d3", 5, close_date=ago(3)),
    change("amount", 3, "40000", "90000", "d3"),
    *story("d4", 3),
    *story("d5", 5, company=None),
]
TABLES = frames(RECORDS)
SOUND = told(evaluate.audit(facts.build(TABLES, terms()), CORE, NOW))


def judged(tables: Mapping[str, pl.DataFrame]) -> Audit:
    return evaluate.audit(facts.build(tables, terms()), CORE, NOW)


def broken(seen: Said) -> set[str]:
    return {name for name, finding in seen.findings.items() if finding.status == "error"}


TEXTS = ["NaN", "", "1,000", "--", "1e9999999", "\u0663x", "sNaN"]
AMOUNTS = [*((name, "abc") for name in NAMES), *(("d1", text) for text in TEXTS)]


@pytest.mark.parametrize(("name", "text"), AMOUNTS)
def test_an_amount_that_is_no_number_is_an_error_of_the_rules_that_asked(name: str, text: str) -> None:
    seen = told(judged(spoilt(TABLES, "deals", name, amount=text)))
    rung = seen[name].claimed or 0
    asked = {r for r in MONEY if CORE.rule(r).applies(rung)}
    assert broken(seen[name]) == asked - ({"CQ-STK-THREADS-L"} if "CQ-STK-THREADS" in seen[name].findings else set())
    others = [other for other in NAMES if other != name]
    assert {other: seen[other] for other in others} == {other: SOUND[other] for other in others}


@pytest.mark.parametrize("name", NAMES)
def test_the_rest_of_the_deal_is_judged_as_ever(name: str) -> None:
    seen = told(judged(spoilt(TABLES, "deals", name, amount="abc")))[name]
    without = {rule: finding for rule, finding in seen.findings.items() if rule not in MONEY}
    assert without == {rule: f for rule, f in SOUND[name].findings.items() if rule not in MONEY}


def test_an_error_is_neither_held_nor_failed() -> None:
    seen = told(judged(spoilt(TABLES, "deals", "d1", budget="abc")))["d1"]
    assert broken(seen) == {"CQ-OPP-BUDGET"}
    assert (seen.verdict, seen.supported, seen.action) == ("unverifiable", (3, 5), "annotate")
    finding = seen.findings["CQ-OPP-BUDGET"]
    assert (finding.severity, finding.reason, finding.about) == ("info", "error", ())


def test_the_tally_counts_errors() -> None:
    tally = {(rule, status): n for rule, status, n in judged(spoilt(TABLES, "deals", "d1", budget="abc")).tally.rows()}
    assert tally["CQ-OPP-BUDGET", "error"] == 1
    assert tally["CQ-OPP-BUDGET", "holds"] == 3


@pytest.mark.parametrize(
    ("kind", "name", "cells"),
    [
        ("deals", "d1", {"probability": "likely"}),
        ("deals", "d1", {"amount": "9" * 400}),
        ("deals", "d1", {"amount": "Infinity"}),
        ("deals", "d1", {"amount": "abc", "budget": "def", "probability": "ghi", "close_date": "soon"}),
        ("deals", "d1", {"currency": "", "budget_currency": "???"}),
        ("companies", "acme", {"fit_score": "high", "fit_tier": ""}),
        ("stages", "new/Propose", {"probability": "often"}),
        ("history", "d3-amount-2026-03-13 15:00:00+00:00-90000", {"old": "much"}),
        ("history", "d3-amount-2026-03-13 15:00:00+00:00-90000", {"new": "more"}),
    ],
)
def test_nothing_that_stands_in_a_record_stops_a_step(kind: str, name: str, cells: Mapping[str, str]) -> None:
    assert name in TABLES[kind]["id"]
    audit = judged(spoilt(TABLES, kind, name, **cells))
    findings = explain(audit)
    assert len(findings) == audit.findings.height
    assert {line.id for line in summarise(audit, findings).lines} == set(NAMES)
    assert set(annotate(audit, findings)) == set(NAMES)
    for deal in NAMES:
        assert all(prove(audit, deal, rung) for rung in range(1, 6))
    others = {rule for each in ("d2", "d4") for rule in broken(told(audit)[each])}
    assert others == (set() if kind != "companies" else {"CQ-ORG-FIT"})


def test_a_proof_says_which_rule_broke() -> None:
    audit = judged(spoilt(TABLES, "deals", "d1", budget="abc"))
    statuses = {proof.rule: proof.status for proof in prove(audit, "d1", 5)}
    assert statuses.pop("CQ-OPP-BUDGET") == "error"
    assert set(statuses.values()) == {"holds", "not_applicable"}


@pytest.mark.parametrize("count", [1, 7, 40])
def test_among_a_thousand_deals_exactly_the_poisoned_are_found(count: int) -> None:
    names = [f"n{number:04}" for number in range(1_000)]
    poisoned = set(Random(count).sample(names, count))
    tables = frames([*around(), *[each for name in names for each in story(name)]])
    sound = {name: finding for name, finding in told(judged(tables)).items() if name not in poisoned}
    bad = pl.when(pl.col("id").is_in(sorted(poisoned))).then(pl.lit("abc")).otherwise("amount")
    seen = told(judged({**tables, "deals": tables["deals"].with_columns(amount=bad)}))
    assert {name for name in names if broken(seen[name])} == poisoned
    assert {name: seen[name] for name in sound} == sound


def test_when_all_are_poisoned_all_are_named() -> None:
    tables = {**TABLES, "deals": TABLES["deals"].with_columns(amount=pl.lit("abc"))}
    seen = told(judged(tables))
    assert all("CQ-OPP-BUDGET" in broken(each) for each in seen.values() if (each.claimed or 0) >= 4)


def test_a_spoilt_rate_breaks_what_needs_rates_and_nothing_else() -> None:
    rate = {"id": "eur", "currency": "EUR", "units": "much", "per": "1", "valid_from": None}
    tables = {**TABLES, "rates": pl.DataFrame([rate], schema=TABLES["rates"].schema)}
    audit = judged(tables)
    assert {rule for each in told(audit).values() for rule in broken(each)} <= MONEY
    assert summarise(audit, explain(audit)).open_deals == len(NAMES)
