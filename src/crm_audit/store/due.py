"""Deals whose evidence a short run moved, until they have been judged again; and short runs that moved nothing.

A night judges every deal, so it notes none. What is due stays due while nothing could be written, whoever looks next.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator

from sqlalchemy import Column, Connection, RowMapping, delete, or_, select, update
from sqlmodel import Field

from crm_audit.connectors.base import Page
from crm_audit.store.current import chunks
from crm_audit.store.hints import HINTS
from crm_audit.store.ledger import FINISHED, SHORT, Run
from crm_audit.store.outbox import JOURNAL
from crm_audit.store.tables import COUNTS, DEAL_OF, INSERT, METADATA, RUNS, TABLES, Base


class DueRows(Base, table=True):
    """One row per deal; `run` is the last that moved something of it."""

    __tablename__ = "due"

    connection: str = Field(primary_key=True)
    deal: str = Field(primary_key=True)
    run: int


DUE = METADATA.tables["due"]


def note(db: Connection, run: Run, page: Page, ids: Collection[str]) -> None:
    """Note the deals of those versions of the page that this run opened or closed; `ids` are all that it speaks of."""
    if run.reach not in SHORT or not ids:
        return
    moved = [row for some in chunks(sorted(ids)) for row in _moved(db, run, page.kind, some)]
    deals = sorted(set(_deals(db, run, page.kind, moved)))
    if deals:
        insert = INSERT[db.dialect.name](DUE)
        later = insert.on_conflict_do_update(index_elements=["connection", "deal"], set_={"run": run.id})
        db.execute(later, _rows(run, deals))
    db.execute(update(RUNS).where(RUNS.c.id == run.id).values(moved=RUNS.c.moved + len(moved)))


def add(db: Connection, run: Run, deals: Iterable[str]) -> None:
    """Note deals that are to be judged again though no run moved anything of them; `run` is the newest known."""
    if rows := _rows(run, deals):
        db.execute(INSERT[db.dialect.name](DUE).on_conflict_do_nothing(), rows)


def _rows(run: Run, deals: Iterable[str]) -> list[dict[str, object]]:
    return [{"connection": run.connection, "deal": deal, "run": run.id} for deal in deals]


def deals(db: Connection, connection: str) -> set[str]:
    """The deals that are to be judged again."""
    return set(db.scalars(select(DUE.c.deal).where(DUE.c.connection == connection)))


def judged(db: Connection, run: Run, asked: Collection[str] | None, *, but: Collection[str]) -> None:
    """What was moved by then of these deals, or of all, has been judged from what this run knew, `but` for some."""
    mine = (DUE.c.connection == run.connection, DUE.c.run <= run.id)
    known = asked if asked is not None else db.scalars(select(DUE.c.deal).where(*mine)).all()
    for some in chunks(sorted(set(known) - set(but))):
        db.execute(delete(DUE).where(*mine, DUE.c.deal.in_(some)))


def prune(db: Connection, run: Run) -> None:
    """Forget the short runs before this one that opened and closed nothing: no version and no write rests on them.

    Whatever moved something stays for ever: what was known by a date is told by its runs.
    """
    written = select(JOURNAL.c.run).where(JOURNAL.c.connection == run.connection, JOURNAL.c.run.is_not(None))
    idle = (
        RUNS.c.connection == run.connection,
        RUNS.c.reach.in_(SHORT),
        RUNS.c.status != "running",
        RUNS.c.moved == 0,
        RUNS.c.id < run.id,
        RUNS.c.id.not_in(written),
    )
    for some in chunks(map(str, db.scalars(select(RUNS.c.id).where(*idle)).all())):
        gone = [int(one) for one in some]
        # The hints that they followed are remembered, as followed, to be known when they come again.
        followed = select(RUNS.c.id).where(RUNS.c.id.in_(gone), RUNS.c.status.in_(FINISHED))
        mine = (HINTS.c.connection == run.connection, HINTS.c.run.in_(followed))
        db.execute(update(HINTS).where(*mine).values(run=run.id))
        db.execute(delete(COUNTS).where(COUNTS.c.run.in_(gone)))
        db.execute(delete(RUNS).where(RUNS.c.id.in_(gone)))


def _moved(db: Connection, run: Run, kind: str, ids: Collection[str]) -> Iterable[RowMapping]:
    table = TABLES[kind]
    by_it = or_(table.c.opened_run == run.id, table.c.closed_run == run.id)
    return db.execute(select(table).where(table.c.connection == run.connection, table.c.id.in_(ids), by_it)).mappings()


def _deals(db: Connection, run: Run, kind: str, moved: Collection[RowMapping]) -> Iterator[str]:
    """The deals about which these versions tell something."""
    if kind in DEAL_OF:
        yield from (row[DEAL_OF[kind]] for row in moved)
    elif kind == "events":
        yield from (deal for row in moved for deal in json.loads(row["deals"]))
        alone = (row for row in moved if row["deals"] == "[]")  # tells of all deals of those who took part
        yield from _of_people(db, run, {person for row in alone for person in json.loads(row["people"])})
    elif kind == "people":
        yield from _of_people(db, run, {row["id"] for row in moved})
    elif kind == "companies":
        yield from _now(db, run, TABLES["deals"].c.company, {row["id"] for row in moved})


def _of_people(db: Connection, run: Run, people: Collection[str]) -> Iterator[str]:
    return _now(db, run, TABLES["links"].c.person, people)


def _now(db: Connection, run: Run, key: Column[str], ids: Collection[str]) -> Iterator[str]:
    """The deals of the rows that are current and have one of these in that column."""
    table = key.table
    current = (table.c.connection == run.connection, table.c.closed_run.is_(None))
    for some in chunks(sorted(ids)):
        yield from db.scalars(select(table.c[DEAL_OF[table.name]]).where(*current, key.in_(some)))
