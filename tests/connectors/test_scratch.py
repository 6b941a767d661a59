"""What is set aside comes back as it was, and lies on disk and not in memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_audit.connectors.scratch import Row, Scratch, pages
from crm_audit.errors import StorageFull


@pytest.fixture
def scratch() -> Iterator[Scratch]:
    made = Scratch()
    yield made
    made.close()


def test_rows_come_back_under_their_keys_in_the_order_of_putting(scratch: Scratch) -> None:
    scratch.put("roles", [("b", {"n": 1}), ("a", {"n": 2}), ("b", {"n": 3})])
    scratch.put("others", [("b", {"n": 4})])
    assert scratch.of("roles", ["b", "c", "b"]) == {"b": [{"n": 1}, {"n": 3}]}
    assert list(scratch.groups("roles")) == [("a", [{"n": 2}]), ("b", [{"n": 1}, {"n": 3}])]
    assert list(scratch.groups("roles", after="a")) == [("b", [{"n": 1}, {"n": 3}])]
    assert list(scratch.all("roles")) == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_more_keys_than_a_database_takes_at_once_are_looked_up(scratch: Scratch) -> None:
    scratch.put("x", ((str(n), {"n": n}) for n in range(1_500)))
    assert len(scratch.of("x", map(str, range(2_000)))) == 1_500


VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False)
ROWS = st.dictionaries(st.text(min_size=2), VALUES | st.dictionaries(st.text(min_size=2), VALUES))


@given(row=ROWS)
def test_fault_41_whatever_a_row_holds_comes_back(row: Row) -> None:
    scratch = Scratch()
    scratch.put("x", [("k", row)])
    assert scratch.of("x", ["k"]) == {"k": [row]}
    scratch.close()


def test_fault_40_a_million_bytes_more_on_disk_are_none_in_memory(scratch: Scratch) -> None:
    tracemalloc.start()
    scratch.put("x", ((f"{n}", {"text": "x" * 1_000}) for n in range(20_000)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_what_is_no_value_of_a_row_is_a_mistake(scratch: Scratch) -> None:
    with pytest.raises(TypeError, match="object cannot be set aside"):
        scratch.put("x", [("k", {"v": object()})])


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (2, [2]), (5, [2, 2, 1])])
def test_pages_have_at_most_so_many_rows(count: int, sizes: list[int]) -> None:
    assert [len(page) for page in pages(({"n": n} for n in range(count)), 2)] == sizes


def test_an_exact_number_stays_exact(scratch: Scratch) -> None:
    scratch.put("x", [("k", {"amount": Decimal("70368744177664.03"), "in": {"of": Decimal("1.10")}})])
    ((row,),) = scratch.of("x", ["k"]).values()
    assert repr(row) == repr({"amount": Decimal("70368744177664.03"), "in": {"of": Decimal("1.10")}})


def test_fault_34_without_room_for_temporary_files_it_says_where_to_make_some() -> None:
    with closing(Scratch()) as scratch:
        scratch._db.execute("PRAGMA max_page_count = 20")
        with pytest.raises(StorageFull, match=r"no room for temporary files in .* TMPDIR"):
            scratch.put("rows", ((str(number), {"text": "x" * 1_000}) for number in range(1_000)))
