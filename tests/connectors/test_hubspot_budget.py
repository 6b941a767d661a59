"""How many calls a portal costs, exactly, and that nothing is believed that a property no longer tells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crm_audit.connectors.hubspot.names import CONNECTED
from crm_audit.emulator.faults import Change, Fault
from crm_audit.emulator.hubspot.gate import Limits
from crm_audit.frames import SCHEMAS
from crm_audit.store import Run, Store
from tests.connectors.hubspot_bench import Bench, Ids, Nights, bench, equal

LOOK = {"account-info/details": 1, "owners": 2, "associations/deals/contacts/labels": 1, "pipelines/deals": 1}
OBJECTS = ("companies", "contacts", "deals", "meetings", "calls", "emails", "tasks", "quotes")
SCHEMA = {f"properties/{kind}": 1 for kind in OBJECTS}
BINS = dict.fromkeys(OBJECTS, 1)
SINCE = {f"{kind}/search": 1 for kind in OBJECTS}
UNCHANGED = LOOK | SCHEMA | BINS | SINCE | {"associations/deals/contacts/batch/read": 1}
"""What a night costs on which nothing happened: one look at each object, and who is on up to 1,000 open deals."""


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    with bench() as crm, Store.open(f"sqlite:///{tmp_path / 'store.db'}") as store:
        _fill(crm)
        crm.portal.limits = Limits.real()
        yield Nights(crm, store)


def _fill(crm: Bench) -> None:
    """120 deals, 450 contacts, 250 meetings, mails and quotes, and calls and tasks of which most tell nothing."""
    crm.clock.advance(days=-1)
    people = [crm.person(f"P{number}") for number in range(450)]
    deals = [crm.deal(f"Deal {number}", amount="5", closedate="2026-04-01") for number in range(120)]
    for number, person in enumerate(people):
        crm.portal.associate("deals", deals[number % len(deals)], "contacts", person)
    for number in range(250):
        on: tuple[Ids, Ids] = (deals[number % len(deals)],), (people[number],)
        crm.activity("meetings", *on, hs_meeting_start_time=crm.clock.now().isoformat())
        crm.activity("emails", *on, hs_email_direction="EMAIL", hs_email_to_email=f"p{number}@acme.example")
        crm.activity("calls", *on, hs_call_disposition=CONNECTED if number < 50 else "")
        crm.activity("tasks", *on, hs_task_status="NOT_STARTED" if number < 50 else "COMPLETED")
        crm.activity("quotes", *on, hs_status="APPROVED")
    crm.clock.advance(days=1)


def test_what_the_first_night_costs(nights: Nights) -> None:
    nights.night()
    assert nights.last is not None
    calls = nights.last.calls.by_name
    assert 429 not in {status for _, _, status in nights.crm.portal.transcript}
    whole = {
        "deals": 1 + 3,  # 50 a page, with their past, their company and their activities
        "quotes": 1 + 5,
        "companies/search": 1 + 1,
        "contacts/search": 3 + 1,  # 200 a page
        "meetings/search": 2 + 1,
        "emails/search": 2 + 1,
        "calls/search": 1 + 1,  # those that nobody answered are left out
        "tasks/search": 1 + 1,  # and what is done
    }
    people = {f"associations/{kind}/contacts/batch/read": 1 for kind in OBJECTS[3:]}
    assert calls == UNCHANGED | whole | people


def test_what_an_unchanged_night_costs(nights: Nights) -> None:
    nights.night()
    nights.night()
    assert nights.last is not None
    assert nights.last.calls.by_name == UNCHANGED


def test_what_a_night_with_changes_costs(nights: Nights) -> None:
    nights.night()
    crm = nights.crm
    deals, people, meetings = ([*crm.portal.shelves[kind].rows] for kind in ("deals", "contacts", "meetings"))
    for deal in deals[:60]:
        crm.set("deals", deal, amount="7")
    for person in people[:210]:
        crm.set("contacts", person, jobtitle="Buyer")
    for meeting in meetings[:10]:
        crm.set("meetings", meeting, hs_meeting_outcome="NO_SHOW")
    nights.night()
    assert nights.last is not None
    assert nights.last.calls.by_name == UNCHANGED | {
        "contacts/search": 2,
        "deals/batch/read": 2,  # 50 at a time, because of their past
        "associations/deals/companies/batch/read": 1,
        "associations/deals/contacts/batch/read": 1 + 1,
        "associations/meetings/contacts/batch/read": 1,
        "associations/meetings/deals/batch/read": 1,
    }


def test_fault_13_more_changes_under_one_stamp_than_a_search_gives(nights: Nights) -> None:
    portal = nights.crm.portal
    people = portal.load("contacts", ({"firstname": f"Q{number}"} for number in range(10_200)))
    nights.night()
    for person in people:
        nights.crm.set("contacts", person, jobtitle="Buyer")
    run = nights.night()
    assert nights.last is not None
    assert nights.last.calls.by_name["contacts/search"] == 10_200 // 200
    assert sum(row[2] == "Buyer" for row in nights.known(run)["people"]) == 10_200


def test_fault_16_a_property_that_is_gone_is_unknown_and_all_is_read_anew_when_it_is_back(nights: Nights) -> None:
    portal = nights.crm.portal
    portal.define_property("deals", "agreed_budget", "number")
    deal, *_ = portal.shelves["deals"].rows
    nights.crm.set("deals", deal, agreed_budget="900")
    nights.settings = {"fields": {"budget": "agreed_budget"}}
    assert "budget" not in nights.night().survey.unmapped
    portal.archive_property("deals", "agreed_budget")
    nights.crm.set("deals", deal, amount="1")
    gone = nights.night()
    assert "budget" in gone.survey.unmapped
    assert _budgets(nights, gone) == set()
    portal.define_property("deals", "agreed_budget", "number")
    back = nights.night()
    assert _budgets(nights, back) == {"900"}
    assert equal(nights, back)


def test_fault_16_a_property_that_goes_while_it_is_read_is_a_gap(nights: Nights) -> None:
    portal = nights.crm.portal
    portal.define_property("deals", "agreed_budget", "number")
    for deal in portal.shelves["deals"].rows:
        nights.crm.set("deals", deal, agreed_budget="900")
    nights.settings = {"fields": {"budget": "agreed_budget"}}
    archive = Change(before=lambda: portal.archive_property("deals", "agreed_budget"))
    nights.crm.faults.add(Fault("GET .*/deals$", archive, nth=3))
    run = nights.night()
    assert run.status == "partial"
    assert "agreed_budget" in run.missing["deals"]
    portal.define_property("deals", "agreed_budget", "number")
    back = nights.night()
    assert len([row for row in nights.known(back)["deals"] if "900" in row]) == 120
    assert equal(nights, back)


def _budgets(nights: Nights, run: Run) -> set[object]:
    column = list(SCHEMAS["deals"]).index("budget")
    return {row[column] for row in nights.known(run)["deals"]} - {None}
