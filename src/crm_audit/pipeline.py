"""The way of the data, in order: pull, facts, evaluate, explain, plan, apply."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import polars as pl

from crm_audit import crash, evaluate, exempt, facts
from crm_audit.config import Connection
from crm_audit.connectors.base import Connector, Fields, KnowsBypass, Receipt
from crm_audit.deadlocks import deadlocks
from crm_audit.domain import LOST, STRENGTH, WON, Annotation
from crm_audit.errors import FixConfig, Incomplete, Unreviewed
from crm_audit.evaluate import Audit
from crm_audit.explain import Finding, explain, lacking
from crm_audit.facts import Facts, Terms
from crm_audit.gates import HowFar, refused_stages
from crm_audit.policy import Pack
from crm_audit.store import Run, Store
from crm_audit.store.outbox import AT_ONCE
from crm_audit.waivers import BrokenGlass, Waiver
from crm_audit.writeback.annotation import annotate
from crm_audit.writeback.apply import apply, recover
from crm_audit.writeback.breaker import held
from crm_audit.writeback.contested import MEMORY, without
from crm_audit.writeback.plan import Plan, plan
from crm_audit.writeback.undo import undo

LOST_WITH = {
    "links": ("contacts", "roles"),
    "people": ("contacts", "roles"),
    "companies": ("company", "fit"),
    "rechecks": ("rechecks",),
    "answers": ("rechecks",),
    "history": ("history",),
}
"""What nobody can tell when a kind of record was not read to its end."""


@dataclass(frozen=True, slots=True)
class Job:
    """One connection by its name, with the pack it is judged by."""

    name: str
    connection: Connection
    pack: Pack


@dataclass(frozen=True, slots=True)
class Report:
    """What one audit of one connection found."""

    job: Job
    run: Run
    as_of: datetime
    audit: Audit
    findings: tuple[Finding, ...]
    waivers: tuple[Waiver, ...] = ()  # those in force
    broken: tuple[BrokenGlass, ...] = ()  # in force

    @property
    def waived(self) -> frozenset[exempt.Pair]:
        """Deals and the rules that they are let off."""
        return frozenset((waiver.deal, waiver.rule) for waiver in self.waivers)

    @property
    def opened(self) -> frozenset[str]:
        """Deals whose whole gate somebody broke open."""
        return frozenset(each.deal for each in self.broken)

    @property
    def facts(self) -> Facts:
        """The facts the audit rests on."""
        return self.audit.observed.scene.facts


def terms(connection: Connection, run: Run) -> Terms:
    """How the records of a run are to be read: what its CRM said of itself, and what is set here."""
    lost = {name for kind in run.missing for name in LOST_WITH.get(kind, ())}
    dead = set(STRENGTH) if "events" in run.missing else set()
    return Terms(
        zone=connection.zone or run.account.zone,
        currency=connection.currency or run.account.currency,
        ladders=connection.ladders,
        internal_domains=connection.internal_domains,
        user=run.account.user,
        unmapped=run.survey.unmapped | lost,
        unconnected=run.survey.unconnected | dead,
        source_days=connection.source_days,
        strict_meetings=connection.strict_meetings,
        sponsor_is_authority=connection.sponsor_is_authority,
        shared_topics=run.survey.shared_topics,
    )


def ladder_terms(connection: Connection) -> Terms:
    """As much as is known before a CRM was asked: where its stages stand on the ladder."""
    return Terms(zone=connection.zone or "UTC", currency=connection.currency or "", ladders=connection.ladders)


def check(store: Store, job: Job, *, as_of: datetime, deals: Iterable[str] | None = None) -> Report:
    """Judge what the store knew by then; Incomplete where no sync has finished or the deals were not read."""
    run = store.latest(job.name, by=as_of)
    if run is None:
        when = f"{as_of:%Y-%m-%d %H:%M} UTC"
        raise Incomplete(f"{job.name}: no finished sync by {when}; run `crm-audit sync {job.name}` first")
    if "deals" in run.missing:
        raise Incomplete(f"{job.name}: the last sync could not read the deals: {run.missing['deals']}")
    with store.known(run) as tables:
        known = facts.build(tables, terms(job.connection, run))
    return _judged(store, Report(job, run, as_of, evaluate.audit(known, job.pack, as_of, deals), ()))


def _judged(store: Store, report: Report) -> Report:
    """The report with its findings, and with the exceptions that people made as they stood at its instant."""
    name, at = report.job.name, report.as_of
    today = facts.today(at, report.facts.terms.zone)
    deals = set(report.audit.verdicts["id"])
    waivers = [waiver for waiver in store.waivers.all(name) if waiver.deal in deals]
    force = tuple(waiver for waiver in waivers if waiver.state(at, today) == "in force")
    broken = tuple(each for each in store.waivers.glass(name) if each.deal in deals and each.in_force(at))
    found = replace(report, waivers=force, broken=broken)
    findings = _let_off(found, explain(report.audit))
    of_waivers = exempt.about(report.audit, waivers, at, today)
    return replace(found, audit=exempt.counted(report.audit, findings), findings=(*findings, *of_waivers))


def _let_off(report: Report, findings: Iterable[Finding]) -> list[Finding]:
    """The findings, marked where somebody waived them or a rep put them off."""
    most = timedelta(days=report.job.connection.snooze_days)
    put_off = exempt.put_off(report.facts, report.as_of, most)
    return exempt.snoozed(exempt.waived(findings, report.waived), put_off)


def how_far(connection: Connection) -> HowFar:
    """How far the settings go, by rule and pipeline."""
    return HowFar(
        default=connection.ladder,
        rules=connection.rule_ladders,
        pipelines=connection.pipeline_ladders,
        won=connection.gate_won,
    )


def shown(job: Job) -> frozenset[str]:
    """The rules whose findings may be shown in the CRM; those in shadow are judged and kept here (ruling 37)."""
    far = how_far(job.connection)
    return frozenset(rule.id for rule in job.pack.rules if far.furthest(rule.id) != "shadow")


@dataclass(frozen=True, slots=True)
class Moves:
    """What became of moves into refused stages, where the CRM has to be asked to undo them."""

    back: Collection[str] = ()  # deals that are in their former stage again
    stays: Mapping[str, str] = field(default_factory=dict)  # deal -> why it stays where it was moved


NO_MOVES = Moves()


def planned(
    report: Report,
    connector: Connector,
    store: Store,
    *,
    moves: Moves = NO_MOVES,
    contested: bool = False,
) -> Plan:
    """The writes that would make the CRM show the verdicts; Incomplete where the evidence has gaps.

    Deals that were moved back are left alone; those that stay show why in the place of what their findings ask for.
    A deal of a pipeline in shadow is never begun; one that shows something of ours loses its findings and its gate.
    What somebody else changes back again and again is left alone, unless `contested` asks for it.
    """
    if report.run.missing:
        gaps = ", ".join(sorted(report.run.missing))
        raise Incomplete(f"{report.job.name}: nothing is written from incomplete evidence; not read: {gaps}")
    accept(report.job, connector)
    crash.at("P0")
    recover(report.job.name, connector, store.outbox)
    verdicts = report.audit.verdicts
    closed = set(verdicts.filter(pl.col("state").is_in([WON, LOST]))["id"])
    settled = closed & store.changed(report.run, "deals")
    told = {
        deal: replace(note, next_step=moves.stays.get(deal, note.next_step))
        for deal, note in notes(report).items()
        if deal not in moves.back
    }
    wanted = {deal: connector.wanted(deal, note) for deal, note in told.items() if deal not in closed - settled}
    ungated = {deal: why for deal in wanted if (why := connector.ungated(told[deal]))}
    writes = plan(wanted, connector.shown(list(wanted)), settled=settled | _in_shadow(report))
    if not contested:
        writes = _uncontested(writes, report, store)
    return replace(writes, ungated=ungated, connection=report.job.name, run=report.run.id, held=_held(report, writes))


def _uncontested(wanted: Plan, report: Report, store: Store) -> Plan:
    """The plan without what is to be left alone; the past of a few deals at a time, for it may be long."""
    deals = list(dict.fromkeys(write.deal for write in wanted.writes))
    parts: list[Plan] = []
    for start in range(0, len(deals), AT_ONCE):
        some = set(deals[start : start + AT_ONCE])
        part = replace(wanted, writes=tuple(write for write in wanted.writes if write.deal in some))
        parts.append(without(part, store.outbox.written(report.job.name, sorted(some), last=MEMORY), now=report.as_of))
    writes = tuple(write for part in parts for write in part.writes)
    return replace(wanted, writes=writes, left_alone=tuple(left for part in parts for left in part.left_alone))


def _held(report: Report, writes: Plan) -> str | None:
    limits, open_deals = report.job.connection, report.facts.deals.filter(~pl.col("state").is_in([WON, LOST])).height
    return held(writes, open_deals=open_deals, most=limits.breaker_deals, share=limits.breaker_share)


def notes(report: Report) -> dict[str, Annotation]:
    """What every audited deal should show, its gate included."""
    findings = told_in_crm(report, report.findings)
    ahead = _let_off(report, lacking(report.audit))
    gates = refused_stages(report.audit, how_far(report.job.connection), waived=report.waived)
    closed = {deal: gate for deal, gate in gates.items() if deal not in report.opened}
    return annotate(report.audit, findings, told_in_crm(report, ahead), closed)


def told_in_crm(report: Report, findings: Iterable[Finding]) -> list[Finding]:
    """Those findings that the CRM may show: none whose rule is in shadow in the deal's pipeline (ruling 37)."""
    seen = _seen(report)
    rules = {deal: seen[pipeline] for deal, pipeline in report.facts.deals.select("id", "pipeline").iter_rows()}
    return [finding for finding in findings if finding.rule in rules[finding.deal]]


