"""Opening the database: SQLite or PostgreSQL by one URL, with the schema brought up to date."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from crm_audit import __version__
from crm_audit.errors import FixConfig, Retry, StoreTooNew
from crm_audit.store.tables import INSERT
from crm_audit.store.transactions import passing

PATIENCE = 30
"""Seconds that SQLite waits for another writer: the longest transaction here, the end of a pass, takes some."""

ZOMBIE = 300_000
"""Milliseconds after which PostgreSQL ends the transaction of a process that stands still, its lease over."""

VERSION_TABLE = "crm_audit_schema"
"""Our own name, because in PostgreSQL the schema may hold another program's `alembic_version`."""

MIGRATING = 4_126_837_350
"""The number of the PostgreSQL lock under which one process at a time migrates; any number of ours would do."""

READING: Mapping[str, Mapping[str, Any]] = {
    "sqlite": {"begin": "BEGIN"},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}
"""What makes all reads of one transaction see the same moment."""

ALONE: Mapping[str, Mapping[str, Any]] = {
    "sqlite": {"begin": None},
    "postgresql": {"isolation_level": "AUTOCOMMIT"},
}
"""What makes every statement stand alone, as those that rewrite whole files must."""


def connect(url: str) -> Engine:
    """An engine on a reachable database whose schema is ours; FixConfig and StoreTooNew say what to do."""
    place = _place(url)
    with _refused(place):
        engine = create_engine(
            place,
            connect_args=_patient(place),
            hide_parameters=True,  # errors end in logs and in the ledger: nobody's records
        )
    if place.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    else:
        event.listen(engine, "connect", _prepare_postgresql)
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


def alone(engine: Engine) -> Engine:
    """The same database, for statements that no transaction may hold."""
    return engine.execution_options(**ALONE[engine.dialect.name])


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


def _patient(place: URL) -> dict[str, int]:
    """How long SQLite waits, unless the URL says it (`?timeout=5`)."""
    return {"timeout": PATIENCE} if place.get_backend_name() == "sqlite" and "timeout" not in place.query else {}


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
        if passing(error):
            raise Retry(f"store {shown}: {first}; {_fix(place)}, or run this again later") from None
        raise FixConfig(f"store {shown}: {first}; {_fix(place)}") from None


def _fix(place: URL) -> str:
    if place.get_backend_name() == "sqlite":
        return "the folder must exist and be writable, and the file must be a crm-audit store"
    return "check host, port, user and database name, and that this user may create tables"


def _prepare(connection: sqlite3.Connection, _: object) -> None:
    # Python's own transaction control opens none for reads and DDL; with this, SQLAlchemy's "begin" does it below.
    connection.isolation_level = None
    for setting in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {setting}")


def _prepare_postgresql(connection: DBAPIConnection, _: object) -> None:
    with closing(connection.cursor()) as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = {ZOMBIE}")
    connection.commit()


def _begin(connection: Connection) -> None:
    # A write begins as one: a read lock that wants to grow is refused at once, whatever the patience.
    statement = connection.get_execution_options().get("begin", "BEGIN IMMEDIATE")
    if statement:
        connection.exec_driver_sql(statement)


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
