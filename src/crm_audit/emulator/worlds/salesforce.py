"""A world in a Salesforce org: its set-up, its records, and the settings that its admin would write."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from crm_audit.config import Connection
from crm_audit.domain import LOST, WON, Change, Company, Deal, Event, Link, Person, Rate, Recheck, Stage, User
from crm_audit.emulator.clock import Clock
from crm_audit.emulator.salesforce import SalesforceOrg
from crm_audit.emulator.worlds.facts import inverse
from crm_audit.emulator.worlds.limits import Limits
from crm_audit.emulator.worlds.plot import Plot
from crm_audit.emulator.worlds.salesforce_events import Activities
from crm_audit.emulator.worlds.words import activity_types, attestation_type, family, patterns, recheck_type
from crm_audit.worlds import AUDITOR

LIMITS = Limits(
    vendor="Salesforce",
    never={
        "quote_viewed": "Salesforce keeps no view of a quote",
        "esign_viewed": "Salesforce keeps no e-signature without a package",
        "esign_completed": "Salesforce keeps no e-signature without a package",
        "link_click": "Salesforce keeps no click",
        "doc_open": "a delivery made for a deal names nobody",
    },
    alone=frozenset({"email_in", "quote_sent", "quote_reported", "quote_accepted", "doc_shared", "doc_viewed"}),
    by_day=frozenset({"meeting_held", "call_connected", "task_open", "attestation"}),
    only_by_day=frozenset({"task_open"}),
    several_deals=False,
    exact_rates=False,
    loose_quotes=False,
    budget_currency=False,
    blank_text=False,
    close_dates="day",
)

ROLES = {
    "authority": "Economic Buyer",
    "sponsor": "Executive Sponsor",
    "champion": "Champion",
    "technical": "Technical Buyer",
    "user": "Business User",
    "influencer": "Influencer",
    "procurement_legal": "Legal and Procurement",
    "coach": "Coach",
    "blocker": "Blocker",
    "partner": "Partner",
    "other": "Other",
    "unassigned": None,
}
"""The value of the role field for each role; what Salesforce does not ship is mapped."""

OWN = {
    "Account": {"Fit_Tier__c": "string 40", "Fit_Score__c": "double 5.2", "Fit_Assessed__c": "date"},
    "Contact": {"Left_On__c": "date"},
    "Event": {"Outcome__c": "string 40"},
    "Quote": {"Signed_On__c": "datetime"},
    "Opportunity": {"Need__c": "string 255", "Solution_Fit__c": "string 80"},
}
"""Fields of the admin's own, besides the budget and the re-checks."""

FIELDS = {
    "fit_tier": "Account.Fit_Tier__c",
    "fit_score": "Account.Fit_Score__c",
    "fit_assessed": "Account.Fit_Assessed__c",
    "left_on": "Contact.Left_On__c",
    "meeting_outcome": "Event.Outcome__c",
    "need": "Opportunity.Need__c",
    "solution_fit": "Opportunity.Solution_Fit__c",
    "budget": "Opportunity.Budget__c",
}
WITHHELD = "Opportunity.Withheld__c"
"""A field that is mapped and not there: what it should tell is unknown."""
CHANGED = {"stage": "StageName", "amount": "Amount", "next_step": "NextStep"}
PURCHASE_DATE = "Purchase_Date__c"

Values = dict[str, Any]


