"""The scheduler wakes the main thread; when it has died, that is noticed, and nobody waits for it for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from apscheduler.job import Job
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from crm_audit.errors import Retry
from crm_audit.schedule import Scheduler, Waking, every_minute

OFTEN = IntervalTrigger(seconds=0.01, timezone=UTC)
NEVER = DateTrigger(datetime(2999, 1, 1, tzinfo=UTC))


class Enough(Exception):
    """Ends a watch, as a signal would."""


def counting(most: int, seen: list[threading.Thread]) -> Callable[[], None]:
    def look() -> None:
        seen.append(threading.current_thread())
        if len(seen) == most:
            raise Enough

    return look


def schedulers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "APScheduler"}


def test_the_first_look_waits_for_nobody_and_each_is_taken_in_the_main_thread() -> None:
    seen: list[threading.Thread] = []
    with pytest.raises(Enough):
        every_minute(counting(1, seen), Waking(trigger=NEVER))
    seen.clear()
    with pytest.raises(Enough):
        every_minute(counting(4, seen), Waking(trigger=OFTEN))
    assert set(seen) == {threading.main_thread()}


def test_however_a_watch_ends_its_thread_ends_too() -> None:
    before = schedulers()
    with pytest.raises(Enough):
        every_minute(counting(3, []), Waking(trigger=OFTEN))
    assert schedulers() <= before


class Forgetful(MemoryJobStore):  # type: ignore[misc]  # APScheduler 3 has no types
    """A job store whose database is gone at the second firing."""

    updates = 0

    def update_job(self, job: Job) -> None:
        self.updates += 1
        if self.updates > 1:
            raise ConnectionError("the database went away")
        super().update_job(job)


def forgetful() -> Scheduler:
    made: Scheduler = BackgroundScheduler(jobstores={"default": Forgetful()}, timezone=UTC)
    return made


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_scheduler_that_dies_without_a_word_ends_the_watch() -> None:
    seen: list[threading.Thread] = []
    with pytest.raises(Retry, match="the scheduler has died; this process ends, so that its supervisor starts it anew"):
        every_minute(counting(1000, seen), Waking(scheduler=forgetful, trigger=OFTEN, glance=0.01))
    assert 1 <= len(seen) <= 3


def test_a_scheduler_that_lives_and_says_nothing_ends_the_watch() -> None:
    with pytest.raises(Retry, match="died"):
        every_minute(counting(1000, []), Waking(trigger=NEVER, glance=0.01, silence=0.05))


def test_the_job_is_made_so_that_a_late_wake_up_is_not_dropped_and_many_are_one() -> None:
    """APScheduler by itself drops what is late by more than a second."""
    scheduler = BackgroundScheduler(timezone=UTC)

    def look() -> None:
        (job,) = scheduler.get_jobs()
        assert (job.misfire_grace_time, job.coalesce, job.max_instances) == (60, True, 1)
        raise Enough

    with pytest.raises(Enough):
        every_minute(look, Waking(scheduler=lambda: scheduler, trigger=NEVER))


def test_by_itself_it_wakes_at_each_minute() -> None:
    trigger: CronTrigger = Waking().trigger
    now = datetime(2026, 11, 1, 5, 59, 30, tzinfo=UTC)
    assert trigger.get_next_fire_time(None, now) == datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
