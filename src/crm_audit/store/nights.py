"""The ledger of nights: who carries a night out, and what became of it; and the heartbeats of those who look.

A claim is one conditional statement, so of any number of processes one gets the night. Leases and heartbeats go by the
clock of the database, on which all hosts agree; when a night began and ended is told by whoever carries it out.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, delete, func, select, update
from sqlmodel import Field

from crm_audit.errors import Incomplete
from crm_audit.nights import Night, State
from crm_audit.store.database import reading
from crm_audit.store.rows import storable
from crm_audit.store.tables import METADATA, Base
from crm_audit.store.versions import INSERT

LEASE = timedelta(minutes=15)
"""How long a night stays with a holder that nothing is heard of: longer than a connector waits between two pages."""

REMEMBERED = timedelta(days=30)
"""How long the last heartbeat of a process that ended is kept."""

UNHEARD = timedelta(minutes=10)
"""A process that looks every minute and was not heard of for this long is held for dead."""


class NightRows(Base, table=True):
    """One row per connection and local date."""

    __tablename__ = "nights"

    connection: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    state: str  # running | done | partial | failed | missed
    tries: int
    began: datetime | None
    ended: datetime | None
    run: int | None  # of the run ledger
    note: str
    holder: str  # host:pid
    until: datetime | None


class Heartbeats(Base, table=True):
    """When each process that serves was last heard of."""

    process: str = Field(primary_key=True)
    at: datetime


NIGHTS = METADATA.tables["nights"]
HEARTBEATS = METADATA.tables["heartbeats"]


def this_process() -> str:
    """Names this process among all that share the database."""
    return f"{platform.node()}:{os.getpid()}"


class Nights:
    """The ledger of nights as one process sees it."""

    def __init__(self, engine: Engine, process: str | None = None) -> None:
        self._engine = engine
        self._reader = reading(engine)
        self._me = process or this_process()

    def newest(self, connection: str, limit: int = 40) -> list[Night]:
        """The last nights of a connection, the newest first."""
        query = select(NIGHTS).where(NIGHTS.c.connection == connection).order_by(NIGHTS.c.day.desc()).limit(limit)
        with self._reader.begin() as db:
            now = clock(db)
            return [self._night(row, now) for row in db.execute(query).mappings()]

    def claim(self, connection: str, day: date, *, seen: Night | None, at: datetime) -> Night | None:
        """Begin a night that is still as it was seen; None where another process was quicker."""
        with self._engine.begin() as db:
            held = {"state": "running", "began": at, "ended": None, "note": "", "run": None}
            held |= {"holder": self._me, "until": clock(db) + LEASE, "tries": seen.tries + 1 if seen else 1}
            row = {"connection": connection, "day": day, **held}
            fresh = INSERT[db.dialect.name](NIGHTS).values(row).on_conflict_do_nothing().returning(NIGHTS)
            again = update(NIGHTS).where(*_as_seen(seen)).values(held).returning(NIGHTS) if seen else fresh
            claimed = db.execute(again).mappings().first()
            return Night(**claimed) if claimed else None

    def keep(self, night: Night) -> None:
        """Renew the lease, and be heard of; Incomplete where the night was taken over by another."""
        with self._engine.begin() as db:
            self._change(db, night, until=clock(db) + LEASE)
            self._beat(db)

    def close(self, night: Night, state: State, *, at: datetime, run: int | None = None, note: str = "") -> None:
        """Write down what became of a night; Incomplete where it was taken over by another."""
        with self._engine.begin() as db:
            self._change(db, night, state=state, ended=at, run=run, note=storable(note), until=None)

    def let_go(self, night: Night) -> None:
        """Leave a night that was interrupted to whoever looks next; it counts as no try."""
        with self._engine.begin() as db:
            self._change(db, night, tries=night.tries - 1, until=None)

    def miss(self, connection: str, days: Iterable[date]) -> None:
        """Write down nights that nobody carried out and nobody will."""
        blank = {"state": "missed", "tries": 0, "note": "nobody looked", "holder": ""}
        rows = [{"connection": connection, "day": day, **blank} for day in days]
        if rows:
            with self._engine.begin() as db:
                db.execute(INSERT[db.dialect.name](NIGHTS).values(rows).on_conflict_do_nothing())

    def give_up(self, nights: Iterable[Night], *, at: datetime) -> None:
        """Write down as failed what was cut off and is not to be tried again, where it still is as it was seen."""
        failed = {"state": "failed", "ended": at, "until": None, "note": "cut off: the process ended in the middle"}
        for night in nights:
            with self._engine.begin() as db:
                db.execute(update(NIGHTS).where(*_as_seen(night)).values(failed))

    def beat(self) -> None:
        """Be heard of."""
        with self._engine.begin() as db:
            self._beat(db)

    def silence(self) -> timedelta | None:
        """How long nothing was heard of any process that serves; None where none ever did."""
        with self._reader.begin() as db:
            last = db.scalar(select(func.max(HEARTBEATS.c.at)))
            return clock(db) - last if last else None

    def _beat(self, db: Connection) -> None:
        now = clock(db)
        beat = INSERT[db.dialect.name](HEARTBEATS).values(process=self._me, at=now)
        db.execute(beat.on_conflict_do_update(index_elements=["process"], set_={"at": now}))
        db.execute(delete(HEARTBEATS).where(HEARTBEATS.c.at < now - REMEMBERED))

    def _change(self, db: Connection, night: Night, **values: object) -> None:
        mine = (NIGHTS.c.state == "running", NIGHTS.c.holder == self._me, NIGHTS.c.tries == night.tries)
        done = db.execute(update(NIGHTS).where(*_named(night), *mine).values(values))
        if done.rowcount != 1:
            raise Incomplete(f"the night {night.day} of {night.connection!r} was taken over by another process")

    def _night(self, row: RowMapping, now: datetime) -> Night:
        night = Night(**row)
        return replace(night, lost=night.state == "running" and self._left(night, now))

    def _left(self, night: Night, now: datetime) -> bool:
        """Whether the holder is gone. Ourselves count as gone: who asks is at work on nothing."""
        return night.until is None or night.until < now or night.holder == self._me or not _lives(night.holder)


def clock(db: Connection) -> datetime:
    """What time it is by the database."""
    if db.dialect.name == "postgresql":
        now: datetime = db.scalars(select(func.clock_timestamp())).one()
        return now
    return datetime.fromisoformat(db.scalars(select(func.strftime("%Y-%m-%dT%H:%M:%f+00:00", "now"))).one())


def _named(night: Night) -> tuple[ColumnElement[bool], ...]:
    return (NIGHTS.c.connection == night.connection, NIGHTS.c.day == night.day)


def _as_seen(night: Night) -> tuple[ColumnElement[bool], ...]:
    """Nothing happened to the night since: every claim, renewal and ending changes one of these."""
    same = (NIGHTS.c[name].is_not_distinct_from(getattr(night, name)) for name in ("state", "tries", "until"))
    return (*_named(night), *same)


def _lives(holder: str) -> bool:
    """False for a process of this host that has ended; of other hosts nobody here can tell."""
    host, _, number = holder.rpartition(":")
    if host != platform.node():
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
