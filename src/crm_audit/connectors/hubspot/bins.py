"""The recycle bin of each object: archived records vanish from lists and searches without any other trace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crm_audit.connectors.hubspot import events, records
from crm_audit.connectors.hubspot.feeds import DATES, LINKS, Share, Shares, relinked
from crm_audit.connectors.hubspot.gateway import Json
from crm_audit.connectors.hubspot.reader import Reader
from crm_audit.connectors.hubspot.values import merged_ids


def pages(reader: Reader, kind: str, *, after: str | None) -> Iterator[tuple[list[Json], str | None]]:
    """Archived records, and where to go on; the first page was read when the portal was surveyed."""
    found, more = reader.shape.bins[kind] if after is None else _page(reader, kind, after)
    yield found, more
    while more is not None:
        found, more = _page(reader, kind, more)
        yield found, more


def _page(reader: Reader, kind: str, after: str) -> tuple[list[Json], str | None]:
    return reader.gateway.page(reader.sources[kind].binned(), after)


def shares(reader: Reader, kind: str, found: Sequence[Json]) -> Shares:
    """What archived records mean, stream by stream: deleted people and companies stay known, all else is gone."""
    if kind == "companies":
        return {stream(kind): Share(row for one in found for row in records.company(one, reader.portal))}
    if kind == "contacts":
        people = [row for one in found for row in reader.person(one)]
        return {
            LINKS: relinked(reader, people, reader.stored_people(one.id for one in people)),
            stream(kind): Share(people),
        }
    ids = [each for one in found for each in (str(one["id"]), *merged_ids(one))]
    if kind == "deals":
        gone = list(reader.known.records("deals", ids))
        return {LINKS: Share(deals=gone), DATES: Share(deals=gone), stream(kind): Share(gone=gone)}
    told = [event for one in ids for event in events.ids(kind, one)]
    return {stream(kind): Share(gone=list(reader.known.records("events", told)))}


def stream(kind: str) -> str:
    """The stream of an object's bin."""
    return f"{kind}/bin"
