"""A difference is shown on the smallest world that has it."""

from __future__ import annotations

from .generate import seeded
from .sketch import LADDERS
from .slow import judge
from .slow_facts import World
from .smaller import candidates, smaller


def overdue(world: World) -> bool:
    """Whether some deal's stage is reported as old."""
    found = [finding["rule"] for judged in judge(world, LADDERS).values() for finding in judged["findings"]]
    return "CQ-MOM-AGE" in found


def test_only_what_shows_the_difference_is_left() -> None:
    number = next(number for number in range(100) if overdue(seeded(number)))
    small = smaller(seeded(number), overdue)
    assert overdue(small)
    assert len(small["deals"]) == 1
    assert small["events"] == small["links"] == small["assessments"] == small["contacts"] == []
    assert not any(overdue(candidate) for candidate in candidates(small))


def test_a_world_that_needs_everything_stays_whole() -> None:
    world = seeded(1)
    assert smaller(world, lambda candidate: False) == world


def test_no_candidate_points_to_what_is_no_longer_there() -> None:
    for candidate in candidates(seeded(3)):
        known = {row["id"] for table in ("contacts", "deals") for row in candidate[table]}
        for link in candidate["links"]:
            assert {link["contact"], link["deal"]} <= known
        for event in candidate["events"]:
            assert {*event["contacts"], *(event.get("deals") or filter(None, [event.get("deal")]))} <= known
