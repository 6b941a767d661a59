from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from crm_audit import frames, store
from crm_audit.store import Store
from crm_audit.store.database import VERSION_TABLE, alembic_config
from crm_audit.store.tables import METADATA, TABLES

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
    with migrated.connect() as db:
        assert db.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars().all() == ["0002"]


@pytest.mark.parametrize("kind", frames.SCHEMAS)
def test_a_table_has_the_columns_of_its_frame(kind: str) -> None:
    columns = [column.name for column in TABLES[kind].columns]
    assert columns[: len(BOOKKEEPING)] == BOOKKEEPING
    shown = [name for name in columns[len(BOOKKEEPING) :] if name not in frames.UNSHOWN]
    assert shown == [name for name in frames.SCHEMAS[kind] if name != "id"]


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
