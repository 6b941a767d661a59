"""`crm-audit writeback plan|apply`: exact writes, only our own places, and none the second time."""

from __future__ import annotations

import pytest

from crm_audit.errors import BadLogin, FixConfig, Incomplete, NoAccess
from tests.builders import clean
from tests.cli.desk import PLAIN, Desk
from tests.cli.portals import export, hubspot, salesforce
from tests.connectors import hubspot_bench

LOWEST, ODD = "appointmentscheduled", "contractsent"
"""A stage at rung 0, of which no rule asks anything, and one on no ladder: both verdicts are the same on any day."""


def two_deals(crm: hubspot_bench.Bench) -> tuple[str, str]:
    return crm.deal(dealstage=LOWEST), crm.deal(dealstage=ODD)


def test_a_plan_shows_the_exact_writes_and_writes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch) as crm:
        low, odd = two_deals(crm)
        desk("sync")
        answer = desk("writeback", "plan", "portal")
        assert answer.code == 0
        assert "2 to deal; 0 deals show it already" in answer.out
        assert f"deal of deal {low}" in answer.out
        assert f"deal of deal {odd}" in answer.out
        assert "(empty) → supported" in answer.out
        assert "(empty) → unmapped" in answer.out
        assert crm.portal.value("deals", low, "crm_audit_status") is None
        (word,) = [line.split("--plan ")[1] for line in answer.err.splitlines() if "--plan" in line]
        assert desk("writeback", "plan", "portal", "--json").json()["digest"] == word


def test_a_ladder_for_a_rule_that_is_not_there_is_refused(desk: Desk) -> None:
    desk.settle(PLAIN.replace("source_days", 'rule_ladders = { CQ-STK-PRISE = "shadow" }\nsource_days'))
    for command in (["check"], ["writeback", "plan", "org"]):
        with pytest.raises(FixConfig, match=r"org\.rule_ladders\.CQ-STK-PRISE: .* \(did you mean 'CQ-STK-PRICE'\?\)"):
            desk(*command)


def test_a_plan_as_json(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch) as crm:
        low, _ = two_deals(crm)
        desk("sync")
        document = desk("writeback", "plan", "portal", "--json").json()
    assert (document["schema_version"], document["kind"]) == (1, "plan")
    assert (document["connection"], document["ladder"], document["unchanged"]) == ("portal", "annotate", 0)
    assert {write["deal"] for write in document["writes"]} >= {low}
    assert {write["place"] for write in document["writes"]} == {"deal"}


def test_fault_24_what_was_applied_comes_back_in_the_next_sync_and_is_not_applied_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hubspot(desk, monkeypatch) as crm:
        low, odd = two_deals(crm)
        desk("sync")
        first = desk("writeback", "apply", "portal", "--json").json()
        assert [receipt["ok"] for receipt in first["receipts"]] == [True, True]
        assert first["calls_that_wrote"] > 0
        assert crm.portal.value("deals", low, "crm_audit_status") == "supported"
        assert crm.portal.value("deals", odd, "crm_audit_status") == "unmapped"
        again = desk("writeback", "apply", "portal", "--json").json()
        assert (again["receipts"], again["calls_that_wrote"], again["unchanged"]) == ([], 0, 2)
        assert "nothing to write; 2 deals show it already" in desk("writeback", "plan", "portal").out
        desk("sync")
        assert desk("writeback", "apply", "portal", "--json").json()["calls_that_wrote"] == 0


def test_nothing_else_on_the_deal_changes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch) as crm:
        low, _ = two_deals(crm)
        given = ("dealname", "dealstage", "pipeline", "amount", "closedate")
        before = {name: crm.portal.value("deals", low, name) for name in given}
        desk("sync")
        desk("writeback", "apply", "portal")
        assert {name: crm.portal.value("deals", low, name) for name in given} == before


