"""`crm-audit sync`: a run per connection, whole, partial or not at all."""

from __future__ import annotations

import pytest

from crm_audit.emulator.faults import Fault
from crm_audit.emulator.hubspot import SERVICE_KEY
from crm_audit.emulator.server import Response
from crm_audit.errors import BadLogin, FixConfig, Incomplete, NoAccess, Retry
from tests.cli.desk import PLAIN, Desk
from tests.cli.portals import HUBSPOT, export, hubspot, nobody_there, salesforce


def runs(desk: Desk, name: str) -> list[tuple[str, str | None]]:
    with desk.store() as store:
        return [(run.status, run.reason) for run in store.runs(name)]


def test_an_export_is_read_and_judged(desk: Desk) -> None:
    export(desk)
    answer = desk("sync")
    assert answer.code == 0
    assert answer.out.startswith("org: run 1 complete, export, 0 calls")
    assert "Next: crm-audit check" in answer.err
    checked = desk("check", "--json").json()["reports"][0]
    assert checked["open_deals"] == 2
    assert [finding for finding in checked["findings"] if finding["status"] == "open"] == []
    assert checked["coverage"]["share"] < 0.5  # a file of deals alone tells little, and that accuses nobody


def test_json_tells_of_every_run(desk: Desk) -> None:
    export(desk)
    desk("sync")
    document = desk("sync", "org", "--json").json()
    assert (document["schema_version"], document["kind"]) == (1, "sync")
    assert [(run["connection"], run["id"], run["status"]) for run in document["runs"]] == [("org", 2, "complete")]


def test_bars_are_for_people_who_watch(desk: Desk) -> None:
    export(desk)
    answer = desk("--quiet", "sync")
    assert answer.err == ""
    assert [line.partition(",")[0] for line in answer.out.splitlines()] == ["org: run 1 complete", "  deals: 2 read"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Id,Amount\nd1,5\n", "Stage"),  # the column that the mapping names is gone
        ("", "deals.csv"),
    ],
)
def test_an_export_that_cannot_be_read_changes_nothing(desk: Desk, text: str, says: str) -> None:
    export(desk)
    desk("sync")
    export(desk, text)
    with pytest.raises(FixConfig, match=says):
        desk("sync")
    assert len(runs(desk, "org")) == 1  # refused before anything began
    assert desk("check", "--json").json()["reports"][0]["open_deals"] == 2


def test_a_folder_that_is_not_there_is_named_with_its_connection(desk: Desk) -> None:
    with pytest.raises(FixConfig, match=r"crm-audit\.toml: connections\.org: options\.folder: .* is not a folder"):
        desk("sync")


def test_a_portal_is_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch) as crm:
        crm.deal(dealstage="appointmentscheduled")
        answer = desk("sync", "portal", "--json")
    assert answer.code == 0
    (run,) = answer.json()["runs"]
    assert run["status"] == "complete"
    assert run["calls_read"] > 0
    assert run["calls_write"] == 0


def test_an_org_is_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with salesforce(desk, monkeypatch) as crm:
        crm.deal(StageName="Prospecting")
        assert desk("sync").code == 0
    assert runs(desk, "org") == [("complete", None)]


REFUSED = Response(403, {"category": "MISSING_SCOPES", "message": "no"})


def test_what_is_refused_on_the_way_makes_a_partial_run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch) as crm:
        crm.deal(dealstage="qualifiedtobuy")
        desk("sync")
        crm.faults.add(Fault("/deals/contacts/batch/read", REFUSED, every=1))
        answer = desk("sync")
    assert answer.code == 3
    assert "run 2 partial" in answer.out
    assert "not read to the end: history: " in answer.out
    assert "the next sync goes on there" in answer.out
    with pytest.raises(Incomplete, match="the last sync could not read the deals"):
        desk("check")


def test_a_wrong_token_fails_the_run_and_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch):
        monkeypatch.setenv("PORTAL_TOKEN", "pat-na1-wrong")
        with pytest.raises(BadLogin) as refused:
            desk("sync")
    assert "pat-na1-wrong" not in str(refused.value)
    ((status, reason),) = runs(desk, "portal")
    assert status == "failed"
    assert "pat-na1-wrong" not in str(reason)


def test_a_wrong_secret_fails_the_run_and_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with salesforce(desk, monkeypatch):
        monkeypatch.setenv("ORG_SECRET", "not-the-secret")
        with pytest.raises(BadLogin) as refused:
            desk("sync")
    assert "not-the-secret" not in str(refused.value)
    assert [status for status, _ in runs(desk, "org")] == ["failed"]


def test_a_secret_that_is_not_set_is_asked_for_before_anything_begins(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PORTAL_TOKEN", raising=False)
    desk.settle(HUBSPOT.format(base=nobody_there(), ladder="shadow"))
    with pytest.raises(FixConfig, match="PORTAL_TOKEN"):
        desk("sync")
    assert runs(desk, "portal") == []


def test_an_emulator_is_on_loopback_or_nowhere(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_TOKEN", "x")
    desk.settle(HUBSPOT.format(base="https://api.hubapi.example", ladder="shadow"))
    with pytest.raises(FixConfig, match="only http on this machine is allowed"):
        desk("sync")


def test_the_next_sync_goes_on_after_a_failed_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with salesforce(desk, monkeypatch) as crm:
        crm.deal(StageName="Prospecting")
        crm.faults.next("/composite", Response(403, [{"errorCode": "API_DISABLED_FOR_ORG", "message": "no"}]))
        with pytest.raises(NoAccess):
            desk("sync")
        assert desk("sync").code == 0
    assert runs(desk, "org")[0] == ("complete", None)


def test_a_crm_that_nobody_reaches_fails_the_run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_TOKEN", "x")
    desk.settle(HUBSPOT.format(base=nobody_there(), ladder="shadow"))
    with pytest.raises(Retry):
        desk("sync")
    assert [status for status, _ in runs(desk, "portal")] == ["failed"]


def test_a_connection_that_fails_does_not_stop_the_others(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_TOKEN", SERVICE_KEY)
    export(desk)
    desk.settle(HUBSPOT.format(base=nobody_there(), ladder="shadow") + PLAIN)
    answer = desk("sync", "--json")
    assert answer.code == 3
    told = answer.json()
    assert [run["connection"] for run in told["runs"]] == ["org"]
    assert [(each["connection"], each["code"]) for each in told["failed"]] == [("portal", 3)]
    assert "portal: cannot reach " in answer.err
