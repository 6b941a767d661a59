"""Exports with invented rows: what the connector answers, and what it refuses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from crm_audit.config import Connection, load
from crm_audit.connectors.base import Connector, Page, Stand, Write
from crm_audit.connectors.files import Files, connect
from crm_audit.connectors.files.passes import PAGE
from crm_audit.domain import KINDS, Annotation, Record
from crm_audit.errors import FixConfig
from tests.connectors.exports import (
    COLUMNS,
    CSV,
    DEALS,
    MEETING_FILES,
    MEETINGS,
    Opener,
    Table,
    changed,
    deals,
    mentions,
    open_folder,
    pages,
    pulled,
    refusal,
)

# --- what a connector answers


def test_it_is_a_connector_that_calls_nobody(opened: Opener) -> None:
    files: Connector = opened()
    files.survey()
    assert [files.vendor, files.calls.read, files.calls.write] == ["files", 0, 0]
    assert files.address("deals", "d1") is None


def test_the_account_is_what_the_connection_says(opened: Opener) -> None:
    account = opened().account()
    assert (account.name, account.zone, account.currency, account.user) == (
        "Invented exports", "America/New_York", "USD", None,
    )  # fmt: skip


def test_the_folder_names_an_export_that_has_no_name(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_text(CSV)
    assert open_folder(tmp_path, {"name": None, "tables": {"deals": DEALS}}).account().name == tmp_path.name


def test_nothing_is_shown_and_nothing_can_be_written(opened: Opener) -> None:
    files = opened()
    assert files.wanted("d1", Annotation(status="overstated")) == {}
    with pytest.raises(FixConfig, match="cannot be written back"):
        files.shown(["d1"])
    write = Write("d1", "deal", None, {"status": "overstated"})
    assert "cannot be written back" in refusal(lambda: files.write([write]))


@pytest.mark.parametrize("missing", ["zone", "currency"])
def test_zone_and_currency_have_to_be_said(tmp_path: Path, missing: str) -> None:
    (tmp_path / "deals.csv").write_text(CSV)
    text = refusal(lambda: open_folder(tmp_path, settings={missing: None}))
    assert text.startswith(f"{missing} is missing")


def test_settings_of_a_live_crm_are_refused(tmp_path: Path) -> None:
    settings = {"fields": {"budget": "Budget__c"}}
    text = refusal(lambda: open_folder(tmp_path, settings=settings))
    assert text.startswith("fields:")
    assert "options.tables" in text


# --- the folder


def test_a_folder_is_seen_from_the_root(tmp_path: Path) -> None:
    (tmp_path / "night").mkdir()
    (tmp_path / "night" / "deals.csv").write_text(CSV)
    connection = Connection(
        vendor="files", zone="UTC", currency="USD", options={"folder": "night", "tables": {"deals": DEALS}}
    )
    assert len(deals(connect(connection, environ={}, root=tmp_path))) == 2


def test_a_folder_may_name_an_environment_variable(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_text(CSV)
    options = {"folder": "$EXPORTS", "tables": {"deals": DEALS}}
    connection = Connection(vendor="files", zone="UTC", currency="USD", options=options)
    assert len(deals(connect(connection, environ={"EXPORTS": str(tmp_path)}, root=Path("elsewhere")))) == 2
    assert "EXPORTS is not set" in refusal(lambda: connect(connection, environ={}))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert f"{gone} is not a folder" in refusal(lambda: open_folder(gone))


# --- the mapping


@pytest.mark.parametrize(
    ("options", "where", "hint"),
    [
        ({"tables": changed(colums={})}, "options.tables.deals.colums", "'columns'"),
        ({"delimitr": ";", "tables": changed()}, "options.delimitr", "'delimiter'"),
        ({"tables": {"deels": DEALS}}, "options.tables.deels", "'deals'"),
        ({"tables": changed(columns={**COLUMNS, "amuont": "Amount"})}, "deals.columns.amuont", "'amount'"),
        (
            {"tables": changed(constants={"pipeline": "p", "probabilty": 1})},
            "deals.constants.probabilty",
            "probability",
        ),
        ({"tables": changed(values={"stagee": {}})}, "deals.values.stagee", "'stage'"),
        ({"tables": changed(constants={})}, "options.tables.deals", "pipeline has to be mapped"),
        ({"tables": changed(versions={"stage": "Stage"})}, "options.tables.deals.versions", "history"),
        ({"tables": changed(joins={"x": {"file": "f.csv", "key": "k"}})}, "deals.joins.x.value", "required"),
        ({"tables": changed(dates="%d.%m")}, "options.tables.deals.dates", "day, month and year"),
        ({"tables": changed(), "dates": ["%m/%d/%Y", "nonsense"]}, "options.dates.1", "'nonsense'"),
        ({"tables": changed(), "encoding": "utf-88"}, "options.encoding", "cp1252"),
        ({"tables": changed(), "times": "New York"}, "options.times", "IANA"),
        ({"tables": changed(), "unknown": ["amonut"]}, "options.unknown.0", "'amount'"),
        ({"tables": {}}, "options.tables.deals", "missing"),
        ({"tables": {"deals": []}}, "options.tables.deals", "missing"),
        ({"tables": changed(dates="%")}, "options.tables.deals.dates", "day, month and year"),
        ({"tables": changed(), "folder": "$"}, "options.folder", "$$"),
        ({"tables": changed(constants={"pipeline": "p", "amount": "much"})}, "deals.constants.amount", "a number"),
    ],
)
def test_a_wrong_key_is_named_with_the_right_one(tmp_path: Path, options: Table, where: str, hint: str) -> None:
    (tmp_path / "deals.csv").write_text(CSV)
    text = refusal(lambda: open_folder(tmp_path, options))
    assert where in text.split(": ")[0]
    assert hint in text


@pytest.mark.parametrize(
    ("kind", "table", "word", "hint"),
    [
        ("events", {"id": "a", "columns": {"at": "b"}, "constants": {"kind": "meeting_hold"}}, "kind", "meeting_held"),
        ("events", {"id": "a", "columns": {"at": "b", "kind": "c"}, "values": {"kind": {"X": "call"}}}, "kind", "call"),
        ("links", {"columns": {"deal": "a", "person": "b"}, "constants": {"role": "autority"}}, "role", "authority"),
        (
            "history",
            {"columns": {"deal": "a", "at": "b", "new": "c"}, "constants": {"field": "stages"}},
            "field",
            "stage",
        ),
        ("stages", {"columns": {"pipeline": "a", "stage": "b"}, "constants": {"closed": "win"}}, "closed", "won"),
    ],
)
def test_our_own_words_are_checked(opened: Opener, kind: str, table: Table, word: str, hint: str) -> None:
    text = refusal(lambda: opened({"t.csv": "a,b,c\n"}, tables={kind: {"file": "t.csv", **table}}))
    assert f".{word}" in text
    assert hint in text


def test_the_second_of_two_tables_is_named_by_its_number(opened: Opener) -> None:
    tables = {"users": [{"file": "u.csv", "id": "a"}, {"file": "u.csv", "ids": "a"}]}
    assert "options.tables.users.1.ids" in refusal(lambda: opened({"u.csv": "a\n"}, tables=tables))


def test_joined_rows_need_an_id(opened: Opener) -> None:
    join = {"file": "x.csv", "key": "a", "value": "b"}
    tables = {"links": {"file": "l.csv", "columns": {"deal": "a"}, "joins": {"person": join}}}
    assert "joined by their id" in refusal(lambda: opened({"l.csv": "a\n"}, tables=tables))


def test_history_needs_to_say_which_field_and_what_it_became(opened: Opener) -> None:
    tables = {"history": {"file": "h.csv", "columns": {"deal": "a", "at": "b"}}}
    assert "field, new has to be mapped" in refusal(lambda: opened({"h.csv": "a,b\n"}, tables=tables))


# --- files that cannot be read


def test_a_missing_column_is_named_with_file_line_and_the_nearest(opened: Opener, tmp_path: Path) -> None:
    text = refusal(lambda: opened({"deals.csv": CSV.replace("Amount", "Amonut")}))
    assert text.startswith(f"{tmp_path / 'deals.csv'}:1: there is no column 'Amount'")
    assert "(did you mean 'Amonut'?)" in text


def test_a_header_of_one_column_hints_at_the_delimiter(opened: Opener) -> None:
    assert "options.delimiter" in refusal(lambda: opened({"deals.csv": CSV.replace(",", ";")}))


def test_another_delimiter_is_read(opened: Opener) -> None:
    assert deals(opened({"deals.csv": CSV.replace(",", ";")}, delimiter=";"))["d1"].amount == 1000


def test_a_column_that_is_there_twice_is_refused(opened: Opener) -> None:
    assert "there 2 times" in refusal(lambda: opened({"deals.csv": "Id,Stage,Amount,Amount,Close,Account\n"}))


def test_columns_are_checked_for_filters_joins_and_versions(opened: Opener) -> None:
    join = {"file": "x.csv", "key": "deal", "value": "compny"}
    history = {"file": "x.csv", "columns": {"deal": "deal", "at": "deal"}, "versions": {"stage": "stge"}}
    pairs = {"x.csv": "deal,company,stage\n"}
    assert "'deleted'" in refusal(lambda: opened(tables=changed(skip={"deleted": "true"})))
    assert "'company'" in refusal(lambda: opened(pairs, tables=changed(joins={"company": join})))
    assert "'stage'" in refusal(lambda: opened(pairs, tables={"history": history}))


def test_an_empty_file_is_refused(opened: Opener) -> None:
    assert ":1: the file is empty" in refusal(lambda: opened({"deals.csv": ""}))


def test_bytes_that_are_not_text_are_named_by_line(opened: Opener, tmp_path: Path) -> None:
    files = opened()
    (tmp_path / "deals.csv").write_bytes(CSV.encode() + "d3,Café,1,,\n".encode("cp1252"))
    text = refusal(files.survey)
    assert text.startswith(f"{tmp_path / 'deals.csv'}:4: this is not utf-8")
    assert "options.encoding" in text


def test_another_encoding_is_read(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_bytes((CSV + "d3,Café,1,,\n").encode("cp1252"))
    assert deals(open_folder(tmp_path, {"encoding": "cp1252", "tables": {"deals": DEALS}}))["d3"].stage == "Café"


@pytest.mark.parametrize("encoding", [None, "utf-8"])
def test_the_mark_that_excel_puts_first_is_no_part_of_a_name(tmp_path: Path, encoding: str | None) -> None:
    (tmp_path / "deals.csv").write_text(CSV, encoding="utf-8-sig")
    options = {"encoding": encoding} if encoding else {}
    assert "d1" in deals(open_folder(tmp_path, {"tables": {"deals": DEALS}, **options}))


def test_a_quote_that_is_never_closed_swallows_nothing(opened: Opener, tmp_path: Path) -> None:
    files = opened({"deals.csv": CSV + 'd3,"Open,1,,\nd4,Open,1,,\n'})
    assert refusal(files.survey).startswith(f"{tmp_path / 'deals.csv'}:4: this is not CSV")


def test_a_cell_may_be_longer_than_python_expects(opened: Opener) -> None:
    tables = changed(columns={**COLUMNS, "need": "Account"})
    long = "n" * 200_000
    assert deals(opened({"deals.csv": f"{CSV}d3,Open,,,{long}\n"}, tables=tables))["d3"].need == long


def test_a_quoted_cell_may_hold_lines_and_later_lines_are_counted_right(opened: Opener) -> None:
    files = opened({"deals.csv": CSV + 'd3,"two\nlines",1,,\nd4,Open,x,,\n'})
    assert deals(files)["d3"].stage == "two\nlines"
    assert mentions(files, "deals.csv:6", "'Amount'")


# --- pages


def many(number: int) -> dict[str, str]:
    return {"deals.csv": "Id,Stage,Amount,Close,Account\n" + "".join(f"d{n},Open,1,,a\n" for n in range(number))}


def table(files: Files, stands: Mapping[str, Stand] | None = None) -> list[Page]:
    """The pages of the table of deals, from where it stands."""
    return [page for page in pages(files, stands) if page.stream == "deals/0:deals.csv"]


def cut(page: Page) -> dict[str, Stand]:
    """Where the stream stands after a page that was not its last."""
    assert not page.ended
    return {page.stream: Stand(page.cursor, ended=False, whole=None)}


@pytest.mark.parametrize("number", [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE])
def test_pages_hold_every_record_once_and_the_last_ends_a_whole_pass(opened: Opener, number: int) -> None:
    found = table(opened(many(number)))
    assert [row.id for page in found for row in page.rows] == [f"d{n}" for n in range(number)]
    assert [len(page.rows) for page in found[:-1]] == [PAGE] * (len(found) - 1)
    ends = [(page.ended, page.sweep) for page in found]
    assert ends == [(False, "none")] * (len(found) - 1) + [(True, "all")]


def test_a_pass_that_was_cut_goes_on_as_long_as_its_file_stays(opened: Opener, tmp_path: Path) -> None:
    first = table(opened(many(PAGE + 5)))[0]
    assert [len(page.rows) for page in table(open_folder(tmp_path), cut(first))] == [5]


def test_a_pass_over_a_file_that_changed_since_ends_and_a_new_one_begins(opened: Opener, tmp_path: Path) -> None:
    first = table(opened(many(PAGE + 5)))[0]
    os.utime(tmp_path / "deals.csv", ns=(1, 1))
    found = table(open_folder(tmp_path), cut(first))
    assert [(len(page.rows), page.ended, page.sweep) for page in found] == [
        (0, True, "none"),
        (PAGE, False, "none"),
        (5, True, "all"),
    ]


def test_a_pass_that_came_to_its_end_begins_again(opened: Opener) -> None:
    last = table(opened())[-1]
    assert [len(page.rows) for page in table(opened(), {last.stream: Stand(last.cursor, ended=True, whole=None)})] == [
        2
    ]


@pytest.mark.parametrize("cursor", ["", "nonsense", "-3@x", "5@"])
def test_a_cursor_of_something_else_starts_over(opened: Opener, cursor: str) -> None:
    found = table(opened(), {"deals/0:deals.csv": Stand(cursor, ended=False, whole=None)})
    assert [len(page.rows) for page in found] == [0, 2]


def test_a_table_of_which_nothing_joins_sweeps_nothing_away(opened: Opener) -> None:
    """It may be the wrong export; that there are no meetings any more is only unknown."""
    for about, sweep in (("m1,d1\n", "all"), ("m1,d9\n", "none")):
        files = opened(MEETING_FILES | {"md.csv": f"meeting,deal\n{about}"}, tables={"events": MEETINGS})
        assert [page.sweep for page in pages(files) if page.stream == "events/0:m.csv"] == [sweep]


def test_a_kind_without_a_table_has_no_pages(opened: Opener) -> None:
    assert {page.kind for page in pages(opened()) if page.rows} == {"deals", "companies"}


def test_two_readings_give_the_same_records(opened: Opener) -> None:
    files = opened(MEETING_FILES, tables={"events": MEETINGS})
    first: list[Record] = [row for kind in KINDS for row in pulled(files, kind)]
    assert first == [row for kind in KINDS for row in pulled(files, kind)]
    assert files.survey() == files.survey()


# --- from crm-audit.toml


def test_a_mapping_in_toml_is_read(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_text(CSV.replace("2026-05-01", "1.5.2026"))
    (tmp_path / "crm-audit.toml").write_text(
        """
        [connections.night]
        vendor = "files"
        zone = "Europe/Berlin"
        currency = "EUR"
        [connections.night.options]
        folder = "."
        exported = 2026-03-01T00:00:00Z
        dates = "%d.%m.%Y"
        [connections.night.options.tables.deals]
        file = "deals.csv"
        id = "Id"
        constants = { pipeline = "default" }
        columns = { stage = "Stage", close_date = "Close" }
        """
    )
    connection = load(tmp_path / "crm-audit.toml").connections["night"]
    found = deals(connect(connection, environ={}, root=tmp_path))
    assert (found["d1"].close_date, found["d2"].close_date) == (date(2026, 5, 1), date(2026, 6, 1))


def test_the_mapping_that_the_how_to_shows_is_read(tmp_path: Path) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "audit-an-export.md"
    shown = page.read_text("utf-8").partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "crm-audit.toml").write_text(shown)
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "opportunities.csv").write_text(
        "Opportunity ID,Opportunity Name,Stage,Amount,Close Date,Created Date,Probability (%),Account Name,"
        "Owner,Deleted\n"
        '006A,Acme renewal,Negotiation/Review,"$100,000",5/1/2026,1/5/2026,90,Acme Freight,Ria Sample,false\n'
        "006B,Old one,Closed Won,1,1/1/2026,1/1/2025,100,Acme Freight,Ria Sample,true\n"
    )
    connection = load(tmp_path / "crm-audit.toml").connections["export"]
    (deal,) = pulled(connect(connection, environ={}, root=tmp_path), "deals")
    assert (deal.amount, deal.close_date, deal.probability) == (100_000, date(2026, 5, 1), Decimal("0.90"))
    assert connection.ladders["*"][deal.stage] == 5