def _in_shadow(report: Report) -> set[str]:
    """Deals of the pipelines in which every rule is in shadow."""
    dark = [pipeline for pipeline, rules in _seen(report).items() if not rules]
    return set(report.facts.deals.filter(pl.col("pipeline").is_in(dark))["id"])


def _seen(report: Report) -> dict[str, set[str]]:
    """The rules that are not in shadow, by pipeline."""
    far = how_far(report.job.connection)
    return {
        pipeline: {rule.id for rule in report.job.pack.rules if far.step(rule.id, pipeline) != "shadow"}
        for pipeline in report.facts.deals["pipeline"].unique()
    }


NO_BYPASS = (
    "nothing is refused without a way past it: name one under bypass (a custom permission, or whom a rep turns to), "
    'or go no further than ladder = "warn"'
)


def blocking(job: Job) -> bool:
    """Whether any rule may refuse a stage."""
    far = how_far(job.connection)
    return any(far.furthest(rule.id) == "block" for rule in job.pack.rules if rule.block_from is not None)


def accept(job: Job, connector: Connector) -> None:
    """FixConfig where a stage is to be refused and there is no way past the gate, or no deal can get through it."""
    if not blocking(job):
        return
    if job.connection.bypass is None:
        raise FixConfig(f"{job.name}: {NO_BYPASS}")
    missing = bypass_missing(job, connector)
    if missing is not None:
        raise FixConfig(f"{job.name}: bypass: {missing}")
    found = stuck(job)
    if found:
        raise FixConfig(f"{job.name}: nothing is refused while no deal could get through: {'; '.join(found)}")


