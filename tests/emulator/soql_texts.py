"""SOQL as trees that Hypothesis makes up, and the text that stands for each of them."""

from __future__ import annotations

from datetime import UTC, date, datetime

from hypothesis import strategies as st

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


COLUMNS = st.lists(PATHS, min_size=1, max_size=4).map(tuple)
SEMIJOINS = st.builds(Select, columns=COLUMNS, source=WORDS, where=st.none() | COMPARISONS)
CHILDREN = st.builds(Select, columns=COLUMNS, source=WORDS, where=st.none() | CONDITIONS, order=ORDERS, limit=COUNTS)
SELECTS = st.builds(
    Select,
    columns=st.lists(PATHS | CHILDREN, max_size=4).map(tuple),
    source=WORDS,
    where=st.none() | CONDITIONS | st.builds(Among, PATHS, SEMIJOINS, st.booleans()),
    order=ORDERS,
    limit=COUNTS,
    offset=COUNTS,
)


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
        case Among(path, Select() as semijoin, negated):
            return f"{'.'.join(path.names)} {'not in' if negated else 'IN'} ({select(semijoin)})"
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
