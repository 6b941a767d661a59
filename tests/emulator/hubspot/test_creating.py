"""Creating records, one and many, and the rules an admin may set for writes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hubspot import HubSpot

from crm_audit.emulator.hubspot import HubspotPortal
from tests.emulator.hubspot.conftest import Answer, Wire

CONTACTS = "/crm/objects/2026-09/contacts"
DEALS = "/crm/objects/2026-09/deals"


def inputs(*rows: Mapping[str, object], traced: bool = False) -> dict[str, object]:
    listed = [{"properties": row} | ({"objectWriteTraceId": str(n)} if traced else {}) for n, row in enumerate(rows)]
    return {"inputs": listed}


def test_official_client_makes_a_note_on_a_deal(portal: HubspotPortal, client: HubSpot, wire: Wire) -> None:
    deal = portal.create("deals")
    note = {
        "properties": {"hs_note_body": "Ask Dana", "hs_timestamp": "2026-03-16T15:00:00Z"},
        "associations": [
            {"to": {"id": deal}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 214}]}
        ],
    }

    made = client.crm.objects.basic_api.create("notes", note)

    assert made.properties["hs_note_body"] == "Ask Dana"
    (row,) = wire.get(f"/crm/v4/objects/deals/{deal}/associations/notes").body["results"]
    assert row["toObjectId"] == int(made.id)
    assert portal.calls.by_kind["notes/create"] == portal.calls.write == 1


def test_one_bad_record_refuses_the_whole_batch(portal: HubspotPortal, wire: Wire) -> None:
    portal.create("contacts", email="ann@acme.example")

    bad_value = wire.post(f"{CONTACTS}/batch/create", inputs({"lastname": "Ng"}, {"nonsense": "1"}))
    known = wire.post(f"{CONTACTS}/batch/create", inputs({"lastname": "Ng"}, {"email": "Ann@acme.example"}))
    twins = wire.post(f"{CONTACTS}/batch/create", inputs({"email": "bo@acme.example"}, {"email": "bo@acme.example"}))

    assert (bad_value.status, bad_value.body["category"]) == (400, "VALIDATION_ERROR")
    assert (known.status, known.body["category"]) == (409, "CONFLICT")
    assert twins.status == 409
    assert len(wire.get(CONTACTS).body["results"]) == 1


def test_with_trace_ids_a_bad_record_refuses_only_itself(portal: HubspotPortal, wire: Wire) -> None:
    ann = portal.create("contacts", email="ann@acme.example")

    answer = wire.post(
        f"{CONTACTS}/batch/create",
        inputs({"email": "ann@acme.example"}, {"lastname": "Ng"}, {"nonsense": "1"}, traced=True),
    )

    assert answer.status == 207
    assert [row["properties"]["lastname"] for row in answer.body["results"]] == ["Ng"]
    conflict, invalid = answer.body["errors"]
    assert (conflict["category"], conflict["message"]) == ("CONFLICT", f"Contact already exists. Existing ID: {ann}")
    assert conflict["context"] == {"objectWriteTraceId": ["0"], "existingId": [ann]}
    assert (invalid["category"], invalid["context"]) == ("VALIDATION_ERROR", {"objectWriteTraceId": ["2"]})


def test_a_good_batch_is_made(portal: HubspotPortal, wire: Wire) -> None:
    answer = wire.post(f"{DEALS}/batch/create", inputs({"dealname": "One"}, {"dealname": "Two"}))

    assert answer.status == 201
    assert [row["properties"]["dealname"] for row in answer.body["results"]] == ["One", "Two"]
    crowd = inputs(*({"dealname": str(n)} for n in range(101)))
    assert wire.post(f"{DEALS}/batch/create", crowd).status == 400
    wrong = {"inputs": [{"properties": {}, "associations": [{"to": {"id": "1"}, "types": [{"associationTypeId": 9}]}]}]}
    assert wire.post(f"{DEALS}/batch/create", wrong).status == 400
    ids = [row["id"] for row in answer.body["results"]]
    assert wire.post(f"{DEALS}/batch/archive", {"inputs": [{"id": one} for one in [*ids, "1"]]}).status == 204
    assert wire.get(DEALS).body["results"] == []


@pytest.fixture
def ruled(portal: HubspotPortal) -> HubspotPortal:
    """Won deals must have a close date, new ones a name."""
    portal.require("deals", "closedate", when=("dealstage", "closedwon"))
    portal.require("deals", "dealname")
    return portal


def won(**more: object) -> dict[str, object]:
    return {"properties": {"dealstage": "closedwon", **more}}


def complaint(answer: Answer) -> tuple[str, str]:
    (error,) = answer.body["errors"]
    (name,) = error["context"]["propertyName"]
    return error["code"], name


def test_rules_bind_calls_on_new_paths_only(ruled: HubspotPortal, wire: Wire) -> None:
    deal = ruled.create("deals", dealstage="contractsent")

    refused = wire("PATCH", f"{DEALS}/{deal}", won())

    assert (refused.status, refused.body["category"]) == (400, "VALIDATION_ERROR")
    assert complaint(refused) == ("MISSING_CONDITIONAL_REQUIRED_PROPERTY", "closedate")
    assert refused.body["errors"][0]["message"] == (
        "closedate is required because of a conditional property rule based on [dealstage]"
    )
    assert ruled.value("deals", deal, "dealstage") == "contractsent"
    for version in ("/crm/v3/objects", "/crm/objects/2026-03"):
        assert wire("PATCH", f"{version}/deals/{deal}", won()).status == 200
        ruled.update("deals", deal, dealstage="contractsent")


def test_rules_look_at_what_the_write_leaves(ruled: HubspotPortal, wire: Wire) -> None:
    deal = ruled.create("deals", dealstage="closedwon")  # users were not asked before the rule was there

    assert wire("PATCH", f"{DEALS}/{deal}", {"properties": {"amount": "5"}}).status == 200
    assert wire("PATCH", f"{DEALS}/{deal}", {"properties": {"closedate": ""}}).status == 400
    assert wire("PATCH", f"{DEALS}/{deal}", won(closedate="2026-04-01")).status == 200
    assert wire("PATCH", f"{DEALS}/{deal}", won()).status == 200
    batch = {"inputs": [{"id": deal, **won(closedate="")}]}
    assert complaint(wire.post(f"{DEALS}/batch/update", batch))[0] == "MISSING_CONDITIONAL_REQUIRED_PROPERTY"


def test_rules_for_new_records(ruled: HubspotPortal, wire: Wire) -> None:
    refused = wire.post(DEALS, {"properties": {"amount": "5"}})

    assert complaint(refused) == ("MISSING_REQUIRED_PROPERTY", "dealname")
    assert wire.post(DEALS, {"properties": {"dealname": "Cranes"}}).status == 201
    assert wire.post("/crm/v3/objects/deals", {"properties": {"amount": "5"}}).status == 201
