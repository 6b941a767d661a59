"""Waivers and broken glass: each in the transaction that logs it. What people wrote and are called is in `said`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import Connection, RowMapping, Select, insert, select, update
from sqlmodel import Field

from crm_audit.chain import Act
from crm_audit.errors import FixConfig
from crm_audit.store import log, said
from crm_audit.store.keys import key
from crm_audit.store.log import Note
from crm_audit.store.tables import METADATA, Base
from crm_audit.store.transactions import Transactions
from crm_audit.waivers import BrokenGlass, Waiver


class WaiverRows(Base, table=True):
    """One row per waiver that was asked for; people and reasons by reference."""

    __tablename__ = "waivers"
    __table_args__: ClassVar[dict[str, bool]] = {"sqlite_autoincrement": True}

    id: int | None = Field(default=None, primary_key=True)
    connection: str = Field(index=True)
    deal: str
    rule: str
    until: date
    why: str
    requested: datetime
    requester: str
    approved: datetime | None
    approver: str | None
    withdrawn: datetime | None


class GlassRows(Base, table=True):
    """One row per gate that was broken open."""

    __tablename__ = "glass"
    __table_args__: ClassVar[dict[str, bool]] = {"sqlite_autoincrement": True}

    id: int | None = Field(default=None, primary_key=True)
    connection: str = Field(index=True)
    deal: str
    why: str
    opened: datetime
    until: datetime
    opener: str


WAIVERS, GLASS = METADATA.tables["waivers"], METADATA.tables["glass"]


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who does it: the name, and the account under which it is done, where that is another name."""

    name: str  # as `waivers.person` writes it
    account: str | None = None
    at: datetime


class Waivers:
    """The exceptions that people make, as the store knows them."""

    def __init__(self, write: Transactions, read: Transactions) -> None:
        self._write = write
        self._read = read

    def request(self, connection: str, pair: tuple[str, str], *, until: date, why: str, by: By) -> Waiver:
        """Ask that a deal be let off a rule until the end of a day; it takes effect once somebody else approves."""
        deal, rule = pair
        row = {"connection": connection, "deal": deal, "rule": rule, "until": until, "requested": by.at}

        def work(db: Connection) -> Waiver:
            people = {"why": said.refer(db, why), "requester": said.refer(db, by.name)}
            number = db.execute(insert(WAIVERS).values(**row, **people).returning(WAIVERS.c.id)).scalar_one()
            what = {"waiver": number, "deal": deal, "rule": rule, "until": until.isoformat()}
            log.append(db, _note(connection, "waived", what, by, why=why))
            return _waiver(db, number)

        return self._write(work)

    def approve(self, number: int, by: By) -> Waiver:
        """Let the deal off; FixConfig where whoever asked for it approves, or there is nothing to approve."""

        def work(db: Connection) -> Waiver:
            asked = _asked(db, number)
            if asked["approved"] is not None:
                raise FixConfig(f"waiver {number} is approved already")
            if asked["requester"] == key(db).reference(by.name):
                raise FixConfig(
                    f"waiver {number} was asked for by {by.name}, who cannot approve it too: somebody else has to"
                )
            db.execute(
                update(WAIVERS).where(WAIVERS.c.id == number).values(approved=by.at, approver=said.refer(db, by.name))
            )
            log.append(db, _note(asked["connection"], "waiver_approved", _named(asked), by))
            return _waiver(db, number)

        return self._write(work)

    def withdraw(self, number: int, by: By) -> Waiver:
        """End a waiver, in force or only asked for; FixConfig where there is none, or it was withdrawn already."""

        def work(db: Connection) -> Waiver:
            asked = _asked(db, number)
            db.execute(update(WAIVERS).where(WAIVERS.c.id == number).values(withdrawn=by.at))
            log.append(db, _note(asked["connection"], "waiver_withdrawn", _named(asked), by))
            return _waiver(db, number)

        return self._write(work)

    def get(self, number: int) -> Waiver:
        """One waiver; FixConfig where there is none of that number."""
        return self._read(lambda db: _waiver(db, number))

    def all(self, connection: str) -> tuple[Waiver, ...]:
        """Every waiver that was ever asked for, the oldest first."""
        query = select(WAIVERS).where(WAIVERS.c.connection == connection).order_by(WAIVERS.c.id)
        return self._read(lambda db: tuple(Waiver(**row) for row in _with_words(db, query)))

    def break_glass(self, connection: str, deal: str, *, until: datetime, why: str, by: By) -> BrokenGlass:
        """Open the gate of one deal until an instant; nobody has to approve."""
        row = {"connection": connection, "deal": deal, "opened": by.at, "until": until}

        def work(db: Connection) -> BrokenGlass:
            people = {"why": said.refer(db, why), "opener": said.refer(db, by.name)}
            number = db.execute(insert(GLASS).values(**row, **people).returning(GLASS.c.id)).scalar_one()
            what = {"glass": number, "deal": deal, "until": f"{until:%Y-%m-%dT%H:%M:%SZ}"}
            log.append(db, _note(connection, "broke_glass", what, by, why=why))
            (row_,) = _with_words(db, select(GLASS).where(GLASS.c.id == number))
            return BrokenGlass(**row_)

        return self._write(work)

    def open_gate(self, connection: str, what: Mapping[str, object], *, why: str, by: By) -> None:
        """Log that every deal is let through; what is written for it stands in the journal."""
        self._write(lambda db: log.append(db, _note(connection, "gate_opened", what, by, why=why)))

    def glass(self, connection: str) -> tuple[BrokenGlass, ...]:
        """Every gate that was ever broken open, the oldest first."""
        query = select(GLASS).where(GLASS.c.connection == connection).order_by(GLASS.c.id)
        return self._read(lambda db: tuple(BrokenGlass(**row) for row in _with_words(db, query)))


