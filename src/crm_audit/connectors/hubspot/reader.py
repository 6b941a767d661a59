"""What a group of records needs beside itself: who is on a deal, who wrote a mail, what deals are called.

Most of it the store knows already; HubSpot is asked only for what it has never told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from crm_audit.connectors.base import Known
from crm_audit.connectors.hubspot import links, records
from crm_audit.connectors.hubspot.events import SOURCES, Activity
from crm_audit.connectors.hubspot.gateway import Gateway, Json, Query
from crm_audit.connectors.hubspot.inline import Inline
from crm_audit.connectors.hubspot.names import MORE
from crm_audit.connectors.hubspot.portal import Portal
from crm_audit.connectors.hubspot.sources import Source
from crm_audit.connectors.hubspot.survey import Shape
from crm_audit.connectors.hubspot.values import text
from crm_audit.domain import Deal, Link, Person

NOBODY: Mapping[str, Person] = {}


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one portal during one run. Nothing of its records stays here."""

    gateway: Gateway
    portal: Portal
    shape: Shape
    sources: Mapping[str, Source]
    known: Known
    inline: Inline

    def can(self, *kinds: str) -> bool:
        """All of these objects may be read."""
        return self.shape.properties.keys() >= set(kinds)

    def person(self, record: Json) -> list[Person]:
        """A contact, and each record that was merged into it."""
        return records.person(record, self.portal, hashed=self.known.hashed)

    def stored_people(self, ids: Iterable[str]) -> dict[str, Person]:
        """Contacts as the store knows them."""
        stored = self.known.records("people", dict.fromkeys(ids))
        return {one: person for one, person in stored.items() if isinstance(person, Person)}

    def people(self, ids: Iterable[str], fresh: Mapping[str, Person]) -> dict[str, Person]:
        """Contacts by id: as just read, else as the store knows them, else as HubSpot has them."""
        wanted = list(dict.fromkeys(ids))
        found = {one: fresh[one] for one in wanted if one in fresh}
        found |= self.stored_people(one for one in wanted if one not in found)
        query = Query(kind="contacts", properties=self.sources["contacts"].properties)
        for one, record in self.gateway.read(query, [one for one in wanted if one not in found]).items():
            found[one] = self.person(record)[0]
        return found

    def links(self, deals: Sequence[str], fresh: Mapping[str, Person] = NOBODY) -> list[Link]:
        """Who is on these deals; `fresh` people have just been read and are not in the store yet."""
        rows = self.associated("deals", "contacts", ids=deals)
        people = self.people(ids(rows.values()), fresh)
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

    def tells(self, source: Source, record: Json) -> bool:
        """Whether a record that was searched becomes anything, or was a re-check; a search does not show the past."""
        if source.kind not in SOURCES or source.history or (source.kind == "tasks" and self.portal.options.rechecks):
            return True
        bare = Activity(source=source.kind, record=record, portal=self.portal)
        return next(SOURCES[source.kind](bare), None) is not None

    def activities(self, source: str, found: Sequence[Json], fresh: Mapping[str, Person] = NOBODY) -> list[Activity]:
        """Activities or quotes with their contacts and deals."""
        keys = [str(one["id"]) for one in found]
        contacts = self.associated(source, "contacts", ids=keys)
        deals = self._deals_of(source, found)
        people = self.people(ids(contacts.values()), fresh) if source == "emails" and contacts else {}
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

    def note_activities(self, deals: Sequence[Json]) -> None:
        """Keep which activities listed deals name, for when these are read."""
        kinds = [kind for kind in self.sources["deals"].associations if kind in MORE and self.can(kind)]
        self.inline.note(self.gateway, deals, kinds)

    def _deals_of(self, source: str, found: Sequence[Json]) -> dict[str, tuple[str, ...]]:
        told = self.inline.deals(source, found)
        asked = self.associated(
            source, "deals", ids=[one for record in found if (one := str(record["id"])) not in told]
        )
        told |= {one: ids([rows]) for one, rows in asked.items()}
        return {one: tuple(sorted(deals, key=int)) for one, deals in told.items()}

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
