from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_audit import frames
from crm_audit.domain import KINDS, Person, Record
from crm_audit.store.rows import digest, rows, storable
from crm_audit.store.rows import record as record_of
from tests.store.records import DEAL, EVENT, LINK, RECORDS

EVERYTHING = [record for records in RECORDS.values() for record in records]


def digest_of(record: Record) -> object:
    (row,) = rows([record]).values()
    return row["digest"]


@pytest.mark.parametrize("record", EVERYTHING, ids=lambda record: f"{type(record).__name__}-{record.id}")
def test_a_row_is_the_frame_row_with_its_digest(record: Record) -> None:
    (row,) = rows([record]).values()
    assert {name: cell for name, cell in row.items() if name not in {"digest", *frames.UNSHOWN}} == frames.cells(record)


@pytest.mark.parametrize("record", EVERYTHING, ids=lambda record: f"{type(record).__name__}-{record.id}")
def test_a_row_gives_its_record_back(record: Record) -> None:
    (kind,) = (kind for kind, cls in KINDS.items() if cls is type(record))
    (row,) = rows([record]).values()
    assert record_of(kind, row) == record


def test_what_only_some_people_have_changes_no_digest_of_the_others() -> None:
    """Or everybody would get a new version when the field comes into the program."""
    person = Person(id="p1", name="Dana Ruiz", roles=("champion",), addresses=("0123456789abcdef",))
    (row,) = rows([person]).values()
    assert (row["roles"], row["addresses"]) == ('["champion"]', '["0123456789abcdef"]')
    assert record_of("people", row) == person
    bare = replace(person, roles=(), addresses=())
    assert digest_of(bare) == digest(frames.cells(bare)) != digest_of(person)


def test_a_digest_tells_every_field() -> None:
    variants = [
        DEAL,
        replace(DEAL, name="x"),
        replace(DEAL, need=DEAL.solution_fit, solution_fit=DEAL.need),
        replace(DEAL, amount=None),
        replace(DEAL, amount=Decimal("100000.11")),
        replace(DEAL, next_step=""),
        replace(DEAL, next_step=None),
    ]
    assert len({digest_of(deal) for deal in variants}) == len(variants)


def test_a_digest_does_not_depend_on_the_process() -> None:
    assert digest_of(LINK) == "c0c346e6b8097d7592f3e374deb786d8"


def test_a_new_empty_column_changes_no_digest() -> None:
    assert digest({"id": "1", "name": "x"}) == digest({"id": "1", "name": "x", "invented_later": None})


def test_a_value_that_is_no_cell_is_refused() -> None:
    with pytest.raises(TypeError, match="no cell"):
        digest({"id": object()})


def test_the_people_of_an_event_are_found_by_the_ids_that_were_stored() -> None:
    (row,) = rows([replace(EVENT, id="e\0", people=("p\0", "q\ud800", "r\\u0000"))]).values()
    assert row["id"] == "e"
    assert row["people"] == '["p","q","r\\\\u0000"]'


@given(st.text())
def test_what_is_storable_is_utf8_without_nul_and_loses_nothing_else(text: str) -> None:
    kept = storable(text)
    assert "\0" not in kept
    kept.encode()
    assert kept == "".join(letter for letter in text if letter != "\0" and not "\ud800" <= letter <= "\udfff")
    assert storable(kept) == kept


@given(st.text(st.characters(codec=None), max_size=20), st.lists(st.text(st.characters(codec=None), max_size=5)))
def test_every_text_of_a_record_is_cleaned(text: str, topics: list[str]) -> None:
    (row,) = rows([replace(EVENT, outcome=text, topics=tuple(topics))]).values()
    clean = replace(EVENT, outcome=storable(text), topics=tuple(map(storable, topics)))
    assert {name: cell for name, cell in row.items() if name != "digest"} == frames.cells(clean)
