"""Endpoints that tell how a portal is set up: pipelines, properties, owners, the account."""

from __future__ import annotations

from crm_audit.emulator.hubspot.calls import Call
from crm_audit.emulator.hubspot.refusals import not_found
from crm_audit.emulator.hubspot.schema import Pipeline
from crm_audit.emulator.hubspot.state import Portal
from crm_audit.emulator.hubspot.views import Json, account_view, owner_view, pipeline_view, property_view, rate_view
from crm_audit.emulator.server import Response

MOST_OWNERS = 500


def pipelines(portal: Portal, call: Call) -> Response:
    """All pipelines of a type; only deals have any here."""
    return Response(200, {"results": [pipeline_view(one) for one in _pipelines(portal, call).values()]})


def pipeline(portal: Portal, call: Call) -> Response:
    """One pipeline."""
    found = _pipelines(portal, call).get(call.names["id"])
    if found is None:
        raise not_found(f"Pipeline {call.names['id']} does not exist")
    return Response(200, pipeline_view(found))


def _pipelines(portal: Portal, call: Call) -> dict[str, Pipeline]:
    return portal.schema.pipelines if call.kind.plural == "deals" else {}


def properties(portal: Portal, call: Call) -> Response:
    """The properties of a type, live or archived."""
    rows = portal.schema.properties[call.kind.plural].values()
    return Response(200, {"results": [property_view(row) for row in rows if row.archived == call.archived]})


def property_named(portal: Portal, call: Call) -> Response:
    """One property."""
    name = call.names["name"]
    found = portal.schema.properties[call.kind.plural].get(name)
    if found is None or found.archived != call.archived:
        raise not_found(f"The property named {name} does not exist on {call.kind.plural}")
    return Response(200, property_view(found))


def groups(portal: Portal, call: Call) -> Response:
    """The property groups of a type."""
    rows = portal.schema.groups[call.kind.plural].items()
    return Response(200, {"results": [group_view(name, label) for name, label in rows]})


def group(portal: Portal, call: Call) -> Response:
    """One property group."""
    name = call.names["name"]
    label = portal.schema.groups[call.kind.plural].get(name)
    if label is None:
        raise not_found(f"The property group named {name} does not exist on {call.kind.plural}")
    return Response(200, group_view(name, label))


def group_view(name: str, label: str) -> Json:
    """A property group."""
    return {"name": name, "label": label, "displayOrder": -1, "archived": False}


def owners(portal: Portal, call: Call) -> Response:
    """Owners, live or archived, in the order of ids; `email` narrows them to one."""
    email = call.request.first("email")
    known = sorted(portal.schema.owners.values(), key=lambda owner: int(owner.id))
    rows = [owner for owner in known if owner.archived == call.archived and email in (None, "", owner.email)]
    rows = [owner for owner in rows if int(owner.id) > call.number("after", 0)]
    limit = call.limit(100, MOST_OWNERS)
    body: Json = {"results": [owner_view(owner) for owner in rows[:limit]]}
    return Response(200, body | {"paging": call.paging(rows[limit - 1].id)} if len(rows) > limit else body)


def owner(portal: Portal, call: Call) -> Response:
    """One owner, by owner id or by user id."""
    by_user = call.request.first("idProperty") == "userId"
    for one in portal.schema.owners.values():
        if str(one.user_id if by_user else one.id) == call.names["id"] and one.archived == call.archived:
            return Response(200, owner_view(one))
    raise not_found(f"Owner {call.names['id']} does not exist")


def rates(portal: Portal, call: Call) -> Response:
    """The present exchange rate of every added currency."""
    return Response(200, {"results": [rate_view(rate, portal.currency) for rate in portal.schema.rates.values()]})


def account(portal: Portal, call: Call) -> Response:
    """The account: its id, time zone and currencies."""
    return Response(200, account_view(portal, portal.now()))
