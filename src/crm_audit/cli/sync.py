"""`crm-audit sync`: read the CRM into the store."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import typer

from crm_audit.cli import base as cli
from crm_audit.cli.base import As, Name, app

if TYPE_CHECKING:
    from crm_audit.cli.screen import Advance
    from crm_audit.store import Run


@app.command()
def sync(name: Name = None, as_json: As = False) -> None:
    """Read everything the CRM shows into the store, as one run per connection."""
    from crm_audit.cli import screen
    from crm_audit.config import digest
    from crm_audit.pull import pull
    from crm_audit.store import Start

    loaded = cli.settings()
    runs: list[Run] = []
    with cli.opened(loaded) as store:
        for job in cli.jobs(name, loaded):
            start = Start(connection=job.name, started=cli.now(), config=digest(job.connection))
            with screen.progress() as advance:
                heard = partial(told, advance, job.name)
                run = pull(cli.connector(job), store, start=start, now=cli.now, progress=heard)
            runs.append(run)
            if not as_json:
                tell(run)
    if as_json:
        screen.document("sync", {"runs": runs})
    else:
        screen.hint("Next: crm-audit check")
    if any(run.status != "complete" for run in runs):
        raise typer.Exit(3)


def told(advance: Advance, name: str, kind: str, rows: int) -> None:
    """Pass the progress of a pull on to its bar."""
    advance(f"{name}: {kind}", rows)


def tell(run: Run, *, notes: bool = True) -> None:
    """What a run read, what it could not, and (if asked) what this CRM can never tell."""
    from crm_audit.cli import screen

    took = (run.finished - run.started).total_seconds() if run.finished else 0
    screen.say(f"{run.connection}: run {run.id} {run.status}, {run.account.name}, {run.calls_read} calls, {took:.1f} s")
    for kind, reason in run.missing.items():
        screen.say(f"  not read: {kind}: {reason}")
    for note in run.survey.notes if notes else ():
        screen.hint(f"  note: {note}")
