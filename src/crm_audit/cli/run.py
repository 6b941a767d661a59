"""`crm-audit run`: everything once, now. For cron, for CI, and for whoever does not want to wait for the night."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import typer

from crm_audit.cli import base as cli
from crm_audit.cli.base import As, Name, app

if TYPE_CHECKING:
    from crm_audit.pipeline import Job
    from crm_audit.rounds import Step
    from crm_audit.store import Store


@app.command()
def run(name: Name = None, as_json: As = False) -> None:
    """Sync, check, plan and apply as far as the ladder allows; a connection that fails does not stop the others."""
    from crm_audit.cli import screen
    from crm_audit.rounds import worst

    loaded = cli.settings()
    steps: list[Step] = []
    with cli.opened(loaded) as store:
        for step in (step for job in cli.jobs(name, loaded) for step in _heard(job, store)):
            steps.append(step)
            if not as_json:
                screen.say(line(step))
        head = store.log.head()
    if as_json:
        screen.document("run", {"code": worst(steps), "steps": steps, "log": None if head is None else str(head)})
    elif head:
        screen.say(f"log: {head}")
    raise typer.Exit(worst(steps))


def _heard(job: Job, store: Store) -> Iterator[Step]:
    """The steps of a round, with a bar for people while they go on."""
    from crm_audit.cli import screen
    from crm_audit.cli.sync import told
    from crm_audit.rounds import Edge, carry_out

    edge = Edge(connect=cli.connector, now=cli.now, bug=cli.logged)
    with screen.progress() as advance:
        yield from carry_out(job, store, edge, partial(told, advance, job.name))


def line(step: Step) -> str:
    """A step for people."""
    return f"{step.connection}: {step.step}: {'' if step.code == 0 else f'[{step.code}] '}{step.says}"
