"""A world in a HubSpot portal: its set-up, its records, and the settings that its admin would write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crm_audit.config import Connection
from crm_audit.domain import LOST, WON, Change, Company, Deal, Event, Link, Person, Rate, Recheck, Stage, User
from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import SERVICE_KEY, HubspotPortal, Source
from crm_audit.emulator.hubspot.catalogue import APP_ID, OPTIONS
from crm_audit.emulator.hubspot.links import MOST_LABELS
from crm_audit.emulator.hubspot.state import APP, USER
from crm_audit.emulator.worlds.facts import labels
from crm_audit.emulator.worlds.hubspot_events import Activities
from crm_audit.emulator.worlds.limits import Limits
from crm_audit.emulator.worlds.plot import Plot
from crm_audit.emulator.worlds.words import activity_types, attestation_type, family, patterns, recheck_type
from crm_audit.worlds import AUDITOR

TIERS = {"A": "tier_1", "B": "tier_2", "C": "tier_3"}
"""Ideal-customer tiers as HubSpot has them (ruling 12)."""

LIMITS = Limits(
    vendor="HubSpot",
    never={
        "quote_viewed": "HubSpot has no property for a viewed quote",
        "email_open": "HubSpot keeps opens as roll-ups only, which prove nothing",
        "link_click": "HubSpot keeps clicks as roll-ups only, which prove nothing",
        "doc_shared": "HubSpot does not say who was sent a document",
        "doc_open": "HubSpot does not say who opened a document",
        "esign_viewed": "HubSpot keeps e-signatures as accepted quotes",
        "esign_completed": "HubSpot keeps e-signatures as accepted quotes",
    },
    alone=frozenset({"email_in", "doc_viewed"}),
    declines=False,
    somebody="rep",
    dated_roles=False,
    one_visit=True,
    acceptance_is_sent=True,
    outcomes=frozenset({"", *OPTIONS["hs_meeting_outcome"]}),
    forecasts=frozenset(OPTIONS["hs_manual_forecast_category"]),
    tiers=frozenset(TIERS),
    roles_at_most=MOST_LABELS,
    forgets_deleted=True,
    fills_on_merge=True,
    withholds={
        "company": "HubSpot hides companies as a whole, with their fit",
        "contacts": "HubSpot hides contacts together with all activities",
        "history": "HubSpot hides the past of a property with the property",
    },
)

LABELS = {
    "authority": "Decision maker",
    "sponsor": "Executive sponsor",
    "champion": "Champion",
    "technical": "Technical buyer",
    "user": "End user",
    "influencer": "Influencer",
    "procurement_legal": "Legal and procurement",
    "coach": "Coach",
    "blocker": "Blocker",
    "partner": "Partner",
    "other": "Somebody else",
}
"""The association label for each role."""

OWN: Mapping[str, Mapping[str, str]] = {
    "deals": {"budget": "number", "budget_currency": "string", "need": "string", "solution_fit": "string"},
    "companies": {"fit_score": "number", "fit_assessed": "date"},
    "contacts": {"left_on": "date"},
}
"""Properties of the admin's own, besides the re-checks; each is mapped under its own name."""
VISITED = "hs_document_last_revisited"
CHANGED = {"stage": "dealstage", "amount": "amount", "close_date": "closedate", "next_step": "hs_next_step"}
WITHHELD = "withheld"
"""A property that is mapped and not there: what it should tell is unknown."""

Values = dict[str, Any]


