"""Batch update and PATCH: what is taken, what is refused, and what a merge leaves behind."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hubspot import HubSpot
from hubspot.crm.deals import ApiException

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import HubspotPortal
from crm_audit.emulator.hubspot.catalogue import KIT
from tests.emulator.hubspot.conftest import Answer, Wire

UPDATE = "/crm/objects/2026-09/deals/batch/update"


@pytest.fixture
def deal(portal: HubspotPortal) -> str:
    portal.install_kit()
    return portal.create("deals", dealname="Rail freight", amount="5", pipeline="default")


def update(wire: Wire, *inputs: tuple[str, Mapping[str, object]]) -> Answer:
    return wire.post(UPDATE, {"inputs": [{"id": one, "properties": values} for one, values in inputs]})


def test_official_client_annotates_and_reads_back(
    portal: HubspotPortal, clock: Clock, client: HubSpot, deal: str
) -> None:
    values = {"crm_audit_status": "overstated", "crm_audit_stage_gap": "2", "crm_audit_details": "Dana\nLee"}
    clock.advance(minutes=5)

    written = client.crm.deals.batch_api.update({"inputs": [{"id": deal, "properties": values}]})

    assert written.results[0].properties["crm_audit_status"] == "overstated"
    read = client.crm.deals.batch_api.read(
        {"inputs": [{"id": deal}], "properties": list(values), "propertiesWithHistory": ["crm_audit_status"]}
    )
    shown = read.results[0]
    assert {name: shown.properties[name] for name in values} == values
    assert shown.properties["hs_lastmodifieddate"] == "2026-03-16T15:05:00Z"
    (version,) = shown.properties_with_history["crm_audit_status"]
    assert (version.source_type, version.updated_by_user_id) == ("INTEGRATION", None)
    assert (portal.calls.write, portal.calls.by_kind["deals/batch/update"]) == (1, 1)


def test_the_kit_has_the_properties_we_own_and_nothing_else(portal: HubspotPortal, wire: Wire, deal: str) -> None:
    rows = wire.get("/crm/v3/properties/deals").body["results"]

    ours = {row["name"]: row for row in rows if row["groupName"] == "crm_audit"}
    assert ours.keys() == KIT.keys()
    status = [option["value"] for option in ours["crm_audit_status"]["options"]]
    assert status == ["supported", "overstated", "unverifiable", "not_applicable", "unmapped"]
    assert wire.get("/crm/properties/2026-09/deals/groups/crm_audit").status == 200


def test_empty_text_and_null_clear_a_value(portal: HubspotPortal, wire: Wire, deal: str) -> None:
    update(wire, (deal, {"amount": "", "dealname": None}))

    assert portal.value("deals", deal, "amount") is None
    assert portal.value("deals", deal, "dealname") is None
    history = wire.get(f"/crm/v3/objects/deals/{deal}?propertiesWithHistory=amount").body["propertiesWithHistory"]
    assert [version["value"] for version in history["amount"]] == ["", "5"]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("crm_audit_misspelt", "x", "PROPERTY_DOESNT_EXIST"),
        ("hs_lastmodifieddate", "2026-01-01", "READ_ONLY_VALUE"),
        ("crm_audit_status", "splendid", "INVALID_OPTION"),
        ("crm_audit_stage_gap", "two", "INVALID_DOUBLE"),
        ("crm_audit_stage_gap", "NaN", "INVALID_DOUBLE"),
        ("closedate", "someday", "INVALID_LONG"),
        ("crm_audit_details", "x" * 65_537, "VALUE_TOO_LONG"),
    ],
)
def test_one_bad_value_refuses_the_whole_batch(
    portal: HubspotPortal, wire: Wire, deal: str, name: str, value: str, code: str
) -> None:
    other = portal.create("deals", amount="7")

    answer = update(wire, (other, {"amount": "8"}), (deal, {name: value}))

    assert (answer.status, answer.body["category"]) == (400, "VALIDATION_ERROR")
    (error,) = answer.body["errors"]
    assert (error["code"], error["context"]["propertyName"]) == (code, [name])
    prefix = "Property values were not valid: "
    (listed,) = json.loads(answer.body["message"].removeprefix(prefix))
    assert (listed["isValid"], listed["error"], listed["name"]) == (False, code, name)
    assert portal.value("deals", other, "amount") == "7"
    assert wire("PATCH", f"/crm/v3/objects/deals/{deal}", {"properties": {name: value}}).status == 400


def test_a_date_must_be_midnight(portal: HubspotPortal, wire: Wire, deal: str) -> None:
    portal.define_property("deals", "asked_on", "date")

    assert update(wire, (deal, {"asked_on": "2026-03-01T09:00:00Z"})).body["errors"][0]["code"] == "INVALID_DATE"
    assert update(wire, (deal, {"asked_on": 1772323200000})).status == 200
    assert portal.value("deals", deal, "asked_on") == "2026-03-01T00:00:00Z"


def test_several_choices_are_joined_and_a_leading_semicolon_appends(portal: HubspotPortal, wire: Wire) -> None:
    contact = portal.create("contacts", hs_buying_role="CHAMPION;END_USER")
    change = {"properties": {"hs_buying_role": ";DECISION_MAKER;CHAMPION"}}

    assert wire("PATCH", f"/crm/v3/objects/contacts/{contact}", change).status == 200
    assert portal.value("contacts", contact, "hs_buying_role") == "CHAMPION;END_USER;DECISION_MAKER"


def test_missing_and_archived_ids_are_reported_while_the_rest_is_written(
    portal: HubspotPortal, wire: Wire, deal: str
) -> None:
    gone = portal.create("deals")
    portal.archive("deals", gone)

    answer = update(wire, (deal, {"amount": "6"}), (gone, {"amount": "6"}), ("99", {"amount": "6"}))

    assert answer.status == 207
    assert [row["id"] for row in answer.body["results"]] == [deal]
    assert answer.body["errors"][0]["category"] == "OBJECT_NOT_FOUND"
    assert answer.body["errors"][0]["context"]["ids"] == sorted([gone, "99"])
    assert portal.value("deals", deal, "amount") == "6"


def test_batches_are_limited_and_may_not_name_an_id_twice(wire: Wire, deal: str) -> None:
    assert update(wire, *((str(n), {"amount": "1"}) for n in range(101))).status == 400
    twice = update(wire, (deal, {"amount": "1"}), (deal, {"amount": "2"}))
    assert (twice.status, twice.body["context"]) == (400, {"ids": [deal]})


def test_merged_ids_resolve_on_get_and_patch_but_not_in_batches(
    portal: HubspotPortal, wire: Wire, client: HubSpot, deal: str
) -> None:
    lost = portal.create("deals", dealname="Rail freight (copy)", closedate="2026-05-01")
    survivor = portal.merge("deals", deal, lost)

    read = client.crm.deals.basic_api.get_by_id(lost, properties=["dealname", "closedate", "hs_merged_object_ids"])
    assert read.id == survivor == deal
    assert read.properties["dealname"] == "Rail freight"
    assert read.properties["closedate"] == "2026-05-01T00:00:00Z"
    assert read.properties["hs_merged_object_ids"] == lost
    assert wire("PATCH", f"/crm/v3/objects/deals/{lost}", {"properties": {"amount": "9"}}).body["id"] == deal
    assert update(wire, (lost, {"amount": "10"})).body["errors"][0]["context"]["ids"] == [lost]
    assert portal.value("deals", deal, "amount") == "9"
    assert [row["id"] for row in wire.get("/crm/v3/objects/deals").body["results"]] == [deal]
    assert wire.get("/crm/v3/objects/deals?archived=true").body["results"] == []


def test_a_merge_of_contacts_can_make_a_new_id(portal: HubspotPortal, wire: Wire) -> None:
    deal, dana, double = portal.create("deals"), portal.create("contacts", lastname="Reyes"), portal.create("contacts")
    portal.associate("deals", deal, "contacts", double)

    merged = portal.merge("contacts", dana, double, fresh_id=True)

    assert merged not in (dana, double)
    names = "hs_merged_object_ids,hs_calculated_merged_vids,lastname"
    for old in (dana, double, merged):
        row = wire.get(f"/crm/v3/objects/contacts/{old}?properties={names}").body
        assert (row["id"], row["properties"]["lastname"]) == (merged, "Reyes")
    assert set(row["properties"]["hs_merged_object_ids"].split(";")) == {dana, double}
    vids = row["properties"]["hs_calculated_merged_vids"].split(";")
    assert {vid.partition(":")[0] for vid in vids} == {dana, double}
    ends = wire.get(f"/crm/v4/objects/deals/{deal}/associations/contacts").body["results"]
    assert [end["toObjectId"] for end in ends] == [int(merged)]


def test_loading_a_world_is_strict(portal: HubspotPortal) -> None:
    with pytest.raises(ValueError, match='Property "budget" does not exist on deals; define_property'):
        portal.create("deals", budget=1)
    with pytest.raises(ValueError, match="no deal 99 in this portal"):
        portal.update("deals", "99", amount=1)
    with pytest.raises(ValueError, match="is no kind of property"):
        portal.define_property("deals", "budget", "money")
    with pytest.raises(TypeError, match="is no property value"):
        portal.create("deals", amount=1.5)


def test_official_client_sees_refusals_as_its_own_exception(client: HubSpot, deal: str) -> None:
    with pytest.raises(ApiException) as caught:
        client.crm.deals.basic_api.update(deal, {"properties": {"nonsense": "1"}})
    assert caught.value.status == 400
    assert json.loads(caught.value.body)["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"


def test_a_merged_contact_keeps_every_address(portal: HubspotPortal, wire: Wire) -> None:
    """Mail that the duplicate wrote can still be told by its sender."""
    dana = portal.create("contacts", email="dana@acme.example")
    double = portal.create(
        "contacts", email="d.ruiz@acme.example", hs_additional_emails="dana@acme.example;d@a.example"
    )

    merged = portal.merge("contacts", dana, double, fresh_id=True)

    read = wire.get(f"/crm/v3/objects/contacts/{merged}?properties=email,hs_additional_emails").body["properties"]
    assert read["email"] == "dana@acme.example"
    assert read["hs_additional_emails"] == "d@a.example;d.ruiz@acme.example"


def test_a_merge_of_what_has_no_address_makes_none_up(portal: HubspotPortal) -> None:
    kept, lost = portal.create("companies", name="Acme"), portal.create("companies", name="Acme Inc")

    assert portal.value("companies", portal.merge("companies", kept, lost), "name") == "Acme"
