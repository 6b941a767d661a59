"""A HubSpot portal that shows verdicts, and whose admin has workflows against every write."""

from __future__ import annotations

from collections.abc import Mapping

from crm_audit.config import Connection
from crm_audit.connectors.hubspot.names import OWN
from crm_audit.emulator.automation import Change
from crm_audit.emulator.hubspot.automations import hostile
from crm_audit.emulator.hubspot.gate import Limits
from crm_audit.emulator.hubspot.state import APP
from tests.soak.hostile import Spot
from tests.soak.life import Step
from tests.soak.life_hubspot import STAGES, HubspotLife

OURS = tuple(OWN.values())
WORDS = ("", "by hand", "Quiet for a while")
LADDER = dict(zip(STAGES, (0, 2, 3, 4, "won", "lost"), strict=True))


class HostileHubspot(HubspotLife):
    """A portal with our properties; its search index does not lag, so that a round sees all that was before it."""

    writing = r"POST .*/deals/batch/update$"

    def __init__(self) -> None:
        super().__init__()
        self.crm.install_kit()
        self.crm.search_lag *= 0
        self.crm.limits = Limits()
        self.hostile = hostile(self.crm)
        self.automations = self.crm.automations

    @property
    def steps(self) -> Mapping[str, Step]:
        """Everything that can happen, by name."""
        return {
            **super().steps, "ours edited by hand": self._edit_ours, "a deal copied": self._copy,
            "a deal locked": self._lock, "a rule of the admin's": self._rule,
        }  # fmt: skip

    def connection(self, base: str) -> Connection:
        """The settings of a connection that writes."""
        settings = super().connection(base).model_dump(mode="json", exclude_defaults=True)
        return Connection.model_validate({**settings, "ladder": "annotate", "ladders": {"default": LADDER}})

    def ours(self, change: Change) -> bool:
        """Whether we wrote it."""
        return change.by == APP.kind and change.automation is None

    def place(self, change: Change) -> tuple[str, str] | None:
        """The deal and the place that a write of ours changed."""
        return change.record, "deal"

    def foreign(self, change: Change) -> set[str]:
        """What of a write of ours is not ours to write."""
        return set(change.after) - set(OURS) if change.kind == "deals" else {change.kind}

    def held(self, spot: Spot) -> object:
        """What a field of ours holds now."""
        record = self.crm.shelves["deals"].live(spot[0])
        return record.values.get(spot[2]) if record else None

    def calm(self) -> None:
        """No lock, no rule; the automations stay."""
        self.crm.rules.clear()
        super().calm()

    def _edit_ours(self, one: int, other: int) -> None:
        if deal := self._pick("deals", one):
            self.crm.update("deals", deal, crm_audit_next_step=WORDS[other % len(WORDS)])

    def _copy(self, one: int, other: int) -> None:
        if deal := self._pick("deals", one):
            self.crm.clone("deals", deal)

    def _lock(self, one: int, other: int) -> None:
        if deal := self._pick("deals", one):
            self.crm.lock("deals", deal, seconds=other % 90)

    def _rule(self, one: int, other: int) -> None:
        """While a deal is overstated, it needs a description: calls that say so of one without are refused."""
        self.crm.rules.clear()
        if one % 2:
            self.crm.require("deals", "description", when=("crm_audit_status", "overstated"))
