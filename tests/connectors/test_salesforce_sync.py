"""Whatever happens in the org, after one more run the store holds what the org holds, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from crm_audit.emulator.faults import Fault
from crm_audit.pull import pull
from crm_audit.store import Asked, Store
from tests.connectors.salesforce_bench import Bench, Edited, bench
from tests.connectors.salesforce_sync import AT, BULK, PAGES, Nights, Small, rows, small

Happen = Callable[[Bench, Small], object]


@pytest.fixture
def sf() -> Iterator[Bench]:
    with bench() as made:
        yield made


@pytest.fixture(params=[PAGES, BULK], ids=["pages", "bulk"])
def nights(sf: Bench, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Nights]:
    with Store.open(f"sqlite:///{tmp_path / 'store.db'}") as store:
        yield Nights(sf, store, {"options": {**request.param}})


def merged(sf: Bench, it: Small) -> None:
    sf.org.merge("Contact", it.lee, loser=it.dana)


def logged(sf: Bench, it: Small) -> str:
    """Mail that was logged as a task."""
    mail = {"Status": "Completed", "TaskSubtype": "Email", "ActivityDate": "2026-03-10"}
    return sf.make("Task", Subject="Mail", WhatId=it.deal, **mail)


def closed(sf: Bench, it: Small) -> None:
    sf.change(it.deal, StageName="Closed Won")
    sf.org.delete("OpportunityContactRole", it.role)


def purged(name: str, which: Callable[[Small], str]) -> Happen:
    """A record is deleted, and from the recycle bin too."""

    def happens(sf: Bench, it: Small) -> None:
        sf.org.delete(name, which(it))
        sf.org.purge(name, which(it))

    return happens


HAPPENINGS: dict[str, Happen] = {
    "nothing": lambda sf, it: None,
    "a deal is new": lambda sf, it: sf.deal("Newer"),
    "a deal changes": lambda sf, it: sf.change(it.deal, Amount=7, StageName="Closed Lost"),
    "a deal closes and loses a role": closed,
    "a deal is opened again": lambda sf, it: sf.change(it.other, StageName="Prospecting"),
    "a deal is deleted": lambda sf, it: sf.org.delete("Opportunity", it.deal),
    "a deal is gone for good": purged("Opportunity", lambda it: it.deal),
    "a company is renamed": lambda sf, it: sf.org.update("Account", it.account, Name="Acme Ltd"),
    "a person is deleted": lambda sf, it: sf.org.delete("Contact", it.lee),
    "a person is gone for good": purged("Contact", lambda it: it.lee),
    "two people are merged": merged,
    "a role is added": lambda sf, it: sf.make("OpportunityContactRole", OpportunityId=it.deal, ContactId=it.lee),
    "a role is removed": lambda sf, it: sf.org.delete("OpportunityContactRole", it.role),
    "a role changes": lambda sf, it: sf.org.update("OpportunityContactRole", it.role, Role="Evaluator"),
    "a meeting is new": lambda sf, it: sf.make("Event", Subject="x", WhatId=it.other, WhoId=it.lee, StartDateTime=AT),
    "a meeting moves to another deal": lambda sf, it: sf.org.update("Event", it.event, WhatId=it.other),
    "a meeting becomes none of ours": lambda sf, it: sf.org.update("Event", it.event, IsRecurrence=True),
    "a meeting is deleted": lambda sf, it: sf.org.delete("Event", it.event),
    "a meeting is gone for good": purged("Event", lambda it: it.event),
    "an invitation alone is declined": lambda sf, it: sf.org.update("EventRelation", it.relation, Status="Declined"),
    "an invitation alone is new": lambda sf, it: sf.make(
        "EventRelation", EventId=it.event, RelationId=sf.person("Kim"), Status="Accepted"
    ),
    "an invitation alone is gone": lambda sf, it: sf.org.delete("EventRelation", it.relation),
    "a call was none": lambda sf, it: sf.org.update("Task", it.task, CallDisposition="Voicemail"),
    "a task is shared": lambda sf, it: sf.make("TaskRelation", TaskId=it.task, RelationId=it.lee),
    "mail is opened no more": lambda sf, it: sf.org.update("EmailMessage", it.mail, FirstOpenedDate=None),
    "a mail is deleted": lambda sf, it: sf.org.delete("EmailMessage", it.mail),
    "a recipient alone is new": lambda sf, it: sf.make(
        "EmailMessageRelation", EmailMessageId=it.mail, RelationId=it.lee, RelationType="CcAddress"
    ),
    "a meeting about a quote is new": lambda sf, it: sf.make("Event", Subject="x", WhatId=it.quote, StartDateTime=AT),
    "a quote is withdrawn": lambda sf, it: sf.org.update("Quote", it.quote, Status="Draft"),
    "an old record is imported under an old date": lambda sf, it: sf.make(
        "Event", Subject="x", WhatId=it.deal, StartDateTime=AT, CreatedDate=AT, LastModifiedDate=AT
    ),
    "a user leaves": lambda sf, it: sf.org.update("User", sf.org.admin, IsActive=False),
}  # fmt: skip


@pytest.mark.parametrize("older", [0, 100], ids=["a new org", "an old org"])
@pytest.mark.parametrize("happens", HAPPENINGS.values(), ids=HAPPENINGS)
def test_the_store_follows_the_org(sf: Bench, nights: Nights, happens: Happen, older: int) -> None:
    """The log of deletions of a new org does not reach back far enough to be believed; that of an old one does."""
    sf.clock.advance(days=older)
    made = small(sf)
    nights.sync()
    nights.agrees()
    sf.clock.advance(hours=20)
    happens(sf, made)
    nights.sync()
    nights.agrees()


def test_a_task_that_a_message_tells_of_is_not_told_until_the_message_is_gone(sf: Bench, nights: Nights) -> None:
    made = small(sf)
    task = logged(sf, made)
    nights.sync(days=1)
    told = [set(held(nights, "events"))]
    mail = {"Incoming": False, "MessageDate": AT, "RelatedToId": made.deal}
    message = sf.make("EmailMessage", ActivityId=task, **mail)
    nights.sync()
    nights.agrees()
    told.append(set(held(nights, "events")))
    sf.org.delete("EmailMessage", message)
    nights.sync()
    nights.agrees()
    told.append(set(held(nights, "events")))
    assert [(task in each, message in each) for each in told] == [(True, False), (False, True), (True, False)]


def test_fault_20_a_deleted_deal_comes_back_with_its_activities(sf: Bench, nights: Nights) -> None:
    made = small(sf)
    nights.sync()
    sf.org.delete("Opportunity", made.deal)
    nights.sync()
    assert made.deal not in held(nights, "deals")
    sf.clock.advance(hours=1)
    sf.org.undelete("Opportunity", made.deal)
    nights.sync()
    nights.agrees()
    assert made.deal in held(nights, "deals")
    assert made.event in held(nights, "events")


def test_a_change_that_moves_no_stamp_is_found_by_the_weekly_whole_pass(sf: Bench, nights: Nights) -> None:
    made = small(sf)
    amounts: list[Decimal | None] = [None]
    sf.org.add_formula("Opportunity", "Budget__c", spelling="currency 16.2", value=lambda _: amounts[-1])
    nights.settings["fields"] = {"budget": "Budget__c"}
    nights.sync()
    amounts.append(Decimal(5))
    sf.org.delete("Contact", made.lee)
    nights.sync(days=1)
    assert held(nights, "deals")[made.deal]["budget"] is None
    sf.org.purge("Contact", made.lee)
    nights.sync(days=7)
    nights.agrees()
    assert held(nights, "deals")[made.deal]["budget"] == "5.0"
    assert made.lee not in held(nights, "people")


def test_fault_19_what_was_the_losers_is_the_survivors(sf: Bench, nights: Nights) -> None:
    made = small(sf)
    nights.sync()
    sf.clock.advance(hours=1)
    sf.org.merge("Contact", made.lee, loser=made.dana)
    nights.sync()
    nights.agrees()
    assert (held(nights, "people")[made.dana]["merged_into"], held(nights, "people")[made.dana]["deleted"]) == (
        made.lee,
        True,
    )
    assert held(nights, "links")[made.role]["person"] == made.lee


def test_after_a_long_gap_everything_is_read_anew(sf: Bench, nights: Nights) -> None:
    made = small(sf)
    nights.sync()
    sf.org.delete("Event", made.event)
    sf.org.purge("Event", made.event)
    nights.sync(days=20)
    nights.agrees()


def test_a_log_of_deletions_with_a_hole_makes_everything_be_read_anew_in_the_same_run(
    sf: Bench, nights: Nights
) -> None:
    made = small(sf)
    nights.sync()
    sf.org.delete("Event", made.event)
    sf.org.purge("Event", made.event)
    sf.clock.advance(hours=1)
    sf.org.forget_deletions()
    nights.sync()
    nights.agrees()


def test_fault_14_what_is_committed_late_within_the_overlap_is_not_missed(sf: Bench, nights: Nights) -> None:
    made = small(sf)
    nights.sync()
    sf.clock.advance(hours=1)
    with sf.org.late(seconds=540):
        sf.change(made.deal, Amount=99)
    nights.sync(seconds=30)
    nights.sync()
    nights.agrees()


def test_fault_16_a_field_that_goes_and_comes_again_is_read_anew_each_time(sf: Bench, nights: Nights) -> None:
    made = small(sf)
    sf.add("Opportunity", "Budget__c", spelling="currency 16.2")
    sf.change(made.deal, Budget__c=5)
    nights.settings["fields"] = {"budget": "Budget__c"}
    seen = []
    for change in (None, sf.org.hide, sf.org.show):
        if change is not None:
            change("Opportunity", "Budget__c")
        run = nights.sync()
        nights.agrees()
        seen.append((held(nights, "deals")[made.deal]["budget"], "budget" in run.survey.unmapped))
    assert seen == [("5.0", False), (None, True), ("5.0", False)]


def test_roles_that_are_not_mapped_any_more_are_gone(sf: Bench, nights: Nights) -> None:
    sf.add("Opportunity", "Signer__c", spelling="reference to=Contact as=Signer__r")
    made = small(sf)
    sf.change(made.deal, Signer__c=made.lee)
    nights.settings["roles"] = {"Signer__c": "authority"}
    nights.sync()
    nights.agrees()
    assert f"{made.deal}:Signer__c:{made.lee}" in held(nights, "links")
    sf.change(made.deal, Signer__c=made.dana)
    nights.sync()
    nights.agrees()
    nights.settings["roles"] = {}
    nights.sync()
    nights.agrees()
    assert not [name for name in held(nights, "links") if "Signer__c" in name]


def test_stages_follow_their_sales_process(sf: Bench, nights: Nights) -> None:
    small(sf)
    process = sf.make("BusinessProcess", Name="Renewal", TableEnumOrId="Opportunity")
    sf.make("RecordType", Name="R", DeveloperName="R", SobjectType="Opportunity", BusinessProcessId=process)
    sf.org.restrict(process, ["Prospecting", "Closed Won"])
    nights.sync()
    nights.agrees()
    stages = held(nights, "stages")
    assert [name for name in stages if name.startswith("Renewal/")] == [
        "Renewal/Closed Lost", "Renewal/Closed Won", "Renewal/Prospecting"
    ]  # fmt: skip
    assert stages["Renewal/Prospecting"]["position"] == 1
    assert len([name for name in stages if name.startswith("Master/")]) == 10


def test_archived_activities_are_read_too(sf: Bench, nights: Nights) -> None:
    made = small(sf)
    old = sf.make("Task", Status="Completed", TaskSubtype="Call", CallDisposition="Connected", WhatId=made.deal,
        ActivityDate="2024-03-10", IsArchived=True)  # fmt: skip
    nights.sync()
    nights.agrees()
    assert old in held(nights, "events")


def held(nights: Nights, kind: str) -> dict[str, dict[str, Any]]:
    """The current records of a kind, sorted by id."""
    assert nights.run is not None
    found = rows(nights.store.frames(nights.run)[kind])
    return {name: found[name] for name in sorted(found)}


@pytest.mark.parametrize("body", [{}, [], "<html>"])
def test_fault_08_a_log_of_deletions_that_says_nothing_is_not_an_empty_one(
    sf: Bench, store_url: str, body: object
) -> None:
    with Store.open(store_url) as store:
        nights = Nights(sf, store)
        small(sf)
        nights.sync()
        sf.faults.add(Fault("/composite", Edited(0, "deletedRecords", 200, body), every=1))
        run = nights.sync()
        assert "says neither what nor that nothing was deleted" in run.missing["deals"]
        sf.faults.clear()
        nights.sync()
        nights.agrees()


def test_a_log_of_deletions_that_is_refused_is_made_up_for_by_a_whole_pass(sf: Bench, store_url: str) -> None:
    with Store.open(store_url) as store:
        nights = Nights(sf, store)
        made = small(sf)
        nights.sync()
        sf.org.purge("Event", made.event)
        refused = [{"errorCode": "INSUFFICIENT_ACCESS", "message": "x"}]
        sf.faults.add(Fault("/composite", Edited(0, "deletedRecords", 403, refused), every=1))
        nights.sync()
        sf.faults.clear()
        nights.agrees()


@pytest.mark.parametrize("pages", range(1, 7))
def test_a_whole_pass_that_begins_anew_forgets_what_the_one_that_was_cut_had_seen(store_url: str, pages: int) -> None:
    with bench() as sf, Store.open(store_url) as store:
        nights = Nights(sf, store)
        made = small(sf)
        with pytest.raises(KeyboardInterrupt):
            cut(nights, "events", pages)
        sf.clock.advance(days=20)  # so that no log of deletions tells
        sf.org.purge("Event", made.event)
        sf.org.hide("Event", "Subject")  # so that another pass is due, whatever the first one had seen
        nights.sync()
        nights.agrees()


def cut(nights: Nights, kind: str, pages: int = 1) -> None:
    """A run that is ended after so many pages of a kind."""
    seen = count(1)

    def progress(read: str, rows: int) -> None:
        if read == kind and next(seen) == pages:
            raise KeyboardInterrupt

    pull(nights.connector(), nights.store, start=nights.start(), now=nights.sf.clock.now, progress=progress)


def test_since_is_heard_also_where_an_increment_was_cut(store_url: str) -> None:
    with bench() as sf, Store.open(store_url) as store:
        nights = Nights(sf, store)
        made = small(sf)
        nights.sync(days=1)
        sf.clock.advance(hours=1)
        sf.change(made.deal, Amount=8)
        sf.org.update("Event", made.event, Subject="Later")
        with pytest.raises(KeyboardInterrupt):
            cut(nights, "events")
        before = len(sf.faults.seen)
        asked = replace(nights.start(), asked=Asked(since=datetime(2026, 1, 1, tzinfo=UTC)))
        pull(nights.connector(), store, start=asked, now=sf.clock.now)
        urls = [url for call in sf.faults.seen[before:] for url in unquote(call.body.decode()).split('"url"')]
        assert any("FROM Event " in url and "2025-12-31T23" in url for url in urls)