def referred(db: Connection, connection: str) -> set[str]:
    """The references in all waivers and broken glass of a connection."""
    told = (WAIVERS.c.why, WAIVERS.c.requester, WAIVERS.c.approver, GLASS.c.why, GLASS.c.opener)
    rows = (db.scalars(select(each).where(each.table.c.connection == connection, each.is_not(None))) for each in told)
    return {reference for some in rows for reference in some}


def _asked(db: Connection, number: int) -> RowMapping:
    """A waiver that still can be decided on, locked until this transaction ends."""
    row = db.execute(select(WAIVERS).where(WAIVERS.c.id == number).with_for_update()).mappings().first()
    if row is None:
        raise FixConfig(_none(number))
    if row["withdrawn"] is not None:
        raise FixConfig(f"waiver {number} was withdrawn on {row['withdrawn']:%Y-%m-%d}; ask for a new one")
    return row


def _waiver(db: Connection, number: int) -> Waiver:
    rows = _with_words(db, select(WAIVERS).where(WAIVERS.c.id == number))
    if not rows:
        raise FixConfig(_none(number))
    return Waiver(**rows[0])


def _none(number: int) -> str:
    return f"there is no waiver {number}; `crm-audit waivers` lists them"


def _with_words(db: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    """Rows with what people wrote and are called in place of the references; None where that was erased."""
    rows = [dict(row) for row in db.execute(query).mappings()]
    named = [name for name in ("why", "requester", "approver", "opener") if rows and name in rows[0]]
    words = said.words_of(db, {row[name] for row in rows for name in named if row[name] is not None})
    return [row | {name: words.get(row[name] or "") for name in named} for row in rows]


def _named(row: RowMapping) -> dict[str, object]:
    return {"waiver": row["id"], "deal": row["deal"], "rule": row["rule"]}


def _note(connection: str, act: Act, what: Mapping[str, object], by: By, *, why: str | None = None) -> Note:
    return Note(connection=connection, actor=by.name, act=act, what=what, why=why, through=by.account)
