"""Every number of the core pack is pinned: one more or one less, and some case comes out otherwise.

A threshold that can be moved without anybody noticing is a threshold that nobody has tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from crm_audit import cases, packs, shipped
from crm_audit.cases import Case
from crm_audit.cases.trying import judged_together, outcomes
from crm_audit.errors import BadPack
from crm_audit.policy import Pack

PACK = shipped.rules() / "core" / "pack.yaml"
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")

SAME_ANYWAY = {
    "version": "says which pack it was, and judges nothing",
    "SYS-UNMAPPED-STAGE from": "a stage on no rung is on no rung of the rule's either",
    "CQ-STK-PRICE block_from 5 → 4": "the rule is asked at rung 5 only",
    "CQ-OPP-BASICS within key 3 → 2": "the smallest key serves every rung below it",
    "CQ-STK-ENGAGED within key 4 → 3": "the smallest key serves every rung below it",
    "CQ-MOM-SILENT within key 2 → 1": "the smallest key serves every rung below it",
    "CQ-MOM-AGE max key 1 → 0": "the smallest key serves every rung below it",
}
"""Numbers that change nothing when they are moved, each with the reason."""


@dataclass(frozen=True)
class Number:
    """A number of the pack: where it stands, and the way to it."""

    way: tuple[str, ...]
    start: int
    end: int
    text: str

    @property
    def rule(self) -> str:
        return self.way[0]

    def moved(self) -> Iterator[str]:
        """One step down and one up; the last digit is the step of a decimal."""
        value = Decimal(self.text)
        step = Decimal((0, (1,), int(value.as_tuple().exponent)))
        yield from (str(value - step), str(value + step))

    def __str__(self) -> str:
        named = [word for word in (self.way[0], *self.way[-2:]) if not word.isdigit()]
        return " ".join(dict.fromkeys(named))


def numbers() -> Iterator[Number]:
    """Every number that is a value or a key, but for those in sentences."""
    yield from _below(YAML(typ="rt", pure=True).compose(PACK), ())


def _below(node: Node, way: tuple[str, ...]) -> Iterator[Number]:
    if isinstance(node, ScalarNode) and node.tag in NUMBERS:
        yield Number(way, node.start_mark.index, node.end_mark.index, str(node.value))
    if isinstance(node, SequenceNode):
        for position, part in enumerate(node.value):
            yield from _below(part, (*way, str(position)))
    if isinstance(node, MappingNode):
        mine = next((value.value for key, value in node.value if key.value == "id"), None)
        for key, value in node.value:
            yield from _below(key, (*(way if mine is None else (mine,)), "key"))
            yield from _below(value, (*(way if mine is None else (mine,)), str(key.value)))


FOUND = list(numbers())
MOVES = [(number, text) for number in FOUND for text in number.moved()]


@cache
def told_by_rule(rule: str) -> list[Case]:
    """The cases of a rule, with nothing expected but what the rule says."""
    told = cases.read(PACK.with_name("cases.yaml"), packs.load("core"))
    return [_findings_only(case) for case in told if case.rule == rule]


def _findings_only(case: Case) -> Case:
    expect = {deal: {"findings": row["findings"]} for deal, row in case.world.expect.items()}
    return replace(case, world=replace(case.world, expect=expect))


def alone(pack: Pack, rule: str) -> Pack:
    """The rule with those that may suppress it."""
    kept = {rule, *pack.rule(rule).suppressed_by}
    return pack.without(frozenset(other.id for other in pack.rules) - kept)


def moved(number: Number, text: str, folder: Path) -> Pack:
    pack = PACK.read_text("utf-8")
    path = folder / "pack.yaml"
    path.write_text(pack[: number.start] + text + pack[number.end :], "utf-8")
    return packs.read(path)


def test_the_numbers_are_found() -> None:
    assert len(FOUND) > 70
    within = [number.text for number in FOUND if str(number) == "CQ-OPP-BASICS within"]
    assert {"45", "30", "14"} <= {number.text for number in FOUND if number.rule == "CQ-OPP-BASICS"}, within


@pytest.mark.parametrize(("number", "text"), MOVES, ids=[f"{n} {n.text} to {text}" for n, text in MOVES])
def test_a_moved_number_is_noticed(number: Number, text: str, tmp_path: Path) -> None:
    same = {str(number), f"{number} {number.text} → {text}"} & SAME_ANYWAY.keys()
    try:
        pack = moved(number, text, tmp_path)
    except BadPack:
        return
    tried = [] if number.rule == "version" else told_by_rule(number.rule)
    red = [case.name for case, ok in zip(tried, agreeing(tried, pack, number.rule), strict=True) if not ok]
    assert bool(red) != bool(same), f"{number}: {number.text} → {text}: {red or 'no case notices'}"


def agreeing(tried: list[Case], pack: Pack, rule: str) -> list[bool]:
    said = judged_together([case.world for case in tried], alone(pack, rule)) if tried else []
    return [all(outcome.ok for outcome in outcomes(case, answer)) for case, answer in zip(tried, said, strict=True)]
