"""`python -m bench.live`: how long a change in HubSpot takes to be answered by an annotation, webhook to write.

Everything is real but the portal, which is emulated: its deliveries are posted to the receiver, which wakes the one
thread that reads, judges and writes. The lag of HubSpot's own delivery comes on top.
"""

from __future__ import annotations

import argparse
import http.client
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from threading import Event, Thread
from urllib.parse import urlsplit

from crm_audit import packs
from crm_audit.config import Connection
from crm_audit.connectors.hubspot import HubSpot
from crm_audit.connectors.hubspot.deliveries import Deliveries
from crm_audit.connectors.hubspot.gateway import Gateway
from crm_audit.connectors.hubspot.limits import Pace
from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import SERVICE_KEY, HubspotPortal
from crm_audit.emulator.hubspot.webhooks import Delivery, Mischief
from crm_audit.emulator.server import serve
from crm_audit.emulator.transport import Loopback
from crm_audit.live import Live
from crm_audit.pipeline import Job
from crm_audit.rounds import Edge, Step, carry_out
from crm_audit.schedule import Waking, every_minute
from crm_audit.store import Store
from crm_audit.web.receiver import Receiver, listening

URL, SECRET = "https://audit.seller.example", "invented-secret"
MOST = 5.0
"""Seconds that 95 of 100 changes may take."""
STAGES = ("appointmentscheduled", "contractsent")
LADDERS = {"default": {"appointmentscheduled": 0, "qualifiedtobuy": 2, "contractsent": 5}}


def _quiet(*said: object) -> None:
    """Nobody listens."""


@dataclass
class Scene:
    """A portal, and all of ours that answers its webhooks."""

    portal: HubspotPortal
    clock: Clock
    job: Job
    edge: Edge
    store: Store
    at: str  # where the receiver listens
    waking: Waking
    steps: list[Step] = field(default_factory=list)
    refused: list[tuple[str, int, str]] = field(default_factory=list)

    def night(self) -> list[Step]:
        """A whole round."""
        return list(carry_out(self.job, self.store, self.edge, _quiet))

    def deliver(self, mischief: Mischief | None = None) -> list[int]:
        """Post what the portal has to say; the answers."""
        return [self.post(each) for each in self.portal.deliveries(f"{URL}/webhooks/portal", SECRET, mischief)]

    def post(self, delivery: Delivery) -> int:
        """Post one delivery, as HubSpot does by way of a proxy."""
        door = http.client.HTTPConnection(urlsplit(self.at).netloc, timeout=30)
        try:
            door.request("POST", delivery.url.removeprefix(URL), delivery.body, dict(delivery.headers))
            return door.getresponse().status
        finally:
            door.close()

    def shown(self, deal: str) -> str:
        """What the deal shows of ours."""
        return "|".join(
            str(self.portal.value("deals", deal, f"crm_audit_{name}")) for name in ("status", "top_finding")
        )


@contextmanager
def scene(url: str, **settings: object) -> Iterator[Scene]:
    """A portal with our properties, subscribed to what matters; nobody looks yet."""
    clock = Clock(datetime(2026, 3, 16, 15, tzinfo=UTC))
    portal = HubspotPortal(clock)
    portal.install_kit()
    for kind in ("deals", "contacts", "companies", "meetings", "calls", "emails", "tasks"):
        portal.subscribe("object.propertyChange", kind)
        portal.subscribe("object.creation", kind)
    portal.subscribe("object.associationChange", "deals")
    given = {"vendor": "hubspot", "ladder": "annotate", "ladders": LADDERS, "breaker_share": 1, **settings}
    job = Job("portal", Connection.model_validate(given), packs.load("core"))
    refused: list[tuple[str, int, str]] = []
    with serve(portal) as base, Store.open(url) as store:

        def connect(asked: Job) -> HubSpot:
            pace = Pace(monotonic=lambda: clock.now().timestamp(), sleep=lambda s: clock.advance(seconds=s))
            return HubSpot(asked.connection, Gateway(SERVICE_KEY, pool=Loopback(base).pool(), pace=pace))

        edge = Edge(connect=connect, now=clock.now, bug=lambda error: f"{type(error).__name__}: {error}")
        waking = Waking(glance=0.05)
        receiver = Receiver(
            mailboxes={"portal": Deliveries((SECRET.encode(),))},
            store=store,
            url=URL,
            now=clock.now,
            wake=waking.wake.set,
            tell=lambda *said: refused.append(said),
        )
        with listening(receiver, "127.0.0.1:0") as at:
            yield Scene(portal, clock, job, edge, store, at, waking, refused=refused)


@contextmanager
def looking(made: Scene) -> Iterator[None]:
    """A thread that looks whenever it is woken, as `serve` does."""
    live, over = Live((made.job,), made.store, made.edge, made.steps.append), Event()
    thread = Thread(target=partial(_until, over, live, made.waking), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        made.waking.wake.set()
        thread.join(30)


class _Over(Exception):
    """Nobody is to look any more."""


def _until(over: Event, live: Live, waking: Waking) -> None:
    def look() -> None:
        if over.is_set():
            raise _Over
        live.look()

    with suppress(_Over):
        every_minute(look, waking)


def latencies(url: str, *, deals: int, changes: int) -> list[float]:
    """Seconds from each of some changes, one after another, to its annotation."""
    with scene(url) as made:
        ids = [made.portal.create("deals", dealname=f"Deal {number}", pipeline="default", dealstage=STAGES[0])
               for number in range(deals)]  # fmt: skip
        if any(step.code for step in made.night()):
            raise RuntimeError("the night went wrong")
        made.deliver()
        with looking(made):
            return [_one(made, ids[number % deals], STAGES[(number // deals + 1) % 2]) for number in range(changes)]


def _one(made: Scene, deal: str, stage: str) -> float:
    made.clock.advance(seconds=60)
    before = made.shown(deal)
    made.portal.update("deals", deal, dealstage=stage)
    began = time.perf_counter()
    if made.deliver() != [204]:
        raise RuntimeError(f"the receiver refused: {made.refused}")
    while made.shown(deal) == before:
        if time.perf_counter() - began > 60:
            raise RuntimeError(f"nothing was written: {made.steps}")
        time.sleep(0.005)
    return time.perf_counter() - began


def p95(seconds: list[float]) -> float:
    """What 95 of 100 stay below."""
    return quantiles(seconds, n=20)[-1]


def main() -> None:
    """Measure and print; exit 1 where the limit is broken."""
    parser = argparse.ArgumentParser(prog="python -m bench.live", description=__doc__)
    parser.add_argument("--deals", type=int, default=200)
    parser.add_argument("--changes", type=int, default=100)
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        told = latencies(f"sqlite:///{Path(folder) / 'live.db'}", deals=asked.deals, changes=asked.changes)
    print(f"{asked.changes} changes among {asked.deals} deals: p95 {p95(told):.2f} s, median "
          f"{sorted(told)[len(told) // 2]:.2f} s, longest {max(told):.2f} s (at most {MOST:.0f} s at p95)")  # fmt: skip
    sys.exit(p95(told) > MOST)


if __name__ == "__main__":
    main()
