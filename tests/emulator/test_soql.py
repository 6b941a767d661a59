"""The grammar: what is SOQL, what is not, and what it means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_audit.emulator.soql.parse import LONGEST, parse
from crm_audit.emulator.soql.refusal import Refusal
from crm_audit.emulator.soql.syntax import Compare, Path, Select
from tests.emulator.soql_texts import SELECTS, select


def refusal(text: str) -> str | None:
    """What is said against a text, if anything is; whatever else the parser raises is a defect."""
    try:
        parse(text)
    except Refusal as refused:
        return refused.message if refused.code == "MALFORMED_QUERY" else ""
    return None


@given(SELECTS)
@settings(deadline=None)
def test_every_query_means_what_was_written(query: Select) -> None:
    assert parse(select(query)) == query


@given(SELECTS, st.data())
@settings(deadline=None)
def test_a_query_cut_short_is_a_query_or_a_refusal_that_says_where(query: Select, data: st.DataObject) -> None:
    text = select(query)
    cut = text[: data.draw(st.integers(min_value=0, max_value=len(text) - 1))]
    said = refusal(cut)
    assert said is None or "ERROR at Row:" in said or not cut.strip()


@given(st.text(max_size=60))
@settings(deadline=None)
def test_no_text_at_all_breaks_the_parser(text: str) -> None:
    said = refusal(text)
    assert said is None or said


def test_keywords_take_any_case_and_any_white_space() -> None:
    assert parse("sElEcT Id\nfRoM\tAccount wHeRe Name lIkE 'a%' oRdEr  bY Id aSc") == parse(
        "SELECT Id FROM Account WHERE Name LIKE 'a%' ORDER BY Id"
    )


def test_offsets_of_time_become_utc() -> None:
    query = parse("SELECT Id FROM Task WHERE CreatedDate >= 2026-03-16T08:00:00.000-04:00")
    assert isinstance(query.where, Compare)
    assert isinstance(query.where.value, datetime)
    assert query.where.value == datetime(2026, 3, 16, 12, tzinfo=UTC)
    assert query.where.value.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"'it\'s'", "it's"),
        (r"'a\\b'", r"a\b"),
        (r"'line\nline'", "line\nline"),
        (r"'é'", "é"),
        (r"'50\%'", "50%"),
        ("''", ""),
    ],
)
def test_escapes_in_strings(written: str, meant: str) -> None:
    query = parse(f"SELECT Id FROM Account WHERE Name = {written}")
    assert query.where == Compare(Path(("Name",)), "=", meant)


def test_numbers_are_exact() -> None:
    query = parse("SELECT Id FROM Opportunity WHERE Amount > 0.1")
    assert query.where == Compare(Path(("Amount",)), ">", Decimal("0.1"))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("SELECT Id FORM Account", "FORM"),
        ("SELECT Id, FROM Account", "Account"),
        ("SELECT FROM Account", "Account"),
        ("SELECT Id FROM Account WHERE", "<EOF>"),
        ("SELECT Id FROM Account LIMIT10", "LIMIT10"),
        ("SELECT Id FROM Account LIMIT -1", "-1"),
        ("SELECT Id FROM Account LIMIT 1.5", "1.5"),
        ("SELECT Id FROM Account a", "a"),
        ("SELECT Id FROM Account WHERE Name = x@y.example", "@"),
        ("SELECT Id FROM Account WHERE Name == 'a'", "="),
        ("SELECT Id FROM Account WHERE Name = 1 AND Name = 2 OR Name = 3", "OR"),
        ("SELECT Id FROM Account WHERE Name = 1 OR Name = 2 AND Name = 3", "AND"),
        ("SELECT Id FROM Account WHERE Name = 1 AND NOT Name = 2", "Name"),
        ("SELECT Id FROM Account WHERE Name IN ()", ")"),
        ("SELECT Id FROM Account WHERE d = 2026-01-01T00:00:00", "2026"),
        ("SELECT Id FROM Account WHERE d = 2026-01-01T00:00:00 00:00", "2026"),
        ("SELECT Id FROM Account WHERE d = TODAYS", "TODAYS"),
        ("SELECT Id FROM Account WHERE d = TODAY:3", "TODAY:3"),
        ("SELECT Id FROM Account WHERE d = LAST_N_DAYS", "LAST_N_DAYS"),
        ("SELECT Id FROM Account GROUP BY Id", "GROUP"),
        ("SELECT Id FROM Account ORDER BY Id ORDER BY Id", "ORDER"),
        ("SELECT Id FROM Account; SELECT Id FROM Account", ";"),
        ("UPDATE Account", "UPDATE"),
        ("SELECT (SELECT COUNT() FROM Contacts) FROM Account", "("),
        ("SELECT (SELECT Id FROM Contacts LIMIT 1 OFFSET 1) FROM Account", "OFFSET"),
        ("SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact ORDER BY Id)", "ORDER"),
        ("SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact LIMIT 1)", "LIMIT"),
    ],
)
def test_what_is_not_soql_is_refused_with_the_word(text: str, word: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse(text)
    assert refused.value.code == "MALFORMED_QUERY"
    assert refused.value.status == 400
    assert refused.value.message.endswith(f"unexpected token: '{word}'")


def test_the_place_is_pointed_at() -> None:
    with pytest.raises(Refusal) as refused:
        parse("SELECT Id\nFROM Account\nWHERE Name LIKE Acme")
    assert refused.value.message == (
        "\nWHERE Name LIKE Acme\n                ^\nERROR at Row:3:Column:17\nunexpected token: 'Acme'"
    )


@pytest.mark.parametrize("literal", ["2026-13-01", "2026-02-30", "2026-01-01T25:00:00Z", r"'\q'", "'open"])
def test_impossible_literals_are_refused(literal: str) -> None:
    with pytest.raises(Refusal, match="MALFORMED_QUERY"):
        parse(f"SELECT Id FROM Task WHERE x = {literal}")


def test_six_relationships_up_are_one_too_many() -> None:
    parse("SELECT a.b.c.d.e.f FROM Account")
    with pytest.raises(Refusal, match="at most 5"):
        parse("SELECT a.b.c.d.e.f.g FROM Account")


def test_a_query_has_a_greatest_length() -> None:
    head, tail = "SELECT Id FROM Account WHERE Name = '", "'"
    fits = head + "x" * (LONGEST - len(head) - len(tail)) + tail
    assert parse(fits).source == "Account"
    with pytest.raises(Refusal, match="longer than 100000"):
        parse(f"{fits} ")


def test_nothing_is_no_query() -> None:
    with pytest.raises(Refusal, match="has to be specified"):
        parse("  ")
