"""Listing a portal's records with what they are associated with, in as few calls as HubSpot's limits allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from crm_audit.connectors.hubspot.events import Activity
from crm_audit.connectors.hubspot.gateway import ASSOCIATIONS, PAGE, PAGE_WITH_HISTORY, Gateway, Json, Query
from crm_audit.connectors.hubspot.links import Contacts
from crm_audit.connectors.hubspot.names import ACTIVITY, MORE, QUOTE_STATUS, TITLES
from crm_audit.connectors.hubspot.portal import Portal
from crm_audit.connectors.hubspot.survey import Shape
from crm_audit.connectors.hubspot.values import text


@dataclass(slots=True)
class Reader:
    """Reads one portal. Names of deals and addresses of contacts are kept for the time of a pull only."""

    gateway: Gateway
    portal: Portal
    shape: Shape
    contacts: Contacts
    deal_names: dict[str, str] = field(default_factory=dict)

    def can(self, *kinds: str) -> bool:
        """All of these objects may be read."""
        return self.shape.properties.keys() >= set(kinds)

    def listed(self, query: Query, after: str | None) -> Iterator[tuple[list[Json], str | None]]:
        """Records in chunks as large as one call for associations takes, and where to go on after each."""
        size = PAGE_WITH_HISTORY if query.history else PAGE
        while True:
            found: list[Json] = []
            while len(found) + size <= ASSOCIATIONS:
                rows, after = self.gateway.page(query, after)
                found += rows
                if after is None:
                    break
            yield found, after
            if after is None:
                return

    def associated(self, kind: str, other: str, *, records: Iterable[Json]) -> dict[str, list[Json]]:
        """Rows of the other kind by record; nothing where that kind may not be read, and the survey says so."""
        if not self.can(other):
            return {}
        return self.gateway.associated(kind, other, ids=(str(one["id"]) for one in records))

    def activities(self, source: str, after: str | None) -> Iterator[tuple[list[Activity], str | None]]:
        """Activities or quotes with their contacts and deals, and where to go on."""
        for found, more in self.listed(self._query(source), after):
            contacts = self.associated(source, "contacts", records=found)
            linked = self.associated(source, "deals", records=found)
            deals = {one: tuple(ids([rows])) for one, rows in linked.items()}
            known = self.contacts.of(ids(contacts.values())) if source == "emails" else {}
            self._learn_names(deals.values())
            yield (
                [
                    Activity(
                        source=source,
                        record=record,
                        portal=self.portal,
                        contacts=tuple(contacts.get(str(record["id"]), ())),
                        deals=deals.get(str(record["id"]), ()),
                        known=known,
                        names=self.deal_names,
                    )
                    for record in found
                ],
                more,
            )

    def _query(self, source: str) -> Query:
        fields = self.portal.fields
        types = {"notes": ("note_type",), "tasks": ("task_type",)}.get(source, ())
        typed = tuple(fields[name] for name in ("activity_type", *types))
        title = (TITLES[source],) if source in TITLES else ()
        history = (QUOTE_STATUS,) if source == "quotes" else ()
        return Query(kind=source, properties=(*ACTIVITY, *MORE[source], *title, *typed), history=history)

    def _learn_names(self, groups: Iterable[tuple[str, ...]]) -> None:
        """Names of deals that share an activity: only there a title decides whose it is (ruling 7)."""
        sharing = {one for deals in groups if len(deals) > 1 for one in deals}
        name = self.portal.fields["name"]
        unknown = sorted(sharing - self.deal_names.keys())
        for one, record in self.gateway.read("deals", unknown, properties=(name,)).items():
            self.deal_names[one] = text(record, name) or ""


def ids(groups: Iterable[Iterable[Json]]) -> list[str]:
    """The ids at the far end of rows of associations, each once."""
    return list(dict.fromkeys(str(row["toObjectId"]) for rows in groups for row in rows))
