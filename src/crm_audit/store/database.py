"""Opening the database: SQLite or PostgreSQL by one URL, with the schema brought up to date."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from crm_audit import __version__
from crm_audit.errors import FixConfig, StoreTooNew
from crm_audit.store.versions import INSERT

PATIENCE = 30_000
"""Milliseconds that SQLite waits for another writer: the longest transaction here, the end of a run, takes seconds."""

VERSION_TABLE = "crm_audit_schema"
"""Our own name, because in PostgreSQL the schema may hold another program's `alembic_version`."""

MIGRATING = 4_126_837_350
"""The number of the PostgreSQL lock under which one process at a time migrates; any number of ours would do."""

READING: Mapping[str, Mapping[str, Any]] = {
    "sqlite": {"begin": "BEGIN"},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}
"""What makes all reads of one transaction see the same moment."""


def connect(url: str) -> Engine:
    """An engine on a reachable database whose schema is ours; FixConfig and StoreTooNew say what to do."""
    place = _place(url)
    with _refused(place):
        engine = create_engine(place, hide_parameters=True)  # errors end in logs and in the ledger: nobody's records
    if place.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    try:
        with _refused(place):
            _upgrade(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def reading(engine: Engine) -> Engine:
    """The same database, for transactions that only read and see one moment."""
    return engine.execution_options(**READING[engine.dialect.name])


def alembic_config() -> Config:
    """Where the migrations lie, also inside an installed wheel."""
    config = Config()
    config.set_main_option("script_location", "crm_audit.store:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _place(url: str) -> URL:
    try:
        place = make_url(url)
        backend = place.get_backend_name()
    except ArgumentError:
        raise FixConfig("store: this is no database URL; one looks like sqlite:///crm-audit.db") from None
    if backend not in INSERT:
        raise FixConfig(f"store: {backend} is not supported; use sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME")
    return place


@contextmanager
def _refused(place: URL) -> Iterator[None]:
    """Say in one line, without the password, why the database cannot be used."""
    shown = place.render_as_string(hide_password=True)
    try:
        yield
    except (NoSuchModuleError, ModuleNotFoundError):
        raise FixConfig(f"store {shown}: no such driver; use sqlite:/// or postgresql+psycopg://") from None
    except DBAPIError as error:
        first = str(error.orig).strip().partition("\n")[0]
        raise FixConfig(f"store {shown}: {first}; {_fix(place)}") from None


def _fix(place: URL) -> str:
    if place.get_backend_name() == "sqlite":
        return "the folder must exist and be writable, and the file must be a crm-audit store"
    return "check host, port, user and database name, and that this user may create tables"


def _prepare(connection: sqlite3.Connection, _: object) -> None:
    # Python's own transaction control opens none for reads and DDL; with this, SQLAlchemy's "begin" does it below.
    connection.isolation_level = None
    for setting in (f"busy_timeout = {PATIENCE}", "journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {setting}")


def _begin(connection: Connection) -> None:
    # A write begins as one: a read lock that wants to grow is refused at once, whatever the patience.
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN IMMEDIATE"))


def _upgrade(engine: Engine) -> None:
    scripts = ScriptDirectory.from_config(alembic_config())
    with reading(engine).connect() as db:
        if _revision(db, scripts) == scripts.get_current_head():
            return
    with engine.begin() as db:
        if db.dialect.name == "postgresql":
            db.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": MIGRATING})
        config = alembic_config()
        config.attributes["connection"] = db
        command.upgrade(config, "head")


def _revision(db: Connection, scripts: ScriptDirectory) -> str | None:
    """The revision of the schema, None for an empty database."""
    revision = MigrationContext.configure(db, opts={"version_table": VERSION_TABLE}).get_current_revision()
    if revision not in {None, *(script.revision for script in scripts.walk_revisions())}:
        raise StoreTooNew(
            f"the store has schema {revision}, which crm-audit {__version__} does not know: a newer version wrote it; "
            "upgrade crm-audit, or point `store` at another database"
        )
    return revision
