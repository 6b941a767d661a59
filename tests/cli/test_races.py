"""What happens at the very moment of a write, after our last look; and what holds a write up: rules, locks, merges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from tempfile import TemporaryDirectory

import pytest

from crm_audit.config import Connection
from crm_audit.connectors.base import Connector, Receipt
from crm_audit.connectors.hubspot.gateway import BATCH
from crm_audit.connectors.hubspot.names import OWN
from crm_audit.connectors.hubspot.wire import ATTEMPTS
from crm_audit.connectors.salesforce import own
from crm_audit.connectors.salesforce.gateway import MOST_RECORDS
from crm_audit.domain import Annotation
from crm_audit.emulator.faults import Change, Fault
from crm_audit.emulator.hubspot import SERVICE_KEY
from crm_audit.emulator.hubspot.state import APP
from crm_audit.emulator.salesforce.automations import hostile
from crm_audit.store import Store
from crm_audit.store.outbox import AT_ONCE
from crm_audit.writeback.apply import apply
from crm_audit.writeback.plan import plan
from tests.connectors import hubspot_bench, salesforce_bench
from tests.doomed import carried_out

SAID = Annotation(status="overstated", stage_gap=1, top_finding="Dana has not seen the price.", details="x")
UPDATE = r"POST .*/deals/batch/update$"
UPSERT = rf"PATCH .*/composite/sobjects/{own.VERDICT}/"


@pytest.fixture
def hs() -> Iterator[hubspot_bench.Bench]:
    with hubspot_bench.bench() as made:
        made.portal.install_kit()
        yield made


@pytest.fixture
def sf() -> Iterator[salesforce_bench.Bench]:
    with salesforce_bench.bench() as made:
        made.org.install_kit()
        yield made


def written(connector: Connector, store_url: str, *deals: str) -> dict[tuple[str, str], Receipt]:
    """Plan and apply."""
    made = plan({deal: connector.wanted(deal, SAID) for deal in deals}, connector.shown(deals))
    with Store.open(store_url) as store:
        receipts = apply(made, connector, store.outbox)
    return {(receipt.write.deal, receipt.write.place): receipt for receipt in receipts}


def at_the_write(crm: hubspot_bench.Bench | salesforce_bench.Bench, act: Callable[[], object]) -> None:
    """Have it happen between our last look and the first write."""
    match = UPDATE if isinstance(crm, hubspot_bench.Bench) else UPSERT
    crm.faults.add(Fault(match, Change(before=act)))


def test_fault_18_hubspot_a_deal_deleted_at_the_moment_of_the_write_holds_up_no_other(
    hs: hubspot_bench.Bench, store_url: str
) -> None:
    good, gone = hs.deal("Good"), hs.deal("Gone")
    at_the_write(hs, lambda: hs.portal.archive("deals", gone))
    receipts = written(hs.connector(), store_url, good, gone)
    assert [(deal, receipt.ok) for (deal, _), receipt in receipts.items()] == [(good, True), (gone, False)]
    assert hs.portal.value("deals", gone, OWN["status"]) is None


def test_fault_18_salesforce_a_deal_deleted_at_the_moment_of_the_write_holds_up_no_other(
    sf: salesforce_bench.Bench, store_url: str
) -> None:
    good, gone = sf.deal("Good"), sf.deal("Gone")
    at_the_write(sf, lambda: sf.org.delete("Opportunity", gone))
    receipts = written(sf.connector(), store_url, good, gone)
    assert {deal for (deal, _), receipt in receipts.items() if not receipt.ok} == {gone}
    assert [row[own.KEY] for row in sf.org.rows(own.VERDICT)] == [good]


def test_fault_19_the_flag_of_a_merged_deal_follows_to_the_survivor(hs: hubspot_bench.Bench, store_url: str) -> None:
    keep, lose = hs.deal("Acme", dealstage="qualifiedtobuy"), hs.deal("Acme", dealstage="qualifiedtobuy")
    dana = hs.person("Dana", hs_buying_role="DECISION_MAKER")
    hs.portal.associate("deals", lose, "contacts", dana)
    hs.activity("meetings", (lose,), (dana,), hs_meeting_title="Pricing")
    connection = Connection.model_validate({
        "vendor": "hubspot", "emulator": hs.base, "ladder": "annotate", "login": {"access_token": "T"},
        "ladders": {"default": {"qualifiedtobuy": 3}},
    })  # fmt: skip
    secrets = {"T": SERVICE_KEY}

    def said(deal: str) -> str | None:
        return hs.portal.value("deals", deal, OWN["details"])

    with Store.open(store_url) as store:
        assert not any(step.broke for step in carried_out("hs", connection, secrets, store, clock=hs.clock))
        alone, whole = said(keep), said(lose)
        assert alone != whole
        hs.clock.advance(minutes=1)
        hs.portal.merge("deals", keep, lose)
        length = len(hs.portal.automations.book)
        assert not any(step.broke for step in carried_out("hs", connection, secrets, store, clock=hs.clock))
    assert said(keep) == whole
    assert {each.record for each in hs.portal.automations.book[length:]} == {keep}


def test_fault_19_evidence_of_a_merged_contact_stays_evidence_and_only_the_verdict_is_written(
    sf: salesforce_bench.Bench, store_url: str
) -> None:
    deal = sf.deal(StageName="Needs Analysis")
    dana, twin = sf.person("Dana", Title="CFO"), sf.person("Lee", Title="CFO")
    sf.make("OpportunityContactRole", OpportunityId=deal, ContactId=twin, Role="Economic Decision Maker")
    meeting = {"Subject": "Pricing", "StartDateTime": "2026-03-10T15:00:00Z", "DurationInMinutes": 30}
    sf.make("Event", **meeting, WhatId=deal, WhoId=twin)
    connection = sf.connection(ladder="annotate", ladders={"*": {"Needs Analysis": 3}})
    with Store.open(store_url) as store:
        carried_out("sf", connection, sf.environ(), store, clock=sf.clock)
        (before,) = sf.org.rows(own.VERDICT)
        sf.clock.advance(minutes=1)
        sf.org.merge("Contact", dana, loser=twin)
        length = len(sf.org.automations.book)
        assert not any(step.broke for step in carried_out("sf", connection, sf.environ(), store, clock=sf.clock))
    (after,) = sf.org.rows(own.VERDICT)
    assert [after[name] for name in ("Status__c", "Stage_Gap__c")] == [
        before[name] for name in ("Status__c", "Stage_Gap__c")
    ]
    assert str(after["Details__c"]) == str(before["Details__c"]).replace("Lee Invented", "Dana Invented")
    assert {each.kind for each in sf.org.automations.book[length:]} <= {own.VERDICT, own.CONNECTION}


def test_fault_21_hubspot_what_somebody_edits_at_the_moment_of_the_write_stays_where_it_is_not_ours(
    hs: hubspot_bench.Bench, store_url: str
) -> None:
    deal = hs.deal()
    at_the_write(
        hs, lambda: hs.set("deals", deal, amount="777", dealstage="closedlost", **{OWN["status"]: "supported"})
    )
    receipts = written(hs.connector(), store_url, deal)
    assert receipts[deal, "deal"].ok
    held = {name: hs.portal.value("deals", deal, name) for name in ("amount", "dealstage", OWN["status"])}
    assert held == {"amount": "777", "dealstage": "closedlost", OWN["status"]: "overstated"}


def test_fault_21_salesforce_what_somebody_edits_at_the_moment_of_the_write_stays_where_it_is_not_ours(
    sf: salesforce_bench.Bench, store_url: str
) -> None:
    deal = sf.deal()
    theirs = {own.KEY: deal, "Opportunity__c": deal, "Status__c": "supported"}

    def meddle() -> None:
        sf.change(deal, Amount=777, StageName="Closed Lost")
        sf.make(own.VERDICT, **theirs)

    at_the_write(sf, meddle)
    assert all(receipt.ok for receipt in written(sf.connector(), store_url, deal).values())
    row = sf.org.row("Opportunity", deal) or {}
    assert (row["Amount"], row["StageName"]) == (777, "Closed Lost")
    assert [row["Status__c"] for row in sf.org.rows(own.VERDICT)] == [
        "overstated"
    ]  # one record, and the last look wins


def test_fault_22_salesforce_finds_the_poison_of_a_batch_without_another_call(
    sf: salesforce_bench.Bench, store_url: str
) -> None:
    deals = [sf.deal(f"Deal {number}") for number in range(MOST_RECORDS)]
    sf.org.refuse(own.VERDICT, lambda before, row: row.get(own.KEY) == deals[77], message="Not this one.")
    connector = sf.connector()
    receipts = written(connector, store_url, *deals)
    assert {deal for (deal, _), receipt in receipts.items() if not receipt.ok} == {deals[77]}
    assert connector.calls.write == 3  # the connection record, the verdicts, the links


def test_fault_22_no_batch_holds_a_deal_twice_and_hubspot_would_not_lose_one_that_did(hs: hubspot_bench.Bench) -> None:
    """HubSpot refuses a whole call in which an id comes twice."""
    deal, other = hs.deal(), hs.deal("Other")
    connector = hs.connector()
    made = plan({each: connector.wanted(each, SAID) for each in (deal, other)}, connector.shown([deal, other]))
    assert len({(write.deal, write.place) for write in made.writes}) == len(made.writes)
    assert [receipt.ok for receipt in connector.write([*made.writes, made.writes[0]])] == [True] * 3


def test_fault_23_hubspot_a_rule_of_the_admins_is_told_and_holds_up_no_other(
    hs: hubspot_bench.Bench, store_url: str
) -> None:
    good, bad = hs.deal("Good", description="known"), hs.deal("Bad")
    hs.portal.require("deals", "description", when=(OWN["status"], "overstated"))
    receipts = written(hs.connector(), store_url, good, bad)
    assert {deal for (deal, _), receipt in receipts.items() if not receipt.ok} == {bad}
    assert "description is required" in str(receipts[bad, "deal"].reason)


def test_fault_23_hubspot_a_lock_is_waited_for(hs: hubspot_bench.Bench, store_url: str) -> None:
    deal = hs.deal()
    hs.portal.lock("deals", deal)
    assert written(hs.connector(), store_url, deal)[deal, "deal"].ok
    assert len(hs.slept) == 1


def test_fault_23_hubspot_a_deal_that_stays_locked_is_told_and_holds_up_no_other(
    hs: hubspot_bench.Bench, store_url: str
) -> None:
    deals = [hs.deal(f"Deal {number}") for number in range(BATCH)]
    hs.portal.lock("deals", deals[42], seconds=1e6)
    connector = hs.connector()
    receipts = written(connector, store_url, *deals)
    assert {deal for (deal, _), receipt in receipts.items() if not receipt.ok} == {deals[42]}
    assert "locked" in str(receipts[deals[42], "deal"].reason)
    assert connector.calls.write <= 8 * ATTEMPTS + 7  # the seven halvings, each tried; and the other halves


def test_fault_23_a_deal_in_approval_keeps_its_verdict_and_is_linked_once_it_may_be(
    sf: salesforce_bench.Bench, store_url: str
) -> None:
    good, held = sf.deal("Good"), sf.deal("Held")
    sf.org.submit(held)
    receipts = written(sf.connector(), store_url, good, held)
    assert [key for key, receipt in receipts.items() if not receipt.ok] == [(held, own.DEAL)]
    assert str(receipts[held, own.DEAL].reason).startswith("ENTITY_IS_LOCKED")
    assert {row[own.KEY] for row in sf.org.rows(own.VERDICT)} == {good, held}
    sf.org.recall(held)
    assert [key for key, receipt in written(sf.connector(), store_url, good, held).items() if receipt.ok] == [
        (held, own.DEAL)
    ]


def test_fault_23_a_flow_that_fails_is_told_and_holds_up_no_other(sf: salesforce_bench.Bench, store_url: str) -> None:
    good, bad = sf.deal("Good"), sf.deal("Bad")
    sf.org.automations.switch_on(hostile(sf.org)["moves the deal"])
    stage = "Qualification"
    sf.org.refuse(own.DEAL, lambda old, row: row["Name"] == "Bad" and row["StageName"] == stage, message="Not back.")
    receipts = written(sf.connector(), store_url, good, bad)
    assert {deal for (deal, _), receipt in receipts.items() if not receipt.ok} == {bad}
    assert "Not back." in str(receipts[bad, own.VERDICT].reason)
    assert (sf.org.row("Opportunity", bad) or {})["StageName"] != stage


def test_fault_24_what_a_flow_makes_in_our_name_is_no_evidence(sf: salesforce_bench.Bench, store_url: str) -> None:
    deal = sf.deal(StageName="Needs Analysis")
    sf.org.automations.switch_on(hostile(sf.org)["makes a task"])
    connection = sf.connection(ladder="annotate", ladders={"*": {"Needs Analysis": 3}})
    with Store.open(store_url) as store:
        for _ in range(2):
            assert not any(step.broke for step in carried_out("sf", connection, sf.environ(), store, clock=sf.clock))
            sf.clock.advance(minutes=1)
    (task,) = sf.org.rows("Task")
    assert (task["WhatId"], task["CreatedById"]) == (deal, sf.org.integration_user)
    ours = [each for each in sf.org.automations.book if each.kind == own.VERDICT]
    assert len(ours) == 1


def test_fault_24_our_own_changes_are_no_history_of_the_deal(hs: hubspot_bench.Bench, store_url: str) -> None:
    deal = hs.deal()
    with hubspot_bench.bench() as untouched:
        untouched.deal()
        bare = hubspot_bench.told(untouched.connector()).records
    assert written(hs.connector(), store_url, deal)[deal, "deal"].ok
    assert [each.by for each in hs.portal.automations.book if each.kind == "deals"][-1] == APP.kind
    ours = hubspot_bench.told(hs.connector()).records
    assert {kind: list(rows.values()) for kind, rows in ours.items()} == {
        kind: list(rows.values()) for kind, rows in bare.items()
    }


def test_a_plan_of_more_deals_than_are_looked_up_at_once_is_carried_out_whole(hs: hubspot_bench.Bench) -> None:
    deals = [hs.deal(f"Deal {number}") for number in range(AT_ONCE + 1)]
    connection = Connection.model_validate({
        "vendor": "hubspot", "emulator": hs.base, "ladder": "annotate", "login": {"access_token": "T"},
        "breaker_share": 1, "ladders": {"default": {"contractsent": 0}},
    })  # fmt: skip
    with TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/store.db") as store:
        steps = carried_out("hs", connection, {"T": SERVICE_KEY}, store, clock=hs.clock)
    assert steps[-1].says == f"{len(deals)} of {len(deals)} writes done and read back, 0 refused"
    assert {hs.portal.value("deals", deal, OWN["status"]) for deal in deals} == {"supported"}
