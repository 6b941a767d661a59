"""Many records in one call: sObject Collections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from crm_audit.emulator.salesforce import rows
from crm_audit.emulator.salesforce.state import Call
from crm_audit.emulator.server import Response
from crm_audit.emulator.soql.ids import full_id
from crm_audit.emulator.soql.refusal import Refusal
from crm_audit.emulator.soql.schema import Entity

RECORDS, CHUNKS = 200, 10
"""Records in a collection, and runs of records of one type within it."""

Step = Callable[[Mapping[str, Any]], dict[str, Any]]


class RolledBack(Exception):
    """One record failed and the caller wanted all or none."""


def create(call: Call) -> Response:
    """POST composite/sobjects."""

    def step(body: Mapping[str, Any]) -> dict[str, Any]:
        entity = _entity(call, body)
        return {"id": call.state.writer.create(entity.name, _fields(body), actor=call.actor)}

    return _collection(call, step)


def update(call: Call) -> Response:
    """PATCH composite/sobjects."""

    def step(body: Mapping[str, Any]) -> dict[str, Any]:
        entity = _entity(call, body)
        given = next((value for name, value in body.items() if name.lower() == "id"), None)
        if not given:
            raise Refusal("MISSING_ARGUMENT", "Id not specified in an update call", fields=())
        record = _found(call, entity, given=str(given))[1]
        call.state.writer.update(entity.name, record, values=_fields(body), actor=call.actor)
        return {"id": record}

    return _collection(call, step)


def upsert(call: Call) -> Response:
    """PATCH composite/sobjects/X/ExternalId__c."""
    entity = call.entity()
    key = rows.external(entity, call.parts["field"])

    def step(body: Mapping[str, Any]) -> dict[str, Any]:
        if _entity(call, body).name != entity.name:
            raise Refusal("INVALID_TYPE", "records must all be of the type in the address", fields=())
        record, created = rows.upsert(call, entity, key=key, body=_fields(body))
        return {"id": record, "created": created}

    return _collection(call, step)


def delete(call: Call) -> Response:
    """DELETE composite/sobjects?ids=."""

    def step(body: Mapping[str, Any]) -> dict[str, Any]:
        entity = call.state.schema.of_record(body["id"])
        name, record = _found(call, entity, given=body["id"])
        call.state.writer.remove(name, record, actor=call.actor)
        return {"id": record}

    whole = (call.request.first("allOrNone") or "").lower() == "true"
    return _run(call, [{"id": record} for record in call.request.every("ids")], step=step, whole=whole)


def read(call: Call) -> Response:
    """GET composite/sobjects/X?ids=&fields=, or POST with both in the body: null where there is no such record."""
    entity = call.entity()
    if call.request.method == "POST":
        body = call.body()
        ids, names = body.get("ids", []), body.get("fields", [])
    else:
        ids, names = call.request.every("ids"), call.request.every("fields")
    if not names:
        raise Refusal("MISSING_ARGUMENT", "The required fields parameter is missing")
    found = [call.state.records.row(entity.name, full_id(record) or "") for record in ids]
    shown = [
        None if not row or row.get("IsDeleted") else rows.shown(call, entity, row=row, names=names) for row in found
    ]
    return Response(200, shown)


def _entity(call: Call, body: Mapping[str, Any]) -> Entity:
    name = (body.get("attributes") or {}).get("type", "")
    entity = call.state.schema.visible(name)
    if entity is None:
        raise Refusal("INVALID_TYPE", f"sObject type '{name}' is not supported.", fields=())
    return entity


def _found(call: Call, entity: Entity | None, *, given: str) -> tuple[str, str]:
    record = full_id(given)
    if record is None:
        raise Refusal("MALFORMED_ID", f"malformed id {given}", fields=("Id",))
    if entity is None or call.state.records.row(entity.name, record) is None:
        raise Refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields=())
    return entity.name, record


def _fields(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name.lower() not in ("id", "attributes")}


def _collection(call: Call, step: Step) -> Response:
    body = call.body()
    records = body.get("records")
    if not isinstance(records, list) or not all(isinstance(record, Mapping) for record in records):
        raise Refusal("JSON_PARSER_ERROR", "Missing or malformed field at [records]")
    chunks = sum(1 for _ in groupby(records, lambda record: (record.get("attributes") or {}).get("type")))
    if chunks > CHUNKS:
        raise Refusal("LIMIT_EXCEEDED", f"Cannot have more than {CHUNKS} chunks in a single operation.")
    return _run(call, records, step=step, whole=body.get("allOrNone") is True)


def _run(call: Call, records: Sequence[Mapping[str, Any]], *, step: Step, whole: bool) -> Response:
    """One result per record, in order; with `whole`, one failure takes all the others back."""
    if not records:
        raise Refusal("REQUIRED_FIELD_MISSING", "At least 1 record is required")
    if len(records) > RECORDS:
        message = f"record limit reached. cannot submit more than {RECORDS} records into this call"
        raise Refusal("EXCEEDED_ID_LIMIT", message)
    results: list[dict[str, Any]] = []
    try:
        with call.state.records.atomic(), call.state.writer.automations.attempt():
            results = [_result(call, record, step=step) for record in records]
            if whole and not all(result["success"] for result in results):
                raise RolledBack
    except RolledBack:
        results = [_taken_back() if result["success"] else result for result in results]
    return Response(200, results)


def _result(call: Call, record: Mapping[str, Any], *, step: Step) -> dict[str, Any]:
    try:
        with call.state.records.atomic():
            done = step(record)
    except Refusal as refusal:
        return _failed(refusal.code, refusal.message, fields=refusal.fields or ())
    return {"id": done.pop("id"), "success": True, "errors": []} | done


def _failed(code: str, message: str, *, fields: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"success": False, "errors": [{"statusCode": code, "message": message, "fields": list(fields)}]}


def _taken_back() -> dict[str, Any]:
    return _failed(
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "Record rolled back because not all records were valid and the request was using AllOrNone header",
    )
