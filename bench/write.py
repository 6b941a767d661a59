"""`make bench-write`: how many calls writing back costs, and how long it takes.

Calls that write are counted by the emulated CRM. A change of a thousand deals is a heavy night; thirty thousand first
flags is the night on which a large portal goes from shadow to annotate.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from tempfile import TemporaryDirectory
from typing import Any

from bench.watch import peak
from crm_audit.config import Connection
from crm_audit.connectors import salesforce
from crm_audit.connectors.base import Connector
from crm_audit.connectors.hubspot import HubSpot
from crm_audit.connectors.hubspot.gateway import Gateway
from crm_audit.connectors.hubspot.limits import Pace
from crm_audit.domain import Annotation
from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import SERVICE_KEY, HubspotPortal
from crm_audit.emulator.salesforce import SalesforceOrg
from crm_audit.emulator.server import serve
from crm_audit.emulator.transport import Loopback
from crm_audit.store import Store
from crm_audit.writeback.apply import apply
from crm_audit.writeback.plan import plan

NOW = datetime(2026, 3, 16, 15, tzinfo=UTC)
FLAGS, CHANGED = 30_000, 1_000
SAID = Annotation(status="overstated", stage_gap=1, top_finding="Dana has not seen the price.", next_step="Show her.")
ANOTHER = replace(SAID, top_finding="Dana saw another price.")


@dataclass(frozen=True, slots=True)
class Told:
    """One measurement; `most` is how many calls that write it may cost."""

    vendor: str
    what: str
    calls: int
    most: int
    wall: float


@dataclass(slots=True)
class Side:
    """An emulated CRM: its deals, a connector to it, and how many calls that write it has counted."""

    vendor: str
    deals: list[str]
    connector: Connector
    counted: Callable[[], int]

    def written(self, store: Store, deals: list[str], said: Annotation, what: str, *, most: int) -> Told:
        """Plan and apply."""
        before, began = self.counted(), time.perf_counter()
        wanted = {deal: self.connector.wanted(deal, said) for deal in deals}
        made = replace(plan(wanted, self.connector.shown(deals)), connection=self.vendor)
        receipts = apply(made, self.connector, store.outbox)
        assert all(receipt.ok for receipt in receipts)
        return Told(self.vendor, what, self.counted() - before, most, time.perf_counter() - began)


@contextmanager
def hubspot(deals: int) -> Iterator[Side]:
    """A portal with so many open deals."""
    portal = HubspotPortal(Clock(NOW))
    portal.install_kit()
    rows = ({"dealname": f"Deal {n}", "pipeline": "default", "dealstage": "contractsent"} for n in range(deals))
    ids = portal.load("deals", rows)
    with serve(portal) as base, Loopback(base).pool() as pool:
        pace = Pace(
            monotonic=lambda: portal.now().timestamp(), sleep=lambda seconds: portal.clock.advance(seconds=seconds)
        )
        connector = HubSpot(
            Connection.model_validate({"vendor": "hubspot"}), Gateway(SERVICE_KEY, pool=pool, pace=pace)
        )
        yield Side("hubspot", ids, connector, lambda: portal.calls.write)


@contextmanager
def org(deals: int) -> Iterator[Side]:
    """An org with so many open deals."""
    crm = SalesforceOrg(Clock(NOW))
    crm.install_kit()
    stage: dict[str, Any] = {"StageName": "Negotiation/Review", "IsClosed": False, "IsWon": False, "IsDeleted": False}
    ids = crm.load("Opportunity", [{"Name": f"Deal {n}", "CloseDate": NOW.date(), **stage} for n in range(deals)])
    login = {"consumer_key": "KEY", "consumer_secret": "SECRET"}
    with serve(crm) as base, Loopback(base).session() as session:
        told = {"vendor": "salesforce", "emulator": base, "login": login, "options": {"domain": crm.domain}}
        secrets = {"KEY": crm.gatehouse.client_id, "SECRET": crm.gatehouse.client_secret}
        connection = Connection.model_validate(told)
        connector = salesforce.connect(connection, environ=secrets, session=session, sleep=lambda seconds: None)
        yield Side("salesforce", ids, connector, lambda: crm.calls.write)


def measured(flags: int = FLAGS, changed: int = CHANGED) -> Iterator[Told]:
    """Every measurement, one after the other."""
    with TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/store.db") as store:
        with hubspot(flags) as portal:
            yield portal.written(store, portal.deals, SAID, f"{flags:,} first flags", most=-(-flags // 100))
            few = portal.deals[:changed]
            yield portal.written(store, few, ANOTHER, f"{changed:,} changed", most=-(-changed // 100))
            yield portal.written(store, few, ANOTHER, "nothing changed", most=0)
        with org(flags) as crm:
            most = min(2 * -(-flags // 200) + 1, 150)
            yield crm.written(store, crm.deals, SAID, f"{flags:,} first flags", most=most)
            few = crm.deals[:changed]
            yield crm.written(store, few, ANOTHER, f"{changed:,} changed", most=-(-changed // 200))
            yield crm.written(store, few, ANOTHER, "nothing changed", most=0)


def main() -> None:
    """Measure, print, and fail where more calls were made than there may be."""
    asked = argparse.ArgumentParser(prog="python -m bench.write", description=__doc__)
    asked.add_argument("--divisor", type=int, default=1, help="divide the deals by this")
    divisor: int = asked.parse_args().divisor
    over = False
    for each in measured(FLAGS // divisor, CHANGED // divisor):
        over |= each.calls > each.most
        print(
            f"{each.vendor:12}{each.what:22}{each.calls:6,} calls that write (at most {each.most:,})  "
            f"{each.wall:7.1f} s  peak {peak():5.0f} MiB"
        )
    sys.exit(over)


if __name__ == "__main__":
    main()
