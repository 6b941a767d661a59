"""`crm-audit waive` and `crm-audit waivers`: what is asked for, by whom, and what is refused."""

from __future__ import annotations

import os
import pwd
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, text

from crm_audit.errors import FixConfig
from tests.builders import around, but, clean, deal, story
from tests.cli.desk import PLAIN, Answer, Desk

AUTH = "CQ-STK-AUTH"
ACCOUNT = pwd.getpwuid(os.getuid()).pw_name
GATED = PLAIN.replace(
    "source_days = 400\n", 'source_days = 400\nrule_ladders = { CQ-STK-AUTH = "block" }\nbypass = "Ask Olga"\n'
)


def ahead(days: int) -> str:
    """A day so far from today."""
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


@pytest.fixture
def known(desk: Desk) -> Desk:
    """Two deals without a decider."""
    desk.settle(GATED)
    desk.learn([*around(), *but(story("d1", 4), "d1-dana-authority"), *but(story("d2", 4), "d2-dana-authority")])
    return desk


def waive(desk: Desk, *more: str, rule: str = AUTH, until: str = "", why: str = "Signed on paper") -> Answer:
    return desk("waive", "d1", rule, "--until", until or ahead(30), "--why", why, "--by", "Mia Chen", *more)


def in_force(desk: Desk) -> None:
    assert waive(desk).code == 0
    assert desk("waivers", "approve", "1", "--by", "noor").code == 0


def states(desk: Desk) -> list[str]:
    return [waiver["state"] for waiver in desk("waivers", "--json").json()["waivers"]]


def of_d1(answer: Answer) -> dict[str, str]:
    findings = answer.json()["reports"][0]["findings"]
    return {finding["rule"]: finding["status"] for finding in findings if finding["deal"] == "d1"}


def test_a_waiver_is_asked_for_approved_and_withdrawn(known: Desk) -> None:
    asked = waive(known)
    assert asked.out.splitlines()[0].endswith(f"until {ahead(30)}  asked for by mia chen: Signed on paper")
    assert "Next: somebody else than mia chen runs crm-audit waivers approve 1" in asked.err
    assert (states(known), of_d1(known("check", "--json"))[AUTH]) == (["requested"], "open")
    assert "asked for by mia chen, approved by noor" in known("waivers", "approve", "1", "--by", "noor").out
    assert (states(known), of_d1(known("check", "--json"))[AUTH]) == (["in force"], "waived")
    assert known("waivers", "withdraw", "1").out.startswith("1  withdrawn  org  deal d1  CQ-STK-AUTH")
    assert (states(known), of_d1(known("check", "--json"))[AUTH]) == (["withdrawn"], "open")
    assert [entry["by"] for entry in known("log", "--json").json()["entries"]] == ["mia chen", "noor", ACCOUNT]


def test_what_else_a_waiver_lets_through_is_told_to_whoever_asks_and_to_whoever_approves(known: Desk) -> None:
    says = f"While {AUTH} fails and is waived, neither it nor what it hides closes a stage: CQ-STK-"
    assert says in waive(known).out
    assert says in known("waivers", "approve", "1", "--by", "noor").out
    assert "hides" not in waive(known, rule="CQ-STK-PRICE").out


@pytest.mark.parametrize("typed", ["Mia Chen", " mia  CHEN", "mia\u200b chen"])
def test_whoever_asked_cannot_approve_however_the_name_is_typed(known: Desk, typed: str) -> None:
    waive(known)
    with pytest.raises(FixConfig, match="asked for by mia chen, who cannot approve it too: somebody else has to"):
        known("waivers", "approve", "1", "--by", typed)
    assert states(known) == ["requested"]


def test_who_decides_is_the_account_unless_somebody_is_named_and_then_both_are_logged(
    known: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    known("waive", "d1", AUTH, "--until", ahead(3), "--why", "x")
    monkeypatch.setenv("CRM_AUDIT_USER", "Noor")
    answer = known("waive", "d2", AUTH, "--until", ahead(3), "--why", "x")
    assert f"noor is who was named; the account is {ACCOUNT}, and the log holds both" in answer.err
    first, second = known("log", "--json").json()["entries"]
    assert (first["by"], "through" in first["what"]) == (ACCOUNT, False)
    assert (second["by"], second["what"]["through"]) == ("noor", ACCOUNT)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (
            "CQ-STK-AUHT",
            r"the pack core has no rule 'CQ-STK-AUHT' that could be waived \(did you mean 'CQ-STK-AUTH'\?\)",
        ),
        ("SYS-UNMAPPED-STAGE", "has no rule 'SYS-UNMAPPED-STAGE' that could be waived"),
    ],
)
def test_a_rule_that_is_not_there_is_refused_with_the_nearest(known: Desk, rule: str, says: str) -> None:
    with pytest.raises(FixConfig, match=says):
        waive(known, rule=rule)


