"""`crm-audit check`: judge what the store knows."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from crm_audit.cli import base as cli
from crm_audit.cli.base import As, AsOf, Name, app

if TYPE_CHECKING:
    from crm_audit.gates import Count
    from crm_audit.pipeline import Report
    from crm_audit.summary import Line, Summary

SHOWN = 15
"""Deals in the list; `--json` has them all."""


class FailOn(StrEnum):
    """From what on the exit code is 1."""

    NEVER = "never"
    ERROR = "error"  # a rule broke on a deal
    BLOCK = "block"
    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"


@app.command()
def check(
    name: Name = None,
    deal: Annotated[list[str] | None, typer.Option("--deal", help="Only this deal (its id); may be repeated.")] = None,
    rule: Annotated[
        list[str] | None, typer.Option("--rule", help="Show only findings of this rule; may be repeated.")
    ] = None,
    as_of: AsOf = None,
    fail_on: Annotated[FailOn, typer.Option("--fail-on", help="Exit with 1 from such findings on.")] = FailOn.ERROR,
    as_json: As = False,
) -> None:
    """Say which stage the evidence supports: first what could be judged at all, then the verdicts. Needs no network."""
    from crm_audit import pipeline
    from crm_audit.cli import screen
    from crm_audit.summary import summarise

    loaded = cli.settings()
    reports: list[tuple[Report, Summary]] = []
    with cli.opened(loaded) as store:
        for job in cli.jobs(name, loaded):
            report = pipeline.check(store, job, as_of=cli.moment(as_of), deals=deal)
            reports.append((report, summarise(report.audit, report.findings)))
    _refuse_unknown(reports, deal, rule)
    if as_json:
        screen.document("check", {"reports": [_as_json(report, summary, rule) for report, summary in reports]})
    else:
        for report, summary in reports:
            tell(report, summary, rule)
    raise typer.Exit(_exit_code(reports, fail_on))


def _refuse_unknown(reports: list[tuple[Report, Summary]], deals: list[str] | None, rules: list[str] | None) -> None:
    known = {identity for report, _ in reports for identity in report.audit.verdicts["id"]}
    for deal in deals or ():
        if deal not in known:
            raise typer.BadParameter(
                f"no deal {deal!r} in the store; `crm-audit sync` reads new ones", param_hint="--deal"
            )
    ids = {each.id for report, _ in reports for each in report.job.pack.rules}
    for rule in rules or ():
        if rule not in ids:
            raise typer.BadParameter(f"no rule {rule!r}; `crm-audit rules list` names them", param_hint="--rule")


def _exit_code(reports: list[tuple[Report, Summary]], fail_on: FailOn) -> int:
    from crm_audit.policy import SEVERITIES

    if any(report.run.status != "complete" for report, _ in reports):
        return 3
    findings = [finding for report, _ in reports for finding in report.findings]
    if fail_on is FailOn.NEVER:
        return 0
    if any(finding.status == "error" for finding in findings):
        return 1
    if fail_on is FailOn.BLOCK:
        return int(any(finding.action == "block" for finding in findings))
    if fail_on is FailOn.ERROR:
        return 0
    worst = SEVERITIES.index(fail_on)
    return int(any(f.status == "open" and SEVERITIES.index(f.severity) >= worst for f in findings))


def _as_json(report: Report, summary: Summary, rules: list[str] | None) -> dict[str, object]:
    findings = [finding for finding in report.findings if not rules or finding.rule in rules]
    return {
        "connection": report.job.name,
        "pack": {"name": report.job.pack.name, "version": report.job.pack.version},
        "run": {
            "id": report.run.id,
            "status": report.run.status,
            "finished": report.run.finished,
            "missing": report.run.missing,
            "notes": report.run.survey.notes,
        },
        "as_of": report.as_of,
        "coverage": {
            "share": summary.coverage,
            "blind": [{"rule": r, "reason": why, "deals": n} for (r, why), n in summary.blind.items()],
        },
        "open_deals": summary.open_deals,
        "not_judged": summary.unmapped,
        "verdicts": summary.verdicts,
        "gate": _standing_gate(report),
        "waivers": report.waivers,
        "broken_glass": report.broken,
        "money": summary.money,
        "rules": summary.rules,
        "deals": summary.lines,
        "findings": findings,
    }


def tell(report: Report, summary: Summary, rules: list[str] | None = None) -> None:
    """The report for people: coverage, verdicts, money, rules, then the deals with the most money at risk."""
    from crm_audit.cli import screen

    tell_sums(report, summary)
    screen.say("")
    for stage, deals in summary.unmapped.items():
        screen.say(f"Not judged  {deals:,} deals in {stage}: that stage is on no ladder; add it under `ladders`")
    _tell_rules(summary, rules)
    _tell_deals(summary, rules, report)


def tell_sums(report: Report, summary: Summary) -> None:
    """The head of the report: how much could be judged, the verdicts, and the money."""
    from crm_audit.cli import screen

    run, money = report.run, summary.money
    finished = f"{run.finished:%Y-%m-%d %H:%M} UTC" if run.finished else "never"
    screen.say(
        f"{report.job.name} · {summary.open_deals:,} open deals judged · as of {report.as_of:%Y-%m-%d %H:%M} UTC · "
        f"sync {run.id} of {finished} · pack {report.job.pack.name} {report.job.pack.version}",
        "",
    )
    _tell_coverage(report, summary)
    told = {verdict: n for verdict, n in summary.verdicts.items() if verdict not in ("not_applicable", "unmapped")}
    counts = " · ".join(f"{n:,} {verdict}" for verdict, n in sorted(told.items(), key=lambda v: -v[1])) or "none"
    closed = summary.verdicts.get("not_applicable", 0)
    screen.say("", f"Verdicts  {counts}" + (f" ({closed:,} closed deals are not audited)" if closed else ""))
    screen.say(
        f"Money     {screen.money(money.amount, money.currency)} open, of which "
        f"{screen.money(money.overstated, money.currency)} in deals ahead of their evidence",
        f"          {screen.money(money.weighted, money.currency)} claimed by probability, "
        f"{screen.money(money.evidenced, money.currency)} supported by evidence",
    )
    if money.left_out:
        screen.say(f"          {money.left_out:,} deals left out: no amount, rate or probability")
    _tell_gate(report)


def _tell_gate(report: Report) -> None:
    """How many deals the gate keeps out of a stage; where it is off, how many it would."""
    from crm_audit import gates, pipeline
    from crm_audit.cli import screen

    far = pipeline.how_far(report.job.connection)
    now = _standing_gate(report)
    full = gates.count(report.audit, gates.HowFar(default="block", won=far.won))
    if not full.refused:
        screen.say("Gate      no deal would be kept out of a later stage")
    elif not now.refused and not now.warned:
        screen.say(f"Gate      off; if it were on, it would keep {full.refused:,} deals out of a later stage")
    else:
        told = f"keeps {now.refused:,} deals out of a later stage, asks {now.warned:,} more for a reason"
        screen.say(f"Gate      {told}")
    _tell_exceptions(report)


def _standing_gate(report: Report) -> Count:
    """How many deals the gate keeps out as it stands, waivers and broken glass included."""
    from crm_audit import gates, pipeline

    far = pipeline.how_far(report.job.connection)
    return gates.count(report.audit, far, waived=report.waived, opened=report.opened)


def _tell_exceptions(report: Report) -> None:
    """What people made exceptions of, and what is to be done about those."""
    from crm_audit import exempt
    from crm_audit.cli import screen

    told = [f"{len(report.waivers):,} waivers in force"] if report.waivers else []
    told += [f"{len(report.opened):,} gates broken open"] if report.opened else []
    if told:
        screen.say(f"Let off   {', '.join(told)}")
    for finding in report.findings:
        if finding.rule in (exempt.EXPIRED, exempt.UNUSED):
            screen.say(f"          deal {finding.deal}: {finding.says} {finding.todo}")


def _tell_coverage(report: Report, summary: Summary) -> None:
    from crm_audit.cli import screen

    screen.say(f"Coverage  {screen.share(summary.coverage)} of what the rules ask could be judged")
    asked = {each.rule for each in summary.rules}
    reasons: dict[str, list[str]] = {}
    for rule, why in summary.blind:
        if rule in asked:
            reasons.setdefault(why, []).append(rule)
    words = {
        "unmapped": "not mapped or not readable",
        "no_source": "no source connected for the owner",
        "no_rate": "no exchange rate",
    }
    for why, blind in reasons.items():
        screen.say(f"          {words.get(why, why)}: {', '.join(sorted(blind))}")
    if unmapped := summary.verdicts.get("unmapped"):
        screen.say(f"          {unmapped:,} deals not judged at all: their stage stands on no ladder")
    for kind, why in report.run.missing.items():
        screen.say(f"          INCOMPLETE: {kind} were not read: {why}")


def _tell_rules(summary: Summary, rules: list[str] | None) -> None:
    from crm_audit.cli import screen

    shown = [rule for rule in summary.rules if not rules or rule.rule in rules]
    if not summary.open_deals:
        screen.say("", "No open deal to judge.")
        return
    asked = [rule for rule in shown if rule.holds + rule.fails + rule.unknown + rule.error]
    rows = [(r.rule, r.title, f"{r.holds:,}", f"{r.fails:,}", f"{r.unknown:,}", r.error or "") for r in asked]
    screen.table(("rule", "asks that", "holds", "fails", "unknown", "error"), rows, right=(2, 3, 4, 5))


def _tell_deals(summary: Summary, rules: list[str] | None, report: Report) -> None:
    from crm_audit.cli import screen

    named = {finding.deal for finding in report.findings if rules and finding.rule in rules}
    lines = [line for line in summary.lines if line.findings and (not rules or line.id in named)]
    if not lines:
        if summary.open_deals:
            screen.say("", "No deal stands out.")
        return
    screen.say("", f"Deals with the most money at risk ({min(SHOWN, len(lines))} of {len(lines):,})")
    tell_lines(lines[:SHOWN], summary.money.currency)
    screen.hint(f"Next: crm-audit explain {lines[0].id}   ·   crm-audit writeback plan {report.job.name}")


def tell_lines(lines: Iterable[Line], currency: str) -> None:
    """Deals as a table, one line each."""
    from crm_audit.cli import screen

    rows = [_row(line, currency) for line in lines]
    screen.table(("deal", "name", "amount", "claimed", "supported", "what stands out"), rows, right=(2,))


def _row(line: Line, currency: str) -> tuple[object, ...]:
    from crm_audit.cli import screen

    span = (
        line.supported_max if line.supported_min == line.supported_max else f"{line.supported_min}–{line.supported_max}"
    )
    return (
        line.id,
        line.name,
        screen.money(line.amount, currency),
        line.claimed,
        span,
        line.top.says if line.top else "",
    )
