"""`crm-audit kit export`: what an admin deploys into the CRM."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crm_audit.cli.base import app

kit = typer.Typer(
    help="What is installed into a CRM: objects, fields, the gate, the view on a deal.", no_args_is_help=True
)
app.add_typer(kit, name="kit")

NEXT = {
    "salesforce": "cd {folder} && sf project deploy start --target-org SANDBOX   (README.md has the steps after it)",
    "hubspot": "cd {folder} && hs project upload   (README.md has the steps before and after it)",
}


@kit.command("export")
def export(
    vendor: Annotated[str, typer.Argument(help="Whose: salesforce or hubspot.")],
    folder: Annotated[Path, typer.Argument(help="Where to: an empty folder, or one that holds an older kit.")],
) -> None:
    """Write a CRM's kit into a folder, as its vendor's own tools take it."""
    from crm_audit import kits
    from crm_audit.cli import screen
    from crm_audit.errors import FixConfig
    from crm_audit.near import aside

    if vendor not in kits.vendors():
        raise FixConfig(f"there is no kit for {vendor!r}{aside(vendor, kits.vendors())}")
    number = kits.export(vendor, folder)
    screen.say(f"{number} files of the {vendor} kit are in {folder}")
    screen.hint(f"Next: {NEXT.get(vendor, 'read {folder}/README.md').format(folder=folder)}")
