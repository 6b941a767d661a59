"""A row as a tuple of cells: three and a half million of them fit into a small machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import TypeVar, overload

from crm_audit.emulator.soql.schema import Row, Value

T = TypeVar("T")

_SHARED = frozenset({str, date, datetime})
"""Types whose equal values are one object; numbers are not, for 1 equals True and 1.0."""


class Packed(Mapping[str, Value]):
    """A row beside columns that all rows of its shape share."""

    __slots__ = ("_cells", "_columns")

    def __init__(self, columns: Mapping[str, int], cells: tuple[Value, ...]) -> None:
        self._columns = columns
        self._cells = cells

    def __getitem__(self, name: str) -> Value:
        return self._cells[self._columns[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        return repr(dict(self))

    @overload
    def get(self, name: str, /) -> Value: ...
    @overload
    def get(self, name: str, /, default: Value | T) -> Value | T: ...
    def get(self, name: str, /, default: Value | T | None = None) -> Value | T | None:
        """The cell of that column; the inherited way asks for forgiveness, which is slow."""
        place = self._columns.get(name)
        return default if place is None else self._cells[place]


class Packer:
    """Makes packed rows; there is one table of columns for each shape that has been seen."""

    def __init__(self) -> None:
        self._shapes: dict[tuple[str, ...], Mapping[str, int]] = {}

    def pack(self, row: Row) -> Row:
        """The same row, packed."""
        if isinstance(row, Packed):
            return row
        return Packed(self._columns(tuple(row)), tuple(row.values()))

    def _columns(self, names: tuple[str, ...]) -> Mapping[str, int]:
        known = self._shapes.get(names)
        if known is None:
            known = self._shapes[names] = {name: place for place, name in enumerate(names)}
        return known


class Pool:
    """Equal texts and instants, kept once; made for one load and thrown away after it."""

    def __init__(self) -> None:
        self._known: dict[Value, Value] = {}

    def one(self, value: Value) -> Value:
        """The first of all equal values."""
        return self._known.setdefault(value, value) if type(value) in _SHARED else value


class Mould:
    """Makes rows of one shape out of the values in which they differ."""

    def __init__(self, usual: Row, names: Iterable[str]) -> None:
        whole = {**usual, **dict.fromkeys(names)}
        self._columns: Mapping[str, int] = {name: place for place, name in enumerate(whole)}
        self._usual = [usual.get(name) for name in whole]
        self._places = [self._columns[name] for name in names]

    def cast(self, values: Iterable[Value], pool: Pool, *, record: str) -> Row:
        """A row with that id; the values stand in the order of the names."""
        cells = self._usual.copy()
        one = pool.one
        for place, value in zip(self._places, values, strict=True):
            cells[place] = one(value)
        cells[self._columns["Id"]] = record
        return Packed(self._columns, tuple(cells))
