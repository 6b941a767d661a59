"""Every line of a verdict, with what it rests on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from crm_audit.domain import Event
from crm_audit.evaluate import audit
from crm_audit.proof import Proof, prove
from tests.builders import (
    CORE,
    DANA,
    NOW,
    Spec,
    ago,
    around,
    audited,
    but,
    change,
    clean,
    deal,
    event,
    known,
    proof,
    story,
)


def by_rule(proofs: list[Proof]) -> dict[str, Proof]:
    return {each.rule: each for each in proofs}


@pytest.mark.parametrize("rung", range(6))
def test_a_proof_has_every_rule_of_its_rung_in_the_order_of_the_pack(rung: int) -> None:
    told = prove(audited(clean()), "d1", rung)
    assert [each.rule for each in told] == [r.id for r in CORE.rules if r.require and r.applies(rung)]
    assert {each.rung for each in told} <= {rung}
    assert [each.gate for each in told] == [CORE.rule(each.rule).gate for each in told]


def test_a_proof_agrees_with_the_findings() -> None:
    seen = audited([*around(), *story("d1", close_date=ago(3), need=None), *story("d2", 4)])
    open_rules = set(seen.findings["rule"])
    failing = {each.rule for each in prove(seen, "d1", 5) if each.status == "fails"}
    assert failing == open_rules == {"CQ-OPP-DATE", "CQ-OPP-NEED"}
    assert all(each.status in ("holds", "not_applicable") for each in prove(seen, "d2", 4))


def test_what_holds_gives_no_reason_and_names_its_record() -> None:
    seen = by_rule(prove(audited(clean()), "d1", 5))["CQ-STK-PRICE"]
    (step,) = seen.steps
    assert (seen.status, step.holds, step.reason) == ("holds", True, None)
    assert step.record == "meeting_held meeting_held-6-dana-lee-d1 of 2026-03-10"
    assert step.observed["days"] == 6
    assert step.observed["limit"] == 90


def test_what_fails_gives_its_reason_and_what_was_seen() -> None:
    records = [*clean(), change("amount", 3, "50000", "90000")]
    (step,) = by_rule(prove(audited(records), "d1", 5))["CQ-STK-PRICE"].steps
    assert (step.holds, step.reason) == (False, "superseded_amount")
    assert (step.observed["seen"], step.observed["seen_in"]) == ("50000", "USD")
    assert step.record == "meeting_held meeting_held-6-dana-lee-d1 of 2026-03-10"


def test_what_is_unknown_says_why() -> None:
    (step,) = by_rule(prove(audited(clean(), unmapped=frozenset({"need"})), "d1", 5))["CQ-OPP-NEED"].steps
    assert (step.holds, step.reason) == (None, "unmapped")


def test_parts_stand_one_level_below_what_joins_them() -> None:
    seen = by_rule(prove(audited(clean(rung=3)), "d1", 3))["CQ-STK-PATH"]
    assert [step.depth for step in seen.steps] == [0, 1, 1, 2, 2]
    assert [step.asks.split(":")[0] for step in seen.steps] == ["any of", "evidence", "all of", "contact", "evidence"]


def test_a_guard_stands_before_what_it_guards() -> None:
    seen = by_rule(prove(audited(clean()), "d1", 5))["CQ-STK-THREADS-L"]
    assert seen.status == "not_applicable"
    assert [step.asks.split(":")[0] for step in seen.steps] == ["money", "evidence"]
    assert [step.holds for step in seen.steps] == [False, True]


ASKS: dict[str, tuple[Spec, str]] = {
    "a role": ({"contact": {"role": "authority"}}, "contact: role authority"),
    "a window": ({"since": {"of": "stage", "max": 30}}, "since: of stage, max 30"),
    "windows by rung": (
        {"since": {"of": "stage", "max": {3: 45, 5: 14}}},
        "since: of stage, max 45 from rung 3, 14 from rung 5",
    ),
    "a role of evidence": (
        {"evidence": {"by": {"role": "champion"}, "buyer_acts": True, "within": 30}},
        "evidence: by champion, buyer acts yes, within 30",
    ),
    "several": ({"field": {"path": "need", "in": ["A", "B"]}}, "field: path need, one of A or B"),
    "a number of parts": ({"at_least": {"k": 1, "of": [{"field": {"path": "need"}}]}}, "at least 1 of"),
}


@pytest.mark.parametrize(("asked", "text"), ASKS.values(), ids=ASKS)
def test_what_was_asked_is_told_in_the_words_of_the_pack(asked: Spec, text: str) -> None:
    assert proof(clean(), asked).steps[0].asks == text


def test_people_and_row_numbers_are_not_shown_as_observed() -> None:
    records = but(clean(), "dana", add=[replace(DANA, left_on=ago(1))])
    for rung in range(1, 6):
        for each in prove(audited(records), "d1", rung):
            for step in each.steps:
                assert step.observed.keys().isdisjoint({"former", "event", "void_event"})
                assert None not in step.observed.values()


@pytest.mark.parametrize("stage", ["Won", "Odd"])
def test_a_deal_that_was_not_judged_has_no_proof(stage: str) -> None:
    assert prove(audited([*around(), deal(stage=stage)]), "d1", 5) == []


def test_each_deal_has_its_own_proof() -> None:
    seen = audited([*around(), *story("d1", need=None), *story("d2")])
    statuses = {name: by_rule(prove(seen, name, 5))["CQ-OPP-NEED"].status for name in ("d1", "d2")}
    assert statuses == {"d1": "fails", "d2": "holds"}


def test_the_freshest_record_is_the_one_that_is_named() -> None:
    records = but(clean(), Event, add=[event("email_in", 9, "lee"), event("call_connected", 2, "sam")])
    (step,) = by_rule(prove(audited(records), "d1", 1))["CQ-STK-CONTACT"].steps
    assert step.record == "call_connected call_connected-2-sam-d1 of 2026-03-14"


def test_a_rung_above_the_claim_can_be_proved_as_well() -> None:
    seen = audit(known(clean(rung=1)), CORE, NOW)
    assert {each.status for each in prove(seen, "d1", 5)} == {"holds", "not_applicable"}


def test_a_date_is_a_date() -> None:
    (step,) = by_rule(prove(audited(clean()), "d1", 5))["CQ-OPP-DATE"].steps
    assert step.observed["date"] == date(2026, 4, 15)
