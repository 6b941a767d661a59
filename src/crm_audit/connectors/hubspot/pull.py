"""Every kind of record, page by page, resumable at any page.

A kind is read in parts, one after the other; a cursor is `part:after`. A part that may not be read is left out here
and named in the survey.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from crm_audit.connectors.base import Page
from crm_audit.connectors.hubspot import events, links, records
from crm_audit.connectors.hubspot.gateway import Query, Refused
from crm_audit.connectors.hubspot.names import COMPANY, CONTACT, DEAL, HISTORY
from crm_audit.connectors.hubspot.options import ON_COMPANIES, ON_DEALS
from crm_audit.connectors.hubspot.reader import Reader, ids
from crm_audit.connectors.hubspot.values import text
from crm_audit.connectors.options import RECHECK
from crm_audit.domain import Rate, Record
from crm_audit.errors import NoAccess

Chunks = Iterator[tuple[list[Record], str | None]]
"""Records, and where their part goes on; None at its end."""
Part = Callable[[Reader, str | None], Chunks]


def pages(reader: Reader, kind: str, *, cursor: str | None) -> Iterator[Page]:
    """The pages of a kind, on from a cursor; from the beginning where that part can no longer be read.

    Without contacts or companies there is nothing to yield, and the survey makes it unknown; without deals there is
    nothing to audit: NoAccess.
    """
    if not reader.can("deals"):
        raise NoAccess(reader.shape.refusals["deals"])
    parts = {name: part for name, (needs, part) in PARTS[kind].items() if reader.can(*needs)}
    names = list(parts)
    begun, _, after = (cursor or "").partition(":")
    start = names.index(begun) if begun in parts else 0
    for position, name in enumerate(names[start:], start):
        following = f"{names[position + 1]}:" if position + 1 < len(names) else None
        for rows, more in parts[name](reader, after or None if name == begun else None):
            cursor = (f"{name}:{more}" if more else following) or ""
            yield Page(kind=kind, stream=f"{kind}/{name}", rows=tuple(rows), cursor=cursor)


def _stages(reader: Reader, after: str | None) -> Chunks:
    yield [stage for pipeline in reader.gateway.pipelines() for stage in records.stages(pipeline)], None


def _users(reader: Reader, after: str | None, *, archived: bool) -> Chunks:
    more = after
    while True:
        try:
            owners, more = reader.gateway.owners(archived=archived, after=more)
        except NoAccess:
            owners, more = [], None
        yield [records.user(owner) for owner in owners], more
        if more is None:
            return


def _rates(reader: Reader, after: str | None) -> Chunks:
    stated = reader.portal.options.rates
    if stated:
        yield [Rate(id=currency, currency=currency, units=units) for currency, units in stated.items()], None
        return
    try:
        rows = reader.gateway.rates()
    except (NoAccess, Refused):  # without rates a comparison across currencies is unknown, and nothing else
        rows = []
    yield [rate for row in rows if (rate := records.rate(row, reader.portal))], None


def _companies(reader: Reader, after: str | None, *, archived: bool) -> Chunks:
    fields = reader.portal.fields
    mapped = tuple(fields[name] for name in ON_COMPANIES if name in fields)
    scored = tuple(fields[name] for name in ("fit_tier", "fit_score") if name in fields)
    query = Query(
        kind="companies",
        properties=(*COMPANY.values(), *mapped),
        history=() if "fit_assessed" in fields else scored,
        archived=archived,
    )
    for found, more in reader.listed(query, after):
        yield [row for one in found for row in records.company(one, reader.portal)], more


def _people(reader: Reader, after: str | None, *, archived: bool) -> Chunks:
    if after is None and not archived:
        reader.contacts.forget()
    fields = reader.portal.fields
    properties = (*CONTACT.values(), fields["left_on"], fields["buying_role"])
    for found, more in reader.listed(Query(kind="contacts", properties=properties, archived=archived), after):
        for record in () if archived else found:
            reader.contacts.learn(record)
        yield [row for one in found for row in records.person(one, reader.portal)], more


def _deals(reader: Reader, after: str | None) -> Chunks:
    if after is None:
        reader.deal_names.clear()
    portal = reader.portal
    properties = tuple(portal.fields[name] for name in (*DEAL, *ON_DEALS) if name in portal.fields)
    for found, more in reader.listed(Query(kind="deals", properties=properties), after):
        reader.deal_names.update((str(one["id"]), text(one, portal.fields["name"]) or "") for one in found)
        companies = reader.associated("deals", "companies", records=found)
        yield (
            [
                records.deal(one, portal, company_id=records.primary_company(companies.get(str(one["id"]), ())))
                for one in found
            ],
            more,
        )


def _links(reader: Reader, after: str | None) -> Chunks:
    for found, more in reader.listed(Query(kind="deals"), after):
        associated = reader.associated("deals", "contacts", records=found)
        known = reader.contacts.of(ids(associated.values()))
        yield (
            [
                link
                for deal, rows in associated.items()
                for link in links.links(deal, rows, known=known, portal=reader.portal)
            ],
            more,
        )


def _events(reader: Reader, after: str | None, *, source: str) -> Chunks:
    for activities, more in reader.activities(source, after):
        yield [event for activity in activities for event in events.SOURCES[source](activity)], more


def _views(reader: Reader, after: str | None) -> Chunks:
    mapped = reader.portal.fields.get("doc_viewed")
    if mapped is None:
        yield [], None
        return
    for found, more in reader.listed(Query(kind="contacts", properties=(mapped,)), after):
        yield [event for record in found for event in events.view(record, reader.portal)], more


def _deal_rechecks(reader: Reader, after: str | None) -> Chunks:
    mapped = tuple(field for name, field in reader.portal.fields.items() if name.startswith(RECHECK))
    if not mapped:
        yield [], None
        return
    for found, more in reader.listed(Query(kind="deals", properties=mapped, history=mapped), after):
        yield [one for record in found for one in records.rechecks(record, reader.portal)], more


def _task_rechecks(reader: Reader, after: str | None) -> Chunks:
    if not reader.portal.options.rechecks:
        yield [], None
        return
    for activities, more in reader.activities("tasks", after):
        yield [one for activity in activities for one in events.rechecks(activity)], more


def _history(reader: Reader, after: str | None) -> Chunks:
    past = tuple(reader.portal.fields[name] for name in HISTORY)
    for found, more in reader.listed(Query(kind="deals", history=past), after):
        yield [change for record in found for change in records.changes(record, reader.portal)], more


PARTS: Mapping[str, Mapping[str, tuple[tuple[str, ...], Part]]] = {
    "stages": {"pipelines": (("deals",), _stages)},
    "users": {"live": ((), partial(_users, archived=False)), "archived": ((), partial(_users, archived=True))},
    "rates": {"rates": ((), _rates)},
    "companies": {
        "archived": (("companies",), partial(_companies, archived=True)),
        "live": (("companies",), partial(_companies, archived=False)),
    },
    "people": {
        "archived": (("contacts",), partial(_people, archived=True)),
        "live": (("contacts",), partial(_people, archived=False)),
    },
    "deals": {"deals": (("deals",), _deals)},
    "links": {"deals": (("deals", "contacts"), _links)},
    "events": {source: ((source,), partial(_events, source=source)) for source in events.SOURCES}
    | {"views": (("contacts",), _views)},
    "rechecks": {"deals": (("deals",), _deal_rechecks), "tasks": (("tasks",), _task_rechecks)},
    "history": {"deals": (("deals",), _history)},
}
"""Kind -> its parts in order, with the objects each needs. Archived before live: a merge has the last word."""
