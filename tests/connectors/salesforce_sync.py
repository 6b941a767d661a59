"""A store that follows an org night by night, and whether it holds what the org holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from crm_audit.config import Connection, digest
from crm_audit.connectors.base import Calls
from crm_audit.connectors.salesforce import SalesforceConnector
from crm_audit.domain import KINDS, Record
from crm_audit.frames import frame
from crm_audit.pull import pull
from crm_audit.store import Run, Start, Store
from tests.connectors.salesforce_bench import Bench, read

AT = "2026-03-10T12:00:00Z"

PAGES: Mapping[str, object] = {}
BULK: Mapping[str, object] = {"bulk_above": 0, "bulk_records": 2}
"""Options under which everything goes by Bulk, in pages of two records."""


@dataclass
class Nights:
    """One connection to an org, synced into one store whenever asked."""

    sf: Bench
    store: Store
    settings: dict[str, Any] = field(default_factory=dict)
    calls: Calls = field(default_factory=Calls)
    run: Run | None = None

    @property
    def connection(self) -> Connection:
        """The settings as they are now."""
        return self.sf.connection(**self.settings)

    def connector(self) -> SalesforceConnector:
        """A new connector, as every night has one."""
        return self.sf.connector(**self.settings)

    def start(self) -> Start:
        """A run that begins at the org's present."""
        return Start(connection="sales", started=self.sf.clock.now(), config=digest(self.connection))

    def sync(self, connector: SalesforceConnector | None = None, **later: float) -> Run:
        """One run, an hour later unless told otherwise."""
        self.sf.clock.advance(**(later or {"hours": 1}))
        reader = connector or self.connector()
        self.run = pull(reader, self.store, start=self.start(), now=self.sf.clock.now)
        self.calls = reader.calls
        return self.run

    def agrees(self) -> None:
        """The last run is complete, and the store holds what one that never saw the org before would be told."""
        assert self.run is not None
        assert (self.run.status, dict(self.run.missing)) == ("complete", {})
        told: dict[str, dict[str, Record]] = {kind: {} for kind in KINDS}
        for page in read(self.connector()):
            told[page.kind] |= {row.id: row for row in page.rows}
        held = self.store.frames(self.run)
        for kind, records in told.items():
            ours, expected = rows(held[kind]), rows(frame(kind, records.values()))
            if kind == "history":  # the store keeps what the org forgets
                ours = {name: row for name, row in ours.items() if name in expected}
            assert ours == expected, kind


def rows(table: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """The current rows of a frame by id: of links, those without an end."""
    return {row["id"]: row for row in table.to_dicts() if row.get("valid_to") is None}


@dataclass
class Small:
    """A small company's CRM: two deals with people, roles, activities, mail and changes."""

    sf: Bench
    deal: str = ""
    other: str = ""
    account: str = ""
    dana: str = ""
    lee: str = ""
    role: str = ""
    event: str = ""
    task: str = ""
    mail: str = ""
    relation: str = ""
    quote: str = ""


def small(sf: Bench) -> Small:
    """The records of it, all a day old."""
    made = Small(sf)
    made.account, made.dana, made.lee = sf.account(), sf.person(), sf.person("Lee")
    made.deal, made.other = sf.deal(AccountId=made.account), sf.deal("Other", StageName="Closed Won")
    made.role = sf.make("OpportunityContactRole", OpportunityId=made.deal, ContactId=made.dana, Role="Decision Maker")
    sf.make("OpportunityContactRole", OpportunityId=made.other, ContactId=made.lee, Role="Influencer")
    made.event = sf.make("Event", Subject="Pricing", WhatId=made.deal, WhoId=made.dana, StartDateTime=AT)
    made.relation = sf.make("EventRelation", EventId=made.event, RelationId=made.lee, Status="Accepted")
    call = {"Status": "Completed", "TaskSubtype": "Call", "CallDisposition": "Connected"}
    made.task = sf.make("Task", Subject="Call", WhatId=made.deal, WhoId=made.dana, ActivityDate="2026-03-10", **call)
    made.mail = sf.make(
        "EmailMessage", Incoming=False, MessageDate=AT, RelatedToId=made.deal, Subject="Offer", FirstOpenedDate=AT
    )
    sf.make("EmailMessageRelation", EmailMessageId=made.mail, RelationId=made.dana, RelationType="ToAddress")
    made.quote = sf.make(
        "Quote", Name="Q-1", OpportunityId=made.deal, ContactId=made.dana, Status="Presented", GrandTotal=99_000
    )
    sf.change(made.deal, Amount=120_000)
    sf.clock.advance(days=1)
    return made
