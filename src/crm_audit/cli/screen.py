"""How results look: text and tables for people, JSON for programs."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from crm_audit.cli.base import GIVEN

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SCHEMA_VERSION = 1
"""Of the JSON that commands print; a key that changes its meaning raises it."""

WIDE = 120
"""Columns where stdout is no terminal, so that a table in a log does not depend on somebody's window."""


def out() -> Console:
    """Where results go."""
    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDE, highlight=False, soft_wrap=False)


def err() -> Console:
    """Where everything else goes."""
    return Console(file=sys.stderr, width=None if sys.stderr.isatty() else WIDE, highlight=False)


def say(*lines: str) -> None:
    """Lines of the result, as they are: nothing in them is read as markup."""
    console = out()
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def hint(line: str) -> None:
    """What to do next, for people; never part of the result."""
    if not GIVEN.quiet:
        err().print(Text(line), soft_wrap=True)


def problem(line: str) -> None:
    """What went wrong with a part of the work, while the rest goes on."""
    err().print(Text(line), soft_wrap=True)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", right: Sequence[int] = ()
) -> None:
    """A table of results."""
    drawn = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for position, column in enumerate(columns):
        drawn.add_column(column, justify="right" if position in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*[Text("" if cell is None else str(cell)) for cell in row])
    out().print(drawn)


def document(kind: str, content: Mapping[str, object]) -> None:
    """One JSON document on stdout."""
    text = json.dumps(
        {"schema_version": SCHEMA_VERSION, "kind": kind, **content}, default=_plain, ensure_ascii=False, indent=2
    )
    sys.stdout.write(text + "\n")


def fields(value: DataclassInstance) -> dict[str, object]:
    """The fields of a value of ours, as a JSON document shows them."""
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return fields(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


class Advance(Protocol):
    """Tells a progress bar how far a step has come."""

    def __call__(self, step: str, done: int, total: int | None = None) -> None:
        """`done` of `total` (None: nobody knows) of a step."""


@contextmanager
def progress() -> Iterator[Advance]:
    """Bars on stderr while long work goes on; nothing at all where nobody watches."""
    console = err()
    bars = Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, transient=True, disable=GIVEN.quiet or not console.is_terminal,
    )  # fmt: skip
    known: dict[str, int] = {}

    def advance(step: str, done: int, total: int | None = None) -> None:
        if step not in known:
            known[step] = bars.add_task(step, total=total)
        bars.update(bars.task_ids[list(known).index(step)], completed=done, total=total)

    with bars:
        yield advance


def share(value: float | None) -> str:
    """`83 %`; never rounded up to a whole that was not reached."""
    return "–" if value is None else f"{int(round(value * 100, 9))} %"


def money(value: float | None, currency: str = "") -> str:
    """`USD 1,234,567`."""
    return "–" if value is None else f"{currency} {value:,.0f}".strip()
