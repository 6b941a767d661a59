"""The second opinion: every deal of a world judged by qualification 3.10, step by step."""

from __future__ import annotations

from typing import Any

from . import slow_facts as facts
from .slow_facts import TERMINAL, Case, Ladders, World
from .slow_rules import CORE, Outcome, Rule

Judgement = dict[str, Any]


def judge(world: World, ladders: Ladders) -> dict[str, Judgement]:
    """What the core pack says about each deal of the world, by deal id."""
    return {deal["id"]: judge_deal(Case(world, ladders, deal)) for deal in world["deals"]}


def judge_deal(case: Case) -> Judgement:
    """The deal's claimed and supported rung, verdict, action and findings (3.10, rulings 17 and 18)."""
    claimed = facts.rung(case, case.deal)
    if claimed is None:
        finding = {"rule": "SYS-UNMAPPED-STAGE", "status": "unverifiable", "reason": "unmapped", "action": "annotate"}
        return _judgement(None, None, "unmapped", [finding])
    if not isinstance(claimed, int):
        assert claimed in TERMINAL, claimed
        return _judgement(claimed, None, "not_applicable", [])
    lowest, highest = supported(case, unknown_holds=False), supported(case, unknown_holds=True)
    return _judgement(claimed, [lowest, highest], verdict(claimed, lowest, highest), findings(case, claimed))


def supported(case: Case, *, unknown_holds: bool) -> int:
    """The last rung whose gate rules all hold, counting up from 1 (3.10 point 3, ruling 19)."""
    passing = {"holds", "not_applicable"} | ({"unknown"} if unknown_holds else set())
    for rung in (1, 2, 3, 4, 5):
        gates = [rule for rule in CORE if rule.gate and rule.first <= rung <= rule.last]
        if not all(rule.check(case, rung).status in passing for rule in gates):
            return rung - 1
    return 5


def verdict(claimed: int, lowest: int, highest: int) -> str:
    """3.10 point 4."""
    if claimed <= lowest:
        return "supported"
    return "overstated" if claimed > highest else "unverifiable"


def findings(case: Case, claimed: int) -> list[dict[str, Any]]:
    """Every rule of the claimed rung that fails or is unknown, unless suppressed (3.10 point 2)."""
    outcomes = {rule.id: rule.check(case, claimed) for rule in CORE if rule.first <= claimed <= rule.last}
    wrong = {rule_id for rule_id, outcome in outcomes.items() if outcome.status in ("fails", "unknown")}
    reported = [rule for rule in CORE if rule.id in wrong and not wrong & set(rule.suppressed_by)]
    return [finding(case, rule, outcomes[rule.id], claimed) for rule in reported]


def finding(case: Case, rule: Rule, outcome: Outcome, claimed: int) -> dict[str, Any]:
    """One finding; what is unknown never blocks (3.2)."""
    blocks = outcome.status == "fails" and rule.block_from is not None and claimed >= rule.block_from
    about = sorted(facts.name(case, who) for who in outcome.about)
    return {
        "rule": rule.id,
        "status": "open" if outcome.status == "fails" else "unverifiable",
        "reason": outcome.reason,
        "action": "block" if blocks else "annotate",
        **({"about": about} if about else {}),
        **outcome.extra,
    }


def _judgement(claimed: int | str | None, rungs: list[int] | None, said: str, found: list[dict[str, Any]]) -> Judgement:
    actions = {row["action"] for row in found}
    strongest = next((action for action in ("block", "annotate") if action in actions), "none")
    return {
        "claimed": claimed,
        "supported": rungs,
        "verdict": said,
        "action": strongest,
        "findings": sorted(found, key=lambda row: row["rule"]),
    }


def refused(world: World, ladders: Ladders) -> dict[str, set[str]]:
    """The stages that no deal may enter, by deal id, where every rule goes as far as block (ruling 36)."""
    return {deal["id"]: refused_to(Case(world, ladders, deal)) for deal in world["deals"]}


def refused_to(case: Case) -> set[str]:
    """Later stages of the deal's own pipeline at whose rung an open finding blocks; won is not gated."""
    claimed = facts.rung(case, case.deal)
    if not isinstance(claimed, int):
        return set()
    stages = case.ladders[case.deal["pipeline"]].items()
    later = {stage: rung for stage, rung in stages if isinstance(rung, int) and rung > claimed}
    return {stage for stage, rung in later.items() if any(row["action"] == "block" for row in findings(case, rung))}
