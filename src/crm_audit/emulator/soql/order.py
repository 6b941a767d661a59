"""An index: the rows of one object in the order of one field and then of their ids."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crm_audit.emulator.soql.schema import Row

FEW = 64
"""Changed rows up to which each is moved by itself; more are sorted in together."""


@dataclass(frozen=True, slots=True)
class Span:
    """Values from `low` to `high`, without the ends that are open; None is no limit."""

    low: Any = None
    high: Any = None
    open_low: bool = False
    open_high: bool = False

    def meet(self, other: Span) -> Span:
        """What lies in both."""
        low = self if other.low is None else other if self.low is None else max(self, other, key=_begin)
        high = self if other.high is None else other if self.high is None else min(self, other, key=_end)
        return Span(low.low, high.high, low.open_low, high.open_high)

    def join(self, other: Span) -> Span:
        """The shortest span around both."""
        low = Span() if None in (self.low, other.low) else min(self, other, key=_begin)
        high = Span() if None in (self.high, other.high) else max(self, other, key=_end)
        return Span(low.low, high.high, low.open_low, high.open_high)


def _begin(span: Span) -> tuple[Any, bool]:
    return span.low, span.open_low


def _end(span: Span) -> tuple[Any, bool]:
    return span.high, not span.open_high


class Order:
    """Rows whose field is null are left out. What has changed is taken in when somebody asks."""

    def __init__(self, rows: Mapping[str, Row], field: str) -> None:
        self._rows = rows
        self._field = field
        self._value: Callable[[Row], Any] = lambda row: row[field]
        self._key: Callable[[Row], Any] = lambda row: (row[field], row["Id"])
        self._sorted = self._in_order(rows.values())
        self._changed: dict[str, Row | None] = {}

    def change(self, record: str, before: Row | None) -> None:
        """Note that a row is no longer as it was before."""
        self._changed.setdefault(record, before)

    def rows(self) -> list[Row]:
        """All of them in order; not to be changed."""
        if self._changed:
            self._settle()
        return self._sorted

    def place(self, span: Span) -> tuple[int, int]:
        """Where the rows of a span begin and end."""
        rows, value = self.rows(), self._value
        begin, end = 0, len(rows)
        if span.low is not None:
            begin = (bisect_right if span.open_low else bisect_left)(rows, span.low, key=value)
        if span.high is not None:
            end = (bisect_left if span.open_high else bisect_right)(rows, span.high, key=value)
        return begin, max(begin, end)

    def holding(self, value: object) -> list[Row]:
        """The rows with exactly that value."""
        begin, end = self.place(Span(value, value))
        return self._sorted[begin:end]

    def _in_order(self, rows: Iterable[Row]) -> list[Row]:
        field = self._field
        return sorted((row for row in rows if row.get(field) is not None), key=self._key)

    def _settle(self) -> None:
        changed, self._changed = self._changed, {}
        now = [row for record in changed if (row := self._rows.get(record)) and row.get(self._field) is not None]
        if len(changed) > FEW:
            self._sorted = self._in_order([*(row for row in self._sorted if row["Id"] not in changed), *now])
            return
        for before in changed.values():
            if before is not None and before.get(self._field) is not None:
                del self._sorted[bisect_left(self._sorted, self._key(before), key=self._key)]
        for row in now:
            self._sorted.insert(bisect_left(self._sorted, self._key(row), key=self._key), row)
