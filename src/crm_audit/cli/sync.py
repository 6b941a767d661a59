"""`crm-audit sync`: read the CRM into the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from crm_audit.cli import base as cli
from crm_audit.cli.base import As, Name, app

if TYPE_CHECKING:
    from crm_audit.cli.screen import Advance
    from crm_audit.errors import CrmAuditError
    from crm_audit.pipeline import Job
    from crm_audit.store import Asked, Count, Run, Store

Full = Annotated[bool, typer.Option("--full", help="Read everything from its beginning, not only what changed.")]
Objects = Annotated[
    list[str] | None, typer.Option("--object", metavar="KIND", help="Read this kind from its beginning; repeatable.")
]
Since = Annotated[
    datetime | None,
    typer.Option("--since", formats=["%Y-%m-%d"], help="Read again what changed since then, the first instant in UTC."),
]


@app.command()
def sync(
    name: Name = None, full: Full = False, objects: Objects = None, since: Since = None, as_json: As = False
) -> None:
    """Read what the CRM shows into the store, as one run per connection; a run that was cut is taken up."""
    from crm_audit.cli import screen
    from crm_audit.errors import CrmAuditError

    loaded, asked = cli.settings(), _asked(full, objects or [], since)
    runs: list[tuple[Run, Mapping[str, Count]]] = []
    failed: list[dict[str, object]] = []
    with cli.opened(loaded) as store:
        jobs = cli.jobs(name, loaded)
        for job, run in _each(jobs, store, asked):
            if isinstance(run, CrmAuditError):
                failed.append({"connection": job.name, "code": run.exit_code, "reason": str(run)})
                screen.problem(f"{job.name}: {run}")
                continue
            runs.append((run, store.counts(run)))
            if not as_json:
                tell(*runs[-1])
    if as_json:
        told_of = [screen.fields(run) | {"counts": counts} for run, counts in runs]
        screen.document("sync", {"runs": told_of, "failed": failed})
    elif runs:
        screen.hint("Next: crm-audit check")
    raise typer.Exit(_code(runs, failed))


def _each(jobs: list[Job], store: Store, asked: Asked) -> Iterator[tuple[Job, Run | CrmAuditError]]:
    """What became of each connection; where there is but one, its error is that of the command."""
    from crm_audit.errors import CrmAuditError

    for job in jobs:
        try:
            yield job, _pulled(job, store, asked)
        except CrmAuditError as error:
            if len(jobs) == 1:
                raise
            yield job, error


def _pulled(job: Job, store: Store, asked: Asked) -> Run:
    from crm_audit.cli import screen
    from crm_audit.config import digest
    from crm_audit.pull import pull
    from crm_audit.store import Start

    start = Start(connection=job.name, started=cli.now(), config=digest(job.connection), asked=asked)
    with screen.progress() as advance:
        heard = partial(told, advance, job.name)
        return pull(cli.connector(job), store, start=start, now=cli.now, progress=heard)


def _code(runs: list[tuple[Run, Mapping[str, Count]]], failed: list[dict[str, object]]) -> int:
    """The worst of what the connections came to."""
    partly = [3 for run, _ in runs if run.status != "complete"]
    return max([0, *partly, *(int(str(each["code"])) for each in failed)])


def told(advance: Advance, name: str, kind: str, rows: int) -> None:
    """Pass the progress of a pull on to its bar."""
    advance(f"{name}: {kind}", rows)


def tell(run: Run, counts: Mapping[str, Count], *, notes: bool = True) -> None:
    """What a run read, what it could not, and (if asked) what this CRM can never tell."""
    from crm_audit.cli import screen

    took = (run.finished - run.started).total_seconds() if run.finished else 0
    screen.say(f"{run.connection}: run {run.id} {run.status}, {run.account.name}, {run.calls_read} calls, {took:.1f} s")
    for kind, count in counts.items():
        if count.shown or count.closed:
            screen.say(f"  {kind}: {count.shown:,} read" + (f", {count.closed:,} gone" if count.closed else ""))
    for kind, reason in run.missing.items():
        screen.say(f"  not read to the end: {kind}: {reason}")
    if run.missing:
        lost = ", ".join(run.missing)
        screen.say(f"  the next sync goes on there; until then {lost} may be out of date, and nothing is written back")
    for note in run.survey.notes if notes else ():
        screen.hint(f"  note: {note}")


def _asked(full: bool, objects: list[str], since: datetime | None) -> Asked:
    from crm_audit.domain import KINDS
    from crm_audit.near import aside
    from crm_audit.store import Asked

    for kind in objects:
        if kind not in KINDS:
            known = aside(kind, KINDS) or f"; known are {', '.join(KINDS)}"
            raise typer.BadParameter(f"{kind!r} is no kind of record{known}", param_hint="--object")
    anew = frozenset(KINDS if full else objects)
    return Asked(anew=anew, since=since.replace(tzinfo=UTC) if since else None)
