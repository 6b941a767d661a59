from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from crm_audit import frames, store
from crm_audit.connectors.base import Page
from crm_audit.domain import Link, Person, Survey
from crm_audit.store import Store
from crm_audit.store.database import VERSION_TABLE, alembic_config
from crm_audit.store.rows import digest
from crm_audit.store.tables import METADATA, TABLES
from tests.store.records import ACCOUNT, begin, finish, query, save

BOOKKEEPING = ["connection", "id", "opened_run", "closed_run", "seen_run", "digest", "stream"]
MIGRATIONS = Path(store.__file__).parent / "migrations"


@pytest.fixture
def migrated(store_url: str) -> Iterator[Engine]:
    Store.open(store_url).close()
    engine = create_engine(store_url, poolclass=NullPool)
    yield engine
    engine.dispose()


def differences(engine: Engine) -> list[object]:
    with engine.connect() as db:
        context = MigrationContext.configure(db, opts={"version_table": VERSION_TABLE, "compare_type": True})
        return list(compare_metadata(context, METADATA))


def test_the_migrations_lead_to_the_tables_of_the_program(migrated: Engine) -> None:
    assert differences(migrated) == []


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE deals ADD COLUMN invented TEXT",
        "ALTER TABLE deals RENAME COLUMN need TO want",
        "DROP INDEX uq_deals_current",
        "DROP TABLE cursors",
    ],
)
def test_a_difference_would_be_seen(migrated: Engine, sql: str) -> None:
    with migrated.begin() as db:
        db.execute(text(sql))
    assert differences(migrated)


def test_opening_again_changes_nothing(migrated: Engine, store_url: str) -> None:
    Store.open(store_url).close()
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    with migrated.connect() as db:
        assert db.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars().all() == [head]


# A store of the first schema, with records in it.

FIRST = """
INSERT INTO runs (connection, started, finished, status, missing, account, survey, config, version, calls_read,
    calls_write) VALUES
    ('orchard', '2026-03-02 04:30:00+00', '2026-03-02 04:40:00+00', 'complete', '{}', '{account}', '{survey}',
     'abc', '0.1', 7, 0),
    ('orchard', '2026-03-03 04:30:00+00', NULL, 'running', '{}', '{account}', '{survey}', 'abc', '0.1', 0, 0);
INSERT INTO cursors (run, kind, cursor) VALUES (1, 'deals', 'old');
INSERT INTO links (connection, id, opened_run, closed_run, seen_run, digest, deal, person, role) VALUES
    ('orchard', 'l1', 1, NULL, 1, '{digest}', 'd1', 'p1', 'user'), ('orchard', 'l2', 1, 2, 1, 'x', 'd1', 'p2', 'user'),
    ('orchard', 'l3', 1, NULL, 1, 'y', 'd1', 'p3', 'user'), ('meadow', 'l1', 1, NULL, 1, 'z', 'd1', 'p1', 'user');
INSERT INTO people (connection, id, opened_run, closed_run, seen_run, digest, name, deleted) VALUES
    ('orchard', 'p1', 1, NULL, 1, '{person}', 'Dana Ruiz', false);
"""


@pytest.fixture
def old(store_url: str) -> str:
    """The URL of a store that the first schema left."""
    engine = create_engine(store_url, poolclass=NullPool)
    with engine.begin() as db:
        config = alembic_config()
        config.attributes["connection"] = db
        command.upgrade(config, "0001")
    told = {
        "account": json.dumps(asdict(ACCOUNT)),
        "survey": json.dumps(asdict(Survey()), default=sorted),
        "digest": digest(frames.cells(ROLE)),
        "person": digest(frames.cells(DANA)),
    }
    for statement in filter(str.strip, FIRST.split(";")):
        with engine.begin() as db:
            for name, value in told.items():
                statement = statement.replace(f"{{{name}}}", value)
            db.exec_driver_sql(statement)
    return store_url


ROLE = Link(id="l1", deal="d1", person="p1", role="user")
DANA = Person(id="p1", name="Dana Ruiz")


def test_an_upgrade_keeps_every_record_and_run(old: str) -> None:
    with Store.open(old) as store:
        second, first = store.runs("orchard")
        assert (first.status, first.account, first.calls_read) == ("complete", ACCOUNT, 7)
        assert (second.status, second.reason) == ("failed", "cut off: the store was upgraded before it had finished")
        assert store.frames(first)["links"]["id"].sort().to_list() == ["l1", "l2", "l3"]
        assert store.frames(first)["people"]["name"].to_list() == ["Dana Ruiz"]
    assert query(old, "SELECT DISTINCT stream FROM links") == [("",)]


