"""Gates that no deal can pass are found and named; gates that can be passed are left in peace."""

from __future__ import annotations

from typing import Any

import pytest

from crm_audit import packs, shipped
from crm_audit.deadlocks import Deadlock, deadlocks
from crm_audit.domain import Rung
from crm_audit.gates import HowFar
from crm_audit.policy import Rule
from tests.builders import pack, rule

BLOCK = HowFar(default="block")
SHIPPED = sorted(path.name for path in shipped.rules().iterdir() if (path / "pack.yaml").is_file())

AUTHORITY = {"contact": {"role": "authority"}}
ACTS = {"evidence": {"buyer_acts": True, "within": 60}}
PRICED = {"evidence": {"topic": "pricing", "min_strength": 2, "within": 30}}
BUDGET = {"money": {"of": "amount", "at_most": "budget"}}
PUSHED = {"history": {"field": "close_date", "change": "later", "max": 2}}
YOUNG = {"since": {"of": "created", "max": 30}}


def gate(name: str, require: dict[str, Any], at: int = 4, **changes: object) -> Rule:
    return rule(f"A-{name}", require, block_from=at, **changes)  # type: ignore[arg-type]  # a rule's own keys


def found(*rules: Rule, how_far: HowFar = BLOCK, arises: dict[str, Rung] | None = None) -> list[Deadlock]:
    return deadlocks(pack(*rules), how_far, arises)


def no(require: dict[str, Any]) -> dict[str, Any]:
    return {"not": require}


CONTRADICTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a field present and absent": ({"field": {"path": "need"}}, no({"field": {"path": "need"}})),
    "two values of one field": (
        {"field": {"path": "solution_fit", "equals": "confirmed"}},
        {"field": {"path": "solution_fit", "in": ["open", "probable"]}},
    ),
    "a number above and below": (
        {"field": {"path": "probability", "at_least": "0.9"}}, {"field": {"path": "probability", "below": "0.9"}},
    ),
    "a fit without a company": ({"field": {"path": "company.fit_tier"}}, no({"field": {"path": "company"}})),
    "a date both near and far": (
        {"date": {"path": "close_date", "not_past": True, "max_days_ahead": 90}},
        no({"date": {"path": "close_date", "max_days_ahead": 120}}),
    ),
    "a price inside and outside the budget": (BUDGET, {"all": [no(BUDGET), {"money": {"of": "amount", "at_least": 1}},
                                                       {"money": {"of": "budget", "at_least": 1}}]}),
    "heard of and silent": (ACTS, no({"evidence": {"buyer_acts": True, "within": 90}})),
    "a price seen by a decider nobody may name": (
        {"evidence": {"by": {"role": "authority"}, "topic": "pricing", "within": 90}}, no(AUTHORITY),
    ),
    "two people and no more than one": (
        {"evidence": {"buyer_acts": True, "within": 60, "min_people": 2}},
        no({"evidence": {"buyer_acts": True, "within": 60, "min_people": 2}}),
    ),
    "asked within a week and not within a month": (
        {"rechecked": {"topics": ["all"], "within": 7}}, no({"rechecked": {"topics": ["all"], "within": 30}}),
    ),
    "a step planned and none": ({"planned": {"within": 14}}, no({"planned": {"within": 30}})),
    "pushed and not pushed": ({"history": {"field": "close_date", "change": "later", "max": 0}}, no(PUSHED)),
    "young and old": (YOUNG, no({"since": {"of": "created", "max": 60}})),
    "new in its stage and long in it": ({"since": {"of": "stage", "max": 5}}, no({"since": {"of": "stage", "max": 9}})),
    "a mail from a buyer who is silent": (
        {"since": {"of": "email_in", "max": 5}}, no({"since": {"of": "buyer_act", "max": 5}}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CONTRADICTIONS)
def test_a_planted_contradiction_is_found_and_both_rules_are_named(kind: str) -> None:
    one, other = CONTRADICTIONS[kind]
    assert found(gate("ONE", one), gate("HARMLESS", {"field": {"path": "owner"}}, at=5), gate("OTHER", other)) == [
        Deadlock(rung=4, rules=("A-ONE", "A-OTHER")),
        Deadlock(rung=5, rules=("A-ONE", "A-OTHER")),
    ]


@pytest.mark.parametrize("kind", CONTRADICTIONS)
def test_each_half_of_a_contradiction_can_be_passed(kind: str) -> None:
    one, other = CONTRADICTIONS[kind]
    assert found(gate("ONE", one)) == found(gate("OTHER", other)) == []


@pytest.mark.parametrize("kind", CONTRADICTIONS)
def test_a_rule_that_does_not_block_contradicts_nobody(kind: str) -> None:
    one, other = CONTRADICTIONS[kind]
    for step in ("shadow", "annotate", "warn"):
        assert not found(gate("ONE", one), gate("OTHER", other), how_far=HowFar(default="block", rules={"A-ONE": step}))
    assert not found(gate("ONE", one), rule("A-OTHER", other))
    assert not found(gate("ONE", one, end=4), gate("OTHER", other, at=5))


def test_three_rules_of_which_any_two_agree() -> None:
    a, b = {"field": {"path": "need"}}, {"field": {"path": "owner"}}
    rules = (gate("A", a), gate("B", b), gate("C", no({"all": [a, b]})))
    assert [each.rules for each in found(*rules)] == [("A-A", "A-B", "A-C")] * 2
    for left_out in rules:
        assert not found(*(each for each in rules if each is not left_out))


def test_a_rule_that_no_deal_can_satisfy_stands_alone() -> None:
    (first, _) = found(gate("NEVER", {"all": [AUTHORITY, no(AUTHORITY)]}))
    assert (first.rules, first.says) == (
        ("A-NEVER",),
        "A-NEVER can hold on no deal at 4 proposed; change it, or set it to warn under rule_ladders",
    )


def test_two_contradictions_at_one_rung_are_both_told() -> None:
    a, b = {"field": {"path": "need"}}, {"field": {"path": "owner"}}
    told = found(gate("A", a, at=5), gate("NO-A", no(a), at=5), gate("B", b, at=5), gate("NO-B", no(b), at=5))
    assert [each.rules for each in told] == [("A-A", "A-NO-A"), ("A-B", "A-NO-B")]
    assert told[0].says.startswith("A-A and A-NO-A contradict each other at 5 committed; change one of them")


def test_a_guard_is_a_way_out() -> None:
    guarded = rule("A-ONE", ACTS, when=AUTHORITY, block_from=4)
    assert not found(guarded, gate("OTHER", no(ACTS)))
    assert found(guarded, gate("OTHER", no(ACTS)), gate("WHO", AUTHORITY))[0].rules == ("A-ONE", "A-OTHER", "A-WHO")


@pytest.mark.parametrize("how", ["any", "at_least"])
def test_an_alternative_is_a_way_out_as_long_as_one_is_left(how: str) -> None:
    parts: list[dict[str, Any]] = [ACTS, AUTHORITY, {"field": {"path": "need"}}]
    either = {"any": parts} if how == "any" else {"at_least": {"k": 1, "of": parts}}
    shut = [gate(f"NO-{number}", no(part)) for number, part in enumerate(parts)]
    assert not found(gate("ONE", either), *shut[:2])
    assert len(found(gate("ONE", either), *shut)[0].rules) == 4


def test_windows_that_differ_by_a_day_leave_a_day() -> None:
    lately, not_today = {"evidence": {"buyer_acts": True, "within": 8}}, {"evidence": {"buyer_acts": True, "within": 7}}
    assert not found(gate("ONE", lately), gate("OTHER", no(not_today)))
    assert not found(
        gate("ONE", {"since": {"of": "stage", "max": 8}}), gate("OTHER", no({"since": {"of": "stage", "max": 7}}))
    )


def test_a_limit_that_differs_by_rung_contradicts_where_it_does() -> None:
    windows = {"evidence": {"buyer_acts": True, "within": {4: 60, 5: 10}}}
    (only,) = found(gate("ONE", windows), gate("OTHER", no({"evidence": {"buyer_acts": True, "within": 30}})))
    assert only == Deadlock(rung=5, rules=("A-ONE", "A-OTHER"))


# --- what cannot be undone -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (no(PUSHED), PUSHED),
        (no(YOUNG), YOUNG),
        (
            no({"history": {"field": "amount", "change": "up", "max": 0}}),
            {"history": {"field": "amount", "change": "up", "max": 0}},
        ),
        (
            no({"history": {"field": "stage", "change": "regress", "max": 1}}),
            {"history": {"field": "stage", "change": "regress", "max": 0}},
        ),
    ],
    ids=["pushed", "old", "raised", "moved back"],
)
def test_what_one_gate_asks_for_and_a_later_one_forbids_is_found_if_it_cannot_be_undone(
    first: dict[str, Any], then: dict[str, Any]
) -> None:
    (told,) = found(gate("FIRST", first, at=3, end=3), gate("THEN", then, at=5))
    assert (told.rung, told.rules, told.earlier) == (5, ("A-THEN",), {"A-FIRST": 3})
    assert "no deal that passed A-FIRST at 3 evaluating can satisfy A-THEN at 5 committed" in told.says
    assert not found(gate("FIRST", then, at=3, end=3), gate("THEN", first, at=5))  # the other way round it can be done


