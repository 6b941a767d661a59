"""What can happen to a database while a run writes: full, locked, gone, or fed with odd text."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.pool import NullPool

from crm_audit.connectors.base import Page
from crm_audit.domain import KINDS, Record
from crm_audit.errors import Retry, StorageFull
from crm_audit.store import Count, Run, Start, Store
from crm_audit.store.rows import storable
from tests.store.records import (
    DEAL,
    EVENT,
    LINK,
    RECORDS,
    begin,
    end,
    expire,
    finish,
    named,
    night,
    query,
    save,
    synced,
)

ROOT = Path(__file__).resolve().parents[2]
EVERYTHING = [record for records in RECORDS.values() for record in records]
MANY = [replace(DEAL, id=f"d{number:03}", name=f"Deal {number} " * 20) for number in range(200)]


def night_of(store: Store, *records: Record, number: int) -> dict[str, pl.DataFrame]:
    return store.frames(synced(store, number, *records))


def same(one: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame]) -> None:
    for kind in KINDS:
        assert_frame_equal(one[kind], other[kind], check_row_order=False)


# 34: no room left.


def pages_of(path: Path) -> int:
    with sqlite3.connect(path) as db:
        (count,) = db.execute("PRAGMA page_count").fetchone()
    return int(count)


@contextmanager
def room_for(store: Store, pages: int) -> Iterator[None]:
    """Every connection of the store finds its file as full as that."""

    def limit(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    store._engine.dispose()
    event.listen(store._engine, "connect", limit)
    yield
    event.remove(store._engine, "connect", limit)
    store._engine.dispose()


def outcome(store: Store, number: int) -> str:
    """What becomes of a run with ten pages."""
    try:
        run = begin(store, number)
        for some in range(0, len(MANY), 20):
            save(store, run, *MANY[some : some + 20])
    except StorageFull as error:
        return str(error)
    return "fits"


def test_fault_34_a_full_disk_stops_the_run_and_nothing_is_half_there(tmp_path: Path) -> None:
    """However much room there is: too little for anything, for some pages, for all."""
    path = tmp_path / "store.db"
    outcomes = []
    with Store.open(f"sqlite:///{path}") as store:
        first = synced(store, 1, DEAL, *EVERYTHING)
        known = store.frames(first)
        smallest = pages_of(path)
        for number, more in enumerate((0, 1, 3, 10, 30, 200), start=2):
            with room_for(store, smallest + more):
                outcomes.append(outcome(store, number))
            (saved,) = query(f"sqlite:///{path}", "SELECT count(*) FROM deals WHERE seen_run > 1")[0]
            assert saved % 20 == 0
            assert query(f"sqlite:///{path}", "PRAGMA integrity_check") == [("ok",)]
            same(store.frames(first), known)
            expire(f"sqlite:///{path}")
        assert "database or disk is full; make room on its disk" in outcomes[0]
        assert outcomes[-1] == "fits"
        again = night_of(store, *MANY, number=9)
    assert again["deals"].height == len(MANY)


LITTLE = """
import resource, signal, sys
from crm_audit.errors import StorageFull
from crm_audit.store import Count, Run, Start, Store
from tests.store.records import begin, save
from tests.store.test_faults import MANY
with Store.open(sys.argv[1]) as store:
    run = begin(store, 2)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), -1))
    try:
        for some in range(0, len(MANY), 20):
            save(store, run, *MANY[some : some + 20])
    except StorageFull as error:
        print(error)
"""


def test_fault_34_a_quota_on_the_log_is_no_room_either(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with Store.open(url) as store:
        synced(store, 1, DEAL)
    child = subprocess.run(
        [sys.executable, "-c", LITTLE, url, "100000"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "make room on its disk, or raise its quota" in child.stdout
    assert query(url, "PRAGMA integrity_check") == [("ok",)]
    with Store.open(url) as store:
        assert night_of(store, *MANY, number=3)["deals"].height == len(MANY)


# 35: locked.


class Sleeps(list[float]):
    """Notes what would be slept, and lets something happen meanwhile."""

    def __init__(self, *happens: Callable[[], object]) -> None:
        super().__init__()
        self._happens = list(happens)

    def __call__(self, seconds: float) -> None:
        self.append(seconds)
        if self._happens:
            self._happens.pop(0)()


LOCK = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
db.execute("ROLLBACK")
"""


