"""What stands between a deal and its later stages, in words."""

from __future__ import annotations

from crm_audit.gates import Count, HowFar, count
from crm_audit.refusals import Refusal, refusals
from tests.builders import ago, around, audited, but, clean, deal, story

LATE = but(clean(rung=3, close_date=ago(1)), "d1-dana-authority")


def told(records: list[object], how_far: HowFar) -> dict[str, Refusal]:
    return {each.stage: each for each in refusals(audited(records), how_far)}  # type: ignore[arg-type]  # records


def test_each_stage_says_how_far_it_really_goes_and_why() -> None:
    found = told(list(LATE), HowFar(default="warn", rules={"CQ-OPP-DATE": "block"}))
    assert {stage: (each.label, each.step) for stage, each in found.items()} == {
        "Propose": ("Propose", "warn"),
        "Negotiate": ("Negotiate", "block"),
    }
    assert [finding.rule for finding in found["Negotiate"].findings] == ["CQ-OPP-DATE", "CQ-STK-AUTH"]
    (finding,) = found["Propose"].findings
    assert (finding.says, finding.todo) == (
        "We do not know yet who decides.",
        'Ask Lee Park: "Who else signs this off?"',
    )


def test_in_shadow_it_says_what_would_be_refused() -> None:
    assert {stage: each.step for stage, each in told(list(LATE), HowFar()).items()} == {
        "Propose": "shadow",
        "Negotiate": "shadow",
    }


def test_a_deal_with_nothing_before_it_has_none() -> None:
    records = [*around(), *story("d1", 3), deal("d2", stage="Won"), deal("d3", stage="Odd")]
    assert refusals(audited(records), HowFar(default="block")) == []


def test_what_is_waived_stands_in_no_way() -> None:
    waived = [("d1", "CQ-STK-AUTH"), ("d1", "CQ-OPP-DATE")]
    assert refusals(audited(LATE), HowFar(default="block"), waived=waived) == []


def test_deals_are_counted_once_by_the_worst() -> None:
    records = [*LATE, *story("d2", 3), *story("d3", 4, close_date=None)]
    far = HowFar(default="warn", rules={"CQ-STK-AUTH": "block"})
    assert count(audited(records), far) == Count(refused=1, warned=1)
    assert count(audited(records), HowFar(default="annotate")) == Count(refused=0, warned=0)
