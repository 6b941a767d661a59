"""The emulator beside recordings of real portals: the same keys, the same kinds of values, the same headers."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from crm_audit.emulator.hubspot import HubspotPortal
from tests.emulator.hubspot.conftest import Answer, Wire
from tests.shared import shared


def recorded(method: str, part: str, status: int) -> Iterator[dict[str, Any]]:
    """Real calls whose address holds that text."""
    path = shared("data", "recordings", "hubspot_vcr", "interactions.jsonl.gz")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            call = json.loads(line)
            if (call["method"], call["status"]) == (method, status) and part in call["uri"]:
                yield call


def modelled(*parts: str) -> dict[str, Any]:
    """A body that another project kept from its own account."""
    path = shared("data", "recordings", "ampersand", "providers", "hubspot", "test", *parts)
    body: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return body


def shape(value: object) -> object:
    """What stays of a body when its values go: keys and types; a list is the shape of its first element."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def without(body: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in keys}


def rate_headers(answer: Answer) -> set[str]:
    """Rate limit headers in lower case."""
    return {name.lower() for name in answer.headers if "ratelimit" in name.lower()}


def recorded_rate_headers(call: dict[str, Any]) -> set[str]:
    return {name.lower() for name in call["headers"] if "ratelimit" in name.lower()}


def test_a_page_of_contacts(portal: HubspotPortal, wire: Wire) -> None:
    call = next(recorded("GET", "/crm/v3/objects/contacts?limit=1", 200))
    for name in ("Ada", "Bo"):
        portal.create("contacts", firstname=name, lastname="Ng", email=f"{name.lower()}@acme.example")

    answer = wire.get("/crm/v3/objects/contacts?limit=1")

    assert shape(answer.body) == shape(call["response"])
    assert rate_headers(answer) == recorded_rate_headers(call)
    real = call["response"]
    assert int(real["paging"]["next"]["after"]) == int(real["results"][-1]["id"]) + 1
    assert int(answer.body["paging"]["next"]["after"]) == int(answer.body["results"][-1]["id"]) + 1


def test_a_search(portal: HubspotPortal, wire: Wire) -> None:
    call = next(recorded("POST", "/crm/v3/objects/tasks/search", 200))
    for _ in range(2):
        portal.create("tasks", hs_task_subject="Call back", hs_task_status="NOT_STARTED")

    answer = wire.post("/crm/v3/objects/tasks/search", {"properties": call["request"]["properties"]})

    assert shape({**answer.body, "results": [without(row, "url") for row in answer.body["results"]]}) == shape(
        call["response"]
    )  # records from before 2025 have no address
    assert rate_headers(answer) == recorded_rate_headers(call)


def test_a_missing_record(wire: Wire) -> None:
    call = next(recorded("GET", "/crm/v3/objects/tasks/", 404))

    answer = wire.get("/crm/v3/objects/tasks/1")

    assert answer.status == 404
    assert answer.body.startswith(b"<html>") == call["response"].startswith("<html>") is True
    assert answer.headers["X-HubSpot-NotFound"] == call["headers"]["X-Hubspot-Notfound"][0]


def test_a_bad_value(portal: HubspotPortal, wire: Wire) -> None:
    call = next(recorded("POST", "/crm/v3/objects/meetings", 400))
    meeting = portal.create("meetings")

    bad = {"properties": {"hs_meeting_start_time": "invalid"}}
    body = wire("PATCH", f"/crm/v3/objects/meetings/{meeting}", bad).body

    prefix = "Property values were not valid: "
    mine, real = (json.loads(each["message"].removeprefix(prefix))[0] for each in (body, call["response"]))
    assert without(mine, "message") == without(real, "message")
    assert shape(without(body, "errors")) == shape(call["response"])


def test_owners(portal: HubspotPortal, wire: Wire) -> None:
    portal.define_owner("kim@seller.example", "Kim", "Vale")

    listed = next(recorded("GET", "/crm/v3/owners", 200))["response"]
    assert shape(wire.get("/crm/v3/owners").body) == shape(without(listed, "paging"))


def test_associations_of_one_record(portal: HubspotPortal, wire: Wire) -> None:
    call = next(recorded("GET", "/associations/Contact", 200))
    deal, contact = portal.create("deals"), portal.create("contacts")
    portal.associate("deals", deal, "contacts", contact)

    body = wire.get(f"/crm/v4/objects/Deal/{deal}/associations/Contact").body

    assert shape(body) == shape(call["response"])
    assert body["results"][0]["associationTypes"] == call["response"]["results"][0]["associationTypes"]


def test_associations_in_a_batch(portal: HubspotPortal, wire: Wire) -> None:
    real = modelled("search", "contacts", "contacts-to-companies.json")
    contact, lonely, company = portal.create("contacts"), portal.create("contacts"), portal.create("companies")
    portal.associate("contacts", contact, "companies", company, label="Primary")

    asked = {"inputs": [{"id": contact}, {"id": lonely}]}
    body = wire.post("/crm/v4/associations/contacts/companies/batch/read", asked).body

    assert shape(body) == shape(real)
    assert body["results"][0]["to"][0]["associationTypes"] == real["results"][0]["to"][0]["associationTypes"]
    assert without(body["errors"][0], "message", "context") == without(real["errors"][0], "message", "context")


