"""The way of the data, in order: pull, facts, evaluate, explain, plan, apply."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from crm_audit import crash, evaluate, facts
from crm_audit.config import Connection
from crm_audit.connectors.base import Connector, Receipt
from crm_audit.domain import LOST, STRENGTH, WON
from crm_audit.errors import Incomplete
from crm_audit.evaluate import Audit
from crm_audit.explain import Finding, explain
from crm_audit.facts import Facts, Terms
from crm_audit.policy import Pack
from crm_audit.store import Run, Store
from crm_audit.writeback.annotation import annotate
from crm_audit.writeback.apply import apply, recover
from crm_audit.writeback.plan import Plan, plan

LOST_WITH = {
    "links": ("contacts", "roles"),
    "people": ("contacts", "roles"),
    "companies": ("company", "fit"),
    "rechecks": ("rechecks",),
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
    audit = evaluate.audit(known, job.pack, as_of, deals)
    return Report(job, run, as_of, audit, tuple(explain(audit)))


def shown(job: Job) -> frozenset[str]:
    """The rules whose findings may be shown in the CRM; those in shadow are judged and kept here (ruling 37)."""
    ladders, default = job.connection.rule_ladders, job.connection.ladder
    return frozenset(rule.id for rule in job.pack.rules if ladders.get(rule.id, default) != "shadow")


def planned(report: Report, connector: Connector, store: Store) -> Plan:
    """The writes that would make the CRM show the verdicts; Incomplete where the evidence has gaps."""
    if report.run.missing:
        gaps = ", ".join(sorted(report.run.missing))
        raise Incomplete(f"{report.job.name}: nothing is written from incomplete evidence; not read: {gaps}")
    crash.at("P0")
    recover(report.job.name, connector, store.outbox)
    verdicts = report.audit.verdicts
    closed = set(verdicts.filter(pl.col("state").is_in([WON, LOST]))["id"])
    settled = closed & store.changed(report.run, "deals")
    rules = shown(report.job)
    told = annotate(report.audit, [finding for finding in report.findings if finding.rule in rules])
    wanted = {deal: connector.wanted(deal, note) for deal, note in told.items() if deal not in closed - settled}
    made = plan(wanted, connector.shown(list(wanted)), settled=settled)
    return replace(made, connection=report.job.name, run=report.run.id)


def applied(wanted: Plan, connector: Connector, store: Store, progress: Callable[[int], None]) -> list[Receipt]:
    """Carry a plan out; one receipt per write."""
    return apply(wanted, connector, store.outbox, progress)