class HubspotLoader:
    """Puts a world into a portal of its own; `deals` names the world's deal of each deal there."""

    def __init__(self, plot: Plot, clock: Clock) -> None:
        terms = plot.world.terms
        self._plot = plot
        self.crm = HubspotPortal(clock, zone=terms.zone, currency=terms.currency)
        self.ids: dict[tuple[str, str], str] = {}
        self._activities = Activities(self.crm, plot, self.ids)
        self._standing: dict[tuple[str, str], list[str]] = {}
        self._set_up()

    @property
    def deals(self) -> Mapping[str, str]:
        """Id of a deal there -> id of the deal in the world."""
        return {record: name for (kind, name), record in self.ids.items() if kind == "deals"}

    @property
    def environ(self) -> Mapping[str, str]:
        """The secret of the portal's app."""
        return {"EMULATED_TOKEN": SERVICE_KEY}

    def _set_up(self) -> None:
        for kind, properties in OWN.items():
            for name, type_ in properties.items():
                self.crm.define_property(kind, name, type_)
        for topic in self._recheck_topics():
            self.crm.define_property("deals", f"asked_{topic}", "date")
        for role in labels(self._plot)[:MOST_LABELS]:
            self.crm.define_label("deals", "contacts", LABELS[role])
        for rate in self._plot.all(Rate):
            self.crm.define_rate(rate.currency, rate.units / rate.per)
        for pipeline, stages in self._plot.pipelines.items():
            rows = [(stage.stage, stage.label, self._probability(stage)) for stage in stages]
            self.crm.define_pipeline(pipeline_of(pipeline), pipeline_of(pipeline), rows)
        known = {user.id: user for user in self._plot.all(User)}
        for owner in {deal.owner for deal in self._plot.all(Deal)} - {None}:
            first, last = family(known[owner].name if owner in known else str(owner))
            email = f"owner{len(self.ids)}@seller.example"
            self.ids["owners", str(owner)] = self.crm.define_owner(email, first or "", last)

    def _recheck_topics(self) -> list[str]:
        return sorted({topic for row in self._plot.all(Recheck) for topic in row.topics} | {"all"})

    def _probability(self, stage: Stage) -> str:
        """What the world's deals on that stage say, or a chance like any other: HubSpot keeps one per stage."""
        rung = self._plot.world.terms.ladders.get(stage.pipeline, {}).get(stage.stage, stage.closed)
        if rung in (WON, LOST):
            return "1.0" if rung == WON else "0.0"
        said = [
            deal.probability
            for deal in self._plot.all(Deal)
            if (deal.pipeline, deal.stage) == (stage.pipeline, stage.stage) and deal.probability
        ]
        return str(min(said[0], 1)) if said and 0 < said[0] < 1 else "0.5"

    def _make(self, kind: str, name: str, /, **properties: object) -> str:
        given: Values = {key: value for key, value in properties.items() if value is not None}
        self.ids[kind, name] = self.crm.create(kind, **given)
        return self.ids[kind, name]

    def company(self, row: Company) -> None:
        """A company, with its tier as HubSpot's ideal-customer profile."""
        tier = TIERS.get((row.fit_tier or "").strip())
        fit = {"hs_ideal_customer_profile": tier, "fit_score": row.fit_score, "fit_assessed": row.fit_assessed}
        self._make("companies", row.id, name=row.name, **fit)

    def person(self, row: Person) -> None:
        """A contact."""
        first, last = family(row.name)
        address = self._activities.address(row.id)
        self._make("contacts", row.id, firstname=first, lastname=last, jobtitle=row.title, email=address)

    def leaves(self, row: Person) -> None:
        """The day on which a contact leaves."""
        self.crm.update("contacts", self.ids["contacts", row.id], left_on=row.left_on)

    def deal(self, row: Deal, first: Mapping[str, str | None]) -> None:
        """A deal, as its history says it began, with its primary company."""
        values: Values = {CHANGED[name]: value for name, value in first.items() if name != "stage"}
        deal = self._make(
            "deals",
            row.id,
            dealname=row.name,
            pipeline=pipeline_of(row.pipeline),
            dealstage=first["stage"],
            deal_currency_code=row.currency,
            budget=row.budget,
            budget_currency=row.budget_currency,
            need=row.need,
            solution_fit=row.solution_fit,
            hs_manual_forecast_category=row.forecast_category,
            hubspot_owner_id=self.ids.get(("owners", row.owner or "")),
            **values,
        )
        company = self.ids.get(("companies", row.company or ""))
        if company is not None:
            self.crm.associate("deals", deal, "companies", company, label="Primary")

    def change(self, row: Change) -> None:
        """An edit of a deal, by a user or by the app."""
        given: Values = {CHANGED[row.field]: row.new}
        self.crm.update("deals", self.ids["deals", row.deal], by=_writer(row.by), **given)

    def enters(self, row: Link) -> None:
        """An association of deal and contact, under the label of the role."""
        self._standing.setdefault((row.deal, row.person), []).append(row.role)
        label = LABELS[row.role] if row.role in labels(self._plot)[:MOST_LABELS] else None
        self.crm.associate("deals", self.ids["deals", row.deal], *self._contact(row), label=label)

    def withdraws(self, row: Link) -> None:
        """The label is taken away, and the association with it where it was the last."""
        standing = self._standing[row.deal, row.person]
        standing.remove(row.role)
        if row.role in standing:
            return
        label = LABELS.get(row.role) if standing else None
        if label is not None or not standing:
            self.crm.dissociate("deals", self.ids["deals", row.deal], *self._contact(row), label=label)

    def _contact(self, row: Link) -> tuple[str, str]:
        return "contacts", self.ids["contacts", row.person]

    def event(self, row: Event) -> None:
        """An activity, a mail, a quote or a document visit."""
        self._activities.record(row)

    def asked(self, row: Recheck, *, task: bool) -> None:
        """A re-check in the date properties of its topics, or as a task."""
        if not task:
            given: Values = {f"asked_{topic}": row.on for topic in row.topics}
            self.crm.update("deals", self.ids["deals", row.deal], by=_writer(row.by), **given)
            return
        by = {"hs_object_source_id": APP_ID} if row.by == AUDITOR else {}
        done = {"hs_task_status": "COMPLETED", "hs_task_type": recheck_type(row), "hs_timestamp": row.on}
        made = self._make("tasks", row.id, **done, **by)
        self.crm.associate("tasks", made, "deals", self.ids["deals", row.deal])

    def merges(self, loser: Company | Person) -> None:
        """Merged for good; the survivor gets an id that neither had."""
        kind = "companies" if isinstance(loser, Company) else "contacts"
        into, gone = self.ids[kind, str(loser.merged_into)], self.ids[kind, loser.id]
        self.ids[kind, str(loser.merged_into)] = self.crm.merge(kind, into, gone, fresh_id=True)

    def deletes(self, row: Person) -> None:
        """The contact goes to the recycle bin, and its associations are shown no more."""
        self.crm.archive("contacts", self.ids["contacts", row.id])

    def connection(self, base: str) -> Connection:
        """The settings of this portal in crm-audit.toml."""
        terms, events = self._plot.world.terms, self._plot.all(Event)
        roles = {LABELS[role]: role for role in labels(self._plot)[:MOST_LABELS]}
        return Connection.model_validate(
            {
                "vendor": "hubspot",
                "emulator": base,
                "internal_domains": terms.internal_domains,
                "strict_meetings": terms.strict_meetings,
                "sponsor_is_authority": terms.sponsor_is_authority,
                "login": {"access_token": "EMULATED_TOKEN"},
                "fields": self._fields(),
                "roles": {} if "roles" in terms.unmapped else roles,
                "topics": {**activity_types(events), "doc_viewed": ("pricing",)},
                "ladders": {pipeline_of(name): rungs for name, rungs in terms.ladders.items()},
                "options": {"app": APP_ID, "titles": patterns(events), **self._types(events)},
            }
        )

    def _types(self, events: list[Event]) -> Mapping[str, Any]:
        """The types of task that vouch for something or that are re-checks."""
        terms = self._plot.world.terms
        attested = {attestation_type(event): event.topics for event in events if event.kind == "attestation"}
        asked = {recheck_type(row): row.topics for row in self._plot.all(Recheck)}
        return {
            "attestations": {} if "attestation" in terms.unconnected else attested or {"Attested": ()},
            "rechecks": {} if "rechecks" in terms.unmapped else asked,
        }

    def _fields(self) -> Mapping[str, str]:
        """The field map; what the world does not map is left out, or mapped to a property that is not there."""
        unmapped = self._plot.world.terms.unmapped
        fields = {name: name for properties in OWN.values() for name in properties}
        fields |= {"fit_tier": "hs_ideal_customer_profile", "doc_viewed": VISITED}
        if "rechecks" not in unmapped:
            fields |= {f"recheck_{topic}": f"asked_{topic}" for topic in self._recheck_topics()}
        gone = {"fit": ("fit_tier", "fit_score", "fit_assessed"), "budget": ("budget", "budget_currency")}
        for name in unmapped:
            for field in gone.get(name, (name,)):
                fields.pop(field, None)
        return {**fields, **dict.fromkeys(unmapped & {"amount", "close_date"}, WITHHELD)}

    def withhold(self) -> None:
        """Take from the integration what the world says it cannot read."""
        if "roles" in self._plot.world.terms.unmapped:
            self.crm.archive_property("contacts", "hs_buying_role")


def pipeline_of(pipeline: str) -> str:
    """The id of a pipeline: the world puts the CRM before it."""
    return pipeline.removeprefix("hs:")


def _writer(by: str | None) -> Source:
    return APP if by == AUDITOR else USER
