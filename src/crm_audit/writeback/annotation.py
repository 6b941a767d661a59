"""What a deal should show: the verdict, the one thing that matters most, and what to do next. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from crm_audit.domain import RUNGS, TOP, Annotation
from crm_audit.evaluate import Audit, there
from crm_audit.explain import Finding
from crm_audit.facts import Facts
from crm_audit.gates import OPEN_GATE, Gate
from crm_audit.standing import first_stages, foremost, highest_stages, ranked, supported_stage
from crm_audit.writeback import details
from crm_audit.writeback.details import Details, Entry, Rests

SHORT = 255
"""Characters that a text field of Salesforce holds (ruling 34)."""

RESTS_ON = {"superseded_amount": "void_event", "stale": "event", "count": "event"}
"""Where the reason names a record: what the rule observed it as."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What is known of all deals, by deal."""

    facts: Facts
    findings: Mapping[str, list[Finding]]
    lacking: Mapping[str, list[Finding]]
    holds: Mapping[str, tuple[str, ...]]
    reached: Mapping[tuple[str, int], str]
    ahead: Mapping[tuple[str, int], str]
    labels: Mapping[tuple[str, str], str]
    gates: Mapping[str, Gate]

    def labelled(self, pipeline: str, stages: Iterable[str]) -> tuple[str, ...]:
        """The stages of a pipeline as people read them."""
        return tuple(self.labels.get((pipeline, stage)) or stage for stage in stages)


NO_GATES: Mapping[str, Gate] = {}


def annotate(
    audit: Audit, findings: Iterable[Finding], lacking: Iterable[Finding] = (), gates: Mapping[str, Gate] = NO_GATES
) -> dict[str, Annotation]:
    """What every audited deal should show, by deal; `lacking` is what keeps it from its next stage."""
    facts = audit.observed.scene.facts
    of_deals = facts.deals.select("deal", "pipeline", "stage")
    labels = facts.stages.select("pipeline", "stage", "label").unique(["pipeline", "stage"])
    told = _Told(
        facts, _by_deal(findings), _by_deal(lacking), _holding(audit), highest_stages(audit), first_stages(audit),
        {(pipeline, stage): label for pipeline, stage, label in labels.iter_rows()}, gates,
    )  # fmt: skip
    named = of_deals.join(labels, on=["pipeline", "stage"], how="left", maintain_order="left")
    rows = audit.verdicts.join(named, on="deal", maintain_order="left")
    return {row["id"]: _annotation(row, told) for row in rows.iter_rows(named=True)}


def _by_deal(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    of_deal: dict[str, list[Finding]] = {}
    for finding in findings:
        of_deal.setdefault(finding.deal, []).append(finding)
    return of_deal


def _holding(audit: Audit) -> dict[str, tuple[str, ...]]:
    """The titles of what the next stage asks for and has."""
    ids = audit.observed.scene.facts.deals["id"].to_list()
    titles: dict[str, tuple[str, ...]] = {}
    for deal, rule in there(audit).iter_rows():
        titles[ids[deal]] = (*titles.get(ids[deal], ()), audit.pack.rule(rule).title)
    return titles


def _annotation(row: Mapping[str, object], told: _Told) -> Annotation:
    verdict, pipeline, deal = str(row["verdict"]), str(row["pipeline"]), str(row["id"])
    supported = _number(row["supported_max"])
    claimed = _number(row["claimed"])
    findings = ranked(told.findings.get(deal, []))
    top = foremost(findings)
    gate = told.gates.get(deal, OPEN_GATE)
    return Annotation(
        status=verdict,
        supported_stage=supported_stage(pipeline, supported, told.reached),
        stage_gap=claimed - supported if claimed is not None and supported is not None else None,
        top_finding=_short(top.says) if top else None,
        next_step=_short(top.todo) if top and top.todo else None,
        details=details.text(_details(row, findings, told)) or None,
        refused=gate.refused,
        warned=gate.warned,
    )


def _details(row: Mapping[str, object], findings: list[Finding], told: _Told) -> Details:
    """A rule is told once: what the next stage asks of it, where it stands in the way of that."""
    deal, lacking = str(row["id"]), ranked(told.lacking.get(str(row["id"]), []))
    ahead = _next_stage(row, told) if lacking else None
    missing = lacking if ahead else []
    named = {finding.rule for finding in missing}
    gate, pipeline = told.gates.get(deal, OPEN_GATE), str(row["pipeline"])
    return Details(
        claimed=_claimed(row),
        next=ahead,
        refused=told.labelled(pipeline, gate.refused),
        warned=told.labelled(pipeline, gate.warned),
        holds=told.holds.get(deal, ()) if ahead else (),
        missing=tuple(_entry(finding, told.facts) for finding in missing),
        others=tuple(_entry(finding, told.facts) for finding in _without(findings, named)),
    )


def _without(findings: list[Finding], rules: Collection[str]) -> list[Finding]:
    return [finding for finding in findings if finding.rule not in rules]


def _claimed(row: Mapping[str, object]) -> str | None:
    claimed = _number(row["claimed"])
    return None if claimed is None else f"{claimed} {RUNGS[claimed]} ({row['label'] or row['stage']})"


def _next_stage(row: Mapping[str, object], told: _Told) -> str | None:
    """The first stage at or above the first rung that is not supported; None where the pipeline has none."""
    supported = _number(row["supported_max"])
    if supported is None or supported == TOP:
        return None
    rung = supported + 1
    label = told.ahead.get((str(row["pipeline"]), rung))
    return None if label is None else f"{rung} {RUNGS[rung]} ({label})"


def _entry(finding: Finding, facts: Facts) -> Entry:
    return Entry(
        rule=finding.rule, reason=finding.reason, severity=finding.severity, status=finding.status, says=finding.says,
        do=finding.todo, asks=_asks(finding), rests=_rests(finding, facts),
    )  # fmt: skip


def _asks(finding: Finding) -> tuple[str, ...]:
    """What `rechecked` missed: an answer that it was asked counts as a re-check of these (ruling 34)."""
    topics = finding.details.get("missing")
    return tuple(str(topic) for topic in topics) if isinstance(topics, list) and finding.status == "open" else ()


def _rests(finding: Finding, facts: Facts) -> Rests | None:
    event = finding.details.get(RESTS_ON.get(finding.reason, ""))
    if not isinstance(event, int):
        return None
    row = facts.events.row(event, named=True)
    return Rests(row["kind"], row["id"], row["day"])


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _short(text: str) -> str:
    return text if len(text) <= SHORT else text[: SHORT - 1].rstrip() + "…"
