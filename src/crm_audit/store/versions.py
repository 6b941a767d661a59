"""Versions of records: what a page shows moves a mark, or closes one version and opens the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sqlalchemy import Connection, Table, Update, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from crm_audit.domain import KEPT, KINDS, Survey
from crm_audit.store.ledger import Run
from crm_audit.store.rows import Row
from crm_audit.store.tables import CURSORS, TABLES

INSERT: Mapping[str, Callable[[Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
"""The databases that can be a store; SQL has no upsert that both understand."""

UNREADABLE = {"links": "contacts", "rechecks": "rechecks"}
"""Kinds that a connection may not be able to read at all, by the name that says so in `Survey.unmapped`."""


def observe(db: Connection, run: Run, *, kind: str, rows: Mapping[str, Row]) -> None:
    """Note what a page shows. The same page again changes nothing; other content in the same run overwrites."""
    if not rows:
        return
    table = TABLES[kind]
    page = [rows[key] for key in sorted(rows)]  # in one order, so that two writers cannot lock each other out
    db.execute(_outdate(table, run), [{"page_id": row["id"], "page_digest": row["digest"]} for row in page])
    opened: Row = {"connection": run.connection, "opened_run": run.id, "closed_run": None, "seen_run": run.id}
    db.execute(_see(db, table), [row | opened for row in page])


def follow(db: Connection, run: Run, *, kind: str, cursor: str | None) -> None:
    """Keep where the pull of a kind goes on after its last page."""
    insert = INSERT[db.dialect.name](CURSORS).values(run=run.id, kind=kind, cursor=cursor)
    db.execute(insert.on_conflict_do_update(index_elements=CURSORS.primary_key, set_={"cursor": cursor}))


def cursors(db: Connection, run: Run) -> dict[str, str | None]:
    """Where the pull of each kind would go on; a kind without a page yet is not there."""
    query = select(CURSORS.c.kind, CURSORS.c.cursor).where(CURSORS.c.run == run.id)
    return {kind: cursor for kind, cursor in db.execute(query)}


def sweep(db: Connection, run: Run, *, kinds: Iterable[str]) -> None:
    """Close what a run that read these kinds to their end did not see: it is gone from the CRM."""
    for kind in kinds:
        table = TABLES[kind]
        unseen = [table.c.connection == run.connection, table.c.closed_run.is_(None), table.c.seen_run < run.id]
        if kind == "events":  # what a source that cannot be read any more once told is only unknown
            unseen.append(table.c.kind.not_in(sorted(run.survey.unconnected)))
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


def _outdate(table: Table, run: Run) -> Update:
    """Close a current version that says something else, unless this run opened it."""
    # One row at a time: given a list of ids, PostgreSQL without statistics (any first sync) walks the whole connection.
    return (
        update(table)
        .where(table.c.connection == run.connection, table.c.id == bindparam("page_id"), table.c.closed_run.is_(None))
        .where(table.c.opened_run < run.id, table.c.digest != bindparam("page_digest"))
        .values(closed_run=run.id)
    )


def _see(db: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Open a version where none is current; one that is still current was seen, and says this now."""
    insert = INSERT[db.dialect.name](table)
    says = {column.name: insert.excluded[column.name] for column in table.c if not column.primary_key}
    return insert.on_conflict_do_update(
        index_elements=[table.c.connection, table.c.id], index_where=table.c.closed_run.is_(None), set_=says
    )
