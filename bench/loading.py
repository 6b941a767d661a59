"""Fills a store with the generated org: all of it in bulk, and a part of it page by page as a sync does.

A first sync waits for the CRM's rate limits, not for the store. So the tables are filled in bulk here, and what a page
costs in `Store.save` is measured beside it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import uuid4

import polars as pl
from sqlalchemy import Connection, Table, create_engine, insert, make_url, text

from bench.org import AS_OF, CONNECTION, TERMS
from crm_audit.connectors.base import Calls, Page
from crm_audit.domain import KINDS, Account, Record, Survey
from crm_audit.store import Run, Start, Store
from crm_audit.store.database import connect
from crm_audit.store.tables import TABLES

ACCOUNT = Account(id="org", name="Orchard Robotics", zone=TERMS.zone, currency=TERMS.currency, user=None)
POSTGRES = os.environ.get("CRM_AUDIT_TEST_POSTGRES", "postgresql+psycopg://root@127.0.0.1:5432/test")
PAGE = 2_000
"""Records in a page, as many as Salesforce sends."""
SLICE = 50_000
"""Rows inserted at once in bulk."""


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty schema of its own in the PostgreSQL server, dropped afterwards."""
    name = f"bench_{uuid4().hex}"
    engine = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    with engine.connect() as db:
        db.execute(text(f"CREATE SCHEMA {name}"))
    try:
        url = make_url(POSTGRES).update_query_dict({"options": f"-csearch_path={name}"})
        yield url.render_as_string(hide_password=False)
    finally:
        with engine.connect() as db:
            db.execute(text(f"DROP SCHEMA {name} CASCADE"))
        engine.dispose()


def sqlite(folder: Path) -> str:
    """The URL of a new file."""
    return f"sqlite:///{folder / 'bench.db'}"


def filled(url: str, tables: Mapping[str, pl.DataFrame]) -> float:
    """Put the org into an empty store as one finished run; the seconds it took."""
    began = perf_counter()
    with Store.open(url) as store:
        run = _begun(store)
        engine = connect(url)
        for kind, frame in tables.items():
            with engine.begin() as db:
                _pour(db, TABLES[kind], frame, run)
        _analysed(engine.url.get_backend_name(), url)
        engine.dispose()
        store.finish(run, at=AS_OF - timedelta(minutes=1), missing={}, calls=Calls())
    return perf_counter() - began


def saved(url: str, tables: Mapping[str, pl.DataFrame], most: int) -> float:
    """Rows per second that `Store.save` takes in, page by page; of links and events, up to `most` each."""
    pages = [
        Page(kind=kind, stream=kind, rows=tuple(page))
        for kind in ("links", "events")
        for page in _pages(kind, tables[kind].head(most))
    ]
    with Store.open(url) as store:
        run = _begun(store)
        began = perf_counter()
        for page in pages:
            store.save(run, page)
        return sum(len(page.rows) for page in pages) / (perf_counter() - began)


def _begun(store: Store) -> Run:
    start = Start(connection=CONNECTION, started=AS_OF - timedelta(hours=1))
    return store.introduce(store.begin(start), account=ACCOUNT, survey=Survey())


def _pour(db: Connection, table: Table, frame: pl.DataFrame, run: Run) -> None:
    version = {"connection": run.connection, "opened_run": run.id, "closed_run": None, "seen_run": run.id}
    version |= {"digest": "", "stream": table.name}
    for part in frame.iter_slices(SLICE):
        db.execute(insert(table), [row | version for row in part.iter_rows(named=True)])


def _analysed(backend: str, url: str) -> None:
    """PostgreSQL gathers statistics of a new table by itself within a minute; here at once."""
    if backend == "postgresql":
        engine = create_engine(url)
        with engine.begin() as db:
            db.execute(text("ANALYZE"))
        engine.dispose()


def _pages(kind: str, frame: pl.DataFrame) -> Iterator[list[Record]]:
    for part in frame.iter_slices(PAGE):
        yield [_record(kind, row) for row in part.iter_rows(named=True)]


def _record(kind: str, row: dict[str, Any]) -> Record:
    if kind == "events":
        row["at"] = row["at"] or row["day"]
    of: Callable[..., Record] = KINDS[kind]
    return of(**{f.name: _value(row[f.name], str(f.type)) for f in fields(KINDS[kind]) if f.name in row})


def _value(cell: object, type_: str) -> object:
    """A cell of a frame as the record holds it."""
    if isinstance(cell, str) and type_.startswith("tuple"):
        return tuple(json.loads(cell))
    return Decimal(cell) if isinstance(cell, str) and type_.startswith("Decimal") else cell
