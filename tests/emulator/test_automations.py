"""Workflows and flows of the emulated CRMs: they run after writes, set each other off within limits, and are booked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crm_audit.emulator.automation import DEEPEST, Automation
from crm_audit.emulator.hubspot import automations as workflows
from crm_audit.emulator.salesforce import automations as flows
from tests.connectors import hubspot_bench, salesforce_bench

TEXT, STATUS = "crm_audit_top_finding", "crm_audit_status"
VERDICT = "CRM_Audit_Verdict__c"


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


def test_a_workflow_answers_a_write_and_the_book_says_who_wrote_what(hs: hubspot_bench.Bench) -> None:
    deal = hs.deal()
    hs.portal.automations.switch_on(workflows.hostile(hs.portal)["shouts"])
    hs.set("deals", deal, **{TEXT: "Quiet"})
    assert hs.portal.value("deals", deal, TEXT) == "QUIET"
    *_, person, workflow = hs.portal.automations.book
    assert (person.by, person.automation, person.after) == ("CRM_UI", None, {TEXT: "Quiet"})
    assert (workflow.by, workflow.automation, workflow.before) == ("AUTOMATION_PLATFORM", "shouts", {TEXT: "Quiet"})


def test_what_runs_later_runs_with_the_next_call(hs: hubspot_bench.Bench) -> None:
    deal = hs.deal()
    hs.portal.automations.switch_on(workflows.hostile(hs.portal)["shouts later"])
    hs.set("deals", deal, **{TEXT: "Quiet"})
    hs.connector().shown([deal])
    assert hs.portal.value("deals", deal, TEXT) == "Quiet"
    hs.clock.advance(minutes=2)
    assert hs.connector().shown([deal])[deal]["deal"][TEXT] == "QUIET"


def test_what_was_switched_off_runs_no_more(hs: hubspot_bench.Bench) -> None:
    deal = hs.deal()
    hs.portal.automations.switch_on(*workflows.hostile(hs.portal).values())
    hs.set("deals", deal, **{TEXT: "Quiet"})
    hs.portal.automations.switch_off()
    hs.clock.advance(minutes=2)
    hs.set("deals", deal, **{TEXT: "Quiet"})
    hs.connector().shown([deal])
    assert hs.portal.value("deals", deal, TEXT) == "Quiet"


def test_automations_that_set_themselves_off_come_to_an_end(
    hs: hubspot_bench.Bench, sf: salesforce_bench.Bench
) -> None:
    hs.portal.automations.switch_on(workflows.hostile(hs.portal)["counts changes"])
    assert hs.portal.value("deals", hs.deal(), workflows.COUNTED) == str(DEEPEST)
    sf.org.automations.switch_on(flows.hostile(sf.org)["counts changes"])
    assert (sf.org.row("Opportunity", sf.deal()) or {})["TotalOpportunityQuantity"] == DEEPEST


def test_a_flow_writes_in_the_name_of_whoever_set_it_off(sf: salesforce_bench.Bench) -> None:
    deal = sf.deal()
    sf.org.automations.switch_on(flows.hostile(sf.org)["moves the deal"])
    sf.make(VERDICT, Deal_Id__c=deal, Opportunity__c=deal, Status__c="overstated")
    row = sf.org.row("Opportunity", deal) or {}
    assert (row["StageName"], row["LastModifiedById"]) == ("Qualification", sf.org.admin)
    assert sf.org.automations.book[-1].automation == "moves the deal"


def test_a_flow_that_is_refused_takes_the_whole_save_back_and_out_of_the_book(sf: salesforce_bench.Bench) -> None:
    deal = sf.deal()
    sf.org.automations.switch_on(flows.hostile(sf.org)["moves the deal"])
    sf.org.refuse("Opportunity", lambda before, after: after["StageName"] == "Qualification", message="Not back.")
    length = len(sf.org.automations.book)
    with pytest.raises(Exception, match="Not back"):
        sf.make(VERDICT, Deal_Id__c=deal, Opportunity__c=deal, Status__c="overstated")
    assert (sf.org.rows(VERDICT), len(sf.org.automations.book)) == ([], length)


def test_a_copy_of_a_deal_copies_what_is_ours(hs: hubspot_bench.Bench, sf: salesforce_bench.Bench) -> None:
    copy = hs.portal.clone("deals", hs.deal(**{TEXT: "Quiet"}))
    assert hs.portal.value("deals", copy, TEXT) == "Quiet"
    deal = sf.deal()
    verdict = sf.make(VERDICT, Deal_Id__c=deal, Opportunity__c=deal)
    sf.change(deal, CRM_Audit_Verdict__c=verdict)
    assert (sf.org.row("Opportunity", sf.org.clone("Opportunity", deal)) or {})["CRM_Audit_Verdict__c"] == verdict


def test_every_workflow_and_flow_runs(hs: hubspot_bench.Bench, sf: salesforce_bench.Bench) -> None:
    hs.portal.automations.switch_on(*(made := workflows.hostile(hs.portal)).values())
    deal = hs.deal()
    hs.set(
        "deals", deal, **{TEXT: "Quiet", STATUS: "overstated", "crm_audit_next_step": "Ask", "crm_audit_details": "x"}
    )
    hs.clock.advance(minutes=2)
    hs.connector().shown([deal])
    assert hs.portal.automations.ran.keys() == made.keys()
    assert len(hs.portal.shelves["deals"].rows) == 2
    _all_flows_run(sf)


def _all_flows_run(sf: salesforce_bench.Bench) -> None:
    sf.org.automations.switch_on(*(made := flows.hostile(sf.org)).values())
    deal = sf.deal()
    said = {"Status__c": "overstated", "Top_Finding__c": "Quiet", "Next_Step__c": "Ask", "Details__c": "x" * 99}
    verdict = sf.make(VERDICT, Deal_Id__c=deal, Opportunity__c=deal, **said)
    sf.change(deal, CRM_Audit_Verdict__c=verdict)
    sf.clock.advance(minutes=2)
    sf.org.rows(VERDICT)
    assert sf.org.automations.ran.keys() == made.keys()
    assert len(sf.org.rows("Opportunity")) == 2


def test_an_automation_minds_its_own_kind_of_record_only(hs: hubspot_bench.Bench) -> None:
    seen: list[str] = []
    hs.portal.automations.switch_on(
        Automation("notes", "contacts", lambda change: True, lambda change: seen.append(change.kind))
    )
    hs.deal()
    hs.person("Dana")
    assert set(seen) == {"contacts"}
