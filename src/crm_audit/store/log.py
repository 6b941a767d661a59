"""The audit log: appended to in the transaction of what it tells of, and never changed.

What people are called and what they wrote stands in `said`, and in the log only a reference to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select, text
from sqlmodel import Field

from crm_audit.chain import BEFORE_ALL, Act, Checked, Entry, Fault, Head, chained, cut, faults, written
from crm_audit.store import lease, said
from crm_audit.store.keys import key
from crm_audit.store.tables import METADATA, Base
from crm_audit.store.transactions import Transactions


class LogRows(Base, table=True):
    """One row per entry. `at` is text, so that it is the same in every database, to the letter."""

    __tablename__ = "log"

    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: str
    connection: str
    actor: str
    act: str
    what: str
    chain: str


LOG = METADATA.tables["log"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is to be logged; names and reasons in words."""

    connection: str
    actor: str
    act: Act
    what: Mapping[str, object]
    why: str | None = None
    through: str | None = None  # the account on whose behalf the actor is named, where that is another name


def append(db: Connection, note: Note) -> int:
    """Log what this transaction does; the number of the entry. Whoever else appends waits until it is committed."""
    if db.dialect.name == "postgresql":  # SQLite has one writer at a time by itself
        db.execute(text(f"LOCK TABLE {LOG.name} IN SHARE ROW EXCLUSIVE MODE"))
    last = _head(db)
    told = {"why": note.why, "through": note.through}
    words = {name: said.refer(db, each) for name, each in told.items() if each is not None}
    at = datetime.fromtimestamp(db.scalars(select(lease.now(db))).one(), UTC)
    entry = Entry(
        number=last.number + 1 if last else 1,
        at=f"{at:%Y-%m-%dT%H:%M:%SZ}",
        connection=note.connection,
        actor=said.refer(db, note.actor),
        act=note.act,
        what=written({**note.what, **words}),
        chain="",
    )
    seal = chained(entry, last.chain if last else BEFORE_ALL, key(db).seal)
    db.execute(insert(LOG), asdict(replace(entry, chain=seal)))
    return entry.number


class Log:
    """The log of a store."""

    def __init__(self, write: Transactions, read: Transactions) -> None:
        self._write = write
        self._read = read

    def append(self, note: Note) -> int:
        """Log what was done elsewhere; the number of the entry."""
        return self._write(lambda db: append(db, note))

    def head(self) -> Head | None:
        """The last entry; None where there is none."""
        return self._read(_head)

    def entries(self, connection: str | None = None, since: datetime | None = None) -> list[Entry]:
        """What was logged, the newest last."""
        query = select(LOG).order_by(LOG.c.number)
        if connection is not None:
            query = query.where(LOG.c.connection == connection)
        if since is not None:
            query = query.where(LOG.c.at >= f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
        return self._read(lambda db: [Entry(**row) for row in db.execute(query).mappings()])

    def words(self, entries: Iterable[Entry]) -> dict[str, str]:
        """What the references in these entries stand for, as far as it was not erased."""
        asked = {reference for entry in entries for reference in references(entry).values()}
        return self._read(lambda db: said.words_of(db, asked))

    def verify(self, kept: Head | None = None) -> Checked:
        """Look for entries that were changed, taken out or put elsewhere, or cut off below a head that was kept."""

        def work(db: Connection) -> Checked:
            entries = [Entry(**row) for row in db.execute(select(LOG).order_by(LOG.c.number)).mappings()]
            found = faults(entries, key(db).seal) + (cut(entries, kept) if kept else [])
            false, erased = _unlike(db, entries)
            wrong = tuple(sorted({*found, *false}, key=lambda fault: (fault.number, fault.says)))
            return Checked(len(entries), _head(db), erased, wrong)

        return self._read(work)


def references(entry: Entry) -> dict[str, str]:
    """What an entry says by reference, by name."""
    told = entry.facts()
    return {"actor": entry.actor} | {name: str(told[name]) for name in ("why", "through") if name in told}


def referred(db: Connection, connection: str) -> set[str]:
    """The references in all entries of a connection."""
    entries = (Entry(**row) for row in db.execute(select(LOG).where(LOG.c.connection == connection)).mappings())
    return {reference for entry in entries for reference in _told(entry).values()}


def _unlike(db: Connection, entries: Iterable[Entry]) -> tuple[list[Fault], int]:
    """Entries whose words are not those that were written, and how many references have none any more."""
    other = said.changed(db)
    named = [(entry, name, reference) for entry in entries for name, reference in _told(entry).items()]
    found = [Fault(entry.number, f"its {name} was changed") for entry, name, each in named if each in other]
    asked = {reference for _, _, reference in named}
    return found, len(asked - said.words_of(db, asked).keys())


def _told(entry: Entry) -> dict[str, str]:
    try:
        return references(entry)
    except (ValueError, TypeError):  # somebody changed `what`, of which the chain tells
        return {}


def _head(db: Connection) -> Head | None:
    row = db.execute(select(LOG.c.number, LOG.c.chain).order_by(LOG.c.number.desc()).limit(1)).first()
    return Head(row.number, row.chain) if row else None
