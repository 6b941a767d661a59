"""What happens to deals between the plan and its writes, over real HTTP: deleted, merged, edited, locked, refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crm_audit.connectors.base import Calls, Connector, Receipt
from crm_audit.connectors.salesforce import own
from crm_audit.domain import Annotation
from crm_audit.store import Store
from crm_audit.writeback.apply import GONE, OVERTAKEN, apply
from crm_audit.writeback.plan import plan
from tests.connectors import hubspot_bench, salesforce_bench

SAID = Annotation(status="overstated", stage_gap=1, top_finding="Dana has not seen the price.")


def meddled(connector: Connector, store_url: str, deals: list[str], meddle: Callable[[], object]) -> list[Receipt]:
    """Plan, let somebody meddle, apply."""
    made = plan({deal: connector.wanted(deal, SAID) for deal in deals}, connector.shown(deals))
    meddle()
    with Store.open(store_url) as store:
        return apply(made, connector, store.outbox)


def refused(receipts: list[Receipt]) -> set[tuple[str, str | None]]:
    return {(receipt.write.deal, receipt.reason) for receipt in receipts if not receipt.ok}


def written(calls: Calls) -> int:
    return calls.write


def test_fault_18_hubspot_a_deal_deleted_after_the_plan_is_gone(store_url: str) -> None:
    with hubspot_bench.bench() as crm:
        crm.portal.install_kit()
        good, gone = crm.deal("Good"), crm.deal("Gone")
        connector = crm.connector()
        receipts = meddled(connector, store_url, [good, gone], lambda: crm.portal.archive("deals", gone))
        assert refused(receipts) == {(gone, GONE)}
        assert crm.portal.value("deals", good, "crm_audit_status") == "overstated"
        assert written(connector.calls) == 1


def test_fault_18_salesforce_a_deal_deleted_after_the_plan_is_gone(store_url: str) -> None:
    with salesforce_bench.bench() as crm:
        crm.org.install_kit()
        good, gone = crm.deal("Good"), crm.deal("Gone")
        receipts = meddled(crm.connector(), store_url, [good, gone], lambda: crm.org.delete("Opportunity", gone))
        assert refused(receipts) == {(gone, GONE)}
        assert [verdict["Deal_Id__c"] for verdict in crm.org.rows(own.VERDICT)] == [good]


def test_fault_19_nothing_is_written_to_the_loser_of_a_merge_and_the_survivor_keeps_its_own(store_url: str) -> None:
    with hubspot_bench.bench() as crm:
        crm.portal.install_kit()
        keep, lose = crm.deal("Keep"), crm.deal("Lose")
        connector = crm.connector()
        receipts = meddled(connector, store_url, [lose], lambda: crm.portal.merge("deals", keep, lose))
        assert refused(receipts) == {(lose, GONE)}
        assert written(connector.calls) == 0
        assert crm.portal.value("deals", keep, "crm_audit_status") in (None, "")


def test_fault_21_hubspot_what_somebody_wrote_after_the_plan_stays(store_url: str) -> None:
    with hubspot_bench.bench() as crm:
        crm.portal.install_kit()
        deal, other = crm.deal(), crm.deal("Other")
        connector = crm.connector()
        edit = lambda: crm.set("deals", deal, crm_audit_next_step="by hand", dealname="Renamed")  # noqa: E731
        crm.set("deals", deal, crm_audit_next_step="before")
        receipts = meddled(connector, store_url, [deal, other], edit)
        assert refused(receipts) == {(deal, OVERTAKEN)}
        assert crm.portal.value("deals", deal, "crm_audit_next_step") == "by hand"
        assert meddled(connector, store_url, [deal], lambda: None)[0].ok
        assert crm.portal.value("deals", deal, "dealname") == "Renamed"


def test_fault_21_salesforce_a_verdict_that_somebody_made_after_the_plan_stays(store_url: str) -> None:
    with salesforce_bench.bench() as crm:
        crm.org.install_kit()
        deal = crm.deal()
        theirs = {"Deal_Id__c": deal, "Opportunity__c": deal, "Status__c": "supported"}
        connector = crm.connector()
        receipts = meddled(connector, store_url, [deal], lambda: crm.make(own.VERDICT, **theirs))
        assert refused(receipts) == {(deal, OVERTAKEN)}
        assert [verdict["Status__c"] for verdict in crm.org.rows(own.VERDICT)] == ["supported"]
        assert written(connector.calls) == 0


def test_fault_23_a_validation_rule_is_told_and_holds_up_no_other(store_url: str) -> None:
    with salesforce_bench.bench() as crm:
        crm.org.install_kit()
        good, bad = crm.deal("Good"), crm.deal("Bad")
        crm.org.refuse(own.VERDICT, lambda before, row: row.get("Deal_Id__c") == bad, message="Not this one.")
        receipts = meddled(crm.connector(), store_url, [good, bad], lambda: None)
        assert {deal for deal, _ in refused(receipts)} == {bad}
        assert (bad, "FIELD_CUSTOM_VALIDATION_EXCEPTION: Not this one.") in refused(receipts)
        assert [verdict["Deal_Id__c"] for verdict in crm.org.rows(own.VERDICT)] == [good]


@pytest.mark.parametrize(("deals", "most"), [(1000, 10)])
def test_a_thousand_changed_deals_take_ten_writing_calls_of_hubspot_and_unchanged_ones_none(
    store_url: str, deals: int, most: int
) -> None:
    with hubspot_bench.bench() as crm:
        crm.portal.install_kit()
        ids = [crm.deal(f"Deal {number}") for number in range(deals)]
        connector = crm.connector()
        assert not refused(meddled(connector, store_url, ids, lambda: None))
        assert written(connector.calls) == most
        assert meddled(connector, store_url, ids, lambda: None) == []
        assert written(connector.calls) == most


def test_a_thousand_changed_deals_take_five_writing_calls_of_salesforce_once_they_are_linked(store_url: str) -> None:
    """Counted are the calls to Collections; the one that registers the connection, once an org, comes on top."""
    with salesforce_bench.bench() as crm:
        crm.org.install_kit()
        ids = [crm.deal(f"Deal {number}") for number in range(1000)]
        assert not refused(meddled(crm.connector(), store_url, ids, lambda: None))
        for verdict in crm.org.rows(own.VERDICT):
            crm.org.update(own.VERDICT, str(verdict["Id"]), Next_Step__c="changed")
        connector = crm.connector()
        assert not refused(meddled(connector, store_url, ids, lambda: None))
        assert written(connector.calls) == 5
        assert meddled(connector, store_url, ids, lambda: None) == []
        assert written(connector.calls) == 5
