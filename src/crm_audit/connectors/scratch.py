"""Rows that are needed later in the same run, set aside on disk: memory does not grow with the CRM.

A database of its own in a temporary file that nobody else opens and nothing outlives; it is no store.
"""

from __future__ import annotations

import errno
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from tempfile import gettempdir

from crm_audit.errors import StorageFull

Row = Mapping[str, object]
Keyed = tuple[str, Row]

_MANY = 500
"""Keys in one look-up: below the number of variables that every SQLite takes."""
_NUMBER = "#"
"""The one key of an object that stands for an exact number; no field of a CRM is called so."""


class Scratch:
    """Rows under a name and a key, in the order in which they were put."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # "" is a temporary file that is gone when it is closed
        for line in ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA cache_size=-16000"):
            self._db.execute(line)
        self._db.execute("CREATE TABLE aside (name TEXT, key TEXT, row TEXT)")
        self._db.execute("CREATE INDEX by_key ON aside (name, key)")

    def put(self, name: str, rows: Iterable[Keyed]) -> None:
        """Set rows aside; the same row twice is there twice. StorageFull where the disk for temporary files is."""
        written = ((name, key, _written(row)) for key, row in rows)
        with roomy():
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO aside VALUES (?, ?, ?)", written)
            self._db.execute("COMMIT")

    def of(self, name: str, keys: Iterable[str]) -> dict[str, list[Row]]:
        """The rows of these keys."""
        found: dict[str, list[Row]] = {}
        wanted = list(dict.fromkeys(keys))
        for start in range(0, len(wanted), _MANY):
            some = wanted[start : start + _MANY]
            marks = ",".join("?" * len(some))
            query = f"SELECT key, row FROM aside WHERE name = ? AND key IN ({marks}) ORDER BY rowid"  # noqa: S608  # only marks
            for key, row in self._db.execute(query, (name, *some)):
                found.setdefault(key, []).append(_read(row))
        return found

    def groups(self, name: str, *, after: str = "") -> Iterator[tuple[str, list[Row]]]:
        """Every key beyond `after` with its rows, in the order of the keys."""
        query = "SELECT key, row FROM aside WHERE name = ? AND key > ? ORDER BY key, rowid"
        for key, rows in groupby(self._db.execute(query, (name, after)), key=itemgetter(0)):
            yield key, [_read(row) for _, row in rows]

    def all(self, name: str) -> Iterator[Row]:
        """Every row, in the order in which they were put."""
        found = self._db.execute("SELECT row FROM aside WHERE name = ? ORDER BY rowid", (name,))
        return (_read(row) for (row,) in found)

    def close(self) -> None:
        """Give the disk back."""
        self._db.close()


@contextmanager
def roomy() -> Iterator[None]:
    """StorageFull, and where to look, for a disk of temporary files that has no room."""
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        full = isinstance(error, sqlite3.Error) or error.errno in (errno.ENOSPC, errno.EDQUOT)
        if not full:
            raise
        raise StorageFull(
            f"no room for temporary files in {gettempdir()} ({error}): make room there, or name another folder in "
            "TMPDIR; what was saved stays, and the next run goes on there"
        ) from None


def pages(rows: Iterable[Row], size: int) -> Iterator[Sequence[Row]]:
    """Rows in lists of at most that many."""
    page: list[Row] = []
    for row in rows:
        page.append(row)
        if len(page) == size:
            yield page
            page = []
    if page:
        yield page


def _written(row: Row) -> str:
    return json.dumps(row, ensure_ascii=True, default=_number)  # ASCII: a lone surrogate is no UTF-8


def _number(value: object) -> dict[str, str]:
    if isinstance(value, Decimal):
        return {_NUMBER: str(value)}
    raise TypeError(f"{type(value).__name__} cannot be set aside")


def _read(text: str) -> Row:
    row: Row = json.loads(text, object_hook=_exact)
    return row


def _exact(found: dict[str, object]) -> object:
    return Decimal(str(found[_NUMBER])) if _NUMBER in found else found