def test_an_org_gets_its_records_and_its_link(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with salesforce(desk, monkeypatch) as crm:
        crm.deal(StageName="Prospecting")
        desk("sync")
        first = desk("writeback", "apply", "org", "--json").json()
        assert first["receipts"]
        assert all(receipt["ok"] for receipt in first["receipts"])
        assert {receipt["write"]["place"] for receipt in first["receipts"]} == {"CRM_Audit_Verdict__c", "Opportunity"}
        desk("sync")
        again = desk("writeback", "apply", "org", "--json").json()
        assert (again["receipts"], again["calls_that_wrote"]) == ([], 0)


def test_only_the_plan_that_was_reviewed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch) as crm:
        low, _ = two_deals(crm)
        desk("sync")
        word = desk("writeback", "plan", "portal", "--json").json()["digest"]
        crm.set("deals", low, crm_audit_next_step="somebody was here")
        with pytest.raises(FixConfig, match=f"not {word}: something changed since; review it again"):
            desk("writeback", "apply", "portal", "--plan", word)
        assert crm.portal.value("deals", low, "crm_audit_next_step") == "somebody was here"
        word = desk("writeback", "plan", "portal", "--json").json()["digest"]
        assert desk("writeback", "apply", "portal", "--plan", word).code == 0
        assert crm.portal.value("deals", low, "crm_audit_status") == "supported"


def test_in_shadow_nothing_is_shown_and_nothing_asked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch, ladder="shadow") as crm:
        two_deals(crm)
        desk("sync")
        calls = len(crm.portal.transcript)
        for command in ("plan", "apply"):
            answer = desk("writeback", command, "portal")
            assert answer.code == 0
            assert 'portal is in shadow: nothing is shown in the CRM. Set ladder = "annotate"' in answer.out
        assert len(crm.portal.transcript) == calls


def test_a_refused_write_is_exit_four_and_the_others_are_done(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with salesforce(desk, monkeypatch) as crm:
        good, bad = crm.deal(StageName="Prospecting"), crm.deal("Locked", StageName="Prospecting")
        desk("sync")
        crm.org.refuse("Opportunity", lambda before, after: after["Name"] == "Locked", message="This deal is locked.")
        answer = desk("writeback", "apply", "org")
        assert answer.code == 4
        assert f"refused: Opportunity of deal {bad}: " in answer.out
        assert "This deal is locked." in answer.out
        assert good not in answer.out


def test_a_partial_sync_writes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch) as crm:
        desk.learn(clean(), name="portal", breaks={"history": NoAccess("history is not for you")})
        for command in ("plan", "apply"):
            with pytest.raises(Incomplete, match="nothing is written from incomplete evidence; not read: history"):
                desk("writeback", command, "portal")
        assert [call for call in crm.portal.transcript if call[0] in ("PATCH", "PUT")] == []


def test_without_our_fields_the_admin_is_told_what_to_install(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot_bench.bench() as bare, hubspot(desk, monkeypatch) as crm:
        desk.settle(desk.config.read_text("utf-8").replace(crm.base, bare.base))
        two_deals(bare)
        desk("sync")
        with pytest.raises(NoAccess, match="propert"):
            desk("writeback", "plan", "portal")


def test_a_wrong_token_writes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch) as crm:
        two_deals(crm)
        desk("sync")
        monkeypatch.setenv("PORTAL_TOKEN", "pat-na1-wrong")
        with pytest.raises(BadLogin):
            desk("writeback", "apply", "portal")


def test_an_export_has_no_place_to_write_to(desk: Desk) -> None:
    desk.settle(desk.config.read_text("utf-8").replace('vendor = "files"', 'vendor = "files"\nladder = "annotate"'))
    export(desk)
    desk("sync")
    for command in ("plan", "apply"):
        with pytest.raises(FixConfig, match="cannot be written back"):
            desk("writeback", command, "org")


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_connection_has_to_be_named(desk: Desk, command: str) -> None:
    assert desk("writeback", command).code == 2
    with pytest.raises(FixConfig, match="has no connection 'nobody'"):
        desk("writeback", command, "nobody")
    with pytest.raises(Incomplete, match="no finished sync"):
        _annotating(desk)("writeback", command, "org")


def _annotating(desk: Desk) -> Desk:
    desk.settle(desk.config.read_text("utf-8").replace('vendor = "files"', 'vendor = "files"\nladder = "annotate"'))
    export(desk)
    return desk
