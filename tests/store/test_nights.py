"""The ledger of nights: one process gets each night, and a night is never stuck with one that is gone."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from multiprocessing.synchronize import Barrier

import pytest
from sqlalchemy import Table, create_engine, select, update
from sqlalchemy.pool import NullPool

from crm_audit.errors import Incomplete
from crm_audit.nights import Night
from crm_audit.store import Store
from crm_audit.store.lease import host
from crm_audit.store.nights import HEARTBEATS, NIGHTS, REMEMBERED, Nights

DAY = date(2026, 11, 1)
AT = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
ELSEWHERE = "elsewhere.example:17:a1"


@pytest.fixture
def nights(store_url: str) -> Iterator[Nights]:
    """The ledger as a process of another host sees it."""
    with Store.open(store_url) as store:
        yield of(store, ELSEWHERE)


@pytest.fixture
def mine(store_url: str) -> Iterator[Nights]:
    with Store.open(store_url) as store:
        yield store.nights


def of(store: Store, process: str) -> Nights:
    """The ledger as another process sees it."""
    return Nights(store.nights._write, store.nights._read, process)


def claimed(nights: Nights, seen: Night | None = None, at: datetime = AT) -> Night:
    night = nights.claim("org", DAY, seen=seen, at=at)
    assert night is not None
    return night


def only(nights: Nights) -> Night:
    (night,) = nights.newest("org")
    return night


def long_ago(url: str, table: Table, column: str) -> None:
    """Let an instant in the ledger be long past."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as db:
        db.execute(update(table).values({column: 0}))


def lapse(url: str) -> None:
    """The holder was silent for longer than its lease."""
    long_ago(url, NIGHTS, "until")


