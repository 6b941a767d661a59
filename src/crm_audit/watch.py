"""One look at the nights: what is due is claimed and carried out, what was missed is written down."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from crm_audit import zones
from crm_audit.nights import Night, State, Timetable, agenda
from crm_audit.pipeline import Job
from crm_audit.rounds import Edge, Step, carry_out, worst
from crm_audit.store import Store


@dataclass(frozen=True, slots=True)
class Watch:
    """The connections that have a time of the day, and the store that remembers their nights."""

    jobs: tuple[Job, ...]
    store: Store
    edge: Edge
    tell: Callable[[Night, Step], None]

    def look(self) -> int:
        """Be heard of, and carry out what is due, one connection after another; the worst exit code."""
        self.store.nights.beat()
        return worst([step for job in self.jobs for step in self._due(job)])

    def _due(self, job: Job) -> Iterable[Step]:
        nights, now = self.store.nights, self.edge.now()
        timetable = timetable_of(job, self.store)
        if timetable is None:
            return []
        known = {night.day: night for night in nights.newest(job.name)}
        found = agenda(timetable, list(known.values()), now)
        nights.miss(job.name, found.missed)
        nights.give_up(found.given_up, at=now)
        if found.due is None:
            return []
        night = nights.claim(job.name, found.due, seen=known.get(found.due), at=now)
        return self._carried_out(job, night) if night else []

    def _carried_out(self, job: Job, night: Night) -> list[Step]:
        try:
            return self._steps(job, night)
        except (KeyboardInterrupt, SystemExit):  # a signal: whoever looks next goes on at once
            with suppress(Exception):  # a store that is away must not keep us here, and a lease runs out by itself
                self.store.nights.let_go(night)
            raise

    def _steps(self, job: Job, night: Night) -> list[Step]:
        steps: list[Step] = []
        for step in carry_out(job, self.store, self.edge, partial(self._keep, night)):
            self.tell(night, step)
            steps.append(step)
        if any(step.busy for step in steps):  # somebody reads this connection: no failure, and soon over
            self.store.nights.let_go(night)
            return steps
        run = next((step.run for step in steps if step.run), None)
        note = "; ".join(f"{step.step}: {step.says}" for step in steps if step.code)
        state = outcome(steps)
        self.store.nights.close(night, state, at=self.edge.now(), run=run, note=note)
        self.tell(night, Step(connection=job.name, step="night", code=worst(steps), says=state, run=run))
        return steps

    def _keep(self, night: Night, kind: str, done: int) -> None:
        self.store.nights.keep(night)


def timetable_of(job: Job, store: Store) -> Timetable | None:
    """When the nights of a connection begin; None where nothing says at what time, or in which zone."""
    if job.connection.nightly is None:
        return None
    name = job.connection.zone
    if name is None and (run := store.latest(job.name)):
        name = run.account.zone
    zone = zones.zone(name) if name else None
    return Timetable(job.connection.nightly, zone) if zone else None


def outcome(steps: list[Step]) -> State:
    """What became of a night: failed (and tried again) where a step broke, partial where something was left out.

    A sync that came to its end without all of its data left that to the next night; what it was too little for, too.
    """
    left_out = any(step.step == "sync" and step.code and not step.broke for step in steps)
    if any(step.broke for step in steps) and not left_out:
        return "failed"
    return "partial" if worst(steps) > 1 else "done"
