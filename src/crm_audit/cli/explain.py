"""`crm-audit explain`: why one deal got its verdict, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from crm_audit.cli import base as cli
from crm_audit.cli.base import As, AsOf, app
from crm_audit.cli.deals import Deal, Where, audited
from crm_audit.cli.log import FORGOTTEN

if TYPE_CHECKING:
    from crm_audit.explain import Finding
    from crm_audit.pipeline import Report
    from crm_audit.proof import Proof
    from crm_audit.summary import Line

MARKS = {"holds": "✓", "fails": "✗", "unknown": "?", "not_applicable": "–", "error": "!"}
WORDS = {
    "holds": "holds",
    "fails": "missing",
    "unknown": "cannot be told",
    "not_applicable": "not asked",
    "error": "broke",
}


@app.command()
def explain(
    deal: Deal,
    connection: Where = None,
    as_of: AsOf = None,
    as_json: As = False,
) -> None:
    """Say why a deal got its verdict: every rule, what was looked for, what was found, and the record it rests on."""
    from crm_audit.cli import screen

    loaded = cli.settings()
    with cli.opened(loaded) as store:
        report = audited(store, loaded, deal, connection=connection, as_of=cli.moment(as_of))
    if as_json:
        screen.document("explanation", _as_json(report, deal))
    else:
        tell(report, deal)
        _hint_at(report, deal)
    if report.run.missing:
        raise typer.Exit(3)


def _proofs(report: Report, deal: str) -> tuple[list[Proof], list[Proof]]:
    """The rules at the claimed rung, and the gates of the first rung that the evidence does not support."""
    from crm_audit.domain import TOP
    from crm_audit.proof import prove

    row = report.audit.verdicts.row(0, named=True)
    if row["claimed"] is None:
        return [], []
    claimed = prove(report.audit, deal, row["claimed"])
    step = min((row["supported_max"] or 0) + 1, TOP)
    gates = [proof for proof in prove(report.audit, deal, step) if proof.gate and proof.status != "holds"]
    return claimed, gates if step != row["claimed"] else []


def _as_json(report: Report, deal: str) -> dict[str, object]:
    from crm_audit import pipeline
    from crm_audit.refusals import refusals
    from crm_audit.summary import summarise

    claimed, gates = _proofs(report, deal)
    summary = summarise(report.audit, report.findings)
    return {
        "connection": report.job.name,
        "as_of": report.as_of,
        "run": report.run.id,
        "missing": report.run.missing,
        "verdict": report.audit.verdicts.drop("m", "deal").row(0, named=True),
        "deal": next(iter(summary.lines), None),
        "findings": report.findings,
        "proof": claimed,
        "next_rung": gates,
        "gate": refusals(report.audit, pipeline.how_far(report.job.connection), waived=report.waived),
        "waivers": report.waivers,
        "broken_glass": report.broken,
    }


def tell(report: Report, deal: str, *, whole: bool = True) -> None:
    """The explanation for people; where it is not to be whole, the rules that hold are only counted."""
    from crm_audit.cli import screen
    from crm_audit.summary import summarise

    for kind, why in report.run.missing.items():
        screen.say(f"INCOMPLETE: {kind} were not read: {why}")
    verdict = report.audit.verdicts.row(0, named=True)
    line = next(iter(summarise(report.audit, report.findings).lines), None)
    if line is None:
        _tell_unjudged(report, deal, str(verdict["verdict"]))
        return
    _tell_verdict(report, line)
    for finding in report.findings:
        _tell_finding(report, finding)
    claimed, gates = _proofs(report, deal)
    screen.say("", f"Why: every rule at rung {line.claimed}")
    holding = [] if whole else [proof for proof in claimed if proof.status == "holds"]
    for proof in claimed:
        if proof not in holding:
            _tell_proof(proof)
    if holding:
        screen.say(f"  … and {len(holding)} that hold; `crm-audit explain {deal}` shows them all")
    if gates:
        screen.say("", f"What rung {gates[0].rung} still needs")
        for proof in gates:
            _tell_proof(proof)
    _tell_gate(report)


def _tell_finding(report: Report, finding: Finding) -> None:
    from crm_audit.cli import screen
    from crm_audit.standing import LET_OFF

    done = finding.status if finding.status in LET_OFF else finding.action
    screen.say("", f"  {finding.rule} · {finding.severity} · {done}", f"    {finding.says}")
    for waiver in report.waivers if done == "waived" else ():
        if waiver.rule == finding.rule:
            screen.say(f"    waiver {waiver.id} until {waiver.until}: {waiver.why or FORGOTTEN}")
    if finding.todo:
        screen.say(f"    → {finding.todo}")


AT_THE_GATE = {
    "shadow": "would be refused, if the gate were on (now: shadow)",
    "annotate": "would be refused, if the gate were on (now: annotate)",
    "warn": "asks for a reason",
    "block": "refused",
}


def _tell_gate(report: Report) -> None:
    """The stages that the deal may not enter, and what would open them."""
    from crm_audit import pipeline
    from crm_audit.cli import screen
    from crm_audit.refusals import refusals

    for glass in report.broken:
        opened = f"open to every stage until {glass.until:%Y-%m-%d %H:%M} UTC, broken by {glass.opener or FORGOTTEN}"
        screen.say("", f"Gate: {opened}: {glass.why or FORGOTTEN}")
    before: tuple[str, ...] = ()
    for each in refusals(report.audit, pipeline.how_far(report.job.connection), waived=report.waived):
        if not before:
            screen.say("", "At the gate of the stages to come")
        screen.say(f"  {each.label}: {AT_THE_GATE[each.step]}")
        for finding in each.findings:
            said = f"{finding.says} {finding.todo}".strip()
            screen.say(
                f"      {said}   [{finding.rule}]" if said not in before else f"      as above   [{finding.rule}]"
            )
            before = (*before, said)


def _hint_at(report: Report, deal: str) -> None:
    """Where the deal is in its CRM; a courtesy, left out where the CRM cannot be asked: the store explains alone."""
    from crm_audit.cli import screen
    from crm_audit.errors import CrmAuditError

    try:
        address = cli.connector(report.job).address("deals", deal)
    except CrmAuditError:
        return
    if address:
        screen.hint(f"\nThe deal: {address}")


def _tell_unjudged(report: Report, deal: str, verdict: str) -> None:
    from crm_audit.cli import screen

    screen.say(
        f"{deal}: {verdict.replace('_', ' ')}: "
        + ("closed deals are not audited" if verdict == "not_applicable" else "its stage is on no ladder")
    )
    for finding in report.findings:
        screen.say(f"  {finding.says} {finding.todo}")


def _tell_verdict(report: Report, line: Line) -> None:
    from crm_audit.cli import screen

    span = (
        f"{line.supported_stage}"
        if line.supported_min == line.supported_max
        else (f"between {line.supported_min} and {line.supported_stage}: some of it cannot be told")
    )
    screen.say(
        f"{line.name} · {line.company or 'no company'} · {screen.money(line.amount, report.facts.terms.currency)} · "
        f"{line.owner or 'no owner'}",
        f"Claimed: {line.claimed} ({line.stage}). Evidence supports: {span}.",
        f"Verdict: {line.verdict}"
        + (f"; supported {line.once_fixed} as soon as the quick fixes are made" if line.once_fixed is not None else ""),
    )


def _tell_proof(proof: Proof) -> None:
    from crm_audit.cli import screen

    gate = " (gate)" if proof.gate else ""
    screen.say(f"  {MARKS[proof.status]} {proof.title}{gate}: {WORDS[proof.status]}   [{proof.rule}]")
    for step in proof.steps:
        seen = ", ".join(f"{name} {value}" for name, value in step.observed.items())
        why = f" · {step.reason}" if step.reason else ""
        rests = f" · rests on {step.record}" if step.record else ""
        screen.say(f"      {'  ' * step.depth}{step.asks}{why}{f' · {seen}' if seen else ''}{rests}")
