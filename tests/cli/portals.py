"""Emulated CRMs over real HTTP, with the settings that reach them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from crm_audit.emulator.hubspot import SERVICE_KEY
from tests.cli.desk import Desk
from tests.connectors import hubspot_bench, salesforce_bench

HUBSPOT = """
[connections.portal]
vendor = "hubspot"
emulator = "{base}"
ladder = "{ladder}"
login = {{ access_token = "PORTAL_TOKEN" }}

[connections.portal.ladders.default]
appointmentscheduled = 0
qualifiedtobuy = 2
"""

SALESFORCE = """
[connections.org]
vendor = "salesforce"
emulator = "{base}"
ladder = "{ladder}"
currency = "USD"
login = {{ consumer_key = "ORG_KEY", consumer_secret = "ORG_SECRET" }}
options = {{ domain = "{domain}" }}

[connections.org.ladders."*"]
Prospecting = 0
"Needs Analysis" = 2
"""


@contextmanager
def hubspot(desk: Desk, monkeypatch: pytest.MonkeyPatch, ladder: str = "annotate") -> Iterator[hubspot_bench.Bench]:
    """A portal with our properties, and the settings of a connection called `portal`."""
    with hubspot_bench.bench() as crm:
        crm.portal.install_kit()
        monkeypatch.setenv("PORTAL_TOKEN", SERVICE_KEY)
        desk.settle(HUBSPOT.format(base=crm.base, ladder=ladder))
        yield crm


@contextmanager
def salesforce(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, ladder: str = "annotate"
) -> Iterator[salesforce_bench.Bench]:
    """An org with our package, and the settings of a connection called `org`."""
    with salesforce_bench.bench() as crm:
        crm.org.install_kit()
        monkeypatch.setenv("ORG_KEY", crm.org.gatehouse.client_id)
        monkeypatch.setenv("ORG_SECRET", crm.org.gatehouse.client_secret)
        desk.settle(SALESFORCE.format(base=crm.base, ladder=ladder, domain=crm.org.domain))
        yield crm


def nobody_there() -> str:
    """An address on loopback at which nobody listens."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{door.getsockname()[1]}"


def export(desk: Desk, text: str = "Id,Stage,Amount\nd1,Negotiate,1000\nd2,Prospect,\n") -> None:
    """A folder of exports with one file of deals."""
    (desk.folder / "export").mkdir(exist_ok=True)
    (desk.folder / "export" / "deals.csv").write_text(text, encoding="utf-8")
