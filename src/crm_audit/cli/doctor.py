"""`crm-audit doctor`: is everything in place? Each line says what to do where it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import typer

from crm_audit.cli import base as cli
from crm_audit.cli.base import As, Name, app

if TYPE_CHECKING:
    from crm_audit.config import Settings
    from crm_audit.connectors.base import Connector
    from crm_audit.nights import Night, Timetable
    from crm_audit.pipeline import Job
    from crm_audit.store import Store

UNHEARD = timedelta(minutes=20)
"""`serve` is heard of every minute, and at each page of a long sync; this long without a word is not well."""

LATE = timedelta(minutes=20)
"""So long after its time a night that nobody has begun did not happen."""

OLD_SYNC_HOURS = 36
"""A nightly sync that is older has missed a night."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    connection: str
    what: str
    result: str  # PASS | WARN | FAIL
    says: str = ""


@app.command()
def doctor(name: Name = None, as_json: As = False) -> None:
    """Look at settings, store, logins, fields, stages and the last sync; write nothing."""
    from crm_audit.cli import screen

    loaded = cli.settings()
    checks: list[Check] = [Check("", "settings", "PASS", str(cli.GIVEN.config))]
    with cli.opened(loaded) as store:
        checks.append(Check("", "store", "PASS", "schema is current"))
        jobs = cli.jobs(name, loaded)
        if any(job.connection.nightly for job in jobs):
            checks.append(_scheduler(store))
        for job in jobs:
            checks += [*_connection(job, store), *_nights(job, store), *_exceptions(job, store)]
            checks += _webhooks(job, loaded, store)
    if as_json:
        screen.document("doctor", {"checks": checks})
    else:
        for check in checks:
            screen.say(f"{check.result:4}  {check.connection or '-':12}  {check.what:10}  {check.says}")
    raise typer.Exit(3 if any(check.result == "FAIL" for check in checks) else 0)


def _connection(job: Job, store: Store) -> Iterator[Check]:
    from crm_audit.errors import CrmAuditError

    yield Check(job.name, "rules", "PASS", f"pack {job.pack.name} {job.pack.version}, {len(job.pack.rules)} rules")
    try:
        crm = cli.connector(job)
        account = crm.account()
        yield Check(job.name, "login", "PASS", f"{account.name}; days begin in {account.zone}; {account.currency}")
    except CrmAuditError as error:
        yield Check(job.name, "login", "FAIL", str(error))
    else:
        if job.connection.every is not None:
            yield _between(job, store, crm)
        for what, look in (("fields", _survey), ("stages", _stages), ("writeback", _own_fields), ("gate", _gate)):
            yield from _looked(job, crm, what=what, look=look)
    yield _last_sync(job, store)


def _between(job: Job, store: Store, crm: Connector) -> Check:
    """How often it is read between two nights, and what became of the last time."""
    from crm_audit.connectors.base import ReadsBetween
    from crm_audit.live import CHANGES, interval_of, waits_for_a_night

    what, every = "between", job.connection.every
    if not isinstance(crm, ReadsBetween):
        return Check(job.name, what, "FAIL", f"{crm.vendor} is read at night alone; take out every")
    if waits_for_a_night(job, store):
        return Check(job.name, what, "WARN", "waits for a first sync of everything under these settings")
    interval, last = interval_of(job, store, crm), store.runs(job.name, 1, reach=CHANGES)
    if every is not None and interval > every:
        calls = last[0].calls_read + last[0].calls_write
        slowed = (
            f"every {_ago(interval)} instead of {_ago(every)}: {calls} calls a time are all that quota_share allows"
        )
        return Check(job.name, what, "WARN", slowed)
    if last and last[0].status != "complete":
        why = last[0].reason or ", ".join(last[0].missing)
        return Check(job.name, what, "WARN", f"run {last[0].id} is {last[0].status}: {why}")
    return Check(job.name, what, "PASS", f"every {_ago(interval)}")


def _looked(
    job: Job, crm: Connector, *, what: str, look: Callable[[Job, Connector], Iterator[Check]]
) -> Iterator[Check]:
    """What one look finds, or why it could not be taken."""
    from crm_audit.errors import CrmAuditError

    try:
        yield from look(job, crm)
    except CrmAuditError as error:
        yield Check(job.name, what, "FAIL", str(error))


def _survey(job: Job, crm: Connector) -> Iterator[Check]:
    survey = crm.survey()
    for note in survey.notes:
        yield Check(job.name, "fields", "WARN", note)
    if survey.unmapped:
        hidden = ", ".join(sorted(survey.unmapped))
        yield Check(job.name, "fields", "WARN", f"cannot be told: {hidden}; rules that need it stay unknown")
    if not survey.notes and not survey.unmapped:
        yield Check(job.name, "fields", "PASS", "everything is mapped and readable")


