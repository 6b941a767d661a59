"""`crm-audit writeback undo`, and the breaker: what was reviewed, or nothing."""

from __future__ import annotations

import json

import pytest

from crm_audit.connectors.hubspot.names import OWN
from crm_audit.connectors.salesforce import own
from crm_audit.errors import FixConfig, Unreviewed
from tests.cli.desk import Desk
from tests.cli.portals import hubspot, salesforce

LOWEST = "appointmentscheduled"


def run_of(desk: Desk) -> int:
    return int(json.loads(desk("sync", "--json").out)["runs"][0]["id"])


def test_undo_sets_back_what_a_run_wrote_and_a_second_undo_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch) as crm:
        deal = crm.deal(dealstage=LOWEST)
        crm.set("deals", deal, crm_audit_next_step="by hand")
        run = run_of(desk)
        desk("writeback", "apply", "portal")
        assert crm.portal.value("deals", deal, "crm_audit_next_step") in (None, "")
        undone = desk("writeback", "undo", "portal", str(run), "--json").json()
        assert [receipt["ok"] for receipt in undone["receipts"]] == [True]
        assert crm.portal.value("deals", deal, "crm_audit_next_step") == "by hand"
        assert crm.portal.value("deals", deal, "crm_audit_status") in (None, "")
        again = desk("writeback", "undo", "portal", str(run), "--json").json()
        assert (again["receipts"], again["calls_that_wrote"]) == ([], 0)


def test_a_dry_run_writes_nothing_and_its_digest_is_done_or_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hubspot(desk, monkeypatch) as crm:
        deal = crm.deal(dealstage=LOWEST)
        run = str(run_of(desk))
        desk("writeback", "apply", "portal")
        before = dict(crm.portal.shelves["deals"].rows[deal].values)
        shown = desk("writeback", "undo", "portal", run, "--dry-run", "--json").json()
        assert shown["writes"]
        assert (
            f"undo {shown['digest']} of run {run}: 1 places"
            in desk("writeback", "undo", "portal", run, "--dry-run").out
        )
        assert dict(crm.portal.shelves["deals"].rows[deal].values) == before
        crm.set("deals", deal, crm_audit_status="overstated")
        with pytest.raises(FixConfig, match="something changed since"):
            desk("writeback", "undo", "portal", run, "--plan", shown["digest"])
        desk("writeback", "undo", "portal", run)
        assert crm.portal.value("deals", deal, "crm_audit_status") == "overstated"


def test_undo_empties_a_verdict_and_never_touches_the_opportunity(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with salesforce(desk, monkeypatch) as crm:
        deal = crm.deal(StageName="Prospecting")
        run = run_of(desk)
        desk("writeback", "apply", "org")
        before = dict(crm.org.row("Opportunity", deal) or {})
        crm.clock.advance(hours=1)
        assert desk("writeback", "undo", "org", str(run)).code == 0
        (verdict,) = crm.org.rows(own.VERDICT)
        assert [verdict.get(name) for name in own.SAID] == [None] * len(own.SAID)
        assert crm.org.row("Opportunity", deal) == before


def test_undo_works_in_shadow(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch) as crm:
        deal = crm.deal(dealstage=LOWEST)
        run = run_of(desk)
        desk("writeback", "apply", "portal")
        desk.settle(desk.config.read_text("utf-8").replace('"annotate"', '"shadow"'))
        answer = desk("writeback", "undo", "portal", str(run))
        assert "1 of 1 writes done and read back" in answer.out
        assert {crm.portal.value("deals", deal, name) for name in OWN.values()} <= {None, ""}


def test_a_run_that_wrote_nothing_has_nothing_to_undo(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch) as crm:
        crm.deal(dealstage=LOWEST)
        run_of(desk)
        assert desk("writeback", "undo", "portal", "999", "--json").json()["receipts"] == []


def test_the_breaker_writes_nothing_until_the_plan_was_reviewed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch) as crm:
        deals = [crm.deal(dealstage=LOWEST) for _ in range(3)]
        desk.settle(desk.config.read_text("utf-8").replace("ladder =", "breaker_deals = 2\nladder =", 1))
        desk("sync")
        assert "held: it touches 3 deals, and breaker_deals is 2" in desk("writeback", "plan", "portal").out
        with pytest.raises(Unreviewed, match="nothing was written: it touches 3 deals"):
            desk("writeback", "apply", "portal")
        assert desk("run", "portal").code == Unreviewed.exit_code
        assert {crm.portal.value("deals", deal, "crm_audit_status") for deal in deals} == {None}
        word = desk("writeback", "plan", "portal", "--json").json()["digest"]
        assert desk("writeback", "apply", "portal", "--plan", word).code == 0
        assert {crm.portal.value("deals", deal, "crm_audit_status") for deal in deals} == {"supported"}
