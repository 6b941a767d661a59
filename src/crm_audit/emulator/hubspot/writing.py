"""Endpoints that write under `/crm/objects/{version}/{type}`: create, update, archive, merge, delete for privacy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from crm_audit.emulator.hubspot.bodies import (
    BatchArchive,
    BatchCreate,
    BatchUpdate,
    Change,
    Creation,
    Erasure,
    Merge,
    parse,
)  # fmt: skip
from crm_audit.emulator.hubspot.calls import Call
from crm_audit.emulator.hubspot.catalogue import ObjectType
from crm_audit.emulator.hubspot.linking import kinds_of, link_new
from crm_audit.emulator.hubspot.objects import batch_answer, refuse_crowd
from crm_audit.emulator.hubspot.records import Record
from crm_audit.emulator.hubspot.refusals import (
    Complaint,
    Refusal,
    conflict,
    invalid,
    invalid_properties,
    no_record,
    required,
)  # fmt: skip
from crm_audit.emulator.hubspot.rules import enforced
from crm_audit.emulator.hubspot.state import APP, Portal
from crm_audit.emulator.hubspot.values import BadValue, iso, stored
from crm_audit.emulator.hubspot.views import Json, Wanted, record_view
from crm_audit.emulator.server import Response

_FRESH_ID = ("contacts", "companies")
"""Types whose merged record gets an id of its own."""


def create_record(portal: Portal, call: Call) -> Response:
    """Make one record with its associations; the answer says where it is."""
    made = _create(portal, call, parse(Creation, call.request))
    return Response(201, made, {"Location": f"{call.base}{call.request.path}/{made['id']}"})


def batch_create(portal: Portal, call: Call) -> Response:
    """Make up to 100 records: all or none, unless every one has a trace id; then the bad ones are errors in a 207."""
    body = parse(BatchCreate, call.request)
    refuse_crowd(len(body.inputs), history=False)
    traced = all(one.trace is not None for one in body.inputs)
    if not traced:
        for one in body.inputs:
            _refuse_new(portal, call, one)
        _refuse_twins(body.inputs)
    results, errors = [], []
    for one in body.inputs:
        try:
            results.append(_create(portal, call, one))
        except Refusal as refusal:
            errors.append(_error_of(refusal, one))
    now = iso(portal.now())
    answer: Json = {"completedAt": now, "status": "COMPLETE", "startedAt": now, "results": results}
    if not errors:
        return Response(201, answer)
    return Response(207, answer | {"errors": errors, "numErrors": len(errors)})


def _error_of(refusal: Refusal, one: Creation) -> Json:
    body = refusal.body
    if isinstance(body, bytes):
        raise refusal
    context = {"objectWriteTraceId": [one.trace], **_context(body.get("context"))}
    return {"status": "error", "category": body["category"], "message": body["message"], "context": context}


def _context(given: object) -> dict[str, object]:
    return dict(given) if isinstance(given, dict) else {}


def _create(portal: Portal, call: Call, one: Creation) -> Json:
    _refuse_new(portal, call, one)
    kind = call.kind
    record = portal.add(kind, portal.checked(kind, one.properties, None), by=APP)
    link_new(portal, kind, record, one.associations)
    return record_view(portal, kind, record, Wanted([*kind.shown, *one.properties]))


def _refuse_new(portal: Portal, call: Call, one: Creation) -> None:
    _refuse_values(portal, call.kind, [one])
    _refuse_empty(portal, call, [({}, one)])
    for link in one.associations:
        kinds_of(portal, call.kind, link.types)
    address = one.properties.get("email", "").lower()
    for other in portal.shelves["contacts"].rows.values() if call.kind.plural == "contacts" and address else ():
        if other.archived_at is None and other.values.get("email", "").lower() == address:
            raise conflict(f"Contact already exists. Existing ID: {other.id}", existingId=[other.id])


def _refuse_twins(inputs: Sequence[Creation]) -> None:
    addresses = Counter(one.properties.get("email", "").lower() for one in inputs)
    if any(address and times > 1 for address, times in addresses.items()):
        raise conflict("Contact already exists")


def patch_record(portal: Portal, call: Call) -> Response:
    """Change one record; unlike batch update it takes the id of a merged record."""
    record = portal.shelves[call.kind.plural].find(call.names["id"])
    if record is None or record.archived_at is not None:
        raise no_record()
    change = parse(Change, call.request)
    return Response(200, _write(portal, call, [(record, change)], [change])[0])


def batch_update(portal: Portal, call: Call) -> Response:
    """Change up to 100 records: one bad value refuses all, one bad id only itself (207)."""
    body = parse(BatchUpdate, call.request)
    refuse_crowd(len(body.inputs), history=False)
    twice = [one for one, times in Counter(update.id for update in body.inputs).items() if times > 1]
    if twice:
        raise invalid(f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique", ids=twice)
    shelf = portal.shelves[call.kind.plural]
    pairs = [(record, update) for update in body.inputs if (record := shelf.live(update.id))]
    written = _write(portal, call, pairs, body.inputs)
    return batch_answer(portal, call.kind, written, {update.id for update in body.inputs})


def _write(portal: Portal, call: Call, pairs: Sequence[tuple[Record, Change]], changes: Sequence[Change]) -> list[Json]:
    kind = call.kind
    _refuse_values(portal, kind, changes)
    _refuse_empty(portal, call, [(record.values, change) for record, change in pairs])
    portal.refuse_locked(kind, [record.id for record, _ in pairs])
    views = []
    for record, change in pairs:
        values = portal.checked(kind, change.properties, record)
        portal.write(kind, record, values, by=APP)
        views.append(record_view(portal, kind, record, Wanted([*kind.shown, *values])))
    return views


def archive_record(portal: Portal, call: Call) -> Response:
    """Put one record into the bin; one that is not there is no error."""
    _archive(portal, call, [call.names["id"]])
    return Response(204)


def batch_archive(portal: Portal, call: Call) -> Response:
    """Put up to 100 records into the bin."""
    body = parse(BatchArchive, call.request)
    refuse_crowd(len(body.inputs), history=False)
    _archive(portal, call, [one.id for one in body.inputs])
    return Response(204)


def _archive(portal: Portal, call: Call, ids: Sequence[str]) -> None:
    portal.refuse_locked(call.kind, ids)
    shelf = portal.shelves[call.kind.plural]
    for one in filter(shelf.live, ids):
        portal.archive(call.kind.plural, one, by=APP)


def merge(portal: Portal, call: Call) -> Response:
    """Merge one record into another; contacts and companies come out under a new id."""
    body = parse(Merge, call.request)
    shelf, kind = portal.shelves[call.kind.plural], call.kind
    if body.primary == body.merged or not (shelf.live(body.primary) and shelf.live(body.merged)):
        raise invalid(f"{kind.singular} {body.merged} cannot be merged into {body.primary}")
    portal.refuse_locked(kind, [body.primary, body.merged])
    survivor = portal.merge(kind.plural, body.primary, body.merged, fresh_id=kind.plural in _FRESH_ID)
    return Response(200, record_view(portal, kind, shelf.rows[survivor], Wanted()))


def gdpr_delete(portal: Portal, call: Call) -> Response:
    """Delete a contact for good; one that is not there is no error."""
    body = parse(Erasure, call.request)
    shelf = portal.shelves[call.kind.plural]
    by = body.by or "hs_object_id"
    for record in [one for one in shelf.rows.values() if one.values.get(by) == body.id]:
        portal.purge(call.kind.plural, record.id)
    return Response(204)


def _refuse_empty(portal: Portal, call: Call, changes: Sequence[tuple[dict[str, str], Change]]) -> None:
    """Raise Refusal (400) where an admin's rule forbids a change, on paths that heed rules."""
    rules = [rule for rule in portal.rules if rule.kind == call.kind.plural and enforced(call.version)]
    complaints = [
        complaint
        for before, change in changes
        for rule in rules
        for complaint in rule.complaints(before, change.properties, fresh=isinstance(change, Creation))
    ]
    if complaints:
        raise required(complaints)


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
