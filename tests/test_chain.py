"""The chain of the audit log: what does not fit is named by its number."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import combinations

import pytest

from crm_audit.chain import BEFORE_ALL, Entry, Head, chained, cut, faults, written

LAST = 6
COLUMNS = {
    "at": "2026-03-02T00:00:00Z",
    "connection": "meadow",
    "actor": "x",
    "act": "forgot",
    "what": "{}",
    "chain": "0",
}


def seal(text: str) -> str:
    return hashlib.sha256(b"key" + text.encode()).hexdigest()


def kept() -> list[Entry]:
    entries: list[Entry] = []
    before = BEFORE_ALL
    for number in range(1, LAST + 1):
        what = written({"deal": f"d{number}"})
        entry = Entry(
            number=number, at=f"2026-03-0{number}T01:00:00Z", connection="orchard", actor="mia", act="waived",
            what=what, chain="",
        )  # fmt: skip
        before = chained(entry, before, seal)
        entries.append(replace(entry, chain=before))
    return entries


def named(entries: Sequence[Entry]) -> set[int]:
    return {fault.number for fault in faults(entries, seal)}


def test_a_log_that_nobody_touched_has_no_fault() -> None:
    assert faults(kept(), seal) == []
    assert faults([], seal) == []


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("number", range(1, LAST + 1))
def test_an_entry_that_was_changed_is_named_and_no_other(number: int, column: str) -> None:
    entries = kept()
    entries[number - 1] = Entry(**(asdict(entries[number - 1]) | {column: COLUMNS[column]}))
    assert named(entries) == {number}


@pytest.mark.parametrize("number", range(1, LAST))
def test_an_entry_that_was_removed_is_named_and_no_other(number: int) -> None:
    entries = kept()
    del entries[number - 1]
    assert named(entries) == {number}


@pytest.mark.parametrize(("one", "other"), list(combinations(range(1, LAST + 1), 2)))
def test_entries_that_changed_places_are_both_named_and_no_other(one: int, other: int) -> None:
    entries = kept()
    first, second = entries[one - 1], entries[other - 1]
    entries[one - 1], entries[other - 1] = replace(second, number=one), replace(first, number=other)
    assert named(entries) == {one, other}


def test_an_entry_that_was_rewritten_with_its_chain_is_named() -> None:
    entries = kept()
    entries[2] = replace(entries[2], what="{}", chain="f" * 64)
    assert named(entries) >= {3}


def test_an_entry_that_was_put_in_between_is_named() -> None:
    entries = [*kept(), replace(kept()[2], number=LAST + 1)]
    assert named(entries) == {LAST + 1}


def test_a_tail_that_was_cut_off_is_told_by_a_head_that_was_kept() -> None:
    entries = kept()
    head = Head(LAST, entries[-1].chain)
    assert cut(entries, head) == []
    assert faults(entries[:4], seal) == []
    assert [(fault.number, fault.says) for fault in cut(entries[:4], head)] == [(5, "to 6 are missing")]
    assert [(fault.number, fault.says) for fault in cut(entries[:5], head)] == [(6, "is missing")]
    assert [fault.number for fault in cut([], head)] == [1]


def test_a_log_that_was_written_anew_is_told_by_a_head_that_was_kept() -> None:
    other = Head(3, "0" * 64)
    assert [fault.number for fault in cut(kept(), other)] == [3]


def test_a_head_is_read_as_it_is_printed() -> None:
    head = Head(12, "0af3" * 16)
    assert Head.parse(f" {head}\n") == head


@pytest.mark.parametrize("text", ["", "12", "12:", ":" + "a" * 64, "x:" + "a" * 64, "12:" + "g" * 64, "12:" + "a" * 63])
def test_what_is_no_head_is_refused_with_what_one_looks_like(text: str) -> None:
    with pytest.raises(ValueError, match="it looks like 12:"):
        Head.parse(text)
