"""`crm-audit doctor`: PASS, WARN or FAIL, line by line, with what to do."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from crm_audit.errors import BadLogin, FixConfig, NoAccess
from crm_audit.nights import TRIES, Night, State, Timetable
from crm_audit.store.nights import Nights
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
    with pytest.raises(BadLogin):
        desk.learn(clean(), breaks={"deals": BadLogin("odd")})
    assert "failed: odd" in says(desk("doctor", "--json"), "last sync")


def test_a_pack_that_is_wrong_stops_the_doctor_too(desk: Desk) -> None:
    desk.settle(PLAIN.replace('vendor = "files"', 'vendor = "files"\npack = "nowhere"'))
    with pytest.raises(FixConfig, match="neither a folder nor a built-in pack; built in are core"):
        desk("doctor")


NIGHTLY = PLAIN.replace('vendor = "files"', 'vendor = "files"\nnightly = "01:30"')
ZONE = ZoneInfo("America/New_York")


def last_date() -> date:
    """The date of the last night that has begun by now."""
    return Timetable(time(1, 30), ZONE).latest(datetime.now(UTC))


def nights(desk: Desk, *states: State, tries: int = TRIES) -> None:
    """What became of the last nights, the latest first; a running one is held by a process far away."""
    with desk.store() as store:
        far = Nights(store.nights._write, store.nights._read, "elsewhere.example:17:a1")
        for back, state in enumerate(states):
            day = last_date() - timedelta(days=back)
            if state == "missed":
                far.miss("org", [day])
                continue
            seen: Night | None = None
            for _ in range(tries):
                seen = far.claim("org", day, seen=seen, at=datetime.now(UTC))
            if seen is not None and state != "running":
                far.close(seen, state, at=datetime.now(UTC), run=7, note="history was not read")


def night(desk: Desk) -> tuple[str, str]:
    """What doctor says of the last night."""
    answer = desk("doctor", "--json")
    ((result,), says_) = lines(answer)["org", "last night"], says(answer, "last night")
    assert answer.code == (3 if "FAIL" in answer.out else 0)
    return result, says_


def test_a_connection_without_a_time_is_not_asked_about_its_nights(desk: Desk) -> None:
    export(desk)
    assert {"serve", "nights", "last night", "next night"}.isdisjoint(
        what for _, what in lines(desk("doctor", "--json"))
    )


def test_a_night_that_is_done_is_well_and_the_next_one_is_told(desk: Desk) -> None:
    export(desk)
    desk.settle(NIGHTLY)
    nights(desk, "done")
    assert night(desk) == ("PASS", f"{last_date()} done, run 7")
    begins = Timetable(time(1, 30), ZONE).following(datetime.now(UTC)).astimezone(ZONE)
    assert says(desk("doctor", "--json"), "next night") == f"{begins:%Y-%m-%d %H:%M} America/New_York"


@pytest.mark.parametrize(
    ("states", "tries", "result", "says_"),
    [
        (["partial"], 1, "WARN", "is partial: history was not read"),
        (["failed"], 1, "WARN", "failed 1 times and is tried again from"),
        (["failed"], TRIES, "FAIL", f"failed {TRIES} times and is not tried again: history was not read"),
        (["running"], 1, "PASS", "is being carried out since"),
        (["done", "missed", "done"], 1, "WARN", "done, run 7; but nobody was there on"),
    ],
)
def test_fault_39_what_became_of_the_last_night_is_told(
    desk: Desk, states: list[State], tries: int, result: str, says_: str
) -> None:
    export(desk)
    desk.settle(NIGHTLY)
    nights(desk, *states, tries=tries)
    told = night(desk)
    assert told[0] == result
    assert says_ in told[1]


def test_fault_39_a_night_that_did_not_happen_fails(desk: Desk) -> None:
    export(desk)
    desk.settle(NIGHTLY.replace("01:30", f"{datetime.now(ZONE) - timedelta(hours=1):%H:%M}"))
    assert night(desk)[0] == "WARN"  # the first one of all
    with desk.store() as store:
        store.nights.miss("org", [last_date() - timedelta(days=3)])
    result, told = night(desk)
    assert (result, told.partition(" ")[2]) == ("FAIL", "did not happen; is `crm-audit serve` running?")


def test_a_night_that_was_cut_off_is_told(desk: Desk) -> None:
    export(desk)
    desk.settle(NIGHTLY)
    nights(desk, "running", tries=1)
    with sqlite3.connect(desk.database) as db:
        db.execute("UPDATE nights SET until = 0")
    db.close()
    assert night(desk) == ("WARN", f"{last_date()} was cut off in the middle; `crm-audit serve` goes on with it")


def test_without_a_zone_nobody_knows_when_it_is_night(desk: Desk) -> None:
    export(desk)
    desk.settle(NIGHTLY.replace('zone = "America/New_York"\n', ""))
    assert "in which zone? Set zone, or run `crm-audit run org` once" in says(desk("doctor", "--json"), "nights")


def test_whether_anybody_serves_is_told(desk: Desk) -> None:
    export(desk)
    desk.settle(NIGHTLY)
    assert "never heard of" in says(desk("doctor", "--json"), "serve")
    with desk.store() as store:
        store.nights.beat()
    answer = desk("doctor", "--json")
    assert (lines(answer)["", "serve"], says(answer, "serve")) == (["PASS"], "heard of 0 minutes ago")
    for seconds, ago in ((25 * 60, "25 minutes"), (5 * 3600, "5 hours"), (4 * 24 * 3600, "4 days")):
        with sqlite3.connect(desk.database) as db:
            db.execute("UPDATE heartbeats SET at = strftime('%s', 'now') - ?", (seconds,))
        db.close()
        answer = desk("doctor", "--json")
        assert (lines(answer)["", "serve"], answer.code) == (["FAIL"], 3)
        assert says(answer, "serve") == f"not heard of for {ago}; start `crm-audit serve` again"


def test_the_gate_is_off_until_a_rule_goes_as_far_as_block(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch, ladder="warn"):
        assert says(desk("doctor", "--json"), "gate") == "off: no rule goes as far as block"


def test_a_gate_without_a_way_past_it_fails(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch, ladder="block"):
        answer = desk("doctor", "--json")
        assert answer.code == 3
        assert lines(answer)["portal", "bypass"] == ["FAIL"]
        assert lines(answer)["portal", "gate"] == ["PASS"]
        assert "set options.pass_stages or move_back" in says(answer, "refuses")


def test_a_way_past_the_gate_must_be_there_where_the_crm_can_tell(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with salesforce(desk, monkeypatch, ladder="block") as crm:
        desk.settle(desk.config.read_text("utf-8").replace('ladder = "block"', 'ladder = "block"\nbypass = "Pass"'))
        assert "no custom permission Pass" in says(desk("doctor", "--json"), "bypass")
        crm.make("CustomPermission", DeveloperName="Pass", MasterLabel="Pass")
        assert lines(desk("doctor", "--json"))["org", "bypass"] == ["PASS"]


def test_gates_that_no_deal_could_pass_fail(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch, ladder="block"):
        text = desk.config.read_text("utf-8")
        more = 'ladder = "block"\nbypass = "Ask Olga"\narises = { pricing = "won" }'
        desk.settle(text.replace('ladder = "block"', more))
        answer = desk("doctor", "--json")
        assert lines(answer)["portal", "gate"] == ["FAIL", "FAIL"]  # at rung 5 two rules ask for it, each by itself
        assert "lies behind it: pricing (there from won on)" in says(answer, "gate")
