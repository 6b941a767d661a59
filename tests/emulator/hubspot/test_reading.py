"""List, single get and batch read, with properties, history and the recycle bin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hubspot import HubSpot
from hubspot.crm.deals import ApiException

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import HubspotPortal, Source, Version
from tests.emulator.hubspot.conftest import NOW, Wire

DEALS = "/crm/objects/2026-09/deals"


def test_official_client_lists_every_deal_over_several_pages(portal: HubspotPortal, client: HubSpot) -> None:
    ids = [portal.create("deals", dealname=f"Deal {n}") for n in range(230)]

    deals = client.crm.deals.get_all(properties=["dealname"])

    assert [deal.id for deal in deals] == ids
    assert deals[229].properties["dealname"] == "Deal 229"
    assert portal.calls.by_kind["deals/list"] == 3


def test_next_page_begins_one_after_the_last_id_and_links_to_this_address(
    portal: HubspotPortal, wire: Wire, base: str
) -> None:
    first, second = portal.create("deals", dealname="One"), portal.create("deals", dealname="Two")

    page = wire.get(f"{DEALS}?limit=1&properties=dealname").body

    after = str(int(first) + 1)
    assert page["paging"]["next"] == {
        "after": after,
        "link": f"{base}{DEALS}?limit=1&properties=dealname&after={after}",
    }
    last = wire.get(page["paging"]["next"]["link"]).body
    assert [row["id"] for row in last["results"]] == [second]
    assert "paging" not in last


@pytest.mark.parametrize("name", ["deals", "deal", "Deal", "0-3"])
@pytest.mark.parametrize("root", ["/crm/objects/2026-09", "/crm/objects/2026-03", "/crm/v3/objects"])
def test_every_version_and_name_reaches_the_same_records(
    portal: HubspotPortal, wire: Wire, root: str, name: str
) -> None:
    deal = portal.create("deals", dealname="Rail freight")

    assert [row["id"] for row in wire.get(f"{root}/{name}").body["results"]] == [deal]


def test_a_list_takes_100_and_50_with_history(portal: HubspotPortal, wire: Wire) -> None:
    assert wire.get(f"{DEALS}?limit=100").status == 200
    assert wire.get(f"{DEALS}?limit=101").status == 400
    assert wire.get(f"{DEALS}?limit=50&propertiesWithHistory=dealstage").status == 200
    refused = wire.get(f"{DEALS}?limit=51&propertiesWithHistory=dealstage")
    assert (refused.status, refused.body["category"]) == (400, "VALIDATION_ERROR")
    assert wire.get(f"{DEALS}?limit=many").status == 400


def test_default_properties_are_shown_with_nulls(portal: HubspotPortal, wire: Wire) -> None:
    deal = portal.create("deals", dealname="Rail freight", amount="100000.00", dealstage="contractsent")

    row = wire.get(f"{DEALS}/{deal}").body

    assert row["properties"] == {
        "amount": "100000.00",
        "closedate": None,
        "createdate": "2026-03-16T15:00:00Z",
        "dealname": "Rail freight",
        "dealstage": "contractsent",
        "hs_lastmodifieddate": "2026-03-16T15:00:00Z",
        "hs_object_id": deal,
        "pipeline": None,
    }
    assert (row["createdAt"], row["updatedAt"], row["archived"]) == (
        "2026-03-16T15:00:00Z", "2026-03-16T15:00:00Z", False,
    )  # fmt: skip


def test_unknown_and_archived_properties_are_left_out_without_an_error(portal: HubspotPortal, wire: Wire) -> None:
    portal.define_property("deals", "budget", "number")
    deal = portal.create("deals", budget=5)

    def shown() -> set[str]:
        row = wire.get(f"{DEALS}/{deal}?properties=budget,amount,no_such_thing").body
        return set(row["properties"])

    assert shown() == {"budget", "amount", "createdate", "hs_lastmodifieddate", "hs_object_id"}
    portal.archive_property("deals", "budget")
    assert shown() == {"amount", "createdate", "hs_lastmodifieddate", "hs_object_id"}


def test_values_are_text_and_dates_are_instants(portal: HubspotPortal, wire: Wire) -> None:
    portal.define_property("deals", "rechecked_on", "date")
    portal.define_property("deals", "exec_sponsor", "bool")
    at = datetime(2026, 3, 31, 17, 5, 0, 250_000, tzinfo=UTC)
    deal = portal.create("deals", amount=12, closedate=at, rechecked_on="2026-02-01", exec_sponsor=True, description="")

    names = "amount,closedate,rechecked_on,exec_sponsor,description"
    values = wire.get(f"{DEALS}/{deal}?properties={names}").body["properties"]

    assert {name: values[name] for name in names.split(",")} == {
        "amount": "12",
        "closedate": "2026-03-31T17:05:00.250Z",
        "rechecked_on": "2026-02-01T00:00:00Z",
        "exec_sponsor": "true",
        "description": None,
    }


def test_ids_are_unique_only_within_a_type(portal: HubspotPortal, wire: Wire) -> None:
    deal, contact = portal.create("deals", dealname="Rail freight"), portal.create("contacts", lastname="Ng")

    assert deal == contact
    assert int(deal) > 2**32
    assert wire.get(f"/crm/v3/objects/contacts/{contact}").body["properties"]["lastname"] == "Ng"


def test_a_missing_record_is_a_404_page_of_html(wire: Wire, client: HubSpot) -> None:
    answer = wire.get(f"{DEALS}/99")

    assert answer.status == 404
    assert answer.headers["X-HubSpot-NotFound"] == "true"
    assert answer.headers["content-type"].startswith("text/html")
    with pytest.raises(ApiException) as caught:
        client.crm.deals.basic_api.get_by_id("99")
    assert caught.value.status == 404


def test_history_comes_newest_first_with_who_did_it(portal: HubspotPortal, clock: Clock, client: HubSpot) -> None:
    deal = portal.create("deals", dealstage="qualifiedtobuy", pipeline="default")
    clock.advance(days=2)
    portal.update("deals", deal, dealstage="contractsent", by=Source("AUTOMATION", "flow-9"))
    clock.advance(days=1)
    portal.update("deals", deal, dealstage="contractsent")  # the same value again is no new version

    batch = client.crm.deals.batch_api.read(
        {"inputs": [{"id": deal}], "properties": ["dealname"], "propertiesWithHistory": ["dealstage", "nonsense"]}
    )

    versions = batch.results[0].properties_with_history
    assert set(versions) == {"dealstage"}
    newest, oldest = versions["dealstage"]
    assert (newest.value, newest.source_type, newest.source_id) == ("contractsent", "AUTOMATION", "flow-9")
    assert newest.timestamp == NOW + timedelta(days=2)
    assert (oldest.value, oldest.source_type, oldest.updated_by_user_id) == ("qualifiedtobuy", "CRM_UI", 1)


def test_loaded_history_keeps_its_own_stamps_and_ends_in_the_present_value(portal: HubspotPortal, wire: Wire) -> None:
    deal = portal.create("deals", pipeline="default", createdate="2026-01-05T09:00:00Z")
    portal.load_history(
        "deals",
        deal,
        "closedate",
        [
            Version("2026-04-30", datetime(2026, 2, 20, 9, tzinfo=UTC)),
            Version("2026-03-31", datetime(2026, 1, 5, 9, tzinfo=UTC), Source("IMPORT")),
        ],
    )
    portal.load_history("deals", deal, "dealstage", [Version("closedwon", datetime(2026, 3, 1, tzinfo=UTC))])

    row = wire.get(f"{DEALS}/{deal}?propertiesWithHistory=closedate&properties=closedate,hs_is_closed_won").body

    assert row["properties"]["closedate"] == "2026-04-30T00:00:00Z"
    assert row["properties"]["hs_is_closed_won"] == "true"
    assert row["propertiesWithHistory"]["closedate"] == [
        {"value": "2026-04-30T00:00:00Z", "timestamp": "2026-02-20T09:00:00Z", "sourceType": "CRM_UI"},
        {"value": "2026-03-31T00:00:00Z", "timestamp": "2026-01-05T09:00:00Z", "sourceType": "IMPORT"},
    ]
    assert row["createdAt"] == "2026-01-05T09:00:00Z"


def test_history_can_be_made_shallow(portal: HubspotPortal, clock: Clock, wire: Wire) -> None:
    deal = portal.create("deals", amount=1)
    for amount in (2, 3):
        clock.advance(hours=1)
        portal.update("deals", deal, amount=amount)
    portal.history_depth = 2

    history = wire.get(f"{DEALS}/{deal}?propertiesWithHistory=amount").body["propertiesWithHistory"]["amount"]

    assert [version["value"] for version in history] == ["3", "2"]


def test_batch_read_tells_missing_ids_in_a_207(portal: HubspotPortal, client: HubSpot) -> None:
    deal = portal.create("deals", dealname="Rail freight")

    answer = client.crm.deals.batch_api.read({"inputs": [{"id": deal}, {"id": "99"}], "properties": ["dealname"]})

    assert [row.id for row in answer.results] == [deal]
    assert answer.num_errors == 1
    assert answer.errors[0].category == "OBJECT_NOT_FOUND"
    assert answer.errors[0].context == {"ids": ["99"]}


def test_batch_read_answers_in_its_own_order_and_each_id_once(portal: HubspotPortal, wire: Wire) -> None:
    one, two, three = (portal.create("deals") for _ in range(3))

    answer = wire.post(f"{DEALS}/batch/read", {"inputs": [{"id": n} for n in (three, one, three, two)]})

    assert answer.status == 200
    assert [row["id"] for row in answer.body["results"]] == [one, two, three]


def test_batch_read_takes_100_and_50_with_history(wire: Wire) -> None:
    def status(count: int, **more: object) -> int:
        return wire.post(f"{DEALS}/batch/read", {"inputs": [{"id": n} for n in range(count)], **more}).status

    assert status(100) == 207
    assert status(101) == 400
    assert status(50, propertiesWithHistory=["dealstage"]) == 207
    assert status(51, propertiesWithHistory=["dealstage"]) == 400


def test_archived_records_are_seen_only_when_asked_for_and_for_90_days(
    portal: HubspotPortal, clock: Clock, wire: Wire
) -> None:
    kept, gone = portal.create("deals", dealname="Kept"), portal.create("deals", dealname="Gone")
    portal.archive("deals", gone)

    def listed(query: str) -> list[str]:
        return [row["id"] for row in wire.get(f"{DEALS}{query}").body["results"]]

    assert listed("") == [kept]
    assert listed("?archived=true") == [gone]
    assert wire.get(f"{DEALS}/{gone}").status == 404
    assert wire.get(f"{DEALS}/{gone}?archived=true").body["archivedAt"] == "2026-03-16T15:00:00Z"
    asked = {"inputs": [{"id": gone}]}
    assert wire.post(f"{DEALS}/batch/read", asked).status == 207
    assert wire.post(f"{DEALS}/batch/read?archived=true", asked).status == 200
    clock.advance(days=90)
    assert listed("?archived=true") == []


def test_inline_associations_name_their_types(portal: HubspotPortal, wire: Wire) -> None:
    portal.define_label("deals", "contacts", "Economic buyer")
    deal, contact, company = portal.create("deals"), portal.create("contacts"), portal.create("companies")
    portal.associate("deals", deal, "contacts", contact, label="Economic buyer")
    portal.associate("deals", deal, "companies", company, label="Primary")

    row = wire.get(f"{DEALS}?associations=contacts,companies,notes").body["results"][0]

    assert row["associations"] == {
        "contacts": {
            "results": [{"id": contact, "type": "economic_buyer"}, {"id": contact, "type": "deal_to_contact"}]
        },
        "companies": {
            "results": [
                {"id": company, "type": "deal_to_company"},
                {"id": company, "type": "deal_to_company_unlabeled"},
            ]
        },
    }


def test_archived_records_are_no_inline_associations(portal: HubspotPortal, wire: Wire) -> None:
    deal, contact = portal.create("deals"), portal.create("contacts")
    portal.associate("deals", deal, "contacts", contact)
    portal.archive("contacts", contact)

    assert "associations" not in wire.get(f"{DEALS}/{deal}?associations=contacts").body


def test_activities_show_only_their_stamps_until_asked(portal: HubspotPortal, wire: Wire) -> None:
    made: dict[str, dict[str, Any]] = {
        "calls": {"hs_call_title": "Pricing", "hs_call_duration": 900_000},
        "emails": {"hs_email_subject": "Quote", "hs_email_direction": "INCOMING_EMAIL"},
        "meetings": {"hs_meeting_title": "Demo", "hs_meeting_outcome": "COMPLETED"},
        "notes": {"hs_note_body": "<p>Asked about the budget</p>"},
        "tasks": {"hs_task_subject": "Call back", "hs_task_status": "NOT_STARTED"},
    }
    for plural, values in made.items():
        record = portal.create(plural, hs_timestamp="2026-03-10T14:00:00Z", hs_createdate="2026-03-11", **values)
        path = f"/crm/objects/2026-09/{plural}/{record}"

        plain = wire.get(path).body["properties"]
        full = wire.get(f"{path}?properties=hs_timestamp,{','.join(values)}").body["properties"]

        assert plain == {
            "hs_createdate": "2026-03-11T00:00:00Z",
            "hs_lastmodifieddate": "2026-03-16T15:00:00Z",
            "hs_object_id": record,
        }
        assert full == plain | {"hs_timestamp": "2026-03-10T14:00:00Z"} | {k: str(v) for k, v in values.items()}


def test_unknown_types_paths_and_methods_are_refused(wire: Wire) -> None:
    unknown = wire.get("/crm/v3/objects/butterflies")
    assert unknown.status == 400
    assert unknown.body["message"] == "Unable to infer object type from: butterflies"
    assert wire.get("/crm/v3/nonsense").status == 404
    assert wire.get("/crm/v4/objects/deals").status == 404
    assert wire("PATCH", DEALS).status == 405
