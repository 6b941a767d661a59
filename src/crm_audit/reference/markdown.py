"""Markdown as the pages need it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

COMMAND = "make reference"
"""What writes the pages anew."""


def page(title: str, *parts: str) -> str:
    """A whole page; parts are blocks with a blank line between them."""
    note = f"<!-- Written by `{COMMAND}` from the code; change it there. -->"
    return "\n\n".join([f"# {title}", note, *(part for part in parts if part)]) + "\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; nothing where it has no rows."""
    lines = [_row(columns), _row(["---"] * len(columns)), *(_row(row) for row in rows)]
    return "\n".join(lines) if len(lines) > 2 else ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def code(text: object) -> str:
    """Text in a line, as it is typed."""
    return f"`{text}`"


def codes(names: Iterable[object]) -> str:
    """Several of them."""
    return ", ".join(code(name) for name in names)


def block(text: str, language: str = "") -> str:
    """Lines as they are typed."""
    return f"```{language}\n{text.rstrip()}\n```"


def told(of: object) -> str:
    """The docstring of a module, class or function on one line; a module's own name is left out."""
    text = " ".join((getattr(of, "__doc__", None) or "").split())
    return re.sub(r"^`\w+`: (\w)", lambda found: found[1].upper(), text) if inspect.ismodule(of) else text
