"""The product's evaluator and the slow one say the same about every deal of every generated world."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from crm_audit import packs
from crm_audit import worlds as product

from .generate import seeded, worlds
from .sketch import LADDERS
from .slow import judge as slow
from .slow_facts import World
from .smaller import smaller

CORE = packs.load("core")

CHUNKS = 10
EACH = int(os.environ.get("CRM_AUDIT_WORLDS", "2000")) // 2 // CHUNKS
"""Half of the worlds are drawn by Hypothesis and half are numbered ones, whose reach `test_generate` holds."""

drawn = settings(
    max_examples=EACH,
    phases=[Phase.explicit, Phase.generate],  # `smaller` knows what a world is and shrinks it better
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_both_agree_on_every_drawn_world(chunk: int) -> None:
    seed(chunk)(drawn(given(worlds())(compare)))()


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_both_agree_on_every_numbered_world(chunk: int) -> None:
    for number in range(chunk * EACH, (chunk + 1) * EACH):
        compare(seeded(number))


@pytest.mark.parametrize("table", ["events", "links", "history", "assessments"])
def test_both_agree_where_a_whole_table_is_empty(table: str) -> None:
    for number in range(10):
        compare({**seeded(number), table: []})


def compare(world: World) -> None:
    """Fail with the smallest world that shows the difference, as a file of worlds, and with both results."""
    if not differing(world):
        return
    small = smaller(world, lambda candidate: bool(differing(candidate)))
    raise AssertionError("\n".join([as_file(small), *differing(small)]))


def differing(world: World) -> list[str]:
    """What each evaluator says about the deals on which they differ."""
    ours, theirs = product.judge(world, LADDERS, CORE), slow(world, LADDERS)
    deals = [deal for deal in sorted(ours.keys() | theirs.keys()) if ours.get(deal) != theirs.get(deal)]
    return [line for deal in deals for line in (f"{deal} fast {ours.get(deal)}", f"{deal} slow {theirs.get(deal)}")]


def as_file(world: World) -> str:
    """The world as a file of worlds, expecting what the slow evaluator says."""
    file: dict[str, Any] = {"ladders": LADDERS, "worlds": [{**world, "expect": slow(world, LADDERS)}]}
    return json.dumps(file, ensure_ascii=False)
