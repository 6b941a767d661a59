"""The company's HubSpot portal: two pipelines, properties of its own, and everybody who works in it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.company import names
from crm_audit.emulator.company.deal import LOST, NEW, RENEWAL, UNKNOWN, WON, Act, Deal, Firm, Person
from crm_audit.emulator.company.play import ZONE, Life
from crm_audit.emulator.hubspot import HubspotPortal
from crm_audit.emulator.hubspot.catalogue import STAGES as STANDARD

PIPELINES = {NEW: "default", RENEWAL: "renewals"}
ADDED = ("securityreview", "Security Review", "0.7")
RENEWALS = (
    ("renewaldue", "Renewal due", "0.3"),
    ("renewalreview", "Renewal review", "0.5"),
    ("renewaloffered", "Renewal offered", "0.8"),
    ("renewalagreed", "Renewal agreed", "0.9"),
    ("renewalwon", "Renewed", "1.0"),
    ("renewallost", "Not renewed", "0.0"),
)
STAGES = {
    NEW: {
        0: "newlead", 1: "appointmentscheduled", 2: "qualifiedtobuy", 3: "presentationscheduled",
        4: "decisionmakerboughtin", 5: "contractsent", WON: "closedwon", LOST: "closedlost", UNKNOWN: ADDED[0],
    },
    RENEWAL: {
        1: "renewaldue", 3: "renewalreview", 4: "renewaloffered", 5: "renewalagreed", WON: "renewalwon",
        LOST: "renewallost",
    },
}  # fmt: skip
LABELS = {"authority": "Decision maker", "champion": "Champion", "technical": "Technical contact"}
RATES = {"EUR": Decimal("1.087")}
"""Dollars for one unit of a currency, as HubSpot keeps them."""
PROPERTIES = {
    "deals": {"budget": "number", "customer_need": "string", "solution_fit": "string", "basics_asked_on": "date"},
    "companies": {"fit_score": "number", "fit_assessed_on": "date"},
    "contacts": {"hs_job_change_detected_date": "date"},
}
CONNECTED = "f240bbac-87c9-4f6e-bf70-924b57d47db7"
"""HubSpot's id of the call outcome "Connected"."""
MEETING_MINUTES = 45


