"""Versions of records: what a page shows moves a mark, or closes one version and opens the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from sqlalchemy import ColumnElement, Connection, Table, Update, bindparam, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from crm_audit.connectors.base import Page
from crm_audit.domain import KEPT
from crm_audit.store.current import chunks, open_deal
from crm_audit.store.ledger import Run
from crm_audit.store.rows import Row
from crm_audit.store.tables import DEAL_OF, INSERT, TABLES


def observe(db: Connection, run: Run, page: Page, rows: Mapping[str, Row]) -> None:
    """Note what a page shows. The same page again changes nothing; other content in the same run overwrites."""
    if not rows:
        return
    table = TABLES[page.kind]
    shown = [rows[key] for key in sorted(rows)]  # in one order, so that two writers cannot lock each other out
    db.execute(_outdate(table, run), [{"page_id": row["id"], "page_digest": row["digest"]} for row in shown])
    opened: Row = {
        "connection": run.connection,
        "opened_run": run.id,
        "closed_run": None,
        "seen_run": run.id,
        "stream": page.stream,
    }
    db.execute(_see(db, table), [row | opened for row in shown])


def gone(db: Connection, run: Run, page: Page, rows: Mapping[str, Row]) -> set[str]:
    """What the page says is gone: by name, or because its deals have no other rows in this stream."""
    if page.kind in KEPT or not (page.gone or page.deals):
        return set()
    return {*page.gone, *_others(db, run, page)} - rows.keys()


def close(db: Connection, run: Run, page: Page, gone: Set[str]) -> int:
    """Close what is gone; how many versions that were."""
    if not gone:
        return 0
    table = TABLES[page.kind]
    current = (table.c.connection == run.connection, table.c.id == bindparam("gone_id"), table.c.closed_run.is_(None))
    ids = [{"gone_id": each} for each in sorted(gone)]
    fresh = db.execute(delete(table).where(*current, table.c.opened_run == run.id), ids)  # nobody ever saw it
    known = db.execute(update(table).where(*current).values(closed_run=run.id), ids)
    return fresh.rowcount + known.rowcount


def sweep(db: Connection, run: Run, page: Page, *, began: int) -> int:
    """Close what a pass that comes to its end did not show, of its own stream alone."""
    if not page.ended or page.sweep == "none" or page.kind in KEPT:
        return 0
    table = TABLES[page.kind]
    unseen = [
        table.c.connection == run.connection,
        table.c.closed_run.is_(None),
        table.c.stream == page.stream,
        table.c.seen_run < began,
    ]
    if page.sweep == "open":
        unseen += _of_open_deals(table, began)
    return db.execute(update(table).where(*unseen).values(closed_run=run.id)).rowcount


def settle(db: Connection, run: Run, *, kinds: Iterable[str]) -> None:
    """Close what was last seen before there were streams, of kinds whose every stream was read whole since."""
    for kind in (kind for kind in kinds if kind not in KEPT):
        table = TABLES[kind]
        unseen = [table.c.connection == run.connection, table.c.closed_run.is_(None), table.c.stream == ""]
        if kind == "events":  # what a source that cannot be read any more once told is only unknown
            unseen.append(table.c.kind.not_in(sorted(run.survey.unconnected)))
        db.execute(update(table).where(*unseen).values(closed_run=run.id))


def changed(db: Connection, run: Run, *, kind: str) -> set[str]:
    """Ids that have a version which was closed by then."""
    table = TABLES[kind]
    query = select(table.c.id).where(table.c.connection == run.connection, table.c.closed_run <= run.id)
    return set(db.scalars(query.distinct()))


def _others(db: Connection, run: Run, page: Page) -> set[str]:
    """Current rows that this stream showed of the page's deals."""
    if not page.deals:
        return set()
    table = TABLES[page.kind]
    deal = table.c[_deal_of(page.kind)]
    stream = (table.c.connection == run.connection, table.c.closed_run.is_(None), table.c.stream == page.stream)
    return {
        each for some in chunks(page.deals) for each in db.scalars(select(table.c.id).where(*stream, deal.in_(some)))
    }


def _of_open_deals(table: Table, began: int) -> list[ColumnElement[bool]]:
    """The row's deal is open, and was so when the pass began: what opened since, the pass may have missed."""
    deal = table.c[_deal_of(table.name)]
    now, then = TABLES["deals"].alias("now"), TABLES["deals"].alias("then")
    known_then = [then.c.opened_run <= began, or_(then.c.closed_run.is_(None), then.c.closed_run > began)]
    same = [(each.c.connection == table.c.connection, each.c.id == deal) for each in (now, then)]
    return [
        select(now.c.id).where(*same[0], now.c.closed_run.is_(None), open_deal(now)).exists(),
        select(then.c.id).where(*same[1], *known_then, open_deal(then)).exists(),
    ]


def _deal_of(kind: str) -> str:
    """The column that names the deal of a row; ValueError for kinds that have none or several."""
    if kind not in DEAL_OF:
        raise ValueError(f"{kind} have no one deal: name what is gone instead")
    return DEAL_OF[kind]


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
