"""The grammar: what is SOQL, what is not, and what it means."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_audit.emulator.soql.parse import LONGEST, parse
from crm_audit.emulator.soql.refusal import Refusal
from crm_audit.emulator.soql.syntax import (
    Among,
    And,
    Compare,
    Condition,
    Like,
    Literal,
    Not,
    Or,
    Order,
    Path,
    Relative,
    Select,
)

# Trees, and the text that stands for them.

WORDS = st.sampled_from(["Id", "Name", "Amount", "Select__c", "Order__c", "null_x", "From_Here__c", "Countdown", "x1"])
PATHS = st.lists(WORDS, min_size=1, max_size=6).map(lambda names: Path(tuple(names)))
TEXT = st.text(alphabet=st.sampled_from("aZ09 '\"\\\n\r\t%_é漢,()"), max_size=12)
INSTANTS = st.integers(min_value=0, max_value=4 * 10**9).map(lambda at: datetime.fromtimestamp(at, UTC))
RELATIVES = st.sampled_from([Relative("TODAY"), Relative("YESTERDAY"), Relative("LAST_N_DAYS", 30)])
LITERALS: st.SearchStrategy[Literal] = st.one_of(
    TEXT,
    st.booleans(),
    st.none(),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9),
    st.dates(min_value=date(1900, 1, 1)),
    INSTANTS,
    RELATIVES,
)
PATTERNS = st.lists(st.sampled_from(["a", "%", "_", "\\%", "\\_", "\\\\", "'", " "]), max_size=8).map("".join)
COMPARISONS: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Compare, PATHS, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), LITERALS),
    st.builds(Like, PATHS, PATTERNS),
    st.builds(Among, PATHS, st.lists(LITERALS, min_size=1, max_size=4).map(tuple), st.booleans()),
)


def several(items: st.SearchStrategy[Condition]) -> st.SearchStrategy[tuple[Condition, ...]]:
    return st.lists(items, min_size=2, max_size=3).map(tuple)


CONDITIONS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(st.builds(Not, inner), st.builds(And, several(inner)), st.builds(Or, several(inner))),
    max_leaves=8,
)
ORDERS = st.lists(st.builds(Order, PATHS, st.booleans(), st.booleans()), max_size=3).map(tuple)
COUNTS = st.none() | st.integers(min_value=0, max_value=10**6)


def selects(columns: st.SearchStrategy[Path | Select]) -> st.SearchStrategy[Select]:
    return st.builds(
        Select,
        columns=st.lists(columns, max_size=4).map(tuple),
        source=WORDS,
        where=st.none() | CONDITIONS,
        order=ORDERS,
        limit=COUNTS,
        offset=COUNTS,
    )


SELECTS = selects(PATHS | selects(PATHS))


def literal(value: Literal) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).upper()
        case str():
            return f"'{escaped(value, '%_')}'"
        case datetime():
            return value.isoformat()
        case date():
            return value.isoformat()
        case Relative(name, days):
            return f"{name}:{days}" if days else name
    return f"{value:f}"


def escaped(text: str, more: str) -> str:
    for char in "\\'" + more:
        text = text.replace(char, f"\\{char}")
    return text.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def condition(item: Condition) -> str:
    match item:
        case Compare(path, op, value):
            return f"{'.'.join(path.names)} {op} {literal(value)}"
        case Like(path, pattern):
            return f"{'.'.join(path.names)} like '" + pattern.replace("'", "\\'") + "'"
        case Among(path, tuple(values), negated):
            return f"{'.'.join(path.names)} {'NOT IN' if negated else 'in'} ({', '.join(map(literal, values))})"
        case Not(inner):
            return f"(NOT ({condition(inner)}))"
        case And(items):
            return "(" + " and ".join(f"({condition(each)})" for each in items) + ")"
        case Or(items):
            return "(" + " OR ".join(f"({condition(each)})" for each in items) + ")"
    raise AssertionError(item)


def order(item: Order) -> str:
    return f"{'.'.join(item.path.names)}{' DESC' * item.descending}{' NULLS LAST' * item.nulls_last}"


def select(query: Select) -> str:
    columns = ", ".join(
        f"({select(each)})" if isinstance(each, Select) else ".".join(each.names) for each in query.columns
    )
    text = f"SELECT {columns or 'COUNT()'} FROM {query.source}"
    text += f" WHERE {condition(query.where)}" if query.where else ""
    text += f" ORDER BY {', '.join(map(order, query.order))}" if query.order else ""
    text += f" LIMIT {query.limit}" if query.limit is not None else ""
    return text + (f" OFFSET {query.offset}" if query.offset is not None else "")


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