def test_a_deal_that_nobody_knows_is_refused_with_the_nearest(known: Desk) -> None:
    with pytest.raises(FixConfig, match=r"no deal 'd11' in the store \(did you mean 'd1'\?\)"):
        known("waive", "d11", AUTH, "--until", ahead(3), "--why", "x")


@pytest.mark.parametrize(
    ("days", "says"), [(-1, "is not in the future"), (0, "is not in the future"), (95, "is the last day that may be")]
)
def test_a_day_that_is_past_or_too_far_is_refused(known: Desk, days: int, says: str) -> None:
    answer = waive(known, until=ahead(days))
    assert (answer.code, says in " ".join(answer.err.replace("│", " ").split())) == (2, True)
    assert states(known) == []


def test_how_far_ahead_is_a_setting(known: Desk) -> None:
    known.settle(GATED.replace("source_days = 400", "source_days = 400\nwaiver_days = 5"))
    assert waive(known, until=ahead(7)).code == 2
    assert waive(known, until=ahead(4)).code == 0


@pytest.mark.parametrize("why", ["", "  ", "\n"])
def test_a_reason_is_needed(known: Desk, why: str) -> None:
    assert waive(known, why=why).code == 2
    assert states(known) == []


def test_what_is_waived_is_told_and_the_gate_is_open(known: Desk) -> None:
    assert "keeps 2 deals out of a later stage" in known("check").out
    in_force(known)
    out = known("check").out
    assert "keeps 1 deals out of a later stage" in out
    assert "Let off   1 waivers in force" in out
    explained = known("explain", "d1").out
    assert f"{AUTH} · critical · waived" in explained
    assert f"waiver 1 until {ahead(30)}: Signed on paper" in explained
    gate = explained.partition("At the gate")[2]
    assert f"[{AUTH}]" not in gate
    assert f"[{AUTH}]" in known("explain", "d2").out.partition("At the gate")[2]


def test_a_waiver_that_was_never_approved_in_time_cannot_be(known: Desk) -> None:
    waive(known)
    run_out(known)
    with pytest.raises(FixConfig, match="waiver 1 would have run out on 2026-01-05; ask for a new one"):
        known("waivers", "approve", "1", "--by", "noor")


def run_out(desk: Desk) -> None:
    """Let the time of every waiver pass."""
    engine = create_engine(f"sqlite:///{desk.database}")
    with engine.begin() as db:
        db.execute(text("UPDATE waivers SET until = '2026-01-05'"))
    engine.dispose()


def test_a_waiver_that_ran_out_too_soon_is_told_by_check_and_doctor(known: Desk) -> None:
    in_force(known)
    run_out(known)
    says = f"deal d1: The waiver of {AUTH} ran out on 5 Jan 2026, and the rule still fails. Mend the deal"
    assert states(known) == ["expired"]
    assert says in known("check").out
    assert f"WARN  org           waivers     {says}" in known("doctor").out


def test_a_waiver_that_lets_nothing_off_is_told_by_check_doctor_and_the_list(desk: Desk) -> None:
    desk.settle(GATED)
    desk.learn(clean(rung=1))
    waive(desk, rule="CQ-OPP-NEED")
    desk("waivers", "approve", "1", "--by", "noor")
    says = "The waiver of CQ-OPP-NEED until"
    assert states(desk) == ["unused"]
    assert says in desk("check").out
    assert "Withdraw it: crm-audit waivers withdraw 1" in desk("doctor").out


def test_where_no_waiver_was_asked_for_nothing_is_told(desk: Desk) -> None:
    desk.settle()
    assert desk("waivers").out == "No waiver was ever asked for.\n"
    assert "waivers" not in desk("doctor").out


def test_a_waiver_of_a_deal_on_no_ladder_can_be_asked_for(desk: Desk) -> None:
    desk.learn([*around(), deal(stage="Odd")])
    assert waive(desk).code == 0
