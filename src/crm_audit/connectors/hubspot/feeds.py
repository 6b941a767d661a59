"""What a group of records of one HubSpot object becomes, stream by stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from crm_audit.connectors.hubspot import answers, events, records
from crm_audit.connectors.hubspot.names import ANSWER, MORE
from crm_audit.connectors.hubspot.reader import NOBODY, Reader, ids
from crm_audit.connectors.hubspot.values import merged_ids
from crm_audit.connectors.hubspot.walks import Group
from crm_audit.connectors.options import RECHECK
from crm_audit.domain import Person, Record

LINKS, DATES, ANSWERED = "links", "rechecks/deals", "answers/deals"


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a group that goes to one stream; the fields are those of a page."""

    rows: Iterable[Record] = ()
    gone: Iterable[str] = ()
    deals: Iterable[str] = ()


Shares = Mapping[str, Share]
"""Stream -> its share."""


@dataclass(frozen=True, slots=True)
class Feed:
    """One HubSpot object, and the streams that it feeds, each with its kind, in the order in which they are saved."""

    source: str
    streams: Mapping[str, str]
    shares: Callable[[Reader, Group], Shares]
    needs: Mapping[str, Callable[[Reader], bool]] = field(default_factory=dict)  # of streams that are not always fed

    def fed(self, reader: Reader) -> dict[str, str]:
        """The streams that this portal feeds under these settings."""
        return {
            stream: kind
            for stream, kind in self.streams.items()
            if stream not in self.needs or self.needs[stream](reader)
        }


def _companies(reader: Reader, group: Group) -> Shares:
    return {"companies": Share(row for one in group.records for row in records.company(one, reader.portal))}


def _contacts(reader: Reader, group: Group) -> Shares:
    people = [row for one in group.records for row in reader.person(one)]
    stored = reader.stored_people(one.id for one in people)
    seen = [event for one in group.records for event in events.view(one, reader.portal)]
    viewers = {one.id for one in seen}
    unseen = [one for record in group.records if (one := events.view_id(str(record["id"]))) not in viewers]
    return {
        "events/views": Share(seen, gone=unseen),
        LINKS: relinked(reader, people, stored),
        "people": Share(people),
        **_readdressed(reader, people, stored),
    }


def relinked(reader: Reader, people: Iterable[Person], stored: Mapping[str, Person]) -> Share:
    """The links of all deals on which these people stand otherwise than the store has it, closed deals included."""
    fresh = {one.id: one for one in people}
    moved = [one for one, old in stored.items() if _place(old) != _place(fresh[one])]
    deals = list(reader.known.deals_of(moved)) if moved else []
    return Share(reader.links(deals, fresh), deals=deals) if deals else Share()


def _place(person: Person) -> tuple[object, ...]:
    """What of a person tells what he is on deals."""
    return person.roles, person.merged_into, person.deleted


def _readdressed(reader: Reader, people: Iterable[Person], stored: Mapping[str, Person]) -> Shares:
    """The mails of people whose addresses changed: the address tells who wrote them, and no mail changes with it."""
    fresh = {one.id: one for one in people if not one.deleted and one.merged_into is None}
    moved = [one for one in fresh if one in stored and stored[one].addresses != fresh[one].addresses]
    if not moved or not reader.can("emails"):
        return {}
    mails = ids(reader.associated("contacts", "emails", ids=moved).values())
    found = [*reader.gateway.read(reader.sources["emails"].query(), mails).values()]
    return _activities(reader, Group(found, after=None, whole=False), source="emails", fresh=fresh)


def _deals(reader: Reader, group: Group) -> Shares:
    portal, found = reader.portal, group.records
    companies = reader.companies(found, inline=group.whole)
    if group.whole:
        reader.note_activities(found)
    gone = [*group.missing, *(old for one in found for old in merged_ids(one))]
    deals = [str(one["id"]) for one in found]
    known = reader.known.records("answers", [each for one in found for each in answers.ids(one)])
    return {
        ANSWERED: Share((row for one in found for row in answers.answers(one, portal, known)), deals=[*deals, *gone]),
        "history": Share(change for one in found for change in records.changes(one, portal)),
        DATES: Share((row for one in found for row in records.rechecks(one, portal)), deals=[*deals, *gone]),
        LINKS: Share(reader.links(deals) if reader.can("contacts") else (), deals=[*deals, *gone]),
        "deals": Share(
            (records.deal(one, portal, company_id=companies.get(str(one["id"]))) for one in found), gone=gone
        ),
    }


def _activities(reader: Reader, group: Group, *, source: str, fresh: Mapping[str, Person] = NOBODY) -> Shares:
    telling = [one for one in group.records if reader.tells(reader.sources[source], one)]
    made = reader.activities(source, telling, fresh)
    told = [event for one in made for event in events.SOURCES[source](one)]
    seen = [*group.missing, *(str(one["id"]) for one in group.records)]
    untold = {one for record in seen for one in events.ids(source, record)} - {event.id for event in told}
    shares = {f"events/{source}": Share(told, gone=sorted(untold))}
    if source == "tasks":
        asked = [row for one in made for row in events.rechecks(one)]
        unasked = {f"{one.id}:{deal}" for one in made for deal in one.deals} - {row.id for row in asked}
        shares["rechecks/tasks"] = Share(asked, gone=sorted(unasked))
    return shares


def _has_dates(reader: Reader) -> bool:
    return any(name.startswith(RECHECK) for name in reader.portal.fields)


COMPANIES = Feed("companies", {"companies": "companies"}, _companies)
CONTACTS = Feed(
    "contacts",
    {"events/views": "events", "people": "people"},
    _contacts,
    needs={"events/views": lambda reader: reader.shape.has("contacts", reader.portal.fields.get("doc_viewed"))},
)
DEALS = Feed(
    "deals",
    {"history": "history", DATES: "rechecks", ANSWERED: "answers", LINKS: "links", "deals": "deals"},
    _deals,
    needs={
        DATES: _has_dates,
        ANSWERED: lambda reader: reader.shape.has("deals", ANSWER),
        LINKS: lambda reader: reader.can("contacts"),
    },
)
ACTIVITIES = tuple(
    Feed(
        source,
        ({"rechecks/tasks": "rechecks"} if source == "tasks" else {}) | {f"events/{source}": "events"},
        partial(_activities, source=source),
        needs={"rechecks/tasks": lambda reader: bool(reader.portal.options.rechecks)},
    )
    for source in MORE
)
KINDS_OF: Mapping[str, str] = {
    **{stream: kind for feed in (COMPANIES, CONTACTS, DEALS, *ACTIVITIES) for stream, kind in feed.streams.items()},
    **{f"{feed.source}/bin": [*feed.streams.values()][-1] for feed in (COMPANIES, CONTACTS, DEALS, *ACTIVITIES)},
}
"""Stream -> the kind that it feeds. The bin of an object tells of what the object itself becomes, its last stream."""
