"""A HubSpot portal in which reps, admins and automations do what they do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import polars as pl

from crm_audit.config import Connection
from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import SERVICE_KEY, HubspotPortal
from crm_audit.emulator.hubspot.gate import Limits
from crm_audit.emulator.hubspot.records import Record
from crm_audit.emulator.hubspot.state import USER
from tests.soak.life import BORN, FIRST_NAMES, Held, Step, exact, picked, rows

STAGES = ("appointmentscheduled", "qualifiedtobuy", "decisionmakerboughtin", "contractsent", "closedwon", "closedlost")
BUYING = ("DECISION_MAKER", "CHAMPION", "")
DECIDER = "Decision maker"
BINNED = ("deals", "contacts", "meetings")
LAG = timedelta(minutes=2)
"""How late the search index is: within the overlap of two runs."""
CONNECTED = "f240bbac-87c9-4f6e-bf70-924b57d47db7"


class HubspotLife:
    """A portal that begins with two companies, three contacts and three deals."""

    vendor = "hubspot"

    def __init__(self) -> None:
        self.clock = Clock(BORN)
        self.crm = HubspotPortal(self.clock)
        self.crm.search_lag = LAG
        self.crm.limits = Limits.real()
        self.crm.define_label("deals", "contacts", DECIDER)
        self._purged: set[str] = set()
        for number in range(2):
            self._new_company(number, 0)
        for number in range(3):
            self._new_contact(number, number)
        for number in range(3):
            self._new_deal(number, number)

    @property
    def steps(self) -> Mapping[str, Step]:
        """Everything that can happen, by name."""
        return {
            "a new company": self._new_company, "a company renamed": self._rename_company,
            "companies merged": self._merge_companies, "a new contact": self._new_contact,
            "a contact promoted": self._promote, "a buying role": self._buy, "a contact archived": self._drop_contact,
            "contacts merged": self._merge_contacts, "a new deal": self._new_deal, "a deal moved": self._move,
            "a deal re-priced": self._reprice, "a deal archived": self._drop_deal, "deals merged": self._merge_deals,
            "a contact put on a deal": self._put_on, "a decider named": self._name_decider,
            "a label taken away": self._unname_decider, "a contact taken off a deal": self._take_off,
            "a meeting": self._meet, "a meeting called off": self._call_off, "a meeting archived": self._drop_meeting,
            "a call": self._call, "a task": self._task, "a task done": self._do_task, "a message": self._mail,
            "the pipeline edited": self._edit_pipeline, "something restored": self._restore,
            "something purged": self._purge,
        }  # fmt: skip

    def connection(self, base: str) -> Connection:
        """The settings of a connection to the portal."""
        return Connection.model_validate({
            "vendor": "hubspot", "emulator": base, "login": {"access_token": "HS_TOKEN"},
            "roles": {DECIDER: "authority"},
        })  # fmt: skip

    def environ(self) -> Mapping[str, str]:
        """The secrets that the connection names."""
        return {"HS_TOKEN": SERVICE_KEY}

    def calm(self) -> None:
        """A day later every allowance is there again and the search index has caught up."""
        self.clock.advance(hours=25)

    def holds(self) -> Held:
        """What is in the portal now."""
        return {
            "deals": {r.id: (r.values.get("dealname"), r.values.get("dealstage"), exact(r.values.get("amount")))
                      for r in self._live("deals")},
            "people": {r.id: (f"{r.values['firstname']} {r.values['lastname']}", r.values.get("jobtitle"),
                              r.archived_at is not None)
                       for r in self.crm.shelves["contacts"].rows.values()},
            "companies": {r.id: (r.values.get("name"), r.archived_at is not None)
                          for r in self.crm.shelves["companies"].rows.values()},
            "links": self._links(),
            "events": {**self._meetings(), **self._calls(), **self._tasks(), **self._messages()},
        }  # fmt: skip

    def told(self, tables: Mapping[str, pl.DataFrame]) -> Held:
        """The same out of a store, without the ids that merges have swallowed."""
        people, companies = (
            [r for r in rows(tables[kind]) if not r["merged_into"]] for kind in ("people", "companies")
        )
        return {
            "deals": {r["id"]: (r["name"], r["stage"], exact(r["amount"])) for r in rows(tables["deals"])},
            "people": {r["id"]: (r["name"], r["title"], r["deleted"]) for r in people},
            "companies": {r["id"]: (r["name"], r["deleted"]) for r in companies},
            "links": {f"{r['deal']} {r['person']}": r["role"] for r in rows(tables["links"])},
            "events": {r["id"]: (r["kind"], frozenset(json.loads(r["people"])), frozenset(json.loads(r["deals"])))
                       for r in rows(tables["events"])},
        }  # fmt: skip

    def nightly(self, held: Held) -> Held:
        """Without what HubSpot tells nobody: purges, who is on closed deals, and whom old activities are about."""
        closed = {deal.id for deal in self._live("deals") if deal.values.get("hs_is_closed") == "true"}
        links = {pair: role for pair, role in held["links"].items() if pair.partition(" ")[0] not in closed}
        events = {
            event: (kind, self._present("contacts", people), self._present("deals", deals))
            for event, (kind, people, deals) in held["events"].items()
        }
        told = {**held, "links": links, "events": events}
        return {kind: {name: said for name, said in told[kind].items() if self._there(name)} for kind in told}

    def _there(self, name: str) -> bool:
        """Whether none of the records that a name speaks of was purged, which only a whole pass finds out."""
        return self._purged.isdisjoint(re.split("[ :]", name))

    def _present(self, kind: str, ids: frozenset[str]) -> frozenset[str]:
        """These records under their present ids, without those in the bin."""
        found = (self.crm.shelves[kind].find(each) for each in ids)
        return frozenset(record.id for record in found if record and record.archived_at is None)

    def _links(self) -> dict[str, Any]:
        """Who is on which deal, and as the decider or not."""
        found: dict[str, Any] = {}
        for deal in self._live("deals"):
            for contact, kinds in self.crm.links.of(("deals", "contacts"), deal.id).items():
                if not self.crm.shelves["contacts"].live(contact):
                    continue
                labels = {link.label for link in self.crm.links.shown(("deals", "contacts"), kinds)}
                role = self.crm.value("contacts", contact, "hs_buying_role")
                said = {"DECISION_MAKER": "authority", "CHAMPION": "champion"}.get(role or "", "unassigned")
                found[f"{deal.id} {contact}"] = "authority" if DECIDER in labels else said
        return found

    def _meetings(self) -> dict[str, Any]:
        return {
            f"meetings:{one.id}": ("meeting_held", *self._around("meetings", one)) for one in self._live("meetings")
        }

    def _calls(self) -> dict[str, Any]:
        return {f"calls:{one.id}": ("call_connected", *self._around("calls", one)) for one in self._live("calls")}

    def _tasks(self) -> dict[str, Any]:
        return {
            f"tasks:{one.id}": ("task_open", *self._around("tasks", one))
            for one in self._live("tasks")
            if one.values.get("hs_task_status") != "COMPLETED"
        }

    def _messages(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for one in self._live("emails"):
            sender = one.values.get("hs_email_from_email")
            people, deals = self._around("emails", one)
            wrote = frozenset(each for each in people if sender in self._addresses(each))
            found[f"emails:{one.id}"] = ("email_in", wrote, deals)
        return found

    def _addresses(self, contact: str) -> set[str]:
        further = (self.crm.value("contacts", contact, "hs_additional_emails") or "").split(";")
        return {each for each in (self.crm.value("contacts", contact, "email") or "", *further) if each}

    def _around(self, kind: str, one: Record) -> tuple[frozenset[str], frozenset[str]]:
        ends = [
            frozenset(each for each in self.crm.links.of((kind, other), one.id) if self.crm.shelves[other].live(each))
            for other in ("contacts", "deals")
        ]
        return ends[0], ends[1]

    def _live(self, kind: str) -> list[Record]:
        return [record for record in self.crm.shelves[kind].rows.values() if record.archived_at is None]

    def _pick(self, kind: str, number: int) -> str | None:
        record = picked(self._live(kind), number)
        return record.id if record else None

    # Companies and people

    def _new_company(self, one: int, other: int) -> None:
        self.crm.create("companies", name=f"Invented Works {one}")

    def _rename_company(self, one: int, other: int) -> None:
        if company := self._pick("companies", one):
            self.crm.update("companies", company, name=f"Renamed Works {other}")

    def _merge_companies(self, one: int, other: int) -> None:
        self._merge("companies", one, other)

    def _new_contact(self, one: int, other: int) -> None:
        first = FIRST_NAMES[one % len(FIRST_NAMES)]
        address = f"{first.lower()}.{other}@acme.example"
        self.crm.create("contacts", firstname=first, lastname=f"Invented {other}", email=address)

    def _promote(self, one: int, other: int) -> None:
        if contact := self._pick("contacts", one):
            self.crm.update("contacts", contact, jobtitle=f"Head of part {other}")

    def _buy(self, one: int, other: int) -> None:
        if contact := self._pick("contacts", one):
            self.crm.update("contacts", contact, hs_buying_role=BUYING[other % len(BUYING)])

    def _drop_contact(self, one: int, other: int) -> None:
        self._drop("contacts", one)

    def _merge_contacts(self, one: int, other: int) -> None:
        self._merge("contacts", one, other)

    def _merge(self, kind: str, one: int, other: int) -> None:
        survivor, loser = self._pick(kind, one), self._pick(kind, other)
        if survivor and loser and survivor != loser:
            self.crm.merge(kind, survivor, loser, fresh_id=kind != "deals")

    def _drop(self, kind: str, number: int) -> None:
        if (record := self._pick(kind, number)) and len(self._live(kind)) > 1:
            self.crm.archive(kind, record)

    # Deals and who is on them

    def _new_deal(self, one: int, other: int) -> None:
        deal = self.crm.create(
            "deals", dealname=f"Invented deal {one}", pipeline="default", dealstage=STAGES[other % 4],
            amount=1_000 * (one % 90 + 1),
        )  # fmt: skip
        if company := self._pick("companies", one):
            self.crm.associate("deals", deal, "companies", company, label="Primary")

    def _move(self, one: int, other: int) -> None:
        if deal := self._pick("deals", one):
            self.crm.update("deals", deal, dealstage=STAGES[other % len(STAGES)])

    def _reprice(self, one: int, other: int) -> None:
        if deal := self._pick("deals", one):
            self.crm.update("deals", deal, amount=500 * (other % 100 + 1))

    def _drop_deal(self, one: int, other: int) -> None:
        self._drop("deals", one)

    def _merge_deals(self, one: int, other: int) -> None:
        if len(self._live("deals")) > 2:
            self._merge("deals", one, other)

    def _put_on(self, one: int, other: int) -> None:
        deal, contact = self._pick("deals", one), self._pick("contacts", other)
        if deal and contact:
            self.crm.associate("deals", deal, "contacts", contact)

    def _name_decider(self, one: int, other: int) -> None:
        deal, contact = self._pick("deals", one), self._pick("contacts", other)
        if deal and contact:
            self.crm.associate("deals", deal, "contacts", contact, label=DECIDER)

    def _unname_decider(self, one: int, other: int) -> None:
        for deal, contact in self._pairs(one):
            self.crm.dissociate("deals", deal, "contacts", contact, label=DECIDER)

    def _take_off(self, one: int, other: int) -> None:
        for deal, contact in self._pairs(one):
            self.crm.dissociate("deals", deal, "contacts", contact)

    def _pairs(self, number: int) -> list[tuple[str, str]]:
        """One deal with one of its contacts, where there is such a pair."""
        known = [
            (deal.id, contact)
            for deal in self._live("deals")
            for contact in self.crm.links.of(("deals", "contacts"), deal.id)
        ]
        pair = picked(known, number)
        return [pair] if pair else []

    def _edit_pipeline(self, one: int, other: int) -> None:
        pipeline = self.crm.schema.pipelines["default"]
        stages = [(stage.id, stage.label, stage.probability) for stage in pipeline.stages]
        self.crm.define_pipeline("default", f"Sales {other}", stages)

    # Activities

    def _meet(self, one: int, other: int) -> None:
        start = self.clock.now() - timedelta(hours=other % 200)
        self._act(
            "meetings", one, other, hs_timestamp=start.isoformat(), hs_meeting_start_time=start.isoformat(),
            hs_meeting_end_time=(start + timedelta(minutes=30)).isoformat(), hs_meeting_title="Pricing review",
        )  # fmt: skip

    def _call_off(self, one: int, other: int) -> None:
        if meeting := self._pick("meetings", one):
            self.crm.update("meetings", meeting, hs_meeting_outcome="CANCELED")

    def _drop_meeting(self, one: int, other: int) -> None:
        self._drop("meetings", one)

    def _call(self, one: int, other: int) -> None:
        self._act("calls", one, other, hs_call_disposition=CONNECTED, hs_timestamp=self.clock.now().isoformat())

    def _task(self, one: int, other: int) -> None:
        due = (self.clock.now() + timedelta(days=other % 30)).isoformat()
        self._act("tasks", one, other, hs_timestamp=due, hs_task_status="NOT_STARTED", hs_task_subject="Send the offer")

    def _do_task(self, one: int, other: int) -> None:
        if task := self._pick("tasks", one):
            self.crm.update("tasks", task, hs_task_status="COMPLETED")

    def _mail(self, one: int, other: int) -> None:
        contact = self._pick("contacts", other)
        sender = (self.crm.value("contacts", contact, "email") if contact else None) or "nobody@acme.example"
        self._act(
            "emails", one, other, hs_timestamp=self.clock.now().isoformat(), hs_email_direction="INCOMING_EMAIL",
            hs_email_from_email=sender, hs_email_status="SENT", hs_email_subject="The offer",
        )  # fmt: skip

    def _act(self, kind: str, one: int, other: int, **properties: str) -> None:
        made = self.crm.create(kind, by=USER, **properties)
        for end, number in (("deals", one), ("contacts", other)):
            if record := self._pick(end, number):
                self.crm.associate(kind, made, end, record)

    # The bin

    def _restore(self, one: int, other: int) -> None:
        kind = BINNED[other % len(BINNED)]
        binned = [record for record in self.crm.shelves[kind].rows.values() if record.archived_at is not None]
        if record := picked(binned, one):
            self.crm.restore(kind, record.id)

    def _purge(self, one: int, other: int) -> None:
        """Delete for good, as the law wants it: no list shows it any more, nor what was merged into it."""
        kind = BINNED[other % len(BINNED)]
        shelf = self.crm.shelves[kind]
        if (record := self._pick(kind, one)) and len(self._live(kind)) > 1:
            self._purged |= {record, *(old for old in shelf.moved if shelf.find(old) is shelf.rows[record])}
            self.crm.purge(kind, record)
