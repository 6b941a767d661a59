"""The slow evaluator against the worked deals: it has to earn its say before it may contradict anybody."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from ..shared import shared
from .slow import judge

COMPARED = ("claimed", "supported", "verdict", "action")
OPTIONAL = {"missing", "n", "days"}
"""Compared only where the expectation carries them."""


@cache
def worked() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shared("spec", "worlds.json").read_text("utf-8"))
    return found


@pytest.mark.parametrize("number", range(20))
def test_every_deal_of_a_worked_world_is_judged_as_expected(number: int) -> None:
    world = worked()["worlds"][number]
    judged = judge(world, worked()["ladders"])
    assert {deal: comparable(judged[deal], expected) for deal, expected in world["expect"].items()} == {
        deal: comparable(expected, expected) for deal, expected in world["expect"].items()
    }, f"{world['id']}: {world['why']}"


def test_all_26_deals_are_compared() -> None:
    worlds = worked()["worlds"]
    assert [world["id"] for world in worlds] == [f"E{number:02}" for number in range(1, 21)]
    assert sum(len(judge(world, worked()["ladders"])) for world in worlds) == 26
    assert sum(len(world["expect"]) for world in worlds) == 26


def comparable(judged: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """What two results must have in common: the order of findings has no meaning, and `status` is open by default."""
    wanted = {finding["rule"]: set(finding) for finding in expected["findings"]}
    found = []
    for finding in judged["findings"]:
        unasked = OPTIONAL - wanted.get(finding["rule"], OPTIONAL)
        found.append({"status": "open"} | {key: value for key, value in finding.items() if key not in unasked})
    return {key: judged[key] for key in COMPARED} | {"findings": sorted(found, key=lambda row: str(row["rule"]))}
