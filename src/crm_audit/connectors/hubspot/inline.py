"""Which activities every deal named when all deals were listed: on disk, and only for the time of one run.

It saves a call for every thousand activities. What changed since that list began has to be asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from crm_audit.connectors.hubspot.gateway import Gateway, Json
from crm_audit.connectors.hubspot.values import instant
from crm_audit.connectors.scratch import Scratch


@dataclass(slots=True)
class Inline:
    """The deals of activities, by object and id."""

    scratch: Scratch
    until: datetime | None = None  # nothing changed later than this is told here; None: not all deals were listed

    def note(self, gateway: Gateway, deals: Sequence[Json], kinds: Iterable[str]) -> None:
        """Set aside what listed deals say; a deal with more than fits on it is asked again."""
        for kind in kinds:
            told = {str(deal["id"]): (deal.get("associations") or {}).get(kind) or {} for deal in deals}
            crowded = gateway.associated("deals", kind, ids=[deal for deal, one in told.items() if one.get("paging")])
            self.scratch.put(kind, _pairs(told, crowded))

    def deals(self, kind: str, records: Sequence[Json]) -> dict[str, list[str]]:
        """The deals of those records about which this can tell, each of them in the answer."""
        if self.until is None:
            return {}
        old = [str(one["id"]) for one in records if _before(one, self.until)]
        found = self.scratch.of(kind, old)
        return {one: [str(row["deal"]) for row in found.get(one, ())] for one in old}


def _pairs(told: dict[str, Json], crowded: dict[str, list[Json]]) -> Iterator[tuple[str, dict[str, str]]]:
    for deal, one in told.items():
        if deal in crowded:
            activities = [row["toObjectId"] for row in crowded[deal]]
        else:
            activities = [row["id"] for row in one.get("results") or ()]
        for activity in dict.fromkeys(map(str, activities)):
            yield activity, {"deal": deal}


def _before(record: Json, until: datetime) -> bool:
    changed = instant(str(record.get("updatedAt") or ""))
    return changed is not None and changed < until
