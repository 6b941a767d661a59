"""A Salesforce org in which reps, admins and automations do what they do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl

from crm_audit.config import Connection
from crm_audit.emulator.clock import Clock
from crm_audit.emulator.salesforce import SalesforceOrg
from crm_audit.emulator.soql.schema import Row
from tests.soak.life import BORN, FIRST_NAMES, Held, Step, exact, picked, rows

STAGES = ("Prospecting", "Qualification", "Proposal/Price Quote", "Negotiation/Review", "Closed Won", "Closed Lost")
ROLES = ("Economic Decision Maker", "Influencer", "Evaluator", None)
FIRST_DAY = date(2026, 6, 30)
BINNED = ("Opportunity", "Contact", "Event", "Task")
LATEST = 500
"""Seconds that a transaction may take to show: within the overlap of two runs."""


class SalesforceLife:
    """An org that begins with two accounts, three contacts and three deals."""

    vendor = "salesforce"

    def __init__(self) -> None:
        self.clock = Clock(BORN)
        self.crm = SalesforceOrg(self.clock)
        for number in range(2):
            self._new_account(number, 0)
        for number in range(3):
            self._new_contact(number, number)
        for number in range(3):
            self._new_deal(number, number)

    @property
    def steps(self) -> Mapping[str, Step]:
        """Everything that can happen, by name."""
        return {
            "a new account": self._new_account, "an account renamed": self._rename_account,
            "accounts merged": self._merge_accounts, "a new contact": self._new_contact,
            "a contact promoted": self._promote, "a contact deleted": self._delete_contact,
            "contacts merged": self._merge_contacts, "a new deal": self._new_deal, "a deal moved": self._move,
            "a deal re-priced": self._reprice, "a deal put off": self._put_off, "a deal deleted": self._delete_deal,
            "a role given": self._give_role, "a role changed": self._change_role, "a role taken": self._take_role,
            "a meeting": self._meet, "somebody invited": self._invite, "a meeting deleted": self._delete_meeting,
            "a call": self._call, "a task": self._task, "a task done": self._do_task,
            "a message": self._mail, "a quote": self._quote, "all deals touched at once": self._touch_all,
            "something undeleted": self._undelete, "something purged": self._purge,
            "the log of deletions lost": self._lose_the_log, "a long transaction": self._late,
        }  # fmt: skip

    def connection(self, base: str) -> Connection:
        """The settings of a connection to the org."""
        return Connection.model_validate({
            "vendor": "salesforce", "emulator": base, "currency": "USD",
            "login": {"consumer_key": "SF_KEY", "consumer_secret": "SF_SECRET"},
            "options": {"domain": self.crm.domain},
        })  # fmt: skip

    def environ(self) -> Mapping[str, str]:
        """The secrets that the connection names."""
        house = self.crm.gatehouse
        return {"SF_KEY": house.client_id, "SF_SECRET": house.client_secret}

    def calm(self) -> None:
        """A day later the allowance is there again and nothing is late any more."""
        self.clock.advance(hours=25)

    def holds(self) -> Held:
        """What is in the org now."""
        return {
            "deals": {str(r["Id"]): (r["Name"], r["StageName"], exact(r.get("Amount")), str(r["CloseDate"]),
                                     r.get("AccountId"))
                      for r in self._live("Opportunity")},
            "people": {str(r["Id"]): (r["Name"], r.get("Title"), bool(r.get("IsDeleted")), r.get("MasterRecordId"))
                       for r in self.crm.rows("Contact")},
            "companies": {str(r["Id"]): (r["Name"], bool(r.get("IsDeleted")), r.get("MasterRecordId"))
                          for r in self.crm.rows("Account")},
            "links": {str(r["Id"]): (r["OpportunityId"], r["ContactId"])
                      for r in self._live("OpportunityContactRole")},
            "events": {**self._meetings(), **self._tasks(), **self._messages(), **self._quotes()},
        }  # fmt: skip

    def told(self, tables: Mapping[str, pl.DataFrame]) -> Held:
        """The same out of a store."""
        return {
            "deals": {r["id"]: (r["name"], r["stage"], exact(r["amount"]), r["close_date"], r["company"])
                      for r in rows(tables["deals"])},
            "people": {r["id"]: (r["name"], r["title"], r["deleted"], r["merged_into"])
                       for r in rows(tables["people"])},
            "companies": {r["id"]: (r["name"], r["deleted"], r["merged_into"]) for r in rows(tables["companies"])},
            "links": {r["id"]: (r["deal"], r["person"]) for r in rows(tables["links"])},
            "events": {r["id"]: (r["kind"], frozenset(json.loads(r["people"])), _only(json.loads(r["deals"])))
                       for r in rows(tables["events"])},
        }  # fmt: skip

    def nightly(self, held: Held) -> Held:
        """All of it: whatever happens here moves a stamp or is in the log of deletions."""
        return held

    def _meetings(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for row in self._live("Event"):
            people = {str(row["WhoId"])} if row.get("WhoId") else set()
            people |= {str(r["RelationId"]) for r in self._live("EventRelation") if r["EventId"] == row["Id"]}
            found[str(row["Id"])] = ("meeting_held", frozenset(people), row.get("WhatId"))
        return found

    def _tasks(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for row in self._live("Task"):
            kind = ("call_connected" if row.get("TaskSubtype") == "Call" else None) if row["IsClosed"] else "task_open"
            people = frozenset({str(row["WhoId"])} if row.get("WhoId") else ())
            if kind and (row["IsClosed"] or row.get("ActivityDate")):
                found[str(row["Id"])] = (kind, people, row.get("WhatId"))
        return found

    def _messages(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for row in self._live("EmailMessage"):
            said = [r for r in self._live("EmailMessageRelation") if r["EmailMessageId"] == row["Id"]]
            wanted = "FromAddress" if row["Incoming"] else "ToAddress"
            people = frozenset(str(r["RelationId"]) for r in said if r["RelationType"] == wanted)
            found[str(row["Id"])] = ("email_in" if row["Incoming"] else "email_out", people, row.get("RelatedToId"))
        return found

    def _quotes(self) -> dict[str, Any]:
        return {
            str(r["Id"]): ("quote_sent", frozenset({str(r["ContactId"])}), r["OpportunityId"])
            for r in self._live("Quote")
        }

    def _live(self, name: str) -> list[Row]:
        return [row for row in self.crm.rows(name) if not row.get("IsDeleted")]

    def _pick(self, name: str, number: int) -> str | None:
        row = picked(self._live(name), number)
        return str(row["Id"]) if row else None

    # Companies and people

    def _new_account(self, one: int, other: int) -> None:
        self.crm.insert("Account", Name=f"Invented Works {one}")

    def _rename_account(self, one: int, other: int) -> None:
        if account := self._pick("Account", one):
            self.crm.update("Account", account, Name=f"Renamed Works {other}")

    def _merge_accounts(self, one: int, other: int) -> None:
        self._merge("Account", one, other)

    def _new_contact(self, one: int, other: int) -> None:
        first = FIRST_NAMES[one % len(FIRST_NAMES)]
        self.crm.insert(
            "Contact", FirstName=first, LastName=f"Invented {other}", Email=f"{first.lower()}.{other}@acme.example",
            AccountId=self._pick("Account", other),
        )  # fmt: skip

    def _promote(self, one: int, other: int) -> None:
        if contact := self._pick("Contact", one):
            self.crm.update("Contact", contact, Title=f"Head of part {other}")

    def _delete_contact(self, one: int, other: int) -> None:
        if (contact := self._pick("Contact", one)) and len(self._live("Contact")) > 1:
            self.crm.delete("Contact", contact)

    def _merge_contacts(self, one: int, other: int) -> None:
        self._merge("Contact", one, other)

    def _merge(self, name: str, one: int, other: int) -> None:
        survivor, loser = self._pick(name, one), self._pick(name, other)
        if survivor and loser and survivor != loser:
            self.crm.merge(name, survivor, loser=loser)

    # Deals and roles

    def _new_deal(self, one: int, other: int) -> None:
        self.crm.insert(
            "Opportunity", Name=f"Invented deal {one}", StageName=STAGES[other % 4], CloseDate=FIRST_DAY,
            Amount=1_000 * (one % 90 + 1), AccountId=self._pick("Account", one),
        )  # fmt: skip

    def _move(self, one: int, other: int) -> None:
        if deal := self._pick("Opportunity", one):
            self.crm.update("Opportunity", deal, StageName=STAGES[other % len(STAGES)])

    def _reprice(self, one: int, other: int) -> None:
        if deal := self._pick("Opportunity", one):
            self.crm.update("Opportunity", deal, Amount=500 * (other % 100 + 1))

    def _put_off(self, one: int, other: int) -> None:
        if deal := self._pick("Opportunity", one):
            self.crm.update("Opportunity", deal, CloseDate=FIRST_DAY + timedelta(days=other % 90))

    def _delete_deal(self, one: int, other: int) -> None:
        if (deal := self._pick("Opportunity", one)) and len(self._live("Opportunity")) > 1:
            self.crm.delete("Opportunity", deal)

    def _give_role(self, one: int, other: int) -> None:
        deal, contact = self._pick("Opportunity", one), self._pick("Contact", other)
        if deal and contact:
            role = ROLES[(one + other) % len(ROLES)]
            self.crm.insert("OpportunityContactRole", OpportunityId=deal, ContactId=contact, Role=role)

    def _change_role(self, one: int, other: int) -> None:
        role, contact = self._pick("OpportunityContactRole", one), self._pick("Contact", other)
        if role and contact:
            self.crm.update("OpportunityContactRole", role, ContactId=contact)

    def _take_role(self, one: int, other: int) -> None:
        if role := self._pick("OpportunityContactRole", one):
            self.crm.delete("OpportunityContactRole", role)

    def _touch_all(self, one: int, other: int) -> None:
        for row in self._live("Opportunity"):
            self.crm.update("Opportunity", str(row["Id"]), NextStep=f"Step {other}")

    # Activities

    def _meet(self, one: int, other: int) -> None:
        start = self.clock.now() - timedelta(hours=other % 200)
        self.crm.insert(
            "Event", Subject="Pricing review", StartDateTime=start, DurationInMinutes=30,
            WhatId=self._pick("Opportunity", one), WhoId=self._pick("Contact", other),
        )  # fmt: skip

    def _invite(self, one: int, other: int) -> None:
        event, contact = self._pick("Event", one), self._pick("Contact", other)
        if event and contact:
            self.crm.insert("EventRelation", EventId=event, RelationId=contact, Status="Accepted")

    def _delete_meeting(self, one: int, other: int) -> None:
        if event := self._pick("Event", one):
            self.crm.delete("Event", event)

    def _call(self, one: int, other: int) -> None:
        deal, contact = self._pick("Opportunity", one), self._pick("Contact", other)
        self.crm.insert(
            "Task", Subject="Call", Status="Completed", TaskSubtype="Call", CallDisposition="Connected", WhatId=deal,
            WhoId=contact,
        )  # fmt: skip

    def _task(self, one: int, other: int) -> None:
        day = FIRST_DAY + timedelta(days=other % 30)
        deal, contact = self._pick("Opportunity", one), self._pick("Contact", other)
        self.crm.insert("Task", Subject="Send the offer", ActivityDate=day, WhatId=deal, WhoId=contact)

    def _do_task(self, one: int, other: int) -> None:
        open_ones = [row for row in self._live("Task") if not row["IsClosed"]]
        if task := picked(open_ones, one):
            self.crm.update("Task", str(task["Id"]), Status="Completed")

    def _mail(self, one: int, other: int) -> None:
        deal, contact = self._pick("Opportunity", one), self._pick("Contact", other)
        incoming = one % 2 == 0
        message = self.crm.insert(
            "EmailMessage", Subject="The offer", Incoming=incoming, MessageDate=self.clock.now(), RelatedToId=deal,
            FromAddress="somebody@acme.example", Status="3",
        )  # fmt: skip
        if contact:
            side = "FromAddress" if incoming else "ToAddress"
            self.crm.insert("EmailMessageRelation", EmailMessageId=message, RelationId=contact, RelationType=side)

    def _quote(self, one: int, other: int) -> None:
        deal, contact = self._pick("Opportunity", one), self._pick("Contact", other)
        if deal and contact:
            self.crm.insert("Quote", Name="Offer", OpportunityId=deal, ContactId=contact, Status="Presented")

    # The bin

    def _undelete(self, one: int, other: int) -> None:
        name = BINNED[other % len(BINNED)]
        binned = [row for row in self.crm.rows(name) if row.get("IsDeleted") and not row.get("MasterRecordId")]
        if row := picked(binned, one):
            self.crm.undelete(name, str(row["Id"]))

    def _purge(self, one: int, other: int) -> None:
        name = (*BINNED, "OpportunityContactRole")[other % (len(BINNED) + 1)]
        if (record := self._pick(name, one)) and len(self._live(name)) > 1:
            self.crm.purge(name, record)

    def _lose_the_log(self, one: int, other: int) -> None:
        self.crm.forget_deletions()

    # What comes late

    def _late(self, one: int, other: int) -> None:
        """A long transaction: its stamps are of now, and it shows later."""
        with self.crm.late(other % LATEST):
            self._move(one, other)
            self._promote(other, one)


def _only(deals: Sequence[str]) -> str | None:
    return deals[0] if deals else None
