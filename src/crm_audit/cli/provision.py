"""`crm-audit provision`: what a CRM needs before a verdict can be shown in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from crm_audit.cli import base as cli
from crm_audit.cli.base import As, app

if TYPE_CHECKING:
    from crm_audit.connectors.hubspot.connector import HubSpot
    from crm_audit.connectors.hubspot.kit import Change
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


@provision.command("hubspot")
def hubspot(
    name: Which = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be made, and make nothing.")] = False,
    as_json: As = False,
) -> None:
    """Make the group and the properties that the portal lacks; nothing is deleted, nor changed where it is right."""
    from crm_audit.cli import screen
    from crm_audit.connectors.hubspot.connector import HubSpot
    from crm_audit.connectors.hubspot.options import for_setup

    job = only("hubspot", name)
    crm = cli.connector(replace(job, connection=for_setup(job.connection)))
    assert isinstance(crm, HubSpot)  # `only` chose it by its vendor
    lacks = crm.lacks()
    refused = {} if dry_run else _provided(crm, lacks)
    left = lacks if dry_run or not lacks else crm.lacks()
    done = [each for each in lacks if each not in left]
    if as_json:
        told = {"connection": job.name, "vendor": "hubspot", "done": done, "missing": left, "refused": refused}
        screen.document("provision", told)
    elif not lacks:
        screen.say(f"{job.name}: the group and all properties are there")
    else:
        screen.say(f"{job.name}: {len(done):,} done, {len(left):,} missing", *(f"  done: {each.says}" for each in done))
        screen.say(*(f"  {each.says}{_why(refused.get(each.name))}" for each in left))
        if dry_run:
            screen.hint("Next: the same without --dry-run, with a token that has the scope crm.schemas.deals.write")
    if left:
        raise typer.Exit(LACKING)


def _provided(crm: HubSpot, lacks: Sequence[Change]) -> dict[str, str]:
    """Carry out what can be; HubSpot's reasons for what it refused, by name. NoAccess where the token may not."""
    from crm_audit.connectors.hubspot.gateway import Refused

    refused: dict[str, str] = {}
    for each in lacks:
        try:
            if each.kind != "conflict":
                crm.provide(each)
        except Refused as error:  # one that was made by a call whose answer was lost is there when we look again
            refused[each.name] = str(error)
    return refused


def _why(refused: str | None) -> str:
    return f": {refused}" if refused else ""


def only(vendor: str, name: str | None) -> Job:
    """The connection of that name, or the only one of that CRM; FixConfig where there is none, or several."""
    from crm_audit.errors import FixConfig

    jobs = [job for job in cli.jobs(name, cli.settings()) if job.connection.vendor == vendor]
    if len(jobs) == 1:
        return jobs[0]
    if jobs:
        raise FixConfig(f"several connections are {vendor}: name one of {', '.join(job.name for job in jobs)}")
    raise FixConfig(f"{name or 'no connection'} is {'no' if name else 'a'} {vendor} connection")
