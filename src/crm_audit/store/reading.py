"""Frames out of the tables, through the Store's own connection: a second SQLite library would read stale rows.

Both databases are made to answer in the text and integers that SQLite holds, and Polars turns these into its types. No
driver has to build a million datetimes for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Text,
    cast,
    func,
    or_,
    select,
    type_coerce,
)

from crm_audit.domain import KINDS
from crm_audit.frames import INSTANT, SCHEMAS
from crm_audit.store.ledger import Run
from crm_audit.store.tables import RUNS, TABLES

BATCH = 5_000
"""Rows fetched at once: few enough to weigh little beside the frame that they become."""

Schema = Mapping[str, pl.DataType]
Batch = Sequence[Sequence[object]]


@dataclass(frozen=True, slots=True)
class Known(Mapping[str, pl.DataFrame]):
    """Every kind as known at a run, read when it is asked for, so that no two of them need lie in memory at once.

    Roles that were removed or changed stay, with the day on which they ended.
    """

    db: Connection
    run: Run

    def __getitem__(self, kind: str) -> pl.DataFrame:
        return _links(self.db, self.run) if kind == "links" else _known(self.db, self.run, kind=kind)

    def __iter__(self) -> Iterator[str]:
        return iter(KINDS)

    def __len__(self) -> int:
        return len(KINDS)


def _known(db: Connection, run: Run, *, kind: str) -> pl.DataFrame:
    closed = TABLES[kind].c.closed_run
    query = _opened(db, run, kind=kind, columns=SCHEMAS[kind]).where(or_(closed.is_(None), closed > run.id))
    return _read(db, query, schema=SCHEMAS[kind])


def _links(db: Connection, run: Run) -> pl.DataFrame:
    schema = {**SCHEMAS["links"], "closed_run": pl.Int64()}
    links = _read(db, _opened(db, run, kind="links", columns=schema), schema=schema)
    ended = pl.DataFrame(_days(db, run), schema={"closed_run": pl.Int64(), "ended": pl.Date()}, orient="row")
    return (
        links.join(ended, on="closed_run", how="left", maintain_order="left")
        .with_columns(valid_to=pl.min_horizontal("valid_to", "ended"))
        .select(SCHEMAS["links"].keys())
    )


def _opened(db: Connection, run: Run, *, kind: str, columns: Schema) -> Select[Any]:
    """The versions that a run or one before it opened, whatever became of them."""
    table, plain = TABLES[kind], PLAIN[db.dialect.name]
    shown = [plain(table.c[name], dtype).label(name) for name, dtype in columns.items()]
    return select(*shown).where(table.c.connection == run.connection, table.c.opened_run <= run.id)


def _days(db: Connection, run: Run) -> list[tuple[int, date]]:
    """The connection's runs up to this one, each with the organisation's calendar day on which it started."""
    zone = ZoneInfo(run.account.zone)
    query = select(RUNS.c.id, RUNS.c.started).where(RUNS.c.connection == run.connection, RUNS.c.id <= run.id)
    return [(number, started.astimezone(zone).date()) for number, started in db.execute(query)]


def _plain_sqlite(column: Column[Any], dtype: pl.DataType) -> ColumnElement[Any]:
    return type_coerce(column, Integer if _is_number(dtype) else Text)


def _plain_postgresql(column: Column[Any], dtype: pl.DataType) -> ColumnElement[Any]:
    if dtype == INSTANT:
        return func.to_char(func.timezone("UTC", column), "YYYY-MM-DD HH24:MI:SS.US")
    if dtype == pl.Date():
        return func.to_char(column, "YYYY-MM-DD")
    if dtype == pl.Boolean():
        return cast(column, Integer)
    return cast(column, BigInteger if _is_number(dtype) else Text)


PLAIN = {"sqlite": _plain_sqlite, "postgresql": _plain_postgresql}
"""A column as the text or integer that SQLite holds, past all that would turn it into a Python value."""


def _read(db: Connection, query: Select[Any], *, schema: Schema) -> pl.DataFrame:
    batches = _batches_sqlite if db.dialect.name == "sqlite" else _batches_streamed
    return pl.concat([pl.DataFrame(schema=schema), *(_frame(rows, schema) for rows in batches(db, query))])


def _batches_sqlite(db: Connection, query: Select[Any]) -> Iterator[Batch]:
    """Straight off the driver's cursor, which streams by nature: row objects would cost a fifth more time."""
    with db.execute(query) as result:
        yield from iter(lambda: result.cursor.fetchmany(BATCH), [])


def _batches_streamed(db: Connection, query: Select[Any]) -> Iterator[Batch]:
    with db.execute(query, execution_options={"yield_per": BATCH}) as result:
        yield from result.partitions()


def _frame(rows: Batch, schema: Schema) -> pl.DataFrame:
    """A batch in its types at once: a million instants as text would weigh five times what they weigh as instants."""
    columns = zip(schema.items(), zip(*rows, strict=True), strict=True)
    plain = [
        pl.Series(name, values, dtype=pl.Int64() if _is_number(dtype) else pl.String())
        for (name, dtype), values in columns
    ]
    return pl.DataFrame(plain).select(_typed(name, dtype) for name, dtype in schema.items())


def _is_number(dtype: pl.DataType) -> bool:
    return dtype in (pl.Int64(), pl.Boolean())


def _typed(name: str, dtype: pl.DataType) -> pl.Expr:
    if dtype == INSTANT:
        return pl.col(name).str.to_datetime("%Y-%m-%d %H:%M:%S%.6f", time_unit="us", time_zone="UTC")
    return pl.col(name).str.to_date("%Y-%m-%d") if dtype == pl.Date() else pl.col(name).cast(dtype)
