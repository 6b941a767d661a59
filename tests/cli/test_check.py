"""`crm-audit check`: coverage first, then verdicts, money, rules and deals; the exit code says how it went."""

from __future__ import annotations

import sqlite3

import pytest

from crm_audit.domain import Event, Record
from crm_audit.errors import FixConfig, Incomplete, NoAccess, StoreTooNew
from tests.builders import CORE, around, at, but, clean, deal, story
from tests.cli.desk import MOMENT, PLAIN, Desk

TWO = [*around(), *story("d1", need=None), *story("d2")]


def poison(desk: Desk, deal_id: str, amount: str) -> None:
    """What no connector would store, written into the database itself."""
    with sqlite3.connect(desk.database) as db:
        changed = db.execute("UPDATE deals SET amount = ? WHERE id = ?", (amount, deal_id))
        assert changed.rowcount == 1
    db.close()


def test_coverage_comes_before_verdicts_and_verdicts_before_money(desk: Desk) -> None:
    desk.learn(TWO)
    answer = desk("check", "--as-of", MOMENT)
    assert answer.code == 0
    parts = [
        "2 open deals",
        "Coverage  100 %",
        "Verdicts",
        "Money",
        "CQ-ORG-COMPANY",
        "Deals with the most money at risk",
    ]
    places = [answer.out.index(part) for part in parts]
    assert places == sorted(places)
    assert "1 supported" in answer.out
    assert "1 overstated" in answer.out
    assert "The deal does not say which problem Acme Freight wants" in answer.out


def test_the_next_step_is_no_part_of_the_result(desk: Desk) -> None:
    desk.learn(TWO)
    answer = desk("check", "--as-of", MOMENT)
    assert "Next: crm-audit explain d1" in answer.err
    assert "Next:" not in answer.out
    assert desk("--quiet", "check", "--as-of", MOMENT).err == ""


def test_json_is_one_document_with_its_version(desk: Desk) -> None:
    desk.learn(TWO)
    answer = desk("check", "--as-of", MOMENT, "--json")
    document = answer.json()
    (report,) = document["reports"]
    assert (document["schema_version"], document["kind"]) == (1, "check")
    assert (report["connection"], report["open_deals"]) == ("org", 2)
    assert report["verdicts"] == {"overstated": 1, "supported": 1}
    assert report["coverage"] == {"share": 1.0, "blind": []}
    assert report["money"]["amount"] == 180_000
    assert [line["id"] for line in report["deals"]] == ["d1", "d2"]
    assert [(f["deal"], f["rule"], f["status"]) for f in report["findings"]] == [("d1", "CQ-OPP-NEED", "open")]
    assert report["run"]["status"] == "complete"
    assert report["as_of"] == "2026-03-16T15:00:00+00:00"
    assert answer.err == ""


def test_no_open_deal_and_nothing_that_stands_out(desk: Desk) -> None:
    desk.learn([*around(), deal(stage="Won")])
    assert "No open deal to judge." in desk("check", "--as-of", MOMENT).out
    desk.learn(clean(), 0)
    assert "No deal stands out." in desk("check", "--as-of", "2026-03-17").out


def test_a_stage_on_no_ladder_is_told_before_the_rules(desk: Desk) -> None:
    desk.learn([*clean(), deal("d2", stage="Brand new")])
    out = desk("check", "--as-of", MOMENT).out
    assert "1 deals in new / Brand new: that stage is on no ladder" in out
    assert "1 deals not judged at all" in out


# --- what is shown ---------------------------------------------------------------------------------------------------


def test_only_one_deal(desk: Desk) -> None:
    desk.learn(TWO)
    (report,) = desk("check", "--as-of", MOMENT, "--deal", "d2", "--json").json()["reports"]
    assert [line["id"] for line in report["deals"]] == ["d2"]


def test_only_one_rule(desk: Desk) -> None:
    desk.learn([*around(), *story("d1", need=None), *story("d2", close_date=None)])
    answer = desk("check", "--as-of", MOMENT, "--rule", "CQ-OPP-NEED")
    assert "CQ-OPP-NEED" in answer.out
    assert "CQ-OPP-DATE" not in answer.out
    (report,) = desk("check", "--as-of", MOMENT, "--rule", "CQ-OPP-DATE", "--json").json()["reports"]
    assert [finding["deal"] for finding in report["findings"]] == ["d2"]


