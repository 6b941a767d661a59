"""The life of records: the bin, restoring, purging, merging, and admins who change things while somebody reads."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hubspot import HubSpot

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import HubspotPortal
from tests.emulator.hubspot.conftest import Answer, Wire

DEALS = "/crm/objects/2026-09/deals"
CONTACTS = "/crm/objects/2026-09/contacts"


def listed(wire: Wire, plural: str, query: str = "") -> list[str]:
    return [row["id"] for row in wire.get(f"/crm/objects/2026-09/{plural}?limit=100{query}").body["results"]]


def people(wire: Wire, deal: str) -> list[str]:
    rows = wire.get(f"/crm/v4/objects/deals/{deal}/associations/contacts").body["results"]
    return [str(row["toObjectId"]) for row in rows]


def test_the_official_client_archives_and_the_bin_keeps_it_for_ninety_days(
    portal: HubspotPortal, clock: Clock, client: HubSpot, wire: Wire
) -> None:
    deal, kept = portal.create("deals"), portal.create("deals")
    client.crm.deals.basic_api.archive(deal)

    assert listed(wire, "deals") == [kept]
    (row,) = wire.get(f"{DEALS}?archived=true").body["results"]
    assert (row["id"], row["archived"], row["archivedAt"]) == (deal, True, "2026-03-16T15:00:00Z")
    clock.advance(days=90, seconds=-1)
    assert listed(wire, "deals", "&archived=true") == [deal]
    clock.advance(seconds=1)
    assert listed(wire, "deals", "&archived=true") == []
    with pytest.raises(ValueError, match="no deal"):
        portal.restore("deals", deal)


def test_archived_pages_go_on_where_they_stopped(portal: HubspotPortal, wire: Wire) -> None:
    ids = [portal.create("deals") for _ in range(6)]
    for deal in reversed(ids[1:]):  # thrown away in another order than they were made
        portal.archive("deals", deal)

    first = wire.get(f"{DEALS}?archived=true&limit=2").body
    second = wire.get(first["paging"]["next"]["link"]).body
    last = wire.get(second["paging"]["next"]["link"]).body

    assert [row["id"] for page in (first, second, last) for row in page["results"]] == ids[1:]
    assert "paging" not in last


def test_a_restored_record_has_its_associations_and_a_new_stamp(
    portal: HubspotPortal, clock: Clock, wire: Wire
) -> None:
    deal, person = portal.create("deals"), portal.create("contacts")
    portal.associate("deals", deal, "contacts", person)
    portal.archive("contacts", person)
    assert people(wire, deal) == []
    clock.advance(days=3)

    portal.restore("contacts", person)

    assert people(wire, deal) == [person]
    assert portal.value("contacts", person, "lastmodifieddate") == "2026-03-19T15:00:00Z"
    with pytest.raises(ValueError, match="not in the bin"):
        portal.restore("contacts", person)


def test_a_record_deleted_for_privacy_is_gone_from_everything(portal: HubspotPortal, wire: Wire) -> None:
    deal, person, twin = portal.create("deals"), portal.create("contacts"), portal.create("contacts")
    portal.update("contacts", person, email="ann@acme.example")
    portal.merge("contacts", person, twin)
    portal.associate("deals", deal, "contacts", person)

    erased = wire.post(f"{CONTACTS}/gdpr-delete", {"objectId": "ann@acme.example", "idProperty": "email"})

    assert erased.status == 204
    assert people(wire, deal) == listed(wire, "contacts") == listed(wire, "contacts", "&archived=true") == []
    for one in (person, twin):
        assert wire.get(f"{CONTACTS}/{one}").status == 404
    answer = wire.post(f"{CONTACTS}/batch/read", {"inputs": [{"id": person}, {"id": twin}]})
    assert (answer.status, answer.body["errors"][0]["context"]) == (207, {"ids": [person, twin]})
    assert wire.post(f"{CONTACTS}/gdpr-delete", {"objectId": person}).status == 204


@pytest.mark.parametrize(("plural", "fresh"), [("contacts", True), ("companies", True), ("deals", False)])
def test_a_merge_over_the_wire(portal: HubspotPortal, wire: Wire, plural: str, fresh: bool) -> None:
    base = f"/crm/objects/2026-09/{plural}"
    keep, lose = portal.create(plural), portal.create(plural)

    merged = wire.post(f"{base}/merge", {"primaryObjectId": keep, "objectIdToMerge": lose}).body

    assert (merged["id"] not in (keep, lose)) is fresh
    old = [keep, lose] if fresh else [lose]
    for one in old:
        assert wire.get(f"{base}/{one}").body["id"] == merged["id"]
        assert wire("PATCH", f"{base}/{one}", {"properties": {}}).body["id"] == merged["id"]
        batch = {"inputs": [{"id": one, "properties": {}}]}
        assert wire.post(f"{base}/batch/update", batch).body["errors"][0]["context"]["ids"] == [one]
        assert wire.post(f"{base}/batch/read", batch).body["results"] == []
    shown = wire.get(f"{base}/{merged['id']}?properties=hs_merged_object_ids").body["properties"]
    assert set(shown["hs_merged_object_ids"].split(";")) == set(old)
    assert listed(wire, plural) == [merged["id"]]
    again = {"primaryObjectId": merged["id"], "objectIdToMerge": lose}
    assert wire.post(f"{base}/merge", again).status == 400


def test_a_renamed_property_is_left_out_without_a_word(portal: HubspotPortal, wire: Wire) -> None:
    portal.define_property("deals", "need", "string")
    deal = portal.create("deals", need="Forklifts")
    path = f"{DEALS}/{deal}?properties=need,buyer_need&propertiesWithHistory=buyer_need"
    assert wire.get(path).body["properties"]["need"] == "Forklifts"

    portal.update("deals", deal, need="Cranes")
    portal.rename_property("deals", "need", "buyer_need")

    body = wire.get(path).body
    assert "need" not in body["properties"]
    assert body["properties"]["buyer_need"] == "Cranes"
    assert [row["value"] for row in body["propertiesWithHistory"]["buyer_need"]] == ["Cranes", "Forklifts"]
    has = {"propertyName": "need", "operator": "HAS_PROPERTY"}
    assert wire.search("deals", filters=[has]) == []


def test_a_retyped_property_is_searched_by_its_new_type(portal: HubspotPortal, wire: Wire) -> None:
    portal.define_property("deals", "seats", "string")
    deal = portal.create("deals", seats="90")
    above = {"propertyName": "seats", "operator": "GT", "value": "1000"}
    assert wire.search("deals", filters=[above]) == [deal]  # as text "90" is above "1000"

    portal.define_property("deals", "seats", "number")

    assert wire.search("deals", filters=[above]) == []


def test_an_edited_pipeline_gives_more_equal_stamps_than_a_search_can_page(
    portal: HubspotPortal, clock: Clock, wire: Wire
) -> None:
    rows: list[dict[str, str]] = [{"pipeline": "default", "dealstage": "contractsent"}] * 10_050
    ids = portal.load("deals", rows)
    clock.advance(hours=1)
    portal.define_pipeline("default", "Sales", [("contractsent", "Contract", "0.9")])
    window = {"propertyName": "hs_lastmodifieddate", "operator": "EQ", "value": "2026-03-16T16:00:00Z"}

    def search(**more: object) -> Answer:
        return wire.post(f"{DEALS}/search", {"limit": 200, "sorts": ["hs_object_id"], **more})

    assert search(filters=[window]).body["total"] == len(ids)
    assert search(filters=[window], after=9_800).status == 200
    assert search(filters=[window], after=10_000).status == 400
    rest = {"propertyName": "hs_object_id", "operator": "GT", "value": ids[9_999]}
    assert [row["id"] for row in search(filters=[window, rest]).body["results"]] == ids[10_000:]


def test_a_short_batch_says_nothing_of_what_it_lacks(portal: HubspotPortal, wire: Wire) -> None:
    ids = [portal.create("deals") for _ in range(3)]
    portal.short_batches = True

    answer = wire.post(f"{DEALS}/batch/read", {"inputs": [{"id": one} for one in [*ids, "1"]]})

    assert answer.status == 200
    assert [row["id"] for row in answer.body["results"]] == ids[:2]
    assert "errors" not in answer.body
    portal.short_batches = False
    assert len(wire.post(f"{DEALS}/batch/read", {"inputs": [{"id": one} for one in ids]}).body["results"]) == 3


def test_loaded_records_are_like_those_that_were_made(portal: HubspotPortal, clock: Clock, wire: Wire) -> None:
    made = portal.create("deals", dealname="Cranes", amount="5", createdate=clock.now() - timedelta(days=2))
    (loaded,) = portal.load("deals", [{"dealname": "Cranes", "amount": "5", "createdate": "2026-03-14T15:00:00Z",
                                       "hs_lastmodifieddate": "2026-03-16T15:00:00Z"}])  # fmt: skip
    person = portal.create("contacts")
    portal.define_label("deals", "contacts", "Champion")
    portal.associate("deals", made, "contacts", person, label="Champion")
    portal.link_all("deals", "contacts", [(loaded, person)], label="Champion")

    query = "properties=dealname,amount,createdate,hs_createdate&propertiesWithHistory=amount&associations=contacts"
    one, other = (wire.get(f"{DEALS}/{deal}?{query}").body for deal in (made, loaded))

    for body in (one, other):
        del body["id"], body["url"], body["properties"]["hs_object_id"]
    assert one == other
    assert wire.search("deals", filters=[{"propertyName": "amount", "operator": "EQ", "value": "5"}]) == [made, loaded]
