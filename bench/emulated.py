"""The reference org in a process of its own, so that its memory is not taken for the connector's.

    python -m bench.emulated salesforce 20

Prints one JSON line when it is ready, then answers one JSON line for each that it is told on stdin.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from time import perf_counter

from bench.reference import Org, Plan, Portal, Size, a_day
from bench.watch import peak
from crm_audit.emulator.hubspot import HubspotPortal
from crm_audit.emulator.hubspot.gate import Limits
from crm_audit.emulator.salesforce import SalesforceOrg
from crm_audit.emulator.server import serve

Said = dict[str, object]
LAG = timedelta(minutes=2)
"""How late HubSpot's search index is here; the vendor says "a few moments"."""


@dataclass(slots=True)
class Served:
    """The org and how many calls it had counted when it was last asked."""

    org: Org | Portal
    crm: SalesforceOrg | HubspotPortal
    days: count[int] = field(default_factory=lambda: count(1))
    counted: Counter[str] = field(default_factory=Counter)

    def advance(self, asked: Mapping[str, object]) -> Said:
        """Let time pass."""
        self.org.clock.advance(seconds=float(str(asked["seconds"])))
        return {}

    def day(self, asked: Mapping[str, object]) -> Said:
        """Let people work for a day."""
        return {"done": a_day(self.org, number=next(self.days)), "now": self.org.clock.now().isoformat()}

    def calls(self, asked: Mapping[str, object]) -> Said:
        """The calls since this was last asked, by kind; a log-in is none."""
        told = Counter({kind: n for kind, n in self.crm.calls.by_kind.items() if not kind.startswith("/services/")})
        new, self.counted = told - self.counted, told
        return {"calls": new, "MiB": peak()}


DO: Mapping[str, Callable[[Served, Mapping[str, object]], Said]] = {
    "advance": Served.advance,
    "day": Served.day,
    "calls": Served.calls,
}


def main(vendor: str, scale: int) -> None:
    """Build, serve, and do what is told until stdin ends."""
    began = perf_counter()
    served = _built(vendor, Plan(Size().scaled(scale)))
    with serve(served.crm) as base:
        _say({
            "base": base,
            "settings": served.org.settings(base),
            "environ": served.org.environ(),
            "now": served.org.clock.now().isoformat(),
            "records": sum(len(ids) for ids in served.org.ids.values()),
            "seconds": perf_counter() - began,
            "MiB": peak(),
        })  # fmt: skip
        for line in sys.stdin:
            asked: Mapping[str, object] = json.loads(line)
            _say(DO[str(asked["do"])](served, asked))


def _built(vendor: str, plan: Plan) -> Served:
    if vendor == "salesforce":
        org = Org.built(plan)
        org.clock.advance(hours=1)  # its log of deletions begins before the first sync does
        return Served(org, org.org)
    portal = Portal.built(plan)
    portal.portal.limits = Limits.real()
    portal.portal.search_lag = LAG
    portal.clock.advance(hours=1)
    return Served(portal, portal.portal)


def _say(told: Said) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
