"""`crm-audit writeback plan|apply`: show the verdict where the rep works."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from crm_audit.cli import base as cli
from crm_audit.cli.base import As, app

if TYPE_CHECKING:
    from crm_audit.connectors.base import Connector, Receipt
    from crm_audit.pipeline import Job
    from crm_audit.store import Store
    from crm_audit.writeback.plan import Plan

SHOWN = 10
"""Writes in the list; `--json` has them all."""

writeback = typer.Typer(help="Show the verdicts in the CRM. Off until `ladder` says annotate.", no_args_is_help=True)
app.add_typer(writeback, name="writeback")

One = Annotated[str, typer.Argument(help="A connection of crm-audit.toml.")]
Contested = Annotated[
    bool,
    typer.Option("--contested", help="Also write what is left alone because something in the CRM changes it back."),
]


@writeback.command("plan")
def plan(name: One, contested: Contested = False, as_json: As = False) -> None:
    """Show the exact writes, and write nothing."""
    from crm_audit.cli import screen

    with _planned(name, contested) as (job, _, planned, _):
        pass
    if as_json:
        screen.document(
            "plan",
            {
                "connection": name,
                "ladder": job.connection.ladder,
                "digest": planned.digest,
                "unchanged": planned.unchanged,
                "ungated": planned.ungated,
                "left_alone": planned.left_alone,
                "writes": planned.writes,
            },
        )
        return
    tell(job, planned)
    if planned.held:
        screen.say(f"  held: {planned.held}; apply it with --plan once it is reviewed")
    if planned.writes:
        screen.hint(f"Next: crm-audit writeback apply {name} --plan {planned.digest}")


@writeback.command("apply")
def apply(
    name: One,
    digest: Annotated[str | None, typer.Option("--plan", help="Do this reviewed plan, or nothing.")] = None,
    contested: Contested = False,
    as_json: As = False,
) -> None:
    """Carry the plan out, read it back, and say what became of every write."""
    with _planned(name, contested) as (job, crm, planned, store):
        _reviewed(planned, digest)
        receipts = carried_out(planned, crm, store, reviewed=digest is not None)
    if as_json:
        _document("apply", planned, receipts=receipts, crm=crm)
    else:
        tell_receipts(job, planned, receipts=receipts, crm=crm)
    end(receipts)


@writeback.command("undo")
def undo(
    name: One,
    run: Annotated[int, typer.Argument(help="The run whose writes are to be set back, as `sync` numbers it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the writes, and write nothing.")] = False,
    digest: Annotated[str | None, typer.Option("--plan", help="Do this reviewed undo, or nothing.")] = None,
    as_json: As = False,
) -> None:
    """Set back what a run wrote, wherever the CRM still shows what we wrote."""
    from crm_audit import pipeline
    from crm_audit.cli import screen

    loaded = cli.settings()
    with cli.opened(loaded) as store:
        job = cli.jobs(name, loaded)[0]
        crm = cli.connector(job)
        planned = pipeline.undone(job, run, crm, store)
        _reviewed(planned, digest)
        if dry_run:
            _undo_shown(job, planned, run=run, as_json=as_json)
            return
        receipts = carried_out(planned, crm, store)
    screen.hint('The next apply writes it again, unless ladder = "shadow" or the evidence has changed.')
    if as_json:
        _document("undo", planned, receipts=receipts, crm=crm)
    else:
        tell_receipts(job, planned, receipts=receipts, crm=crm, undone=True)
    end(receipts)


def _reviewed(planned: Plan, digest: str | None) -> None:
    from crm_audit.errors import FixConfig

    if digest is not None and digest != planned.digest:
        raise FixConfig(f"the plan is now {planned.digest}, not {digest}: something changed since; review it again")


def _undo_shown(job: Job, planned: Plan, *, run: int, as_json: bool) -> None:
    from crm_audit.cli import screen

    if as_json:
        document = {"connection": job.name, "run": run, "digest": planned.digest, "left": planned.unchanged}
        screen.document("undo_plan", {**document, "writes": planned.writes})
        return
    screen.say(
        f"{job.name}: undo {planned.digest} of run {run}: {len(planned.writes):,} places to set back; "
        f"{planned.unchanged:,} deals are left as they are"
    )
    tell_list(planned)
    if planned.writes:
        screen.hint(f"Next: crm-audit writeback undo {job.name} {run} --plan {planned.digest}")


def _document(kind: str, planned: Plan, *, receipts: list[Receipt], crm: Connector) -> None:
    from crm_audit.cli import screen

    screen.document(
        kind,
        {
            "connection": planned.connection,
            "digest": planned.digest,
            "unchanged": planned.unchanged,
            "calls_that_wrote": crm.calls.write,
            "receipts": receipts,
        },
    )


def carried_out(
    planned: Plan, crm: Connector, store: Store, *, reviewed: bool = False, step: str = "writes"
) -> list[Receipt]:
    """Carry out a plan, `reviewed` by somebody or not; a bar under the name of `step` shows how far it is."""
    from crm_audit import pipeline
    from crm_audit.cli import screen

    with screen.progress() as advance:
        heard = partial(advance, step, total=len(planned.writes))
        return pipeline.applied(planned, crm, store, heard, reviewed=reviewed)


def end(receipts: list[Receipt]) -> None:
    """Exit code 4 where anything was refused."""
    if not all(receipt.ok for receipt in receipts):
        raise typer.Exit(4)


@contextmanager
def _planned(name: str, contested: bool) -> Iterator[tuple[Job, Connector, Plan, Store]]:
    from crm_audit import pipeline
    from crm_audit.writeback.plan import Plan

    loaded = cli.settings()
    with cli.opened(loaded) as store:
        job = cli.jobs(name, loaded)[0]
        crm = cli.connector(job)
        if not pipeline.shown(job):
            yield job, crm, Plan((), 0, connection=name), store
            return
        report = pipeline.check(store, job, as_of=cli.now())
        yield job, crm, pipeline.planned(report, crm, store, contested=contested), store


def tell(job: Job, planned: Plan, *, most: int = SHOWN) -> None:
    """The plan for people, with its first writes in full."""
    from crm_audit.cli import screen
    from crm_audit.pipeline import shown

    if not shown(job):
        screen.say(f'{job.name} is in shadow: nothing is shown in the CRM. Set ladder = "annotate" to change that.')
        return
    places = Counter(write.place for write in planned.writes)
    told = ", ".join(f"{n:,} to {place}" for place, n in places.items()) or "nothing to write"
    screen.say(f"{job.name}: plan {planned.digest}: {told}; {planned.unchanged:,} deals show it already")
    for deal, why in list(planned.ungated.items())[:most]:
        screen.say(f"  deal {deal}: {why}")
    for each in planned.left_alone[:most]:
        screen.say(f"  left alone: {each.place} of deal {each.deal}: {', '.join(each.fields)}: {each.why}")
    if len(planned.left_alone) > most:
        screen.say(f"  … and {len(planned.left_alone) - most:,} more are left alone; --json shows all")
    tell_list(planned, most=most)


def tell_list(planned: Plan, *, most: int = SHOWN) -> None:
    """The first writes of a plan in full."""
    from crm_audit.cli import screen

    for write in planned.writes[:most]:
        verb = "create" if write.before is None else "change"
        screen.say(f"  {verb} {write.place} of deal {write.deal}")
        for field, value in write.after.items():
            was = "" if write.before is None else f"{_short(write.before.get(field))} → "
            screen.say(f"    {field}: {was}{_short(value)}")
    if len(planned.writes) > most:
        screen.say(f"  … and {len(planned.writes) - most:,} more; --json shows all")


def _short(value: object) -> str:
    text = "(empty)" if value is None else str(value).replace("\n", " · ")
    return text if len(text) <= 100 else text[:99] + "…"


def tell_receipts(job: Job, planned: Plan, *, receipts: list[Receipt], crm: Connector, undone: bool = False) -> None:
    """What became of a plan, or of an undo."""
    from crm_audit.cli import screen
    from crm_audit.pipeline import shown

    if not shown(job) and not undone:
        tell(job, planned)
        return
    left = "are left as they are" if undone else "show it already"
    done = sum(receipt.ok for receipt in receipts)
    screen.say(
        f"{job.name}: {done:,} of {len(receipts):,} writes done and read back, in {crm.calls.write:,} calls that "
        f"write; {planned.unchanged:,} deals {left}"
    )
    tell_refused(receipts)


def tell_refused(receipts: list[Receipt]) -> None:
    """What was refused, and why."""
    from crm_audit.cli import screen

    for receipt in receipts:
        if not receipt.ok:
            screen.say(f"  refused: {receipt.write.place} of deal {receipt.write.deal}: {receipt.reason}")
