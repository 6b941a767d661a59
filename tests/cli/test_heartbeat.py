"""The heartbeat that the Salesforce gate reads: one write per complete run, and none that would hold a gate shut."""

from __future__ import annotations

import pytest

from crm_audit.connectors.salesforce import own
from crm_audit.emulator.faults import Faults
from crm_audit.emulator.server import Response, serve
from tests.cli.desk import Desk
from tests.cli.portals import SALESFORCE, salesforce
from tests.connectors.salesforce_bench import Bench

DENIED = Response(403, [{"errorCode": "INSUFFICIENT_ACCESS", "message": "no"}])


def beats(sf: Bench) -> list[object]:
    return [row.get(own.HEARTBEAT) for row in sf.org.rows(own.CONNECTION)]


def test_a_complete_run_beats_with_its_verdicts(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with salesforce(desk, monkeypatch) as sf:
        sf.deal(StageName="Prospecting")
        assert desk("run").code == 0
        (beat,) = beats(sf)
        assert beat is not None


def test_a_night_without_changes_is_one_write_and_no_deal_is_touched(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with salesforce(desk, monkeypatch) as sf:
        deal = sf.deal(StageName="Prospecting")
        desk("run")
        sf.make(own.CONNECTION, Key__c="other")
        before = sf.org.row("Opportunity", deal), sf.org.rows(own.VERDICT), sf.org.calls.write
        assert "0 of 0 writes" in desk("run").out
        assert (sf.org.row("Opportunity", deal), sf.org.rows(own.VERDICT), sf.org.calls.write - 1) == before
        assert beats(sf)[1] is None


def test_in_shadow_nothing_beats(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with salesforce(desk, monkeypatch, ladder="shadow") as sf:
        sf.deal(StageName="Prospecting")
        assert desk("run").code == 0
        assert (beats(sf), sf.org.calls.write) == ([], 0)


def test_looking_and_syncing_do_not_beat(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with salesforce(desk, monkeypatch) as sf:
        sf.deal(StageName="Prospecting")
        for command in (["sync"], ["check"], ["writeback", "plan", "org"], ["provision", "salesforce"]):
            desk(*command)
        assert beats(sf) == []


def test_a_run_from_incomplete_evidence_does_not_beat(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with salesforce(desk, monkeypatch) as sf:
        sf.deal(StageName="Prospecting")
        with serve(sf.org, faults=Faults().next("/composite", *[DENIED] * 20)) as base:
            desk.settle(SALESFORCE.format(base=base, ladder="annotate", domain=sf.org.domain))
            assert desk("run").code != 0
        assert beats(sf) == []


def test_a_deal_that_the_org_refuses_does_not_stop_the_heart(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with salesforce(desk, monkeypatch) as sf:
        sf.deal("Locked", StageName="Prospecting")
        sf.org.refuse("Opportunity", lambda before, after: after["Name"] == "Locked", message="This deal is locked.")
        assert desk("run").code == 4
        assert beats(sf) != [None]


def test_a_heartbeat_that_is_refused_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with salesforce(desk, monkeypatch) as sf:
        sf.org.refuse(own.CONNECTION, lambda before, after: True, message="Read only.")
        answer = desk("run")
    assert answer.code not in (0, 70)
    assert "Read only." in answer.out
