"""`crm-audit break-glass`: open the whole gate of one deal at once, without approval, for some hours."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from crm_audit.cli import base as cli
from crm_audit.cli.base import As, app
from crm_audit.cli.deals import Deal, Where, audited
from crm_audit.cli.people import By_, Why, decides, reason
from crm_audit.cli.writeback import end, tell_refused

if TYPE_CHECKING:
    from crm_audit.connectors.base import Receipt
    from crm_audit.pipeline import Job
    from crm_audit.store import Store

USUAL = 24
"""Hours for which a gate stays open where nobody says for how long, and the setting allows as many."""


@app.command("break-glass")
def break_glass(
    deal: Deal,
    why: Why,
    hours: Annotated[int | None, typer.Option("--hours", min=1, help="For how long; 24 where not given.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Show it in the CRM at once, on this deal alone.")] = False,
    connection: Where = None,
    by: By_ = None,
    as_json: As = False,
) -> None:
    """Open every stage of one deal for some hours. Nobody has to approve; it is logged, and it ends by itself."""
    from crm_audit.cli import screen

    said, loaded, who = reason(why), cli.settings(), decides(by, cli.now())
    receipts: list[Receipt] | None = None
    with cli.opened(loaded) as store:
        job = audited(store, loaded, deal, connection=connection, as_of=who.at).job
        until = who.at + timedelta(hours=_hours(hours, job.connection.glass_hours))
        broken = store.waivers.break_glass(job.name, deal, until=until, why=said, by=who)
        if not as_json:
            screen.say(f"{job.name}: deal {deal} may enter every stage until {until:%Y-%m-%d %H:%M} UTC")
        if apply:
            receipts = _applied(job, deal, store)
    if as_json:
        screen.document("broken_glass", {"glass": broken, "receipts": receipts})
    _end(job, receipts, as_json=as_json)


def _hours(asked: int | None, most: int) -> int:
    if asked is None:
        return min(USUAL, most)
    if asked > most:
        raise typer.BadParameter(f"{asked} is too long: {most} at most (glass_hours)", param_hint="--hours")
    return asked


def _applied(job: Job, deal: str, store: Store) -> list[Receipt]:
    """Show the open gate on this deal, and on no other; also where something in the CRM changes back what we write."""
    from crm_audit import pipeline

    if not pipeline.shown(job):
        return []
    crm = cli.connector(job)
    report = pipeline.check(store, job, as_of=cli.now(), deals=[deal])
    return pipeline.applied(pipeline.planned(report, crm, store, contested=True), crm, store, lambda done: None)


def _end(job: Job, receipts: list[Receipt] | None, *, as_json: bool) -> None:
    from crm_audit.cli import screen

    if receipts is None:
        screen.hint(f"Nothing is written to the CRM yet. Next: crm-audit writeback apply {job.name}")
        return
    if not as_json:
        screen.say(f"{sum(receipt.ok for receipt in receipts)} of {len(receipts)} writes done and read back")
        tell_refused(receipts)
    end(receipts)