def _stages(job: Job, crm: Connector) -> Iterator[Check]:
    """Stages that stand on no ladder: deals there are not judged at all."""
    from crm_audit.facts import rung_of
    from crm_audit.pipeline import ladder_terms

    stages = crm.stages()
    terms = ladder_terms(job.connection)
    lost = [s for s in stages if rung_of(terms, s.pipeline, s.stage, s.closed) is None]
    missing = [f"{s.pipeline}/{s.stage}" + (f" ({s.label})" if s.label != s.stage else "") for s in lost]
    known = {(pipeline, s.stage) for s in stages for pipeline in (s.pipeline, "*")}
    idle = [f"{p}/{s}" for p, ladder in job.connection.ladders.items() for s in ladder if (p, s) not in known]
    if idle and stages:
        yield Check(
            job.name, "stages", "WARN", f"on a ladder and not in the CRM: {', '.join(idle)}; a slip of the pen?"
        )
    if missing:
        yield Check(job.name, "stages", "WARN", f"on no ladder: {', '.join(missing)}; add them under ladders")
    else:
        yield Check(job.name, "stages", "PASS", f"{len(stages)} stages, all on a ladder")


def _own_fields(job: Job, crm: Connector) -> Iterator[Check]:
    """Whether our own fields are there to be written; asked only where something is to be shown."""
    from crm_audit import pipeline

    if not pipeline.shown(job):
        yield Check(job.name, "writeback", "PASS", "in shadow: nothing is written")
        return
    crm.shown([])
    yield Check(job.name, "writeback", "PASS", "our own fields are there")


def _gate(job: Job, crm: Connector) -> Iterator[Check]:
    """Whether anything is refused at all, the way past it, what refuses, and whether a deal can get through."""
    from crm_audit import pipeline
    from crm_audit.connectors.base import MovesBack

    if not pipeline.blocking(job):
        yield Check(job.name, "gate", "PASS", "off: no rule goes as far as block")
        return
    bypass = job.connection.bypass
    missing = pipeline.NO_BYPASS if bypass is None else pipeline.bypass_missing(job, crm)
    if missing is None:
        yield Check(job.name, "bypass", "PASS", f"{bypass}")
    else:
        yield Check(job.name, "bypass", "FAIL", missing)
    yield from _moves_back(job, crm)
    if not crm.gate and not (isinstance(crm, MovesBack) and crm.moves_back):
        yield Check(job.name, "refuses", "WARN", "nothing here refuses a stage: set options.pass_stages or move_back")
    stuck = pipeline.stuck(job)
    for each in stuck:
        yield Check(job.name, "gate", "FAIL", each)
    if not stuck:
        yield Check(job.name, "gate", "PASS", "a deal can get through every gate")


def _webhooks(job: Job, loaded: Settings, store: Store) -> Iterator[Check]:
    """Where messages about this connection are taken, and how many of them wait."""
    from crm_audit.config import SIGNED_WITH
    from crm_audit.connectors import mailbox
    from crm_audit.errors import FixConfig

    if SIGNED_WITH not in job.connection.login:
        return
    if loaded.receiver is None:
        yield Check(job.name, "webhooks", "WARN", f"login.{SIGNED_WITH} is named, and there is no [receiver]")
        return
    try:
        mailbox(job.connection)
    except FixConfig as error:
        yield Check(job.name, "webhooks", "FAIL", str(error))
        return
    waiting = store.pending(job.name)
    left = "too many to keep, so all changes are read" if waiting.flood else f"{waiting.hints:,} hints"
    yield Check(job.name, "webhooks", "PASS", f"{loaded.receiver.url}/webhooks/{job.name}; waiting: {left}")


def _moves_back(job: Job, crm: Connector) -> Iterator[Check]:
    """Whether deals can be moved back where that is asked for; the error says why not."""
    from crm_audit.connectors.base import MovesBack
    from crm_audit.moveback import FRESH

    if isinstance(crm, MovesBack) and crm.moves_back:
        crm.moves([], within=FRESH)
        yield Check(job.name, "move back", "PASS", f"in {', '.join(sorted(crm.moves_back))}, between the nights")


