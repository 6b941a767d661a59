"""Endpoints that define properties and their groups."""

from __future__ import annotations

import re
from dataclasses import replace

from crm_audit.emulator.hubspot.bodies import Choice, Defined, Grouped, Redefined, parse
from crm_audit.emulator.hubspot.calls import Call
from crm_audit.emulator.hubspot.refusals import conflict, invalid, not_found
from crm_audit.emulator.hubspot.settings import group_view
from crm_audit.emulator.hubspot.state import Portal
from crm_audit.emulator.hubspot.values import FIELD_TYPES, Property
from crm_audit.emulator.hubspot.views import property_view
from crm_audit.emulator.server import Response

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")


def create_group(portal: Portal, call: Call) -> Response:
    """A new property group; 409 where there is one of that name."""
    body, groups = parse(Grouped, call.request), portal.schema.groups[call.kind.plural]
    if body.name in groups:
        raise conflict(f"A property group named {body.name} already exists")
    groups[body.name] = body.label
    return Response(201, group_view(body.name, body.label))


def create_property(portal: Portal, call: Call) -> Response:
    """A new property; an archived one of that name comes back as it was; 409 where there is a live one."""
    body, known = parse(Defined, call.request), portal.schema.properties[call.kind.plural]
    before = known.get(body.name)
    if before is not None and not before.archived:
        raise conflict(f"A property named '{body.name}' already exists.", propertyName=[body.name])
    if body.type not in FIELD_TYPES or not _NAME.fullmatch(body.name):
        raise invalid(f"{body.name} of the type {body.type}: not a property that there can be")
    if body.group not in portal.schema.groups[call.kind.plural]:
        raise invalid(f"The property group {body.group} does not exist")
    made = Property(
        name=body.name, label=body.label, kind=body.type, field_type=body.field_type, group=body.group,
        options=_values(body.options),
    )  # fmt: skip
    known[body.name] = replace(before, archived=False) if before is not None else made
    portal.shelves[call.kind.plural].index.forget()
    return Response(201, property_view(known[body.name]))


def change_property(portal: Portal, call: Call) -> Response:
    """Another label, or another list of options in place of the old one."""
    body, known = parse(Redefined, call.request), portal.schema.properties[call.kind.plural]
    before = known.get(call.names["name"])
    if before is None or before.archived or not before.ours:
        raise not_found(f"The property named {call.names['name']} does not exist on {call.kind.plural}")
    options = before.options if body.options is None else _values(body.options)
    known[before.name] = replace(before, label=body.label or before.label, options=options)
    return Response(200, property_view(known[before.name]))


def _values(options: tuple[Choice, ...]) -> tuple[str, ...]:
    return tuple(each.value for each in options)
