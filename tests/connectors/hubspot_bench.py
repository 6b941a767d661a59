"""A HubSpot portal over real HTTP, reached through the real client library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from crm_audit.config import Connection
from crm_audit.connectors.hubspot.connector import HubSpot
from crm_audit.connectors.hubspot.gateway import Gateway
from crm_audit.connectors.hubspot.names import VERSION
from crm_audit.emulator.clock import Clock
from crm_audit.emulator.faults import Faults
from crm_audit.emulator.hubspot import SERVICE_KEY, HubspotPortal
from crm_audit.emulator.server import serve
from crm_audit.emulator.transport import Loopback

NOW = datetime(2026, 3, 16, 15, tzinfo=UTC)
Ids = tuple[str, ...]


@dataclass
class Bench:
    """A portal, and connectors to it."""

    portal: HubspotPortal
    clock: Clock
    base: str
    slept: list[float] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)

    def gateway(self, token: str = SERVICE_KEY, version: str = VERSION) -> Gateway:
        return Gateway(token, pool=Loopback(self.base).pool(), version=version, sleep=self.slept.append)

    def connector(self, token: str = SERVICE_KEY, **settings: object) -> HubSpot:
        connection = Connection.model_validate({"vendor": "hubspot", **settings})
        return HubSpot(connection, self.gateway(token, str(connection.options.get("api", VERSION))))

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


def rows(connector: HubSpot, kind: str, cursor: str | None = None) -> list[Any]:
    """All records of a kind."""
    return [row for page in connector.pages(kind, cursor) for row in page.rows]


def by_id(connector: HubSpot, kind: str) -> Mapping[str, Any]:
    """Records by their id, each of which must be unique."""
    listed = rows(connector, kind)
    found = {record.id: record for record in listed}
    assert len(found) == len(listed)
    return found