def test_a_long_list_is_cut_and_json_is_not(desk: Desk) -> None:
    desk.learn([*around(), *[each for n in range(20) for each in story(f"n{n:02}", need=None)]])
    answer = desk("check", "--as-of", MOMENT)
    assert "(15 of 20)" in answer.out
    assert "n14" in answer.out
    assert "n15" not in answer.out
    assert len(desk("check", "--as-of", MOMENT, "--json").json()["reports"][0]["deals"]) == 20


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--deal", "d9"], "no deal 'd9' in the store"),
        (["--deal", "d1", "--deal", "d9"], "no deal 'd9'"),
        (["--rule", "CQ-OPP-NEEDS"], "no rule 'CQ-OPP-NEEDS'"),
        (["--as-of", "yesterday"], "neither a date nor an instant"),
        (["--as-of", "2026-02-30"], "neither a date nor an instant"),
        (["--as-of", "2026-03-16T15:00:00"], "needs its zone"),
        (["--fail-on", "panic"], "panic"),
        (["--bogus"], "--bogus"),
    ],
)
def test_what_nobody_understands_is_exit_two_and_no_result(desk: Desk, arguments: list[str], says: str) -> None:
    desk.learn(TWO)
    given = arguments if "--as-of" in arguments else ["--as-of", MOMENT, *arguments]
    answer = desk("check", *given)
    assert answer.code == 2
    assert answer.out == ""
    assert says in " ".join(answer.err.replace("│", " ").split())


def test_a_connection_that_is_not_there_is_named_with_those_that_are(desk: Desk) -> None:
    with pytest.raises(FixConfig, match=r"has no connection 'orgs'; it has org"):
        desk("check", "orgs")


def test_settings_without_connections_say_what_to_add(desk: Desk) -> None:
    desk.settle("")
    with pytest.raises(FixConfig, match="no connection yet; add a"):
        desk("check")


# --- as of -----------------------------------------------------------------------------------------------------------


def test_a_date_means_the_end_of_that_day(desk: Desk) -> None:
    desk.learn(clean(), 1)
    desk.learn(clean(need=None), 0)
    assert "No deal stands out." in desk("check", "--as-of", "2026-03-15").out
    assert "CQ-OPP-NEED" in desk("check", "--as-of", "2026-03-16").out


def test_an_instant_may_have_any_zone(desk: Desk) -> None:
    desk.learn(clean(), 1)  # finished at 15:05 UTC
    assert desk("check", "--as-of", "2026-03-15T11:05:00-04:00").code == 0
    with pytest.raises(Incomplete, match="no finished sync by 2026-03-15 15:04 UTC"):
        desk("check", "--as-of", "2026-03-15T11:04:59-04:00")


def test_what_was_said_of_the_past_is_said_again(desk: Desk) -> None:
    desk.learn(TWO, 3)
    before = desk("check", "--as-of", "2026-03-14", "--json").out
    desk.learn(but(TWO, "d2", "d1-dana-authority", Event), 1)
    assert desk("check", "--as-of", "2026-03-14", "--json").out == before
    assert desk("check", "--as-of", MOMENT, "--json").out != before


def test_before_any_sync_there_is_nothing_to_say(desk: Desk) -> None:
    with pytest.raises(Incomplete, match="run `crm-audit sync org` first"):
        desk("check")


# --- exit codes ------------------------------------------------------------------------------------------------------

BLOCKED: list[Record] = but(clean(), "d1-dana-authority")  # critical, and blocks
MAJOR: list[Record] = clean(need=None)
MINOR: list[Record] = but(clean(), *[f"d1-stage-{at(10)}-Negotiate"])  # 120 days in the stage
CODES = [
    # records, --fail-on: never, error, block, critical, major, minor
    (clean(), [0, 0, 0, 0, 0, 0]),
    (MINOR, [0, 0, 0, 0, 0, 1]),
    (MAJOR, [0, 0, 0, 0, 1, 1]),
    (BLOCKED, [0, 0, 1, 1, 1, 1]),
    ([*around(), deal(stage="Odd")], [0, 0, 0, 0, 0, 0]),
]
LEVELS = ("never", "error", "block", "critical", "major", "minor")


@pytest.mark.parametrize(("records", "codes"), CODES, ids=["clean", "minor", "major", "blocked", "unmapped"])
def test_the_exit_code_is_one_from_the_level_that_was_asked_for(
    desk: Desk, records: list[Record], codes: list[int]
) -> None:
    desk.learn(records)
    assert [desk("check", "--as-of", MOMENT, "--fail-on", level).code for level in LEVELS] == codes
    assert desk("check", "--as-of", MOMENT).code == codes[1]


