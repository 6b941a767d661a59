"""The search: operators, order, paging and its limits."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hubspot import HubSpot

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import HubspotPortal
from tests.emulator.hubspot.conftest import NOW, Wire

SEARCH = "/crm/objects/2026-09/deals/search"


def condition(name: str, operator: str, value: object = None, **more: object) -> dict[str, object]:
    asked = {"propertyName": name, "operator": operator, **more}
    return asked if value is None else {**asked, "value": value}


@pytest.fixture
def deals(portal: HubspotPortal) -> dict[str, str]:
    """Three deals; the third has neither amount nor close date nor owner."""
    one = portal.create(
        "deals", dealname="Acme Freight expansion", amount="90", closedate="2026-03-31",
        hs_manual_forecast_category="COMMIT",
    )  # fmt: skip
    two = portal.create(
        "deals", dealname="Northwind renewal", amount="1000", closedate="2026-06-30T12:00:00Z",
        hs_manual_forecast_category="BEST_CASE",
    )  # fmt: skip
    three = portal.create("deals", dealname="Blank")
    return {one: "acme", two: "northwind", three: "blank"}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (condition("amount", "EQ", "90.00"), ["acme"]),
        (condition("amount", "NEQ", "90"), ["northwind"]),
        (condition("amount", "LT", "1000"), ["acme"]),  # as numbers: as text "90" is above "1000"
        (condition("amount", "LTE", "1000"), ["acme", "northwind"]),
        (condition("amount", "GT", 90), ["northwind"]),
        (condition("amount", "GTE", 90), ["acme", "northwind"]),
        (condition("amount", "BETWEEN", "90", highValue="999"), ["acme"]),
        (condition("amount", "HAS_PROPERTY"), ["acme", "northwind"]),
        (condition("amount", "NOT_HAS_PROPERTY"), ["blank"]),
        (condition("closedate", "LT", "2026-04-01T00:00:00+02:00"), ["acme"]),
        (condition("closedate", "EQ", "1774915200000"), ["acme"]),
        (condition("dealname", "EQ", "BLANK"), ["blank"]),
        (condition("dealname", "IN", values=["blank"]), ["blank"]),
        (condition("dealname", "IN", values=["Blank"]), []),  # text in IN must be lower case
        (condition("dealname", "NOT_IN", values=["blank"]), ["acme", "northwind"]),
        (condition("dealname", "CONTAINS_TOKEN", "freight"), ["acme"]),
        (condition("dealname", "CONTAINS_TOKEN", "north*"), ["northwind"]),
        (condition("dealname", "CONTAINS_TOKEN", "north"), []),
        (condition("dealname", "NOT_CONTAINS_TOKEN", "freight"), ["northwind", "blank"]),
        (condition("hs_manual_forecast_category", "EQ", "COMMIT"), ["acme"]),
        (condition("hs_manual_forecast_category", "EQ", "commit"), []),  # enumerations keep their case
        (condition("hs_manual_forecast_category", "IN", values=["COMMIT", "BEST_CASE"]), ["acme", "northwind"]),
        (condition("hs_manual_forecast_category", "NOT_IN", values=["COMMIT"]), ["northwind"]),
        (condition("lastmodifieddate", "GTE", "0"), []),  # the contacts' stamp: nothing, and no error
        (condition("hs_lastmodifieddate", "GTE", "0"), ["acme", "northwind", "blank"]),
    ],
)
def test_operators(deals: dict[str, str], wire: Wire, asked: dict[str, object], found: list[str]) -> None:
    assert [deals[one] for one in wire.search("deals", filters=[asked])] == found


def test_groups_are_alternatives_and_filters_in_one_must_all_hold(deals: dict[str, str], wire: Wire) -> None:
    cheap, named = condition("amount", "LT", "100"), condition("dealname", "CONTAINS_TOKEN", "renewal")

    assert wire.search("deals", filterGroups=[{"filters": [cheap, named]}]) == []
    either = wire.search("deals", filterGroups=[{"filters": [cheap]}, {"filters": [named]}])
    assert [deals[one] for one in either] == ["acme", "northwind"]


def test_official_client_searches_by_stamp(portal: HubspotPortal, clock: Clock, client: HubSpot) -> None:
    portal.create("contacts", lastname="Old")
    clock.advance(hours=1)
    fresh = portal.create("contacts", lastname="Ng", email="ng@acme.example")
    since = str(int((NOW + timedelta(minutes=30)).timestamp() * 1000))

    answer = client.crm.contacts.search_api.do_search(
        {"filterGroups": [{"filters": [condition("lastmodifieddate", "GTE", since)]}], "properties": ["email"]}
    )

    assert answer.total == 1
    assert answer.results[0].id == fresh
    assert answer.results[0].properties["email"] == "ng@acme.example"


def test_a_change_moves_a_record_into_the_window(portal: HubspotPortal, clock: Clock, wire: Wire) -> None:
    deal = portal.create("deals", amount=1)
    clock.advance(hours=1)
    window = condition("hs_lastmodifieddate", "GT", "2026-03-16T15:30:00Z")

    assert wire.search("deals", filters=[window]) == []
    portal.update("deals", deal, amount=1)  # even a write that changes nothing moves the stamp
    assert wire.search("deals", filters=[window]) == [deal]


def test_association_changes_do_not_move_the_stamp(portal: HubspotPortal, clock: Clock, wire: Wire) -> None:
    deal, contact = portal.create("deals"), portal.create("contacts")
    clock.advance(hours=1)
    portal.associate("deals", deal, "contacts", contact)

    assert wire.search("deals", filters=[condition("hs_lastmodifieddate", "GT", "2026-03-16T15:30:00Z")]) == []


def test_editing_a_pipeline_moves_the_stamps_of_its_deals(portal: HubspotPortal, clock: Clock, wire: Wire) -> None:
    deal, other = portal.create("deals", pipeline="default"), portal.create("deals", pipeline="renewals")
    clock.advance(hours=1)
    portal.define_pipeline("renewals", "Renewals", [("ren_open", "Open", "0.5")])  # new: touches nothing
    portal.define_pipeline("default", "Sales", [("contractsent", "Contract", "0.9")])

    found = wire.search("deals", filters=[condition("hs_lastmodifieddate", "GT", "2026-03-16T15:30:00Z")])
    assert found == [deal]
    assert other not in found


def test_associations_can_be_searched(portal: HubspotPortal, wire: Wire) -> None:
    one, two, contact = portal.create("deals"), portal.create("deals"), portal.create("contacts")
    portal.associate("deals", two, "contacts", contact)

    assert wire.search("deals", filters=[condition("associations.contact", "EQ", contact)]) == [two]
    assert one != two


def test_archived_and_merged_records_are_hidden(portal: HubspotPortal, wire: Wire) -> None:
    kept, gone, lost = (portal.create("deals") for _ in range(3))
    portal.archive("deals", gone)
    portal.merge("deals", kept, lost)

    assert wire.search("deals") == [kept]


def test_default_order_is_creation_and_one_sort_may_replace_it(portal: HubspotPortal, wire: Wire) -> None:
    late = portal.create("deals", createdate="2026-02-02T00:00:00Z", amount=9)
    early = portal.create("deals", createdate="2026-01-01T00:00:00Z", amount=100)
    blank = portal.create("deals", createdate="2026-01-15T00:00:00Z")

    by_amount = {"propertyName": "amount", "direction": "DESCENDING"}
    assert wire.search("deals") == [early, blank, late]
    assert wire.search("deals", sorts=[by_amount]) == [early, late, blank]
    assert wire.search("deals", sorts=["amount"]) == [late, early, blank]
    assert wire.search("deals", sorts=["-amount"]) == [early, late, blank]
    by_id = {"propertyName": "hs_object_id", "direction": "ASCENDING"}
    assert wire.search("deals", sorts=[by_id]) == [late, early, blank]
    assert wire.post(SEARCH, {"sorts": [by_amount, by_id]}).status == 400


def test_pages_go_by_offset_without_a_link(portal: HubspotPortal, wire: Wire) -> None:
    ids = [portal.create("deals") for _ in range(5)]

    first = wire.post(SEARCH, {"limit": "2"}).body
    assert first["total"] == 5
    assert first["paging"] == {"next": {"after": "2"}}
    last = wire.post(SEARCH, {"limit": 2, "after": "4"}).body
    assert [row["id"] for row in last["results"]] == ids[4:]
    assert "paging" not in last


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"limit": 200, "after": 9_801},
        {"filterGroups": [{"filters": []}] * 6},
        {"filterGroups": [{"filters": [condition("amount", "EQ", "1")] * 7}]},
        {"filters": [condition("amount", "RESEMBLES", "1")]},
        {"filters": [condition("amount", "EQ")]},
        {"filters": [condition("amount", "BETWEEN", "1")]},
        {"filters": [condition("amount", "EQ", "many")]},
        {"filters": [condition("dealname", "EQ", "x" * 3_000)]},
        {"query": "freight"},
        {"filters": [{"operator": "EQ"}]},
    ],
)
def test_what_search_refuses(portal: HubspotPortal, wire: Wire, body: dict[str, object]) -> None:
    portal.create("deals", amount=1)

    answer = wire.post(SEARCH, body)

    assert (answer.status, answer.body["category"]) == (400, "VALIDATION_ERROR")
    assert answer.body["message"]


def test_a_page_that_ends_at_10000_is_still_given(wire: Wire) -> None:
    assert wire.post(SEARCH, {"limit": 200, "after": 9_800}).status == 200


def test_a_body_that_is_no_json_is_refused(wire: Wire) -> None:
    for body in (b"{", b"[]", b""):
        answer = wire.post(SEARCH, body)
        assert answer.status == 400
        assert answer.body["message"].startswith("Invalid input JSON")
