"""What a group of records needs beside itself: who is on a deal, who wrote a mail, what deals are called.

Most of it the store knows already; HubSpot is asked only for what it has never told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from crm_audit.connectors.base import Known
from crm_audit.connectors.hubspot import links, records
from crm_audit.connectors.hubspot.events import Activity
from crm_audit.connectors.hubspot.gateway import Gateway, Json, Query
from crm_audit.connectors.hubspot.portal import Portal
from crm_audit.connectors.hubspot.sources import Source
from crm_audit.connectors.hubspot.survey import Shape
from crm_audit.connectors.hubspot.values import text
from crm_audit.domain import Deal, Link, Person


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one portal during one run. Nothing of its records stays here."""

    gateway: Gateway
    portal: Portal
    shape: Shape
    sources: Mapping[str, Source]
    known: Known

    def can(self, *kinds: str) -> bool:
        """All of these objects may be read."""
        return self.shape.properties.keys() >= set(kinds)

    def person(self, record: Json) -> list[Person]:
        """A contact, and each record that was merged into it."""
        return records.person(record, self.portal, hashed=self.known.hashed)

    def people(self, ids: Iterable[str]) -> dict[str, Person]:
        """Contacts by id: as the store knows them, or where it does not, as HubSpot has them now."""
        wanted = list(dict.fromkeys(ids))
        stored = self.known.records("people", wanted)
        found = {one: person for one, person in stored.items() if isinstance(person, Person)}
        query = Query(kind="contacts", properties=self.sources["contacts"].properties)
        for one, record in self.gateway.read(query, [one for one in wanted if one not in found]).items():
            found[one] = self.person(record)[0]
        return found

    def links(self, deals: Sequence[str], fresh: Mapping[str, Person] | None = None) -> list[Link]:
        """Who is on these deals; `fresh` people have just been read and are not in the store yet."""
        rows = self.associated("deals", "contacts", ids=deals)
        on_them = ids(rows.values())
        people = self.people(one for one in on_them if not fresh or one not in fresh)
        people |= {one: fresh[one] for one in on_them if one in fresh} if fresh else {}
        return [
            link for deal, on_it in rows.items() for link in links.links(deal, on_it, people=people, portal=self.portal)
        ]

    def associated(self, kind: str, other: str, *, ids: Iterable[str]) -> dict[str, list[Json]]:
        """Rows of the other kind by record; nothing where that kind may not be read, and the survey says so."""
        return self.gateway.associated(kind, other, ids=ids) if self.can(other) else {}

    def companies(self, deals: Sequence[Json], *, inline: bool) -> dict[str, str | None]:
        """The primary company of each deal, told by the listed deals themselves as far as they do."""
        told: dict[str, str | None] = {}
        for deal in deals if inline else ():
            is_told, company = records.told_inline(deal)
            if is_told:
                told[str(deal["id"])] = company
        rows = self.associated(
            "deals", "companies", ids=(one for deal in deals if (one := str(deal["id"])) not in told)
        )
        return told | {deal: records.primary_company(on_it) for deal, on_it in rows.items()}

    def activities(self, source: str, found: Sequence[Json]) -> list[Activity]:
        """Activities or quotes with their contacts and deals."""
        keys = [str(one["id"]) for one in found]
        contacts = self.associated(source, "contacts", ids=keys)
        deals = {one: tuple(ids([rows])) for one, rows in self.associated(source, "deals", ids=keys).items()}
        people = self.people(ids(contacts.values())) if source == "emails" and self.can("contacts") else {}
        names = self._names(one for on in deals.values() if len(on) > 1 for one in on)
        return [
            Activity(
                source=source,
                record=record,
                portal=self.portal,
                contacts=tuple(contacts.get(one, ())),
                deals=deals.get(one, ()),
                known=people,
                hashed=self.known.hashed,
                names=names,
            )
            for one, record in zip(keys, found, strict=True)
        ]

    def _names(self, ids: Iterable[str]) -> dict[str, str]:
        """Names of deals that share an activity: only there a title decides whose it is (ruling 7)."""
        wanted = list(dict.fromkeys(ids))
        stored = self.known.records("deals", wanted)
        found = {one: deal.name for one, deal in stored.items() if isinstance(deal, Deal)}
        name = self.portal.fields["name"]
        query = Query(kind="deals", properties=(name,))
        for one, record in self.gateway.read(query, [one for one in wanted if one not in found]).items():
            found[one] = text(record, name) or ""
        return found


def ids(groups: Iterable[Iterable[Json]]) -> list[str]:
    """The ids at the far end of rows of associations, each once."""
    return list(dict.fromkeys(str(row["toObjectId"]) for rows in groups for row in rows))
