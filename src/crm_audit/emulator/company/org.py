"""The company's Salesforce org: two sales processes, fields of its own, and everybody who works in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.company import names
from crm_audit.emulator.company.deal import LOST, NEW, RENEWAL, UNKNOWN, WON, Act, Deal, Firm, Person
from crm_audit.emulator.company.play import ZONE, Life
from crm_audit.emulator.salesforce import SalesforceOrg

STAGES = {
    NEW: {
        0: "Prospecting", 1: "Qualification", 2: "Needs Analysis", 3: "Id. Decision Makers", 4: "Proposal/Price Quote",
        5: "Negotiation/Review", WON: "Closed Won", LOST: "Closed Lost", UNKNOWN: "Security Review",
    },
    RENEWAL: {
        1: "Renewal Due", 3: "Renewal Review", 4: "Renewal Offered", 5: "Renewal Agreed", WON: "Closed Won",
        LOST: "Closed Lost",
    },
}  # fmt: skip
ADDED = (("Renewal Due", 30), ("Renewal Review", 50), ("Renewal Offered", 75), ("Renewal Agreed", 90))
PROCESSES = {NEW: "New Business", RENEWAL: "Renewals"}
ROLES = {"authority": "Decision Maker", "champion": "Champion", "technical": "Technical Buyer"}
RATES = {"EUR": "0.92"}
"""Units of a currency that one dollar buys, as Salesforce keeps them."""
FIELDS = {
    "Opportunity": {"Budget__c": "currency 16.2", "Need__c": "string 255", "Solution_Fit__c": "picklist 40"},
    "Account": {"Fit_Score__c": "double 3.0", "Fit_Assessed__c": "date"},
    "Contact": {"Left_On__c": "date"},
}
ASKED = "Basics Asked Again"
"""The type of task by which a rep notes a re-check."""
MEETING_MINUTES = 45


class OrgCrm:
    """Work in Salesforce, in the terms of `play.Crm`."""

    def __init__(self, clock: Clock, deals: Iterable[Deal]) -> None:
        """A new org as its admin set it up before the first deal."""
        self._clock = clock
        self.org = SalesforceOrg(clock, zone=ZONE, multi_currency=True, name="Seller Inc. (invented)")
        for name, fields in FIELDS.items():
            for field, spelling in fields.items():
                self.org.add_field(name, field, spelling=spelling)
        self.org.install_kit()
        for code, rate in RATES.items():
            self.org.insert("CurrencyType", IsoCode=code, ConversionRate=rate, DecimalPlaces=2)
        self._add_stages()
        self._record_types = {pipeline: self._record_type(name) for pipeline, name in PROCESSES.items()}
        self._users = {owner: self._user(owner) for owner in dict.fromkeys(deal.owner for deal in deals)}

    def _add_stages(self) -> None:
        for n, (label, chance) in enumerate((*ADDED, (STAGES[NEW][UNKNOWN], 70)), start=20):
            self.org.insert(
                "OpportunityStage",
                MasterLabel=label,
                ApiName=label,
                SortOrder=n,
                DefaultProbability=chance,
                ForecastCategory="Pipeline",
                ForecastCategoryName="Pipeline",
            )

    def _record_type(self, name: str) -> str:
        process = self.org.insert("BusinessProcess", Name=name, TableEnumOrId="Opportunity")
        developer_name = name.replace(" ", "_")
        return self.org.insert(
            "RecordType",
            Name=name,
            DeveloperName=developer_name,
            SobjectType="Opportunity",
            BusinessProcessId=process,
        )

    def _user(self, owner: str) -> str:
        first, _, last = owner.partition(" ")
        address = f"{first.lower()}@{names.SELLER}"
        return self.org.insert("User", FirstName=first, LastName=last, Username=address, Email=address)

    def firm(self, firm: Firm, *, assessed: date) -> str:
        """Enter a buying company and how well it fits."""
        return self.org.insert("Account", Name=firm.name, Fit_Score__c=firm.fit, Fit_Assessed__c=assessed)

    def person(self, person: Person, *, firm: Firm | None, firm_id: str | None) -> str:
        """Enter a contact."""
        first, _, last = person.name.partition(" ")
        address = _address(person, firm)
        return self.org.insert(
            "Contact", FirstName=first, LastName=last, Title=person.title, Email=address, AccountId=firm_id
        )

    def opens(self, life: Life, *, firm_id: str | None, amount: int | None, close: date) -> str:
        """Enter the deal on its first stage."""
        deal = life.deal
        return self.org.insert(
            "Opportunity",
            Name=deal.name,
            AccountId=firm_id,
            RecordTypeId=self._record_types[deal.pipeline],
            OwnerId=self._users[deal.owner],
            CreatedById=self._users[deal.owner],
            StageName=STAGES[deal.pipeline][deal.path()[0][1]],
            Amount=amount,
            CurrencyIsoCode=deal.currency,
            CloseDate=close,
            Budget__c=deal.budget,
            Need__c=deal.need,
            Solution_Fit__c="confirmed" if deal.fits else None,
        )

    def joins(self, life: Life, person: Person) -> None:
        """A contact role."""
        contact = life.people[person.role]
        self.org.insert("OpportunityContactRole", OpportunityId=life.id, ContactId=contact, Role=ROLES[person.role])

    def removes(self, life: Life, person: Person) -> None:
        """Delete the contact role; Salesforce keeps nothing of it."""
        for row in self.org.rows("OpportunityContactRole"):
            if row["OpportunityId"] == life.id and row["ContactId"] == life.people[person.role]:
                self.org.delete("OpportunityContactRole", str(row["Id"]))

    def leaves(self, life: Life, person: Person, *, day: date) -> None:
        """Note it on the contact."""
        self.org.update("Contact", life.people[person.role], Left_On__c=day)

    def merges(self, life: Life, person: Person) -> None:
        """Merge the duplicate away."""
        self.org.merge("Contact", life.people[person.role], loser=life.doubles[person.role])

    def moves(self, life: Life, rung: int | str) -> None:
        """Change the stage; probability and category follow."""
        self.org.update("Opportunity", life.id, StageName=STAGES[life.deal.pipeline][rung])

    def reprices(self, life: Life, amount: int | None) -> None:
        """Change the amount."""
        self.org.update("Opportunity", life.id, Amount=amount)

    def postpones(self, life: Life, close: date) -> None:
        """Change the close date."""
        self.org.update("Opportunity", life.id, CloseDate=close)

    def asks(self, life: Life, day: date) -> None:
        """A completed task of the type that means a re-check."""
        self._task(life, {"Subject": ASKED, "Type": ASKED, "ActivityDate": day})

    def acts(self, life: Life, act: Act) -> None:
        """A meeting, a call, a mail or a quote."""
        {"meeting": self._meeting, "call": self._call, "quote": self._quote}.get(act.kind, self._mail)(life, act)

    def _meeting(self, life: Life, act: Act) -> None:
        start, by = self._clock.now(), self._users[life.deal.owner]
        people = life.ids(act.who)
        event = self.org.insert(
            "Event",
            Subject=act.subject,
            StartDateTime=start,
            EndDateTime=start + timedelta(minutes=MEETING_MINUTES),
            WhatId=life.id,
            WhoId=people[0] if not act.missed else None,
            OwnerId=by,
            CreatedById=by,
        )
        for role, contact in zip(act.who, people, strict=True):
            answer = "Declined" if role in act.missed else "Accepted"
            self.org.insert("EventRelation", EventId=event, RelationId=contact, IsInvitee=True, Status=answer)

    def _call(self, life: Life, act: Act) -> None:
        said = {"Subject": act.subject, "TaskSubtype": "Call", "CallDisposition": "Connected"}
        self._task(life, {**said, "WhoId": life.ids(act.who)[0]})

    def _task(self, life: Life, fields: Mapping[str, Any]) -> None:
        by = self._users[life.deal.owner]
        self.org.insert("Task", Status="Completed", WhatId=life.id, OwnerId=by, CreatedById=by, **fields)

    def _mail(self, life: Life, act: Act) -> None:
        now, incoming = self._clock.now(), act.kind == "mail_in"
        mail = self.org.insert(
            "EmailMessage",
            Subject=f"Re: {act.subject}" if incoming else act.subject,
            Incoming=incoming,
            MessageDate=now,
            RelatedToId=life.id,
            FirstOpenedDate=now + timedelta(minutes=5) if act.opened else None,
            CreatedById=self._users[life.deal.owner],
        )
        for contact in life.ids(act.who):
            kind = "FromAddress" if incoming else "ToAddress"
            self.org.insert("EmailMessageRelation", EmailMessageId=mail, RelationId=contact, RelationType=kind)

    def _quote(self, life: Life, act: Act) -> None:
        for contact in life.ids(act.who):
            self.org.insert(
                "Quote",
                Name=act.subject,
                OpportunityId=life.id,
                ContactId=contact,
                Status="Presented",
                GrandTotal=life.deal.amount_on(act.days),
                CurrencyIsoCode=life.deal.currency,
                CreatedById=self._users[life.deal.owner],
            )


def _address(person: Person, firm: Firm | None) -> str:
    return f"{person.name.partition(' ')[0].lower()}@{firm.domain if firm else 'unknown.example'}"
