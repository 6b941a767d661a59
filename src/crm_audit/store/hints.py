"""What was said to have changed, until a run has read it again. What is said twice counts once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, or_, select, update
from sqlmodel import Field

from crm_audit.connectors.base import Hint
from crm_audit.store.keys import key
from crm_audit.store.ledger import FINISHED, Run
from crm_audit.store.tables import INSERT, METADATA, RUNS, Base

REMEMBERED = timedelta(days=4)
"""How long a key is kept to know it again: HubSpot tries again for at most three days."""


class HintRows(Base, table=True):
    """One row per delivered change; `run` is the one that was asked to read the record again."""

    __tablename__ = "hints"

    connection: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    object: str
    record: str
    heard: datetime
    run: int | None


HINTS = METADATA.tables["hints"]


def hear(db: Connection, connection: str, hints: Iterable[Hint], *, at: datetime) -> int:
    """Keep those that are new; how many they were."""
    hashed = key(db).hashed  # what was said may be an address: it is only to be known again
    rows = [
        {"connection": connection, "key": hashed(one.key), "object": one.object, "record": one.record, "heard": at}
        for one in hints
    ]
    new = INSERT[db.dialect.name](HINTS).on_conflict_do_nothing().returning(HINTS.c.key)
    return sum(db.execute(new, {**row, "run": None}).first() is not None for row in rows)


def unhear(db: Connection, connection: str, records: Iterable[str]) -> None:
    """Drop what was said of these records."""
    db.execute(delete(HINTS).where(HINTS.c.connection == connection, HINTS.c.record.in_(list(records))))


def taken(db: Connection, run: Run) -> tuple[Hint, ...]:
    """The hints that this run is to follow: new ones, and those of runs that did not come to their end."""
    mine = HINTS.c.connection == run.connection
    finished = select(RUNS.c.id).where(RUNS.c.connection == run.connection, RUNS.c.status.in_(FINISHED))
    over = HINTS.c.run.in_(finished)
    db.execute(delete(HINTS).where(mine, over, HINTS.c.heard < run.started - REMEMBERED))
    db.execute(update(HINTS).where(mine, or_(HINTS.c.run.is_(None), ~over)).values(run=run.id))
    rows = db.execute(select(HINTS).where(mine, HINTS.c.run == run.id).order_by(HINTS.c.heard, HINTS.c.key)).mappings()
    return tuple(Hint(row["key"], row["object"], row["record"]) for row in rows)
