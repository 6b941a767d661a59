"""Which stages a deal may not enter yet, and above all which it may."""

from __future__ import annotations

import pytest

from crm_audit.domain import Record
from crm_audit.gates import Gate, HowFar, refused_stages
from tests.builders import ago, around, audited, but, clean, deal, event

BLOCK = HowFar(default="block")


def gate(records: list[Record], how_far: HowFar = BLOCK, *, waived: tuple[tuple[str, str], ...] = ()) -> Gate:
    return refused_stages(audited(records), how_far, waived=waived).get("d1", Gate())


def no_decider(rung: int) -> list[Record]:
    return but(clean(rung=rung), "d1-dana-authority")


def test_a_clean_deal_is_refused_nowhere() -> None:
    assert [gate(clean(rung=rung)) for rung in range(6)] == [Gate()] * 6


def test_each_stage_is_judged_at_its_own_rung() -> None:
    assert gate(no_decider(3)) == Gate(refused=("Propose", "Negotiate"))
    assert gate(clean(rung=3, close_date=ago(1))) == Gate(refused=("Negotiate",))


def test_no_step_back_and_no_stage_of_the_same_rung_is_refused() -> None:
    assert gate(no_decider(4)) == Gate(refused=("Negotiate",))
    assert gate(no_decider(5)) == Gate()


@pytest.mark.parametrize("rung", range(6))
def test_won_is_open_unless_a_setting_says_so_and_lost_always(rung: int) -> None:
    assert not {"Won", "Lost"} & set(gate(no_decider(rung)).refused)
    told = gate(no_decider(rung), HowFar(default="block", won=True)).refused
    assert told[-1] == "Won"
    assert "Lost" not in told


@pytest.mark.parametrize("step", ["shadow", "annotate"])
def test_a_rule_below_warn_gates_nothing(step: str) -> None:
    assert gate(no_decider(2), HowFar(default=step)) == Gate()
    assert gate(no_decider(2), HowFar(default="block", rules={"CQ-STK-AUTH": step})) == Gate()
    assert gate(no_decider(2), HowFar(default="block", pipelines={"new": step})) == Gate()


def test_warn_asks_for_a_reason_and_refuses_nothing() -> None:
    assert gate(no_decider(3), HowFar(default="warn")) == Gate(warned=("Propose", "Negotiate"))


def test_a_stage_that_one_rule_refuses_and_another_warns_of_is_refused() -> None:
    records = but(clean(rung=3, close_date=ago(1)), "d1-dana-authority")
    both = HowFar(default="warn", rules={"CQ-OPP-DATE": "block"})
    assert gate(records, both) == Gate(refused=("Negotiate",), warned=("Propose",))


def test_a_rule_that_only_asks_to_be_shown_refuses_nothing() -> None:
    assert gate(clean(rung=1, need=None)) == Gate()


def test_what_cannot_be_told_refuses_nothing() -> None:
    audit = audited(clean(rung=4, budget=None), unmapped=frozenset({"budget"}))
    assert refused_stages(audit, BLOCK) == {}


def test_a_pipeline_is_a_ceiling_and_a_rule_stands_in_place_of_the_default() -> None:
    far = HowFar(default="annotate", rules={"A": "block"}, pipelines={"new": "warn"})
    assert [far.step(rule, pipe) for rule in ("A", "B") for pipe in ("new", "old")] == [
        "warn", "block", "warn", "annotate",
    ]  # fmt: skip
    assert [far.furthest(rule) for rule in ("A", "B")] == ["block", "warn"]


def test_a_waived_finding_refuses_nothing_and_nothing_takes_its_place() -> None:
    assert gate(no_decider(3), waived=(("d1", "CQ-STK-AUTH"),)) == Gate()
    assert gate(no_decider(3), waived=(("d2", "CQ-STK-AUTH"), ("d1", "CQ-OPP-DATE"))) != Gate()


def test_a_finding_that_another_one_explains_is_none() -> None:
    records = but(clean(rung=4), "d1-dana-authority")
    assert gate(records, HowFar(default="shadow", rules={"CQ-STK-PRICE": "block"})) == Gate()


@pytest.mark.parametrize("stage", ["Won", "Lost", "Odd"])
def test_a_deal_that_is_closed_or_on_no_ladder_has_no_gate(stage: str) -> None:
    assert gate([*around(), deal(stage=stage)]) == Gate()


def test_an_amount_that_rose_since_the_price_was_seen_closes_the_last_stage() -> None:
    quoted = event("quote_viewed", 3, "dana", topics=("pricing",), quoted_amount=50_000, quoted_currency="USD")
    records = but(clean(rung=4), "meeting_held-6-dana-lee-d1", add=[quoted])
    assert gate(records) == Gate(refused=("Negotiate",))


def test_a_gate_lets_in_whatever_it_does_not_name() -> None:
    closed = Gate(refused=("Negotiate",), warned=("Propose",))
    assert [closed.may_enter(stage) for stage in ("Negotiate", "Propose", "Lost")] == [False, True, True]
