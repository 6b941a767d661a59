"""Many rows at once: stored as given, found by queries through orders that keep up with every change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest

from crm_audit.emulator.salesforce import SalesforceOrg
from crm_audit.emulator.soql.order import FEW
from crm_audit.emulator.soql.schema import Row
from tests.emulator.org_bench import NOON, a_deal, an_org, served

ROWS = 5_000
DEAL: Row = {"Name": "Forklifts", "StageName": "Prospecting", "CloseDate": NOON.date()}


@pytest.fixture
def org() -> SalesforceOrg:
    return an_org()


def tasks(org: SalesforceOrg, deals: list[str], count: int = ROWS) -> list[str]:
    """Tasks spread over the deals, ten to a second."""
    return org.load(
        "Task",
        (
            {
                "Subject": f"call {number}",
                "WhatId": deals[number % len(deals)],
                "SystemModstamp": NOON + timedelta(seconds=number // 10),
            }
            for number in range(count)
        ),
    )


def subjects(org: SalesforceOrg, tail: str) -> list[str]:
    return [row["Subject"] for row in org.query(f"SELECT Subject FROM Task {tail}")]


def numbers(found: Iterable[str]) -> list[int]:
    return [int(subject.split()[1]) for subject in found]


def test_loaded_rows_are_stored_as_they_are(org: SalesforceOrg) -> None:
    (deal,) = org.load("Opportunity", [{**DEAL, "StageName": "Closed Won", "Probability": None}])
    row = org.row("Opportunity", deal) or {}
    assert (row["Probability"], row["IsClosed"], row["OwnerId"]) == (None, False, org.admin)
    assert (row["CreatedDate"], row["SystemModstamp"], row["IsDeleted"]) == (NOON, NOON, False)
    assert org.rows("OpportunityHistory") == []
    org.update("Opportunity", deal, Amount=5)
    assert (org.row("Opportunity", deal) or {})["Name"] == "Forklifts"
    assert a_deal(org) > deal


def test_an_id_may_be_brought_along(org: SalesforceOrg) -> None:
    given = "001ak00000000zzAAA"
    assert org.load("Account", [{"Id": given, "Name": "Acme"}]) == [given]
    assert org.query(f"SELECT Name FROM Account WHERE Id = '{given}'")[0]["Name"] == "Acme"


def test_loaded_keys_are_unique_keys(org: SalesforceOrg) -> None:
    org.install_kit()
    org.load("CRM_Audit_Verdict__c", [{"Deal_Id__c": "One"}])
    with served(org) as crm:
        assert crm.call("GET", "/sobjects/CRM_Audit_Verdict__c/Deal_Id__c/one").status_code == 200


WAYS: dict[str, Callable[[int], bool]] = {
    "SystemModstamp >= {early} AND SystemModstamp < {late}": lambda n: 100 <= n // 10 < 200,
    "SystemModstamp > {early} AND SystemModstamp <= {late}": lambda n: 100 < n // 10 <= 200,
    "SystemModstamp = {early}": lambda n: n // 10 == 100,
    "SystemModstamp > {late} OR (SystemModstamp = {late} AND Id > '{id}')": lambda n: n > 2_003,
    "WhatId = '{deal}'": lambda n: n % 10 == 3,
    "WhatId = '{deal}' AND SystemModstamp < {early}": lambda n: n % 10 == 3 and n < 1_000,
    "WhatId IN (SELECT Id FROM Opportunity WHERE Name = 'deal 3')": lambda n: n % 10 == 3,
    "Id > '{id}'": lambda n: n > 2_003,
    "Id IN ('{id}')": lambda n: n == 2_003,
    "Id IN ('{id}') OR Subject = 'call 7'": lambda n: n in (7, 2_003),
    "NOT (WhatId = '{deal}')": lambda n: n % 10 != 3,
    "Id = '{id}' AND Id = '{deal}'": lambda n: False,
}


ORDERS: dict[str, Callable[[int], Any]] = {
    "SystemModstamp, Id": lambda n: n,
    "Id": lambda n: n,
    "SystemModstamp DESC, Id DESC": lambda n: -n,
    "SystemModstamp DESC, Id": lambda n: (-(n // 10), n),
}


@pytest.fixture(scope="module")
def filled() -> tuple[SalesforceOrg, list[str], list[str]]:
    """An org that is only read, its deals and its tasks."""
    org = an_org()
    deals = org.load("Opportunity", [{"Name": f"deal {number}"} for number in range(10)])
    return org, deals, tasks(org, deals)


@pytest.mark.parametrize("where", WAYS)
@pytest.mark.parametrize("order", ORDERS)
def test_every_way_to_the_rows_finds_the_same(
    filled: tuple[SalesforceOrg, list[str], list[str]], where: str, order: str
) -> None:
    org, deals, ids = filled
    early, late = (f"{NOON + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}" for seconds in (100, 200))
    condition = where.format(early=early, late=late, deal=deals[3], id=ids[2_003])
    expected = sorted((n for n in range(ROWS) if WAYS[where](n)), key=ORDERS[order])
    assert numbers(subjects(org, f"WHERE {condition} ORDER BY {order}")) == expected
    assert numbers(subjects(org, f"WHERE {condition} ORDER BY {order} LIMIT 7 OFFSET 2")) == expected[2:9]


@pytest.mark.parametrize("changes", [3, 3 * FEW])
def test_orders_keep_up_with_changes(org: SalesforceOrg, changes: int) -> None:
    deals = org.load("Opportunity", [{"Name": f"deal {number}"} for number in range(10)])
    ids = tasks(org, deals)
    recent = f"SystemModstamp >= {NOON + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    assert subjects(org, f"WHERE {recent} ORDER BY SystemModstamp, Id") == []
    org.clock.advance(days=2)
    for number in range(changes):
        org.update("Task", ids[number], WhatId=deals[0])
        org.delete("Task", ids[number + 1_000])
    org.insert("Task", Subject="call 9999", WhatId=deals[0])
    assert numbers(subjects(org, f"WHERE {recent} ORDER BY SystemModstamp, Id")) == [*range(changes), 9999]
    gone = {n + 1_000 for n in range(changes)}
    expected = [*sorted({n for n in range(ROWS) if n % 10 == 0 or n < changes} - gone), 9999]
    assert numbers(subjects(org, f"WHERE WhatId = '{deals[0]}' ORDER BY Id")) == expected


def test_orders_take_back_what_a_refused_change_did(org: SalesforceOrg) -> None:
    ids = tasks(org, org.load("Opportunity", [{"Name": "one"}]), count=20)
    with served(org) as crm:
        assert len(subjects(org, "ORDER BY SystemModstamp, Id")) == 20
        records = [{"attributes": {"type": "Task"}, "id": ids[5], "Subject": "moved"}]
        records.append({"attributes": {"type": "Task"}, "id": ids[6], "Status": "x" * 300})
        body = {"allOrNone": True, "records": records}
        crm.org.clock.advance(hours=1)
        assert crm.call("PATCH", "/composite/sobjects", json=body).json()[0]["success"] is False
    assert numbers(subjects(org, "ORDER BY SystemModstamp, Id")) == list(range(20))


def test_rows_without_a_value_have_their_place(org: SalesforceOrg) -> None:
    org.load("Event", [{"Subject": "dated", "StartDateTime": NOON}, {"Subject": "undated"}])
    found = org.query("SELECT Subject FROM Event ORDER BY StartDateTime")
    assert [row["Subject"] for row in found] == ["undated", "dated"]
