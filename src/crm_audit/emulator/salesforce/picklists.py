"""UI API: the values of a picklist for one record type, stages by its sales process."""

from __future__ import annotations

import hashlib
from typing import Any

from crm_audit.emulator.salesforce.state import Call, State, missing
from crm_audit.emulator.server import Response
from crm_audit.emulator.soql.ids import full_id
from crm_audit.emulator.soql.schema import Row
from crm_audit.emulator.soql.wire import wire

MASTER = "012000000000000AAA"
"""The record type of objects that have none."""


def values(call: Call) -> Response:
    """GET ui-api/object-info/X/picklist-values/recordType/field."""
    entity = call.entity()
    known, kind = entity.field_named(call.parts["field"]), full_id(call.parts["id"])
    types = {row["Id"]: row for row in call.state.records.rows("RecordType") if row.get("SobjectType") == entity.name}
    if known is None or kind is None or (kind != MASTER and kind not in types):
        raise missing()
    if entity.name == "Opportunity" and known.name == "StageName":
        process = types[kind].get("BusinessProcessId") if kind in types else None
        told = [_stage(row) for row in stages(call.state, process=str(process))]
    else:
        told = [_value(value, None) for value in known.values]
    url = f"{call.data}/ui-api/object-info/{entity.name}/picklist-values/{kind}/{known.name}"
    tag = hashlib.md5(repr(told).encode(), usedforsecurity=False).hexdigest()
    body: dict[str, Any] = {"controllerValues": {}, "defaultValue": None, "eTag": tag, "url": url, "values": told}
    return Response(200, body)


def stages(state: State, *, process: str) -> list[Row]:
    """The active stages of a sales process, in their order; all of them where it was not restricted."""
    active = sorted(
        (row for row in state.records.rows("OpportunityStage") if row.get("IsActive")),
        key=lambda row: int(str(row.get("SortOrder") or 0)),
    )
    allowed = state.processes.get(process)
    return active if allowed is None else [row for row in active if row.get("ApiName") in allowed]


def _stage(row: Row) -> dict[str, Any]:
    attributes = {
        "closed": bool(row.get("IsClosed")),
        "defaultProbability": wire(row.get("DefaultProbability")),
        "forecastCategoryName": row.get("ForecastCategoryName"),
        "picklistAtrributesValueType": "OpportunityStage",  # as Salesforce spells it
        "won": bool(row.get("IsWon")),
    }
    return _value(str(row.get("ApiName")), attributes, label=str(row.get("MasterLabel")))


def _value(value: str, attributes: dict[str, Any] | None, *, label: str | None = None) -> dict[str, Any]:
    return {"attributes": attributes, "label": label or value, "validFor": [], "value": value}
