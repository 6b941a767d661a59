"""Random histories: changes in the CRM, faults on the wire, crashes and restarts, in any order; then one clean run."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from random import Random
from typing import ClassVar

from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from crm_audit.config import digest
from crm_audit.domain import KINDS
from crm_audit.emulator.faults import Faults
from crm_audit.emulator.server import serve
from crm_audit.errors import CrmAuditError
from crm_audit.pull import pull
from crm_audit.store import Asked, Run, Start, Store
from tests.soak.life import Held, Life
from tests.soak.reach import reach

NUMBER = st.integers(0, 999)
WAITS = (0, 1, 30, 400, 4_000, 90_000)
"""Seconds: within one stamp, within the overlap of two runs, past it, and over a night."""
STEPS = 15
HISTORIES = int(os.environ.get("CRM_AUDIT_SOAK", "25"))
ALL = frozenset(KINDS)
NIGHT = Asked()


class History(RuleBasedStateMachine):
    """One connection's years, in a store that many histories share."""

    numbers: ClassVar[Iterator[int]] = count(1)
    born: ClassVar[Callable[[], Life]]
    url: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.name = f"history {next(self.numbers)}"
        self.life = type(self).born()
        self.faults = Faults()
        self._stack = ExitStack()
        base = self._stack.enter_context(serve(self.life.crm, faults=self.faults))
        self.connection = self.life.connection(base)
        self.store = Store.open(self.url)

    @rule(acts=st.lists(st.tuples(NUMBER, NUMBER, NUMBER), min_size=1, max_size=8))
    def live(self, acts: list[tuple[int, int, int]]) -> None:
        """People do something in the CRM."""
        names = list(self.life.steps)
        for what, one, other in acts:
            name = names[what % len(names)]
            note(f"{self.life.clock.now():%m-%d %H:%M:%S} {name} ({one}, {other})")
            self.life.steps[name](one, other)

    @rule(seconds=st.sampled_from(WAITS))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.life.clock.advance(seconds=seconds)

    @rule(seed=NUMBER)
    def trouble(self, seed: int) -> None:
        """From now on some answers break."""
        self.faults.random(Random(seed))

    @rule()
    def sync(self) -> None:
        """A run that may end as it likes, but may not lie."""
        try:
            run = self.pull(self.store)
            note(f"{run.status} {dict(run.missing)}")
        except CrmAuditError as error:
            note(f"failed: {error}")

    @rule(pages=st.integers(1, 12))
    def crash(self, pages: int) -> None:
        """A run whose process is killed after so many pages, if it has that many."""
        if child := os.fork():
            os.waitpid(child, 0)
            return
        try:
            with Store.open(self.url) as store:
                self.pull(store, pages=pages)
        finally:
            os._exit(0)

    @rule()
    def restart(self) -> None:
        """The program ends and starts again."""
        self.store.close()
        self.store = Store.open(self.url)

    def teardown(self) -> None:
        """One clean night makes the store equal to the CRM; a whole pass finds even what leaves no stamp."""
        try:
            self.faults.clear()
            self.life.calm()
            night = self.pull(self.store)
            assert night.status == "complete", night.missing
            told(self, night, whole=False)
            whole = self.pull(self.store, asked=Asked(anew=ALL))
            assert whole.status == "complete", whole.missing
            told(self, whole, whole=True)
        finally:
            self.store.close()
            self._stack.close()

    def pull(self, store: Store, *, asked: Asked = NIGHT, pages: int | None = None) -> Run:
        """One run; killed as by `kill -9` after so many pages."""
        clock, left = self.life.clock, iter(range(pages)) if pages else count()

        def progress(kind: str, rows: int) -> None:
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

        start = Start(connection=self.name, started=clock.now(), config=digest(self.connection), asked=asked)
        with reach(self.connection, self.life.environ(), clock) as connector:
            return pull(connector, store, start=start, now=clock.now, progress=progress)


def told(history: History, run: Run, *, whole: bool) -> None:
    """Fail where store and CRM differ."""
    tables = history.store.frames(run)
    held, kept = history.life.holds(), history.life.told(tables)
    if not whole:
        held, kept = history.life.nightly(held), history.life.nightly(kept)
    assert not (wrong := list(differences(held, kept))), "\n".join(wrong)


def differences(held: Held, kept: Held) -> Iterator[str]:
    """What the CRM says and the store does not, and the other way about."""
    for kind, records in held.items():
        for record in sorted(records.keys() | kept[kind].keys()):
            there, here = records.get(record), kept[kind].get(record)
            if there != here:
                yield f"{kind} {record}: the CRM says {there}, the store {here}"


def soak(life: Callable[[], Life], url: str, *, histories: int = HISTORIES) -> None:
    """Live so many random histories."""
    run_state_machine_as_test(
        type("History", (History,), {"born": staticmethod(life), "url": url}),
        settings=settings(
            max_examples=histories,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            derandomize=bool(os.environ.get("CI")),
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
