"""A HubSpot portal over real HTTP, reached through the real client library."""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import count
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from crm_audit.config import Connection
from crm_audit.connectors.base import Gap, Page
from crm_audit.connectors.hubspot.connector import HubSpot
from crm_audit.connectors.hubspot.gateway import Gateway
from crm_audit.connectors.hubspot.limits import Pace
from crm_audit.connectors.hubspot.names import VERSION
from crm_audit.domain import KINDS
from crm_audit.emulator.clock import Clock
from crm_audit.emulator.faults import Faults
from crm_audit.emulator.hubspot import SERVICE_KEY, HubspotPortal
from crm_audit.emulator.server import serve
from crm_audit.emulator.transport import Loopback
from crm_audit.frames import LISTS, SCHEMAS
from crm_audit.pull import pull
from crm_audit.store import Asked, Run, Start, Store

NOW = datetime(2026, 3, 16, 15, tzinfo=UTC)
Ids = tuple[str, ...]
Known = Mapping[str, set[tuple[Any, ...]]]


@dataclass
class Bench:
    """A portal, and connectors to it."""

    portal: HubspotPortal
    clock: Clock
    base: str
    slept: list[float] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)

    def gateway(self, token: str = SERVICE_KEY, version: str = VERSION, share: str = "1") -> Gateway:
        return Gateway(token, pool=Loopback(self.base).pool(), version=version, pace=self.pace(share))

    def pace(self, share: str = "1") -> Pace:
        """The pace of a connector that lives in the portal's own time."""
        return Pace(share=Decimal(share), monotonic=lambda: self.clock.now().timestamp(), sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds=seconds)

    def connector(self, token: str = SERVICE_KEY, **settings: object) -> HubSpot:
        connection = Connection.model_validate({"vendor": "hubspot", **settings})
        version = str(connection.options.get("api", VERSION))
        return HubSpot(connection, self.gateway(token, version, str(connection.quota_share)))

    def make(self, kind: str, /, **properties: object) -> str:
        """A record as a user of the portal makes it."""
        given: dict[str, Any] = properties
        return self.portal.create(kind, **given)

    def set(self, kind: str, record: str, /, **properties: object) -> None:
        """Change a record as a user of the portal does."""
        given: dict[str, Any] = properties
        self.portal.update(kind, record, **given)

    def person(self, first: str, **properties: object) -> str:
        """A contact of the buyer's."""
        address = f"{first.lower()}@acme.example"
        return self.make("contacts", **{"firstname": first, "lastname": "Invented", "email": address, **properties})

    def deal(self, name: str = "Acme renewal", **properties: object) -> str:
        """An open deal in the default pipeline."""
        return self.make("deals", dealname=name, **{"pipeline": "default", "dealstage": "contractsent", **properties})

    def activity(self, kind: str, deals: Ids = (), people: Ids = (), **properties: object) -> str:
        """An activity on deals and contacts, at the portal's present unless it says otherwise."""
        stamp = {} if kind == "quotes" else {"hs_timestamp": self.clock.now().isoformat()}
        made = self.make(kind, **{**stamp, **properties})
        for deal in deals:
            self.portal.associate(kind, made, "deals", deal)
        for person in people:
            self.portal.associate(kind, made, "contacts", person)
        return made


@contextmanager
def bench() -> Iterator[Bench]:
    """A fresh portal, served for as long as the context lasts."""
    clock = Clock(NOW)
    portal, faults = HubspotPortal(clock), Faults()
    with serve(portal, faults=faults) as base:
        yield Bench(portal, clock, base, faults=faults)


@dataclass
class Told:
    """What one reading told: records by kind and id, and the kinds that it could not read to their end."""

    records: dict[str, dict[str, Any]]
    gaps: dict[str, str]
    pages: list[Page]


@cache
def _shelf() -> Store:
    folder = TemporaryDirectory()
    weakref.finalize(_shelf, folder.cleanup)
    return Store.open(f"sqlite:///{folder.name}/bench.db")


_numbers = count()


def told(connector: HubSpot) -> Told:
    """The first reading of a portal, into a partition of a store that is nobody else's."""
    store = _shelf()
    run = store.begin(Start(connection=f"bench {next(_numbers)}", started=NOW))
    found = Told({kind: {} for kind in KINDS}, {}, [])
    run = store.introduce(run, account=connector.account(), survey=connector.survey())
    for page in connector.read(store.reading(run)):
        if isinstance(page, Gap):
            found.gaps.setdefault(page.kind, page.reason)
            continue
        store.save(run, page)
        found.pages.append(page)
        found.records[page.kind].update({record.id: record for record in page.rows})
        for one in page.gone:
            found.records[page.kind].pop(one, None)
    return found


