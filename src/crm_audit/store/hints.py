"""What was said to have changed, until a run has read it again. What is said twice counts once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Index, delete, func, or_, select, update
from sqlmodel import Field

from crm_audit.connectors.base import Hint
from crm_audit.store.keys import key
from crm_audit.store.ledger import FINISHED, Run
from crm_audit.store.tables import INSERT, METADATA, RUNS, Base

REMEMBERED = timedelta(days=4)
"""How long a key is kept to know it again: HubSpot tries ten times at most, within a day."""

MOST = 5_000
"""Hints of a connection that may wait. More are an import: what they say is read faster as changes of that time."""

FLOOD = "*"
"""Stands for the object of all that was said when there was too much of it."""


@dataclass(frozen=True, slots=True)
class Pending:
    """What waits to be followed: how many records, and whether there were too many to keep."""

    hints: int
    flood: bool


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
_waiting = HINTS.c.run.is_(None)
Index("ix_hints_waiting", HINTS.c.connection, sqlite_where=_waiting, postgresql_where=_waiting)


def hear(db: Connection, connection: str, hints: Iterable[Hint], *, at: datetime) -> int:
    """Keep those that are new; how many they were. Where too many wait, one stands for them all."""
    waiting = db.scalars(select(func.count()).where(HINTS.c.connection == connection, _left(connection))).one()
    hashed = key(db).hashed  # what was said may be an address: it is only to be known again
    rows = [
        {"connection": connection, "key": hashed(one.key), "object": one.object, "record": one.record, "heard": at}
        for one in hints
    ]
    if waiting + len(rows) > MOST:
        return _flooded(db, connection, at=at)
    new = INSERT[db.dialect.name](HINTS).on_conflict_do_nothing().returning(HINTS.c.key)
    return sum(db.execute(new, {**row, "run": None}).first() is not None for row in rows)


def _flooded(db: Connection, connection: str, *, at: datetime) -> int:
    """Put one in the place of all that wait, be it for a run that has taken them over and not ended yet."""
    db.execute(delete(HINTS).where(HINTS.c.connection == connection, _left(connection)))
    one = {"connection": connection, "key": FLOOD, "object": FLOOD, "record": FLOOD, "heard": at, "run": None}
    insert = INSERT[db.dialect.name](HINTS).values(one)
    db.execute(insert.on_conflict_do_update(index_elements=["connection", "key"], set_={"heard": at, "run": None}))
    return 1


def pending(db: Connection, connection: str) -> Pending:
    """What was said and has not been followed by a run that finished."""
    counted = select(HINTS.c.object, func.count()).where(HINTS.c.connection == connection, _left(connection))
    found = {kind: number for kind, number in db.execute(counted.group_by(HINTS.c.object))}
    flood = found.pop(FLOOD, 0) > 0
    return Pending(sum(found.values()), flood)


def _left(connection: str) -> ColumnElement[bool]:
    """What no run that finished has followed."""
    finished = select(RUNS.c.id).where(RUNS.c.connection == connection, RUNS.c.status.in_(FINISHED))
    return or_(_waiting, HINTS.c.run.not_in(finished))


def unhear(db: Connection, connection: str, records: Iterable[str]) -> None:
    """Drop what was said of these records."""
    db.execute(delete(HINTS).where(HINTS.c.connection == connection, HINTS.c.record.in_(list(records))))


def taken(db: Connection, run: Run) -> tuple[Hint, ...]:
    """The hints that this run is to follow: new ones, and those of runs that did not come to their end."""
    mine = HINTS.c.connection == run.connection
    left = _left(run.connection)
    db.execute(delete(HINTS).where(mine, ~left, HINTS.c.heard < run.started - REMEMBERED))
    followed = [HINTS.c.object != FLOOD] if run.reach == "hints" else []  # a flood is followed by reading changes
    db.execute(update(HINTS).where(mine, left, *followed).values(run=run.id))
    rows = db.execute(select(HINTS).where(mine, HINTS.c.run == run.id).order_by(HINTS.c.heard, HINTS.c.key)).mappings()
    return tuple(Hint(row["key"], row["object"], row["record"]) for row in rows if row["object"] != FLOOD)
