"""The text of the details: what keeps a deal from its next stage, and a reading of it that loses nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crm_audit.domain import Record, Stage
from crm_audit.explain import explain, lacking
from crm_audit.writeback.annotation import annotate
from crm_audit.writeback.details import LONGEST, Details, Entry, Rests, parse, text
from tests.builders import ago, audited, but, clean, deal, event, stages
from tests.sources import ROOT

RECORD = Rests("meeting_held", "00U8c00000AbCdEFGH", date(2026, 5, 12))
ENTRY = Entry(
    rule="CQ-STK-PRICE", reason="stale", severity="critical", status="open", says="Ada saw it.", do="Ask.", rests=RECORD
)

words = st.from_regex(r"[A-Za-z0-9_-]{1,12}", fullmatch=True)
sentences = (
    st.lists(st.text('abc :é→."', min_size=1), max_size=5).map(" ".join).map(lambda told: " ".join(told.split()))
)
entries = st.builds(
    Entry,
    rule=words, reason=words, severity=words, status=words, says=sentences.filter(bool), do=sentences,
    asks=st.lists(words, max_size=3).map(tuple),
    rests=st.none() | st.builds(Rests, words, words, st.dates()),
)  # fmt: skip
several = st.lists(entries, max_size=4).map(tuple)
titles = st.none() | sentences.filter(bool)


def details_of(records: list[Record], **of: object) -> Details:
    audit = audited(records, **of)  # type: ignore[arg-type]  # terms only
    return parse(annotate(audit, explain(audit), lacking(audit))["d1"].details or "")


lines = st.lists(sentences.filter(bool), max_size=3).map(tuple)


@given(
    st.builds(
        Details, claimed=titles, next=titles, refused=lines, warned=lines, holds=lines, missing=several, others=several
    )
)
def test_what_is_written_is_what_is_read(told: Details) -> None:
    assert parse(text(told)) == (told if told.missing or told.others else Details())


@given(st.text())
@example("Left off: ²")  # a digit to Python, and no number
def test_no_text_breaks_the_reading(anything: str) -> None:
    parse(anything)


def test_the_page_of_the_reference_shows_a_text_that_is_read_as_it_says() -> None:
    page = (ROOT / "docs" / "reference" / "annotation.md").read_text("utf-8")
    shown = page.split("```\n")[1]
    told = parse(shown)
    assert told.next == "3 evaluating (Value Proposition)"
    assert (len(told.holds), len(told.missing), len(told.others), told.left_off) == (2, 1, 1, 3)
    assert told.others[0].rests == RECORD
    assert text(replace(told)) == shown.strip()


def test_a_line_break_in_a_name_begins_no_line_of_its_own() -> None:
    told = text(Details(missing=(replace(ENTRY, says="Acme\nDo: nothing"),)))
    assert parse(told).missing[0].do == "Ask."
    assert parse(told).missing[0].says == "Acme Do: nothing"


@pytest.mark.parametrize("number", [0, 1, 200, 5000])
def test_what_has_no_room_is_counted(number: int) -> None:
    told = text(Details(next="5 committed", others=(replace(ENTRY, says="x" * 200),) * number))
    read = parse(told)
    assert len(told) <= LONGEST
    assert len(read.others) + read.left_off == number
    assert (read.left_off > 0) is (number > 105)


def test_lines_from_a_later_version_are_skipped() -> None:
    later = "Mood: fine\n" + text(Details(others=(ENTRY,))) + "\nWeather: rain\nRecord: odd"
    assert parse(later).others[0] == replace(ENTRY, rests=None)


def test_only_what_the_next_stage_asks_for_is_missing() -> None:
    """Need is asked from rung 2 on, the authority from rung 3 on: a deal without either lacks the need first."""
    told = details_of(but(clean(need=None), "d1-dana-authority"))
    assert told.next == "2 qualified (Discover)"
    assert [entry.rule for entry in told.missing] == ["CQ-OPP-NEED"]
    assert "CQ-STK-AUTH" in [entry.rule for entry in told.others]
    assert "CQ-OPP-NEED" not in [entry.rule for entry in told.others]


def test_a_deal_that_stands_where_it_may_is_told_what_is_next() -> None:
    told = details_of(but(clean(rung=2), "d1-dana-authority"))
    assert (told.claimed, told.next) == ("2 qualified (Discover)", "3 evaluating (Evaluate)")
    assert [entry.rule for entry in told.missing] == ["CQ-STK-AUTH"]
    assert "There is a solid purchase date" in told.holds


def test_a_pipeline_that_ends_below_the_next_rung_has_no_next_stage() -> None:
    short: dict[str, int | str] = {"Open": 2, "Won": "won"}
    records = but(clean(rung=2, stage="Open"), "d1-dana-authority", Stage, add=stages("new", short))
    told = details_of(records, ladders={"new": short})
    assert (told.next, told.missing) == (None, ())


def test_a_deal_that_was_not_judged_has_no_stage_to_tell() -> None:
    told = details_of([*stages("new"), deal(stage="Odd")])
    assert (told.claimed, told.next, told.missing) == (None, None, ())
    assert len(told.others) == 1


def test_the_record_that_a_stale_finding_rests_on_is_named() -> None:
    seen = event("meeting_held", 100, "dana", "lee", topics=("pricing",), quoted_amount=Decimal(90_000))
    records = but(clean(), "meeting_held-6-dana-lee-d1", add=[seen])
    told = details_of(records)
    (rests,) = [entry.rests for entry in (*told.missing, *told.others) if entry.rule == "CQ-STK-PRICE"]
    assert rests == Rests("meeting_held", seen.id, ago(100))


def test_a_finding_that_rests_on_nothing_names_no_record() -> None:
    assert [entry.rests for entry in details_of(clean(need=None)).missing] == [None]


def test_what_was_not_asked_again_is_named_by_its_topics() -> None:
    records = [each for each in clean() if type(each).__name__ != "Recheck"]
    (asks,) = [entry.asks for entry in details_of(records).missing if entry.rule == "CQ-OPP-BASICS"]
    assert asks == ("price_vs_budget", "final_decision_maker", "purchase_date")
    assert all(not entry.asks for entry in details_of(clean(need=None)).missing)
