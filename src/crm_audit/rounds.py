"""A round: sync, check, plan and apply of one connection, one after another, told step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from crm_audit import pipeline
from crm_audit.config import digest
from crm_audit.connectors.base import Calls, Connector, Reach, Receipt
from crm_audit.errors import Busy, CrmAuditError
from crm_audit.facts import today
from crm_audit.moveback import Bounced, moved_back
from crm_audit.pipeline import Job, Report
from crm_audit.pull import pull
from crm_audit.store import Run, Start, Store
from crm_audit.summary import summarise
from crm_audit.waivers import turned
from crm_audit.writeback.plan import Plan

STEPS = ("sync", "check", "plan", "apply")

SLACK = timedelta(minutes=1)
"""What people say just while a run begins may be kept a moment later than it is stamped."""

BROKEN_RULE, PARTIAL, REFUSED = 1, 3, 4
"""Exit codes of a round that came to its end, and not to a clean one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step came to: one line, and the exit code it stands for."""

    connection: str
    step: str
    code: int
    says: str
    run: int | None = None  # of the run ledger
    busy: bool = False  # it was not tried, because another process was at it
    broke: bool = False  # it did not come to its end, and the steps after it were not tried


@dataclass(frozen=True, slots=True)
class Edge:
    """What a round takes from whoever calls for it."""

    connect: Callable[[Job], Connector]
    now: Callable[[], datetime]
    bug: Callable[[Exception], str]
    """Keeps the details of a mistake of ours and says, in one line, where."""


def carry_out(
    job: Job, store: Store, edge: Edge, heard: Callable[[str, int], None], *, reach: Reach = "all"
) -> Iterator[Step]:
    """The steps as they end; `heard` is told how far the present one is. One that breaks is the last.

    A round that reaches less far than a night judges and shows only the deals of which something moved.
    """
    ended = 0
    try:
        for step in _steps(job, store, edge, heard, reach=reach):
            yield step
            ended += 1
    except CrmAuditError as error:
        broke = _broke(job, ended, code=error.exit_code, says=str(error))
        yield replace(broke, busy=isinstance(error, Busy) and broke.step == "sync")
    except Exception as error:  # noqa: BLE001 -- one connection must not stop the others, whatever befell it
        yield _broke(job, ended, code=CrmAuditError.exit_code, says=edge.bug(error))


def worst(steps: list[Step]) -> int:
    """The exit code of several steps."""
    return max((step.code for step in steps), default=0)


def _broke(job: Job, ended: int, *, code: int, says: str) -> Step:
    return Step(connection=job.name, step=STEPS[ended], code=code, says=says, broke=True)


def _steps(job: Job, store: Store, edge: Edge, heard: Callable[[str, int], None], *, reach: Reach) -> Iterator[Step]:
    crm = edge.connect(job)
    start = Start(connection=job.name, started=edge.now(), config=digest(job.connection), reach=reach)
    if reach != "all":
        _exceptions_due(job, store, at=start.started)
    run = pull(crm, store, start=start, now=edge.now, progress=heard)
    yield _synced(run)
    with _charged(crm, store, run):
        due = None if reach == "all" else store.due(job.name)
        if due is not None and (run.missing or not due):
            return
        report = pipeline.check(store, job, as_of=edge.now(), deals=due)
        yield _checked(report)
        if not pipeline.shown(job):
            store.judged(report.run, due)
            yield Step(connection=job.name, step="plan", code=0, says="in shadow: nothing is written")
            return
        if report.run.missing:
            yield Step(
                connection=job.name, step="plan", code=PARTIAL, says="nothing is written from incomplete evidence"
            )
            return
        bounced = moved_back(report, crm, store, at=edge.now()) if reach != "all" else Bounced()
        planned = pipeline.planned(report, crm, store, moves=pipeline.Moves(bounced.back, bounced.stays))
        yield _planned(job, planned, bounced)
        receipts = pipeline.applied(planned, crm, store, lambda done: heard("writes", done))
        store.judged(report.run, due, but={*bounced.back, *_not_shown(planned, receipts)})
        if reach == "all":  # it says that a complete run has ended
            crm.beat(edge.now())
        refused = sum(not receipt.ok for receipt in receipts)
        told = f"{len(receipts) - refused:,} of {len(receipts):,} writes done and read back, {refused:,} refused"
        yield Step(connection=job.name, step="apply", code=REFUSED if refused else 0, says=told)


@contextmanager
def _charged(crm: Connector, store: Store, run: Run) -> Iterator[None]:
    """Add the calls that are made meanwhile to the run, which has ended: a round is paid for whole."""
    before = crm.calls.so_far()
    try:
        yield
    finally:
        more = crm.calls.since(before)
        with suppress(CrmAuditError):  # a store that is away has been told of already
            if more != Calls():
                store.charge(run, more)


def _exceptions_due(job: Job, store: Store, *, at: datetime) -> None:
    """Make those deals due of which a waiver or a broken gate began or ended since the last run.

    Noted first, so that nothing is lost where this round ends early.
    """
    last = store.latest(job.name)
    if last is None:
        return
    zone, since = pipeline.terms(job.connection, last).zone, last.started - SLACK
    waivers, glass = store.waivers.all(job.name), store.waivers.glass(job.name)
    deals = turned(waivers, glass, (since, today(since, zone)), (at, today(at, zone)))
    if deals:
        store.make_due(last, deals)


def _not_shown(planned: Plan, receipts: Iterable[Receipt]) -> set[str]:
    """The deals that do not show yet what they should."""
    failed = {receipt.write.deal for receipt in receipts if not receipt.ok}
    return failed | {left.deal for left in planned.left_alone}


def _planned(job: Job, planned: Plan, bounced: Bounced) -> Step:
    told = f"{len(planned.writes):,} writes, {planned.unchanged:,} deals show it already"
    if planned.ungated:
        told += f"; {len(planned.ungated):,} deals cannot be gated"
    if planned.left_alone:
        told += f"; {len(planned.left_alone):,} places are left alone: see `crm-audit writeback plan {job.name}`"
    told = "; ".join(filter(None, (told, bounced.says)))
    code = REFUSED if bounced.stays or planned.left_alone else 0
    return Step(connection=job.name, step="plan", code=code, says=told)


def _synced(run: Run) -> Step:
    gaps = "".join(f"; not read: {kind}: {reason}" for kind, reason in run.missing.items())
    says = f"run {run.id} {run.status}, {run.account.name}, {run.calls_read:,} calls{gaps}"
    code = PARTIAL if run.missing else 0
    return Step(connection=run.connection, step="sync", code=code, says=says, run=run.id)


def _checked(report: Report) -> Step:
    summary = summarise(report.audit, report.findings)
    counts = ", ".join(f"{deals:,} {verdict}" for verdict, deals in sorted(summary.verdicts.items()))
    broken = sum(finding.status == "error" for finding in report.findings)
    says = f"{summary.open_deals:,} open deals ({counts or 'no deal at all'})"
    if broken:
        says += f"; {broken:,} rules could not be worked out for a deal"
    return Step(connection=report.job.name, step="check", code=BROKEN_RULE if broken else 0, says=says)
