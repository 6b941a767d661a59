"""A HubSpot portal over real HTTP, reached through the real client library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import urllib3

from crm_audit.config import Connection
from crm_audit.connectors.hubspot.connector import HubSpot
from crm_audit.connectors.hubspot.gateway import Gateway
from crm_audit.connectors.hubspot.names import HOST, VERSION
from crm_audit.domain import Record
from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import SERVICE_KEY, HubspotPortal
from crm_audit.emulator.server import serve

NOW = datetime(2026, 3, 16, 15, tzinfo=UTC)


class Loopback(urllib3.PoolManager):
    """Sends what is meant for HubSpot to a local address."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base

    def request(self, method: str, url: str, *args: Any, **how: Any) -> urllib3.BaseHTTPResponse:  # type: ignore[override]  # passes everything on
        assert url.startswith(HOST)
        return super().request(method, self.base + url.removeprefix(HOST), *args, **how)


@dataclass
class Bench:
    """A portal, and connectors to it."""

    portal: HubspotPortal
    clock: Clock
    base: str
    slept: list[float] = field(default_factory=list)

    def gateway(self, token: str = SERVICE_KEY, version: str = VERSION) -> Gateway:
        return Gateway(token, pool=Loopback(self.base), version=version, sleep=self.slept.append)

    def connector(self, **settings: Any) -> HubSpot:
        token = settings.pop("token", SERVICE_KEY)
        connection = Connection(vendor="hubspot", **settings)
        return HubSpot(connection, self.gateway(token, str(connection.options.get("api", VERSION))))

    def person(self, first: str, **properties: object) -> str:
        """A contact of the buyer's."""
        address = f"{first.lower()}@acme.example"
        return self.portal.create("contacts", firstname=first, lastname="Invented", email=address, **properties)

    def deal(self, name: str = "Acme renewal", **properties: object) -> str:
        """An open deal in the default pipeline."""
        given = {"pipeline": "default", "dealstage": "contractsent", **properties}
        return self.portal.create("deals", dealname=name, **given)

    def activity(
        self, kind: str, deals: tuple[str, ...] = (), people: tuple[str, ...] = (), **properties: object
    ) -> str:
        """An activity on deals and contacts, at the portal's present unless it says otherwise."""
        made = self.portal.create(kind, **{"hs_timestamp": self.clock.now().isoformat(), **properties})
        for deal in deals:
            self.portal.associate(kind, made, "deals", deal)
        for person in people:
            self.portal.associate(kind, made, "contacts", person)
        return made


@contextmanager
def bench() -> Iterator[Bench]:
    """A fresh portal, served for as long as the context lasts."""
    clock = Clock(NOW)
    portal = HubspotPortal(clock)
    with serve(portal) as base:
        yield Bench(portal, clock, base)


def rows(connector: HubSpot, kind: str, cursor: str | None = None) -> list[Any]:
    """All records of a kind."""
    return [row for page in connector.pages(kind, cursor) for row in page.rows]


def by_id(records: list[Record]) -> Mapping[str, Any]:
    """Records by their id, each of which must be unique."""
    found = {record.id: record for record in records}
    assert len(found) == len(records)
    return found