def _last_sync(job: Job, store: Store) -> Check:
    """The last sync of everything: what short runs read is no night."""
    from crm_audit.pull import NIGHT

    runs = store.runs(job.name, limit=1, reach=NIGHT)
    if not runs:
        return Check(job.name, "last sync", "WARN", f"never; run `crm-audit sync {job.name}`")
    last = runs[0]
    if last.status != "complete":
        why = last.reason or ", ".join(last.missing)
        return Check(job.name, "last sync", "WARN", f"run {last.id} is {last.status}: {why}")
    assert last.finished is not None  # a complete run has ended
    hours = (cli.now() - last.finished).total_seconds() / 3600
    if hours > OLD_SYNC_HOURS:
        return Check(
            job.name, "last sync", "WARN", f"run {last.id} ended {hours:.0f} hours ago; did a night not happen?"
        )
    return Check(job.name, "last sync", "PASS", f"run {last.id}, {last.finished:%Y-%m-%d %H:%M} UTC")


def _scheduler(store: Store) -> Check:
    silence = store.nights.silence()
    if silence is None:
        return Check("", "serve", "WARN", "never heard of; nights only happen while `crm-audit serve` runs")
    if silence > UNHEARD:
        return Check("", "serve", "FAIL", f"not heard of for {_ago(silence)}; start `crm-audit serve` again")
    return Check("", "serve", "PASS", f"heard of {_ago(silence)} ago")


def _nights(job: Job, store: Store) -> Iterator[Check]:
    """The last night and the next, where the connection has nights at all."""
    from crm_audit.watch import timetable_of

    if job.connection.nightly is None:
        return
    timetable = timetable_of(job, store)
    if timetable is None:
        yield Check(job.name, "nights", "WARN", f"in which zone? Set zone, or run `crm-audit run {job.name}` once")
        return
    yield _last_night(job, timetable, store.nights.newest(job.name))
    following = timetable.following(cli.now())
    local = following.astimezone(timetable.zone)
    yield Check(job.name, "next night", "PASS", f"{local:%Y-%m-%d %H:%M} {timetable.zone.key}")


def _last_night(job: Job, timetable: Timetable, known: list[Night]) -> Check:
    latest, now = timetable.latest(cli.now()), cli.now()
    night = next((night for night in known if night.day == latest), None)
    begins = timetable.begins(latest)
    assert begins is not None  # the latest night has begun
    if night is None or night.state == "missed":
        if known and now - begins > LATE:
            return Check(job.name, "last night", "FAIL", f"{latest} did not happen; is `crm-audit serve` running?")
        return Check(job.name, "last night", "WARN", f"{latest} has not begun yet; `crm-audit serve` will see to it")
    result, says = _became(night)
    missed = [each.day.isoformat() for each in known[:7] if each.state == "missed"]
    if missed and result == "PASS":
        result, says = "WARN", f"{says}; but nobody was there on {', '.join(missed)}"
    return Check(job.name, "last night", result, f"{latest} {says}")


def _became(night: Night) -> tuple[str, str]:
    from crm_audit.nights import again_at

    if night.state == "done":
        return "PASS", f"done, run {night.run}"
    if night.lost:
        return "WARN", "was cut off in the middle; `crm-audit serve` goes on with it"
    if night.state == "running":
        return "PASS", f"is being carried out since {night.began:%H:%M} UTC"
    if night.state == "partial":
        return "WARN", f"is partial: {night.note}"
    again = again_at(night)
    when = f"is tried again from {again:%H:%M} UTC on" if again else "is not tried again"
    return ("WARN" if again else "FAIL"), f"failed {night.tries} times and {when}: {night.note}"


def _exceptions(job: Job, store: Store) -> Iterator[Check]:
    """Gates that are broken open, and waivers that ran out too soon or let nothing off."""
    from crm_audit import exempt, pipeline
    from crm_audit.cli.log import FORGOTTEN

    now = cli.now()
    for glass in store.waivers.glass(job.name):
        if glass.in_force(now):
            until = f"open until {glass.until:%Y-%m-%d %H:%M} UTC, by {glass.opener or FORGOTTEN}"
            yield Check(job.name, "glass", "WARN", f"deal {glass.deal} is {until}: {glass.why or FORGOTTEN}")
    waivers, last = store.waivers.all(job.name), store.latest(job.name)
    if not waivers or last is None or "deals" in last.missing:
        return
    report = pipeline.check(store, job, as_of=now, deals=sorted({waiver.deal for waiver in waivers}))
    for finding in report.findings:
        if finding.rule in (exempt.EXPIRED, exempt.UNUSED):
            yield Check(job.name, "waivers", "WARN", f"deal {finding.deal}: {finding.says} {finding.todo}")


def _ago(silence: timedelta) -> str:
    minutes = int(silence.total_seconds()) // 60
    if minutes < 2 * 60:
        return f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 3 * 24 * 60 else f"{minutes // (24 * 60)} days"
