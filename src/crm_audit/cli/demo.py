"""`crm-audit demo`: the whole way, on an invented company in two emulated CRMs. Nothing leaves this machine."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from crm_audit.cli import base as cli
from crm_audit.cli import check as checking
from crm_audit.cli import explain as explaining
from crm_audit.cli import sync as syncing
from crm_audit.cli import writeback
from crm_audit.cli.base import As, app

if TYPE_CHECKING:
    from crm_audit.connectors.base import Fields, Receipt
    from crm_audit.emulator.company import Crms
    from crm_audit.pipeline import Job, Report
    from crm_audit.store import Run, Store
    from crm_audit.summary import Line, Summary
    from crm_audit.writeback.plan import Plan

NEWLINE, MARGIN = "\n", "\n    "
WRITES = 2
"""Writes of each plan that are shown in full."""


@app.command()
def demo(
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where settings and store go; a temporary folder otherwise.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep both CRMs running afterwards, until Ctrl-C.")] = False,
    as_json: As = False,
) -> None:
    """Sync, audit, explain and annotate an invented company in an emulated Salesforce and HubSpot, in half a minute."""
    from crm_audit.cli import screen

    place = _fresh(folder)
    screen.hint("Inventing a company and playing its past into two local CRMs …")
    with _served(place) as crms, _on_stage(crms) as stage:
        with redirect_stdout(StringIO()) if as_json else nullcontext():
            numbers = _play(stage)
            _tell_next(stage, place, keep=keep)
        if as_json:
            screen.document("demo", {"folder": str(place), **numbers})
        if keep:
            with cli.until_stopped():
                Event().wait()
    raise typer.Exit(0 if stage.all_written else 4)


def _fresh(folder: Path | None) -> Path:
    """An existing folder without settings or a store of anybody's; FixConfig where there is none to be had."""
    from crm_audit.errors import FixConfig

    if folder is None:
        return Path(tempfile.mkdtemp(prefix="crm-audit-demo-"))
    for name in (cli.SETTINGS.name, "crm-audit.db"):
        if (folder / name).exists():
            raise FixConfig(f"{folder / name} is already there, and the demo overwrites nothing: name another --folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FixConfig(f"--folder {folder}: {error.strerror}; name a folder that can be made") from None
    return folder.resolve()


@contextmanager
def _served(place: Path) -> Iterator[Crms]:
    """Both CRMs on loopback, their settings in the folder, their secrets in the environment of this process."""
    from crm_audit.emulator.company import furnish, invent
    from crm_audit.emulator.server import serve

    crms = furnish(invent(), cli.now())
    with serve(crms.org) as org_at, serve(crms.portal) as portal_at, _environment(crms.secrets()):
        cli.GIVEN.config = place / cli.SETTINGS.name
        cli.GIVEN.config.write_text(crms.settings(org_at=org_at, portal_at=portal_at), encoding="utf-8")
        yield crms


@contextmanager
def _environment(secrets: Mapping[str, str]) -> Iterator[None]:
    """These secrets, and no setting of the caller's: a demo must not end up in somebody's real store."""
    before = dict(os.environ)
    for name in [name for name in before if name.upper().startswith("CRM_AUDIT_")]:
        del os.environ[name]
    os.environ.update(secrets)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@dataclass(slots=True)
class _Stage:
    """What the steps of the demo share."""

    crms: Crms
    store: Store
    jobs: list[Job]
    explained: str = ""  # the deal
    all_written: bool = True

    @property
    def writes(self) -> int:
        """The calls that wrote, as both CRMs counted them."""
        return self.crms.org.calls.write + self.crms.portal.calls.write


@contextmanager
def _on_stage(crms: Crms) -> Iterator[_Stage]:
    loaded = cli.settings()
    with cli.opened(loaded) as store:
        yield _Stage(crms, store, cli.jobs(None, loaded))


def _play(stage: _Stage) -> dict[str, object]:
    """The steps in order; gives the numbers of each."""
    _heading("1 · Sync: read both CRMs into a local store")
    runs = [_sync(stage, job) for job in stage.jobs]
    _heading("2 · Check: which stage does the evidence support?")
    audits = [_check(stage, job) for job in stage.jobs]
    _tell_rungs(audits)
    report, worst = _worst(audits)
    stage.explained = worst.id
    _heading("3 · Explain: the blocked deal with the most money at risk")
    _explain(stage, report.job, worst)
    seed = _seed(stage, audits)
    _heading("4 · Write back: first the plan, then exactly that")
    written = [_write_back(stage, report) for report, _ in audits]
    _heading("5 · What the CRM shows on that deal now")
    shown = _shown(report.job, worst)
    _heading("6 · Once more: sync, check, plan and apply")
    again = _again(stage)
    return {
        "sync": runs,
        "check": [{"connection": report.job.name, **_sums(summary)} for report, summary in audits],
        "explained": {"connection": report.job.name, "deal": worst, "at_risk": worst.at_risk},
        "seed_story": seed,
        "writeback": written,
        "shown": shown,
        "again": again,
    }


def _heading(text: str) -> None:
    from crm_audit.cli import screen

    screen.say("", text, "─" * len(text))


def _sync(stage: _Stage, job: Job) -> Run:
    from crm_audit.cli import screen
    from crm_audit.config import digest
    from crm_audit.pull import pull
    from crm_audit.store import Start

    start = Start(connection=job.name, started=cli.now(), config=digest(job.connection))
    with screen.progress() as advance:
        told = partial(syncing.told, advance, job.name)
        run = pull(cli.connector(job), stage.store, start=start, now=cli.now, progress=told)
    syncing.tell(run, stage.store.counts(run), notes=False)
    return run


def _check(stage: _Stage, job: Job) -> tuple[Report, Summary]:
    from crm_audit import pipeline
    from crm_audit.cli import screen
    from crm_audit.summary import summarise

    report = pipeline.check(stage.store, job, as_of=cli.now())
    summary = summarise(report.audit, report.findings)
    checking.tell_sums(report, summary)
    screen.say("")
    return report, summary


def _sums(summary: Summary) -> dict[str, object]:
    return {
        "coverage": summary.coverage,
        "open_deals": summary.open_deals,
        "verdicts": summary.verdicts,
        "money": summary.money,
    }


def _tell_rungs(audits: list[tuple[Report, Summary]]) -> None:
    """The money at each rung, as claimed and as supported, side by side."""
    from crm_audit.cli import screen
    from crm_audit.domain import RUNGS

    columns = [f"{report.job.name} {what}" for report, _ in audits for what in ("claimed", "supported")]
    rows = [
        (f"{rung} {name}", *(screen.money(each) for _, summary in audits for each in summary.money.by_rung[rung]))
        for rung, name in RUNGS.items()
    ]
    currency = audits[0][1].money.currency
    screen.table((f"open {currency} at rung", *columns), rows, right=range(1, 1 + len(columns)))


def _worst(audits: list[tuple[Report, Summary]]) -> tuple[Report, Line]:
    """The deal on which most money depends among those that have a finding that would block."""
    blocked = [(report, line) for report, summary in audits for line in summary.lines if line.action == "block"]
    return max(blocked, key=lambda each: each[1].at_risk)


def _explain(stage: _Stage, job: Job, line: Line) -> None:
    from crm_audit import pipeline

    report = pipeline.check(stage.store, job, as_of=cli.now(), deals=[line.id])
    explaining.tell(report, line.id, whole=False)


def _seed(stage: _Stage, audits: list[tuple[Report, Summary]]) -> Line:
    """The line of the deal that the whole product started from."""
    from crm_audit.cli import screen
    from crm_audit.emulator.company import SEED_STORY

    planted = stage.crms.in_org | stage.crms.in_portal
    found = [(line, summary) for _, summary in audits for line in summary.lines if planted[line.id].story == SEED_STORY]
    ((line, summary),) = found
    screen.say("", "And the deal this program was started for:")
    checking.tell_lines([line], summary.money.currency)
    return line


def _plan(stage: _Stage, report: Report) -> Plan:
    from crm_audit import pipeline

    return pipeline.planned(report, cli.connector(report.job), stage.store)


def _apply(stage: _Stage, job: Job, planned: Plan) -> tuple[list[Receipt], int]:
    """The receipts, and how many calls wrote."""

    crm = cli.connector(job)
    # Reviewed: the plan has just been shown, and the CRM is emulated.
    receipts = writeback.carried_out(planned, crm, stage.store, reviewed=True, step=job.name)
    stage.all_written &= all(receipt.ok for receipt in receipts)
    writeback.tell_receipts(job, planned, receipts=receipts, crm=crm)
    return receipts, crm.calls.write


def _write_back(stage: _Stage, report: Report) -> dict[str, object]:
    planned = _plan(stage, report)
    writeback.tell(report.job, planned, most=WRITES)
    receipts, calls = _apply(stage, report.job, planned)
    return {
        "connection": report.job.name,
        "digest": planned.digest,
        "writes": len(planned.writes),
        "done": sum(receipt.ok for receipt in receipts),
        "calls_that_wrote": calls,
    }


def _shown(job: Job, line: Line) -> Mapping[str, Fields]:
    """Our fields of a deal, read back out of the CRM."""
    from crm_audit.cli import screen

    places = cli.connector(job).shown([line.id])[line.id]
    for place, fields in places.items():
        screen.say(f"{place} of {line.name}")
        for name, value in fields.items():
            screen.say(f"  {name}: {'(empty)' if value is None else str(value).replace(NEWLINE, MARGIN)}")
    return places


def _again(stage: _Stage) -> dict[str, object]:
    """All of it a second time; a CRM that shows the verdicts already gets nothing written."""
    from crm_audit import pipeline
    from crm_audit.cli import screen

    before = stage.writes
    runs = [_sync(stage, job) for job in stage.jobs]
    done = []
    for run, job in zip(runs, stage.jobs, strict=True):
        planned = _plan(stage, pipeline.check(stage.store, job, as_of=cli.now()))
        _, calls = _apply(stage, job, planned)
        done.append({"connection": job.name, "run": run.id, "writes": len(planned.writes), "calls_that_wrote": calls})
    counted = stage.writes - before
    screen.say(f"{counted:,} calls wrote, as the CRMs themselves counted them.")
    return {"connections": done, "calls_that_wrote": counted}


def _tell_next(stage: _Stage, place: Path, *, keep: bool) -> None:
    """The commands that go on from here; every one of them works as it is printed."""
    from crm_audit.cli import screen

    program = _typed()
    command = f"  {program} -c {shlex.quote(str(place / cli.SETTINGS.name))}"
    _heading("What to try next")
    screen.say(f"Settings and store are in {place}", "")
    if keep:
        screen.say("Both CRMs run until you press Ctrl-C. In another terminal, first let it know their secrets:")
        screen.say(*(f"  export {name}={shlex.quote(value)}" for name, value in stage.crms.secrets().items()), "")
        screen.say(f"{command} doctor", f"{command} sync")
        screen.say(*(f"{command} writeback plan {job.name}" for job in stage.jobs))
    screen.say(*(f"{command} check {job.name}" for job in stage.jobs))
    screen.say(f"{command} explain {stage.explained}", f"  {program} rules list")
    if not keep:
        screen.say("", f"Both CRMs stop with the demo; `{program} demo --keep` lets them run, for sync and writeback.")


def _typed() -> str:
    """What to type for this program: its name where the shell finds it, else the way it was started."""
    return "crm-audit" if shutil.which("crm-audit") else shlex.quote(sys.argv[0])
