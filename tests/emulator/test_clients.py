"""The emulator as clients see it that nobody on this project wrote: jsforce and HubSpot's own for Node."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import SERVICE_KEY, HubspotPortal
from crm_audit.emulator.server import Request, Response, serve
from tests.emulator.org_bench import a_deal, an_org
from tests.node import node

NOON = datetime(2026, 3, 16, 12, tzinfo=UTC)
DEALS = 450
"""Three pages of the smallest size that Salesforce gives."""


@dataclass(frozen=True)
class InTime:
    """A portal in which every call takes half a second, so that a limit is reached and passes."""

    portal: HubspotPortal

    def answer(self, request: Request, *, base: str) -> Response:
        self.portal.clock.advance(seconds=0.5)
        return self.portal.answer(request, base=base)


@contextmanager
def salesforce() -> Iterator[dict[str, object]]:
    org = an_org()
    org.install_kit()
    org.refuse("Opportunity", lambda _, row: row.get("NextStep") == "forbidden", message="Not like this")
    account = org.insert("Account", Name="Acme")
    deals = [a_deal(org, Name=f"Forklifts {n}", Amount=1000.5, AccountId=account) for n in range(DEALS)]
    contact = org.insert("Contact", LastName="Ng", AccountId=account)
    org.insert("OpportunityContactRole", OpportunityId=deals[0], ContactId=contact, Role="Economic Buyer")
    deleted = a_deal(org)
    org.delete("Opportunity", deleted)
    with serve(org) as address:
        yield {
            "address": address,
            "clientId": org.gatehouse.client_id,
            "clientSecret": org.gatehouse.client_secret,
            "deals": deals,
            "deleted": deleted,
            "day": ["2026-03-16T11:00:00+00:00", "2026-03-16T13:00:00+00:00"],
        }


@contextmanager
def hubspot() -> Iterator[dict[str, object]]:
    clock = Clock(NOON)
    portal, slow = HubspotPortal(clock), HubspotPortal(Clock(NOON))
    slow.limits.search, slow.limits.burst = 1, 18
    portal.define_owner("kim@seller.example", "Kim", "Vale")
    portal.define_label("deals", "contacts", "Decision maker")
    deals = [
        portal.create("deals", dealname=f"Forklifts {n}", amount="1000.5", dealstage="appointmentscheduled")
        for n in range(25)
    ]
    contact = portal.create("contacts", lastname="Ng")
    portal.associate("deals", deals[0], "contacts", contact, label="Decision maker")
    survivor, merged = portal.create("contacts", lastname="Ott"), portal.create("contacts", lastname="Otto")
    portal.merge("contacts", survivor, merged)
    clock.advance(days=1)
    portal.update("deals", deals[0], dealstage="qualifiedtobuy")
    with serve(portal) as address, serve(InTime(slow)) as throttled:
        yield {
            "address": address,
            "throttled": throttled,
            "accessToken": SERVICE_KEY,
            "deals": deals,
            "contact": contact,
            "merged": merged,
            "survivor": survivor,
        }


@pytest.mark.parametrize("suite", ["jsforce", "hubspot"])
def test_a_client_from_elsewhere(suite: str) -> None:
    with {"jsforce": salesforce, "hubspot": hubspot}[suite]() as emulated:
        ran = node("--test", "--test-reporter=spec", f"{suite}.test.js", says={"EMULATED": json.dumps(emulated)})
    assert ran.returncode == 0, ran.stdout + ran.stderr
