"""What every emulated CRM's life has in common: steps by name, and what its users would say is in it now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol, TypeVar

import polars as pl

from crm_audit.config import Connection
from crm_audit.emulator.clock import Clock
from crm_audit.emulator.server import Crm

BORN = datetime(2026, 3, 2, 14, tzinfo=UTC)
FIRST_NAMES = ("Dana", "Lee", "Omar", "Noor", "Ines", "Kofi", "Ravi", "Sol")

T = TypeVar("T")
Held = Mapping[str, Mapping[str, Any]]
"""Kind of record -> id -> what is said of it."""
Step = Callable[[int, int], None]
"""Something that happens to the records these two numbers pick; nothing, where there is none."""


class Life(Protocol):
    """One CRM with its users, its admin and its automations."""

    clock: Clock
    vendor: str

    @property
    def crm(self) -> Crm:
        """What is served."""

    @property
    def steps(self) -> Mapping[str, Step]:
        """Everything that can happen, by name."""

    def connection(self, base: str) -> Connection:
        """The settings of a connection to it."""

    def environ(self) -> Mapping[str, str]:
        """The secrets that the connection names."""

    def holds(self) -> Held:
        """What is in it now, told from its own state and not through any connector."""

    def told(self, tables: Mapping[str, pl.DataFrame]) -> Held:
        """The same out of a store."""

    def nightly(self, held: Held) -> Held:
        """As much of it as a nightly run promises to know: the CRM tells the rest to a whole pass only."""

    def calm(self) -> None:
        """Let everything become visible that is still on its way, and every limit be free again."""


def picked(rows: Sequence[T], number: int) -> T | None:
    """The row that a number stands for; None where there are no rows."""
    return rows[number % len(rows)] if rows else None


def exact(value: object) -> str | None:
    """An amount in one spelling, however it was kept."""
    return None if value is None else format(Decimal(str(value)).normalize(), "f")


def rows(table: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """The rows of a frame that stand now: a role that ended is remembered there, too."""
    present = table.filter(pl.col("valid_to").is_null()) if "valid_to" in table.columns else table
    return present.iter_rows(named=True)
