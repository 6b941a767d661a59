"""The reference org as a HubSpot portal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from bench.reference.plan import FIRST, LOST, WON, Activity, Change, Company, Deal, Link, Person, Plan, Value, batches
from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import SERVICE_KEY, HubspotPortal
from crm_audit.emulator.hubspot.records import Version

Row = dict[str, str]

STAGES = (
    ("appointmentscheduled", "0.2"), ("qualifiedtobuy", "0.4"), ("presentationscheduled", "0.6"),
    ("decisionmakerboughtin", "0.8"), ("contractsent", "0.9"), ("closedwon", "1.0"), ("closedlost", "0.0"),
)  # fmt: skip
LADDER = {name: rung for (name, _), rung in zip(STAGES, (0, 1, 2, 4, 5), strict=False)}
LABELS = {"authority": "Decision maker", "champion": "Champion", "technical": "Technical contact"}
PROPERTIES = {"stage": "dealstage", "amount": "amount", "close": "closedate"}
OBJECTS = {"meeting": "meetings", "call": "calls", "task": "tasks", "mail": "emails"}
CONNECTED = "f240bbac-87c9-4f6e-bf70-924b57d47db7"  # HubSpot's id of the call outcome "Connected"
TOKEN = "REFERENCE_TOKEN"  # the name of an environment variable
HALF_AN_HOUR = timedelta(minutes=30)


@dataclass(slots=True)
class Portal:
    """The portal, and the ids of its records by kind, in the order of the plan."""

    plan: Plan
    portal: HubspotPortal
    clock: Clock
    ids: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def built(cls, plan: Plan) -> Portal:
        """The whole portal; its clock stands where the plan does."""
        clock = Clock(plan.at)
        made = cls(plan, HubspotPortal(clock), clock)
        made.portal.install_kit()
        for label in LABELS.values():
            made.portal.define_label("deals", "contacts", label)
        made.ids["owners"] = [
            made.portal.define_owner(f"seller{n}@seller.example", FIRST[n % len(FIRST)], f"Seller{n}")
            for n in range(plan.size.owners)
        ]
        made.add_companies(plan.companies())
        made.add_people(plan.people())
        made.add_deals(plan.deals())
        made.add_links(plan.links())
        made.log(plan.activities())
        made._add_quotes()
        return made

    def settings(self, address: str) -> dict[str, object]:
        """What `Connection.model_validate` takes, with the portal served at that address."""
        return {
            "vendor": "hubspot",
            "emulator": address,
            "internal_domains": ["seller.example"],
            "login": {"access_token": TOKEN},
            "roles": {label: role for role, label in LABELS.items()},
            "ladders": {"default": LADDER},
        }

    def environ(self) -> dict[str, str]:
        """The secret that the settings name."""
        return {TOKEN: SERVICE_KEY}

    def add_companies(self, companies: Iterable[Company]) -> None:
        """Load companies."""
        self._add("companies", "companies", map(_company, companies))

    def add_people(self, people: Iterable[Person]) -> None:
        """Load contacts, each with its company."""
        for batch in batches(people):
            made = self._add("people", "contacts", map(_contact, batch))
            pairs = ((one, self.ids["companies"][each.company]) for one, each in zip(made, batch, strict=True))
            self.portal.link_all("contacts", "companies", pairs, label="Primary")

    def add_deals(self, deals: Iterable[Deal]) -> None:
        """Load deals, each with its company and the past of its properties."""
        for batch in batches(deals):
            made = self._add("deals", "deals", map(self._deal, batch))
            pairs = ((one, self.ids["companies"][each.company]) for one, each in zip(made, batch, strict=True))
            self.portal.link_all("deals", "companies", pairs, label="Primary")
            for one, deal in zip(made, batch, strict=True):
                for name, versions in _past(deal):
                    self.portal.load_history("deals", one, name, versions)

    def add_links(self, links: Iterable[Link]) -> None:
        """Associate people with deals, under the label of their role."""
        by_role: dict[str, list[tuple[str, str]]] = {}
        for each in links:
            pair = self.ids["deals"][each.deal], self.ids["people"][each.person]
            by_role.setdefault(each.role, []).append(pair)
            self.ids.setdefault("links", []).append(":".join(pair))
        for role, pairs in by_role.items():
            self.portal.link_all("deals", "contacts", pairs, label=LABELS.get(role))

    def log(self, activities: Iterable[Activity]) -> None:
        """Load activities, each with its people and its deal."""
        for batch in batches(activities):
            for kind, row in (("meeting", _meeting), ("call", _call), ("task", _task), ("mail", _mail)):
                here, name = [each for each in batch if each.kind == kind], OBJECTS[kind]
                made = self.portal.load(name, ({**self._activity(each), **row(each)} for each in here))
                self.ids.setdefault("activities", []).extend(f"{name}:{one}" for one in made)
                self.portal.link_all(name, "contacts", self._with_people(made, here))
                self.portal.link_all(name, "deals", self._with_deals(made, here))

    def change_company(self, n: int) -> None:
        """Somebody edits a company."""
        self.portal.update("companies", self.ids["companies"][n], country=f"Country {n}")

    def change_person(self, n: int, title: str) -> None:
        """Somebody has a new job."""
        self.portal.update("contacts", self.ids["people"][n], jobtitle=title)

    def change_deal(self, n: int, change: Change) -> None:
        """A rep works on a deal, which leaves a version of that property."""
        fields: dict[str, Any] = {PROPERTIES[change.field]: _text(change.field, change.value)}
        self.portal.update("deals", self.ids["deals"][n], **fields)

    def change_activity(self, n: int) -> None:
        """Somebody corrects what an activity is called."""
        name, record = self.ids["activities"][n].split(":")
        titles = {"meetings": "hs_meeting_title", "calls": "hs_call_title", "tasks": "hs_task_subject"}
        fields: dict[str, Any] = {titles.get(name, "hs_email_subject"): "Corrected"}
        self.portal.update(name, record, **fields)

    def remove(self, kind: str, n: int) -> None:
        """Delete a deal, person or activity, or take a person off a deal."""
        one = self.ids[kind][n]
        if kind == "links":
            deal, person = one.split(":")
            self.portal.dissociate("deals", deal, "contacts", person)
        else:
            name, record = one.split(":") if kind == "activities" else ({"people": "contacts"}.get(kind, kind), one)
            self.portal.archive(name, record)
        self.ids[kind][n] = ""

    def merge(self, kind: str, survivor: int, loser: int) -> None:
        """Merge two people or companies; as in HubSpot both ids give way to a new one."""
        name = {"people": "contacts"}.get(kind, kind)
        ids = self.ids[kind]
        ids[survivor] = self.portal.merge(name, ids[survivor], ids[loser], fresh_id=True)
        ids[loser] = ""

    def _add(self, kind: str, name: str, rows: Iterable[Row]) -> Sequence[str]:
        made = self.portal.load(name, rows)
        self.ids.setdefault(kind, []).extend(made)
        return made

    def _deal(self, deal: Deal) -> Row:
        now = deal.now()
        stage = now["stage"]
        assert isinstance(stage, int)
        return {
            "dealname": f"Deal {deal.n}",
            "pipeline": "default",
            "deal_currency_code": "USD",
            "hubspot_owner_id": self.ids["owners"][deal.owner],
            "hs_deal_stage_probability": STAGES[stage][1],
            "hs_is_closed": "true" if stage in (WON, LOST) else "false",
            "hs_is_closed_won": "true" if stage == WON else "false",
            **{PROPERTIES[name]: _text(name, value) for name, value in now.items()},
            "createdate": _iso(deal.created),
            "hs_lastmodifieddate": _iso(deal.modified),
        }

    def _activity(self, activity: Activity) -> Row:
        created = _iso(activity.created)
        return {
            "hs_timestamp": created if activity.at == activity.created else _iso(activity.at),
            "hubspot_owner_id": self.ids["owners"][activity.owner],
            "hs_createdate": created,
            "hs_lastmodifieddate": created,
        }

    def _with_people(self, made: Sequence[str], activities: Sequence[Activity]) -> Iterator[tuple[str, str]]:
        for one, activity in zip(made, activities, strict=True):
            yield from ((one, self.ids["people"][person]) for person in activity.people)

    def _with_deals(self, made: Sequence[str], activities: Sequence[Activity]) -> Iterator[tuple[str, str]]:
        for one, activity in zip(made, activities, strict=True):
            if activity.deal is not None:
                yield one, self.ids["deals"][activity.deal]

    def _add_quotes(self) -> None:
        rows: Iterable[Row] = (
            {
                "hs_title": f"Quote {each.n}",
                "hs_quote_amount": str(each.amount),
                "hs_currency": "USD",
                "hs_status": "APPROVAL_NOT_NEEDED" if each.sent else "DRAFT",
                "hs_createdate": _iso(each.created),
                "hs_lastmodifieddate": _iso(each.created),
            }
            for each in self.plan.quotes()
        )
        made = self.portal.load("quotes", rows)
        pairs = ((one, self.ids["deals"][each.deal]) for one, each in zip(made, self.plan.quotes(), strict=True))
        self.portal.link_all("quotes", "deals", pairs)


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _text(name: str, value: Value) -> str:
    """A field of a deal as HubSpot keeps it; a close date is an instant there."""
    if isinstance(value, date):
        return _iso(datetime.combine(value, time(12), UTC))
    return STAGES[value][0] if name == "stage" else str(value)


def _past(deal: Deal) -> Iterator[tuple[str, list[Version]]]:
    """The versions of each property that ever changed."""
    began: dict[str, Value] = {"stage": deal.stage, "amount": deal.amount, "close": deal.close}
    for name, value in began.items():
        changes = [(change.at, change.value) for change in deal.changes if change.field == name]
        if changes:
            versions = [(deal.created, value), *changes]
            yield PROPERTIES[name], [Version(_text(name, each), at) for at, each in versions]


def _company(company: Company) -> Row:
    return {
        "name": f"Company {company.n}",
        "domain": company.domain,
        "createdate": _iso(company.created),
        "hs_lastmodifieddate": _iso(company.modified),
    }


def _contact(person: Person) -> Row:
    return {
        "firstname": person.first,
        "lastname": person.last,
        "email": person.address,
        "jobtitle": person.title,
        "createdate": _iso(person.created),
        "lastmodifieddate": _iso(person.modified),
    }


def _meeting(activity: Activity) -> Row:
    start = _iso(activity.at)
    return {
        "hs_meeting_title": activity.subject,
        "hs_meeting_start_time": start,
        "hs_meeting_end_time": _iso(activity.at + HALF_AN_HOUR),
        "hs_meeting_outcome": "COMPLETED" if activity.over else "SCHEDULED",
    }


def _call(activity: Activity) -> Row:
    return {
        "hs_call_title": activity.subject,
        "hs_call_direction": "INBOUND" if activity.incoming else "OUTBOUND",
        "hs_call_disposition": CONNECTED,
        "hs_call_status": "COMPLETED",
    }


def _task(activity: Activity) -> Row:
    status = "COMPLETED" if activity.over else "NOT_STARTED"
    return {"hs_task_subject": activity.subject, "hs_task_status": status}


def _mail(activity: Activity) -> Row:
    ours = f"seller{activity.owner}@seller.example"
    return {
        "hs_email_subject": activity.subject,
        "hs_email_direction": "INCOMING_EMAIL" if activity.incoming else "EMAIL",
        "hs_email_status": "SENT",
        "hs_email_from_email": activity.addresses[0] if activity.incoming else ours,
        "hs_email_to_email": ours if activity.incoming else ";".join(activity.addresses),
    }
