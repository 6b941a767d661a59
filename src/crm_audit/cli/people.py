"""Who it is that decides, and why: what `waive`, `waivers` and `break-glass` ask alike."""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from crm_audit.cli import base as cli

if TYPE_CHECKING:
    from crm_audit.store.waivers import By

By_ = Annotated[
    str | None,
    typer.Option(
        "--by", metavar="WHO", help="Who decides. Not given: CRM_AUDIT_USER, or else the account of this process."
    ),
]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason; it is logged.")]


def decides(name: str | None, at: datetime) -> By:
    """Whoever was named, and the account under which it is done; a name that was given is never believed silently."""
    from crm_audit.cli import screen
    from crm_audit.store.waivers import By
    from crm_audit.waivers import person

    account = person(cli.account())
    try:
        who = person(name if name is not None else os.environ.get("CRM_AUDIT_USER") or account)
    except ValueError:
        raise typer.BadParameter("name who decides", param_hint="--by") from None
    if who == account:
        return By(name=who, at=at)
    screen.hint(f"{who} is who was named; the account is {account}, and the log holds both")
    return By(name=who, account=account, at=at)


def reason(text: str) -> str:
    """The reason on one line; BadParameter where there is none."""
    kept = " ".join(text.split())
    if not kept:
        raise typer.BadParameter("say why, in a few words", param_hint="--why")
    return kept