@pytest.mark.parametrize(
    ("name", "properties"),
    [
        ("success", {"firstname": "Ada"}),
        ("err-partial-success", {"firstname": "Ada"}),
        ("err-many-invalid-properties", {"first000name": "Ada", "last000name": "Ng"}),
        ("err-duplicate-ids", {"firstname": "Ada"}),
    ],
)
def test_batch_updates(portal: HubspotPortal, wire: Wire, name: str, properties: dict[str, str]) -> None:
    real = modelled("batch", "update", "contacts", f"{name}.json")
    contact = portal.create("contacts", lastname="Ng")
    ids = {"err-partial-success": [contact, "1"], "err-duplicate-ids": [contact, contact]}.get(name, [contact])

    body = wire.post(
        "/crm/v3/objects/contacts/batch/update", {"inputs": [{"id": one, "properties": properties} for one in ids]}
    ).body

    def bare(whole: dict[str, Any]) -> dict[str, Any]:
        rows = [without(row, "properties") for row in whole.get("results", [])]
        return {**whole, "results": rows} if rows else whole

    assert shape(bare(body)) == shape(bare(real))


def test_pipelines(wire: Wire) -> None:
    real = modelled("metadata-deals-external-pipelines.json")["results"][0]

    mine = wire.get("/crm/v3/pipelines/deals").body["results"][0]

    assert shape(mine) == shape(real)
    assert [(stage["id"], stage["metadata"], stage["displayOrder"]) for stage in mine["stages"]] == [
        (stage["id"], stage["metadata"], stage["displayOrder"]) for stage in real["stages"]
    ]


def test_the_account(wire: Wire) -> None:
    assert shape(wire.get("/account-info/v3/details").body) == shape(modelled("post-auth", "account-info.json"))


@pytest.mark.parametrize(("near", "far", "status"), [("Deal", "Contact", 201), ("Deal", "Contact", 207)])
def test_associations_made_in_a_batch(portal: HubspotPortal, wire: Wire, near: str, far: str, status: int) -> None:
    call = next(recorded("POST", f"/crm/v4/associations/{near}/{far}/batch/create", status))
    deal, contact = portal.create(near), portal.create(far)
    row = call["request"]["inputs"][0]
    far_id = contact if status == 201 else row["to"]["id"]

    asked = {"inputs": [{**row, "from": {"id": deal}, "to": {"id": far_id}}]}
    answer = wire.post(f"/crm/v4/associations/{near}/{far}/batch/create", asked)

    assert answer.status == status
    assert shape(answer.body) == shape(call["response"])
    assert rate_headers(answer) == recorded_rate_headers(call)
    if status == 207:
        assert answer.body["errors"] == call["response"]["errors"]


@pytest.mark.parametrize("path", ["/crm/v3/objects/meetings/", "/crm/v4/associations/Deal/Company/batch/archive"])
def test_what_is_deleted_is_answered_with_nothing(portal: HubspotPortal, wire: Wire, path: str) -> None:
    method = "DELETE" if "meetings" in path else "POST"
    call = next(recorded(method, path, 204))
    one = portal.create("meetings" if method == "DELETE" else "deals")

    answer = wire("DELETE", f"{path}{one}") if method == "DELETE" else wire.post(path, call["request"])

    assert answer.status == 204
    assert answer.body == b""
    assert rate_headers(answer) == recorded_rate_headers(call)


def test_a_record_made(portal: HubspotPortal, wire: Wire) -> None:
    call = next(recorded("POST", "/crm/v3/objects/meetings", 201))
    owner = portal.define_owner("kim@seller.example", "Kim", "Vale")

    properties = {**call["request"]["properties"], "hubspot_owner_id": owner}
    answer = wire.post("/crm/v3/objects/meetings", {"properties": properties})

    assert answer.status == 201
    assert shape(without(answer.body, "properties", "url")) == shape(without(call["response"], "properties"))
    known = answer.body["properties"].keys() & call["response"]["properties"].keys()
    assert known >= properties.keys()
    changed = {"hs_createdate", "hs_lastmodifieddate", "hs_object_id", "hubspot_owner_id"}
    for name in known - changed:
        assert answer.body["properties"][name] == call["response"]["properties"][name]


@pytest.mark.parametrize("name", ["success", "err-partial-success", "err-many-invalid-properties"])
def test_batch_creates(portal: HubspotPortal, wire: Wire, name: str) -> None:
    real = modelled("batch", "create", "contacts", f"{name}.json")
    portal.create("contacts", email="ann@acme.example")
    new = {"objectWriteTraceId": "1", "properties": {"firstname": "Siena", "email": "bo@acme.example"}}
    bad = {"properties": {"first000name": "Siena", "last000name": "Dyer"}}
    known = {"objectWriteTraceId": "0", "properties": {"email": "ann@acme.example"}}
    inputs = {"success": [new], "err-partial-success": [known, new], "err-many-invalid-properties": [bad, bad]}[name]

    body = wire.post("/crm/v3/objects/contacts/batch/create", {"inputs": inputs}).body

    def bare(whole: dict[str, Any]) -> dict[str, Any]:
        rows = [without(row, "properties") for row in whole.get("results", [])]
        return {**whole, "results": rows} if rows else whole

    assert shape(bare(body)) == shape(bare(real))


def test_the_second_is_a_tenth_of_the_burst(portal: HubspotPortal, wire: Wire) -> None:
    call = next(recorded("POST", "/crm/v3/objects/tasks", 201))
    portal.limits.burst = int(call["headers"]["X-Hubspot-Ratelimit-Max"][0])

    answer = wire.get("/crm/v3/objects/tasks")

    for name in ("Max", "Remaining", "Secondly", "Secondly-Remaining", "Interval-Milliseconds"):
        assert [answer.headers[f"X-HubSpot-RateLimit-{name}"]] == call["headers"][f"X-Hubspot-Ratelimit-{name}"], name
