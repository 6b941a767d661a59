"""4 · Refusals: what stands between a deal and its later stages, in the words of the findings. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import polars as pl

from crm_audit.domain import TOP
from crm_audit.evaluate import Audit, reason
from crm_audit.explain import Finding, explain
from crm_audit.gates import STEPS, HowFar, Waived, stops, targets


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One stage that a deal would not enter if every rule went as far as block."""

    deal: str
    stage: str  # in the CRM's own name
    label: str
    step: str  # of gates.STEPS: how far we really go there
    findings: tuple[Finding, ...]  # judged at the stage's rung; those that really stop it first


def refusals(audit: Audit, how_far: HowFar, *, waived: Waived = ()) -> list[Refusal]:
    """The later stages of each deal that a gate stands before, or would, deal by deal in the pipeline's order."""
    full = HowFar(default="block", won=how_far.won)
    rows = stops(audit, full, waived=waived)
    told = {
        (target, finding.deal, finding.rule): finding
        for target in rows["target"].unique().sort()
        for finding in _told(audit, rows.filter(pl.col("target") == target), min(target, TOP))
    }
    stages = targets(audit, full).sort("position").select("pipeline", "target", "stage", "label")
    before = rows.group_by("id", "pipeline", "target", maintain_order=True).agg("rule")
    met = before.join(stages, on=["pipeline", "target"], maintain_order="left_right")
    return list(_met(met, told, how_far))


def _met(met: pl.DataFrame, told: Mapping[tuple[int, str, str], Finding], how_far: HowFar) -> Iterator[Refusal]:
    for deal, pipeline, target, rules, stage, label in met.iter_rows():
        steps = {rule: STEPS.index(how_far.step(rule, pipeline)) for rule in rules}
        ranked = sorted(rules, key=lambda rule: -steps[rule])
        findings = tuple(told[target, deal, rule] for rule in ranked)
        yield Refusal(deal=deal, stage=stage, label=label, step=STEPS[max(steps.values())], findings=findings)


def _told(audit: Audit, rows: pl.DataFrame, rung: int) -> list[Finding]:
    """The findings of a rung above the one that is claimed."""
    seen = audit.observed
    parts = []
    for (rule_id,), part in rows.group_by("rule", maintain_order=True):
        rule = audit.pack.rule(str(rule_id))
        why = seen.table.join(part.select("m"), on="m", how="semi").select("m", "deal", reason=reason(rule, rung, seen))
        position = pl.lit(audit.pack.rules.index(rule), pl.UInt32)
        parts.append(
            why.select(
                "m", "deal", rule=pl.lit(rule.id), status=pl.lit("open"), reason="reason", action=pl.lit("block"),
                position=position,
            )
        )  # fmt: skip
    there = audit.verdicts.with_columns(claimed=pl.lit(rung, pl.Int8))
    return explain(replace(audit, verdicts=there, findings=pl.concat(parts))) if parts else []
