"""The emulator beside the recordings: whatever differs has a reason, and the page says so."""

from __future__ import annotations

import pytest

from tests.recordings import page
from tests.recordings.shape import Difference, differences, places
from tests.sources import ROOT

ALL = {"different": page.found, "absent": page.absent}


@pytest.mark.parametrize("kind", ALL)
def test_everything_that_differs_has_a_reason(kind: str) -> None:
    assert [each for each in ALL[kind]() if page.reason_for(kind, each) is None] == []


@pytest.mark.parametrize("kind", ALL)
def test_every_reason_is_needed(kind: str) -> None:
    used = [page.reason_for(kind, each) for each in ALL[kind]()]
    assert [reason for reason in page.reasons(kind) if reason not in used] == []


def test_the_page_is_fresh() -> None:
    written = (ROOT / "docs" / "reference" / page.NAME).read_text("utf-8")
    if written != page.text():
        pytest.fail(f"docs/reference/{page.NAME} is stale: `make reference` writes it anew", pytrace=False)


def told(recorded: object, emulated: object) -> list[Difference]:
    return list(differences("x", places([recorded]), places([emulated])))


def test_what_is_compared() -> None:
    same = {"id": "1", "paging": None, "results": [{"at": "2026-03-16", "label": None}]}
    assert told(same, {"id": "2", "paging": None, "results": [{"at": "2025-01-01", "label": "x"}, {"at": None}]}) == []
    assert told({"a": 1}, {}) == [Difference("x", "a", "number", "-")]
    assert told({}, {"a": True}) == [Difference("x", "a", "-", "true or false")]
    assert told({"a": 1}, {"a": "1"}) == [Difference("x", "a", "number", "text")]
    assert told([{"a": {}}], [{"a": {"b": 1}}]) == [Difference("x", "#.a.b", "-", "number")]
    assert told({"a": {"b": 1}}, {}) == [Difference("x", "a", "object", "-")]
    assert told({"results": []}, {"results": [{"id": "1"}]}) == []
    assert told({"errorCode": "A"}, {"errorCode": "B"}) == [Difference("x", "errorCode", "A", "B")]
