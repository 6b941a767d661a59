"""A Salesforce org into the store, and again: the second pull sees what changed, came and went."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from crm_audit.connectors.salesforce import SalesforceConnector
from crm_audit.domain import KINDS
from crm_audit.pull import pull
from crm_audit.store import Run, Start, Store
from tests.connectors.salesforce_bench import STAGE, Bench, bench

AT = "2026-03-10T12:00:00Z"


@pytest.fixture
def sf() -> Iterator[Bench]:
    with bench() as made:
        yield made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


def synced(sf: Bench, store: Store, connector: SalesforceConnector | None = None) -> Run:
    """One run at the org's present; a new connector each time, as every night has one."""
    sf.clock.advance(hours=1)
    start = Start(connection="sales", started=sf.clock.now())
    return pull(connector or sf.connector(), store, start=start, now=lambda: sf.clock.now() + timedelta(minutes=1))


def filled(sf: Bench) -> tuple[str, str, str]:
    """A deal with a role and a meeting; gives the deal, its person and the role."""
    deal, dana = sf.deal(AccountId=sf.account()), sf.person()
    role = sf.make("OpportunityContactRole", OpportunityId=deal, ContactId=dana, Role="Decision Maker")
    sf.make("Event", Subject="Pricing", WhatId=deal, WhoId=dana, StartDateTime=AT)
    sf.change(deal, Amount=120_000)
    return deal, dana, role


def test_a_pull_is_complete_and_every_kind_has_come_through(sf: Bench, store: Store) -> None:
    filled(sf)
    run = synced(sf, store)
    assert run.status == "complete"
    known = store.frames(run)
    counts = {kind: known[kind].height for kind in KINDS}
    assert counts == {
        "stages": 10, "users": 2, "rates": 0, "companies": 1, "people": 1, "deals": 1, "links": 1, "events": 1,
        "rechecks": 0, "answers": 0, "history": 1,
    }  # fmt: skip


def test_a_second_pull_of_the_same_org_changes_nothing(sf: Bench, store: Store) -> None:
    filled(sf)
    synced(sf, store)
    again = synced(sf, store)
    assert {kind: store.changed(again, kind) for kind in KINDS if store.changed(again, kind)} == {}


def test_a_removed_role_a_merged_person_and_a_new_amount_are_seen(sf: Bench, store: Store) -> None:
    deal, dana, role = filled(sf)
    first = synced(sf, store)
    survivor = sf.person("Noa")
    sf.org.delete("OpportunityContactRole", role)
    sf.org.merge("Contact", survivor, loser=dana)
    sf.change(deal, Amount=200_000, StageName="Closed Won")
    second = synced(sf, store)
    before, now = store.frames(first), store.frames(second)
    assert before["links"].select("id", "valid_to").rows() == [(role, None)]
    assert now["links"].select("id", "valid_to").rows() == [(role, date(2026, 3, 16))]
    assert dict(now["people"].select("id", "merged_into").iter_rows())[dana] == survivor
    assert now["events"]["people"].to_list() == [f'["{survivor}"]']
    assert [Decimal(amount) for amount in now["deals"]["amount"]] == [200_000]
    changes = {tuple(row) for row in now["history"].select("field", "old", "new").iter_rows()}
    assert changes == {
        ("amount", "100000", "120000"), ("amount", "120000", "200000"), ("stage", STAGE, "Closed Won")
    }  # fmt: skip


def test_history_that_the_org_forgets_is_kept(sf: Bench, store: Store) -> None:
    filled(sf)
    synced(sf, store)
    for row in sf.org.rows("OpportunityHistory"):
        sf.org.delete("OpportunityHistory", str(row["Id"]))
    assert store.frames(synced(sf, store))["history"].height == 1


def test_a_quota_that_runs_out_leaves_a_partial_run_that_says_what_is_missing(sf: Bench, store: Store) -> None:
    filled(sf)
    connector = sf.connector()
    connector.account()
    connector.survey()
    sf.org.calls.daily = sf.org.calls.used(sf.clock.now() + timedelta(hours=1)) + 7
    run = synced(sf, store, connector)
    assert run.status == "partial"
    assert "events" in run.missing
    assert "used up" in run.missing["events"]
