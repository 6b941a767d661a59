"""Endpoints under `/crm/objects/{version}/{type}`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import islice

from crm_audit.emulator.hubspot.bodies import BatchRead, BatchUpdate, Change, Search, parse
from crm_audit.emulator.hubspot.calls import Call, type_named
from crm_audit.emulator.hubspot.catalogue import ObjectType
from crm_audit.emulator.hubspot.records import Record, visible
from crm_audit.emulator.hubspot.refusals import Complaint, invalid, invalid_properties, no_record
from crm_audit.emulator.hubspot.searching import Matcher, in_order, refuse_excess
from crm_audit.emulator.hubspot.state import APP, Portal
from crm_audit.emulator.hubspot.values import BadValue, iso, stored
from crm_audit.emulator.hubspot.views import Json, Wanted, record_view
from crm_audit.emulator.server import Response

MOST, MOST_WITH_HISTORY = 100, 50


def list_records(portal: Portal, call: Call) -> Response:
    """A page of records in the order of ids; `after` is the last id plus one, so a record in between is not lost."""
    wanted = call.wanted()
    limit = call.limit(10, MOST_WITH_HISTORY if wanted.history else MOST)
    shelf = portal.shelves[call.kind.plural]
    listed = shelf.listed(since=call.number("after", 0), archived=call.archived, now=portal.now())
    rows = list(islice(listed, limit + 1))
    body: Json = {"results": [record_view(portal, call.kind, row, wanted) for row in rows[:limit]]}
    if len(rows) > limit:
        body["paging"] = call.paging(str(int(rows[limit - 1].id) + 1))
    return Response(200, body)


def get_record(portal: Portal, call: Call) -> Response:
    """One record; the id of a merged one gives the survivor."""
    record = portal.shelves[call.kind.plural].find(call.names["id"])
    if record is None or not visible(record, archived=call.archived, now=portal.now()):
        raise no_record()
    return Response(200, record_view(portal, call.kind, record, call.wanted()))


def batch_read(portal: Portal, call: Call) -> Response:
    """Records by id, in no promised order; missing, archived and merged ids are errors inside a 207."""
    body = parse(BatchRead, call.request)
    _refuse_crowd(len(body.inputs), history=bool(body.history))
    rows = portal.shelves[call.kind.plural].rows
    ids = {one.id for one in body.inputs}
    found = [rows[one] for one in sorted(ids & rows.keys(), key=int)]
    seen = [record for record in found if visible(record, archived=call.archived, now=portal.now())]
    wanted = Wanted(body.properties, body.history)
    return _batch_answer(portal, call.kind, [record_view(portal, call.kind, row, wanted) for row in seen], ids)


def search(portal: Portal, call: Call) -> Response:
    """Records that match; archived ones never do."""
    body = parse(Search, call.request)
    refuse_excess(body, call.request.body)
    kind = call.kind
    kinds = {name: definition.kind for name, definition in portal.schema.properties[kind.plural].items()}

    def linked(record: Record, other: str) -> Collection[str]:
        return portal.links.of((kind.plural, type_named(other).plural), record.id).keys()

    matcher = Matcher(kinds, linked)
    live = (record for record in portal.shelves[kind.plural].rows.values() if record.archived_at is None)
    found = in_order([record for record in live if matcher.matches(record, body)], body.sorts, matcher)
    end = body.after + body.limit
    rows = [record_view(portal, kind, record, Wanted(body.properties)) for record in found[body.after : end]]
    answer: Json = {"total": len(found), "results": rows}
    if end < len(found):
        answer["paging"] = {"next": {"after": str(end)}}  # a search gives no link
    return Response(200, answer)


def patch_record(portal: Portal, call: Call) -> Response:
    """Change one record; unlike batch update it takes the id of a merged record."""
    record = portal.shelves[call.kind.plural].find(call.names["id"])
    if record is None or record.archived_at is not None:
        raise no_record()
    change = parse(Change, call.request)
    _refuse_values(portal, call.kind, [change])
    return Response(200, _write(portal, call.kind, [(record, change)])[0])


def batch_update(portal: Portal, call: Call) -> Response:
    """Change up to 100 records: one bad value refuses all, one bad id only itself (207)."""
    body = parse(BatchUpdate, call.request)
    _refuse_crowd(len(body.inputs), history=False)
    twice = [one for one, times in Counter(update.id for update in body.inputs).items() if times > 1]
    if twice:
        raise invalid(f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique", ids=twice)
    shelf = portal.shelves[call.kind.plural]
    _refuse_values(portal, call.kind, body.inputs)
    pairs = [(record, update) for update in body.inputs if (record := shelf.live(update.id))]
    return _batch_answer(portal, call.kind, _write(portal, call.kind, pairs), {update.id for update in body.inputs})


def _refuse_crowd(asked: int, *, history: bool) -> None:
    most = MOST_WITH_HISTORY if history else MOST
    what = " for property histories" if history else ""
    if asked > most:
        raise invalid(f"The maximum number of inputs supported in a batch request{what} is {most}")


def _write(portal: Portal, kind: ObjectType, pairs: Sequence[tuple[Record, Change]]) -> list[Json]:
    views = []
    for record, change in pairs:
        values = portal.checked(kind, dict(change.properties), record)
        portal.write(kind, record, values, by=APP)
        views.append(record_view(portal, kind, record, Wanted([*kind.shown, *values])))
    return views


def _refuse_values(portal: Portal, kind: ObjectType, changes: Sequence[Change]) -> None:
    complaints = [
        complaint
        for change in changes
        for name, value in change.properties.items()
        if (complaint := _complaint(portal, kind, name, value))
    ]
    if complaints:
        raise invalid_properties(complaints)


def _complaint(portal: Portal, kind: ObjectType, name: str, text: str) -> Complaint | None:
    definition = portal.schema.active(kind.plural, name)
    if definition is None:
        return Complaint(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
    if definition.read_only:
        message = f'"{name}" is a read only property; its value cannot be set.'
        return Complaint(name, "READ_ONLY_VALUE", message)
    try:
        stored(definition, text)
    except BadValue as bad:
        return Complaint(name, bad.code, str(bad))
    return None


def _batch_answer(portal: Portal, kind: ObjectType, results: list[Json], asked: set[str]) -> Response:
    now = iso(portal.now())
    body: Json = {"completedAt": now, "status": "COMPLETE", "startedAt": now, "results": results}
    missing = sorted(asked - {str(row["id"]) for row in results})
    if not missing:
        return Response(200, body)
    message = (
        f"Could not get some {kind.singular.upper()} objects, they may be deleted or not exist. "
        "Check that ids are valid."
    )
    error = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": message, "context": {"ids": missing}}
    return Response(207, body | {"errors": [error], "numErrors": 1})
