"""`crm-audit serve` as a process: signals, other processes, kill -9, a database that goes away, a dead scheduler."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from sqlalchemy import Engine, make_url, text

from crm_audit.emulator.faults import Faults
from crm_audit.emulator.server import Crm, Request, Response, serve
from crm_audit.errors import FixConfig
from crm_audit.nights import Night
from crm_audit.store import Run, Store
from crm_audit.store.log import Note
from tests.cli.clusters import Cluster
from tests.cli.desk import PLAIN, Desk
from tests.cli.patience import until
from tests.cli.portals import export, hubspot
from tests.cli.watchmen import SERVE, Station, Watchman

NIGHT = datetime(2026, 3, 16, 15, tzinfo=UTC)


@dataclass
class Stuck:
    """A CRM that leaves a call about deals unanswered until it is let go."""

    crm: Crm
    reached: Event = field(default_factory=Event)
    free: Event = field(default_factory=Event)

    def answer(self, request: Request, *, base: str) -> Response:
        if "/deals" in request.path:
            self.reached.set()
            self.free.wait(60)
        return self.crm.answer(request, base=base)


@pytest.fixture
def station(desk: Desk, store_url: str) -> Station:
    made = Station(desk, store_url)
    made.set(NIGHT)
    return made


@contextmanager
def stuck(station: Station, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stuck]:
    with hubspot(station.desk, monkeypatch) as crm:
        crm.deal(dealstage="appointmentscheduled")
        made = Stuck(crm.portal)
        with serve(made) as base:
            station.settle(base)
            try:
                yield made
            finally:
                made.free.set()


def ledger(station: Station) -> tuple[list[Night], list[Run]]:
    with Store.open(station.store) as store:
        return store.nights.newest("portal"), store.runs("portal")


def heard_of(station: Station, watchman: Watchman) -> bool:
    with Store.open(station.store) as store, store._engine.connect() as db:
        return any(
            watchman.holder in process for process in db.execute(text("SELECT process FROM heartbeats")).scalars()
        )


def test_fault_33_sigterm_while_the_crm_is_silent_ends_a_night_at_once_and_cleanly(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stuck(station, monkeypatch) as crm, station.serving() as watchman:
        until(crm.reached.is_set)
        sent = datetime.now(UTC)
        assert watchman.stop() == 0
        (stopped,) = watchman.said("stopped")
        assert datetime.fromisoformat(stopped["timestamp"]) - sent < timedelta(seconds=2)
        ((night,), (run,)) = ledger(station)
        assert (night.state, night.lost, night.tries) == ("running", True, 0)  # free for whoever looks next
        assert (run.status, run.reason) == ("failed", "interrupted")
        crm.free.set()
        with station.serving() as next_one:
            until(lambda: bool(next_one.said("night")))
            assert next_one.stop() == 0
    ((night,), runs) = ledger(station)
    assert (night.state, night.tries) == ("done", 1)
    assert [run.status for run in runs] == ["complete", "failed"]


def test_fault_37_of_two_that_serve_one_is_killed_and_the_other_completes_the_night_once(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stuck(station, monkeypatch) as crm, station.serving() as first:
        until(crm.reached.is_set)
        with station.serving() as second:
            until(lambda: heard_of(station, second))
            assert second.said("sync") == []  # the night is the first one's
            first.kill()
            crm.free.set()
            until(lambda: bool(second.said("night")))
            station.set(NIGHT + timedelta(hours=6))
            assert second.stop() == 0
    ((night,), runs) = ledger(station)
    assert (night.state, night.tries, second.holder in night.holder) == ("done", 2, True)
    assert [run.status for run in runs] == ["complete", "failed"]
    assert runs[1].reason is not None
    assert "cut off" in runs[1].reason
    assert first.said("apply") == []
    assert len(second.said("apply")) == 1


def test_fault_38_one_that_stood_still_past_its_lease_and_wakes_up_writes_nothing_more(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stuck(station, monkeypatch) as crm, station.serving() as sleeper:
        until(crm.reached.is_set)
        sleeper.process.send_signal(signal.SIGSTOP)
        with Store.open(station.store) as store, store._engine.begin() as db:
            db.execute(text("UPDATE nights SET until = 0"))
            db.execute(text("UPDATE runs SET lease_until = 0"))
        crm.free.set()
        with station.serving() as second:
            until(lambda: bool(second.said("night")))
            before = ledger(station)
            sleeper.process.send_signal(signal.SIGCONT)
            until(lambda: bool(sleeper.said("look failed")))
            assert (sleeper.stop(), second.stop()) == (0, 0)
        assert ledger(station) == before
    ((night,), runs) = before
    assert (night.state, night.tries, second.holder in night.holder) == ("done", 2, True)
    assert [run.status for run in runs] == ["complete", "failed"]
    assert "taken over" in sleeper.said("look failed")[0]["why"]
    assert sleeper.said("apply") == []


def night_after(station: Station, watchman: Watchman, days: int) -> None:
    """The clock goes on, and the night of that day is carried out."""
    before = len(watchman.said("night"))
    station.set(NIGHT + timedelta(days=days))
    until(lambda: len(watchman.said("night")) == before + 1)


def exports(station: Station) -> None:
    export(station.desk)
    station.desk.settle(PLAIN.replace('vendor = "files"', 'vendor = "files"\nnightly = "01:30"'))


def test_a_store_that_is_locked_for_a_while_is_served_again_afterwards(desk: Desk) -> None:
    station = Station(desk, f"sqlite:///{desk.database}?timeout=0.1")
    station.set(NIGHT)
    exports(station)
    with station.serving() as watchman:
        until(lambda: bool(watchman.said("night")))
        other = sqlite3.connect(desk.database)
        other.execute("BEGIN IMMEDIATE")
        until(lambda: bool(watchman.said("look failed")))
        other.rollback()
        other.close()
        night_after(station, watchman, 1)
        assert watchman.stop() == 0
    assert "locked" in watchman.said("look failed")[0]["why"]


def test_connections_that_the_database_ends_are_made_anew(desk: Desk, postgres: Engine, postgres_url: str) -> None:
    name = make_url(postgres_url).update_query_dict({"application_name": desk.folder.name[-60:]})
    station = Station(desk, name.render_as_string(hide_password=False))
    station.set(NIGHT)
    exports(station)
    end = text("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = :name")
    with station.serving() as watchman, postgres.connect() as db:
        for days in (0, 1, 2):
            night_after(station, watchman, days)
            assert db.scalar(end, {"name": desk.folder.name[-60:]}) > 0
        night_after(station, watchman, 3)
        assert watchman.stop() == 0


def test_a_database_that_is_started_anew_is_served_again(desk: Desk, cluster: Cluster) -> None:
    station = Station(desk, cluster.url)
    station.set(NIGHT)
    exports(station)
    with station.serving() as watchman:
        until(lambda: bool(watchman.said("night")))
        cluster.stop()
        until(lambda: bool(watchman.said("look failed")))
        cluster.start()
        night_after(station, watchman, 1)
        assert watchman.stop() == 0


DYING = SERVE.replace(
    "config, clock",
    """
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler

class Forgetful(MemoryJobStore):
    def update_job(self, job):
        raise ConnectionError("the database went away")

def forgetful():
    return BackgroundScheduler(jobstores={"default": Forgetful()})

config, clock""",
    1,
).replace("Waking(", "Waking(scheduler=forgetful, ")


def test_a_scheduler_that_died_ends_the_process_with_a_code_of_its_own(desk: Desk) -> None:
    station = Station(desk, f"sqlite:///{desk.database}")
    station.set(NIGHT)
    exports(station)
    with station.serving(DYING) as watchman:
        assert watchman.process.wait(60) == 3
    assert "crm-audit: the scheduler has died" in watchman.log.read_text("utf-8")
    assert len(watchman.said("night")) == 1


def test_one_look_ends_with_the_worst_code_and_its_log_is_one_document_per_line(desk: Desk) -> None:
    exports(Station(desk, ""))
    with desk.store() as store:
        store.log.append(Note(connection="org", actor="mia", act="waived", what={}))
    first = desk.process("serve", "--once")
    events = [json.loads(line) for line in first.err.splitlines()]
    assert (first.code, first.out) == (0, "")
    assert [(event["event"], event["code"], event["level"]) for event in events] == [
        ("sync", 0, "info"), ("check", 0, "info"), ("plan", 0, "info"), ("night", 0, "info"),
    ]  # fmt: skip
    assert {event["connection"] for event in events} == {"org"}
    assert events[-1]["log"] == desk("log", "head").out.strip()
    assert (desk.process("serve", "--once").err, len(desk.store().runs("org"))) == ("", 1)


def test_the_log_tells_what_failed_on_one_line_and_no_secret(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch) as crm:
        forged = Response(400, {"category": "VALIDATION_ERROR", "message": "no\n\x1b[31mFAKE \u202e line"})
        with serve(crm.portal, faults=Faults().next("", *[forged] * 9)) as base:
            Station(desk, "").settle(base)
            answer = desk.process("serve", "--once", PORTAL_TOKEN="pat-na1-wrong")
    assert answer.code == 3
    line, night = answer.err.splitlines()
    assert (json.loads(line)["level"], json.loads(night)["says"]) == ("error", "failed")
    assert "FAKE" in line
    assert "pat-na1-wrong" not in answer.err
    assert not [sign for sign in ("\x1b", "\u202e") if sign in json.loads(line)["says"]]


def test_where_no_connection_names_a_time_there_is_nothing_to_serve(desk: Desk) -> None:
    with pytest.raises(FixConfig, match=r'no connection says when: set nightly = "01:30"'):
        desk("serve", "--once")