class SalesforceLoader:
    """Puts a world into an org of its own; `deals` names the world's deal of each Opportunity."""

    def __init__(self, plot: Plot, clock: Clock) -> None:
        terms = plot.world.terms
        self._plot = plot
        self._several = bool(plot.currencies)
        self.crm = SalesforceOrg(clock, zone=terms.zone, currency=terms.currency, multi_currency=self._several)
        self.ids: dict[tuple[str, str], str] = {}
        self._activities = Activities(self.crm, plot, self.ids, several_currencies=self._several)
        self._foreign_budgets = any(deal.budget_currency != deal.currency for deal in plot.all(Deal))
        self._close_date = PURCHASE_DATE if self._may_lack_close_date() else "CloseDate"
        self._set_up()

    @property
    def deals(self) -> Mapping[str, str]:
        """Id of an Opportunity -> id of the deal in the world."""
        return {record: name for (kind, name), record in self.ids.items() if kind == "Opportunity"}

    @property
    def environ(self) -> Mapping[str, str]:
        """The secrets of the connected app."""
        house = self.crm.gatehouse
        return {"EMULATED_KEY": house.client_id, "EMULATED_SECRET": house.client_secret}

    def _may_lack_close_date(self) -> bool:
        dates = [deal.close_date for deal in self._plot.all(Deal)]
        past = [value for row in self._plot.all(Change) if row.field == "close_date" for value in (row.old, row.new)]
        return not all((*dates, *past))

    def _set_up(self) -> None:
        for name, fields in OWN.items():
            for field, spelling in fields.items():
                self.crm.add_field(name, field, spelling=spelling)
        self.crm.add_field("Opportunity", "Budget__c", spelling=self._budget_type())
        self.crm.add_field("Opportunity", "Budget_Currency__c", spelling="string 3")
        self.crm.add_field("Opportunity", PURCHASE_DATE, spelling="date")
        self.crm.tracked.append(PURCHASE_DATE)
        for topic in self._recheck_topics():
            self.crm.add_field("Opportunity", f"Asked_{topic}__c", spelling="date")
        for rate in self._plot.all(Rate):
            self.crm.insert("CurrencyType", IsoCode=rate.currency, ConversionRate=inverse(rate), DecimalPlaces=2)
        self._processes()
        for owner in {deal.owner for deal in self._plot.all(Deal)} - {None}:
            known = {user.id: user.name for user in self._plot.all(User)}
            name = known.get(str(owner), str(owner))
            self._made("User", str(owner), Username=f"{len(self.ids)}@seller.example", LastName=name)

    def _budget_type(self) -> str:
        return "double 16.2" if self._foreign_budgets else "currency 16.2"

    def _recheck_topics(self) -> list[str]:
        return sorted({topic for row in self._plot.all(Recheck) for topic in row.topics} | {"all"})

    def _processes(self) -> None:
        """A sales process with a record type for each pipeline; stages belong to all of them."""
        known = {row["ApiName"] for row in self.crm.rows("OpportunityStage")}
        for pipeline, stages in self._plot.pipelines.items():
            process = self.crm.insert("BusinessProcess", Name=process_of(pipeline), TableEnumOrId="Opportunity")
            kind = {"Name": process_of(pipeline), "DeveloperName": process_of(pipeline), "SobjectType": "Opportunity"}
            self._made("RecordType", pipeline, **kind, BusinessProcessId=process)
            for stage in stages:
                if stage.stage not in known:
                    known.add(stage.stage)
                    self._stage(stage, len(known))

    def _stage(self, stage: Stage, order: int) -> None:
        rung = self._plot.world.terms.ladders.get(stage.pipeline, {}).get(stage.stage, stage.closed)
        closed: Values = {"IsClosed": rung in (WON, LOST), "IsWon": rung == WON}
        names: Values = {"MasterLabel": stage.label, "ApiName": stage.stage, "SortOrder": order}
        forecast = "Closed" if rung == WON else "Omitted" if rung == LOST else "Pipeline"
        chance = {WON: 100, LOST: 0}.get(str(rung), 50)
        category: Values = {
            "ForecastCategory": forecast,
            "ForecastCategoryName": forecast,
            "DefaultProbability": chance,
        }
        self.crm.insert("OpportunityStage", **names, **closed, **category)

    def _made(self, object: str, name: str, /, **fields: object) -> str:
        given: Values = {field: value for field, value in fields.items() if value is not None}
        self.ids[object, name] = self.crm.insert(object, **given)
        return self.ids[object, name]

    def company(self, row: Company) -> None:
        """An account."""
        fit = {"Fit_Tier__c": row.fit_tier, "Fit_Score__c": row.fit_score, "Fit_Assessed__c": row.fit_assessed}
        self._made("Account", row.id, Name=row.name, **fit)

    def person(self, row: Person) -> None:
        """A contact."""
        first, last = family(row.name)
        email = f"contact{len(self.ids)}@{row.domain}" if row.domain else None
        self._made("Contact", row.id, FirstName=first, LastName=last, Title=row.title, Email=email)

    def leaves(self, row: Person) -> None:
        """The day on which a contact leaves, in a field of the admin's own."""
        self.crm.update("Contact", self.ids["Contact", row.id], Left_On__c=row.left_on)

    def deal(self, row: Deal, first: Mapping[str, str | None]) -> None:
        """An opportunity, as its history says it began."""
        closes = self._day(first["close_date"])
        values: Values = {
            "Name": row.name,
            "RecordTypeId": self.ids["RecordType", row.pipeline],
            "StageName": first["stage"],
            "Amount": first["amount"],
            "NextStep": first["next_step"],
            "CloseDate": closes or self._plot.today,
            "Probability": _percent(row),
            "ForecastCategoryName": row.forecast_category,
            "AccountId": self.ids.get(("Account", row.company or "")),
            "OwnerId": self.ids.get(("User", row.owner or "")),
            "Need__c": row.need,
            "Solution_Fit__c": row.solution_fit,
            "Budget__c": row.budget,
            "Budget_Currency__c": row.budget_currency,
            self._close_date: closes if self._close_date == PURCHASE_DATE else closes or self._plot.today,
        }
        if self._several:
            values["CurrencyIsoCode"] = row.currency
        self._made("Opportunity", row.id, **values)

    def change(self, row: Change) -> None:
        """An edit of an opportunity, by the admin or by the integration user."""
        values: Values = {CHANGED.get(row.field, self._close_date): row.new}
        if row.field == "close_date":
            values = {self._close_date: self._day(row.new)}
        if row.field == "stage":
            values["Probability"] = _percent(self._plot.deals[row.deal])
        if row.by == AUDITOR:
            values["LastModifiedById"] = self.crm.integration_user
        self.crm.update("Opportunity", self.ids["Opportunity", row.deal], **values)

    def _day(self, text: str | None) -> date | None:
        """A close date as the day it stands for: a date field holds nothing finer."""
        return self._plot.close_day(text) if text else None

    def enters(self, row: Link) -> None:
        """A contact role."""
        ends = {"OpportunityId": self.ids["Opportunity", row.deal], "ContactId": self.ids["Contact", row.person]}
        self._made("OpportunityContactRole", row.id, **ends, Role=ROLES[row.role])

    def withdraws(self, row: Link) -> None:
        """The contact role is deleted, and with it every trace of it."""
        self.crm.delete("OpportunityContactRole", self.ids["OpportunityContactRole", row.id])

    def event(self, row: Event) -> None:
        """An activity, a mail, a quote or a delivery."""
        self._activities.record(row)

    def asked(self, row: Recheck, *, task: bool) -> None:
        """A re-check in the date fields of its topics, or as a task."""
        if not task:
            fields: Values = {f"Asked_{topic}__c": row.on for topic in row.topics}
            self.crm.update("Opportunity", self.ids["Opportunity", row.deal], **fields)
            return
        by = {"CreatedById": self.crm.integration_user} if row.by == AUDITOR else {}
        done = {"Status": "Completed", "ActivityDate": row.on, "Type": recheck_type(row), "Subject": "Asked again"}
        self._made("Task", row.id, WhatId=self.ids["Opportunity", row.deal], **done, **by)

    def merges(self, loser: Company | Person) -> None:
        """Accounts and contacts are merged for good."""
        name = "Account" if isinstance(loser, Company) else "Contact"
        self.crm.merge(name, self.ids[name, str(loser.merged_into)], loser=self.ids[name, loser.id])

    def deletes(self, row: Person) -> None:
        """The contact goes to the recycle bin; its role rows keep its id."""
        self.crm.delete("Contact", self.ids["Contact", row.id])

    def connection(self, base: str) -> Connection:
        """The settings of this org in crm-audit.toml."""
        terms, plot = self._plot.world.terms, self._plot
        events = plot.all(Event)
        return Connection.model_validate(
            {
                "vendor": "salesforce",
                "emulator": base,
                "currency": None if self._several else terms.currency,
                "internal_domains": terms.internal_domains,
                "strict_meetings": terms.strict_meetings,
                "sponsor_is_authority": terms.sponsor_is_authority,
                "login": {"consumer_key": "EMULATED_KEY", "consumer_secret": "EMULATED_SECRET"},
                "fields": self._fields(),
                "roles": {value: role for role, value in ROLES.items() if value},
                "topics": activity_types(events),
                "ladders": {process_of(name): rungs for name, rungs in terms.ladders.items()},
                "options": {
                    "domain": self.crm.domain,
                    "quotes": {"signed_on": "Signed_On__c"},
                    "titles": patterns(events),
                    **self._types(events),
                },
            }
        )

    def _types(self, events: list[Event]) -> Mapping[str, Any]:
        """The types of task that vouch for something or that are re-checks."""
        unmapped, unconnected = self._plot.world.terms.unmapped, self._plot.world.terms.unconnected
        attested = {attestation_type(event): event.topics for event in events if event.kind == "attestation"}
        asked = {recheck_type(row): row.topics for row in self._plot.all(Recheck)}
        return {
            "attestations": {} if "attestation" in unconnected else attested or {"Attested": ()},
            "rechecks": {} if "rechecks" in unmapped else asked,
        }

    def _fields(self) -> Mapping[str, str]:
        """The field map; what the world does not map is left out, hidden, or mapped to a field that is not there."""
        unmapped = self._plot.world.terms.unmapped
        fields = {**FIELDS, "close_date": f"Opportunity.{self._close_date}"}
        if self._foreign_budgets:
            fields["budget_currency"] = "Opportunity.Budget_Currency__c"
        if "rechecks" not in unmapped:
            fields |= {f"recheck_{topic}": f"Opportunity.Asked_{topic}__c" for topic in self._recheck_topics()}
        for name in unmapped & {"company", "close_date", "amount"}:
            fields[name] = WITHHELD
        gone = {"fit": ("fit_tier", "fit_score", "fit_assessed"), "budget": ("budget", "budget_currency")}
        for name in unmapped:
            for field in gone.get(name, (name,)):
                if fields.get(field) != WITHHELD:
                    fields.pop(field, None)
        return fields

    def withhold(self) -> None:
        """Take from the integration user what the world says it cannot read."""
        unmapped = self._plot.world.terms.unmapped
        if "roles" in unmapped:
            self.crm.hide("OpportunityContactRole", "Role")
        if "contacts" in unmapped:
            self.crm.hide("OpportunityContactRole")
        if "history" in unmapped:
            self.crm.hide("OpportunityHistory")
            self.crm.hide("OpportunityFieldHistory")


def process_of(pipeline: str) -> str:
    """The sales process of a pipeline: the world puts the CRM before its name."""
    return pipeline.removeprefix("sf:")


def _percent(row: Deal) -> Decimal | None:
    return None if row.probability is None else row.probability * 100
