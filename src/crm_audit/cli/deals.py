"""The one deal that a command is about."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from crm_audit.cli import base as cli

if TYPE_CHECKING:
    from crm_audit.config import Settings
    from crm_audit.pipeline import Report
    from crm_audit.store import Store

Deal = Annotated[str, typer.Argument(help="The deal's id in its CRM.")]
Where = Annotated[str | None, typer.Option("--connection", help="Where several know that id.")]


def audited(store: Store, loaded: Settings, deal: str, *, connection: str | None, as_of: datetime) -> Report:
    """The audit of that deal alone; FixConfig where no connection knows it, or several do."""
    from crm_audit import pipeline
    from crm_audit.errors import FixConfig
    from crm_audit.near import aside

    reports = [pipeline.check(store, job, as_of=as_of, deals=[deal]) for job in cli.jobs(connection, loaded)]
    known = [report for report in reports if report.audit.verdicts.height]
    if not known:
        near = aside(deal, (each for report in reports for each in report.facts.deals["id"]))
        raise FixConfig(
            f"no deal {deal!r} in the store{near}; ids are the CRM's own, and `crm-audit sync` reads new deals"
        )
    if len(known) > 1:
        names = ", ".join(report.job.name for report in known)
        raise FixConfig(f"the connections {names} all have a deal {deal!r}; choose one with --connection")
    return known[0]