class PortalCrm:
    """Work in HubSpot, in the terms of `play.Crm`."""

    def __init__(self, clock: Clock, deals: Iterable[Deal]) -> None:
        """A new portal as its admin set it up before the first deal."""
        self._clock = clock
        self.portal = HubspotPortal(clock, zone=ZONE)
        for kind, properties in PROPERTIES.items():
            for name, type_ in properties.items():
                self.portal.define_property(kind, name, type_)
        for label in LABELS.values():
            self.portal.define_label("deals", "contacts", label)
        self.portal.install_kit()
        self.portal.define_pipeline("default", "Sales Pipeline", (("newlead", "New Lead", "0.1"), *STANDARD, ADDED))
        self.portal.define_pipeline("renewals", "Renewals", RENEWALS)
        for code, worth in RATES.items():
            self.portal.define_rate(code, worth)
        self._owners = {owner: self._owner(owner) for owner in dict.fromkeys(deal.owner for deal in deals)}

    def _owner(self, owner: str) -> str:
        first, _, last = owner.partition(" ")
        return self.portal.define_owner(f"{first.lower()}@{names.SELLER}", first, last)

    def firm(self, firm: Firm, *, assessed: date) -> str:
        """Enter a buying company and how well it fits."""
        return self.portal.create(
            "companies",
            name=firm.name,
            domain=firm.domain,
            fit_score=firm.fit,
            fit_assessed_on=assessed,
        )

    def person(self, person: Person, *, firm: Firm | None, firm_id: str | None) -> str:
        """Enter a contact."""
        first, _, last = person.name.partition(" ")
        contact = self.portal.create(
            "contacts", firstname=first, lastname=last, jobtitle=person.title, email=_address(person, firm)
        )
        if firm_id:
            self.portal.associate("contacts", contact, "companies", firm_id)
        return contact

    def opens(self, life: Life, *, firm_id: str | None, amount: int | None, close: date) -> str:
        """Enter the deal on its first stage."""
        deal = life.deal
        made = self.portal.create(
            "deals",
            dealname=deal.name,
            pipeline=PIPELINES[deal.pipeline],
            dealstage=STAGES[deal.pipeline][deal.path()[0][1]],
            amount=amount,
            deal_currency_code=deal.currency,
            closedate=_closing(close),
            hubspot_owner_id=self._owners[deal.owner],
            budget=deal.budget,
            customer_need=deal.need,
            solution_fit="confirmed" if deal.fits else None,
        )
        if firm_id:
            self.portal.associate("deals", made, "companies", firm_id, label="Primary")
        return made

    def joins(self, life: Life, person: Person) -> None:
        """An association with a label."""
        label = LABELS[person.role]
        self.portal.associate("deals", life.id, "contacts", life.people[person.role], label=label)

    def removes(self, life: Life, person: Person) -> None:
        """Take the association away; HubSpot keeps nothing of it."""
        self.portal.dissociate("deals", life.id, "contacts", life.people[person.role])

    def leaves(self, life: Life, person: Person, *, day: date) -> None:
        """The date that HubSpot's enrichment finds."""
        self.portal.update("contacts", life.people[person.role], hs_job_change_detected_date=day)

    def merges(self, life: Life, person: Person) -> None:
        """Merge the duplicate away; the survivor keeps its id here."""
        self.portal.merge("contacts", life.people[person.role], life.doubles[person.role])

    def moves(self, life: Life, rung: int | str) -> None:
        """Change the stage; the probability follows."""
        self.portal.update("deals", life.id, dealstage=STAGES[life.deal.pipeline][rung])

    def reprices(self, life: Life, amount: int | None) -> None:
        """Change the amount."""
        self.portal.update("deals", life.id, amount=amount)

    def postpones(self, life: Life, close: date) -> None:
        """Change the close date."""
        self.portal.update("deals", life.id, closedate=_closing(close))

    def asks(self, life: Life, day: date) -> None:
        """The date property that means a re-check."""
        self.portal.update("deals", life.id, basics_asked_on=day)

    def acts(self, life: Life, act: Act) -> None:
        """A meeting, a call, a mail or a quote, on the deal and its people."""
        kind, properties = {
            "meeting": self._meeting, "call": self._call, "quote": self._quote,
        }.get(act.kind, self._mail)(life, act)  # fmt: skip
        if kind != "quotes":
            properties["hs_timestamp"] = self._clock.now()
        made = self.portal.create(kind, hubspot_owner_id=self._owners[life.deal.owner], **properties)
        self.portal.associate(kind, made, "deals", life.id)
        for contact in life.ids(act.who):
            self.portal.associate(kind, made, "contacts", contact)

    def _meeting(self, life: Life, act: Act) -> tuple[str, dict[str, Any]]:
        start = self._clock.now()
        return "meetings", {
            "hs_meeting_title": act.subject,
            "hs_meeting_start_time": start,
            "hs_meeting_end_time": start + timedelta(minutes=MEETING_MINUTES),
            "hs_meeting_outcome": "NO_SHOW" if act.missed else "COMPLETED",
        }

    def _call(self, life: Life, act: Act) -> tuple[str, dict[str, Any]]:
        return "calls", {"hs_call_title": act.subject, "hs_call_disposition": CONNECTED}

    def _mail(self, life: Life, act: Act) -> tuple[str, dict[str, Any]]:
        incoming = act.kind == "mail_in"
        buyers = ";".join(_address(person, life.deal.firm) for person in life.deal.people if person.role in act.who)
        return "emails", {
            "hs_email_subject": f"Re: {act.subject}" if incoming else act.subject,
            "hs_email_direction": "INCOMING_EMAIL" if incoming else "EMAIL",
            "hs_email_from_email" if incoming else "hs_email_to_email": buyers,
        }

    def _quote(self, life: Life, act: Act) -> tuple[str, dict[str, Any]]:
        return "quotes", {
            "hs_title": act.subject,
            "hs_status": "APPROVAL_NOT_NEEDED",
            "hs_quote_amount": life.deal.amount_on(act.days),
            "hs_currency": life.deal.currency,
        }


def _address(person: Person, firm: Firm | None) -> str:
    return f"{person.name.partition(' ')[0].lower()}@{firm.domain if firm else 'unknown.example'}"


def _closing(day: date) -> datetime:
    """Midnight UTC: how an integration writes a date there."""
    return datetime.combine(day, time(), UTC)
