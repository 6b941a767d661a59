"""Privacy erasure: everything that says who somebody was goes, and a keyed hash stays so that it does not come back."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, delete, false, func, or_, select, text, update

from crm_audit.domain import Answer, Change, Event, Link, Person, Recheck, Record
from crm_audit.frames import LISTS
from crm_audit.store import log, said, waivers
from crm_audit.store.keys import Key, key
from crm_audit.store.outbox import JOURNAL, OUTBOX
from crm_audit.store.rows import record, rows
from crm_audit.store.tables import FORGOTTEN, INSERT, TABLES

Forgotten = Callable[[str], bool]
"""Whether the person of that id was forgotten."""

ERASED = "(erased)"
"""Stands for a reason that named somebody: that there was one still counts."""

SIDES = ("before", "after")
"""Columns of a write that hold fields, as JSON."""

NAMING = ("events", "rechecks", "answers", "history")
"""Kinds that name people beside what they are about."""


def nobody(db: Connection, connection: str, records: tuple[Record, ...]) -> tuple[Record, ...]:
    """The records without the people whom this connection forgot."""
    marks = frozenset(db.scalars(select(FORGOTTEN.c.mark).where(FORGOTTEN.c.connection == connection)))
    if not marks:
        return records
    known = key(db)
    return tuple(spared(records, lambda person: known.mark(person) in marks))


def spared(records: Iterable[Record], forgotten: Forgotten) -> Iterator[Record]:
    """The records without the people who were forgotten."""
    for each in records:
        match each:
            case Person(id=one, merged_into=other) if forgotten(one) or (other is not None and forgotten(other)):
                continue
            case Link(person=one) if forgotten(one):
                continue
            case Event() | Recheck() | Answer() | Change():
                yield _unnamed(each, forgotten)
            case _:
                yield each


def people_at(db: Connection, connection: str, hashed: str) -> list[str]:
    """Ids of the people one of whose addresses has this hash."""
    people = TABLES["people"]
    found = select(people.c.id).where(people.c.connection == connection, people.c.addresses.contains(hashed))
    return sorted(set(db.scalars(found)))


def identities(db: Connection, connection: str, ids: Collection[str]) -> set[str]:
    """The ids and all others under which the CRM knew the same people before it merged them."""
    people = TABLES["people"]
    pairs = select(people.c.id, people.c.merged_into).where(
        people.c.connection == connection, people.c.merged_into.is_not(None)
    )
    found, more = set[str](), set(ids)
    while more:
        found |= more
        same = db.execute(pairs.where(or_(people.c.id.in_(more), people.c.merged_into.in_(more))))
        more = {each for pair in same for each in pair} - found
    return found


def forget(db: Connection, connection: str, people: Collection[str], *, key: Key) -> dict[str, int]:
    """Erase the people from every version, whenever it was known; the number of rows by kind."""
    if db.dialect.name == "postgresql":  # no page may be half-way in with somebody who is being forgotten
        db.execute(text(f"LOCK TABLE {FORGOTTEN.name} IN ACCESS EXCLUSIVE MODE"))
    tombstone = INSERT[db.dialect.name](FORGOTTEN).on_conflict_do_nothing()
    sought = _sought(db, connection, people)
    marks = [key.mark(each) for each in sorted(sought.everything)]
    db.execute(tombstone, [{"connection": connection, "mark": mark} for mark in marks])
    writes = list(_written(db, connection, people, sought.called_so))
    for table, row in writes:
        _unwrite(db, table, row, sought.called_so)
    words = said.erase(db, sought.words)
    erased = {kind: db.execute(delete(table).where(*of)).rowcount for kind, table, of in _theirs(connection, people)}
    unnamed = {kind: _unname(db, connection, kind, sought.everything) for kind in NAMING}
    return erased | unnamed | {"writes": len(writes), "words": words}


def traces(db: Connection, connection: str, people: Collection[str]) -> dict[str, int]:
    """The number of rows that `forget` would erase or change, by kind."""
    sought = _sought(db, connection, people)
    naming = ((kind, TABLES[kind], _naming(connection, kind, sought.everything)) for kind in NAMING)
    counted = select(func.count())
    found = (*_theirs(connection, people), *naming)
    writes = _written(db, connection, people, sought.called_so)
    counts = {kind: db.scalar(counted.select_from(table).where(*of)) or 0 for kind, table, of in found}
    return counts | {"writes": sum(1 for _ in writes), "words": len(sought.words)}


def overwrite(db: Connection) -> bool:
    """Rewrite the files, so that no free page holds what was erased; False where somebody reading kept it from that.

    PostgreSQL does not tell of readers, and its log and backups keep old pages for as long as they are set to.
    """
    if db.dialect.name == "postgresql":
        tables = "people, links, events, rechecks, answers, history, hints, outbox, journal, said"
        db.execute(text(f"VACUUM (FULL) {tables}"))
        return True
    db.execute(text("VACUUM"))
    return bool(db.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).one()[0] == 0)


@dataclass(frozen=True, slots=True)
class _Sought:
    """What tells of people who are to be forgotten."""

    called_so: said.Names
    everything: set[str]  # their ids, and what people wrote in the CRM that names them
    words: set[str]  # references of what was said of them here


def _sought(db: Connection, connection: str, people: Collection[str]) -> _Sought:
    called_so = said.called_so(db, connection, people)
    names_them = said.names(people, called_so)
    words = said.naming(db, _referred(db, connection), names_them)
    return _Sought(called_so, {*people, *_reasons(db, connection, names_them)}, words)


def _reasons(db: Connection, connection: str, names_them: said.Names) -> set[str]:
    """What people wrote in the CRM that names them."""
    table = TABLES["answers"]
    told = select(table.c.reason).where(table.c.connection == connection, table.c.reason.is_not(None)).distinct()
    return {reason for reason in db.scalars(told) if reason is not None and names_them(reason)}


def _theirs(connection: str, people: Collection[str]) -> Iterator[tuple[str, Table, list[ColumnElement[bool]]]]:
    """The rows that are about these people and nobody else."""
    for kind, column in (("people", "id"), ("links", "person")):
        table = TABLES[kind]
        yield kind, table, [table.c.connection == connection, table.c[column].in_(people)]


def _referred(db: Connection, connection: str) -> set[str]:
    """The references of this connection alone: in another CRM, the same words are about somebody else."""
    return log.referred(db, connection) | waivers.referred(db, connection)


def _written(
    db: Connection, connection: str, people: Collection[str], called_so: said.Names
) -> Iterator[tuple[Table, RowMapping]]:
    """What was written to the CRM and says one of their names: an undo would write it there again."""
    names = [json.dumps(name)[1:-1] for name in said.called(db, connection, people)]
    for table in (OUTBOX, JOURNAL):
        says = [table.c[side].icontains(name, autoescape=True) for side in SIDES for name in names]
        query = select(table.c.id, *(table.c[side] for side in SIDES))
        rows = db.execute(query.where(table.c.connection == connection, or_(false(), *says))).mappings().all()
        yield from ((table, row) for row in rows if _saying(row, called_so))


def _saying(row: RowMapping, called_so: said.Names) -> set[str]:
    """The fields of a write that say a name, before it or after it."""
    cells = (cell for side in SIDES for cell in json.loads(row[side] or "{}").items())
    return {field for field, value in cells if isinstance(value, str) and called_so(value)}


def _unwrite(db: Connection, table: Table, row: RowMapping, called_so: said.Names) -> None:
    """Take those fields out of a write; that it was made stays, and so does what else it wrote."""
    gone = _saying(row, called_so)
    for side in (side for side in SIDES if row[side] is not None):
        left = {field: value for field, value in json.loads(row[side]).items() if field not in gone}
        db.execute(update(table).where(table.c.id == row["id"]).values({side: json.dumps(left)}))


def _naming(connection: str, kind: str, people: Collection[str]) -> list[ColumnElement[bool]]:
    """The rows that name these people beside what they are about."""
    table = TABLES[kind]
    told = [table.c.reason.in_(people)] if kind == "answers" else []
    lists = [table.c[name] for name in ("people", "declined") if name in table.c]
    named = [column.contains(LISTS.encode(each), autoescape=True) for column in lists for each in people]
    return [table.c.connection == connection, or_(table.c.by.in_(people), *named, *told)]


def _unname(db: Connection, connection: str, kind: str, people: Collection[str]) -> int:
    """Take the people out of every version that names them."""
    table = TABLES[kind]
    mine = select(table).where(*_naming(connection, kind, people))
    count = 0
    for row in db.execute(mine).mappings().all():
        other = rows(spared([record(kind, row)], people.__contains__))[row["id"]]
        same = [table.c[name] == row[name] for name in ("connection", "id", "opened_run")]
        count += db.execute(update(table).where(*same).values(other)).rowcount
    return count


def _unnamed(record: Event | Recheck | Answer | Change, forgotten: Forgotten) -> Record:
    by = None if record.by is not None and forgotten(record.by) else record.by
    if isinstance(record, Answer):
        told = record.reason is not None and forgotten(record.reason)
        return replace(record, by=by, reason=ERASED if told else record.reason)
    if not isinstance(record, Event):
        return replace(record, by=by)
    people, declined = (tuple(one for one in named if not forgotten(one)) for named in (record.people, record.declined))
    return replace(record, by=by, people=people, declined=declined)
