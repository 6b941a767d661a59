"""Records as the store keeps them: text that every database accepts, and a digest that tells a change. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from crm_audit.domain import KINDS, Person, Record, When
from crm_audit.frames import LISTS, UNSHOWN, cells, written

Row = dict[str, object]


def rows(records: Iterable[Record]) -> dict[str, Row]:
    """A page by id, each row with its digest; of a record that comes twice, the last stands."""
    return {str(row["id"]): row for row in map(_row, records)}


def record(kind: str, row: Mapping[Any, Any]) -> Record:
    """The record that a row of the store holds."""
    of: Callable[..., Record] = KINDS[kind]
    return of(**{f.name: _value(row, f.name, str(f.type)) for f in fields(KINDS[kind])})


def digest(row: Mapping[str, object]) -> str:
    """A hash of what the row says. Empty cells are left out, so that a new column changes no digest."""
    said = {name: cell for name, cell in row.items() if cell is not None}
    return hashlib.blake2b(_JSON.encode(said).encode(), digest_size=16).hexdigest()


def storable(text: str) -> str:
    """The text without NUL, which PostgreSQL refuses, and without lone surrogates, which UTF-8 cannot hold."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()


def _row(record: Record) -> Row:
    row = _cells(record)
    if any(isinstance(cell, str) and _suspect(cell) for cell in row.values()):
        row = _cells(_cleaned(record))
    return row | {"digest": digest(row)}


def _cells(record: Record) -> Row:
    row = cells(record)
    if isinstance(record, Person):  # null where there are none, so that a person without keeps the digest of old
        row |= {name: LISTS.encode(getattr(record, name)) if getattr(record, name) else None for name in UNSHOWN}
    return row


def _value(row: Mapping[Any, Any], name: str, type_: str) -> object:
    cell = row[name]
    if name == "at" and cell is None:
        return row["day"]
    if type_.startswith("tuple"):
        return tuple(json.loads(cell)) if cell else ()
    if cell is not None and type_.startswith("Decimal"):
        return Decimal(cell)
    return _when(cell) if cell is not None and name == "close_date" else cell


def _when(text: str) -> When:
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def _suspect(cell: str) -> bool:
    if cell.isascii():
        return "\0" in cell or "\\u0000" in cell  # the second is how a JSON list writes the first
    return storable(cell) != cell or "\\u0000" in cell


def _cleaned(record: Record) -> Record:
    clean: dict[str, Any] = {f.name: _clean(getattr(record, f.name)) for f in fields(record)}
    return replace(record, **clean)


def _clean(value: object) -> object:
    if isinstance(value, str):
        return storable(value)
    return tuple(map(_clean, value)) if isinstance(value, tuple) else value


def _written(value: object) -> str:
    if isinstance(value, date):  # an instant is one, too
        return written(value)
    raise TypeError(f"{value!r} is no cell of a record")


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_written)
