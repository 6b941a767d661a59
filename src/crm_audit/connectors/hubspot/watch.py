"""Properties that vanish while they are read: HubSpot then gives nothing, without an error. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from crm_audit.connectors.hubspot.gateway import Json
from crm_audit.connectors.hubspot.sources import Source


@dataclass(slots=True)
class Watch:
    """Notes, object by object, which properties the latest records lack altogether."""

    doubtful: dict[str, frozenset[str]] = field(default_factory=dict)

    def see(self, source: Source, records: Sequence[Json], *, has: frozenset[str]) -> None:
        """Look at the latest records of an object that had these properties when the run began."""
        if records:
            values = [one.get("properties") or {} for one in records]
            self.doubtful[source.kind] = frozenset(
                name for name in source.properties if name in has and _is_lost(name, values, vital=name in source.vital)
            )


def _is_lost(name: str, values: Sequence[Mapping[str, object]], *, vital: bool) -> bool:
    """Not even there as empty, or empty everywhere where that can hardly be."""
    return all(name not in one or (vital and not one[name]) for one in values)