def test_a_rule_that_broke_is_exit_one_and_the_rest_is_told(desk: Desk) -> None:
    desk.learn(TWO)
    poison(desk, "d2", "abc")
    answer = desk("check", "--as-of", MOMENT, "--json")
    (report,) = answer.json()["reports"]
    assert answer.code == 1
    broken = {(f["deal"], f["rule"]) for f in report["findings"] if f["status"] == "error"}
    assert broken == {("d2", "CQ-OPP-BUDGET"), ("d2", "CQ-STK-PRICE"), ("d2", "CQ-STK-THREADS-L")}
    assert [f["rule"] for f in report["findings"] if f["deal"] == "d1"] == ["CQ-OPP-NEED"]
    assert desk("check", "--as-of", MOMENT).code == 1
    assert desk("check", "--as-of", MOMENT, "--fail-on", "block").code == 1
    assert desk("check", "--as-of", MOMENT, "--fail-on", "never").code == 0


def test_a_partial_sync_is_never_zero(desk: Desk) -> None:
    desk.learn(clean(), breaks={"history": NoAccess("history is not for you")})
    for level in LEVELS:
        answer = desk("check", "--as-of", MOMENT, "--fail-on", level)
        assert answer.code == 3
    assert "INCOMPLETE: history were not read: history is not for you" in answer.out
    assert desk("check", "--as-of", MOMENT, "--json").json()["reports"][0]["run"]["missing"] == {
        "history": "history is not for you"
    }


def test_without_deals_the_answer_is_incomplete(desk: Desk) -> None:
    desk.learn(clean(), breaks={"deals": NoAccess("deals are not for you")})
    with pytest.raises(Incomplete, match="deals are not for you"):
        desk("check", "--as-of", MOMENT)


def test_a_store_of_a_newer_program_is_refused(desk: Desk) -> None:
    desk.learn(clean())
    with sqlite3.connect(desk.database) as db:
        db.execute("UPDATE crm_audit_schema SET version_num = '9999'")
    db.close()
    with pytest.raises(StoreTooNew):
        desk("check", "--as-of", MOMENT)


def test_a_check_needs_no_network_and_no_secret(desk: Desk) -> None:
    desk.settle(
        '[connections.org]\nvendor = "salesforce"\nlogin = { consumer_key = "NO_SUCH", consumer_secret = "NO_SUCH" }\n'
        'emulator = "http://127.0.0.1:9"\n[connections.org.ladders.new]\nNegotiate = 5\n'
    )
    desk.learn(clean())
    assert desk("check", "--as-of", MOMENT).code == 0


def test_several_connections_are_told_one_after_another(desk: Desk) -> None:
    desk.settle(
        desk.config.read_text("utf-8") + desk.config.read_text("utf-8").replace("connections.org", "connections.two")
    )
    desk.learn(clean())
    desk.learn(clean(need=None), name="two")
    reports = desk("check", "--as-of", MOMENT, "--json").json()["reports"]
    assert [(r["connection"], len(r["findings"])) for r in reports] == [("org", 0), ("two", 1)]
    assert desk("check", "two", "--as-of", MOMENT, "--json").json()["reports"][0]["connection"] == "two"


def test_every_rule_that_was_asked_is_in_the_document(desk: Desk) -> None:
    desk.learn(clean())
    (report,) = desk("check", "--as-of", MOMENT, "--json").json()["reports"]
    assert {each["rule"] for each in report["rules"]} == {rule.id for rule in CORE.rules if rule.require}


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("shadow", "Gate      off; if it were on, it would keep 1 deals out of a later stage"),
        ("warn", "Gate      keeps 0 deals out of a later stage, asks 1 more for a reason"),
        ("block", "Gate      keeps 1 deals out of a later stage, asks 0 more for a reason"),
    ],
)
def test_the_gate_is_told_in_one_line(desk: Desk, step: str, told: str) -> None:
    desk.settle(PLAIN.replace("source_days", f'ladder = "{step}"\nsource_days'))
    desk.learn([*around(), *story("d1", 3, close_date=None), *story("d2", 3)])
    assert told in desk("check", "--as-of", MOMENT).out.splitlines()


def test_a_gate_that_nobody_stands_before_says_so(desk: Desk) -> None:
    desk.learn(clean(rung=3))
    assert "Gate      no deal would be kept out of a later stage" in desk("check", "--as-of", MOMENT).out
    document = desk("check", "--as-of", MOMENT, "--json").json()
    assert document["reports"][0]["gate"] == {"refused": 0, "warned": 0}
