"""commands.md: every command as `--help` tells it, and how it can end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import typer
from typer.core import TyperCommand, TyperGroup

from crm_audit.errors import CrmAuditError
from crm_audit.reference.errors import children
from crm_audit.reference.markdown import block, page, table, told

WIDTH = 100

ENDINGS: Mapping[int, str] = {
    0: "everything asked for was done",
    1: "findings of the kind that `--fail-on` names, a case that came out otherwise than it says, "
    "or a log that is not as it was written",
    4: "some writes were refused; the others are done",
    70: "a mistake in crm-audit itself; a file with the details is named",
    130: "interrupted (Ctrl-C, SIGINT)",
    143: "ended by SIGTERM; `serve` ends with 0 at both",
}
"""Exit codes that no error of ours stands for."""


def commands(app: typer.Typer) -> str:
    """The page on the commands of the application."""
    top = typer.main.get_command(app)
    assert isinstance(top, TyperGroup)
    context = _context(top, "crm-audit", None)
    return page(
        "Commands",
        "Results go to stdout, everything else to stderr. Options of `crm-audit` itself stand before the command.",
        *_told(top, context),
        "## Exit codes",
        table(("code", "means"), [(str(number), words) for number, words in sorted(endings().items())]),
    )


def endings() -> dict[int, str]:
    """Every exit code with what it means."""
    meanings: dict[int, list[str]] = {}
    for error in children(CrmAuditError):
        meanings.setdefault(error.exit_code, []).append(_small(told(error)))
    return {**ENDINGS, **{number: "; ".join(words) for number, words in meanings.items()}}


def _small(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:].removesuffix(".")


def _told(command: TyperCommand | TyperGroup, context: typer.Context) -> Iterator[str]:
    yield f"## {context.command_path}"
    yield block(command.get_help(context), "text")
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            assert isinstance(inner, TyperCommand | TyperGroup)
            yield from _told(inner, _context(inner, name, context))


def _context(command: TyperCommand | TyperGroup, name: str, parent: typer.Context | None) -> typer.Context:
    return typer.Context(command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH)
