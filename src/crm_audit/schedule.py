"""APScheduler says when to look, and nothing else: what is due, and whose it is, the ledger of nights knows.

Its thread only wakes the main thread, which does the work: so a signal ends the work at once, and an error of ours
cannot end the scheduler. The scheduler can still die by itself (an error in its job store ends its thread, and nobody
is told), so the main thread watches it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from threading import Event, Thread
from typing import Protocol

from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from crm_audit.errors import Retry

GRACE = 60
"""Seconds by which a wake-up may be late; APScheduler by itself drops one that is late by more than a second."""


class Scheduler(Protocol):
    """As much of a scheduler of APScheduler 3 as is used here."""

    _thread: Thread

    def add_job(self, func: Callable[[], None], trigger: object, **how: object) -> object:
        """Call a function whenever the trigger fires."""

    def start(self) -> None:
        """Begin, in a thread of its own."""

    def shutdown(self, *, wait: bool) -> None:
        """End that thread."""


def background() -> Scheduler:
    """A scheduler whose jobs are made anew at each start and stored nowhere."""
    made: Scheduler = BackgroundScheduler(jobstores={"default": MemoryJobStore()}, timezone=UTC)
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Waking:
    """By whom and when the main thread is woken; times are in seconds."""

    scheduler: Callable[[], Scheduler] = background
    trigger: object = CronTrigger(minute="*", timezone=UTC)
    glance: float = 5.0  # between two looks at the scheduler's thread
    wake: Event = field(default_factory=Event)  # set it from any thread to have a look at once
    silence: float = 300.0  # without a wake-up, after which the scheduler is held for dead


def every_minute(look: Callable[[], None], waking: Waking) -> None:
    """Look now and at each wake-up, in this thread, until an exception ends it; Retry where the scheduler has died."""
    scheduler, wake = waking.scheduler(), waking.wake
    scheduler.add_job(wake.set, waking.trigger, id="wake", misfire_grace_time=GRACE, coalesce=True, max_instances=1)
    scheduler.start()
    try:
        while True:
            wake.clear()
            look()
            _await(scheduler, waking)
    finally:
        scheduler.shutdown(wait=False)


def _await(scheduler: Scheduler, waking: Waking) -> None:
    waited = 0.0
    woken = False
    while not woken:
        woken = waking.wake.wait(waking.glance)
        waited += waking.glance
        dead = not scheduler._thread.is_alive()  # its `running` stays true when it has died
        if dead or (waited >= waking.silence and not woken):
            raise Retry("the scheduler has died; this process ends, so that its supervisor starts it anew")
