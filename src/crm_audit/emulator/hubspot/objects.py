"""Endpoints that read under `/crm/objects/{version}/{type}`: lists, single records, batches, the search."""

from __future__ import annotations

from collections.abc import Collection

from crm_audit.emulator.hubspot.bodies import BatchRead, Search, parse
from crm_audit.emulator.hubspot.calls import Call, type_named
from crm_audit.emulator.hubspot.catalogue import ObjectType
from crm_audit.emulator.hubspot.records import visible
from crm_audit.emulator.hubspot.refusals import invalid, no_record
from crm_audit.emulator.hubspot.searching import Matcher, refuse_excess
from crm_audit.emulator.hubspot.state import Portal
from crm_audit.emulator.hubspot.values import iso
from crm_audit.emulator.hubspot.views import Json, Wanted, record_view, record_views
from crm_audit.emulator.server import Response

MOST, MOST_WITH_HISTORY = 100, 50


def list_records(portal: Portal, call: Call) -> Response:
    """A page of records in the order of ids; `after` is the last id plus one, so a record in between is not lost."""
    wanted = call.wanted()
    limit = call.limit(10, MOST_WITH_HISTORY if wanted.history else MOST)
    shelf = portal.shelves[call.kind.plural]
    rows = shelf.listed(since=call.number("after", 0), limit=limit + 1, archived=call.archived)
    body: Json = {"results": record_views(portal, call.kind, rows[:limit], wanted)}
    if len(rows) > limit:
        body["paging"] = call.paging(str(int(rows[limit - 1].id) + 1))
    return Response(200, body)


def get_record(portal: Portal, call: Call) -> Response:
    """One record; the id of a merged one gives the survivor."""
    record = portal.shelves[call.kind.plural].find(call.names["id"])
    if record is None or not visible(record, archived=call.archived):
        raise no_record()
    return Response(200, record_view(portal, call.kind, record, call.wanted()))


def batch_read(portal: Portal, call: Call) -> Response:
    """Records by id, in no promised order; missing, archived and merged ids are errors inside a 207."""
    body = parse(BatchRead, call.request)
    refuse_crowd(len(body.inputs), history=bool(body.history))
    rows = portal.shelves[call.kind.plural].rows
    ids = {one.id for one in body.inputs}
    found = [rows[one] for one in sorted(ids & rows.keys(), key=int)]
    seen = [record for record in found if visible(record, archived=call.archived)]
    wanted = Wanted(body.properties, body.history)
    return batch_answer(portal, call.kind, record_views(portal, call.kind, seen, wanted), ids)


def search(portal: Portal, call: Call) -> Response:
    """Records that match; archived ones never do."""
    body = parse(Search, call.request)
    refuse_excess(body, call.request.body)
    kind = call.kind
    kinds = {name: definition.kind for name, definition in portal.schema.properties[kind.plural].items()}

    shelf = portal.shelves[kind.plural]

    def linked(other: str, ids: Collection[str]) -> Collection[str]:
        pair = type_named(other).plural, kind.plural
        return {mine for one in ids for mine in portal.links.of(pair, one)}

    matcher = Matcher(kinds, kind.modified, linked)
    found = matcher.find(body, shelf.indexed(portal.now()), shelf.index)
    end = body.after + body.limit
    rows = record_views(portal, kind, found.page(body.after, body.limit), Wanted(body.properties))
    answer: Json = {"total": found.total, "results": rows}
    if end < found.total:
        answer["paging"] = {"next": {"after": str(end)}}  # a search gives no link
    return Response(200, answer)


def refuse_crowd(asked: int, *, history: bool) -> None:
    """Raise Refusal (400) for a batch that is too large."""
    most = MOST_WITH_HISTORY if history else MOST
    what = " for property histories" if history else ""
    if asked > most:
        raise invalid(f"The maximum number of inputs supported in a batch request{what} is {most}")


def batch_answer(portal: Portal, kind: ObjectType, results: list[Json], asked: set[str]) -> Response:
    """A batch's results; ids that are not among them make it a 207, unless the portal keeps quiet about them."""
    now = iso(portal.now())
    body: Json = {"completedAt": now, "status": "COMPLETE", "startedAt": now, "results": results}
    if portal.short_batches:
        return Response(200, {**body, "results": results[:-1]})
    missing = sorted(asked - {str(row["id"]) for row in results})
    if not missing:
        return Response(200, body)
    message = (
        f"Could not get some {kind.singular.upper()} objects, they may be deleted or not exist. "
        "Check that ids are valid."
    )
    error = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": message, "context": {"ids": missing}}
    return Response(207, body | {"errors": [error], "numErrors": 1})
