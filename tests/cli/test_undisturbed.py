"""Runs leave the deal as it was: with unchanged evidence byte for byte, and in Salesforce, once linked, after any."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from crm_audit.config import Connection
from crm_audit.connectors.hubspot.hints import hints
from crm_audit.connectors.salesforce import own
from crm_audit.emulator.hubspot import SERVICE_KEY
from crm_audit.store import Store
from tests.cli.desk import Desk
from tests.cli.portals import hubspot, salesforce
from tests.connectors import hubspot_bench, salesforce_bench
from tests.doomed import carried_out

RUNS = 3


def test_fault_24_salesforce_runs_leave_the_opportunity_byte_for_byte(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with salesforce(desk, monkeypatch) as crm:
        deal = crm.deal(StageName="Prospecting", LastActivityDate="2026-03-01")
        assert desk("run", "org").code == 0
        linked = dict(crm.org.row("Opportunity", deal) or {})
        verdicts = [dict(row) for row in crm.org.rows(own.VERDICT)]
        for _ in range(RUNS):
            crm.clock.advance(days=1)
            desk("run", "org")
        assert crm.org.row("Opportunity", deal) == linked
        assert [dict(row) for row in crm.org.rows(own.VERDICT)] == verdicts
        assert crm.org.rows("Task") == []
        assert crm.org.rows("Event") == []


def test_salesforce_another_verdict_leaves_a_linked_opportunity_byte_for_byte(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with salesforce(desk, monkeypatch) as crm:
        deal = crm.deal(StageName="Prospecting")
        desk("run", "org")
        crm.clock.advance(days=1)
        crm.change(deal, StageName="Needs Analysis")
        moved = dict(crm.org.row("Opportunity", deal) or {})
        said = [row["Status__c"] for row in crm.org.rows(own.VERDICT)]
        crm.clock.advance(hours=1)
        desk("run", "org")
        assert [row["Status__c"] for row in crm.org.rows(own.VERDICT)] != said
        assert crm.org.row("Opportunity", deal) == moved


def test_fault_24_hubspot_runs_leave_the_deal_byte_for_byte(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch) as crm:
        deal = crm.deal(dealstage="appointmentscheduled")
        assert desk("run", "portal").code == 0
        before = dict(crm.portal.shelves["deals"].rows[deal].values)
        for _ in range(RUNS):
            crm.clock.advance(days=1)
            desk("run", "portal")
        assert dict(crm.portal.shelves["deals"].rows[deal].values) == before


def test_hubspot_the_first_flag_changes_nothing_but_ours_and_the_stamp(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hubspot(desk, monkeypatch) as crm:
        deal = crm.deal(dealstage="appointmentscheduled")
        before = dict(crm.portal.shelves["deals"].rows[deal].values)
        crm.clock.advance(days=1)
        desk("run", "portal")
        after = dict(crm.portal.shelves["deals"].rows[deal].values)
        other = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        assert {name for name in other if not name.startswith("crm_audit_")} <= {"hs_lastmodifieddate"}


def settings_of(crm: hubspot_bench.Bench | salesforce_bench.Bench) -> tuple[Connection, Mapping[str, str]]:
    """A connection that writes, and its secrets; the deals stand at rung 3, where much is asked of them."""
    if isinstance(crm, salesforce_bench.Bench):
        return crm.connection(ladder="annotate", ladders={"*": {salesforce_bench.STAGE: 3}}), crm.environ()
    told = {
        "vendor": "hubspot", "emulator": crm.base, "ladder": "annotate", "login": {"access_token": "T"},
        "ladders": {"default": {"contractsent": 3}},
    }  # fmt: skip
    return Connection.model_validate(told), {"T": SERVICE_KEY}


def rounds(
    crm: hubspot_bench.Bench | salesforce_bench.Bench, store_url: str, between: Callable[[Store], object]
) -> int:
    """Two rounds with something in between; how many writes to deals the second one planned."""
    connection, secrets = settings_of(crm)
    with Store.open(store_url) as store:
        first = carried_out("crm", connection, secrets, store, clock=crm.clock)
        assert "0 writes" not in first[2].says
        between(store)
        second = carried_out("crm", connection, secrets, store, clock=crm.clock)
    assert [step.code for step in first + second] == [0] * 8
    return int(second[2].says.partition(" ")[0])


def test_fault_24_hubspot_a_day_on_which_nothing_happened_writes_nothing(store_url: str) -> None:
    with hubspot_bench.bench() as hs:
        hs.portal.install_kit()
        hs.deal()
        assert rounds(hs, store_url, lambda store: hs.clock.advance(hours=24)) == 0


def test_fault_24_salesforce_a_day_on_which_nothing_happened_writes_nothing(store_url: str) -> None:
    with salesforce_bench.bench() as sf:
        sf.org.install_kit()
        sf.deal()
        assert rounds(sf, store_url, lambda store: sf.clock.advance(hours=24)) == 0


def test_fault_24_webhooks_about_our_own_writes_lead_to_none(store_url: str) -> None:
    with hubspot_bench.bench() as hs:
        hs.portal.install_kit()
        hs.deal()
        hs.portal.subscribe("object.propertyChange", "deals")
        told: list[int] = []
        heard: list[int] = []

        def deliver(store: Store) -> None:
            hs.clock.advance(minutes=1)
            deliveries = hs.portal.deliveries("https://audit.seller.example/", "invented-secret")
            told.append(sum(len(each.events) for each in deliveries))
            heard.append(sum(store.hear("crm", hints(each.body), at=hs.clock.now()) for each in deliveries))

        assert rounds(hs, store_url, deliver) == 0
        assert any(told)
        assert not any(heard)
