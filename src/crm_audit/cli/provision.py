"""`crm-audit provision`: what a CRM needs before a verdict can be shown in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from crm_audit.cli import base as cli
from crm_audit.cli.base import As, app

if TYPE_CHECKING:
    from crm_audit.pipeline import Job

provision = typer.Typer(help="Prepare a CRM for write-back, or say what is missing.", no_args_is_help=True)
app.add_typer(provision, name="provision")

Which = Annotated[
    str | None, typer.Argument(help="A connection of crm-audit.toml; not needed where one is of this CRM.")
]

LACKING = 4
"""Exit code: the CRM lacks something."""


@provision.command("salesforce")
def salesforce(name: Which = None, as_json: As = False) -> None:
    """Say what of the kit is missing in the org. Nothing is changed: an admin deploys it."""
    from crm_audit.cli import screen
    from crm_audit.connectors.salesforce.connector import SalesforceConnector
    from crm_audit.connectors.salesforce.kit import KIT

    job = only("salesforce", name)
    crm = cli.connector(job)
    assert isinstance(crm, SalesforceConnector)  # `only` chose it by its vendor
    lacks = crm.lacks()
    if as_json:
        screen.document("provision", {"connection": job.name, "vendor": "salesforce", "missing": lacks})
    elif lacks:
        screen.say(f"{job.name}: {len(lacks)} things are missing in the org:", *(f"  {line}" for line in lacks))
        screen.hint("Next: crm-audit kit export salesforce DIR, deploy it, and give CRM_Audit_Integration to the user")
    else:
        screen.say(f"{job.name}: the kit is there: {', '.join(KIT)}")
    if lacks:
        raise typer.Exit(LACKING)


def only(vendor: str, name: str | None) -> Job:
    """The connection of that name, or the only one of that CRM; FixConfig where there is none, or several."""
    from crm_audit.errors import FixConfig

    jobs = [job for job in cli.jobs(name, cli.settings()) if job.connection.vendor == vendor]
    if len(jobs) == 1:
        return jobs[0]
    if jobs:
        raise FixConfig(f"several connections are {vendor}: name one of {', '.join(job.name for job in jobs)}")
    raise FixConfig(f"{name or 'no connection'} is {'no' if name else 'a'} {vendor} connection")
