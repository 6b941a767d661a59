"""The page of promises names tests that are there, and the numbers that the program keeps."""

from __future__ import annotations

import re

import pytest

from crm_audit.writeback.contested import A_DAY, SPAN, STRIKES
from tests.soak.hostile import SETTLED
from tests.sources import ROOT

PAGE = (ROOT / "docs/reference/promises.md").read_text("utf-8")
TESTS = re.compile(r"^def test_(\w+)\(", re.MULTILINE)
ROWS = [line.strip("|").rsplit("|", 1) for line in PAGE.splitlines() if line.startswith("| ") and "`" in line]


def test_every_promise_names_a_test_that_is_there() -> None:
    known = {name for path in (ROOT / "tests").rglob("test_*.py") for name in TESTS.findall(path.read_text("utf-8"))}
    named = [re.findall(r"`(\w+)`", tests) for _, tests in ROWS]
    assert all(named)
    assert not {name for names in named for name in names} - known


@pytest.mark.parametrize(
    "said",
    [
        f"writes a place {A_DAY} times at most",
        f"is written {STRIKES} times",
        f"our last {STRIKES} writes of one value, all within {SPAN.days} days",
    ],
)
def test_its_numbers_are_those_of_the_program(said: str) -> None:
    assert said in PAGE


def test_it_says_after_how_many_rounds_peace_comes() -> None:
    assert SETTLED == 6
    assert "no round after the sixth does" in PAGE
