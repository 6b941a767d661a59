"""Between the nights: what changed, or what was said to have changed, is read soon and its deals are shown anew.

A round here is a hurry, never a duty: whatever it misses, and whatever it may not write, the next night finds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from crm_audit.config import Connection, digest, read_alike
from crm_audit.connectors.base import Connector, Reach, ReadsBetween
from crm_audit.errors import FixConfig
from crm_audit.pipeline import Job
from crm_audit.pull import NIGHT
from crm_audit.rounds import Edge, Step, carry_out
from crm_audit.store import Run, Store
from crm_audit.store.ledger import SHORT

REST = timedelta(minutes=1)
"""How long a connection is left alone after a round that broke."""
KEPT = timedelta(hours=1)
"""How long a connector is kept for its next rounds: so long an admin's change of the CRM's schema may go unseen."""
DAY = timedelta(days=1)
POLLED: tuple[Reach, ...] = ("all", "changes")
CHANGES: tuple[Reach, ...] = ("changes",)


@dataclass(slots=True)
class Live:
    """The connections that are also read between two nights."""

    jobs: tuple[Job, ...]
    store: Store
    edge: Edge
    tell: Callable[[Step], None]
    _kept: dict[str, tuple[Connector, datetime]] = field(default_factory=dict)
    _resting: dict[str, datetime] = field(default_factory=dict)

    def look(self) -> None:
        """Carry out what is due, one connection after another; one that somebody else reads waits for the next look."""
        for job in self.jobs:
            now = self.edge.now()
            if now >= self._resting.get(job.name, now) and (reach := self._due(job, now)):
                self._carry_out(job, reach)

    def _due(self, job: Job, now: datetime) -> Reach | None:
        if waits_for_a_night(job, self.store):
            return None
        if not self._is_paid_off(job, now):
            return None
        pending = self.store.pending(job.name)
        if pending.flood or self._is_polled(job, now):
            return "changes"
        return "hints" if pending.hints else None

    def _is_paid_off(self, job: Job, now: datetime) -> bool:
        """Whether so much time has gone by since the last short round that its calls are no more than our share."""
        last = self.store.runs(job.name, 1, reach=SHORT)
        return not last or abs(now - last[0].started) >= _paid_off_after(job.connection, last[0], self._crm(job))

    def _is_polled(self, job: Job, now: datetime) -> bool:
        if job.connection.every is None:
            return False
        interval = interval_of(job, self.store, self._crm(job))
        last = self.store.runs(job.name, 1, reach=POLLED)
        return not last or abs(now - last[0].started) >= interval  # abs: a clock that was set back must not stop it

    def _carry_out(self, job: Job, reach: Reach) -> None:
        edge = replace(self.edge, connect=self._connected)
        for step in carry_out(job, self.store, edge, lambda kind, done: None, reach=reach):
            if step.busy:
                return
            self.tell(step)
            if step.broke:
                self._kept.pop(job.name, None)
                self._resting[job.name] = self.edge.now() + REST

    def _crm(self, job: Job) -> Connector | None:
        crm, _ = self._kept.get(job.name, (None, None))
        return crm

    def _connected(self, job: Job) -> Connector:
        now = self.edge.now()
        kept = self._kept.get(job.name)
        if kept is not None and now < kept[1]:
            return kept[0]
        crm = self.edge.connect(job)
        if not isinstance(crm, ReadsBetween):
            raise FixConfig(f"connections.{job.name}: {crm.vendor} is read at night alone; take out `every`")
        self._kept[job.name] = crm, now + KEPT
        return crm


def waits_for_a_night(job: Job, store: Store) -> bool:
    """Whether there is nothing yet that a short run could go on from: no whole run under these settings."""
    night = store.latest(job.name, reach=NIGHT)
    return night is None or not read_alike(night.config, digest(job.connection))


def interval_of(job: Job, store: Store, crm: Connector | None) -> timedelta:
    """How often a connection is polled: as its settings say, or as often as its share of the day's calls allows."""
    every = job.connection.every or DAY
    last = store.runs(job.name, 1, reach=CHANGES)
    return max(every, _paid_off_after(job.connection, last[0], crm)) if last else every


def _paid_off_after(connection: Connection, last: Run, crm: Connector | None) -> timedelta:
    if crm is None or not isinstance(crm, ReadsBetween):  # not asked yet what the CRM allows us
        return timedelta()
    return least_interval(connection, last, crm.allowed())


def least_interval(connection: Connection, last: Run, allowed: int | None) -> timedelta:
    """The interval at which rounds like the last one take up our share of the day's calls, and no more."""
    if not allowed:
        return timedelta()
    share = float(connection.quota_share) * allowed
    return DAY * ((last.calls_read + last.calls_write) / share)
