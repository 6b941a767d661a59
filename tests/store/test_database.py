from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from crm_audit.domain import Survey
from crm_audit.errors import FixConfig, Retry, StoreTooNew
from crm_audit.store import Count, Store
from crm_audit.store.database import connect, reading
from tests.store.records import DEAL, begin, finish, query, save, synced


def execute(url: str, sql: str) -> None:
    with create_engine(url, poolclass=NullPool).begin() as db:
        db.execute(text(sql))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("crm-audit.db", "no database URL; one looks like sqlite:///"),
        ("", "no database URL"),
        ("mysql://root@127.0.0.1/crm", "mysql is not supported; use sqlite:///FILE or postgresql"),
        ("postgresql+nosuch://root@127.0.0.1/crm", "no such driver"),
        ("sqlite:////no/such/folder/crm-audit.db", "unable to open database file; the folder must exist"),
    ],
)
def test_a_store_that_cannot_be_opened_says_why_and_what_to_do(url: str, says: str) -> None:
    with pytest.raises(FixConfig, match=says) as refused:
        Store.open(url)
    assert str(refused.value).startswith("store")
    assert "\n" not in str(refused.value)


def test_a_server_that_does_not_answer_may_be_back_later() -> None:
    with pytest.raises(Retry, match=r"check host, port, user .*, or run this again later") as refused:
        Store.open("postgresql+psycopg://root@127.0.0.1:9/crm?connect_timeout=2")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "postgresql+nosuch"])
def test_a_password_is_never_shown(scheme: str) -> None:
    with pytest.raises((FixConfig, Retry)) as refused:
        Store.open(f"{scheme}://remy:open-sesame@127.0.0.1:9/crm?connect_timeout=2")
    shown = f"{refused.value!r} {refused.value.__cause__} {refused.value.__suppress_context__}"
    assert "open-sesame" not in shown
    assert "remy:***@127.0.0.1" in shown


def test_an_error_of_the_database_tells_nothing_of_the_records(store_url: str) -> None:
    with Store.open(store_url) as store:
        run = begin(store, 1)
        with store._engine.begin() as db:
            db.execute(text("DROP TABLE deals"))
        with pytest.raises(DBAPIError) as failed:
            save(store, run, DEAL)
    assert "deals" in str(failed.value)
    assert DEAL.name not in str(failed.value)


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear Dana,\n" * 100)
    with pytest.raises(FixConfig, match="not a database"):
        Store.open(f"sqlite:///{letter}")
    assert letter.read_text() == "Dear Dana,\n" * 100


def test_a_schema_newer_than_the_program_is_refused_and_left_alone(store_url: str) -> None:
    with Store.open(store_url) as store:
        run = synced(store, 1, DEAL)
    ((now,),) = query(store_url, "SELECT version_num FROM crm_audit_schema")
    execute(store_url, "UPDATE crm_audit_schema SET version_num = '9999'")
    with pytest.raises(StoreTooNew, match=r"schema 9999.*newer version wrote it; upgrade crm-audit"):
        Store.open(store_url)
    execute(store_url, f"UPDATE crm_audit_schema SET version_num = '{now}'")
    with Store.open(store_url) as store:
        assert store.latest("orchard") == run


def test_another_programs_migrations_do_not_matter(store_url: str) -> None:
    execute(store_url, "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)")
    execute(store_url, "INSERT INTO alembic_version VALUES ('theirs')")
    Store.open(store_url).close()


def test_many_may_open_an_empty_store_at_once(store_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(Store.open, [store_url] * 4))
    for number, store in enumerate(stores, start=1):
        synced(store, number, DEAL, connection=f"c{number}")
        store.close()


def test_sqlite_is_set_up_for_one_writer_and_many_readers(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'store.db'}")
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    with engine.connect() as db:
        settings = [db.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]
    engine.dispose()
    assert settings == ["wal", 1, 1, 30_000]


def test_a_reading_transaction_sees_one_moment_and_stops_no_writer(store_url: str) -> None:
    count = text("SELECT (SELECT count(*) FROM deals), (SELECT count(*) FROM runs)")
    engine = connect(store_url)
    with Store.open(store_url) as writer, reading(engine).begin() as reader:
        before = reader.execute(count).one()
        run = synced(writer, 1, DEAL)
        assert reader.execute(count).one() == before == (0, 0)
        assert writer.latest("orchard") == run
    with reading(engine).begin() as reader:
        assert reader.execute(count).one() == (1, 1)
    engine.dispose()


def test_a_store_opened_elsewhere_sees_each_page_at_once(store_url: str) -> None:
    with Store.open(store_url) as one, Store.open(store_url) as other:
        run = begin(one)
        save(other, run, DEAL)
        assert other.frames(finish(one, run))["deals"].height == 1


KILLED = """
import os, signal, sys
from crm_audit.connectors.base import Page
from crm_audit.store import Store
from tests.store.records import DEAL, LINK, begin, save
store = Store.open(sys.argv[1])
run = begin(store, 2)
save(store, run, DEAL)
rows = iter([LINK])
class Cut(tuple):
    def __iter__(self):
        yield LINK
        os.kill(os.getpid(), signal.SIGKILL)
store.save(run, Page(kind="links", stream="links", rows=Cut((LINK,)), cursor="never"))
"""


def test_a_run_that_was_killed_is_closed_by_the_next(store_url: str) -> None:
    with Store.open(store_url) as store:
        first = synced(store, 1)
        killed = subprocess.run([sys.executable, "-c", KILLED, store_url], check=False)
        assert killed.returncode == -9
        assert [run.status for run in store.runs("orchard")] == ["running", "complete"]
        assert store.latest("orchard") == first
        dead = store.runs("orchard")[0]
        assert store.counts(dead) == {"deals": Count(1, 0)}
        run = synced(store, 3, DEAL)
        assert [run.status for run in store.runs("orchard")] == ["complete", "failed", "complete"]
        assert store.frames(run)["deals"].height == 1


def test_memory_is_a_store_too() -> None:
    with Store.open("sqlite://") as store:
        run = finish(store, begin(store, survey=Survey()))
        assert store.latest("orchard") == run
