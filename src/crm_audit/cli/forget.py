"""`crm-audit forget`: erase a person who asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from crm_audit.cli import base as cli
from crm_audit.cli.base import As, app

if TYPE_CHECKING:
    from crm_audit.config import Settings
    from crm_audit.store import Store

Where = Annotated[str, typer.Argument(metavar="CONNECTION", help="The connection in which the contact is.")]
Who = Annotated[str, typer.Argument(metavar="CONTACT", help="Its id in the CRM, or an e-mail address of it.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command()
def forget(connection: Where, contact: Who, yes: Yes = False, as_json: As = False) -> None:
    """Erase a contact from everything the store ever knew; no later sync brings it back. This cannot be undone."""
    from crm_audit.cli import screen

    loaded = cli.settings()
    with cli.opened(loaded) as store:
        _known(connection, loaded, store)
        people = _people(connection, contact, store)
        if not yes:
            traces = store.traces(connection, people)
            screen.say(f"{connection}: {_told(traces)} would be erased or changed for ever")
            typer.confirm("Go on?", abort=True)
        erased = store.forget(connection, people)
    known = any(erased.values())
    if as_json:
        screen.document("forget", {"connection": connection, "erased": erased})
        return
    screen.say(f"{connection}: erased or changed: {_told(erased)}; a later sync leaves this contact out")
    if not known:
        screen.hint("Nothing in the store named this id: is it written just as the CRM writes it, no character less?")
    screen.hint(
        "Not looked through: free text of deals, such as next steps; first names in reasons; copies of the store made "
        "earlier"
    )


def _told(counts: dict[str, int]) -> str:
    found = [f"{count:,} of {kind}" for kind, count in counts.items() if count]
    return ", ".join(found) or "nothing"


def _known(connection: str, loaded: Settings, store: Store) -> None:
    """A connection that was taken out of the settings may still be in the store."""
    from crm_audit.errors import FixConfig
    from crm_audit.near import aside

    if connection not in loaded.connections and not store.runs(connection, limit=1):
        hint = aside(connection, loaded.connections)
        raise FixConfig(f"neither {cli.GIVEN.config} nor the store has a connection {connection!r}{hint}")


def _people(connection: str, contact: str, store: Store) -> list[str]:
    """The ids that are meant; FixConfig where nobody is known by that address."""
    from crm_audit.errors import FixConfig

    if "@" not in contact:
        return [contact]
    people = store.people_at(connection, contact)
    if not people:
        raise FixConfig(f"{connection}: the store knows nobody by that address; give the id of the contact in the CRM")
    return people
