"""Random histories of a CRM that fights back, and what write-back may never do there, by the CRM's own book."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from itertools import count
from typing import ClassVar, Protocol

from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from crm_audit import pipeline
from crm_audit.emulator.automation import Automation, Automations
from crm_audit.emulator.automation import Change as Booked
from crm_audit.emulator.faults import BROKEN, BUSY, Change, Fault, Faults, Reset
from crm_audit.emulator.salesforce import Refusal
from crm_audit.emulator.server import serve
from crm_audit.errors import CrmAuditError
from crm_audit.pipeline import Job
from crm_audit.rounds import Step
from crm_audit.store import Store
from crm_audit.writeback.contested import A_DAY, SPAN, STRIKES
from tests.doomed import CORE, Doing, carried_out, killed
from tests.soak.life import Life
from tests.soak.reach import reach

Spot = tuple[str, str, str]
"""Deal, place, field."""

NUMBER = st.integers(0, 999)
POINTS = ("P0", "P1", "P2", "P3", "P4", "P5", "P6", "P7")
WAITS = (0, 90, 4_000, 90_000)
TROUBLE = (Reset(), Reset(-1), BROKEN[0], BROKEN[2], BUSY)
"""What may befall a call that writes: unheard, heard and unanswered, refused for a moment."""
STEPS = 20
ROUND = 91
"""Seconds that pass before a round, in this process or in one that is killed."""
HISTORIES = max(int(os.environ.get("CRM_AUDIT_SOAK", "25")) // 8, 1)
LET = 3
"""Deals that a round may touch unreviewed: so few that some plans wait."""
SETTLED = STRIKES + 3
"""Rounds after which a CRM that nobody works in is left alone, whatever its automations do."""


class Hostile(Life, Protocol):
    """A CRM with our fields, whose book tells what we wrote."""

    hostile: Mapping[str, Automation]
    automations: Automations
    writing: str

    def ours(self, change: Booked) -> bool:
        """Whether we wrote it."""

    def place(self, change: Booked) -> tuple[str, str] | None:
        """The deal and the place that a write of ours changed; None for the heartbeat."""

    def foreign(self, change: Booked) -> set[str]:
        """What of a write of ours is not ours to write."""

    def held(self, spot: Spot) -> object:
        """What a field of ours holds now."""


class Fight(RuleBasedStateMachine):
    """One connection's years with a CRM that fights back."""

    numbers: ClassVar[Iterator[int]] = count(1)
    born: ClassVar[Callable[[], Hostile]]
    url: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.name = f"fight {next(self.numbers)}"
        self.life = type(self).born()
        self.faults = Faults()
        self._stack = ExitStack()
        base = self._stack.enter_context(serve(self.life.crm, faults=self.faults))
        self.connection = self.life.connection(base).model_copy(update={"breaker_deals": LET})
        self.store = Store.open(self.url)
        self.runs: dict[int, list[Booked]] = {}
        self.days: Counter[tuple[str, str, int]] = Counter()
        self.streaks: dict[Spot, tuple[object, list[datetime]]] = {}
        self.spare = 0  # writes that crashes and broken calls may have repeated

    @rule(acts=st.lists(st.tuples(NUMBER, NUMBER, NUMBER), min_size=1, max_size=6))
    def live(self, acts: list[tuple[int, int, int]]) -> None:
        """People do something in the CRM."""
        for what, one, other in acts:
            note(f"{self.life.clock.now():%m-%d %H:%M:%S} {self.named(what)} ({one}, {other})")
            self.act(what, one, other)

    @rule(which=NUMBER)
    def switch(self, which: int) -> None:
        """The admin switches a workflow or a flow on or off."""
        name = list(self.life.hostile)[which % len(self.life.hostile)]
        on = name not in self.life.automations.active
        note(f"{name} is switched {'on' if on else 'off'}")
        if on:
            self.life.automations.switch_on(self.life.hostile[name])
        else:
            self.life.automations.switch_off(name)

    @rule(seconds=st.sampled_from(WAITS))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.life.clock.advance(seconds=seconds)

    @rule(which=NUMBER)
    def trouble(self, which: int) -> None:
        """The next call that writes breaks."""
        self.faults.add(Fault(self.life.writing, TROUBLE[which % len(TROUBLE)]))

    @rule(what=NUMBER, one=NUMBER, other=NUMBER)
    def race(self, what: int, one: int, other: int) -> None:
        """Somebody does something between our last look and our write."""
        note(f"{self.named(what)} ({one}, {other}) is to come in between")
        self.faults.add(Fault(self.life.writing, Change(before=lambda: self.act(what, one, other))))

    @rule()
    def round(self) -> None:
        """Sync, check, plan, apply."""
        self.looked(self.carried_out)

    @rule()
    def approve(self) -> None:
        """The admin looks at the plan of the last round, and lets it be carried out."""
        self.looked(self.approved)

    @rule(point=st.sampled_from(POINTS), one=NUMBER, other=NUMBER)
    def crash(self, point: str, one: int, other: int) -> None:
        """A round with something to write, whose process is killed."""
        self.life.steps["a deal moved"](one, other)
        self.life.steps["ours edited by hand"](other, one)
        self.looked(lambda: killed(self.doing(), point), crashed=True)
        self.life.clock.advance(seconds=ROUND)  # as it did there: what that round knew is not to come

    @rule(which=NUMBER)
    def undo(self, which: int) -> None:
        """The admin undoes some run."""
        if runs := sorted(self.runs):
            self.undone(runs[which % len(runs)])

    def teardown(self) -> None:
        """Left alone, we leave alone; with the fight over, the CRM shows what it should, and no more is written."""
        try:
            self.faults.clear()
            self.noon()
            assert any(not self.looked(self.settled) for _ in range(SETTLED)), "writes without end"
            assert not self.looked(self.settled), "and once more"
            self.life.automations.switch_off()
            self.life.calm()
            self.noon()
            self.looked(self.settled)
            self.looked(lambda: self.approved(contested=True))
            assert not self.looked(lambda: self.approved(contested=True)), "the CRM does not show what was written"
            assert not self.looked(self.carried_out)
        finally:
            self.store.close()
            self._stack.close()

    def named(self, what: int) -> str:
        """What people can do, by number."""
        return list(self.life.steps)[what % len(self.life.steps)]

    def act(self, what: int, one: int, other: int) -> None:
        """One thing that people do; a rule of the admin's binds them, too."""
        with suppress(Refusal, ValueError):
            self.life.steps[self.named(what)](one, other)

    def noon(self) -> None:
        """Go on to the middle of the next day, so that none of the rounds to come falls over midnight."""
        now = self.life.clock.now()
        noon = (now + timedelta(days=1)).replace(hour=16, minute=0, second=0)
        self.life.clock.advance(seconds=(noon - now).total_seconds())

    def carried_out(self) -> list[Step]:
        """One round in this process."""
        self.life.clock.advance(seconds=ROUND)
        steps = carried_out(self.name, self.connection, self.life.environ(), self.store, clock=self.life.clock)
        for step in steps:
            note(f"{step.step}: [{step.code}] {step.says}")
        if not any(step.broke for step in steps):
            assert self.store.outbox.left(self.name) == []
        return steps

    def settled(self) -> None:
        """A round, and whatever the breaker held back."""
        if any(step.broke and "nothing was written" in step.says for step in self.carried_out()):
            self.approved()

    def approved(self, contested: bool = False) -> None:
        """A plan from the last run, reviewed and carried out; whoever asks for what is contested gets it once more."""
        if contested:
            self.streaks.clear()
        job = Job(self.name, self.connection, CORE)
        try:
            with reach(self.connection, self.life.environ(), self.life.clock) as connector:
                report = pipeline.check(self.store, job, as_of=self.life.clock.now())
                planned = pipeline.planned(report, connector, self.store, contested=contested)
                pipeline.applied(planned, connector, self.store, lambda done: None, reviewed=True)
        except CrmAuditError as error:
            note(f"not approved: {error}")

    def doing(self) -> Doing:
        """What a process of its own needs to know."""
        settings = self.connection.model_dump(mode="json", exclude_defaults=True)
        return Doing(self.name, settings, self.life.environ(), self.url, self.life.clock.now())

    def undone(self, run: int) -> None:
        """Undo a run: what is still ours goes back to what stood there before it, and nothing else is touched."""
        written = by_field(self.life, self.runs[run])
        held = {spot: self.life.held(spot) for spot in written}
        start, job = len(self.life.automations.book), Job(self.name, self.connection, CORE)
        try:
            with reach(self.connection, self.life.environ(), self.life.clock) as connector:
                made = pipeline.undone(job, run, connector, self.store)
                pipeline.applied(made, connector, self.store, lambda done: None, reviewed=True)
        except CrmAuditError as error:
            note(f"undo {run}: {error}")
        for change in self.ours(start):
            for name, value in change.after.items():
                spot = (*(self.life.place(change) or ("", "")), name)
                note(f"undo {run}: {spot} {held[spot]!r} -> {value!r}")
                self.streaks.pop(spot, None)
                if name in change.changed:
                    assert held[spot] == written[spot][-1].after[name], "not ours any more"
                    assert value in [each.before.get(name) for each in written[spot]], "not what stood there"

    def looked(self, work: Callable[[], object], crashed: bool = False) -> list[Booked]:
        """Do it, and look into the CRM's book: what we changed on deals, after all checks."""
        start, broken = len(self.life.automations.book), len(self.faults.fired)
        work()
        repeats = sum(not isinstance(each.fault.action, Change) for each in self.faults.fired[broken:]) + crashed
        self.spare += repeats
        written = [change for change in self.ours(start) if self.life.place(change) and change.changed]
        self.bounded(written, clean=not repeats)
        run = self.store.latest(self.name)
        if run and written:
            self.runs.setdefault(run.id, []).extend(written)
        return written

    def ours(self, start: int) -> list[Booked]:
        """What we wrote since then: never anything that is not ours."""
        ours = [change for change in self.life.automations.book[start:] if self.life.ours(change)]
        for change in ours:
            assert not (foreign := self.life.foreign(change)), f"{change.kind} {change.record}: {foreign} is not ours"
        return ours

    def bounded(self, written: list[Booked], *, clean: bool) -> None:
        """Few writes: per place and round, per place and day, and of one value that does not stay."""
        places = Counter(self.life.place(change) for change in written)
        note(f"wrote {dict(places)}")
        if clean:
            assert max(places.values(), default=0) <= 1, places
        for change in written:
            deal, place = self.life.place(change) or ("", "")
            day = (deal, place, change.at.toordinal())
            self.days[day] += 1
            assert self.days[day] <= A_DAY + self.spare, day
            for name in change.changed:
                self.strike((deal, place, name), change, clean=clean)

    def strike(self, spot: Spot, change: Booked, *, clean: bool) -> None:
        """One more write of a value to a field, which may have been written before and not have stayed."""
        value, at = change.after[spot[2]], change.at
        known, times = self.streaks.pop(spot, (None, []))
        times = [*times, at] if known == value else [at]
        if clean:
            self.streaks[spot] = (value, times)
        if len(times) > STRIKES:
            assert times[-2] - times[-1 - STRIKES] > SPAN, f"{spot}: {value!r} at {times}"


def by_field(life: Hostile, changes: list[Booked]) -> dict[Spot, list[Booked]]:
    """The writes of a run to each field."""
    found: dict[Spot, list[Booked]] = {}
    for change in changes:
        for name in change.after:
            found.setdefault((*(life.place(change) or ("", "")), name), []).append(change)
    return found


def fight(life: Callable[[], Hostile], url: str, *, histories: int = HISTORIES) -> None:
    """Live so many random histories."""
    run_state_machine_as_test(
        type("Fight", (Fight,), {"born": staticmethod(life), "url": url}),
        settings=settings(
            max_examples=histories,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            derandomize=bool(os.environ.get("CI")),
            phases=[Phase.generate],  # a history of twenty steps can be read as it is, and shrinking takes minutes
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