def test_after_an_upgrade_what_did_not_change_keeps_its_row_and_what_is_gone_goes(old: str) -> None:
    with Store.open(old) as store:
        run = begin(store, 3)
        assert store.reading(run).stands == {}
        save(store, run, ROLE, DANA)
        store.save(run, Page(kind="links", stream="links", ended=True, sweep="all"))
        store.save(run, Page(kind="people", stream="people", ended=True, sweep="none"))
        finish(store, run)
    rows = query(old, "SELECT connection, id, opened_run, closed_run, stream FROM links ORDER BY id, connection")
    assert rows == [
        ("meadow", "l1", 1, None, ""),
        ("orchard", "l1", 1, None, "links"),
        ("orchard", "l2", 1, 2, ""),
        ("orchard", "l3", 1, 3, ""),
    ]
    assert query(old, "SELECT id, opened_run, closed_run FROM people") == [("p1", 1, None)]


@pytest.mark.parametrize("other", ["links/B", ""])
def test_what_is_older_than_streams_waits_until_every_stream_of_its_kind_was_whole(old: str, other: str) -> None:
    with Store.open(old) as store:
        run = begin(store, 3)
        store.save(run, Page(kind="links", stream="links/A", rows=(ROLE,), ended=True, sweep="all"))
        if other:
            store.save(run, Page(kind="links", stream=other, cursor="half"))
        finish(store, run)
    closed = query(old, "SELECT closed_run FROM links WHERE connection = 'orchard' AND id = 'l3'")
    assert closed == [(None if other else 3,)]


@pytest.mark.parametrize("kind", frames.SCHEMAS)
def test_a_table_has_the_columns_of_its_frame(kind: str) -> None:
    columns = [column.name for column in TABLES[kind].columns]
    assert columns[: len(BOOKKEEPING)] == BOOKKEEPING
    shown = [name for name in columns[len(BOOKKEEPING) :] if name not in frames.UNSHOWN]
    assert shown == [name for name in frames.SCHEMAS[kind] if name != "id"]


def test_the_journal_is_never_walked_whole_for_a_deal_a_run_or_what_is_not_logged(migrated: Engine) -> None:
    if migrated.dialect.name == "postgresql":
        pytest.skip("plans an empty table as it likes")
    plan = "EXPLAIN QUERY PLAN SELECT * FROM journal WHERE connection = 'c' AND "
    with migrated.connect() as db:
        for where, index in (("deal IN ('d1', 'd2')", "deal"), ("run = 1", "run"), ("entry IS NULL", "unlogged")):
            (step,) = db.execute(text(plan + where)).all()
            assert f"ix_journal_{index} " in step.detail


def test_money_is_no_float_in_any_database(migrated: Engine) -> None:
    exact = "NUMERIC" if migrated.dialect.name == "postgresql" else "TEXT"
    money = {
        "stages": ["probability"],
        "rates": ["units", "per"],
        "companies": ["fit_score"],
        "deals": ["amount", "probability", "budget"],
        "events": ["quoted_amount"],
    }
    for table, names in money.items():
        types = {column["name"]: str(column["type"]) for column in inspect(migrated).get_columns(table)}
        assert [types[name] for name in names] == [exact] * len(names)


def test_a_record_has_one_current_version_whoever_writes(migrated: Engine) -> None:
    columns = "connection, id, opened_run, seen_run, digest, name, active"
    row = f"INSERT INTO users ({columns}) VALUES ('c', 'u1', {{run}}, {{run}}, 'x', 'Remy', true)"
    with migrated.begin() as db:
        db.execute(text(row.format(run=1)))
    with pytest.raises(Exception, match=r"(?i)unique"), migrated.begin() as db:
        db.execute(text(row.format(run=2)))


def test_there_is_one_line_of_revisions_each_in_a_file_that_says_its_number() -> None:
    scripts = ScriptDirectory.from_config(alembic_config())
    assert len(scripts.get_heads()) == 1
    for script in scripts.walk_revisions():
        assert Path(script.path).name.startswith(script.revision)
        assert Path(script.path).parent == MIGRATIONS / "versions"


def test_a_migration_that_fails_leaves_nothing(store_url: str) -> None:
    """A table of that name is in the way of a late step; the earlier steps are undone."""
    engine = create_engine(store_url, poolclass=NullPool)
    with engine.begin() as db:
        db.execute(text("CREATE TABLE rechecks (mine INTEGER)"))
    with pytest.raises(Exception, match="already exists"):
        Store.open(store_url)
    assert inspect(engine).get_table_names() == ["rechecks"]