def bypass_missing(job: Job, connector: Connector) -> str | None:
    """Why the way past the gate that the settings name is none, in a CRM that can tell; None where it is there."""
    name = job.connection.bypass
    return connector.lacks_bypass(name) if name is not None and isinstance(connector, KnowsBypass) else None


def stuck(job: Job) -> list[str]:
    """Stages that no deal could enter, each with the rules that keep it out and what to change."""
    return [each.says for each in deadlocks(job.pack, how_far(job.connection), job.connection.arises)]


def undone(job: Job, run: int, connector: Connector, store: Store) -> Plan:
    """The writes that would set back what was written from the evidence of a run, where the CRM still shows it."""
    recover(job.name, connector, store.outbox)
    written = [entry.write for entry in store.outbox.applied(job.name, run)]
    shown = connector.shown(sorted({write.deal for write in written})) if written else {}
    return replace(undo(written, shown, connector.restores), connection=job.name)


def opened(job: Job, connector: Connector, store: Store) -> Plan:
    """The writes that would let every known deal into every stage; none where the CRM itself has no gate.

    A place that does not exist yet holds nobody up, and is not made. Incomplete where no sync has finished.
    """
    run = store.latest(job.name)
    if run is None:
        raise Incomplete(f"{job.name}: no finished sync, so no deal is known; run `crm-audit sync {job.name}` first")
    recover(job.name, connector, store.outbox)
    with store.known(run) as tables:
        stages = tables["stages"].filter(pl.col("closed").is_not_null())
        deals = tables["deals"].join(stages, on=["pipeline", "stage"], how="anti")["id"].sort().to_list()
    shown = connector.shown(deals) if connector.gate and deals else {}
    free = Annotation(status="")
    wanted = {deal: _gate_of(connector, places, connector.wanted(deal, free)) for deal, places in shown.items()}
    return replace(plan(wanted, shown), connection=job.name, run=run.id)


def _gate_of(connector: Connector, there: Mapping[str, Fields], wanted: Mapping[str, Fields]) -> dict[str, Fields]:
    """The fields of the gate, in the places that are there."""
    return {
        place: {name: wanted[place][name] for name in fields}
        for place, fields in connector.gate.items()
        if place in there
    }


def applied(
    wanted: Plan, connector: Connector, store: Store, progress: Callable[[int], None], *, reviewed: bool = False
) -> list[Receipt]:
    """Carry a plan out; one receipt per write. Unreviewed where the breaker holds it and nobody has reviewed it."""
    if wanted.held and not reviewed:
        raise Unreviewed(
            f"{wanted.connection}: nothing was written: {wanted.held}. Look at `crm-audit writeback plan "
            f"{wanted.connection}`, then `crm-audit writeback apply {wanted.connection} --plan {wanted.digest}`"
        )
    return apply(wanted, connector, store.outbox, progress)
