"""Properties and groups are made over the API, as HubSpot's own client does it."""

from __future__ import annotations

import pytest
from hubspot import HubSpot

from crm_audit.emulator.hubspot import HubspotPortal
from tests.emulator.hubspot.conftest import Wire

PATH = "/crm/properties/2026-09/deals"
NEED = {
    "name": "need", "label": "Need", "type": "enumeration", "fieldType": "select", "groupName": "dealinformation",
    "options": [{"label": "Cost", "value": "cost", "displayOrder": 0, "hidden": False}],
}  # fmt: skip


def test_the_official_client_makes_a_group_and_a_property_in_it(portal: HubspotPortal, client: HubSpot) -> None:
    client.crm.properties.groups_api.create("deals", {"name": "ours", "label": "Ours"})
    made = client.crm.properties.core_api.create("deals", NEED | {"groupName": "ours"})
    assert (made.name, made.label, made.group_name, made.options[0].value) == ("need", "Need", "ours", "cost")
    deal = portal.create("deals", need="cost")
    assert client.crm.deals.basic_api.get_by_id(deal, properties=["need"]).properties["need"] == "cost"


def test_what_there_is_already_is_409_and_unchanged(portal: HubspotPortal, wire: Wire) -> None:
    assert wire.post(PATH, NEED).status == 201
    again = wire.post(PATH, NEED | {"label": "Other"})
    assert (again.status, again.body["category"]) == (409, "CONFLICT")
    assert wire.get(f"{PATH}/need").body["label"] == "Need"
    assert wire.post(f"{PATH}/groups", {"name": "dealinformation", "label": "x"}).status == 409


def test_an_archived_property_comes_back_as_it_was(portal: HubspotPortal, wire: Wire) -> None:
    wire.post(PATH, NEED)
    portal.archive_property("deals", "need")
    assert wire.post(PATH, NEED | {"label": "Other", "options": []}).status == 201
    back = wire.get(f"{PATH}/need").body
    assert (back["label"], [one["value"] for one in back["options"]]) == ("Need", ["cost"])


def test_options_are_replaced_whole(wire: Wire) -> None:
    wire.post(PATH, NEED)
    wire("PATCH", f"{PATH}/need", {"options": [{"value": "speed", "label": "Speed"}]})
    assert [one["value"] for one in wire.get(f"{PATH}/need").body["options"]] == ["speed"]


@pytest.mark.parametrize("wrong", [{"name": "No Spaces"}, {"type": "money"}, {"groupName": "nowhere"}, {"label": None}])
def test_a_property_that_cannot_be_is_refused(wire: Wire, wrong: dict[str, object]) -> None:
    assert wire.post(PATH, NEED | wrong).status == 400


@pytest.mark.parametrize("name", ["amount", "nothing"])
def test_what_is_not_the_admins_cannot_be_changed(wire: Wire, name: str) -> None:
    assert wire("PATCH", f"{PATH}/{name}", {"label": "Mine"}).status == 404


def test_defining_needs_a_scope_of_its_own(portal: HubspotPortal, wire: Wire) -> None:
    portal.revoke("crm.schemas.deals.write")
    refused = wire.post(PATH, NEED)
    assert (refused.status, refused.body["category"]) == (403, "MISSING_SCOPES")
