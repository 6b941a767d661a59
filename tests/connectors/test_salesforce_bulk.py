"""Bulk results are read as REST has them, whatever stands in them, and whatever happens to them on the way."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_audit.connectors.base import Gap, Page
from crm_audit.connectors.salesforce import bulk
from crm_audit.connectors.salesforce.gateway import ATTEMPTS, Sheet
from crm_audit.connectors.salesforce.schema import Field
from crm_audit.emulator.faults import Action, Cut, CutGzip, Fault, Reset
from crm_audit.emulator.server import Response
from crm_audit.errors import Retry
from tests.connectors.salesforce_bench import Bench, bench, first, gaps, pulled, read

ODD = ("NA", "null", "None", "0", "a,b", 'say "hi"', "two\nlines", "two\r\nlines", "שלום", "🙂 é é", "-", "=1+1", "NaN")
BULK = {"bulk_above": 0}


@pytest.fixture
def sf() -> Iterator[Bench]:
    with bench() as made:
        yield made


def test_fault_41_whatever_text_stands_in_a_record_comes_as_by_pages(sf: Bench) -> None:
    for text in ODD:
        sf.deal(f"{text}", NextStep=text)
    by_bulk = {each.id: each for each in pulled(sf.connector(options=BULK), "deals")}
    by_pages = {each.id: each for each in pulled(sf.connector(), "deals")}
    assert by_bulk == by_pages
    assert {getattr(each, "name", None) for each in by_bulk.values()} == set(ODD)


def sheet(text: str, records: int) -> Sheet:
    return Sheet(io.BytesIO(text.encode()), records, None)


TYPES = {"Amount": Field("currency"), "IsWon": Field("boolean"), "Name": Field("string")}


def test_cells_are_what_describe_says_they_are() -> None:
    text = '"Id","Amount","IsWon","Name","What.Name","Account.MasterRecord.Id"\n"x","1.50","true","NA","",""\n'
    (row,) = bulk.rows(sheet(text, 1), "Opportunity", TYPES)
    assert repr(row["Amount"]) == "Decimal('1.50')"
    assert (row["IsWon"], row["Name"]) == (True, "NA")
    assert (row["What"], row["Account"]) == ({"Name": None}, {"MasterRecord": {"Id": None}})


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ('"Id"\n"a"\n', 2),
        ('"Id"\n"a"\n"b"\n', 1),
        ('"Id","Name"\n"a"\n', 1),
        ('"Id","Amount"\n"a","much"\n', 1),
        ('"Id"\n"a', 1),
        ("", 1),
    ],
)
def test_fault_07_results_that_are_not_whole_are_told(text: str, records: int) -> None:
    with pytest.raises(Retry, match="Bulk results"):
        list(bulk.rows(sheet(text, records), "Opportunity", TYPES))


def test_no_records_are_no_mistake() -> None:
    assert list(bulk.rows(sheet('"Id"\n', 0), "Opportunity", TYPES)) == []


def test_fault_40_a_field_of_megabytes_is_read() -> None:
    (row,) = bulk.rows(sheet(f'"Id","Name"\n"a","{"x" * 5_000_000}"\n', 1), "Opportunity", TYPES)
    assert len(str(row["Name"])) == 5_000_000


@settings(max_examples=25)
@given(text=st.text(st.characters(blacklist_categories=["Cs"]), min_size=1))
def test_fault_41_every_text_survives_the_csv(text: str) -> None:
    quoted = text.replace('"', '""')
    (row,) = bulk.rows(sheet(f'"Id","Name"\n"a","{quoted}"\n', 1), "Opportunity", TYPES)
    assert row["Name"] == text


@pytest.mark.parametrize("trouble", [Cut(0.5), CutGzip(0.5), Reset(), Reset(20), Response(503, b"")], ids=repr)
@pytest.mark.parametrize("path", ["POST .*/jobs/query$", "GET .*/jobs/query/[^/]+$", "/results"])
def test_fault_07_a_call_of_a_job_that_is_cut_off_is_made_again(sf: Bench, path: str, trouble: Action) -> None:
    deals = {sf.deal(f"Deal {number}") for number in range(4)}
    sf.faults.next(path, trouble)
    assert {each.id for each in pulled(sf.connector(options=BULK), "deals")} == deals
    assert len(sf.faults.fired) == 1


def test_a_job_that_is_waited_for_gives_signs_of_life(sf: Bench) -> None:
    deal = sf.deal()
    sf.org.jobs.polls = 4
    pages = [each for each in read(sf.connector(options=BULK)) if each.stream == "deals/Opportunity"]
    assert [len(each.rows) for each in pages] == [0, 0, 0, 0, 0, 1, 0]
    assert [each.ended for each in pages] == [False] * 6 + [True]
    assert [row.id for each in pages for row in each.rows] == [deal]
    assert max(sf.slept) <= bulk.LONGEST_WAIT


def test_a_job_that_never_ends_is_left_to_the_next_run(sf: Bench) -> None:
    sf.deal()
    sf.org.jobs.polls = 10_000
    assert "three hours" in gaps(sf.connector(options=BULK))["deals"]


def test_a_job_that_fails_twice_is_a_gap(sf: Bench) -> None:
    sf.deal()
    sf.org.jobs.failing = "InvalidBatch : Failed to process query"
    assert "gave the Bulk job up" in gaps(sf.connector(options=BULK))["deals"]


def test_results_that_cannot_be_had_leave_a_gap_where_they_belong(sf: Bench) -> None:
    sf.deal()
    sf.account()
    sf.faults.add(Fault("/results", Response(500, b"")), *[Fault("/results", Response(500, b""))] * (ATTEMPTS - 1))
    found = list(sf.connector(options=BULK).read(first()))
    assert len([each for each in found if isinstance(each, Gap)]) == 1
    assert [each for each in found if isinstance(each, Page) and each.kind == "deals" and each.rows]