def dead_process() -> str:
    """A process of this host that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    return f"{host()}:{ended.pid}:a1"


def test_what_became_of_a_night_is_kept(nights: Nights) -> None:
    night = claimed(nights)
    assert (night.state, night.tries, night.began, night.holder) == ("running", 1, AT, ELSEWHERE)
    ended = AT + timedelta(minutes=3)
    nights.close(night, "partial", at=ended, run=7, note="history: a\0b was not read")
    kept = only(nights)
    assert (kept.state, kept.ended, kept.run, kept.lost) == ("partial", ended, 7, False)
    assert kept.note == "history: ab was not read"  # as far as a database can hold it


def race(url: str, start: Barrier) -> None:
    """What each of eight processes does; its exit code says whether it got the night."""
    with Store.open(url) as store:
        start.wait(60)
        sys.exit(store.nights.claim("org", DAY, seen=None, at=AT) is not None)


def test_fault_37_of_eight_processes_one_gets_the_night(store_url: str) -> None:
    Store.open(store_url).close()
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload([__name__])  # what is imported once need not be imported eight times
    start = server.Barrier(8)
    racers = [server.Process(target=race, args=(store_url, start)) for _ in range(8)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(60)
    assert sorted(racer.exitcode or 0 for racer in racers) == [0] * 7 + [1]


def test_fault_37_a_night_that_failed_is_tried_again_by_one(nights: Nights, mine: Nights) -> None:
    nights.close(claimed(nights), "failed", at=AT, note="nobody answered")
    seen = only(mine)
    assert claimed(mine, seen).tries == 2
    assert nights.claim("org", DAY, seen=seen, at=AT) is None


def test_a_night_belongs_to_whoever_claimed_it(nights: Nights, mine: Nights) -> None:
    claimed(nights)
    assert mine.claim("org", DAY, seen=None, at=AT) is None
    assert not only(mine).lost
    assert mine.claim("other", DAY, seen=None, at=AT) is not None


def test_a_lease_that_ran_out_leaves_the_night_to_the_next(nights: Nights, mine: Nights, store_url: str) -> None:
    claimed(nights)
    lapse(store_url)
    seen = only(mine)
    assert seen.lost
    assert claimed(mine, seen).tries == 2


def test_fault_38_a_holder_that_comes_back_too_late_writes_nothing(
    nights: Nights, mine: Nights, store_url: str
) -> None:
    zombie = claimed(nights)
    lapse(store_url)
    taken = claimed(mine, only(mine))
    late: list[Callable[[], None]] = [
        lambda: nights.keep(zombie),
        lambda: nights.close(zombie, "done", at=AT),
        lambda: nights.let_go(zombie),
    ]
    for write in late:
        with pytest.raises(Incomplete, match="2026-11-01 of 'org' was taken over"):
            write()
    mine.close(taken, "done", at=AT, run=2)
    assert (only(mine).state, only(mine).run) == ("done", 2)


def test_a_holder_that_renewed_its_lease_meanwhile_keeps_the_night(
    nights: Nights, mine: Nights, store_url: str
) -> None:
    night = claimed(nights)
    lapse(store_url)
    seen = only(mine)
    nights.keep(night)
    assert mine.claim("org", DAY, seen=seen, at=AT) is None
    mine.give_up([seen], at=AT)
    assert only(mine).state == "running"


def test_a_dead_process_of_this_host_holds_nothing(store_url: str) -> None:
    with Store.open(store_url) as store:
        claimed(of(store, dead_process()))
        assert only(store.nights).lost


def test_a_live_process_of_this_host_holds_its_night(store_url: str) -> None:
    with Store.open(store_url) as store:
        claimed(of(store, f"{host()}:{os.getppid()}:a1"))
        assert not only(store.nights).lost


def test_who_asks_is_at_work_on_nothing(mine: Nights) -> None:
    claimed(mine)
    assert only(mine).lost  # of an earlier life under the same number, as in a container that began anew


def test_a_night_that_was_let_go_is_free_and_no_try(nights: Nights, mine: Nights) -> None:
    nights.let_go(claimed(nights))
    seen = only(mine)
    assert (seen.lost, seen.tries) == (True, 0)
    assert claimed(mine, seen).tries == 1


def test_what_was_cut_off_for_good_has_failed(nights: Nights, store_url: str) -> None:
    claimed(nights)
    lapse(store_url)
    nights.give_up(nights.newest("org"), at=AT)
    assert (only(nights).state, only(nights).ended) == ("failed", AT)
    assert "cut off" in only(nights).note


def test_missed_nights_are_written_down_once_and_never_over_others(nights: Nights) -> None:
    nights.close(claimed(nights), "done", at=AT)
    for _ in range(2):
        nights.miss("org", [DAY, DAY + timedelta(days=1)])
    nights.miss("org", [])
    assert [(night.day.day, night.state) for night in nights.newest("org")] == [(2, "missed"), (1, "done")]


def test_the_newest_come_first_and_only_those_of_the_connection(nights: Nights) -> None:
    nights.miss("org", [DAY + timedelta(days=number) for number in range(5)])
    nights.miss("other", [DAY])
    assert [night.day.day for night in nights.newest("org", 2)] == [5, 4]


def test_a_heartbeat_tells_how_long_nobody_was_heard_of(nights: Nights, mine: Nights, store_url: str) -> None:
    assert mine.silence() is None
    nights.beat()
    silence = mine.silence()
    assert silence is not None
    assert timedelta(0) <= silence < timedelta(minutes=1)
    long_ago(store_url, HEARTBEATS, "at")
    silence = mine.silence()
    assert silence is not None
    assert silence > timedelta(seconds=REMEMBERED)
    mine.keep(claimed(mine))
    silence = mine.silence()
    assert silence is not None
    assert silence < timedelta(minutes=1)  # whoever renews a lease is heard of as well


def test_heartbeats_of_processes_long_gone_are_cleared(nights: Nights, mine: Nights, store_url: str) -> None:
    nights.beat()
    long_ago(store_url, HEARTBEATS, "at")
    mine.beat()
    engine = create_engine(store_url, poolclass=NullPool)
    with engine.connect() as db:
        assert db.execute(select(HEARTBEATS.c.process)).scalars().all() == [mine._me]


def test_a_night_that_is_closed_already_may_be_closed_so_again(nights: Nights) -> None:
    """The answer to the first commit may have been lost."""
    night = claimed(nights)
    for _ in range(2):
        nights.close(night, "done", at=AT, run=7)
    with pytest.raises(Incomplete, match="taken over"):
        nights.close(night, "failed", at=AT, run=7)
    assert only(nights).state == "done"
