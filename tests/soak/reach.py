"""The connector of a connection to an emulated CRM, whose waiting moves the emulated time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from crm_audit.config import Connection, secret
from crm_audit.connectors import salesforce
from crm_audit.connectors.base import Connector
from crm_audit.connectors.hubspot import HubSpot
from crm_audit.connectors.hubspot.gateway import Gateway
from crm_audit.connectors.hubspot.limits import Pace
from crm_audit.emulator.clock import Clock
from crm_audit.emulator.transport import Loopback


@contextmanager
def reach(connection: Connection, environ: Mapping[str, str], clock: Clock) -> Iterator[Connector]:
    """A new connector, whose connections are closed afterwards."""
    loopback = Loopback(connection.emulator or "")

    def sleep(seconds: float) -> None:
        clock.advance(seconds=seconds)

    if connection.vendor == "salesforce":
        with loopback.session() as session:
            yield salesforce.connect(connection, environ=environ, session=session, sleep=sleep)
        return
    pace = Pace(share=connection.quota_share, monotonic=lambda: clock.now().timestamp(), sleep=sleep)
    with loopback.pool() as pool:
        yield HubSpot(connection, Gateway(secret(connection, "access_token", environ), pool=pool, pace=pace))
