"""The watch over the nights: each is carried out once, in spite of clocks, failures, and others who watch too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from crm_audit import connectors, packs
from crm_audit.config import Connection
from crm_audit.connectors.base import Calls, Connector
from crm_audit.nights import PAUSES, TRIES, Night
from crm_audit.pipeline import Job
from crm_audit.rounds import Edge, Step
from crm_audit.store import Start, Store
from crm_audit.store.nights import Nights
from crm_audit.watch import Watch, outcome, timetable_of

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
CORE = packs.load("core")
DEALS = {"file": "deals.csv", "id": "Id", "columns": {"stage": "Stage"}, "constants": {"pipeline": "new"}}


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass
class Desk:
    """Exports in a folder, a clock that is set by hand, and a watch over both."""

    folder: Path
    store: Store
    now: datetime = datetime(2026, 6, 1, 12, tzinfo=UTC)
    told: list[Step] = field(default_factory=list)
    meanwhile: Callable[[], object] = list

    def connection(self, **settings: object) -> Connection:
        given = {"nightly": "01:30", "zone": "America/New_York", "currency": "USD", **settings}
        options = {"folder": "export", "tables": {"deals": DEALS}}
        return Connection.model_validate({"vendor": "files", "options": options, **given})

    def export(self, text: str = "Id,Stage\nd1,Won\n") -> None:
        (self.folder / "export").mkdir(exist_ok=True)
        (self.folder / "export" / "deals.csv").write_text(text, encoding="utf-8")

    def watch(self, *names: str, store: Store | None = None, settings: Mapping[str, object] | None = None) -> Watch:
        jobs = tuple(Job(name, self.connection(**(settings or {})), CORE) for name in names or ("org",))
        edge = Edge(connect=self.connect, now=lambda: self.now, bug=lambda error: type(error).__name__)
        return Watch(jobs, store or self.store, edge, self.hear)

    def connect(self, job: Job) -> Connector:
        return connectors.connect(job.connection, root=self.folder)

    def hear(self, night: Night, step: Step) -> None:
        self.told.append(step)
        self.meanwhile()

    def look(self, at: str = "", **settings: object) -> int:
        self.now = instant(at) if at else self.now
        return self.watch(settings=settings).look()

    def nights(self, name: str = "org") -> list[tuple[date, str]]:
        """What became of each night, the oldest first."""
        return [(night.day, night.state) for night in reversed(self.store.nights.newest(name))]

    def runs(self, name: str = "org") -> int:
        return len(self.store.runs(name, 100))


@pytest.fixture
def desk(store_url: str, tmp_path: Path) -> Iterator[Desk]:
    with Store.open(store_url) as store:
        made = Desk(tmp_path, store)
        made.export()
        yield made


def test_a_night_is_carried_out_once_and_its_run_is_known(desk: Desk) -> None:
    assert [desk.look() for _ in range(3)] == [0, 0, 0]
    assert [step.step for step in desk.told] == ["sync", "check", "plan", "night"]
    (night,) = desk.store.nights.newest("org")
    assert (night.day, night.state, night.tries, night.note) == (date(2026, 6, 1), "done", 1, "")
    assert night.run == desk.store.runs("org")[0].id


@pytest.mark.parametrize(
    ("nightly", "since", "days"),
    [
        ("01:30", "2026-10-30T12:30", (30, 31, 1, 2)),  # half past one comes twice on 1 November
        ("02:30", "2027-03-12T12:30", (12, 13, 14, 15)),  # half past two does not come at all on 14 March
    ],
)
def test_fault_26_one_run_per_date_while_clocks_change(
    desk: Desk, nightly: str, since: str, days: tuple[int, ...]
) -> None:
    begun: list[datetime] = []
    for number in range(3 * 24):
        desk.now = instant(since) + 60 * MINUTE * number
        before = desk.runs()
        desk.look(nightly=nightly)
        begun += [desk.now] * (desk.runs() - before)
    assert [(day.day, state) for day, state in desk.nights()] == [(day, "done") for day in days]
    assert len(begun) == len(days)
    local = [at.astimezone(ZoneInfo("America/New_York")).strftime("%H:%M") for at in begun[1:]]
    assert set(local) <= {nightly, "03:30"}


def test_fault_39_three_days_of_silence_are_one_run_and_two_missed_nights(desk: Desk) -> None:
    desk.look("2026-06-01T12:00")
    desk.look("2026-06-04T12:00")
    desk.look("2026-06-04T12:01")
    states = ["done", "missed", "missed", "done"]
    assert desk.nights() == [(date(2026, 6, day), state) for day, state in enumerate(states, 1)]
    assert desk.runs() == 2


def test_a_night_that_failed_is_tried_again_after_its_pause(desk: Desk) -> None:
    desk.export("Id,Amount\nd1,5\n")  # the column of the stage is gone
    assert desk.look("2026-06-01T12:00") == 2
    desk.look("2026-06-01T12:01")
    assert [step.step for step in desk.told] == ["sync", "night"]
    desk.export()
    desk.now += PAUSES[0]
    assert desk.look() == 0
    (night,) = desk.store.nights.newest("org")
    assert (night.state, night.tries) == ("done", 2)


def test_a_night_that_fails_for_good_is_let_be_with_the_reason(desk: Desk) -> None:
    desk.export("Id,Amount\nd1,5\n")
    for number in range(24):
        desk.now = instant("2026-06-01T06:00") + 30 * MINUTE * number
        desk.look()
    (night,) = desk.store.nights.newest("org")
    assert (night.state, night.tries, len(desk.told)) == ("failed", TRIES, 2 * TRIES)
    assert "Stage" in night.note


def test_a_night_that_meets_somebody_who_reads_waits_and_loses_no_try(desk: Desk) -> None:
    other = desk.store.begin(Start(connection="org", started=desk.now, reach="hints"))
    for _ in range(TRIES + 2):
        desk.look()
        desk.now += MINUTE
    (night,) = desk.store.nights.newest("org")
    assert (night.state, night.tries, night.lost) == ("running", 0, True)
    assert {step.step for step in desk.told} == {"sync"}
    desk.store.fail(other, at=desk.now, reason="planned", calls=Calls())
    assert desk.look() == 0
    (night,) = desk.store.nights.newest("org")
    assert (night.state, night.tries) == ("done", 1)


def test_one_connection_that_fails_does_not_stop_the_next(desk: Desk) -> None:
    watch = desk.watch("org", "other")
    broken = Job("broken", desk.connection(options={"folder": "nowhere"}), CORE)
    assert Watch((broken, *watch.jobs), watch.store, watch.edge, watch.tell).look() == 2
    assert [desk.nights(name)[0][1] for name in ("broken", "org", "other")] == ["failed", "done", "done"]


def test_fault_37_two_watches_carry_a_night_out_once(desk: Desk, store_url: str) -> None:
    """The other looks after each step of the first, and at the end."""
    with Store.open(store_url) as store:
        store.nights = Nights(store.nights._write, store.nights._read, "elsewhere.example:17:a1")
        other = desk.watch(store=store)
        desk.meanwhile = other.look
        desk.look()
        other.look()
    assert [step.step for step in desk.told] == ["sync", "check", "plan", "night"]
    assert (desk.runs(), [state for _, state in desk.nights()]) == (1, ["done"])


def test_a_night_that_a_signal_interrupts_is_the_next_look_s(desk: Desk) -> None:
    def signal() -> None:
        desk.meanwhile = list
        raise SystemExit(0)

    desk.meanwhile = signal
    with pytest.raises(SystemExit):
        desk.look()
    (night,) = desk.store.nights.newest("org")
    assert (night.state, night.tries, night.lost) == ("running", 0, True)
    assert desk.look() == 0
    assert [state for _, state in desk.nights()] == ["done"]


def test_a_signal_ends_the_watch_also_where_the_night_cannot_be_let_go(desk: Desk) -> None:
    def signal() -> None:
        (night,) = desk.store.nights.newest("org")
        desk.store.nights.close(night, "failed", at=desk.now)  # it is not ours any more
        raise SystemExit(0)

    desk.meanwhile = signal
    with pytest.raises(SystemExit):
        desk.look()


def test_without_a_zone_the_one_that_the_crm_told_holds(desk: Desk) -> None:
    job = Job("org", desk.connection(zone=None, options={**desk.connection().options, "times": "UTC"}), CORE)
    assert timetable_of(job, desk.store) is None
    desk.look(zone=None)
    assert desk.nights() == []  # nobody can tell which date it is there
    desk.look()
    told = timetable_of(job, desk.store)
    assert told is not None
    assert told.zone.key == desk.store.runs("org")[0].account.zone


def test_a_connection_without_a_time_has_no_nights(desk: Desk) -> None:
    assert desk.look(nightly=None) == 0
    assert (desk.nights(), desk.runs()) == ([], 0)


def test_every_look_is_heard_of(desk: Desk) -> None:
    assert desk.store.nights.silence() is None
    desk.look(nightly=None)
    silence = desk.store.nights.silence()
    assert silence is not None
    assert silence < MINUTE


@pytest.mark.parametrize(("sync", "state"), [((3, False), "partial"), ((3, True), "failed"), ((0, False), "failed")])
def test_what_a_partial_sync_was_too_little_for_is_left_to_the_next_night(sync: tuple[int, bool], state: str) -> None:
    code, broke = sync
    first = Step(connection="org", step="sync", code=code, says="", broke=broke)
    check = Step(connection="org", step="check", code=3, says="could not read the deals", broke=True)
    assert outcome([first] if broke else [first, check]) == state
