"""The grammar beside another one: apex-parser, which reads SOQL as Salesforce's own language Apex has it.

What the emulator accepts, the other accepts too, without exception. What it refuses, the other refuses, but for ALONE.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from crm_audit.domain import KINDS
from crm_audit.emulator.server import Request
from crm_audit.emulator.soql.parse import parse
from crm_audit.emulator.soql.refusal import Refusal
from crm_audit.emulator.soql.syntax import Select
from tests.connectors.salesforce_bench import bench, pulled
from tests.emulator.soql_texts import SELECTS, select
from tests.node import spoken_to

Says: TypeAlias = Callable[[str], object]

ALONE = {
    r"FROM \w+ (WHERE ?|LIMIT10|a)$": "a name after the object is an alias, and to Apex a key word may be one; "
    "the emulator knows no aliases",
    r"GROUP BY|\b(COUNT|MAX)\(\w": "the emulator knows no aggregates but COUNT()",
    "TYPEOF": "the emulator knows no TYPEOF",
    r"(\w\.){6}": "how far up a path may lead is no matter of grammar; Salesforce refuses it when the query is run",
    r"\(SELECT COUNT\(\)|IN \(SELECT .* (ORDER|LIMIT) ": "Salesforce documents it as not supported within another "
    "query, which is no matter of grammar",
}
"""Texts that only the emulator refuses, and why."""

QUICK = settings(
    deadline=None,
    max_examples=50,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a smaller example is not worth minutes of asking
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def apex() -> Iterator[Says]:
    """What the other grammar has against a text, or None."""
    with spoken_to("soql.js") as ask:
        yield lambda text: ask(as_in_apex(text))


def as_in_apex(text: str) -> str:
    r"""The same without `\%` and `\_`: they escape in SOQL's own text, but are no escapes of a string in Apex."""
    return re.sub(r"\\(.)", lambda found: found[1] if found[1] in "%_" else found[0], text)


def refused(text: str) -> bool:
    try:
        parse(text)
    except Refusal:
        return True
    return False


def written_in_tests() -> list[str]:
    """Every text in a test of an emulator that begins as a query does, right or wrong."""
    trees = [ast.parse(path.read_text("utf-8")) for path in sorted(Path(__file__).parent.glob("*.py"))]
    values = [node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    texts = [value for value in values if isinstance(value, str) and value.upper().startswith("SELECT ")]
    return list(dict.fromkeys(texts))


WRITTEN = written_in_tests()


def asked(request: Request) -> Iterator[str]:
    """The queries in a call: in its address, in a bulk job, in the parts of a composite."""
    yield from (value for name, value in request.query if name == "q")
    body = json.loads(request.body) if request.body.startswith(b"{") else {}
    yield from filter(None, [body.get("query")])
    for part in body.get("compositeRequest", ()):
        yield from (value for name, value in parse_qsl(urlsplit(part["url"]).query) if name == "q")


def test_every_query_of_the_connector_is_accepted_by_the_other_too(apex: Says) -> None:
    with bench(multi_currency=True) as crm:
        account, deal = crm.account(), crm.deal()
        person = crm.person(AccountId=account)
        crm.make("OpportunityContactRole", OpportunityId=deal, ContactId=person, Role="Decision Maker")
        connector = crm.connector()
        for kind in KINDS:
            pulled(connector, kind)
        queries = list(dict.fromkeys(query for call in crm.faults.seen for query in asked(call)))
    assert len(queries) > len(KINDS)
    assert {query: apex(query) for query in queries} == dict.fromkeys(queries)


@pytest.mark.parametrize("text", WRITTEN)
def test_a_text_from_the_tests_is_a_query_for_both_or_for_none(apex: Says, text: str) -> None:
    said = apex(text)
    alone = any(re.search(pattern, text) for pattern in ALONE)
    assert refused(text) == (said is not None or alone), said


@pytest.mark.parametrize("pattern", ALONE)
def test_every_exception_is_one(apex: Says, pattern: str) -> None:
    texts = [text for text in WRITTEN if re.search(pattern, text)]
    assert texts
    assert [text for text in texts if not refused(text) or apex(text) is not None] == []


def test_both_know_right_from_wrong(apex: Says) -> None:
    verdicts = [apex(text) is None for text in WRITTEN]
    assert verdicts.count(True) > 50
    assert verdicts.count(False) > 20


@given(query=SELECTS)
@QUICK
def test_every_query_that_is_made_up_is_accepted_by_the_other(apex: Says, query: Select) -> None:
    assert apex(select(query)) is None, select(query)


@given(query=SELECTS, cut=st.tuples(st.floats(0, 1), st.integers(1, 6)))
@QUICK
def test_what_is_accepted_of_a_damaged_query_is_accepted_by_the_other(
    apex: Says, query: Select, cut: tuple[float, int]
) -> None:
    words = select(query).split(" ")
    begin = int(cut[0] * len(words))
    text = " ".join(words[:begin] + words[begin + cut[1] :])
    if not refused(text):
        assert apex(text) is None, text
