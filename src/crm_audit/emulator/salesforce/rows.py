"""The resources of single records: sObject rows, by id and by external id."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from crm_audit.emulator.salesforce.state import Call, missing
from crm_audit.emulator.server import Response
from crm_audit.emulator.soql.ids import full_id
from crm_audit.emulator.soql.refusal import Refusal
from crm_audit.emulator.soql.schema import Entity, Field, Row
from crm_audit.emulator.soql.wire import wire

UPSERT_TELLS = 46.0
"""From this API version on, an upsert that updates answers 200 with a body; before, 204 without."""


def create(call: Call) -> Response:
    """POST sobjects/X."""
    entity = call.entity()
    with call.state.records.atomic():
        record = call.state.writer.create(entity.name, call.body(), actor=call.actor)
    return Response(201, {"id": record, "success": True, "errors": []})


def read(call: Call) -> Response:
    """GET sobjects/X/id?fields=."""
    entity = call.entity()
    row = call.state.writer.found(entity.name, _record(call))
    return Response(200, shown(call, entity, row=row, names=call.request.every("fields")))


def update(call: Call) -> Response:
    """PATCH sobjects/X/id."""
    entity, record, body = call.entity(), _record(call), call.body()
    _without(body, "Id")
    with call.state.records.atomic():
        call.state.writer.update(entity.name, record, values=body, actor=call.actor)
    return Response(204)


def delete(call: Call) -> Response:
    """DELETE sobjects/X/id."""
    with call.state.records.atomic():
        call.state.writer.remove(call.entity().name, _record(call), actor=call.actor)
    return Response(204)


def read_by_key(call: Call) -> Response:
    """GET sobjects/X/ExternalId__c/value."""
    entity = call.entity()
    key = external(entity, call.parts["field"])
    record = call.state.records.holder(entity.name, key.name, value=call.parts["value"])
    if record is None:
        raise missing()
    row = call.state.writer.found(entity.name, record)
    return Response(200, shown(call, entity, row=row, names=call.request.every("fields")))


def upsert_by_key(call: Call) -> Response:
    """PATCH sobjects/X/ExternalId__c/value."""
    entity, body = call.entity(), call.body()
    key = external(entity, call.parts["field"])
    _without(body, key.name)
    with call.state.records.atomic():
        record, created = upsert(call, entity, key=key, body={**body, key.name: call.parts["value"]})
    if not created and float(call.version.removeprefix("v")) < UPSERT_TELLS:
        return Response(204)
    return Response(201 if created else 200, {"id": record, "success": True, "errors": [], "created": created})


def upsert(call: Call, entity: Entity, *, key: Field, body: dict[str, Any]) -> tuple[str, bool]:
    """Update the record that holds the key, or create it; gives its id and whether it is new."""
    value = next((given for name, given in body.items() if name.lower() == key.name.lower()), None)
    if value is None or value == "":
        raise Refusal("MISSING_ARGUMENT", f"{key.name} not specified", fields=())
    record = call.state.records.holder(entity.name, key.name, value=str(value))
    if record is None:
        return call.state.writer.create(entity.name, body, actor=call.actor), True
    rest = {name: given for name, given in body.items() if name.lower() != key.name.lower()}
    call.state.writer.update(entity.name, record, values=rest, actor=call.actor)
    return record, False


def external(entity: Entity, name: str) -> Field:
    """The external-id field of that name; raises Refusal (NOT_FOUND)."""
    known = entity.field_named(name)
    if known is None or not known.external:
        message = f"Provided external ID field does not exist or is not accessible: {name}"
        raise Refusal("NOT_FOUND", message, status=404)
    return known


def shown(call: Call, entity: Entity, *, row: Row, names: Iterable[str] = ()) -> dict[str, Any]:
    """A record as JSON, with these fields or all that are visible; raises Refusal (INVALID_FIELD)."""
    attributes = {"type": entity.name, "url": f"{call.sobjects}/{entity.name}/{row['Id']}"}
    fields = [_field(entity, name) for name in names] or list(entity.fields.values())
    return {"attributes": attributes} | {known.name: wire(known.read(row)) for known in fields} | {"Id": row["Id"]}


def _field(entity: Entity, name: str) -> Field:
    known = entity.field_named(name)
    if known is None:
        raise Refusal("INVALID_FIELD", f"No such column '{name}' on sobject of type {entity.name}")
    return known


def _record(call: Call) -> str:
    text = call.parts["id"]
    record = full_id(text)
    if record is None:
        message = f"Provided external ID field does not exist or is not accessible: {text}"
        raise Refusal("NOT_FOUND", message, status=404)
    return record


def _without(body: Iterable[str], field: str) -> None:
    if any(name.lower() == field.lower() for name in body):
        raise Refusal("INVALID_FIELD", f"The {field} field should not be specified in the sobject data.")