def rows(connector: HubSpot, kind: str) -> list[Any]:
    """All records of a kind."""
    return list(told(connector).records[kind].values())


def by_id(connector: HubSpot, kind: str) -> Mapping[str, Any]:
    """Records by their id."""
    return told(connector).records[kind]


@dataclass
class Nights:
    """One connection to a portal, read again and again into one store, each time by a connector of its own."""

    crm: Bench
    store: Store
    settings: Mapping[str, Any] = field(default_factory=dict)
    name: str = "portal"
    token: str = SERVICE_KEY
    last: HubSpot | None = None  # the connector of the last night

    def night(self, *, pages: int = 0, **asked: Any) -> Run:  # noqa: ANN401  # passed on
        """A run, an hour after whatever was done before it; `asked` is that of `store.Asked`."""
        self.crm.clock.advance(hours=1)
        return self.run(pages=pages, **asked)

    def run(self, *, pages: int = 0, late: timedelta = timedelta(), **asked: Any) -> Run:  # noqa: ANN401  # passed on
        """A run at the portal's present, by a clock of ours that is late; cut off after so many pages, 0 for none."""
        connector = self.last = self.crm.connector(self.token, **self.settings)
        start = Start(connection=self.name, started=self.crm.clock.now() - late, asked=Asked(**asked))
        saved = count(1)

        def progress(kind: str, rows: int) -> None:
            if next(saved) == pages:
                raise KeyboardInterrupt

        return pull(connector, self.store, start=start, now=self.crm.clock.now, progress=progress)

    def calls(self) -> int:
        """How many calls the last night took."""
        assert self.last is not None
        return self.last.calls.read

    def known(self, run: Run) -> dict[str, set[tuple[Any, ...]]]:
        """What the store has after a run, by kind; a link that ended is not there any more."""
        frames = self.store.frames(run)
        frames["links"] = frames["links"].filter(pl.col("valid_to").is_null())
        return {kind: set(frame.rows()) for kind, frame in frames.items()}

    def afresh(self) -> dict[str, set[tuple[Any, ...]]]:
        """What the store has after the first reading of the portal as it is now."""
        other = Nights(self.crm, self.store, self.settings, name=f"afresh {next(_numbers)}")
        run = other.run()
        assert run.status == "complete"
        return other.known(run)


def equal(nights: Nights, run: Run) -> bool:
    """Whether the store has just what the portal has; the past stays known where the portal forgets it."""
    assert (run.status, run.missing) == ("complete", {})
    mine, theirs = nights.known(run), nights.afresh()
    mine |= {"events": _resolved(mine), "deals": _with_companies(mine)}
    theirs["events"] = _resolved(theirs)
    assert mine.pop("history") >= theirs.pop("history")
    for kind, rows_ in theirs.items():
        assert mine[kind] == rows_, kind
    return True


def _resolved(known: Known) -> set[tuple[object, ...]]:
    """Events as a first reading would show them: with the survivors of merges, without who and what is deleted.

    An activity does not change when somebody on it is merged or deleted, and nobody who judges minds.
    """
    people = _named(known, "people")
    deals = {row[0] for row in known["deals"]}
    found = set()
    for event in _named(known, "events").values():
        on_it = (_now(people, one) for one in json.loads(event["people"]))
        event["people"] = LISTS.encode(sorted(set(filter(None, on_it))))
        for name in ("deals", "named"):
            event[name] = LISTS.encode([one for one in json.loads(event[name]) if one in deals])
        found.add(tuple(event.values()))
    return found


def _with_companies(known: Known) -> set[tuple[object, ...]]:
    """Deals as a first reading would show them: a deal does not change when its company is merged or deleted."""
    companies = _named(known, "companies")
    deals = _named(known, "deals").values()
    return {tuple((deal | {"company": _now(companies, deal["company"])}).values()) for deal in deals}


def _named(known: Known, kind: str) -> dict[str, dict[str, Any]]:
    return {row[0]: dict(zip(SCHEMAS[kind], row, strict=True)) for row in known[kind]}


def _now(records: Mapping[str, Mapping[str, Any]], one: str | None) -> str | None:
    found = records.get(one or "")
    while found and found["merged_into"]:
        found = records.get(found["merged_into"])
    return None if found is None or found["deleted"] else str(found["id"])
