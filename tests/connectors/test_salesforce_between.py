"""Salesforce between two nights: increments of deals and of what lies on them, and nothing that only a night may do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from crm_audit.connectors.salesforce import SalesforceConnector
from crm_audit.errors import Incomplete
from crm_audit.pull import pull
from crm_audit.store import Run, Start, Store
from tests.connectors.salesforce_bench import bench
from tests.connectors.salesforce_sync import AT, Nights, Small, small

MOST_CALLS = 7
"""Calls of a round in which nothing changed, its log-in aside."""


@pytest.fixture
def nights(store_url: str) -> Iterator[tuple[Nights, Small]]:
    with bench() as sf, Store.open(store_url) as store:
        made = Nights(sf, store)
        company = small(sf)
        made.sync()
        yield made, company


def between(nights: Nights, connector: SalesforceConnector | None = None, **later: float) -> Run:
    nights.sf.clock.advance(**(later or {"minutes": 2}))
    reader = connector or nights.connector()
    begun = nights.start()
    start = Start(connection=begun.connection, started=begun.started, config=begun.config, reach="changes")
    nights.run = pull(reader, nights.store, start=start, now=nights.sf.clock.now)
    nights.calls = reader.calls
    return nights.run


def test_what_changed_on_deals_and_on_what_lies_on_them_is_read(nights: tuple[Nights, Small]) -> None:
    made, company = nights
    made.sf.change(company.deal, Amount=7_000)
    made.sf.make("OpportunityContactRole", OpportunityId=company.deal, ContactId=company.lee, Role="Influencer")
    made.sf.make("Event", Subject="Demo", WhatId=company.deal, WhoId=company.dana, StartDateTime=AT)
    made.sf.make("Quote", Name="Q-2", OpportunityId=company.other, ContactId=company.lee, Status="Presented")
    between(made)
    made.agrees()
    assert made.store.due("sales") == {company.deal, company.other}


CHILDREN: Mapping[str, tuple[str, dict[str, Any]]] = {
    "event": ("Event", {"Subject": "Other"}),
    "relation": ("EventRelation", {"Status": "Declined"}),
    "task": ("Task", {"Status": "Not Started"}),
    "role": ("OpportunityContactRole", {"Role": "Influencer"}),
    "mail": ("EmailMessage", {"Subject": "x", "FirstOpenedDate": None}),
    "quote": ("Quote", {"GrandTotal": 5}),
}


@pytest.mark.parametrize("child", CHILDREN)
def test_a_child_alone_makes_its_deal_due(nights: tuple[Nights, Small], child: str) -> None:
    made, company = nights
    name, changes = CHILDREN[child]
    made.sf.org.update(name, getattr(company, child), **changes)
    between(made)
    made.agrees()
    assert made.store.due("sales") == {company.deal}


def test_what_is_deleted_is_gone(nights: tuple[Nights, Small]) -> None:
    made, company = nights
    made.sf.org.delete("Event", company.event)
    between(made)
    made.agrees()
    assert made.store.due("sales") == {company.deal}


def test_a_round_with_nothing_new_is_cheap_and_its_connector_can_be_used_again(nights: tuple[Nights, Small]) -> None:
    made, company = nights
    connector = made.connector()
    between(made, connector)
    before = connector.calls.read
    assert between(made, connector).moved == 0
    assert 0 < connector.calls.read - before <= MOST_CALLS
    assert not [name for name in connector.calls.by_name if name == "describe" and connector.calls.by_name[name] > 1]
    made.sf.change(company.deal, Amount=7_000)
    assert between(made, connector).moved > 0
    made.agrees()


def test_before_a_night_has_read_everything_nothing_is_read_in_between(store_url: str) -> None:
    with bench() as sf, Store.open(store_url) as store:
        made = Nights(sf, store)
        small(sf)
        made.sync()
        made.settings["topics"] = {"Demo": ["pricing"]}
        with pytest.raises(Incomplete, match=r"people, links, deals, history, events: no night"):
            between(made)
        assert store.counts(store.runs("sales")[0]) == {}


def test_a_night_after_short_runs_finds_the_same_as_one_without(nights: tuple[Nights, Small]) -> None:
    made, company = nights
    for number in range(3):
        made.sf.change(company.deal, Amount=7_000 + number)
        between(made)
    made.sf.org.delete("OpportunityContactRole", company.role)
    between(made)
    made.sync()
    made.agrees()
