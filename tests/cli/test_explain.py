"""`crm-audit explain`: one deal, every rule, and the records they rest on. Needs no network."""

from __future__ import annotations

import pytest

from crm_audit.errors import FixConfig, NoAccess
from tests.builders import ago, around, but, clean, deal, story
from tests.cli.desk import MOMENT, PLAIN, Desk

GATED = PLAIN.replace(
    "source_days = 400\n", 'source_days = 400\nladder = "warn"\nrule_ladders = { CQ-OPP-DATE = "block" }\n'
)
TWO = [*around(), *story("d1", need=None, close_date=None), *story("d2")]


def test_the_verdict_the_findings_and_every_line_of_the_proof(desk: Desk) -> None:
    desk.learn(TWO)
    answer = desk("explain", "d1", "--as-of", MOMENT)
    assert answer.code == 0
    first, second, third = answer.out.splitlines()[:3]
    assert first == "Deal d1 · Acme Freight · USD 90,000 · Olga Seller"
    assert second == "Claimed: 5 (Negotiate). Evidence supports: 1 engaged (Qualify)."
    assert third == "Verdict: overstated"
    assert "CQ-OPP-NEED · major · annotate" in answer.out
    assert "→ Note it in the customer's own words." in answer.out
    assert "✗ There is a solid purchase date (gate): missing" in answer.out
    assert "✓ The person who decides has seen the price as it is now (gate): holds" in answer.out
    assert "rests on meeting_held meeting_held-6-dana-lee-d1 of 2026-03-10" in answer.out
    assert "What rung 2 still needs" in answer.out


def test_a_quick_fix_is_told_with_the_verdict(desk: Desk) -> None:
    desk.learn(clean(close_date=None))
    assert "overstated; supported 5 as soon as" in desk("explain", "d1", "--as-of", MOMENT).out


def test_a_range_is_told_as_one(desk: Desk) -> None:
    desk.learn(clean(currency="EUR"))
    out = desk("explain", "d1", "--as-of", MOMENT).out
    assert "Evidence supports: between 3 and 5 committed (Negotiate): some of it cannot be told." in out
    assert "cannot be told   [CQ-OPP-BUDGET]" in out


def test_json_has_the_proof(desk: Desk) -> None:
    desk.learn(TWO)
    document = desk("explain", "d1", "--as-of", MOMENT, "--json").json()
    assert (document["schema_version"], document["kind"]) == (1, "explanation")
    assert (document["connection"], document["run"]) == ("org", 1)
    assert document["verdict"]["verdict"] == "overstated"
    assert [finding["rule"] for finding in document["findings"]] == ["CQ-OPP-NEED", "CQ-OPP-DATE"]
    assert {proof["rung"] for proof in document["proof"]} == {5}
    assert {proof["rule"] for proof in document["next_rung"]} == {"CQ-OPP-NEED"}
    assert document["deal"]["id"] == "d1"


@pytest.mark.parametrize(
    ("stage", "says"), [("Won", "closed deals are not audited"), ("Odd", "its stage is on no ladder")]
)
def test_a_deal_that_was_not_judged_says_why(desk: Desk, stage: str, says: str) -> None:
    desk.learn([*around(), deal(stage=stage)])
    answer = desk("explain", "d1", "--as-of", MOMENT)
    assert (answer.code, says in answer.out) == (0, True)
    document = desk("explain", "d1", "--as-of", MOMENT, "--json").json()
    assert (document["deal"], document["proof"], document["next_rung"]) == (None, [], [])


def test_a_deal_that_nobody_knows(desk: Desk) -> None:
    desk.learn(clean())
    with pytest.raises(FixConfig, match="no deal 'd9' in the store"):
        desk("explain", "d9", "--as-of", MOMENT)


def test_an_id_that_two_connections_know_has_to_be_chosen(desk: Desk) -> None:
    desk.settle(PLAIN + PLAIN.replace("connections.org", "connections.two"))
    desk.learn(clean())
    desk.learn(clean(need=None), name="two")
    with pytest.raises(FixConfig, match="org, two all have a deal 'd1'; choose one with --connection"):
        desk("explain", "d1", "--as-of", MOMENT)
    assert "overstated" in desk("explain", "d1", "--connection", "two", "--as-of", MOMENT).out
    assert "Verdict: supported" in desk("explain", "d1", "--connection", "org", "--as-of", MOMENT).out


def test_no_deal_named_is_exit_two(desk: Desk) -> None:
    answer = desk("explain")
    assert (answer.code, answer.out) == (2, "")


def test_it_needs_no_network_and_no_secret(desk: Desk) -> None:
    desk.settle(
        '[connections.org]\nvendor = "hubspot"\nemulator = "http://127.0.0.1:9"\nlogin = { access_token = "NO_SUCH" }\n'
        "[connections.org.ladders.new]\nNegotiate = 5\n"
    )
    desk.learn(clean())
    answer = desk("explain", "d1", "--as-of", MOMENT)
    assert answer.code == 0
    assert "Claimed: 5" in answer.out


def test_an_explanation_from_a_partial_sync_says_so_and_is_never_zero(desk: Desk) -> None:
    desk.learn(clean(), breaks={"history": NoAccess("history is not for you")})
    answer = desk("explain", "d1", "--as-of", MOMENT)
    assert answer.code == 3
    assert "INCOMPLETE: history were not read: history is not for you" in answer.out
    document = desk("explain", "d1", "--as-of", MOMENT, "--json")
    assert document.code == 3
    assert document.json()["missing"] == {"history": "history is not for you"}


def test_as_of_an_earlier_day(desk: Desk) -> None:
    desk.learn(clean(), 3)
    desk.learn(clean(need=None), 1)
    assert "Verdict: supported" in desk("explain", "d1", "--as-of", "2026-03-13").out
    assert "Verdict: overstated" in desk("explain", "d1", "--as-of", "2026-03-16").out


def test_the_gate_says_what_it_refuses_in_the_words_of_the_findings(desk: Desk) -> None:
    desk.settle(GATED)
    desk.learn(but(clean(rung=3, close_date=ago(1)), "d1-dana-authority"))
    out = desk("explain", "d1", "--as-of", MOMENT).out
    assert out.partition("At the gate of the stages to come\n")[2].splitlines() == [
        "  Propose: asks for a reason",
        '      We do not know yet who decides. Ask Lee Park: "Who else signs this off?"   [CQ-STK-AUTH]',
        "  Negotiate: refused",
        "      The purchase date 15 Mar 2026 has passed. Ask Lee Park for the real one, and what moved.   "
        "[CQ-OPP-DATE]",
        "      as above   [CQ-STK-AUTH]",
    ]
    document = desk("explain", "d1", "--as-of", MOMENT, "--json").json()
    assert [(each["stage"], each["step"]) for each in document["gate"]] == [("Propose", "warn"), ("Negotiate", "block")]


def test_a_gate_that_is_off_says_what_it_would_refuse_and_an_open_one_nothing(desk: Desk) -> None:
    desk.learn(clean(rung=4, close_date=ago(1)))
    assert (
        "Negotiate: would be refused, if the gate were on (now: shadow)" in desk("explain", "d1", "--as-of", MOMENT).out
    )
    desk.learn(clean(rung=4), name="two")
    desk.settle(PLAIN.replace("connections.org", "connections.two"))
    assert "At the gate" not in desk("explain", "d1", "--as-of", MOMENT).out
