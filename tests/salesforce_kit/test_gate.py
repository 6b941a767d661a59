"""The formulas that ship, read out of their XML and worked out by an engine from elsewhere, against `may_enter`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random

import polars as pl
import pytest

from crm_audit import evaluate
from crm_audit.connectors.salesforce import own
from crm_audit.domain import RUNGS, Record
from crm_audit.facts import Facts
from crm_audit.policy import Pack
from tests.builders import CORE, NOW, STAGE_AT, ago, around, known, story
from tests.node import node
from tests.salesforce_kit.kit import HERE, fields, formula

DEALS = 10_000
NAMES = {
    "Prospect": "Prospecting", "Qualify": "Qualification", "Discover": "Value", "Evaluate": "Value Proposition",
    "Propose": "Proposal/Price Quote", "Negotiate": "Negotiation/Review", "Won": "Closed Won", "Lost": "Closed Lost",
}  # fmt: skip
"""Stages as an org names them: one is the beginning of another, and none may be taken for the other."""
STRICT: Pack = replace(
    CORE, rules=tuple(replace(rule, block_from=rule.start) if rule.gate else rule for rule in CORE.rules)
)
"""The core pack with every gate rule asking to block from its first rung on, so that every rung refuses some."""


def some_deals(number: int, random: Random) -> Iterator[Record]:
    """Deals that lack this and that."""
    yield from around()
    for n in range(number):
        changes = {
            "need": random.choice(["Late invoices", "Late invoices", None]),
            "close_date": random.choice([ago(-30), ago(-30), ago(3), None]),
            "solution_fit": random.choice(["confirmed", None]),
            "company": random.choice(["acme", "acme", "acme", None]),
        }
        deal, *rest = story(f"d{n}", random.choice(list(RUNGS)), **changes)
        yield deal
        yield from (each for each in rest if random.random() > 0.12)


@cache
def refused() -> tuple[dict[str, int], dict[str, frozenset[int]]]:
    """By deal, the rung it claims, and the rungs it may not enter, each judged as if it claimed that one."""
    facts = known(some_deals(DEALS, Random(36)))
    claimed = {row["id"]: row["rung"] for row in facts.deals.iter_rows(named=True)}
    closed: dict[str, set[int]] = {deal: set() for deal in claimed}
    for rung in RUNGS:
        verdicts = evaluate.audit(at_rung(facts, rung), STRICT, NOW).verdicts
        for deal in verdicts.filter(pl.col("action") == "block")["id"]:
            closed[deal].add(rung)
    return claimed, {deal: frozenset(rungs) for deal, rungs in closed.items()}


def at_rung(facts: Facts, rung: int) -> Facts:
    """The same evidence, every deal claiming one rung; its stage, and how long it has stood there, stay."""
    return replace(facts, deals=facts.deals.with_columns(rung=pl.lit(rung, facts.deals.schema["rung"])))


@dataclass(frozen=True)
class Move:
    """Somebody saves a deal."""

    deal: str
    prior: str
    new: str
    linked: str | None  # whose verdict its lookup points at
    silent: timedelta | None  # since the last complete run; None: there was none
    hours: int | None  # after which the gate opens, where an admin has set them
    bypass: bool
    reason: tuple[str | None, str | None]  # before and after the save


def some_moves(deals: Mapping[str, int], random: Random) -> Iterator[Move]:
    """One move of each deal, most of them plain."""
    for deal, rung in deals.items():
        odd = random.random() < 0.3
        stages = list(NAMES)
        yield Move(
            deal,
            prior=random.choice(stages) if odd else STAGE_AT[rung],
            new=random.choice(stages),
            linked=random.choice([deal, deal, "another", None]) if odd else deal,
            silent=random.choice([None, timedelta(hours=random.uniform(0, 100))]) if odd else timedelta(hours=7),
            hours=random.choice([None, 1, 6, 96]) if odd else None,
            bypass=odd and random.random() < 0.3,
            reason=random.choice([(None, None), (None, "board"), ("board", "board"), ("board", None), ("a", "b")]),
        )


def stops(move: Move, claimed: int, closed: frozenset[int]) -> bool:
    """Ruling 36 in its own words; what is not refused on the way forward is never refused on the way back."""
    rungs = {stage: rung for rung, stage in STAGE_AT.items()}
    ahead = {stage for stage, rung in rungs.items() if isinstance(rung, int) and rung > claimed and rung in closed}
    fresh = move.silent is not None and move.silent < timedelta(hours=48 if move.hours is None else move.hours)
    return (
        move.new != move.prior
        and not move.bypass
        and move.linked == move.deal
        and fresh
        and move.new in ahead
        and move.prior not in ahead
    )


def reasoned(move: Move) -> bool:
    """Ruling 37: a reason is given in the same save."""
    before, after = move.reason
    return bool(after) and after != before


def row(move: Move, claimed: int, closed: frozenset[int]) -> dict[str, object]:
    """The record as the formula sees it."""
    names = {stage: rung for rung, stage in STAGE_AT.items() if isinstance(rung, int)}
    stages = [NAMES[stage] for stage, rung in names.items() if rung > claimed and rung in closed]
    now = datetime(2026, 3, 16, 15, tzinfo=UTC)
    beats = {
        "Last_Run__c": None if move.silent is None else f"{now - move.silent:%Y-%m-%dT%H:%M:%S.000Z}",
        "Gate_Opens_After_Hours__c": move.hours,
    }
    listed = own.listed(stages)
    verdict = {
        "Deal_Id__c": salesforce_id(move.linked or ""),
        "Refused_Stages__c": listed,
        "Warned_Stages__c": listed,
        "Connection__r": beats,
    }
    before, after = move.reason
    return {
        "Id": salesforce_id(move.deal),
        "StageName": NAMES[move.new],
        "StageName_prior": NAMES[move.prior],
        "StageName_changed": move.new != move.prior,
        "IsClosed": move.new in ("Won", "Lost"),
        "IsWon": move.new == "Won",
        "Now": f"{now:%Y-%m-%dT%H:%M:%S.000Z}",
        "$Permission": {"CRM_Audit_Gate_Bypass": move.bypass},
        "CRM_Audit_Verdict__r": None if move.linked is None else verdict,
        "CRM_Audit_Reason__c": after,
        "CRM_Audit_Reason__c_changed": before != after,
    }


def salesforce_id(deal: str) -> str:
    """18 characters for a deal."""
    return f"006{deal.rjust(12, '0')}AAA"


TYPES = {"Text": "string", "LongTextArea": "string", "Number": "number", "DateTime": "datetime", "Lookup": "id"}


def types() -> dict[str, object]:
    """The fields that a formula may speak of, with the types that the kit gives them."""
    stage = {"type": "picklist", "picklistValues": [{"value": name, "label": name} for name in NAMES.values()]}
    beats = {"type": "object", "properties": typed(own.CONNECTION)}
    verdict = {"type": "object", "properties": {**typed(own.VERDICT), "Connection__r": beats}}
    flags = ("StageName_changed", "CRM_Audit_Reason__c_changed", "IsClosed", "IsWon")
    return {
        "Id": {"type": "id"},
        "StageName": stage,
        "StageName_prior": stage,
        "Now": {"type": "datetime"},
        "$Permission": {"type": "object", "properties": {"CRM_Audit_Gate_Bypass": {"type": "boolean"}}},
        "CRM_Audit_Verdict__r": verdict,
        "CRM_Audit_Reason__c": {"type": "string"},
        **{name: {"type": "boolean"} for name in flags},
    }


def typed(name: str) -> dict[str, dict[str, object]]:
    return {
        field: {"type": TYPES[spec["type"]], "precision": int(spec.get("precision", 0)), "scale": 0}
        for field, spec in fields(name)
    }


def substituted(text: str) -> str:
    """What only a save knows, as fields: the engine has neither ISCHANGED nor PRIORVALUE, and no clock is asked."""
    text = re.sub(r"ISCHANGED\((\w+)\)", r"\1_changed", text)
    return re.sub(r"PRIORVALUE\((\w+)\)", r"\1_prior", text).replace("NOW()", "Now")


def worked_out(rule: str, rows: list[dict[str, object]]) -> list[bool]:
    """What the engine says of each row."""
    asked = {"formula": substituted(formula(rule)), "types": types(), "rows": rows}
    ran = node(str(HERE / "formulas.mjs"), project=HERE, hears=json.dumps(asked))
    assert ran.returncode == 0, ran.stderr
    told: list[bool] = json.loads(ran.stdout)
    return told


def test_the_gate_that_ships_refuses_what_may_enter_refuses() -> None:
    claimed, closed = refused()
    moves = list(some_moves(claimed, Random(37)))
    expected = [stops(move, claimed[move.deal], closed[move.deal]) for move in moves]
    told = worked_out("CRM_Audit_Gate", [row(move, claimed[move.deal], closed[move.deal]) for move in moves])
    differing = [move for move, one, other in zip(moves, told, expected, strict=True) if one != other]
    assert not differing, differing[:3]
    assert len(moves) == DEALS
    assert DEALS / 10 < sum(expected) < DEALS * 9 / 10


def test_the_warning_that_ships_asks_for_a_reason_in_the_same_save() -> None:
    claimed, closed = refused()
    moves = list(some_moves(claimed, Random(38)))
    expected = [stops(move, claimed[move.deal], closed[move.deal]) and not reasoned(move) for move in moves]
    told = worked_out("CRM_Audit_Warn", [row(move, claimed[move.deal], closed[move.deal]) for move in moves])
    assert [move for move, one, other in zip(moves, told, expected, strict=True) if one != other] == []
    assert any(expected)


PLAIN = Move("d1", "Evaluate", "Propose", "d1", timedelta(hours=7), hours=None, bypass=False, reason=(None, None))
CLOSED = frozenset({4, 5})


@pytest.mark.parametrize(
    ("changes", "refuses"),
    [
        ({}, True),
        ({"new": "Negotiate"}, True),
        ({"new": "Lost"}, False),
        ({"new": "Won"}, False),
        ({"new": "Discover"}, False),
        ({"new": "Evaluate"}, False),
        ({"prior": "Propose", "new": "Negotiate"}, False),
        ({"prior": "Negotiate"}, False),
        ({"linked": None}, False),
        ({"linked": "d2"}, False),
        ({"bypass": True}, False),
        ({"silent": None}, False),
        ({"silent": timedelta(hours=47)}, True),
        ({"silent": timedelta(hours=49)}, False),
        ({"silent": timedelta(hours=7), "hours": 6}, False),
        ({"silent": timedelta(hours=49), "hours": 72}, True),
        ({"silent": timedelta(hours=-1)}, True),
    ],
    ids=str,
)
def test_each_way_through_the_gate(changes: dict[str, object], refuses: bool) -> None:
    move = replace(PLAIN, **changes)  # type: ignore[arg-type]  # fields of Move
    assert worked_out("CRM_Audit_Gate", [row(move, 3, CLOSED)]) == [refuses]


@pytest.mark.parametrize("prior", ["Prospect", "Discover", "Negotiate"])
def test_closed_lost_is_let_through_whatever_the_list_says(prior: str) -> None:
    record = row(replace(PLAIN, prior=prior, new="Lost"), 3, CLOSED)
    verdict = record["CRM_Audit_Verdict__r"]
    assert isinstance(verdict, dict)
    verdict["Refused_Stages__c"] = ";Closed Lost;"
    assert worked_out("CRM_Audit_Gate", [record]) == [False]


def test_a_stage_whose_name_begins_another_is_not_taken_for_it() -> None:
    """`Value` is open and `Value Proposition` is not."""
    moves = [replace(PLAIN, prior="Qualify", new="Discover"), replace(PLAIN, prior="Qualify", new="Evaluate")]
    assert worked_out("CRM_Audit_Gate", [row(move, 1, frozenset({3})) for move in moves]) == [False, True]
    assert worked_out("CRM_Audit_Gate", [row(move, 1, frozenset({2})) for move in moves]) == [True, False]


def test_a_deal_without_a_list_is_not_gated() -> None:
    assert worked_out("CRM_Audit_Gate", [row(PLAIN, 3, frozenset())]) == [False]


@pytest.mark.parametrize("rule", ["CRM_Audit_Gate", "CRM_Audit_Warn"])
def test_a_rule_speaks_of_nothing_but_the_stage_and_what_is_ours(rule: str) -> None:
    """So it holds up no save that leaves the stage alone, whatever stands in the customer's fields."""
    text = formula(rule)
    assert text.startswith("AND(\n  ISCHANGED(StageName),\n  NOT($Permission.CRM_Audit_Gate_Bypass),")
    assert len(text) < 5_000
    assert set(re.findall(r"\b[A-Z]\w*__[cr]\b", text)) <= {
        "CRM_Audit_Verdict__r", "Connection__r", "CRM_Audit_Reason__c", *typed(own.VERDICT), *typed(own.CONNECTION),
    }  # fmt: skip
