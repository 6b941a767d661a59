"""kill -9 of a round and of an undo at every step: the next ends as planned and repeats one identical write at most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from crm_audit import pipeline
from crm_audit.connectors.base import Connector
from crm_audit.connectors.hubspot.gateway import BATCH
from crm_audit.connectors.hubspot.names import OWN
from crm_audit.connectors.salesforce import own
from crm_audit.connectors.salesforce.gateway import MOST_RECORDS
from crm_audit.emulator.automation import Automations
from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import SERVICE_KEY
from crm_audit.pipeline import Job
from crm_audit.store import Store
from tests.connectors import hubspot_bench, salesforce_bench
from tests.doomed import CORE, Doing, carried_out, killed
from tests.soak.reach import reach

FIRST = tuple(f"P{step}" for step in range(8))
LATER = ("P2:2", "P3:2", "P4:2", "P5:2", "P6:2")
"""The second batch: the first one has arrived and is known to have."""
SOME, NAME = 2, "crm"


@dataclass
class Scene:
    """One CRM, one store, and what a process needs to know of both."""

    doing: Doing
    clock: Clock
    automations: Automations
    ours: str  # who we are in the CRM's book
    said: Callable[[], list[tuple[Any, ...]]]

    @property
    def job(self) -> Job:
        return Job(NAME, self.doing.connection, CORE)

    def round(self) -> list[int]:
        """One round in this process: the codes of its steps."""
        with Store.open(self.doing.url) as store:
            done = carried_out(NAME, self.doing.connection, self.doing.environ, store, clock=self.clock)
        return [step.code for step in done]

    def undo(self, run: int) -> int:
        """Undo a run in this process: how many writes that took."""
        with self.asked() as (connector, store):
            made = pipeline.undone(self.job, run, connector, store)
            receipts = pipeline.applied(made, connector, store, lambda done: None)
        assert all(receipt.ok for receipt in receipts)
        return len(receipts)

    def run(self) -> int:
        """The number of the last run."""
        with Store.open(self.doing.url) as store:
            found = store.latest(NAME)
        assert found is not None
        return found.id

    def left(self) -> int:
        """How many writes a plan would hold now."""
        with self.asked() as (connector, store):
            report = pipeline.check(store, self.job, as_of=self.clock.now())
            return len(pipeline.planned(report, connector, store).writes)

    @contextmanager
    def asked(self) -> Iterator[tuple[Connector, Store]]:
        with Store.open(self.doing.url) as store, reach(self.job.connection, self.doing.environ, self.clock) as crm:
            yield crm, store

    def written(self) -> list[Counter[str]]:
        """By record, how often we wrote what, by the CRM's own book; the heartbeat is no deal's."""
        found: dict[str, Counter[str]] = {}
        for change in self.automations.book:
            if change.by == self.ours and change.kind != own.CONNECTION:
                found.setdefault(change.record, Counter())[repr(sorted(change.after.items()))] += 1
        return list(found.values())


@contextmanager
def opened(vendor: str, url: str, deals: int) -> Iterator[Scene]:
    """An emulated CRM with so many deals of which something is to be said."""
    if vendor == "hubspot":
        with hubspot_bench.bench() as hs:
            hs.portal.install_kit()
            ids = [hs.deal(f"Deal {number}", dealstage="contractsent") for number in range(deals)]
            settings = {
                "vendor": "hubspot", "emulator": hs.base, "ladder": "annotate", "breaker_deals": 1000,
                "breaker_share": 1, "login": {"access_token": "TOKEN"}, "ladders": {"default": {"contractsent": 0}},
            }  # fmt: skip
            doing = Doing(NAME, settings, {"TOKEN": SERVICE_KEY}, url, hs.clock.now())
            values = lambda: [tuple(hs.portal.value("deals", each, name) for name in OWN.values()) for each in ids]  # noqa: E731
            yield Scene(doing, hs.clock, hs.portal.automations, "INTEGRATION", values)
        return
    with salesforce_bench.bench() as sf:
        sf.org.install_kit()
        for number in range(deals):
            sf.deal(f"Deal {number}", StageName="Prospecting")
        more: Mapping[str, Any] = {"ladder": "annotate", "breaker_share": 1, "ladders": {"*": {"Prospecting": 0}}}
        doing = Doing(NAME, sf.connection(**more).model_dump(mode="json"), sf.environ(), url, sf.clock.now())
        said = lambda: [tuple(row.get(name) for name in own.SAID) for row in sf.org.rows(own.VERDICT)]  # noqa: E731
        yield Scene(doing, sf.clock, sf.org.automations, sf.org.integration_user, said)


def rows(url: str, table: str) -> list[tuple[str, str, str]]:
    engine = create_engine(url)
    with engine.connect() as db:
        found = db.execute(text(f"SELECT deal, place, state FROM {table} ORDER BY id")).all()
    engine.dispose()
    return [(deal, place, state) for deal, place, state in found]


def nothing_is_left_or_doubled(scene: Scene) -> None:
    """No write is under way, the journal tells each once, and no record was written more often than once again."""
    assert rows(scene.doing.url, "outbox") == []
    told = Counter((deal, place) for deal, place, _ in rows(scene.doing.url, "journal"))
    assert list(told.values()) == [1] * len(scene.written())
    with Store.open(scene.doing.url) as store:
        assert store.log.verify().faults == ()
        assert sum(int(str(entry.facts()["applied"])) for entry in store.log.entries()) == len(told)
    for writes in scene.written():
        assert len(writes) == 1  # the same each time
        assert writes.total() <= 2


def arrived(point: str) -> bool:
    """Whether all of the batch had arrived when the process was killed."""
    return point >= "P4"


POINTS = [(point, SOME) for point in FIRST] + [(point, 1 + max(BATCH, MOST_RECORDS)) for point in LATER]


@pytest.mark.parametrize(("vendor", "at"), list(product(["hubspot", "salesforce"], POINTS)), ids=str)
def test_fault_32_killed_at_any_step_of_writing_the_next_round_ends_as_planned(
    store_url: str, vendor: str, at: tuple[str, int]
) -> None:
    point, deals = at
    with opened(vendor, store_url, deals) as scene:
        assert killed(scene.doing, point)
        scene.clock.advance(minutes=1)
        assert scene.round() == [0, 0, 0, 0]
        assert scene.left() == 0
        assert len(scene.written()) == deals * (1 if vendor == "hubspot" else 2)
        nothing_is_left_or_doubled(scene)
        if arrived(point):
            assert {writes.total() for writes in scene.written()} == {1}
        before = [writes.total() for writes in scene.written()]
        assert scene.round() == [0, 0, 0, 0]
        assert [writes.total() for writes in scene.written()] == before


@pytest.mark.parametrize(("vendor", "point"), list(product(["hubspot", "salesforce"], FIRST[1:])))
def test_fault_32_killed_at_any_step_of_an_undo_the_next_undo_ends_it(store_url: str, vendor: str, point: str) -> None:
    with opened(vendor, store_url, SOME) as scene:
        scene.round()
        run, length, journal = scene.run(), len(scene.automations.book), len(rows(store_url, "journal"))
        said = scene.said()
        assert all(row[0] == "supported" for row in said)
        assert killed(replace(scene.doing, undo=run), point)
        assert scene.undo(run) == (SOME if point < "P3" else 0)  # what has arrived is found out by asking
        assert [set(row) for row in scene.said()] == [{None}] * SOME
        assert scene.undo(run) == 0
        del scene.automations.book[:length]
        assert len(scene.written()) == SOME
        for writes in scene.written():
            assert (len(writes), writes.total()) == (1, 1)
        assert rows(scene.doing.url, "outbox") == []
        assert len(rows(scene.doing.url, "journal")) == journal + SOME  # each write and each undo


def test_fault_32_killed_before_its_end_a_round_has_not_said_that_we_are_alive(store_url: str) -> None:
    """The heartbeat is the last thing of a round: the gate must not believe in one that did not come to its end."""
    with opened("salesforce", store_url, SOME) as scene:
        assert killed(scene.doing, "P7")
        assert [each for each in scene.automations.book if own.HEARTBEAT in each.after] == []
        scene.round()
        assert [each.kind for each in scene.automations.book if own.HEARTBEAT in each.after] == [own.CONNECTION]
