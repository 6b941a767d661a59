"""What the store holds of a connection now, this run's pages included: what a connector asks while it reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, FromClause, RowMapping, Select, select

from crm_audit.domain import Record
from crm_audit.store.keys import Key
from crm_audit.store.rows import record
from crm_audit.store.tables import TABLES
from crm_audit.store.transactions import Transactions

MANY = 500
"""Ids in one question: far below the number of parameters that either database takes."""
BATCH = 1_000
"""Open deals at a time."""


@dataclass(frozen=True)
class Current:
    """The `Known` of one connection; every question is a short transaction, so that pages may be saved in between."""

    connection: str
    ask: Transactions
    key: Key

    def records(self, kind: str, ids: Iterable[str]) -> Mapping[str, Record]:
        """Current records by id; one that is not there is left out."""
        table = TABLES[kind]
        current = select(table).where(table.c.connection == self.connection, table.c.closed_run.is_(None))
        found: dict[str, Record] = {}
        for some in chunks(ids):
            found |= {row["id"]: record(kind, row) for row in self._all(current.where(table.c.id.in_(some)))}
        return found

    def open_deals(self) -> Iterator[Sequence[str]]:
        """Ids of deals in open stages, in the order of the database."""
        deals, last = TABLES["deals"], ""
        current = (deals.c.connection == self.connection, deals.c.closed_run.is_(None), open_deal(deals))
        query = select(deals.c.id).where(*current).order_by(deals.c.id).limit(BATCH)
        while some := [row["id"] for row in self._all(query.where(deals.c.id > last))]:
            yield some
            last = some[-1]

    def deals_of(self, people: Iterable[str]) -> Sequence[str]:
        """Deals that have a current link to any of these people, in order."""
        links = TABLES["links"]
        current = select(links.c.deal).where(links.c.connection == self.connection, links.c.closed_run.is_(None))
        found: set[str] = set()
        for some in chunks(people):
            found |= {row["deal"] for row in self._all(current.where(links.c.person.in_(some)))}
        return sorted(found)

    def hashed(self, text: str) -> str:
        """A keyed hash of the text, 16 hexadecimal characters."""
        return self.key.hashed(text)

    def _all(self, query: Select[Any]) -> Sequence[RowMapping]:
        return self.ask(lambda db: db.execute(query).mappings().all())


def open_deal(deals: FromClause) -> ColumnElement[bool]:
    """No stage that the CRM defines now says that the deal is won or lost."""
    stages = TABLES["stages"].alias("closing")
    place = (stages.c.pipeline == deals.c.pipeline, stages.c.stage == deals.c.stage)
    closing = (stages.c.connection == deals.c.connection, stages.c.closed_run.is_(None), stages.c.closed.is_not(None))
    return ~select(stages.c.id).where(*closing, *place).exists()


def chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    """The ids, as many at a time as fit into one question."""
    left = iter(ids)
    return iter(lambda: list(islice(left, MANY)), [])
