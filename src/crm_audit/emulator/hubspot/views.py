"""How a portal's state looks on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from crm_audit.emulator.hubspot.catalogue import ObjectType
from crm_audit.emulator.hubspot.records import Record, Version
from crm_audit.emulator.hubspot.schema import Owner, Pipeline, Rate, Stage
from crm_audit.emulator.hubspot.state import Portal
from crm_audit.emulator.hubspot.values import Property, iso

_EPOCH = "1970-01-01T00:00:00Z"

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller wants to see of each record; no properties named means HubSpot's choice."""

    properties: Sequence[str] | None = None
    history: Sequence[str] = ()
    associations: Sequence[ObjectType] = ()


def record_view(portal: Portal, kind: ObjectType, record: Record, wanted: Wanted) -> Json:
    """One record."""
    return record_views(portal, kind, [record], wanted)[0]


def record_views(portal: Portal, kind: ObjectType, records: Iterable[Record], wanted: Wanted) -> list[Json]:
    """Records; unknown properties are left out without a word, empty ones are null."""
    asked = kind.shown if not wanted.properties else wanted.properties
    names = [name for name in sorted({*asked, *kind.stamps}) if portal.schema.active(kind.plural, name)]
    page = f"https://app.hubspot.com/contacts/{portal.id}/record/{kind.type_id}/"
    views = []
    for record in records:
        values = record.values
        view: Json = {
            "id": record.id,
            "properties": {name: values.get(name) for name in names},
            "createdAt": values[kind.created],
            "updatedAt": values[kind.modified],
            "archived": record.archived_at is not None,
            "url": page + record.id,
        }
        views.append(view | _more(portal, kind, record, wanted))
    return views


def _more(portal: Portal, kind: ObjectType, record: Record, wanted: Wanted) -> Json:
    more: Json = {}
    if record.archived_at is not None:
        more["archivedAt"] = iso(record.archived_at)
    if wanted.history:
        more["propertiesWithHistory"] = {
            name: _history(record, name, portal.history_depth)
            for name in wanted.history
            if portal.schema.active(kind.plural, name)
        }
    associations = {
        other.plural: rows for other in wanted.associations if (rows := _inline(portal, kind, record, other))
    }
    if associations:
        more["associations"] = {name: {"results": rows} for name, rows in associations.items()}
    return more


def _history(record: Record, name: str, depth: int | None) -> list[Json]:
    return [_version(version) for version in reversed(record.versions(name))][:depth]


def _version(version: Version) -> Json:
    view: Json = {"value": version.value, "timestamp": iso(version.at), "sourceType": version.source.kind}
    if version.source.id is not None:
        view["sourceId"] = version.source.id
    if version.source.user is not None:
        view["updatedByUserId"] = version.source.user
    return view


def _inline(portal: Portal, kind: ObjectType, record: Record, other: ObjectType) -> list[Json]:
    pair = kind.plural, other.plural
    return [
        {"id": other_id, "type": link.name}
        for other_id, type_ids in portal.links.of(pair, record.id).items()
        if portal.shelves[other.plural].live(other_id)
        for link in portal.links.shown(pair, type_ids)
    ]


def link_view(portal: Portal, pair: tuple[str, str], other_id: str, type_ids: Iterable[int]) -> Json:
    """One association; ids at the far end are numbers here, and text everywhere else."""
    types = [
        {"category": link.category, "typeId": link.id, "label": link.label}
        for link in portal.links.shown(pair, type_ids)
    ]
    return {"toObjectId": int(other_id), "associationTypes": types}


def property_view(definition: Property) -> Json:
    """A property's definition."""
    options = [
        {"label": value, "value": value, "displayOrder": order, "hidden": False}
        for order, value in enumerate(definition.options)
    ]
    view: Json = {
        "name": definition.name,
        "label": definition.label or definition.name.replace("_", " ").capitalize(),
        "type": definition.kind,
        "fieldType": definition.field_type,
        "description": "",
        "groupName": definition.group,
        "options": options,
        "displayOrder": -1,
        "calculated": False,
        "externalOptions": definition.kind == "enumeration" and not options,
        "archived": definition.archived,
        "hasUniqueValue": False,
        "hidden": False,
        "modificationMetadata": {
            "archivable": definition.ours,
            "readOnlyDefinition": not definition.ours,
            "readOnlyValue": definition.read_only,
        },
        "formField": definition.ours,
        "dataSensitivity": "non_sensitive",
    }
    return view if definition.ours else view | {"hubspotDefined": True}


def pipeline_view(pipeline: Pipeline) -> Json:
    """A pipeline with its stages."""
    stages = [_stage(stage, order) for order, stage in enumerate(pipeline.stages)]
    return {"label": pipeline.label, "displayOrder": 0, "id": pipeline.id, "stages": stages} | _since_ever()


def _stage(stage: Stage, order: int) -> Json:
    metadata = {"isClosed": "true" if stage.closed else "false", "probability": stage.probability}
    return {
        "label": stage.label,
        "displayOrder": order,
        "metadata": metadata,
        "id": stage.id,
        "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
    } | _since_ever()


def _since_ever() -> Json:
    return {"createdAt": _EPOCH, "updatedAt": _EPOCH, "archived": False}


def owner_view(owner: Owner) -> Json:
    """An owner; an archived one keeps its user id only as `userIdIncludingInactive`."""
    return {
        "id": owner.id,
        "email": owner.email,
        "type": "PERSON",
        "firstName": owner.first_name,
        "lastName": owner.last_name,
        "userId": None if owner.archived else owner.user_id,
        "userIdIncludingInactive": owner.user_id,
        "createdAt": iso(owner.created),
        "updatedAt": iso(owner.created),
        "archived": owner.archived,
    }


def rate_view(rate: Rate, company: str) -> Json:
    """An exchange rate into the company's currency; a number, unlike the values of properties."""
    return {
        "id": rate.id,
        "fromCurrencyCode": rate.currency,
        "toCurrencyCode": company,
        "conversionRate": float(rate.worth),
        "effectiveAt": iso(rate.since),
        "createdAt": iso(rate.since),
        "updatedAt": iso(rate.since),
        "visibleInUI": True,
    }


def account_view(portal: Portal, now: datetime) -> Json:
    """The account itself."""
    offset = now.astimezone(ZoneInfo(portal.zone)).utcoffset()
    minutes = int(offset.total_seconds() // 60) if offset is not None else 0
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    return {
        "portalId": portal.id,
        "accountType": "STANDARD",
        "timeZone": portal.zone,
        "companyCurrency": portal.currency,
        "additionalCurrencies": list(portal.schema.rates),
        "utcOffset": f"{sign}{hours:02}:{rest:02}",
        "utcOffsetMilliseconds": minutes * 60_000,
        "uiDomain": "app.hubspot.com",
        "dataHostingLocation": "na1",
    }
