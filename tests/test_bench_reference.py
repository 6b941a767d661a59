"""The reference org at a five-hundredth of its size: what was planned is what the connectors read, in either CRM."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from bench.reference import BEGIN, Org, Plan, Portal, Size, a_day
from bench.reference.plan import LOST, WON

from crm_audit.config import Connection
from crm_audit.connectors import connect
from crm_audit.connectors.base import Connector, Page
from crm_audit.domain import KINDS, Change, Deal, Event, Record
from crm_audit.emulator.server import serve
from crm_audit.store import Start, Store

PLAN = Plan(Size().scaled(500))
SIZE = PLAN.size
CRMS: Mapping[str, type[Org] | type[Portal]] = {"salesforce": Org, "hubspot": Portal}


@dataclass
class Read:
    """The reference org in one of the CRMs, and what a connector reads there by kind: before the day and after it."""

    crm: Org | Portal
    done: dict[str, int]
    before: dict[str, list[Record]]
    after: dict[str, list[Record]]


@pytest.fixture(scope="module", params=CRMS)
def read(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    crm = CRMS[request.param].built(PLAN)
    with serve(crm.org if isinstance(crm, Org) else crm.portal) as address:
        connection = Connection.model_validate(crm.settings(address))
        connector = connect(connection, environ=crm.environ())

        with Store.open(f"sqlite:///{tmp_path_factory.mktemp('read')}/store.db") as store:
            before = told(connector, store, "before")
            yield Read(crm, a_day(crm), before, told(connector, store, "after"))


def told(connector: Connector, store: Store, name: str) -> dict[str, list[Record]]:
    """What a first reading tells, by kind."""
    run = store.begin(Start(connection=name, started=BEGIN))
    run = store.introduce(run, account=connector.account(), survey=connector.survey())
    found: dict[str, dict[str, Record]] = {kind: {} for kind in KINDS}
    for page in connector.read(store.reading(run)):
        assert isinstance(page, Page)
        store.save(run, page)
        found[page.kind] |= {row.id: row for row in page.rows}
        for gone in page.gone:
            found[page.kind].pop(gone, None)
    return {kind: list(rows.values()) for kind, rows in found.items()}


def test_all_that_was_planned_is_there(read: Read) -> None:
    counted = {kind: len(rows) for kind, rows in read.before.items()}
    assert counted["companies"] == SIZE.companies
    assert counted["people"] == SIZE.people
    assert counted["deals"] == SIZE.deals
    assert counted["links"] == SIZE.links
    changes = [row for row in read.before["history"] if isinstance(row, Change) and row.old is not None]
    assert len(changes) == SIZE.history - SIZE.deals


def test_every_deal_stands_as_planned(read: Read) -> None:
    deals = {row.name: row for row in read.before["deals"] if isinstance(row, Deal)}
    planned = list(PLAN.deals())
    for each in planned:
        now, deal = each.now(), deals[f"Deal {each.n}"]
        close = deal.close_date.date() if isinstance(deal.close_date, datetime) else deal.close_date
        assert (deal.amount, close) == (Decimal(str(now["amount"])), now["close"])
    assert sum(each.now()["stage"] not in (WON, LOST) for each in planned) == SIZE.deals // 2


def test_activities_are_of_the_planned_mix(read: Read) -> None:
    events = [row for row in read.before["events"] if isinstance(row, Event)]
    kinds = Counter(event.kind for event in events)
    planned = Counter(each.kind for each in PLAN.activities())
    assert kinds["meeting_held"] == planned["meeting"]
    assert kinds["call_connected"] == planned["call"]
    assert kinds["email_in"] + kinds["email_out"] == planned["mail"]
    assert kinds["quote_sent"] == sum(each.sent for each in PLAN.quotes())
    meetings = Counter(len(event.people) for event in events if event.kind == "meeting_held")
    assert meetings == Counter(len(each.people) for each in PLAN.activities() if each.kind == "meeting")
    on_a_deal = [event for event in events if event.kind == "call_connected" and event.deals]
    assert len(on_a_deal) == sum(each.kind == "call" and each.deal is not None for each in PLAN.activities())


def test_a_day_touches_two_per_cent(read: Read) -> None:
    def due(kind: str) -> int:
        return sum(read.done[f"{what} {kind}"] for what in ("new", "changed") if f"{what} {kind}" in read.done)

    assert due("companies") == SIZE.companies // 50
    assert due("people") == SIZE.people // 50
    assert due("deals") == SIZE.deals // 50
    assert due("links") + read.done["gone links"] == SIZE.links // 50
    assert due("activities") == SIZE.activities // 50
    assert read.crm.clock.now() == BEGIN + timedelta(days=1)


def test_a_day_is_seen_by_the_next_read(read: Read) -> None:
    grown = {kind: len(rows) - len(read.before[kind]) for kind, rows in read.after.items()}
    done = read.done
    assert grown["history"] >= done["new history"] * 9 // 10  # the history of a deleted deal goes with it
    assert grown["links"] <= done["new links"] - done["gone links"]  # and its roles
    names = [{row.id for row in rows["deals"]} for rows in (read.before, read.after)]
    assert len(names[1] - names[0]) == done["new deals"]
    changed = {row.id: row for row in read.before["deals"]}
    differing = [row for row in read.after["deals"] if row.id in changed and row != changed[row.id]]
    assert len(differing) >= done["changed deals"]


@pytest.mark.parametrize("vendor", CRMS)
def test_the_same_seed_makes_the_same_org_and_the_same_day(vendor: str) -> None:
    plan = Plan(Size().scaled(1_000))

    def played(plan: Plan) -> object:
        crm = CRMS[vendor].built(plan)
        done = a_day(crm)
        if isinstance(crm, Org):
            return done, [dict(row) for name in ("Opportunity", "EventRelation") for row in crm.org.rows(name)]
        deals = crm.portal.shelves["deals"].rows
        return done, [(record.values, record.past) for record in deals.values()]

    assert played(plan) == played(plan)
    assert played(plan) != played(Plan(plan.size, seed=8))
