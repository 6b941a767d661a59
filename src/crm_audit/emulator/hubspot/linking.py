"""Endpoints that write associations: one pair of records or a batch; they move no record's stamp."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from crm_audit.emulator.hubspot.bodies import LinkArchive, LinkCreate, LinkMade, LinkTo, Type, Types, parse
from crm_audit.emulator.hubspot.calls import Call
from crm_audit.emulator.hubspot.catalogue import TYPES, ObjectType
from crm_audit.emulator.hubspot.links import LinkType, Pair
from crm_audit.emulator.hubspot.records import Record
from crm_audit.emulator.hubspot.refusals import invalid, no_record
from crm_audit.emulator.hubspot.state import APP, Portal
from crm_audit.emulator.hubspot.values import iso
from crm_audit.emulator.hubspot.views import Json
from crm_audit.emulator.server import Response

MOST, MOST_GONE = 2_000, 100


def replace(portal: Portal, call: Call) -> Response:
    """Put one association's labels: the ones named and no others."""
    pair, ids = _one(portal, call)
    kinds = _kinds(portal, pair, parse(Types, call.request).root)
    held = portal.links.shown(pair, portal.links.of(pair, ids[0]).get(ids[1], ()))
    surplus = [kind for kind in held if kind.label is not None and kind not in kinds]
    if surplus:
        portal.part(pair, ids, surplus, by=APP)
    portal.join(pair, ids, kinds, by=APP)
    return Response(201, _made(portal, pair, ids))


def delete(portal: Portal, call: Call) -> Response:
    """End one association with all its labels; one that is not there is no error."""
    pair, ids = _one(portal, call)
    portal.part(pair, ids, [portal.links.type_of(pair, None)], by=APP)
    return Response(204)


def batch_create(portal: Portal, call: Call) -> Response:
    """Associate up to 2,000 pairs; records that do not exist are errors in a 207."""
    body = parse(LinkCreate, call.request)
    if len(body.inputs) > MOST:
        raise invalid(f"The maximum number of inputs supported in a batch request for associations is {MOST}")
    pair = _pair(call)
    named = [_kinds(portal, pair, one.types) for one in body.inputs]
    results, errors = [], []
    for one, kinds in zip(body.inputs, named, strict=True):
        ids = one.near.id, one.far.id
        error = _error(portal, pair, one)
        if error:
            errors.append({"status": "error", "category": "VALIDATION_ERROR", **error})
            continue
        portal.join(pair, ids, kinds, by=APP)
        results.append(_made(portal, pair, ids))
    now = iso(portal.now())
    answer: Json = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if not errors:
        return Response(201, answer)
    return Response(207, answer | {"numErrors": len(errors), "errors": errors})


def batch_archive(portal: Portal, call: Call) -> Response:
    """End associations of up to 100 records."""
    body = parse(LinkArchive, call.request)
    if len(body.inputs) > MOST_GONE:
        raise invalid(f"The maximum number of inputs supported in a batch request for associations is {MOST_GONE}")
    pair = _pair(call)
    for one in body.inputs:
        for far in one.far:
            portal.part(pair, (one.near.id, far.id), [portal.links.type_of(pair, None)], by=APP)
    return Response(204)


def kinds_of(portal: Portal, near: ObjectType, types: Sequence[Type]) -> tuple[Pair, list[LinkType]]:
    """The pair and the association types that those numbers stand for; raises Refusal (400)."""
    for pair, known in portal.links.types.items():
        if pair[0] == near.plural and types and types[0].id in known:
            return pair, _kinds(portal, pair, types)
    raise invalid(f"{[one.id for one in types]} are no association types of {near.plural}")


def link_new(portal: Portal, kind: ObjectType, record: Record, links: Iterable[LinkTo]) -> None:
    """Associate a new record with those that it names."""
    for link in links:
        pair, kinds = kinds_of(portal, kind, link.types)
        if portal.shelves[pair[1]].live(link.far.id):
            portal.join(pair, (record.id, link.far.id), kinds, by=APP)


def _one(portal: Portal, call: Call) -> tuple[Pair, Pair]:
    pair, ids = _pair(call), (call.names["id"], call.names["other"])
    if not all(portal.shelves[plural].live(one) for plural, one in zip(pair, ids, strict=True)):
        raise no_record()
    return pair, ids


def _pair(call: Call) -> Pair:
    return call.types["from"].plural, call.types["to"].plural


def _kinds(portal: Portal, pair: Pair, types: Iterable[Type]) -> list[LinkType]:
    known = portal.links.types.get(pair, {})
    kinds = [known[one.id] for one in types if one.id in known and known[one.id].category == one.category]
    if len(kinds) != len(tuple(types)):
        raise invalid(f"One or more association types are not valid between {pair[0]} and {pair[1]}")
    return kinds


def _error(portal: Portal, pair: Pair, one: LinkMade) -> Json | None:
    for plural, end in zip(pair, (one.near, one.far), strict=True):
        if not end.id.isdecimal():
            code = "crm.associations.INVALID_IDENTIFIER"
            return {"subCategory": code, "message": f"{end.id} is not a valid ID", "context": {"id": [end.id]}}
        if portal.shelves[plural].live(end.id) is None:
            return {"message": f"{TYPES[plural].singular.upper()}={end.id} is not valid"}
    return None


def _made(portal: Portal, pair: Pair, ids: Pair) -> Json:
    kinds = portal.links.shown(pair, portal.links.of(pair, ids[0])[ids[1]])
    return {
        "fromObjectTypeId": TYPES[pair[0]].type_id,
        "fromObjectId": int(ids[0]),
        "toObjectTypeId": TYPES[pair[1]].type_id,
        "toObjectId": int(ids[1]),
        "labels": [kind.label for kind in kinds if kind.label is not None],
    }
