"""What a deal should show: the verdict, the one thing that matters most, and what to do next. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from crm_audit.domain import RUNGS, Annotation
from crm_audit.evaluate import Audit
from crm_audit.explain import Finding
from crm_audit.policy import SEVERITIES

SHORT = 255
"""Characters that a text field of Salesforce holds (ruling 34)."""


def annotate(audit: Audit, findings: Iterable[Finding]) -> dict[str, Annotation]:
    """What every audited deal should show, by deal."""
    of_deal: dict[str, list[Finding]] = {}
    for finding in findings:
        of_deal.setdefault(finding.deal, []).append(finding)
    labels = highest_stages(audit)
    pipelines = audit.observed.scene.facts.deals.select("deal", "pipeline")
    rows = audit.verdicts.join(pipelines, on="deal", maintain_order="left")
    return {row["id"]: _annotation(row, of_deal.get(row["id"], []), labels) for row in rows.iter_rows(named=True)}


def highest_stages(audit: Audit) -> dict[tuple[str, int], str]:
    """The label of the last stage at or below each rung, by pipeline and rung."""
    stages = audit.observed.scene.facts.stages.filter(pl.col("rung").is_not_null()).sort("rung", "position")
    labels: dict[tuple[str, int], str] = {}
    for pipeline, rung, label in stages.select("pipeline", "rung", "label").iter_rows():
        for reached in range(rung, max(RUNGS) + 1):
            labels[pipeline, reached] = label
    return labels


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """The most serious first: what blocks, then by severity, then in the order of the pack."""
    return sorted(findings, key=lambda f: (f.status != "open", f.action != "block", -SEVERITIES.index(f.severity)))


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


def _annotation(
    row: Mapping[str, object], findings: list[Finding], labels: Mapping[tuple[str, int], str]
) -> Annotation:
    verdict, pipeline = str(row["verdict"]), str(row["pipeline"])
    supported = _number(row["supported_max"])
    claimed = _number(row["claimed"])
    top = next(iter(ranked(findings)), None)
    return Annotation(
        status=verdict,
        supported_stage=supported_stage(pipeline, supported, labels),
        stage_gap=claimed - supported if claimed is not None and supported is not None else None,
        top_finding=_short(top.says) if top else None,
        next_step=_short(top.todo) if top and top.todo else None,
        details="\n".join(f"{f.rule} ({f.reason}): {f.says} {f.todo}".strip() for f in ranked(findings)) or None,
    )


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _short(text: str) -> str:
    return text if len(text) <= SHORT else text[: SHORT - 1].rstrip() + "…"
