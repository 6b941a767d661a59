"""What a deal should show: the verdict, the one thing that matters most, and what to do next. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from crm_audit.domain import Annotation
from crm_audit.evaluate import Audit
from crm_audit.explain import Finding
from crm_audit.gates import OPEN_GATE, Gate
from crm_audit.standing import highest_stages, ranked, supported_stage

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


def gated(notes: Mapping[str, Annotation], gates: Mapping[str, Gate]) -> dict[str, Annotation]:
    """The annotations with the stages that the gate of each deal refuses, or asks a reason for."""
    found = ((deal, note, gates.get(deal, OPEN_GATE)) for deal, note in notes.items())
    return {deal: replace(note, refused=gate.refused, warned=gate.warned) for deal, note, gate in found}


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _short(text: str) -> str:
    return text if len(text) <= SHORT else text[: SHORT - 1].rstrip() + "…"
