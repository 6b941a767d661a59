"""What PostgreSQL knows of the size of our tables: else a question for a thousand ids walks all of a new one."""

from __future__ import annotations

from math import log

from sqlalchemy import Connection, text

from crm_audit.store.tables import TABLES

FIRST, TIMES = 1_000, 4
"""Rows of a kind in one run after which its table is looked at first, and how many times as many it takes for the next:
five looks in a sync of a million, each a second at most. The server's own may come minutes later, or never."""


def renew(db: Connection, kind: str, *, before: int, now: int) -> None:
    """Have PostgreSQL look at a table that grew from so many rows to so many; SQLite needs no such look."""
    if db.dialect.name == "postgresql" and _looks(now) > _looks(before):
        db.execute(text(f"ANALYZE {TABLES[kind].name}"))


def _looks(rows: int) -> int:
    return 0 if rows < FIRST else 1 + int(log(rows / FIRST, TIMES))
