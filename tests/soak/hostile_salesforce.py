"""A Salesforce org that shows verdicts, and whose admin has flows against every write."""

from __future__ import annotations

from collections.abc import Mapping

from crm_audit.config import Connection
from crm_audit.connectors.salesforce import own
from crm_audit.emulator.automation import Change
from crm_audit.emulator.salesforce.automations import hostile
from crm_audit.emulator.soql.schema import Row
from tests.soak.hostile import Spot
from tests.soak.life import Step
from tests.soak.life_salesforce import STAGES, SalesforceLife

WORDS = (None, "by hand", "Quiet for a while")
LADDER = dict(zip(STAGES, (0, 2, 3, 4, "won", "lost"), strict=True))
OURS: Mapping[str, set[str]] = {
    own.VERDICT: {"Opportunity__c", "Connection__c", own.KEY, *own.SAID},
    own.DEAL: {own.LOOKUP},
    own.CONNECTION: {own.CONNECTION_KEY, own.HEARTBEAT},
}


class HostileSalesforce(SalesforceLife):
    """An org with our package."""

    writing = r"PATCH .*/composite/sobjects(/CRM_Audit_Verdict__c/Deal_Id__c)?$"

    def __init__(self) -> None:
        super().__init__()
        self.crm.install_kit()
        self.hostile = hostile(self.crm)
        self.automations = self.crm.automations
        self._strict = False
        self.crm.refuse("Opportunity", self._refused, message="Enter an amount first.")
        self.crm.refuse(own.VERDICT, self._refused_verdict, message="Not while it is overstated.")

    @property
    def steps(self) -> Mapping[str, Step]:
        """Everything that can happen, by name."""
        late = ("a long transaction",)  # shows later what the round before could not see
        usual = {name: step for name, step in super().steps.items() if name not in late}
        return {
            **usual, "ours edited by hand": self._edit_ours, "ours deleted": self._drop_ours,
            "a deal copied": self._copy, "a rule of the admin's": self._rule, "a deal submitted": self._submit,
        }  # fmt: skip

    def connection(self, base: str) -> Connection:
        """The settings of a connection that writes."""
        settings = super().connection(base).model_dump(mode="json", exclude_defaults=True)
        return Connection.model_validate({**settings, "ladder": "annotate", "ladders": {"*": LADDER}})

    def ours(self, change: Change) -> bool:
        """Whether we wrote it."""
        return change.by == self.crm.integration_user and change.automation is None

    def place(self, change: Change) -> tuple[str, str] | None:
        """The deal and the place that a write of ours changed; None for the heartbeat."""
        if change.kind == own.DEAL:
            return change.record, own.DEAL
        row = self.crm.row(change.kind, change.record) or {}
        return (str(row[own.KEY]), own.VERDICT) if change.kind == own.VERDICT else None

    def foreign(self, change: Change) -> set[str]:
        """What of a write of ours is not ours to write."""
        return set(change.after) - OURS.get(change.kind, set())

    def held(self, spot: Spot) -> object:
        """What a field of ours holds now."""
        deal, place, field = spot
        if place == own.DEAL:
            return (self.crm.row(place, deal) or {}).get(field)
        return next((row.get(field) for row in self._live(place) if row[own.KEY] == deal), None)

    def calm(self) -> None:
        """No rule, no approval; the automations stay."""
        self._strict = False
        for deal in self._live("Opportunity"):
            self.crm.recall(str(deal["Id"]))
        super().calm()

    def _refused(self, before: Row | None, after: Row) -> bool:
        return self._strict and before is not None and after.get("Amount") is None

    def _refused_verdict(self, before: Row | None, after: Row) -> bool:
        return self._strict and after.get("Status__c") == "overstated"

    def _edit_ours(self, one: int, other: int) -> None:
        if verdict := self._pick(own.VERDICT, one):
            self.crm.update(own.VERDICT, verdict, Next_Step__c=WORDS[other % len(WORDS)])

    def _drop_ours(self, one: int, other: int) -> None:
        if verdict := self._pick(own.VERDICT, one):
            self.crm.delete(own.VERDICT, verdict)

    def _copy(self, one: int, other: int) -> None:
        if deal := self._pick("Opportunity", one):
            self.crm.clone("Opportunity", deal)

    def _submit(self, one: int, other: int) -> None:
        """For approval: until it is decided, which it may be at once, we may not change the deal."""
        if deal := self._pick("Opportunity", one):
            self.crm.submit(deal)
            if other % 3 == 0:
                self.crm.recall(deal)

    def _rule(self, one: int, other: int) -> None:
        self._strict = bool(one % 2)
