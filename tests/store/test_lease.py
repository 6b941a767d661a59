"""One run per connection at a time, and nothing from whoever lost it."""

from __future__ import annotations

import os
import platform
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import IO

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from crm_audit.connectors.base import Calls
from crm_audit.errors import Busy, Incomplete
from crm_audit.store import Store
from crm_audit.store.lease import host
from tests.store.records import DEAL, begin, expire, finish, named, night, query, save, synced

ROOT = Path(__file__).resolve().parents[2]


def held_by(url: str, holder: str) -> None:
    """Let another process be the one that reads."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as db:
        db.execute(text("UPDATE runs SET holder = :holder"), {"holder": holder})


def test_a_connection_is_read_by_one_run_at_a_time(store: Store) -> None:
    run = begin(store, 1)
    with pytest.raises(Busy) as busy:
        begin(store, 2)
    assert f"orchard: run {run.id} has been reading it since 2026-03-02 04:30 UTC" in str(busy.value)
    assert f"(process {os.getpid()} on {platform.node()}); wait for it, or end that process" in str(busy.value)
    assert finish(store, run).status == "complete"
    assert begin(store, 2).status == "running"


def test_another_connection_is_not_held(store: Store) -> None:
    run = begin(store, 1)
    begin(store, 1, connection="meadow")
    assert finish(store, run).status == "complete"


def test_a_run_of_a_dead_process_is_taken_over_at_once(store: Store, store_url: str) -> None:
    begin(store, 1)
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    held_by(store_url, f"{host()}:{int(child.stdout)}:token")
    begin(store, 2)
    dead = store.runs("orchard")[1]
    assert (dead.status, dead.finished) == ("failed", night(2))
    assert dead.reason == "cut off: a later run began before it had finished"


@pytest.mark.parametrize("holder", ["elsewhere.example:1:token", f"{host()}:1:token"])
def test_of_another_host_or_user_nothing_is_known_until_its_lease_is_over(
    store: Store, store_url: str, holder: str
) -> None:
    begin(store, 1)
    held_by(store_url, holder)
    with pytest.raises(Busy, match=f"process 1 on {re.split('[:/]', holder)[0]}"):
        begin(store, 2)
    expire(store_url)
    assert begin(store, 2).status == "running"


def test_every_page_renews_the_lease(store: Store, store_url: str) -> None:
    run = begin(store, 1)
    expire(store_url)
    save(store, run, DEAL)  # late, and nobody had taken over
    with pytest.raises(Busy, match=r"works in (300|29\d) s at the latest"):
        begin(store, 2)


def test_a_run_that_another_replaced_may_write_no_more(store: Store, store_url: str) -> None:
    old = begin(store, 1)
    save(store, old, DEAL)
    expire(store_url)
    new = begin(store, 2)
    for late in (lambda: save(store, old, named(DEAL, "Late")), lambda: finish(store, old), lambda: store.reading(old)):
        with pytest.raises(Incomplete, match="run 1 of 'orchard' is failed, so it may store nothing more"):
            late()
    assert query(store_url, "SELECT id, name, seen_run FROM deals") == [("d1", DEAL.name, old.id)]
    ended = store.fail(old, at=night(3), reason="too late", calls=Calls())
    assert (ended.status, ended.finished) == ("failed", new.started)
    assert finish(store, new).status == "complete"


def test_of_many_that_begin_at_once_one_may_read(store_url: str) -> None:
    """Fault 37: the database decides."""

    def try_it(store: Store) -> str:
        try:
            return begin(store).status
        except Busy:
            return "busy"

    stores = [Store.open(store_url) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(try_it, stores)) == ["busy"] * 7 + ["running"]
    for each in stores:
        each.close()


ZOMBIE = """
import os, signal, sys
from crm_audit.errors import Incomplete
from crm_audit.store import Store
from tests.store.records import DEAL, begin, finish, named, save
with Store.open(sys.argv[1]) as store:
    run = begin(store, 2)
    save(store, run, named(DEAL, "Before the stop"))
    print("saved", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    for late in (lambda: save(store, run, named(DEAL, "Undead")), lambda: finish(store, run)):
        try:
            late()
        except Incomplete as error:
            print(error, flush=True)
"""


def stopped(child: subprocess.Popen[str]) -> None:
    """Wait until the child has stopped itself."""
    assert os.WIFSTOPPED(os.waitpid(child.pid, os.WUNTRACED)[1])


def line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline()


def test_fault_38_a_zombie_that_wakes_up_after_its_lease_stores_nothing(store: Store, store_url: str) -> None:
    synced(store, 1, DEAL)
    command = [sys.executable, "-c", ZOMBIE, store_url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert line(child.stdout) == "saved\n"
        stopped(child)
        with pytest.raises(Busy):
            begin(store, 3)
        expire(store_url)
        run = synced(store, 3, named(DEAL, "Alive"))
        child.send_signal(signal.SIGCONT)
        told = [line(child.stdout) for _ in range(2)]
    assert all("run 2 of 'orchard' is failed, so it may store nothing more" in each for each in told)
    assert store.frames(run)["deals"]["name"].to_list() == ["Alive"]
    assert [each.status for each in store.runs("orchard")] == ["complete", "failed", "complete"]
    assert run.finished == night(3) + timedelta(minutes=10)
