"""Versions of records: what a page shows moves a mark, or closes one version and opens the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from crm_audit.domain import KEPT, KINDS, Survey
from crm_audit.store.ledger import Run
from crm_audit.store.rows import Row
from crm_audit.store.tables import CURSORS, TABLES

CHUNK = 1_000
"""Ids per statement: SQLite takes 32,766 variables, PostgreSQL 65,535."""

INSERT: Mapping[str, Callable[[Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
"""The databases that can be a store; SQL has no upsert that both understand."""

UNREADABLE = {"links": "contacts", "rechecks": "rechecks"}
"""Kinds that a connection may not be able to read at all, by the name that says so in `Survey.unmapped`."""


def observe(db: Connection, run: Run, *, kind: str, rows: Mapping[str, Row]) -> None:
    """Note what a page shows. The same page again changes nothing; other content in the same run overwrites."""
    table = TABLES[kind]
    for ids in _chunks(sorted(rows)):
        current = _digests(db, table, current=_current(table, run, ids=ids))
        same = [key for key in ids if current.get(key) == rows[key]["digest"]]
        changed = [key for key in ids if current.get(key) != rows[key]["digest"]]
        _mark(db, run, table=table, ids=same)
        _close(db, run, table=table, ids=changed)
        _open(db, run, table=table, rows=[rows[key] for key in changed])


def follow(db: Connection, run: Run, *, kind: str, cursor: str | None) -> None:
    """Keep where the pull of a kind goes on after its last page."""
    _upsert(db, CURSORS, rows=[{"run": run.id, "kind": kind, "cursor": cursor}])


def cursors(db: Connection, run: Run) -> dict[str, str | None]:
    """Where the pull of each kind would go on; a kind without a page yet is not there."""
    query = select(CURSORS.c.kind, CURSORS.c.cursor).where(CURSORS.c.run == run.id)
    return {kind: cursor for kind, cursor in db.execute(query)}


def sweep(db: Connection, run: Run, *, kinds: Iterable[str]) -> None:
    """Close what a run that read these kinds to their end did not see: it is gone from the CRM."""
    for kind in kinds:
        table = TABLES[kind]
        unseen = (table.c.connection == run.connection, table.c.closed_run.is_(None), table.c.seen_run < run.id)
        db.execute(update(table).where(*unseen).values(closed_run=run.id))


def swept(missing: Mapping[str, str], survey: Survey) -> list[str]:
    """The kinds of which an unseen row is gone: what was cut off, or cannot be read any more, is only unknown."""
    unsure = KEPT | missing.keys() | {kind for kind, name in UNREADABLE.items() if name in survey.unmapped}
    return [kind for kind in KINDS if kind not in unsure]


def changed(db: Connection, run: Run, *, kind: str) -> set[str]:
    """Ids that have a version which was closed by then."""
    table = TABLES[kind]
    query = select(table.c.id).where(table.c.connection == run.connection, table.c.closed_run <= run.id)
    return set(db.scalars(query.distinct()))


def _mark(db: Connection, run: Run, *, table: Table, ids: Sequence[str]) -> None:
    if ids:
        db.execute(update(table).where(*_current(table, run, ids=ids)).values(seen_run=run.id))


def _close(db: Connection, run: Run, *, table: Table, ids: Sequence[str]) -> None:
    """Close what earlier runs opened; what this one opened is about to be overwritten."""
    if ids:
        earlier = (*_current(table, run, ids=ids), table.c.opened_run < run.id)
        db.execute(update(table).where(*earlier).values(closed_run=run.id))


def _open(db: Connection, run: Run, *, table: Table, rows: Sequence[Row]) -> None:
    opened: Row = {"connection": run.connection, "opened_run": run.id, "closed_run": None, "seen_run": run.id}
    if rows:
        _upsert(db, table, rows=[row | opened for row in rows])


def _upsert(db: Connection, table: Table, *, rows: Sequence[Row]) -> None:
    insert = INSERT[db.dialect.name](table)
    rest = {column.name: insert.excluded[column.name] for column in table.c if not column.primary_key}
    db.execute(insert.on_conflict_do_update(index_elements=table.primary_key, set_=rest), rows)


def _current(table: Table, run: Run, *, ids: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
    return table.c.connection == run.connection, table.c.id.in_(ids), table.c.closed_run.is_(None)


def _digests(db: Connection, table: Table, *, current: Iterable[ColumnElement[bool]]) -> dict[str, str]:
    return {key: digest for key, digest in db.execute(select(table.c.id, table.c.digest).where(*current))}


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))
