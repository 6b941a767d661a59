"""A rep answers on the record, and the next night knows: what is snoozed, logged, and called wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.desk import Desk
from tests.cli.portals import hubspot
from tests.connectors.hubspot_bench import Bench

QUALIFIED = "qualifiedtobuy"


def ahead(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def answered(desk: Desk, crm: Bench, deal: str, **answer: str) -> str:
    """Show the verdict, answer to what is on top, and let a night pass; what was on top."""
    desk("sync")
    desk("writeback", "apply", "portal")
    top = str(crm.portal.value("deals", deal, "crm_audit_top_finding"))
    crm.clock.advance(hours=1)
    crm.set("deals", deal, **{f"crm_audit_{name}": value for name, value in answer.items()})
    crm.clock.advance(hours=1)
    desk("sync")
    return top


def statuses(desk: Desk, deal: str) -> dict[str, str]:
    return {each["says"]: each["status"] for each in desk("explain", deal, "--json").json()["findings"]}


def test_what_a_rep_puts_off_leaves_the_top_and_is_logged(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch) as crm:
        deal = crm.deal(dealstage=QUALIFIED)
        top = answered(
            desk, crm, deal, answer="not_applicable", answer_until=ahead(20), answer_reason="No budget is needed"
        )
        assert statuses(desk, deal)[top] == "snoozed"
        assert " · snoozed" in desk("explain", deal).out
        desk("writeback", "apply", "portal")
        assert crm.portal.value("deals", deal, "crm_audit_top_finding") not in ("", None, top)
        details = str(crm.portal.value("deals", deal, "crm_audit_details"))
        assert " snoozed\n" in details
        desk("sync")  # what stands on top by now has no answer
        assert [status for says, status in statuses(desk, deal).items() if says != top].count("snoozed") == 0
    logged = [entry for entry in desk("log", "--json").json()["entries"] if entry["act"] == "answered"]
    assert [(e["what"]["deal"], e["what"]["answer"], e["what"]["why"]) for e in logged] == [
        (deal, "not_applicable", "No budget is needed")
    ]


def test_the_rules_that_are_called_wrong_are_listed_first(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch) as crm:
        deal = crm.deal(dealstage=QUALIFIED)
        top = answered(desk, crm, deal, answer="wrong", answer_reason="It is in the contract")
    assert statuses(desk, deal)[top] == "open"
    document = desk("answers", "--json").json()
    (row,) = document["rules"]
    assert (row["wrong"], row["fixed"]) == (1, 0)
    lines = desk("answers").out.splitlines()
    assert lines[0].split() == ["rule", "wrong", "not_applicable", "asked", "fixed"]
    assert lines[1].split()[:2] == [row["rule"], "1"]
    assert "It is in the contract" in desk("answers", "--rule", row["rule"]).out
    assert document["answers"][0]["connection"] == "portal"


def test_where_nobody_answered_nothing_is_told(desk: Desk) -> None:
    desk.settle()
    assert desk("answers").out == "No answer was read from a CRM yet.\n"
