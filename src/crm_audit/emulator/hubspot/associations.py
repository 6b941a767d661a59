"""Endpoints for associations: by batch, by record, and the labels a pair of types has."""

from __future__ import annotations

from itertools import islice

from crm_audit.emulator.hubspot.bodies import LinkRead, LinksFrom, parse
from crm_audit.emulator.hubspot.calls import Call
from crm_audit.emulator.hubspot.refusals import invalid, no_record
from crm_audit.emulator.hubspot.state import Portal
from crm_audit.emulator.hubspot.values import iso
from crm_audit.emulator.hubspot.views import Json, link_view
from crm_audit.emulator.server import Response

MOST, PER_RECORD = 1_000, 500


def batch_read(portal: Portal, call: Call) -> Response:
    """The associations of up to 1,000 records, each with its own paging; those without any are errors in a 207."""
    body = parse(LinkRead, call.request)
    if len(body.inputs) > MOST:
        raise invalid(f"The maximum number of inputs supported in a batch request for associations is {MOST}")
    rows = [(one, _page(portal, call, one.id, _start(one))) for one in body.inputs]
    errors = [_none_found(call, one.id) for one, (links, _) in rows if not links]
    now = iso(portal.now())
    answer: Json = {
        "completedAt": now,
        "status": "COMPLETE",
        "startedAt": now,
        "results": [_row(call, one.id, links, after) for one, (links, after) in rows if links],
    }
    if not errors:
        return Response(200, answer)
    return Response(207, answer | {"errors": errors, "numErrors": len(errors)})


def of_record(portal: Portal, call: Call) -> Response:
    """The associations of one record, 500 a page."""
    record = portal.shelves[call.types["from"].plural].live(call.names["id"])
    if record is None:
        raise no_record()
    call.limit(PER_RECORD, PER_RECORD)
    links, after = _page(portal, call, record.id, call.number("after", 0))
    body: Json = {"results": links}
    return Response(200, body | {"paging": call.paging(after)} if after else body)


def labels(portal: Portal, call: Call) -> Response:
    """The association types of a pair; the unlabelled one has the label null."""
    kinds = portal.links.types.get(_pair(call), {})
    rows = [{"category": kind.category, "typeId": kind.id, "label": kind.label} for kind in kinds.values()]
    return Response(200, {"results": rows})


def _pair(call: Call) -> tuple[str, str]:
    return call.types["from"].plural, call.types["to"].plural


def _start(one: LinksFrom) -> int:
    if one.after is None:
        return 0
    if not one.after.isdecimal():
        raise invalid(f"{one.after} is not a valid paging cursor")
    return int(one.after)


def _page(portal: Portal, call: Call, record_id: str, start: int) -> tuple[list[Json], str | None]:
    """One page of live associations, and where the next one begins."""
    pair = _pair(call)
    far = portal.shelves[pair[1]]
    near_is_live = portal.shelves[pair[0]].live(record_id) is not None
    ends = portal.links.of(pair, record_id) if near_is_live else {}
    live = ((other, type_ids) for other, type_ids in ends.items() if far.live(other))
    rows = list(islice(live, start, start + PER_RECORD + 1))
    links = [link_view(portal, pair, other, type_ids) for other, type_ids in rows[:PER_RECORD]]
    return links, str(start + PER_RECORD) if len(rows) > PER_RECORD else None


def _row(call: Call, record_id: str, links: list[Json], after: str | None) -> Json:
    row: Json = {"from": {"id": record_id}, "to": links}
    return row | {"paging": call.paging(after)} if after else row


def _none_found(call: Call, record_id: str) -> Json:
    near, far = call.types["from"].singular, call.types["to"].singular
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": f"No {far} is associated with {near} {record_id}.",
        "context": {"fromObjectId": [record_id], "fromObjectType": [near], "toObjectType": [far]},
    }