@contextmanager
def locked(path: Path) -> Iterator[Callable[[], None]]:
    """Another process holds the lock for writing until it is told to let go."""
    command = [sys.executable, "-c", LOCK, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "locked\n"

        def let_go() -> None:
            child.communicate("\n")

        yield let_go
        child.kill()


def impatient(tmp_path: Path, sleep: Callable[[float], None]) -> Store:
    """A store that is told of a lock at once."""
    return Store.open(f"sqlite:///{tmp_path / 'store.db'}?timeout=0", sleep=sleep)


def test_fault_35_a_locked_database_is_tried_again_as_a_whole(tmp_path: Path) -> None:
    with impatient(tmp_path, Sleeps()) as store:
        run = begin(store)
    with locked(tmp_path / "store.db") as let_go:
        sleeps = Sleeps(lambda: None, let_go)
        with impatient(tmp_path, sleeps) as store:
            save(store, run, DEAL)
            end(store, run)
            assert store.frames(finish(store, run))["deals"]["name"].to_list() == [DEAL.name]
    assert len(sleeps) == 2


def test_fault_35_a_database_that_stays_locked_is_told_after_five_tries(tmp_path: Path) -> None:
    sleeps = Sleeps()
    with impatient(tmp_path, sleeps) as store:
        run = begin(store)
        with locked(tmp_path / "store.db"):
            with pytest.raises(Retry, match="database is locked; tried 5 times; what was saved stays"):
                save(store, run, DEAL)
            assert store.runs("orchard") == [run]  # who only reads does not wait
        assert len(sleeps) == 4
        assert all(0 <= seconds <= 5 for seconds in sleeps)
        save(store, run, DEAL)


def waiting(db: Connection) -> bool:
    """Whether somebody waits for a lock that this connection holds."""
    mine = "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    return bool(db.scalar(text(mine)))


def test_fault_35_a_deadlock_is_carried_out_again(postgres_url: str) -> None:
    """Each has what the other wants next; the server ends the transaction of the store, and it is done once more."""
    engine = create_engine(postgres_url, poolclass=NullPool)
    sleeps = Sleeps()
    with Store.open(postgres_url, sleep=sleeps) as store, ThreadPoolExecutor(1) as pool:
        run = begin(store)
        save(store, run, DEAL)
        with engine.begin() as other:
            other.execute(text("SET LOCAL deadlock_timeout = '1h'"))  # so that the store is the one that looks
            other.execute(text("SELECT id FROM deals FOR UPDATE"))
            saved = pool.submit(save, store, run, named(DEAL, "Renamed"))
            while not waiting(other):
                assert not saved.done()
            other.execute(text("SELECT id FROM runs FOR UPDATE"))
        saved.result()
    assert len(sleeps) == 1
    assert query(postgres_url, "SELECT name FROM deals") == [("Renamed",)]


# 36: the connection is lost.


class Lost:
    """Ends the server's side of a store's connection at the statements and commits whose numbers it is given."""

    def __init__(self, store: Store, url: str) -> None:
        self._admin = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        self.count, self.at = 0, range(0)
        event.listen(store._engine, "before_cursor_execute", self._step)
        event.listen(store._engine, "commit", self._step)

    def losing(self, at: range) -> Lost:
        """Counted from 1, beginning now."""
        self.count, self.at = 0, at
        return self

    def _step(self, db: Connection, *_: object) -> None:
        self.count += 1
        if self.count in self.at:
            end_of(db, self._admin)


def end_of(db: Connection, admin: Engine) -> None:
    """End the server's side of a connection."""
    driver = db.connection.driver_connection
    assert driver is not None
    with admin.connect() as other:
        assert other.scalar(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": driver.info.backend_pid})


def work(store: Store, number: int) -> Run:
    """A night in which something is shown, changes, and goes."""
    run = begin(store, number)
    save(store, run, named(DEAL, f"Night {number}"))
    end(store, run, "deals", "links")
    return finish(store, run)


def test_fault_36_a_connection_lost_at_any_statement_is_taken_up_again(postgres_url: str) -> None:
    sleeps = Sleeps()
    with Store.open(postgres_url, sleep=sleeps) as store:
        synced(store, 1, DEAL, LINK)
        lost = Lost(store, postgres_url)
        work(store, 2)
        statements = lost.count
        for at in range(1, statements + 1):
            lost.losing(range(at, at + 1))
            run = work(store, at + 2)
            assert lost.count > at
            lost.losing(range(0))
            assert store.frames(run)["deals"]["name"].to_list() == [f"Night {at + 2}"]
        assert len(sleeps) == statements
        runs = store.runs("orchard", 1_000)
        assert [run.status for run in runs] == ["complete"] * (statements + 2)
    versions = query(postgres_url, "SELECT opened_run, closed_run FROM deals ORDER BY opened_run")
    ids = [run.id for run in reversed(runs)]
    assert versions == list(zip(ids, [*ids[1:], None], strict=True))


def test_fault_36_a_commit_whose_answer_is_lost_counts_once(postgres_url: str) -> None:
    """The server has it, and the store never hears of it."""
    admin = create_engine(postgres_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    heard: list[int] = []

    def answer_is_lost(db: Connection) -> None:
        heard.append(1)
        driver = db.connection.driver_connection
        if len(heard) % 2 and driver is not None:
            driver.commit()
            driver.execute("SELECT 1")
            end_of(db, admin)

    sleeps = Sleeps()
    with Store.open(postgres_url, sleep=sleeps) as store:
        run = begin(store, 1)
        ended = Page(kind="links", stream="links", rows=(replace(LINK, id="l0"), LINK), ended=True, sweep="all")
        store.save(run, ended)
        finish(store, run)
        event.listen(store._engine, "commit", answer_is_lost)
        run = store.begin(Start(connection="orchard", started=night(2), config="abc"))
        store.save(run, Page(kind="links", stream="links", rows=(LINK,), ended=True, sweep="all"))
        assert store.counts(run) == {"links": Count(1, 1)}
        run = finish(store, run)
        assert [each.status for each in store.runs("orchard")] == ["complete", "complete"]
    assert len(sleeps) >= 3


def test_fault_36_a_database_that_stays_away_is_told(postgres_url: str) -> None:
    sleeps = Sleeps()
    with Store.open(postgres_url, sleep=sleeps) as store:
        run = begin(store)
        lost = Lost(store, postgres_url).losing(range(1, 1_000))
        with pytest.raises(Retry, match="tried 5 times; what was saved stays, so run this again later"):
            save(store, run, DEAL)
        assert len(sleeps) == 4
        lost.losing(range(0))
        save(store, run, DEAL)


# 41: whatever text a CRM holds.

ODD = ("", "0", "a\0b", "\\u0000", "\ud83d", "e\u0301", "\u00e9", "\u202eabc", "\U0001f469\u200d\U0001f467", '"', "%")
TEXT = st.text(st.characters(), max_size=20) | st.sampled_from(ODD)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(words=st.tuples(TEXT, TEXT, TEXT))
def test_fault_41_text_comes_back_as_it_was_as_far_as_a_database_can_hold_it(
    store: Store, words: tuple[str, str, str]
) -> None:
    """Only NUL and halves of characters are lost; nothing is trimmed, normalised or taken for a number or for null."""
    name, need, topic = words
    shown = (replace(DEAL, name=name, need=need), replace(EVENT, outcome=need, topics=(topic, name)))
    run = begin(store, 1, connection=repr(words).encode().hex())
    save(store, run, *shown)
    known = store.reading(run).known
    name, need, topic = map(storable, words)
    assert known.records("deals", ["d1"]) == {"d1": replace(DEAL, name=name, need=need)}
    assert known.records("events", ["e1"]) == {"e1": replace(EVENT, outcome=need, topics=(topic, name))}
    end(store, run, "deals", "events")
    assert store.frames(finish(store, run))["deals"].select("name", "need").rows() == [(name, need)]
    versions = synced(store, 2, *shown, connection=run.connection)
    assert store.changed(versions, "deals") == set()  # the same text again is no change