def test_what_can_be_undone_or_waited_out_between_two_gates_is_none() -> None:
    pairs = [
        CONTRADICTIONS[kind]
        for kind in ("a field present and absent", "heard of and silent", "a step planned and none")
    ]
    passing = {"history": {"field": "close_date", "change": "later", "span": 30, "max": 0}}
    for one, other in [*pairs, (no(passing), passing)]:
        assert not found(gate("FIRST", one, at=3, end=3), gate("THEN", other, at=5))


# --- what exists only later ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("require", "name", "since"),
    [
        ({"evidence": {"kinds": ["esign_completed"], "within": 90}}, "esign_completed", "won"),
        ({"evidence": {"topic": "contract", "within": 90}}, "contract", 5),
        ({"contact": {"role": "procurement_legal"}}, "procurement_legal", 5),
        ({"field": {"path": "solution_fit"}}, "solution_fit", 4),
        ({"money": {"of": "budget", "at_least": 1}}, "budget", 5),
        ({"rechecked": {"topics": ["handover"], "within": 30}}, "handover", "won"),
        ({"since": {"of": "quote_accepted", "max": 30}}, "quote_accepted", 5),
        ({"planned": {"kinds": ["task"], "within": 30}}, "task_open", 4),
        ({"field": {"path": "company.fit_tier"}}, "company.fit_tier", 4),
        ({"date": {"path": "close_date", "not_past": True}}, "close_date", 5),
    ],
)
def test_a_gate_that_asks_for_what_lies_behind_it_is_found(require: dict[str, Any], name: str, since: Rung) -> None:
    rules = (gate("EARLY", require, end=4), gate("HARMLESS", AUTHORITY))
    (told,) = found(*rules, arises={name: since, "unheard": "won"})
    assert told == Deadlock(rung=4, rules=("A-EARLY",), waits_for={name: since})
    assert f"{name} (there from {since} on)" in told.says
    assert not found(*rules)
    assert not found(*rules, arises={name: 3})


def test_a_circle_of_two_gates_is_found() -> None:
    """Each asks for what is made only behind the other."""
    signed, quoted = ({"evidence": {"kinds": [kind], "within": 60}} for kind in ("esign_viewed", "quote_viewed"))
    told = found(
        gate("SIGN", signed, at=3, end=3), gate("QUOTE", quoted, at=4), arises={"esign_viewed": 4, "quote_viewed": 3}
    )
    assert told == [Deadlock(rung=3, rules=("A-SIGN",), waits_for={"esign_viewed": 4})]


def test_another_source_is_a_way_past_what_is_not_there_yet() -> None:
    assert not found(gate("ONE", PRICED), arises={"quote_accepted": 5, "quote_viewed": 5, "meeting_held": "won"})
    assert not found(gate("ONE", {"any": [PRICED, AUTHORITY]}), arises={"pricing": 5})


# --- which rules, and which pipelines --------------------------------------------------------------------------------


def test_a_contradiction_in_one_pipeline_alone_is_found_there() -> None:
    rules = (gate("ONE", ACTS), gate("OTHER", no(ACTS)))
    one = HowFar(rules={"A-ONE": "block", "A-OTHER": "block"}, pipelines={"new": "block"})
    assert found(*rules, how_far=one)
    apart = HowFar(default="block", rules={"A-OTHER": "warn"}, pipelines={"new": "block"})
    assert not found(*rules, how_far=apart)
    assert not found(*rules, how_far=HowFar(default="annotate", pipelines={"new": "warn"}))


@pytest.mark.parametrize("name", SHIPPED)
def test_no_shipped_pack_has_a_deadlock_however_far_it_goes(name: str) -> None:
    assert deadlocks(packs.load(name), BLOCK) == []


@pytest.mark.parametrize("name", SHIPPED)
def test_no_shipped_pack_has_one_if_every_rule_of_it_blocked(name: str) -> None:
    loaded = packs.load(name)
    harsh = pack(*(_blocking(each) for each in loaded.rules if each.require is not None))
    assert deadlocks(harsh, BLOCK) == []


def _blocking(each: Rule) -> Rule:
    return Rule(
        id=each.id, title=each.title, layer=each.layer, start=each.start, end=each.end, require=each.require,
        when=each.when, block_from=each.start,
    )  # fmt: skip
