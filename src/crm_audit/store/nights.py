"""The ledger of nights: who carries a night out, and what became of it; and the heartbeats of those who look.

A claim is one conditional statement, so of any number of processes one gets the night. Leases and heartbeats go by the
clock of the database, on which all hosts agree; when a night began and ended is told by whoever carries it out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, Connection, RowMapping, delete, func, select, update
from sqlmodel import Field

from crm_audit.errors import Incomplete
from crm_audit.nights import Night, State
from crm_audit.store import lease
from crm_audit.store.rows import storable
from crm_audit.store.tables import INSERT, METADATA, Base
from crm_audit.store.transactions import Transactions

LEASE = 15 * 60
"""Seconds for which a night stays with a holder that nothing is heard of: longer than a connector waits for a page."""

REMEMBERED = 30 * 24 * 3600
"""Seconds for which the last heartbeat of a process that ended is kept."""


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
    holder: str  # host:pid:token
    until: int | None = Field(sa_type=BigInteger)  # seconds since 1970


class Heartbeats(Base, table=True):
    """When each process that serves was last heard of."""

    process: str = Field(primary_key=True)
    at: int = Field(sa_type=BigInteger)  # seconds since 1970


NIGHTS = METADATA.tables["nights"]
HEARTBEATS = METADATA.tables["heartbeats"]


class Nights:
    """The ledger of nights as one process sees it."""

    def __init__(self, write: Transactions, read: Transactions, process: str | None = None) -> None:
        self._write = write
        self._read = read
        self._me = process or lease.holder()

    def newest(self, connection: str, limit: int = 40) -> list[Night]:
        """The last nights of a connection, the newest first."""
        query = select(NIGHTS).where(NIGHTS.c.connection == connection).order_by(NIGHTS.c.day.desc()).limit(limit)

        def work(db: Connection) -> list[Night]:
            now = db.scalars(select(lease.now(db))).one()
            return [self._night(row, now) for row in db.execute(query).mappings()]

        return self._read(work)

    def claim(self, connection: str, day: date, *, seen: Night | None, at: datetime) -> Night | None:
        """Begin a night that is still as it was seen; None where another process was quicker."""
        held = {"state": "running", "began": at, "ended": None, "note": "", "run": None, "holder": self._me}
        held |= {"tries": seen.tries + 1 if seen else 1}

        def work(db: Connection) -> Night | None:
            row = {**held, "until": lease.now(db) + LEASE}
            fresh = INSERT[db.dialect.name](NIGHTS).values(connection=connection, day=day, **row)
            first = fresh.on_conflict_do_nothing().returning(NIGHTS)
            again = update(NIGHTS).where(*_as_seen(seen)).values(row).returning(NIGHTS) if seen else first
            claimed = db.execute(again).mappings().first()
            return Night(**claimed) if claimed else None

        return self._write(work)

    def keep(self, night: Night) -> None:
        """Renew the lease, and be heard of; Incomplete where the night was taken over by another."""

        def work(db: Connection) -> None:
            self._change(db, night, until=lease.now(db) + LEASE)
            self._beat(db)

        self._write(work)

    def close(self, night: Night, state: State, *, at: datetime, run: int | None = None, note: str = "") -> None:
        """Write down what became of a night; Incomplete where it was taken over by another."""
        became = {"state": state, "ended": at, "run": run, "note": storable(note), "until": None}
        self._write(lambda db: self._change(db, night, **became))

    def let_go(self, night: Night) -> None:
        """Leave a night that was interrupted to whoever looks next; it counts as no try."""
        self._write(lambda db: self._change(db, night, tries=night.tries - 1, until=None))

    def miss(self, connection: str, days: Iterable[date]) -> None:
        """Write down nights that nobody carried out and nobody will."""
        blank = {"state": "missed", "tries": 0, "note": "nobody looked", "holder": ""}
        rows = [{"connection": connection, "day": day, **blank} for day in days]
        if rows:
            self._write(lambda db: db.execute(INSERT[db.dialect.name](NIGHTS).values(rows).on_conflict_do_nothing()))

    def give_up(self, nights: Iterable[Night], *, at: datetime) -> None:
        """Write down as failed what was cut off and is not to be tried again, where it still is as it was seen."""
        failed = {"state": "failed", "ended": at, "until": None, "note": "cut off: its process ended in the middle"}
        statements = [update(NIGHTS).where(*_as_seen(night)).values(failed) for night in nights]
        if statements:
            self._write(lambda db: [db.execute(statement) for statement in statements])

    def beat(self) -> None:
        """Be heard of."""
        self._write(self._beat)

    def silence(self) -> timedelta | None:
        """How long nothing was heard of any process that serves; None where none ever did."""
        last = func.max(HEARTBEATS.c.at)
        seconds = self._read(lambda db: db.scalar(select(lease.now(db) - last)))
        return None if seconds is None else timedelta(seconds=seconds)

    def _beat(self, db: Connection) -> None:
        now = lease.now(db)
        beat = INSERT[db.dialect.name](HEARTBEATS).values(process=self._me, at=now)
        db.execute(beat.on_conflict_do_update(index_elements=["process"], set_={"at": now}))
        db.execute(delete(HEARTBEATS).where(HEARTBEATS.c.at < now - REMEMBERED))

    def _change(self, db: Connection, night: Night, **values: object) -> None:
        mine = (*_named(night), NIGHTS.c.holder == self._me)
        held = (NIGHTS.c.state == "running", NIGHTS.c.tries == night.tries)
        done = db.execute(update(NIGHTS).where(*mine, *held).values(values))
        said = [NIGHTS.c[name].is_not_distinct_from(value) for name, value in values.items()]
        if done.rowcount != 1 and db.scalar(select(NIGHTS.c.day).where(*mine, *said)) is None:  # not said already
            raise Incomplete(f"the night {night.day} of {night.connection!r} was taken over by another process")

    def _night(self, row: RowMapping, now: int) -> Night:
        night = Night(**row)
        return replace(night, lost=night.state == "running" and self._left(night, now))

    def _left(self, night: Night, now: int) -> bool:
        """Whether the holder is gone. This process counts as gone: while it asks, it is at work on no night."""
        return night.until is None or night.until < now or lease.idle(night.holder, self._me)


def _named(night: Night) -> tuple[ColumnElement[bool], ...]:
    return (NIGHTS.c.connection == night.connection, NIGHTS.c.day == night.day)


def _as_seen(night: Night) -> tuple[ColumnElement[bool], ...]:
    """Nothing happened to the night since: every claim, renewal and ending changes one of these."""
    same = (NIGHTS.c[name].is_not_distinct_from(getattr(night, name)) for name in ("state", "tries", "holder", "until"))
    return (*_named(night), *same)
