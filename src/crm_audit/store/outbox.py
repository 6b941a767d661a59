"""The outbox, which holds the writes that are under way, and the journal, which holds what became of them.

A row leaves the outbox only in the transaction that puts it into the journal. So what a killed process leaves behind
is in the outbox, and an empty outbox says that nothing is under way.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from sqlalchemy import BigInteger, Connection, Index, RowMapping, delete, func, insert, select, update
from sqlalchemy.sql.elements import Label
from sqlmodel import Field

from crm_audit.chain import Act
from crm_audit.connectors.base import Fields, Receipt, Write, Written
from crm_audit.errors import Busy
from crm_audit.store import lease, log
from crm_audit.store.rows import storable
from crm_audit.store.tables import METADATA, RUNS, Base
from crm_audit.store.transactions import Transactions

NOBODY = "crm-audit"
"""Who stands in the log where nobody was named."""

LEASE = 40 * 60
"""Seconds for which a batch stays with a process that nothing is heard of: longer than the Bulk jobs of one batch take.

A process that has died on this machine is known at once, whatever its lease says.
"""

AT_ONCE = 500
"""Deals in one question: databases take only so many values in one statement."""

State = Literal["planned", "sending", "applied", "overwritten", "refused"]

ARRIVED = ("applied", "overwritten")
"""What the CRM took, whether or not it still showed all of it when it was read back."""

KNOWN: tuple[State, ...] = ("applied", "overwritten", "refused")


class _Write(Base):
    connection: str = Field(index=True)
    run: int | None  # whose evidence it rests on
    plan: str  # digest
    deal: str
    place: str
    before: str | None  # JSON of connectors.base.Fields; null: the place did not exist
    after: str  # JSON
    state: str  # planned | sending | applied | overwritten | refused
    reason: str | None


class OutboxRows(_Write, table=True):
    """Writes that are under way."""

    __tablename__ = "outbox"
    __table_args__: ClassVar[dict[str, bool]] = {"sqlite_autoincrement": True}

    id: int | None = Field(default=None, primary_key=True)
    holder: str  # host:pid:token
    until: int = Field(sa_type=BigInteger)  # seconds since 1970 by the database's clock


class JournalRows(_Write, table=True):
    """Writes whose outcome is known: applied, overwritten at once, or refused."""

    __tablename__ = "journal"

    id: int = Field(primary_key=True)  # of the outbox
    at: int = Field(sa_type=BigInteger)  # seconds since 1970 by the database's clock
    entry: int | None  # of the audit log that tells of it; 0: from before there was one


OUTBOX, JOURNAL = METADATA.tables["outbox"], METADATA.tables["journal"]

Index("ix_journal_deal", JOURNAL.c.connection, JOURNAL.c.deal)
Index("ix_journal_run", JOURNAL.c.connection, JOURNAL.c.run)
_unlogged = JOURNAL.c.entry.is_(None)
Index("ix_journal_unlogged", JOURNAL.c.connection, sqlite_where=_unlogged, postgresql_where=_unlogged)


@dataclass(frozen=True, slots=True)
class Entry:
    """One write with its number, and how far it is."""

    id: int
    write: Write
    state: State
    reason: str | None


class Outbox:
    """The writes of the connections as one process sees them."""

    def __init__(
        self, write: Transactions, read: Transactions, process: str | None = None, *, by: str = NOBODY
    ) -> None:
        self._write = write
        self._read = read
        self._me = process or lease.holder()
        self._by = by

    def put(self, connection: str, writes: Iterable[Write], *, plan: str, run: int | None) -> list[Entry]:
        """Write down what is to be sent; Busy where another process is at it."""
        common = {"connection": connection, "plan": plan, "run": run, "state": "planned", "reason": None}
        rows = [{**common, **_row(each), "holder": self._me} for each in writes]

        def work(db: Connection) -> list[Entry]:
            self._alone(db, connection)
            until = _now(db) + LEASE
            if rows:
                db.execute(insert(OUTBOX), [{**row, "until": until} for row in rows])
            return self._entries(db, connection)

        return self._write(work)

    def left(self, connection: str) -> list[Entry]:
        """What a process that is gone left under way; Busy where another process is at it just now."""

        def work(db: Connection) -> list[Entry]:
            self._alone(db, connection)
            return self._entries(db, connection)

        return self._read(work)

    def send(self, entries: Sequence[Entry]) -> None:
        """Note, before anything is sent, that these are about to be: from here on, their outcome is unknown."""

        def work(db: Connection) -> None:
            ours = OUTBOX.c.id.in_([each.id for each in entries])
            db.execute(update(OUTBOX).where(ours).values(state="sending", holder=self._me))
            mine = update(OUTBOX).where(OUTBOX.c.holder == self._me)
            db.execute(mine.values(until=_now(db) + LEASE))

        self._write(work)

    def settle(self, entries: Sequence[Entry], receipts: Sequence[Receipt]) -> None:
        """Note what became of them."""

        def work(db: Connection) -> None:
            for each, receipt in zip(entries, receipts, strict=True):
                reason = None if receipt.reason is None else storable(receipt.reason)
                values = {"state": _outcome(receipt), "reason": reason}
                db.execute(update(OUTBOX).where(OUTBOX.c.id == each.id).values(values))

        self._write(work)

    def journal(self, connection: str) -> None:
        """Move every write whose outcome is known into the journal."""

        def work(db: Connection) -> None:
            known = (OUTBOX.c.connection == connection, OUTBOX.c.state.in_(KNOWN))
            rows = db.execute(select(OUTBOX).where(*known).order_by(OUTBOX.c.id)).mappings().all()
            if rows:
                at = _now(db)
                db.execute(insert(JOURNAL), [_journalled(row, at) for row in rows])
                db.execute(delete(OUTBOX).where(*known))

        self._write(work)

    def log(self, connection: str, *, late: bool = False) -> None:
        """Tell the audit log of what the journal holds and the log does not: one entry per plan.

        `late`: whoever wrote it was cut off before this, and is not known here.
        """
        mine = (JOURNAL.c.connection == connection, JOURNAL.c.entry.is_(None))
        counts = [_count(state) for state in KNOWN]
        plans = select(JOURNAL.c.plan, JOURNAL.c.run, *counts).where(*mine)

        def work(db: Connection) -> None:
            for plan in db.execute(
                plans.group_by(JOURNAL.c.plan, JOURNAL.c.run).order_by(func.min(JOURNAL.c.id))
            ).all():
                what = {**plan._asdict(), **({"late": True} if late else {})}
                act: Act = "undone" if plan.run is None else "applied"
                number = log.append(db, log.Note(connection=connection, actor=self._by, act=act, what=what))
                these = (*mine, JOURNAL.c.plan == plan.plan, JOURNAL.c.run.is_not_distinct_from(plan.run))
                db.execute(update(JOURNAL).where(*these).values(entry=number))

        self._write(work)

    def drop(self, entries: Sequence[Entry]) -> None:
        """Forget what was never sent, or did not arrive: the next plan has it again where it still differs."""
        self._write(lambda db: db.execute(delete(OUTBOX).where(OUTBOX.c.id.in_([each.id for each in entries]))))

    def applied(self, connection: str, run: int) -> list[Entry]:
        """What arrived in the CRM from the evidence of a run, the oldest first."""
        mine = (JOURNAL.c.connection == connection, JOURNAL.c.run == run, JOURNAL.c.state.in_(ARRIVED))
        query = select(JOURNAL).where(*mine).order_by(JOURNAL.c.id)
        return self._read(lambda db: [_entry(row) for row in db.execute(query).mappings()])

    def written(self, connection: str, deals: Sequence[str], *, last: int) -> list[Written]:
        """What arrived on these deals, AT_ONCE of them at most, the oldest first.

        Of a long past only what is among the `last` writes of one of its fields, where an undo is not counted.
        """

        def work(db: Connection) -> list[Written]:
            mine = (JOURNAL.c.connection == connection, JOURNAL.c.state.in_(ARRIVED))
            query = select(JOURNAL, RUNS.c.started).outerjoin(RUNS, RUNS.c.id == JOURNAL.c.run).where(*mine)
            of_deals = query.where(JOURNAL.c.deal.in_(deals)).order_by(JOURNAL.c.id.desc())
            rows = db.execute(of_deals.execution_options(yield_per=AT_ONCE)).mappings()
            newest = _newest((Written(_entry(row).write, row["started"]) for row in rows), last)
            return list(newest)[::-1]

        return self._read(work)

    def _entries(self, db: Connection, connection: str) -> list[Entry]:
        query = select(OUTBOX).where(OUTBOX.c.connection == connection).order_by(OUTBOX.c.id)
        return [_entry(row) for row in db.execute(query).mappings()]

    def _alone(self, db: Connection, connection: str) -> None:
        at_it = (OUTBOX.c.connection == connection, OUTBOX.c.holder != self._me, OUTBOX.c.until > _now(db))
        for holder in db.scalars(select(OUTBOX.c.holder).where(*at_it).distinct()):
            if not lease.idle(holder, self._me):
                raise Busy(f"{connection}: {lease.process(holder)} is writing to it; wait for it to end")


def _newest(written: Iterable[Written], last: int) -> Iterator[Written]:
    """Those, the newest first, one of whose fields was not yet written so often."""
    seen = Counter[tuple[str, str, str]]()
    for each in written:
        fields = [(each.write.deal, each.write.place, name) for name in each.write.after]
        if any(seen[field] < last for field in fields):
            yield each
        if each.at is not None:
            seen.update(fields)


def _count(state: State) -> Label[int]:
    return func.count().filter(JOURNAL.c.state == state).label(state)


def _now(db: Connection) -> int:
    return db.scalars(select(lease.now(db))).one()


def _outcome(receipt: Receipt) -> State:
    if receipt.ok:
        return "applied"
    return "overwritten" if receipt.overwritten else "refused"


def _row(write: Write) -> dict[str, str | None]:
    before = None if write.before is None else _text(write.before)
    return {"deal": write.deal, "place": write.place, "before": before, "after": _text(write.after)}


def _text(fields: Fields) -> str:
    return json.dumps(dict(fields))


def _journalled(row: RowMapping, at: int) -> dict[str, object]:
    return {**{name: row[name] for name in row if name not in ("holder", "until")}, "at": at}


def _entry(row: RowMapping) -> Entry:
    before = None if row["before"] is None else json.loads(row["before"])
    write = Write(row["deal"], row["place"], before, json.loads(row["after"]))
    return Entry(row["id"], write, row["state"], row["reason"])
