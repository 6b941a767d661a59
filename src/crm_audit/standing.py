"""How a deal stands, in words that every view shares: the stage its evidence supports, and what matters most. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from crm_audit.domain import RUNGS
from crm_audit.evaluate import Audit
from crm_audit.explain import Finding
from crm_audit.policy import SEVERITIES

LET_OFF = ("waived", "snoozed")
"""Statuses of a finding that is kept, and is never what matters most."""


def highest_stages(audit: Audit) -> dict[tuple[str, int], str]:
    """The label of the last stage at or below each rung, by pipeline and rung."""
    stages = audit.observed.scene.facts.stages.filter(pl.col("rung").is_not_null()).sort("rung", "position")
    labels: dict[tuple[str, int], str] = {}
    for pipeline, rung, label in stages.select("pipeline", "rung", "label").iter_rows():
        for reached in range(rung, max(RUNGS) + 1):
            labels[pipeline, reached] = label
    return labels


def first_stages(audit: Audit) -> dict[tuple[str, int], str]:
    """The label of the first stage at or above each rung, by pipeline and rung."""
    stages = audit.observed.scene.facts.stages.filter(pl.col("rung").is_not_null())
    labels: dict[tuple[str, int], str] = {}
    lowest_last = stages.sort("rung", "position", descending=True)
    for pipeline, rung, label in lowest_last.select("pipeline", "rung", "label").iter_rows():
        for asked in range(rung + 1):
            labels[pipeline, asked] = label
    return labels


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """The most serious first: what blocks, then by severity, then what is asked at the lowest rung; about us last."""

    def weight(finding: Finding) -> tuple[bool, bool, bool, int, int]:
        severity = SEVERITIES.index(finding.severity)
        lesser = (finding.layer == "system", finding.status != "open", finding.action != "block")
        return *lesser, -severity, finding.rung

    return sorted(findings, key=weight)


def foremost(findings: Iterable[Finding]) -> Finding | None:
    """What matters most; nothing that is waived or snoozed does."""
    return next((finding for finding in ranked(findings) if finding.status not in LET_OFF), None)


def supported_stage(pipeline: str, rung: int | None, labels: Mapping[tuple[str, int], str]) -> str | None:
    """`4 proposed (Proposal/Price Quote)`; None for a deal that was not judged."""
    if rung is None:
        return None
    label = labels.get((pipeline, rung))
    return f"{rung} {RUNGS[rung]}" + (f" ({label})" if label else "")


def once_fixed(row: Mapping[str, int | None]) -> int | None:
    """The rung that quick fixes alone would carry the deal to, where that is higher (ruling 28)."""
    fixed, supported = row["once_fixed"], row["supported_max"]
    return fixed if fixed is not None and supported is not None and fixed > supported else None
