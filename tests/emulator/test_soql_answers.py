"""What a query finds, in every type of field and over relationships; compared with a slow reading of it."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.salesforce import Refusal, SalesforceOrg
from crm_audit.emulator.salesforce.catalog import OrgCatalog
from crm_audit.emulator.salesforce.records import Records
from crm_audit.emulator.salesforce.schema import Schema
from crm_audit.emulator.soql.evaluate import answer
from crm_audit.emulator.soql.ids import full_id
from crm_audit.emulator.soql.schema import Row
from tests.emulator.org_bench import NOON, a_deal, an_org


@pytest.fixture
def org() -> SalesforceOrg:
    return an_org()


def names(
    org: SalesforceOrg, where: str = "", *, of: str = "Account", tail: str = "", everything: bool = False
) -> list[str]:
    clause = f"WHERE {where}" if where else ""
    return [row["Name"] for row in org.query(f"SELECT Name FROM {of} {clause} {tail}", everything=everything)]


def accounts(org: SalesforceOrg, *given: str) -> list[str]:
    return [org.insert("Account", Name=name) for name in given]


def test_text_is_found_whatever_its_case(org: SalesforceOrg) -> None:
    accounts(org, "Acme", "ACME", "acme freight")
    assert names(org, "Name = 'aCmE'") == ["Acme", "ACME"]
    assert names(org, "Name IN ('ACME FREIGHT')") == ["acme freight"]
    assert names(org, "Name > 'acme'") == ["acme freight"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("ac%", ["Acme", "ac_e 5%"]),
        ("ac_e", ["Acme"]),
        (r"ac\_e%", ["ac_e 5%"]),
        (r"%5\%", ["ac_e 5%"]),
        ("%", ["Acme", "ac_e 5%", "(.*)"]),
        ("(.*)", ["(.*)"]),
        ("", []),
    ],
)
def test_like(org: SalesforceOrg, pattern: str, found: list[str]) -> None:
    accounts(org, "Acme", "ac_e 5%", "(.*)")
    assert names(org, f"Name LIKE '{pattern}'") == found


def test_null_is_not_equal_to_anything_but_null(org: SalesforceOrg) -> None:
    org.insert("Account", Name="with", Industry="Steel")
    org.insert("Account", Name="without")
    assert names(org, "Industry = null") == ["without"]
    assert names(org, "Industry = ''") == ["without"]
    assert names(org, "Industry != null") == ["with"]
    assert names(org, "Industry != 'Wood'") == ["with", "without"]
    assert names(org, "Industry NOT IN ('Steel')") == ["without"]
    assert names(org, "Industry < 'Z'") == ["with"]
    assert names(org, "(NOT Industry = 'Steel')") == ["without"]


def test_numbers_dates_and_booleans(org: SalesforceOrg) -> None:
    a_deal(org, Name="small", Amount="99.99", CloseDate=date(2026, 3, 31))
    a_deal(org, Name="large", Amount=100, CloseDate=date(2026, 4, 1), StageName="Closed Won")
    a_deal(org, Name="none", Amount=None)
    assert names(org, "Amount >= 100", of="Opportunity") == ["large"]
    assert names(org, "Amount < 1e2", of="Opportunity") == ["small"]
    assert names(org, "CloseDate <= 2026-03-31", of="Opportunity") == ["small"]
    assert names(org, "IsClosed = true", of="Opportunity") == ["large"]
    assert names(org, "IsClosed != true AND Amount != null", of="Opportunity") == ["small"]


def test_instants_compare_as_instants(org: SalesforceOrg) -> None:
    org.insert("Account", Name="at noon", CreatedDate=NOON)
    assert names(org, "CreatedDate = 2026-03-16T08:00:00-04:00") == ["at noon"]
    assert names(org, "CreatedDate > 2026-03-16T12:00:00Z") == []
    assert names(org, "CreatedDate < 2026-03-16T12:00:01.000+0000") == ["at noon"]


def test_date_literals_have_the_days_of_the_organisation() -> None:
    org = an_org(zone="America/New_York")
    late = datetime(2026, 3, 17, 3, 59, 59, tzinfo=UTC)  # still the 16th in New York
    org.insert("Account", Name="late", CreatedDate=late)
    org.insert("Account", Name="past midnight", CreatedDate=late + timedelta(seconds=1))
    org.insert("Account", Name="ten days ago", CreatedDate=NOON - timedelta(days=10))
    assert names(org, "CreatedDate = TODAY") == ["late"]
    assert names(org, "CreatedDate = TOMORROW") == ["past midnight"]
    assert names(org, "CreatedDate = LAST_N_DAYS:10") == ["late", "ten days ago"]
    assert names(org, "CreatedDate = LAST_N_DAYS:9") == ["late"]
    assert names(org, "CreatedDate < TODAY") == ["ten days ago"]
    assert names(org, "CreatedDate <= TODAY") == ["late", "ten days ago"]
    assert names(org, "CreatedDate > TODAY") == ["past midnight"]
    assert names(org, "CreatedDate != TODAY") == ["past midnight", "ten days ago"]
    a_deal(org, Name="due", CloseDate=date(2026, 3, 20))
    assert names(org, "CloseDate = NEXT_N_DAYS:4", of="Opportunity") == ["due"]
    assert names(org, "CloseDate = NEXT_N_DAYS:3", of="Opportunity") == []


def test_ids_are_found_in_both_lengths(org: SalesforceOrg) -> None:
    first, second, third = accounts(org, "a", "b", "c")
    assert names(org, f"Id = '{first[:15]}'") == ["a"]
    assert names(org, f"Id IN ('{third}', '{first[:15]}')", tail="ORDER BY Name") == ["a", "c"]
    assert names(org, f"Id IN ('{second}') AND Name = 'a'") == []
    assert names(org, f"Id = '{first}' OR Name = 'b'") == ["a", "b"]
    assert names(org, f"Id != '{first}'") == ["b", "c"]


def test_a_semijoin_reads_the_ids_of_another_query(org: SalesforceOrg) -> None:
    won, lost, _ = accounts(org, "won", "lost", "nothing")
    a_deal(org, AccountId=won, StageName="Closed Won")
    a_deal(org, AccountId=lost, StageName="Closed Lost")
    inner = "SELECT AccountId FROM Opportunity WHERE IsWon = true"
    assert names(org, f"Id IN ({inner})") == ["won"]
    assert names(org, f"Id NOT IN ({inner})") == ["lost", "nothing"]
    with pytest.raises(Refusal, match="MALFORMED_QUERY"):
        names(org, "Id IN (SELECT Name FROM Opportunity)")


def test_relationships_lead_up(org: SalesforceOrg) -> None:
    parent = org.insert("Account", Name="Holding")
    child = org.insert("Account", Name="Works", ParentId=parent)
    deal = a_deal(org, AccountId=child)
    (row,) = org.query("SELECT Account.Parent.Name, Id, Account.Name, Owner.IsActive FROM Opportunity")
    assert list(row) == ["attributes", "Account", "Id", "Owner"]
    assert row["Account"]["Parent"]["Name"] == "Holding"
    assert row["Account"]["attributes"] == {
        "type": "Account",
        "url": f"/services/data/v66.0/sobjects/Account/{child}",
    }
    assert row["Owner"]["IsActive"] is True
    assert [row["Id"] for row in org.query("SELECT Id FROM Opportunity WHERE account.parent.name = 'holding'")] == [
        deal
    ]


def test_a_missing_parent_is_null(org: SalesforceOrg) -> None:
    a_deal(org, Name="orphan")
    (row,) = org.query("SELECT Account.Name, Account.Parent.Name FROM Opportunity")
    assert row["Account"] is None
    assert names(org, "Account.Name = null", of="Opportunity") == ["orphan"]


def test_a_polymorphic_parent_shows_its_type_and_only_common_fields(org: SalesforceOrg) -> None:
    deal, (account,) = a_deal(org, Name="Forklifts"), accounts(org, "Acme")
    contact = org.insert("Contact", FirstName="Dana", LastName="Fox", Title="CFO")
    org.insert("Task", Subject="call", WhatId=deal, WhoId=contact)
    org.insert("Task", Subject="visit", WhatId=account)
    rows = org.query("SELECT What.Type, What.Name, Who.Title, Owner.Name FROM Task")
    assert [(row["What"]["Type"], row["What"]["Name"]) for row in rows] == [
        ("Opportunity", "Forklifts"),
        ("Account", "Acme"),
    ]
    assert rows[0]["What"]["attributes"]["type"] == "Name"
    assert rows[0]["What"]["attributes"]["url"].endswith(f"/Opportunity/{deal}")
    assert (rows[0]["Who"]["Title"], rows[1]["Who"]) == ("CFO", None)
    found = org.query("SELECT Subject FROM Task WHERE What.Type = 'Opportunity'")
    assert [row["Subject"] for row in found] == ["call"]
    with pytest.raises(Refusal, match="No such column 'Amount' on entity 'Name'"):
        org.query("SELECT What.Amount FROM Task")


def test_children_come_with_their_parent(org: SalesforceOrg) -> None:
    contact = org.insert("Contact", LastName="Fox")
    deal, bare = a_deal(org, Name="with"), a_deal(org, Name="without")
    for role in ("Evaluator", "Influencer", "Decision Maker"):
        org.insert("OpportunityContactRole", OpportunityId=deal, ContactId=contact, Role=role)
    inner = "SELECT Role, Contact.Name FROM OpportunityContactRoles WHERE Role != 'Influencer' ORDER BY Role LIMIT 5"
    rows = {row["Id"]: row for row in org.query(f"SELECT Id, ({inner}) FROM Opportunity")}
    children = rows[deal]["OpportunityContactRoles"]
    assert (children["totalSize"], children["done"]) == (2, True)
    assert [child["Role"] for child in children["records"]] == ["Decision Maker", "Evaluator"]
    assert children["records"][0]["Contact"]["Name"] == "Fox"
    assert rows[bare]["OpportunityContactRoles"] is None


def test_sorting_puts_nulls_first_unless_told(org: SalesforceOrg) -> None:
    for name, revenue in (("b", 2), ("none", None), ("a", 2), ("c", 1)):
        org.insert("Account", Name=name, AnnualRevenue=revenue)
    assert names(org, tail="ORDER BY AnnualRevenue, Name") == ["none", "c", "a", "b"]
    assert names(org, tail="ORDER BY AnnualRevenue DESC, Name DESC") == ["none", "b", "a", "c"]
    assert names(org, tail="ORDER BY AnnualRevenue DESC NULLS LAST, Name") == ["a", "b", "c", "none"]
    assert names(org, tail="ORDER BY Name LIMIT 2 OFFSET 1") == ["b", "c"]
    assert names(org, tail="LIMIT 0") == []


def test_deleted_and_archived_rows_need_everything(org: SalesforceOrg) -> None:
    gone, _ = accounts(org, "gone", "here")
    org.delete("Account", gone)
    org.insert("Task", Subject="old", IsArchived=True)
    assert names(org) == ["here"]
    assert names(org, everything=True) == ["gone", "here"]
    assert names(org, "IsDeleted = true", everything=True) == ["gone"]
    assert org.query("SELECT Subject FROM Task") == []
    assert [row["Subject"] for row in org.query("SELECT Subject FROM Task", everything=True)] == ["old"]


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ("SELECT Id FROM Accout", "INVALID_TYPE", "sObject type 'Accout' is not supported"),
        ("SELECT Nmae FROM Account", "INVALID_FIELD", "Row:1:Column:8\nNo such column 'Nmae' on entity 'Account'"),
        ("SELECT Id FROM Account WHERE Nmae = 'a'", "INVALID_FIELD", "Column:30\nNo such column 'Nmae'"),
        ("SELECT Id FROM Account ORDER BY Nmae", "INVALID_FIELD", "No such column 'Nmae'"),
        ("SELECT Acount.Name FROM Contact", "INVALID_FIELD", "Didn't understand relationship 'Acount'"),
        ("SELECT (SELECT Id FROM Contacs) FROM Account", "INVALID_TYPE", "relationship 'Contacs' in FROM"),
        ("SELECT Id, Id FROM Account", "MALFORMED_QUERY", "duplicate field selected: Id"),
        ("SELECT Id FROM Account WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: abc"),
        ("SELECT Id FROM Account WHERE Id LIKE '001%'", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator"),
        ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD", "must be of type string and should be enclosed"),
        ("SELECT Id FROM Account WHERE AnnualRevenue = '5'", "INVALID_FIELD", "of type double and should not be"),
        ("SELECT Id FROM Account WHERE CreatedDate > '2026-01-01'", "INVALID_FIELD", "of type dateTime and should not"),
        ("SELECT Id FROM Account WHERE CreatedDate > 2026-01-01", "INVALID_FIELD", "must be of type dateTime"),
        ("SELECT Id FROM Account WHERE Name = TODAY", "INVALID_FIELD", "must be of type string"),
        ("SELECT Id FROM Opportunity WHERE CloseDate = 2026-01-01T00:00:00Z", "INVALID_FIELD", "must be of type date "),
        ("SELECT Id FROM Opportunity WHERE IsWon = 'true'", "INVALID_FIELD", "must be of type boolean"),
        ("SELECT Id FROM Account WHERE Description = 'x'", "INVALID_FIELD", "can not be filtered in a query call"),
        ("SELECT Id FROM Account ORDER BY Description", "INVALID_FIELD", "can not be sorted in a query call"),
        ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset"),
        ("SELECT Id FROM ContentDocumentLink", "MALFORMED_QUERY", "requires a filter by a single Id"),
    ],
)
def test_refusals(org: SalesforceOrg, query: str, code: str, words: str) -> None:
    with pytest.raises(Refusal) as refused:
        org.query(query)
    assert refused.value.code == code
    assert words in refused.value.message


def test_a_link_to_a_document_is_found_by_id_only(org: SalesforceOrg) -> None:
    document, deal = org.insert("ContentDocument", Title="pricing.pdf"), a_deal(org)
    org.insert("ContentDocumentLink", LinkedEntityId=deal, ContentDocumentId=document)
    query = f"SELECT ContentDocument.Title FROM ContentDocumentLink WHERE LinkedEntityId IN ('{deal}')"
    assert [row["ContentDocument"]["Title"] for row in org.query(query)] == ["pricing.pdf"]


# A second reading of WHERE: no closures, no index, one row and one comparison at a time.

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "Name": st.sampled_from(["a", "B", "c d", "50%", "x_y"]),
    "Industry": st.none() | st.sampled_from(["Steel", "steel", "Wood"]),
    "AnnualRevenue": st.none() | st.integers(min_value=-2, max_value=2),
    "NumberOfEmployees": st.none() | st.integers(min_value=0, max_value=2),
}
TESTS = st.sampled_from(list(VALUES)).flatmap(
    lambda field: st.tuples(st.just(field), st.sampled_from(list(COMPARE)), VALUES[field])
)
TREES = st.recursive(
    TESTS,
    lambda inner: (
        st.tuples(st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=2, max_size=3))
        | st.tuples(st.just("NOT"), inner)
    ),
    max_leaves=6,
)


def written(tree: Any) -> str:  # noqa: ANN401  # a nested tuple
    match tree:
        case ("AND" | "OR") as word, list(parts):
            return "(" + f" {word} ".join(written(part) for part in parts) + ")"
        case "NOT", inner:
            return f"(NOT ({written(inner)}))"
    field, op, value = tree
    return f"{field} {op} " + ("null" if value is None else f"'{value}'" if isinstance(value, str) else str(value))


def holds(tree: Any, row: dict[str, Any]) -> bool:  # noqa: ANN401  # a nested tuple
    match tree:
        case "AND", list(parts):
            return all([holds(part, row) for part in parts])
        case "OR", list(parts):
            return any([holds(part, row) for part in parts])
        case "NOT", inner:
            return not holds(inner, row)
    field, op, wanted = tree
    held = row[field]
    if op in ("=", "!="):
        return COMPARE[op](folded(held), folded(wanted))
    return held is not None and wanted is not None and COMPARE[op](folded(held), folded(wanted))


def folded(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


@given(st.lists(st.fixed_dictionaries(VALUES), max_size=6), TREES)
@settings(deadline=None, max_examples=60)
def test_both_readings_find_the_same(rows: list[dict[str, Any]], tree: Any) -> None:  # noqa: ANN401  # a nested tuple
    org = an_org()
    held = {org.insert("Account", **row): row for row in rows}
    found = {row["Id"] for row in org.query(f"SELECT Id FROM Account WHERE {written(tree)}")}
    assert found == {record for record, row in held.items() if holds(tree, row)}


class Unscannable(OrgCatalog):
    """A catalog in which rows can only be looked up."""

    def rows(self, entity: str) -> Iterable[Row]:
        raise AssertionError(f"all rows of {entity} were read")


def test_a_list_of_ids_is_looked_up_and_not_searched_for() -> None:
    schema, records = Schema(), Records()
    entity = schema.whole("Account")
    record = records.issue(entity)
    records.put(entity, record, row={"Id": record, "Name": "Acme", "OwnerId": record, "SystemModstamp": NOON})
    catalog, stamp = Unscannable(schema, records, Clock(NOON), ZoneInfo("UTC")), f"{NOON:%Y-%m-%dT%H:%M:%SZ}"
    for where in (
        f"WHERE Id IN ('{record}') AND Name LIKE 'A%'",
        f"WHERE OwnerId = '{record}'",
        f"WHERE OwnerId IN (SELECT Id FROM Account WHERE Id = '{record}')",
        "WHERE SystemModstamp >= 2020-01-01T00:00:00Z AND SystemModstamp < 2030-01-01T00:00:00Z",
        f"WHERE SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND Id > '001000000000000AAA')"
        " ORDER BY SystemModstamp, Id LIMIT 5",
        "ORDER BY Id DESC LIMIT 5",
    ):
        found = answer(f"SELECT Id FROM Account {where}", catalog, address="")
        assert [row["Name"] for row in found.rows] == ["Acme"], where
    with pytest.raises(AssertionError, match="all rows of Account"):
        answer(f"SELECT Id FROM Account WHERE Id NOT IN ('{record}')", catalog, address="")


def test_a_page_in_order_tests_no_more_rows_than_it_shows() -> None:
    org = an_org()
    ids = org.load("Account", ({"Name": str(number)} for number in range(50_000)))
    looked: list[Row] = []

    def noted(row: Row) -> str:
        looked.append(row)
        return "same"

    org.add_formula("Account", "Looked__c", spelling="string 10", value=noted)
    soql = f"SELECT Id FROM Account WHERE Id > '{ids[100]}' AND Looked__c = 'same' ORDER BY Id LIMIT 20"
    assert [row["Id"] for row in org.query(soql)] == ids[101:121]
    assert len(looked) == 20


def test_ids_have_the_published_check_characters() -> None:
    assert full_id("001D000000IqhSL") == "001D000000IqhSLIAZ"
    assert full_id("001D000000IqhSLIAZ") == "001D000000IqhSLIAZ"
    assert full_id("001D000000IqhSLIAA") is None
    assert full_id("001D000000Iqh") is None
    assert re.fullmatch(r"006ak0\w{9}[A-Z0-5]{3}", a_deal(an_org()))
