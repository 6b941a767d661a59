"""Rows of an export as events and as history."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from crm_audit.connectors.files import Files
from crm_audit.domain import STRENGTH, Event
from tests.connectors.exports import (
    CSV,
    DEALS,
    MEETING_FILES,
    MEETINGS,
    Opener,
    mentions,
    open_folder,
    pulled,
)

# --- events


def test_who_was_there_and_for_which_deals_comes_from_files_of_pairs(opened: Opener) -> None:
    held = {event.id: event for event in pulled(opened(MEETING_FILES, tables={"events": MEETINGS}), "events")}
    assert (held["m1"].people, held["m1"].deals) == (("p1", "p2"), ("d1", "d2"))
    assert (held["m3"].people, held["m3"].deals, held["m3"].outcome) == ((), (), None)
    assert held["m1"].at == datetime(2026, 3, 1, 19, tzinfo=UTC)  # 14:00 in New York
    assert held["m2"].at == date(2026, 3, 2)


def test_topics_are_told_by_the_type_and_else_by_the_title(tmp_path: Path) -> None:
    for name, text in {"deals.csv": CSV, **MEETING_FILES}.items():
        (tmp_path / name).write_text(text)
    settings = {"topics": {"Demo": ("demo", "evaluation")}}
    files = open_folder(tmp_path, {"tables": {"deals": DEALS, "events": MEETINGS}}, settings=settings)
    assert {event.id: event.topics for event in pulled(files, "events")} == {
        "m1": ("demo", "evaluation"), "m2": ("pricing",), "m3": (),
    }  # fmt: skip


def test_an_event_names_the_deal_whose_name_its_title_holds(opened: Opener) -> None:
    text = "Id,Name,Stage\nd1,ACME Renewal,Open\nd2,A,Open\n"
    table = {**DEALS, "columns": {"name": "Name", "stage": "Stage"}}
    files = opened({**MEETING_FILES, "deals.csv": text}, tables={"deals": table, "events": MEETINGS})
    assert {event.id: event.named for event in pulled(files, "events")}["m1"] == ("d1",)


def test_a_kind_that_nobody_mapped_is_no_event_and_is_counted(opened: Opener) -> None:
    table = {
        "file": "t.csv", "id": "id", "columns": {"at": "at", "kind": "type", "deals": "deal", "people": "who"},
        "values": {"kind": {"call": "call_connected", "email": "email_in"}},
    }  # fmt: skip
    text = "id,at,type,deal,who\nt1,2026-03-01,Call,d1,p1\nt2,2026-03-01,Fax,d1,p1\nt3,someday,Call,d1,p1\n"
    files = opened({"t.csv": text}, tables={"events": table})
    assert [(event.id, event.kind) for event in pulled(files, "events")] == [("t1", "call_connected")]
    assert mentions(files, "t.csv:3: 1 row of no kind")
    assert mentions(files, "t.csv:4: 1 row without at: left out")
    assert files.survey().unconnected == frozenset(STRENGTH) - {"call_connected", "email_in"}


def test_money_and_flags_of_an_event_are_read(opened: Opener) -> None:
    table = {
        "file": "q.csv", "id": "id", "constants": {"kind": "quote_sent", "topics": "pricing"},
        "columns": {"at": "at", "deals": "deal", "quoted_amount": "sum", "automatic": "auto", "by": "by"},
    }  # fmt: skip
    files = opened({"q.csv": "id,at,deal,sum,auto,by\nq1,2026-03-01,d1,99.50,maybe,u1\n"}, tables={"events": table})
    (quote,) = pulled(files, "events")
    assert isinstance(quote, Event)
    assert (quote.quoted_amount, quote.topics, quote.automatic, quote.by) == (
        Decimal("99.50"),
        ("pricing",),
        False,
        "u1",
    )
    assert mentions(files, "'auto' is not true or false")


# --- history


def changes_of(files: Files) -> list[tuple[str, str, str | None, str | None]]:
    return [(change.deal, change.field, change.old, change.new) for change in pulled(files, "history")]


def test_changes_with_both_values_are_taken_as_they_are(opened: Opener) -> None:
    table = {
        "file": "h.csv",
        "columns": {"deal": "deal", "at": "at", "field": "field", "old": "old", "new": "new", "by": "by"},
        "values": {"field": {"CloseDate": "close_date", "Amount": "amount", "StageName": "stage"}},
    }
    text = (
        "deal,at,field,old,new,by\nd1,2026-01-01T00:00:00Z,CloseDate,2026-02-01,2026-03-01T05:00:00Z,u1\n"
        'd1,2026-01-02T00:00:00Z,Amount,"1,000.50",oops,u1\nd1,2026-01-03T00:00:00Z,Owner,a,b,u1\n'
        "d1,2026-01-04T00:00:00Z,StageName,Open,Later,u1\n"
    )
    files = opened({"h.csv": text}, tables={"history": table})
    assert changes_of(files) == [
        ("d1", "close_date", "2026-02-01", "2026-03-01T05:00:00Z"),
        ("d1", "amount", "1000.50", None),
        ("d1", "stage", "Open", "Later"),
    ]
    assert mentions(files, "h.csv:3: 1 value in column 'new'")
    assert "history" not in files.survey().unmapped


def test_the_value_before_is_the_old_one_whatever_the_order_of_the_rows(opened: Opener) -> None:
    table = {"file": "h.csv", "columns": {"deal": "deal", "at": "at", "field": "field", "new": "value"}}
    text = "deal,at,field,value\nd1,2026-02-01,stage,B\nd2,2026-01-15,stage,A\nd1,2026-01-01,stage,A\n"
    text += "d1,2026-03-01,stage,B\n"
    assert changes_of(opened({"h.csv": text}, tables={"history": table})) == [
        ("d1", "stage", None, "A"), ("d1", "stage", "A", "B"), ("d2", "stage", None, "A"),
    ]  # fmt: skip


def test_versions_differ_and_the_first_is_no_change(opened: Opener) -> None:
    table = {
        "file": "v.csv", "columns": {"deal": "id", "at": "start"},
        "versions": {"stage": "stage", "close_date": "close"},
    }  # fmt: skip
    text = (
        "id,start,stage,close\nd1,2026-01-01,A,2026-04-01\nd1,2026-02-01,A,2026-05-01\nd1,2026-03-01,B,\n"
        "d2,2026-01-01,A,2026-04-01\n"
    )
    files = opened({"v.csv": text}, tables={"history": table})
    assert changes_of(files) == [
        ("d1", "close_date", "2026-04-01", "2026-05-01"),
        ("d1", "close_date", "2026-05-01", None),
        ("d1", "stage", "A", "B"),
    ]
    assert pulled(files, "history")[0].at == datetime(2026, 2, 1, 5, tzinfo=UTC)  # midnight in New York


def test_history_of_the_stage_alone_leaves_pushes_unknown(opened: Opener) -> None:
    table = {"file": "h.csv", "columns": {"deal": "d", "at": "at", "new": "v"}, "constants": {"field": "stage"}}
    files = opened({"h.csv": "d,at,v\nd1,2026-01-01,A\n"}, tables={"history": table})
    assert len(changes_of(files)) == 1
    assert "history" in files.survey().unmapped
