"""What is shown on a deal: only our own fields, only where they differ, each write with its receipt."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from crm_audit.connectors.base import Fields, Receipt, Write
from crm_audit.connectors.salesforce import SalesforceConnector, own
from crm_audit.domain import Annotation
from crm_audit.emulator.server import Response
from crm_audit.errors import NoAccess
from tests.connectors.salesforce_bench import Bench, bench

SAID = Annotation(
    status="overstated",
    supported_stage="Proposal/Price Quote",
    stage_gap=1,
    top_finding="Dana Invented makes the final call and has not seen the pricing.",
    next_step="Walk Dana through it.",
    details="CQ-STK-PRICE\nnobody has seen the price",
)
VERDICT, LINK = own.VERDICT, own.LINK


@pytest.fixture
def sf() -> Iterator[Bench]:
    with bench() as made:
        made.org.install_kit()
        yield made


def planned(connector: SalesforceConnector, *deals: str, said: Annotation = SAID) -> list[Write]:
    """The writes that a plan would hold: only what differs, of places that may not exist yet."""
    shown = connector.shown(deals)
    return [write for deal in deals for write in differing(deal, connector.wanted(deal, said), shown=shown[deal])]


def differing(deal: str, wanted: Mapping[str, Fields], *, shown: Mapping[str, Fields]) -> Iterator[Write]:
    for place, fields in wanted.items():
        now = shown.get(place)
        after = {name: value for name, value in fields.items() if now is None or now.get(name) != value}
        if after:
            yield Write(deal, place, None if now is None else {name: now.get(name) for name in after}, after)


def applied(connector: SalesforceConnector, *deals: str, said: Annotation = SAID) -> list[Receipt]:
    return list(connector.write(planned(connector, *deals, said=said)))


def sent(sf: Bench) -> list[list[dict[str, object]]]:
    return [
        json.loads(each.body)["records"]
        for each in sf.faults.seen
        if each.method == "PATCH" and own.CONNECTION not in each.path
    ]


def test_the_verdict_is_written_linked_and_read_back(sf: Bench) -> None:
    deal = sf.deal()
    connector = sf.connector()
    assert connector.shown([deal]) == {deal: {"Opportunity": {LINK: None}}}
    receipts = applied(connector, deal)
    assert [(each.write.place, each.ok, each.reason) for each in receipts] == [
        (VERDICT, True, None),
        ("Opportunity", True, None),
    ]
    assert connector.shown([deal])[deal] == connector.wanted(deal, SAID)
    assert connector.calls.write == sf.org.calls.write == 3  # the connection record, the verdict, the link
    (verdict,) = sf.org.rows(VERDICT)
    assert (verdict["Status__c"], verdict["Stage_Gap__c"], verdict["Opportunity__c"]) == ("overstated", 1, deal)
    row = sf.org.row("Opportunity", deal)
    assert row is not None
    assert row["CRM_Audit_Verdict__c"] == verdict["Id"]


def test_a_second_time_nothing_is_written(sf: Bench) -> None:
    deals = [sf.deal(f"Deal {number}") for number in range(3)]
    applied(sf.connector(), *deals)
    connector = sf.connector()
    assert planned(connector, *deals) == []
    assert list(connector.write([])) == []
    assert connector.calls.write == 0


def test_another_verdict_changes_its_record_and_never_the_deal(sf: Bench) -> None:
    deal = sf.deal()
    applied(sf.connector(), deal)
    before = dict(sf.org.row("Opportunity", deal) or {})
    sf.clock.advance(days=1)
    connector = sf.connector()
    (receipt,) = applied(connector, deal, said=Annotation(status="supported", stage_gap=0))
    assert receipt.ok
    assert receipt.write.before is not None
    assert receipt.write.before["Status__c"] == "overstated"
    assert connector.calls.write == 1
    assert sf.org.row("Opportunity", deal) == before
    assert len(sf.org.rows(VERDICT)) == 1


def test_only_our_fields_go_over_the_wire(sf: Bench) -> None:
    applied(sf.connector(), sf.deal())
    (verdict,), (link,) = sent(sf)
    assert set(verdict) == {"attributes", "Connection__r", *own.PLACES[VERDICT]} - {own.BEATS}
    assert set(link) == {"attributes", "id", "CRM_Audit_Verdict__r"}


@pytest.mark.parametrize(
    ("place", "after"),
    [
        ("Opportunity", {"StageName": "Closed Won"}),
        ("Opportunity", {LINK: "006000000000009AAA"}),
        ("Opportunity", {LINK: None}),
        (VERDICT, {"Status__c": "supported", "OwnerId": "005000000000001AAA"}),
        (VERDICT, {"Opportunity__c": "006000000000009AAA"}),
        ("Opportunity", {"CRM_Audit_Reason__c": "because"}),
        ("CRM_Audit_Connection__c", {"Last_Run__c": "2026-03-16T15:00:00Z"}),
        ("Contact", {"LastName": "x"}),
        ("Contact", {}),
    ],
)
def test_anything_that_is_not_ours_stops_the_whole_batch(sf: Bench, place: str, after: Fields) -> None:
    deal = sf.deal()
    connector = sf.connector()
    fine = Write(deal, VERDICT, None, {"Status__c": "supported"})
    with pytest.raises(ValueError, match=r"not ours|another deal"):
        connector.write([fine, Write(deal, place, None, after)])
    assert not sf.faults.seen


def test_fault_23_a_validation_rule_that_refuses_the_link_is_told_in_its_own_words(sf: Bench) -> None:
    good, dirty = sf.deal("Good"), sf.deal("Dirty", Amount=None)
    sf.org.refuse("Opportunity", lambda before, row: row.get("Amount") is None, message="Enter an amount first.")
    connector = sf.connector()
    receipts = {(each.write.deal, each.write.place): each for each in applied(connector, good, dirty)}
    refused = receipts.pop((dirty, "Opportunity"))
    assert (refused.ok, refused.reason) == (False, "FIELD_CUSTOM_VALIDATION_EXCEPTION: Enter an amount first.")
    assert all(each.ok for each in receipts.values())
    assert connector.shown([dirty])[dirty][VERDICT]["Status__c"] == "overstated"


def test_fault_22_a_verdict_that_is_refused_takes_its_link_with_it_and_no_other(sf: Bench) -> None:
    good, bad = sf.deal("Good"), sf.deal("Bad")
    sf.org.refuse(VERDICT, lambda before, row: row.get("Deal_Id__c") == bad, message="Not this one.")
    connector = sf.connector()
    receipts = {(each.write.deal, each.write.place): each for each in applied(connector, good, bad)}
    assert {key for key, each in receipts.items() if not each.ok} == {(bad, VERDICT), (bad, "Opportunity")}
    assert "nothing to point at" in (receipts[bad, "Opportunity"].reason or "")
    assert [len(each) for each in sent(sf)] == [2, 1]


def test_a_lookup_that_may_not_be_edited_leaves_the_verdict(sf: Bench) -> None:
    sf.org.lock("Opportunity", "CRM_Audit_Verdict__c")
    verdict, link = applied(sf.connector(), sf.deal())
    assert verdict.ok
    assert not link.ok
    assert "INVALID_FIELD_FOR_INSERT_UPDATE" in (link.reason or "")


def test_without_the_lookup_no_call_is_spent_on_it(sf: Bench) -> None:
    deal = sf.deal()
    sf.org.hide("Opportunity", "CRM_Audit_Verdict__c")
    verdict, link = applied(sf.connector(), deal)
    assert (verdict.ok, link.ok) == (True, False)
    connector = sf.connector()
    (again,) = applied(connector, deal)
    assert "not there or cannot be read" in (again.reason or "")
    assert connector.calls.write == 0


def test_a_copied_deal_gets_its_own_link(sf: Bench) -> None:
    deal = sf.deal()
    applied(sf.connector(), deal)
    row = sf.org.row("Opportunity", deal)
    assert row is not None
    copy = sf.deal("Copy", CRM_Audit_Verdict__c=row["CRM_Audit_Verdict__c"])
    connector = sf.connector()
    assert connector.shown([copy]) == {copy: {"Opportunity": {LINK: deal}}}
    assert all(each.ok for each in applied(connector, copy))
    assert connector.shown([copy])[copy]["Opportunity"] == {LINK: copy}


def test_a_deal_that_is_linked_is_not_touched_again(sf: Bench) -> None:
    deal = sf.deal()
    applied(sf.connector(), deal)
    connector = sf.connector()
    (receipt,) = connector.write([Write(deal, "Opportunity", {LINK: deal}, {LINK: deal})])
    assert receipt.ok
    assert connector.calls.write == 0


def test_more_than_200_deals_go_in_batches(sf: Bench) -> None:
    deals = [sf.deal(f"Deal {number}") for number in range(201)]
    connector = sf.connector()
    receipts = applied(connector, *deals)
    assert len(receipts) == 402
    assert all(each.ok for each in receipts)
    assert connector.calls.write == 5
    assert planned(connector, *deals) == []


def test_receipts_come_in_the_order_of_the_writes(sf: Bench) -> None:
    first, second = sf.deal("One"), sf.deal("Two")
    connector = sf.connector()
    writes = list(reversed(planned(connector, first, second)))
    assert [each.write for each in connector.write(writes)] == writes


def test_fault_18_a_deal_that_is_gone_is_a_receipt(sf: Bench) -> None:
    deal = sf.deal()
    connector = sf.connector()
    writes = planned(connector, deal)
    sf.org.delete("Opportunity", deal)
    assert [each.ok for each in connector.write(writes)] == [False, False]


def locked(count: int) -> Response:
    failed = {"success": False, "errors": [{"statusCode": "UNABLE_TO_LOCK_ROW", "message": "busy"}]}
    return Response(200, [failed] * count)


def test_fault_23_locked_records_are_sent_again_alone(sf: Bench) -> None:
    deal = sf.deal()
    connector = sf.connector()
    writes = planned(connector, deal)
    sf.faults.next(f"/composite/sobjects/{VERDICT}", locked(1), locked(1))
    assert all(each.ok for each in connector.write(writes))
    assert len(sf.slept) == 2


def test_fault_23_records_that_stay_locked_are_told(sf: Bench) -> None:
    connector = sf.connector()
    writes = planned(connector, sf.deal())
    sf.faults.next(f"/composite/sobjects/{VERDICT}", *[locked(1)] * 20)
    verdict, link = connector.write(writes)
    assert (verdict.ok, verdict.reason) == (False, "UNABLE_TO_LOCK_ROW: busy")
    assert not link.ok


def test_a_write_that_does_not_stay_is_told(sf: Bench) -> None:
    deal = sf.deal()
    connector = sf.connector()
    writes = planned(connector, deal)
    pretended = {"id": "a00000000000001AAA", "success": True, "errors": []}
    sf.faults.next(f"/composite/sobjects/{VERDICT}", Response(200, [pretended]))
    verdict, _ = connector.write(writes)
    assert not verdict.ok
    assert "Status__c" in (verdict.reason or "")
    assert "overstated" not in (verdict.reason or "")


def test_an_answer_with_too_few_outcomes_is_not_believed(sf: Bench) -> None:
    connector = sf.connector()
    writes = planned(connector, sf.deal(), sf.deal("Other"))
    sf.faults.next(f"/composite/sobjects/{VERDICT}", Response(200, [{"success": True}]))
    assert all(each.ok for each in connector.write(writes))
    assert len(sf.slept) == 1


def test_without_the_package_nothing_can_be_shown() -> None:
    with bench() as sf, pytest.raises(NoAccess, match="CRM_Audit_Verdict__c is not there"):
        sf.connector().shown([sf.deal()])


def test_a_hidden_field_of_ours_is_told_before_anything_is_planned(sf: Bench) -> None:
    sf.org.hide(VERDICT, "Details__c")
    with pytest.raises(NoAccess, match="not wholly readable"):
        sf.connector().shown([sf.deal()])


# What is wanted: pure


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  plain ", "plain"),
        ("", None),
        (" \n ", None),
        ("a\r\nb", "a\nb"),
        ("a\0b", "ab"),
        ("x" * 255, "x" * 255),
        ("x" * 256, "x" * 254 + "…"),
    ],
)
def test_texts_are_wanted_as_salesforce_keeps_them(text: str, kept: str | None) -> None:
    assert own.wanted("006000000000001AAA", replace(SAID, top_finding=text))[VERDICT]["Top_Finding__c"] == kept


def test_long_details_are_cut() -> None:
    details = own.wanted("006000000000001AAA", replace(SAID, details="y" * 40_000))[VERDICT]["Details__c"]
    assert isinstance(details, str)
    assert len(details) == 32_768


@pytest.mark.parametrize(
    "said", [SAID, Annotation(status="unmapped"), replace(SAID, stage_gap=-2, details=" a \r\n b ")]
)
def test_what_is_wanted_is_what_comes_back(sf: Bench, said: Annotation) -> None:
    deal, connector = sf.deal(), sf.connector()
    applied(connector, deal, said=said)
    assert connector.shown([deal])[deal] == connector.wanted(deal, said)
