"""`crm-audit doctor`: PASS, WARN or FAIL, line by line, with what to do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from crm_audit.errors import FixConfig, NoAccess
from tests.builders import clean
from tests.cli.desk import PLAIN, Answer, Desk
from tests.cli.portals import HUBSPOT, export, hubspot, nobody_there, salesforce
from tests.connectors import hubspot_bench


def lines(answer: Answer) -> dict[tuple[str, str], list[str]]:
    """(connection, what) -> results."""
    found: dict[tuple[str, str], list[str]] = {}
    for check in answer.json()["checks"]:
        found.setdefault((check["connection"], check["what"]), []).append(check["result"])
    return found


def says(answer: Answer, what: str) -> str:
    return " ".join(check["says"] for check in answer.json()["checks"] if check["what"] == what)


def test_all_is_well(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with salesforce(desk, monkeypatch) as crm:
        crm.deal(StageName="Prospecting")
        desk("sync")
        answer = desk("doctor", "--json")
    assert answer.code == 0
    seen = lines(answer)
    for what in ("rules", "login", "writeback", "last sync"):
        assert seen["org", what] == ["PASS"]
    assert seen["", "settings"] == seen["", "store"] == ["PASS"]
    assert "FAIL" not in answer.out


def test_a_line_for_people_begins_with_the_result(desk: Desk) -> None:
    export(desk)
    answer = desk("doctor")
    assert answer.code == 0
    assert {line.split()[0] for line in answer.out.splitlines()} <= {"PASS", "WARN", "FAIL"}
    assert "WARN  org           last sync   never; run `crm-audit sync org`" in answer.out


def test_it_writes_nothing_and_reads_no_deal(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch) as crm:
        crm.deal()
        desk("doctor")
        assert {call[0] for call in crm.portal.transcript} <= {"GET", "POST"}
    with desk.store() as store:
        assert store.runs("portal") == []


def test_stages_on_no_ladder_are_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch):
        answer = desk("doctor", "--json")
    assert set(lines(answer)["portal", "stages"]) == {"WARN"}
    assert "default/contractsent (Contract Sent)" in says(answer, "stages")
    assert "Qualified" not in says(answer, "stages")
    assert "Closed Won" not in says(answer, "stages")  # the CRM itself says that it is won
    assert answer.code == 0


def test_what_is_not_mapped_is_a_warning_each(desk: Desk) -> None:
    export(desk)
    answer = desk("doctor", "--json")
    assert set(lines(answer)["org", "fields"]) == {"WARN"}
    for name in ("contacts", "rechecks", "history", "fit"):
        assert name in says(answer, "fields")
    assert answer.code == 0


def test_a_wrong_token_fails_and_the_last_sync_is_told_all_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hubspot(desk, monkeypatch):
        desk("sync")
        monkeypatch.setenv("PORTAL_TOKEN", "pat-na1-wrong")
        answer = desk("doctor", "--json")
    assert answer.code == 3
    assert lines(answer)["portal", "login"] == ["FAIL"]
    assert lines(answer)["portal", "last sync"] == ["PASS"]
    assert "pat-na1-wrong" not in answer.out


def test_a_secret_that_is_not_set_fails(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORTAL_TOKEN", raising=False)
    desk.settle(HUBSPOT.format(base=nobody_there(), ladder="shadow"))
    answer = desk("doctor", "--json")
    assert answer.code == 3
    assert "PORTAL_TOKEN" in says(answer, "login")


def test_one_connection_that_fails_does_not_hide_the_others(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORTAL_TOKEN", raising=False)
    desk.settle(HUBSPOT.format(base=nobody_there(), ladder="shadow") + PLAIN)
    export(desk)
    answer = desk("doctor", "--json")
    assert answer.code == 3
    assert lines(answer)["portal", "login"] == ["FAIL"]
    assert lines(answer)["org", "login"] == ["PASS"]
    assert desk("doctor", "org").code == 0


def test_without_our_fields_writing_back_fails(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch) as crm, hubspot_bench.bench() as bare:
        desk.settle(HUBSPOT.format(base=bare.base, ladder="annotate"))
        answer = desk("doctor", "--json")
        assert lines(answer)["portal", "writeback"] == ["FAIL"]
        assert answer.code == 3
        desk.settle(HUBSPOT.format(base=bare.base, ladder="shadow"))
        assert lines(desk("doctor", "--json"))["portal", "writeback"] == ["PASS"]
        desk.settle(HUBSPOT.format(base=crm.base, ladder="annotate"))
        assert lines(desk("doctor", "--json"))["portal", "writeback"] == ["PASS"]


def test_a_sync_of_long_ago_is_a_warning(desk: Desk) -> None:
    export(desk)
    days = (datetime.now(UTC) - datetime(2026, 3, 16, 15, tzinfo=UTC)).days  # the desk's syncs lie before that day
    desk.learn(clean(), 3 - min(days, 0))
    answer = desk("doctor", "--json")
    assert lines(answer)["org", "last sync"] == ["WARN"]
    assert "hours ago; did a night not happen?" in says(answer, "last sync")


def test_a_partial_sync_is_a_warning_that_says_what_is_missing(desk: Desk) -> None:
    export(desk)
    desk.learn(clean(), breaks={"history": NoAccess("history is not for you")})
    answer = desk("doctor", "--json")
    assert lines(answer)["org", "last sync"] == ["WARN"]
    assert "partial: history" in says(answer, "last sync")


def test_a_failed_sync_is_a_warning_that_says_why(desk: Desk) -> None:
    export(desk)
    with pytest.raises(ZeroDivisionError):
        desk.learn(clean(), breaks={"deals": ZeroDivisionError("odd")})
    assert "failed: odd" in says(desk("doctor", "--json"), "last sync")


def test_a_pack_that_is_wrong_stops_the_doctor_too(desk: Desk) -> None:
    desk.settle(PLAIN.replace('vendor = "files"', 'vendor = "files"\npack = "nowhere"'))
    with pytest.raises(FixConfig, match="neither a folder nor a built-in pack; built in are core"):
        desk("doctor")
