"""Whatever happens in the org, after one more run the store holds what the org holds, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from crm_audit.store import Store
from tests.connectors.salesforce_bench import Bench, bench
from tests.connectors.salesforce_sync import AT, BULK, PAGES, Nights, Small, small

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


def uncovered(sf: Bench, it: Small) -> None:
    """A message that tells of a logged task is deleted: the task tells again."""
    sf.org.delete("EmailMessage", sf.org.query(f"SELECT Id FROM EmailMessage WHERE ActivityId != null")[0]["Id"])


def logged(sf: Bench, it: Small) -> str:
    task = sf.make(
        "Task", Subject="Mail", Status="Completed", TaskSubtype="Email", WhatId=it.deal, ActivityDate="2026-03-10"
    )
    return task


HAPPENINGS: dict[str, Happen] = {
    "nothing": lambda sf, it: None,
    "a deal is new": lambda sf, it: sf.deal("Newer"),
    "a deal changes": lambda sf, it: sf.change(it.deal, Amount=7, StageName="Closed Lost"),
    "a deal closes and loses a role": lambda sf, it: (
        sf.change(it.deal, StageName="Closed Won"),
        sf.org.delete("OpportunityContactRole", it.role),
    ),
    "a deal is opened again": lambda sf, it: sf.change(it.other, StageName="Prospecting"),
    "a deal is deleted": lambda sf, it: sf.org.delete("Opportunity", it.deal),
    "a deal is gone for good": lambda sf, it: (
        sf.org.delete("Opportunity", it.deal), sf.org.purge("Opportunity", it.deal)
    ),
    "a company is renamed": lambda sf, it: sf.org.update("Account", it.account, Name="Acme Ltd"),
    "a person is deleted": lambda sf, it: sf.org.delete("Contact", it.lee),
    "a person is gone for good": lambda sf, it: (sf.org.delete("Contact", it.lee), sf.org.purge("Contact", it.lee)),
    "two people are merged": merged,
    "a role is added": lambda sf, it: sf.make("OpportunityContactRole", OpportunityId=it.deal, ContactId=it.lee),
    "a role is removed": lambda sf, it: sf.org.delete("OpportunityContactRole", it.role),
    "a role changes": lambda sf, it: sf.org.update("OpportunityContactRole", it.role, Role="Evaluator"),
    "a meeting is new": lambda sf, it: sf.make("Event", Subject="x", WhatId=it.other, WhoId=it.lee, StartDateTime=AT),
    "a meeting moves to another deal": lambda sf, it: sf.org.update("Event", it.event, WhatId=it.other),
    "a meeting becomes none of ours": lambda sf, it: sf.org.update("Event", it.event, IsRecurrence=True),
    "a meeting is deleted": lambda sf, it: sf.org.delete("Event", it.event),
    "a meeting is gone for good": lambda sf, it: (sf.org.delete("Event", it.event), sf.org.purge("Event", it.event)),
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
    "a quote is withdrawn": lambda sf, it: sf.org.update("Quote", it.quote, Status="Draft"),
    "an old record is imported under an old date": lambda sf, it: sf.make(
        "Event", Subject="x", WhatId=it.deal, StartDateTime=AT, CreatedDate=AT, LastModifiedDate=AT
    ),
    "a user leaves": lambda sf, it: sf.org.update("User", sf.org.admin, IsActive=False),
}  # fmt: skip


@pytest.mark.parametrize("happens", HAPPENINGS.values(), ids=HAPPENINGS)
def test_the_store_follows_the_org(sf: Bench, nights: Nights, happens: Happen) -> None:
    made = small(sf)
    nights.sync()
    nights.agrees()
    sf.clock.advance(hours=20)
    happens(sf, made)
    nights.sync()
    nights.agrees()
