"""Packs as values: rules find one another, and equal questions are one."""

from __future__ import annotations

import pytest

from crm_audit.domain import TOP
from crm_audit.policy import LAYERS, SEVERITIES, Leaf, leaves
from tests.builders import CORE, Spec, node, pack, rule

NEED: Spec = {"field": {"path": "need"}}
COMPANY: Spec = {"field": {"path": "company"}}


def leaf(spec: Spec) -> Leaf:
    made = node(spec)
    assert isinstance(made, Leaf)
    return made


SAME = [
    ({"evidence": {"buyer_acts": True, "within": 30}}, {"evidence": {"buyer_acts": True, "within": {3: 9}}}),
    ({"evidence": {"within": 30}}, {"evidence": {"within": 30, "min_people": 3}}),
    ({"contact": {"role": "authority"}}, {"contact": {"role": "authority", "min": 2}}),
    ({"since": {"of": "stage", "max": 1}}, {"since": {"of": "stage", "max": 99}}),
    ({"date": {"path": "close_date"}}, {"date": {"path": "close_date", "not_past": True, "fiscal": "next"}}),
    ({"field": {"path": "need", "equals": "x"}}, {"field": {"path": "need", "equals": "x", "reason": "low"}}),
]
OTHER = [
    ({"evidence": {"within": 30}}, {"evidence": {"within": 30, "topic": "pricing"}}),
    ({"evidence": {"within": 30}}, {"evidence": {"within": 30, "by": {"role": "champion"}}}),
    ({"evidence": {"within": 30}}, {"evidence": {"within": 30, "amount_tolerance": 0.1}}),
    (
        {"evidence": {"within": 30, "amount_tolerance": 0.2}},
        {"evidence": {"within": 30, "amount_tolerance": 0.1}},
    ),
    ({"contact": {"role": "authority"}}, {"contact": {"role": "champion"}}),
    ({"field": {"path": "need"}}, {"field": {"path": "need", "equals": "x"}}),
    ({"field": {"path": "need"}}, {"field": {"path": "company"}}),
    ({"since": {"of": "stage", "max": 1}}, {"since": {"of": "created", "max": 1}}),
]


@pytest.mark.parametrize(("one", "two"), SAME)
def test_limits_do_not_make_another_question(one: Spec, two: Spec) -> None:
    assert leaf(one).key == leaf(two).key


@pytest.mark.parametrize(("one", "two"), OTHER)
def test_what_is_looked_at_does(one: Spec, two: Spec) -> None:
    assert leaf(one).key != leaf(two).key


@pytest.mark.parametrize(
    ("start", "end", "rungs"), [(0, TOP, [0, 1, 2, 3, 4, 5]), (3, 3, [3]), (4, TOP, [4, 5]), (0, 0, [0])]
)
def test_a_rule_applies_from_its_first_rung_to_its_last(start: int, end: int, rungs: list[int]) -> None:
    made = rule("R-1", NEED, start=start, end=end)
    assert [rung for rung in range(TOP + 1) if made.applies(rung)] == rungs


def test_every_leaf_is_found_left_to_right() -> None:
    tree = node({"all": [NEED, {"not": COMPANY}, {"at_least": {"k": 1, "of": [{"any": [NEED]}, COMPANY]}}]})
    assert [each.args.model_dump()["path"] for each in leaves(tree)] == ["need", "company", "need", "company"]


def test_the_leaves_of_a_guard_belong_to_its_rule() -> None:
    made = rule("R-1", NEED, when=COMPANY)
    assert [each.args.model_dump()["path"] for each in made.leaves()] == ["need", "company"]


def test_a_pack_finds_its_rules_and_knows_no_others() -> None:
    mine = pack(rule("R-1", NEED), rule("R-2", COMPANY))
    assert mine.rule("R-2").id == "R-2"
    with pytest.raises(KeyError, match="R-3"):
        mine.rule("R-3")


def test_a_pack_without_some_rules_is_another_pack() -> None:
    mine = pack(rule("R-1", NEED), rule("R-2", COMPANY))
    left = mine.without(frozenset({"R-1", "R-9"}))
    assert [each.id for each in left.rules] == ["R-2"]
    assert (left.name, left.version) == (mine.name, mine.version)
    assert [each.id for each in mine.rules] == ["R-1", "R-2"]


def test_the_core_pack_speaks_the_words_of_the_policy() -> None:
    assert {each.layer for each in CORE.rules} <= set(LAYERS)
    assert {each.severity for each in CORE.rules} <= set(SEVERITIES)
    assert {each.id for each in CORE.rules if each.quick_fix} == {"CQ-OPP-DATE", "CQ-OPP-BASICS"}
