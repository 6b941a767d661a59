"""PostgreSQL is told how large a table has become while a first sync fills it."""

from __future__ import annotations

import pytest

from crm_audit.connectors.base import Page
from crm_audit.domain import User
from crm_audit.store import Store
from crm_audit.store.statistics import FIRST, TIMES
from tests.store.records import begin, query


def filled(store: Store, *pages: int) -> None:
    """Pages of so many rows."""
    run, start = begin(store), 0
    for rows in pages:
        users = tuple(User(id=f"u{number}", name="Ng", active=True) for number in range(start, start + rows))
        store.save(run, Page(kind="users", stream="users", rows=users, cursor=str(start)))
        start += rows


def rows_known_of(url: str) -> float:
    """How many users the planner counts on; below zero where it never looked."""
    ((known,),) = query(url, "SELECT reltuples FROM pg_class WHERE oid = 'users'::regclass")
    return float(known)


@pytest.mark.parametrize(
    ("pages", "known"),
    [
        ((FIRST - 1,), 0),
        ((FIRST - 1, 1), FIRST),
        ((FIRST, FIRST), FIRST),
        ((FIRST, (TIMES - 1) * FIRST), TIMES * FIRST),
    ],
)
def test_a_table_that_grew_is_looked_at(store: Store, store_url: str, pages: tuple[int, ...], known: int) -> None:
    filled(store, *pages)
    if store_url.startswith("postgresql"):
        assert max(rows_known_of(store_url), 0) == known
    else:
        assert query(store_url, "SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'") == [(0,)]
