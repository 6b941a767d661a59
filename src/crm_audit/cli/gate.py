"""`crm-audit gate open`: let every deal through at once."""

from __future__ import annotations

from typing import Annotated

import typer

from crm_audit.cli import base as cli
from crm_audit.cli.base import As, app
from crm_audit.cli.people import By_, Why, decides, reason
from crm_audit.cli.writeback import One, carried_out, end, tell_list, tell_refused

gate = typer.Typer(help="The gate inside the CRM.", no_args_is_help=True)
app.add_typer(gate, name="gate")


@gate.command("open")
def open_(
    name: One,
    why: Why,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the writes, and write nothing.")] = False,
    by: By_ = None,
    as_json: As = False,
) -> None:
    """Let every deal that the last sync knew into every stage; the next apply closes the gate again."""
    from crm_audit import pipeline
    from crm_audit.cli import screen

    said, loaded, who = reason(why), cli.settings(), decides(by, cli.now())
    with cli.opened(loaded) as store:
        job = cli.jobs(name, loaded)[0]
        crm = cli.connector(job)
        planned = pipeline.opened(job, crm, store)
        if dry_run:
            receipts = []
        else:
            store.waivers.open_gate(name, {"plan": planned.digest, "run": planned.run}, why=said, by=who)
            receipts = carried_out(planned, crm, store, reviewed=True)
    if as_json:
        told = {"connection": name, "digest": planned.digest, "writes": planned.writes, "receipts": receipts}
        screen.document("gate_open", told)
    elif dry_run:
        screen.say(f"{name}: {len(planned.writes):,} places to open, {planned.unchanged:,} deals are open already")
        tell_list(planned)
    else:
        done = sum(receipt.ok for receipt in receipts)
        screen.say(f"{name}: the gate is open: {done:,} places opened, {planned.unchanged:,} deals were open already")
        tell_refused(receipts)
    if not as_json:
        screen.hint('The next apply closes it again: set ladder = "annotate" first if it is to stay open.')
    end(receipts)
