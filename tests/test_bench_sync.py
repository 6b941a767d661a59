"""What the reference org costs at a twentieth of its size: every call counted, none more and none less."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from bench import sync

TWENTIETH = 20
CALLS: Mapping[str, Mapping[str, int]] = {
    "salesforce": {"first": 25, "a night": 11, "an unchanged night": 10},
    "hubspot": {"first": 491, "a night": 51, "an unchanged night": 34},
}
"""A change here is a change of what every customer pays: find out which call it is before you change the number."""


@pytest.mark.parametrize("vendor", CALLS)
def test_a_first_sync_a_night_and_an_unchanged_night_cost_these_calls(vendor: str, tmp_path: Path) -> None:
    built, *phases = sync.nights(vendor, TWENTIETH, f"sqlite:///{tmp_path}/sync.db")
    assert built["phase"] == "built"
    assert {each["phase"]: each["missing"] for each in phases} == {phase: {} for phase in CALLS[vendor]}
    assert {each["phase"]: each["calls"] for each in phases} == CALLS[vendor]
    assert all(each["calls"] <= sync.MOST[vendor][each["phase"]] for each in phases)
