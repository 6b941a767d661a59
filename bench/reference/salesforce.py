"""The reference org as a Salesforce org."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from bench.reference.plan import FIRST, LOST, WON, Activity, Change, Company, Deal, Link, Person, Plan, Value, batches
from crm_audit.emulator.clock import Clock
from crm_audit.emulator.salesforce import SalesforceOrg

Row = dict[str, str | int | bool | Decimal | datetime | date | None]

STAGES = (
    ("Prospecting", 10), ("Qualification", 10), ("Needs Analysis", 20), ("Proposal/Price Quote", 75),
    ("Negotiation/Review", 90), ("Closed Won", 100), ("Closed Lost", 0),
)  # fmt: skip
LADDER = {name: rung for (name, _), rung in zip(STAGES, (0, 1, 2, 4, 5), strict=False)}
ROLES = {"authority": "Decision Maker", "champion": "Champion", "technical": "Technical Buyer", "unassigned": None}
MINUTES = 30
KEY, SECRET = "REFERENCE_KEY", "REFERENCE_SECRET"  # names of environment variables
OBJECTS = {"meeting": "Event", "call": "Task", "task": "Task", "mail": "EmailMessage"}


@dataclass(slots=True)
class Org:
    """The org, and the ids of its records by kind, in the order of the plan."""

    plan: Plan
    org: SalesforceOrg
    clock: Clock
    ids: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def built(cls, plan: Plan) -> Org:
        """The whole org; its clock stands where the plan does."""
        clock = Clock(plan.at)
        made = cls(plan, SalesforceOrg(clock, name="Reference (invented)"), clock)
        made.org.install_kit()
        made.ids["owners"] = made.org.load("User", made._users())
        made.add_companies(plan.companies())
        made.add_people(plan.people())
        made.add_deals(plan.deals())
        made.add_links(plan.links())
        made.log(plan.activities())
        made.org.load("Quote", made._quotes())
        return made

    def settings(self, address: str) -> dict[str, object]:
        """What `Connection.model_validate` takes, with the org served at that address."""
        return {
            "vendor": "salesforce",
            "emulator": address,
            "currency": "USD",
            "internal_domains": ["seller.example"],
            "login": {"consumer_key": KEY, "consumer_secret": SECRET},
            "roles": {"Champion": "champion"},
            "ladders": {"*": LADDER},
            "options": {"domain": self.org.domain},
        }

    def environ(self) -> dict[str, str]:
        """The secrets that the settings name."""
        return {KEY: self.org.gatehouse.client_id, SECRET: self.org.gatehouse.client_secret}

    def add_companies(self, companies: Iterable[Company]) -> None:
        """Load accounts."""
        self._add("companies", "Account", map(_account, companies))

    def add_people(self, people: Iterable[Person]) -> None:
        """Load contacts."""
        self._add("people", "Contact", map(self._contact, people))

    def add_deals(self, deals: Iterable[Deal]) -> None:
        """Load deals with their history."""
        for batch in batches(deals):
            self._add("deals", "Opportunity", map(self._deal, batch))
            self.org.load("OpportunityHistory", (row for deal in batch for row in self._history(deal)))

    def add_links(self, links: Iterable[Link]) -> None:
        """Load contact roles."""
        self._add("links", "OpportunityContactRole", map(self._role, links))

    def log(self, activities: Iterable[Activity]) -> None:
        """Load activities with the people on them."""
        for batch in batches(activities):
            for name, row in (("Event", self._event), ("Task", self._task), ("EmailMessage", self._mail)):
                here = [each for each in batch if OBJECTS[each.kind] == name]
                made = self.org.load(name, map(row, here))
                self.ids.setdefault("activities", []).extend(f"{name}:{one}" for one in made)
                pairs = zip(made, here, strict=True)
                self.org.load(f"{name}Relation", (row for one, each in pairs for row in self._related(name, one, each)))

    def change_company(self, n: int) -> None:
        """Somebody edits an account."""
        self.org.update("Account", self.ids["companies"][n], Phone=f"+1 555 {n:07}")

    def change_person(self, n: int, title: str) -> None:
        """Somebody has a new job."""
        self.org.update("Contact", self.ids["people"][n], Title=title)

    def change_deal(self, n: int, change: Change) -> None:
        """A rep works on a deal, which leaves a row of history."""
        fields = {"stage": "StageName", "amount": "Amount", "close": "CloseDate"}
        value = STAGES[change.value][0] if change.field == "stage" and isinstance(change.value, int) else change.value
        self.org.update("Opportunity", self.ids["deals"][n], **{fields[change.field]: value})

    def change_activity(self, n: int) -> None:
        """Somebody corrects what an activity is called."""
        name, record = self.ids["activities"][n].split(":")
        self.org.update(name, record, Subject="Corrected")

    def remove(self, kind: str, n: int) -> None:
        """Delete a deal, person, role or activity."""
        names = {"deals": "Opportunity", "people": "Contact", "links": "OpportunityContactRole"}
        name, _, record = f"{names.get(kind, '')}:{self.ids[kind][n]}".removeprefix(":").partition(":")
        self.org.delete(name, record)
        self.ids[kind][n] = ""

    def merge(self, kind: str, survivor: int, loser: int) -> None:
        """Merge two people or companies."""
        name = {"people": "Contact", "companies": "Account"}[kind]
        self.org.merge(name, self.ids[kind][survivor], loser=self.ids[kind][loser])
        self.ids[kind][loser] = ""

    def _add(self, kind: str, name: str, rows: Iterable[Row]) -> None:
        self.ids.setdefault(kind, []).extend(self.org.load(name, rows))

    def _users(self) -> Iterator[Row]:
        for n in range(self.plan.size.owners):
            name = f"{FIRST[n % len(FIRST)]} Seller{n}"
            yield {"Username": f"seller{n}@seller.example", "LastName": f"Seller{n}", "Name": name, "IsActive": True}

    def _contact(self, person: Person) -> Row:
        return {
            "AccountId": self.ids["companies"][person.company],
            "FirstName": person.first,
            "LastName": person.last,
            "Name": f"{person.first} {person.last}",
            "Email": person.address,
            "Title": person.title,
            **_stamps(person.created, person.modified),
        }

    def _deal(self, deal: Deal) -> Row:
        now = deal.now()
        moves = [change.at for change in deal.changes if change.field == "stage"]
        return {
            "Name": f"Deal {deal.n}",
            "AccountId": self.ids["companies"][deal.company],
            "OwnerId": self.ids["owners"][deal.owner],
            **_state(now),
            "ForecastCategoryName": "Closed" if now["stage"] in (WON, LOST) else "Pipeline",
            "IsClosed": now["stage"] in (WON, LOST),
            "IsWon": now["stage"] == WON,
            "LastStageChangeDate": moves[-1] if moves else None,
            **_stamps(deal.created, deal.modified),
        }

    def _history(self, deal: Deal) -> Iterator[Row]:
        whose: Row = {"OpportunityId": self.ids["deals"][deal.n], "CreatedById": self.ids["owners"][deal.owner]}
        before: Row = {}
        for at, state in deal.states():
            now = _state(state)
            previous: Row = {"PrevAmount": before.get("Amount"), "PrevCloseDate": before.get("CloseDate")}
            yield {**whose, **now, **previous, "CreatedDate": at, "SystemModstamp": at}
            before = now

    def _role(self, link: Link) -> Row:
        return {
            "OpportunityId": self.ids["deals"][link.deal],
            "ContactId": self.ids["people"][link.person],
            "Role": ROLES[link.role],
            **_stamps(link.created, link.created),
        }

    def _quotes(self) -> Iterator[Row]:
        for each in self.plan.quotes():
            yield {
                "Name": f"Quote {each.n}",
                "QuoteNumber": f"{each.n:08}",
                "OpportunityId": self.ids["deals"][each.deal],
                "Status": "Presented" if each.sent else "Draft",
                "GrandTotal": Decimal(each.amount),
                "TotalPrice": Decimal(each.amount),
                **_stamps(each.created, each.created),
            }

    def _about(self, activity: Activity) -> str:
        if activity.deal is None:
            return self.ids["companies"][activity.company]
        return self.ids["deals"][activity.deal]

    def _activity(self, activity: Activity) -> Row:
        return {
            "WhoId": self.ids["people"][activity.people[0]],
            "WhatId": self._about(activity),
            "AccountId": self.ids["companies"][activity.company],
            "OwnerId": self.ids["owners"][activity.owner],
            "CreatedById": self.ids["owners"][activity.owner],
            "Subject": activity.subject,
            "ActivityDate": activity.at.date(),
            **_stamps(activity.created, activity.created),
        }

    def _event(self, activity: Activity) -> Row:
        return {
            **self._activity(activity),
            "ActivityDateTime": activity.at,
            "StartDateTime": activity.at,
            "EndDateTime": activity.at + timedelta(minutes=MINUTES),
            "DurationInMinutes": MINUTES,
        }

    def _task(self, activity: Activity) -> Row:
        call = activity.kind == "call"
        return {
            **self._activity(activity),
            "Status": "Completed" if activity.over else "Not Started",
            "Priority": "Normal",
            "IsClosed": activity.over,
            "TaskSubtype": "Call" if call else "Task",
            "CallDisposition": "Connected" if call else None,
            "CallType": "Outbound" if call else None,
            "CompletedDateTime": activity.at if activity.over else None,
        }

    def _mail(self, activity: Activity) -> Row:
        ours = f"seller{activity.owner}@seller.example"
        theirs = "; ".join(activity.addresses)
        return {
            "RelatedToId": self._about(activity),
            "Subject": activity.subject,
            "FromAddress": activity.addresses[0] if activity.incoming else ours,
            "ToAddress": ours if activity.incoming else theirs,
            "Incoming": activity.incoming,
            "Status": "1" if activity.incoming else "3",
            "MessageDate": activity.at,
            "CreatedById": self.ids["owners"][activity.owner],
            **_stamps(activity.created, activity.created),
        }

    def _related(self, name: str, record: str, activity: Activity) -> Iterator[Row]:
        """The people on an activity; of a mail, its sender and its recipients on either side."""
        stamps = _stamps(activity.created, activity.created)
        for n, person in enumerate(activity.people):
            about: Row = {"RelationId": self.ids["people"][person], **stamps}
            if name == "Event":
                yield {**about, "EventId": record, "IsParent": True, "IsInvitee": n > 0, "Status": "Accepted"}
            elif name == "Task":
                yield {**about, "TaskId": record}
            else:
                sender = activity.incoming and n == 0
                kind = "FromAddress" if sender else "CcAddress" if activity.incoming else "ToAddress"
                about |= {"RelationType": kind, "RelationAddress": activity.addresses[n]}
                yield {**about, "EmailMessageId": record, "RelationObjectType": "Contact"}


def _account(company: Company) -> Row:
    name = f"Company {company.n}"
    return {"Name": name, "Website": company.domain, **_stamps(company.created, company.modified)}


def _stamps(created: datetime, modified: datetime) -> Row:
    return {"CreatedDate": created, "LastModifiedDate": modified, "SystemModstamp": modified}


def _state(state: Mapping[str, Value]) -> Row:
    stage, amount, close = state["stage"], state["amount"], state["close"]
    assert isinstance(stage, int)
    assert isinstance(amount, int)
    name, chance = STAGES[stage]
    return {
        "StageName": name,
        "Probability": Decimal(chance),
        "Amount": Decimal(amount),
        "CloseDate": close,
        "ExpectedRevenue": Decimal(amount * chance) / 100,
        "ForecastCategory": "Closed" if stage in (WON, LOST) else "Pipeline",
    }
