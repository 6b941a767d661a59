"""Moves of deals back into the stage that they came from: written down before they are made, each at most once."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from sqlalchemy import Connection, func, select, update
from sqlmodel import Field

from crm_audit.connectors.base import Move
from crm_audit.store import log
from crm_audit.store.ledger import Run
from crm_audit.store.rows import storable
from crm_audit.store.tables import INSERT, METADATA, Base
from crm_audit.store.transactions import Transactions

Claim = Literal["ours", "known", "enough"]
"""Whether a move is ours to undo, has been dealt with before, or comes after enough of them on its deal today."""


class BounceRows(Base, table=True):
    """One row per person's move that was undone, or was to be."""

    __tablename__ = "bounces"

    connection: str = Field(primary_key=True)
    deal: str = Field(primary_key=True)
    moved: datetime = Field(primary_key=True)  # when the person moved it
    before: str  # the stage to which it goes back
    after: str
    at: datetime
    day: date  # of the organisation
    run: int
    state: str  # sending | done | refused
    reason: str | None


BOUNCES = METADATA.tables["bounces"]


class Bounces:
    """The moves back of all connections."""

    def __init__(self, write: Transactions, read: Transactions, *, by: str) -> None:
        self._write = write
        self._read = read
        self._by = by

    def claim(self, run: Run, move: Move, *, at: datetime, day: date, most: int) -> Claim:
        """Write a move back down before it is made. One that a killed process left under way is never made again."""
        row = {"connection": run.connection, "deal": move.deal, "moved": move.at, "before": move.before}
        row |= {"after": move.after, "at": at, "day": day, "run": run.id, "state": "sending", "reason": None}

        def work(db: Connection) -> Claim:
            mine = (BOUNCES.c.connection == run.connection, BOUNCES.c.deal == move.deal)
            known = db.scalar(select(func.count()).where(*mine, BOUNCES.c.moved == move.at))
            if known:
                return "known"
            today = db.scalar(select(func.count()).where(*mine, BOUNCES.c.day == day))
            if today is not None and today >= most:
                return "enough"
            insert = INSERT[db.dialect.name](BOUNCES).values(row).on_conflict_do_nothing().returning(BOUNCES.c.deal)
            return "ours" if db.scalar(insert) else "known"

        return self._write(work)

    def close(self, run: Run, move: Move, *, reason: str | None) -> None:
        """Write down, and log, what became of it: done, or refused for a reason. What is closed stays so."""
        this = (BOUNCES.c.connection == run.connection, BOUNCES.c.deal == move.deal, BOUNCES.c.moved == move.at)
        became = {"state": "refused" if reason else "done", "reason": storable(reason) if reason else None}
        what = {"deal": move.deal, "from": move.after, "to": move.before, "state": became["state"], "run": run.id}

        def work(db: Connection) -> None:
            closed = update(BOUNCES).where(*this, BOUNCES.c.state == "sending").values(became).returning(BOUNCES.c.deal)
            if db.scalar(closed):
                log.append(db, log.Note(connection=run.connection, actor=self._by, act="moved_back", what=what))

        self._write(work)

    def left(self, connection: str, *, before: datetime) -> list[Move]:
        """The moves whose undoing began before that instant, and of which nobody knows what became."""
        columns = (BOUNCES.c.deal, BOUNCES.c.before, BOUNCES.c.after, BOUNCES.c.moved)
        mine = (BOUNCES.c.connection == connection, BOUNCES.c.state == "sending", BOUNCES.c.at < before)
        query = select(*columns).where(*mine).order_by(BOUNCES.c.at, BOUNCES.c.deal)

        def work(db: Connection) -> list[Move]:
            rows = db.execute(query)
            return [Move(deal=deal, pipeline="", before=was, after=now, at=at) for deal, was, now, at in rows]

        return self._read(work)
