"""`crm-audit gate open`: every deal is let through at once, and nothing else of ours or theirs changes."""

from __future__ import annotations

import pytest

from crm_audit.connectors.hubspot import kit
from crm_audit.connectors.salesforce import own
from crm_audit.errors import Incomplete
from tests.cli.desk import Desk
from tests.cli.portals import hubspot, salesforce

LOWEST, NEXT = "appointmentscheduled", "contractsent"
GATED = 'bypass = "{bypass}"\nladder ='
PASSES = f'\n{NEXT} = 5\n\n[connections.portal.options]\npass_stages = ["{NEXT}"]\n'
PASS = kit.passes([NEXT])[NEXT]
WHY = ("--why", "the rules are wrong today")


def blocked(desk: Desk, bypass: str, more: str = "") -> None:
    text = desk.config.read_text("utf-8").replace("ladder =", GATED.format(bypass=bypass), 1)
    desk.settle(text + more)


def test_a_pass_is_filled_only_while_the_deal_may_enter_and_opening_fills_all(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hubspot(desk, monkeypatch, ladder="block") as crm:
        blocked(desk, "the desk", PASSES)
        crm.portal.define_property("deals", PASS, "enumeration", options=(kit.FILLED,))
        deal, closed = crm.deal(dealstage=LOWEST), crm.deal(dealstage="closedlost")
        desk("sync")
        desk("writeback", "apply", "portal")
        assert crm.portal.value("deals", deal, PASS) in (None, "")
        before = dict(crm.portal.shelves["deals"].rows[deal].values)
        assert "1 places to open" in desk("gate", "open", "portal", *WHY, "--dry-run").out
        assert crm.portal.value("deals", deal, PASS) in (None, "")
        opened = desk("gate", "open", "portal", *WHY)
        assert (opened.code, "the gate is open: 1 places opened" in opened.out) == (0, True)
        now = crm.portal.shelves["deals"].rows[deal].values
        assert {name for name in now if now[name] != before.get(name)} - {"hs_lastmodifieddate"} == {PASS}
        assert now[PASS] == kit.FILLED
        acts = [entry["act"] for entry in desk("log", "--json").json()["entries"]]
        assert acts == ["applied", "gate_opened", "applied"]
        assert crm.portal.value("deals", closed, PASS) in (None, "")
        assert "0 places opened, 1 deals were open already" in desk("gate", "open", "portal", *WHY).out
        desk("writeback", "apply", "portal")
        assert crm.portal.value("deals", deal, PASS) in (None, "")


def test_the_lists_of_refused_stages_are_emptied_and_no_verdict_is_made(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with salesforce(desk, monkeypatch, ladder="block") as crm:
        blocked(desk, "CRM_Audit_Gate_Bypass", '"Negotiation/Review" = 5\n')
        crm.make("CustomPermission", DeveloperName="CRM_Audit_Gate_Bypass", MasterLabel="Bypass")
        deal = crm.deal(StageName="Prospecting")
        desk("sync")
        desk("writeback", "apply", "org")
        (row,) = crm.org.rows(own.VERDICT)
        assert row["Refused_Stages__c"]
        late = crm.deal("Late", StageName="Prospecting")
        desk("sync")
        stamps = [crm.org.row("Opportunity", each) for each in (deal, late)]
        assert desk("gate", "open", "org", *WHY).code == 0
        (now,) = crm.org.rows(own.VERDICT)
        assert now["Refused_Stages__c"] is None
        assert now["Status__c"] == row["Status__c"]
        assert [crm.org.row("Opportunity", each) for each in (deal, late)] == stamps


def test_where_the_crm_has_no_gate_nothing_is_asked_of_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch) as crm:
        crm.deal(dealstage=LOWEST)
        desk("sync")
        calls = crm.portal.calls.read
        assert "0 places opened" in desk("gate", "open", "portal", *WHY).out
        assert crm.portal.calls.read == calls


def test_before_a_sync_no_deal_is_known(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch), pytest.raises(Incomplete, match="no finished sync"):
        desk("gate", "open", "portal", *WHY)
