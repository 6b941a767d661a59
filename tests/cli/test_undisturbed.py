"""Runs leave the deal as it was: with unchanged evidence byte for byte, and in Salesforce, once linked, after any."""

from __future__ import annotations

import pytest

from crm_audit.connectors.salesforce import own
from tests.cli.desk import Desk
from tests.cli.portals import hubspot, salesforce

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
