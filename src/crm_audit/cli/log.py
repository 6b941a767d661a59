"""`crm-audit log`: who did what, and whether anybody meddled with that record."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from crm_audit.cli import base as cli
from crm_audit.cli.base import As, app

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crm_audit.chain import Entry, Head

log = typer.Typer(
    help="The audit log: what was written to a CRM, and what people decided.", invoke_without_command=True
)
app.add_typer(log, name="log")

MEDDLED = 1
"""Exit code: an entry is not as it was written."""

FORGOTTEN = "(forgotten)"

Of = Annotated[str | None, typer.Option("--connection", help="Only entries of this connection.")]
Since = Annotated[
    datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="Only entries from that day on, in UTC.")
]


@log.callback()
def entries(context: typer.Context, connection: Of = None, since: Since = None, as_json: As = False) -> None:
    """List the audit log, the newest entry last."""
    from crm_audit.cli import screen

    if context.invoked_subcommand is not None:
        return
    with cli.opened(cli.settings()) as store:
        found = store.log.entries(connection, since.replace(tzinfo=UTC) if since else None)
        words = store.log.words(found)
    if as_json:
        screen.document("log", {"entries": [as_document(entry, words) for entry in found]})
        return
    for entry in found:
        screen.say(line(entry, words))
    if not found:
        screen.say("Nothing is logged yet.")


@log.command("head")
def head() -> None:
    """Print the number and the hash of the last entry: kept elsewhere, it tells if the log was cut or rewritten."""
    from crm_audit.cli import screen

    with cli.opened(cli.settings()) as store:
        last = store.log.head()
    if last is None:
        screen.hint("Nothing is logged yet.")
    else:
        screen.say(str(last))


@log.command("verify")
def verify(
    kept: Annotated[
        str | None, typer.Option("--head", metavar="NUMBER:HASH", help="A head that `log head` or a run once printed.")
    ] = None,
    as_json: As = False,
) -> None:
    """Say which entries were changed, removed or put elsewhere; exit code 1 where any was."""
    from crm_audit.cli import screen

    anchor = _anchor(kept) if kept else None
    with cli.opened(cli.settings()) as store:
        checked = store.log.verify(anchor)
    if as_json:
        screen.document("log_verification", {**screen.fields(checked), "head": _text(checked.head), "kept": kept})
    else:
        for fault in checked.faults:
            screen.say(f"entry {fault.number} {fault.says}")
        sound = "none was changed, removed or moved" if not checked.faults else f"{len(checked.faults)} faults"
        screen.say(f"{checked.entries:,} entries: {sound}")
        if checked.erased:
            screen.say(f"{checked.erased:,} names or reasons were erased, as `crm-audit forget` does")
        if kept is None:
            screen.hint("Whether its end was cut off, only a head that was kept elsewhere can tell: --head NUMBER:HASH")
    raise typer.Exit(MEDDLED if checked.faults else 0)


def _anchor(text: str) -> Head:
    from crm_audit.chain import Head

    try:
        return Head.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--head") from None


def _text(head: Head | None) -> str | None:
    return None if head is None else str(head)


def as_document(entry: Entry, words: Mapping[str, str]) -> dict[str, object]:
    """An entry with the words that it refers to; null where they were erased."""
    return {
        "number": entry.number,
        "at": entry.at,
        "connection": entry.connection,
        "by": words.get(entry.actor),
        "act": entry.act,
        "what": _resolved(entry, words),
        "chain": entry.chain,
    }


def _resolved(entry: Entry, words: Mapping[str, str]) -> dict[str, object]:
    from crm_audit.store.log import references

    by_reference = {name: words.get(each) for name, each in references(entry).items() if name != "actor"}
    return {**entry.facts(), **by_reference}


def line(entry: Entry, words: Mapping[str, str]) -> str:
    """An entry for people."""
    by = words.get(entry.actor, FORGOTTEN)
    told = ", ".join(f"{name} {FORGOTTEN if v is None else v}" for name, v in _resolved(entry, words).items())
    return f"{entry.number}  {entry.at}  {entry.connection}  {by}  {entry.act.replace('_', ' ')}  {told}"
