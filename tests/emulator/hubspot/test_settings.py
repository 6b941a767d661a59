"""Pipelines, properties, owners and the account."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hubspot import HubSpot

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import HubspotPortal
from tests.emulator.hubspot.conftest import NOW, Wire


def test_the_default_pipeline_has_seven_stages_in_order(client: HubSpot) -> None:
    (pipeline,) = client.crm.pipelines.pipelines_api.get_all("deals").results

    stages = [(s.id, s.display_order, s.metadata["probability"], s.metadata["isClosed"]) for s in pipeline.stages]
    assert pipeline.id == "default"
    assert stages == [
        ("appointmentscheduled", 0, "0.2", "false"),
        ("qualifiedtobuy", 1, "0.4", "false"),
        ("presentationscheduled", 2, "0.6", "false"),
        ("decisionmakerboughtin", 3, "0.8", "false"),
        ("contractsent", 4, "0.9", "false"),
        ("closedwon", 5, "1.0", "true"),
        ("closedlost", 6, "0.0", "true"),
    ]


def test_pipelines_can_be_added_and_decide_about_won(portal: HubspotPortal, wire: Wire) -> None:
    portal.define_pipeline("renewals", "Renewals", [("ren_open", "Open", "0.5"), ("ren_won", "Won", "1.0")])
    deal = portal.create("deals", pipeline="renewals", dealstage="ren_open")
    portal.update("deals", deal, dealstage="ren_won")

    assert wire.get("/crm/pipelines/2026-09/deals/renewals").body["label"] == "Renewals"
    assert wire.get("/crm/pipelines/2026-09/deals/none").status == 404
    assert wire.get("/crm/v3/pipelines/contacts").body == {"results": []}
    assert portal.value("deals", deal, "hs_deal_stage_probability") == "1.0"
    assert portal.value("deals", deal, "hs_is_closed_won") == "true"


def test_a_given_probability_stands_above_the_stage(portal: HubspotPortal) -> None:
    deal = portal.create("deals", pipeline="default", dealstage="contractsent", hs_deal_stage_probability="0.75")

    assert portal.value("deals", deal, "hs_deal_stage_probability") == "0.75"
    assert portal.value("deals", deal, "hs_is_closed") == "false"


def test_properties_tell_kind_options_and_what_is_read_only(portal: HubspotPortal, client: HubSpot) -> None:
    portal.define_property("deals", "need", "enumeration", options=["capacity", "cost"])

    known = {row.name: row for row in client.crm.properties.core_api.get_all("deals").results}

    assert (known["need"].type, known["need"].field_type) == ("enumeration", "select")
    assert [option.value for option in known["need"].options] == ["capacity", "cost"]
    assert known["need"].hubspot_defined is None
    assert known["amount"].hubspot_defined is True
    assert known["hs_lastmodifieddate"].modification_metadata.read_only_value is True
    assert known["amount"].modification_metadata.read_only_value is False


def test_archived_properties_move_to_the_archived_list(portal: HubspotPortal, wire: Wire) -> None:
    portal.define_property("deals", "budget", "number")
    portal.archive_property("deals", "budget")

    def names(query: str) -> set[str]:
        return {row["name"] for row in wire.get(f"/crm/properties/2026-09/deals{query}").body["results"]}

    assert "budget" not in names("")
    assert names("?archived=true") == {"budget"}
    assert wire.get("/crm/v3/properties/deals/budget").status == 404
    assert wire.get("/crm/v3/properties/deals/budget?archived=true").body["archived"] is True
    assert wire.get("/crm/v3/properties/deals/nonsense").body["category"] == "OBJECT_NOT_FOUND"


def test_groups_come_with_the_kit(portal: HubspotPortal, wire: Wire) -> None:
    assert wire.get("/crm/v3/properties/deals/groups/crm_audit").status == 404
    portal.install_kit()
    groups = wire.get("/crm/v3/properties/deals/groups").body["results"]
    assert [group["name"] for group in groups] == ["dealinformation", "crm_audit"]


def test_owners_are_live_or_archived(portal: HubspotPortal, client: HubSpot) -> None:
    kim = portal.define_owner("kim@seller.example", "Kim", "Vale")
    left = portal.define_owner("ola@seller.example", "Ola", "Berg", archived=True)

    (owner,) = client.crm.owners.owners_api.get_page().results
    assert (owner.id, owner.email, owner.archived) == (kim, "kim@seller.example", False)
    assert owner.user_id == owner.user_id_including_inactive
    (gone,) = client.crm.owners.owners_api.get_page(archived=True).results
    assert (gone.id, gone.user_id, gone.user_id_including_inactive is None) == (left, None, False)
    by_user = client.crm.owners.owners_api.get_by_id(owner.user_id, id_property="userId")
    assert by_user.id == kim


def test_owners_are_paged_and_found_by_mail(portal: HubspotPortal, wire: Wire) -> None:
    ids = [portal.define_owner(f"rep{n}@seller.example", "Rep", str(n)) for n in range(3)]

    first = wire.get("/crm/owners/2026-09?limit=2").body
    rest = wire.get(first["paging"]["next"]["link"]).body
    assert [row["id"] for row in [*first["results"], *rest["results"]]] == ids
    assert "paging" not in rest
    (found,) = wire.get("/crm/v3/owners/?email=rep1@seller.example").body["results"]
    assert found["id"] == ids[1]
    assert wire.get("/crm/v3/owners?limit=501").status == 400
    assert wire.get("/crm/v3/owners/1").status == 404


def test_the_account_tells_zone_currency_and_offset(wire: Wire, portal: HubspotPortal, clock: Clock) -> None:
    portal.define_rate("EUR", Decimal("1.1"))
    for version in ("2026-09", "v3"):
        account = wire.get(f"/account-info/{version}/details").body
        assert account["portalId"] == portal.id
        assert (account["timeZone"], account["companyCurrency"]) == ("America/New_York", "USD")
        assert account["additionalCurrencies"] == ["EUR"]
        assert (account["utcOffset"], account["utcOffsetMilliseconds"]) == ("-04:00", -14_400_000)
    clock.set(NOW.replace(month=1))
    assert wire.get("/account-info/v3/details").body["utcOffset"] == "-05:00"


def test_rates_are_numbers_from_a_currency_into_the_companys(portal: HubspotPortal, clock: Clock, wire: Wire) -> None:
    portal.define_rate("EUR", Decimal("1.10"))
    portal.define_rate("JPY", Decimal("0.00661234"))
    clock.advance(days=1)
    portal.define_rate("EUR", Decimal("1.20"))

    for path in (
        "/settings/v3/currencies/exchange-rates/current",
        "/settings/currencies/2026-09/exchange-rates/current",
    ):
        rows = wire.get(path).body["results"]
        assert [(row["fromCurrencyCode"], row["toCurrencyCode"], row["conversionRate"]) for row in rows] == [
            ("EUR", "USD", 1.2),
            ("JPY", "USD", 0.006612),
        ]
        assert [row["effectiveAt"] for row in rows] == ["2026-03-17T15:00:00Z", "2026-03-16T15:00:00Z"]


@pytest.mark.parametrize(("currency", "worth"), [("EUR", "0"), ("EUR", "-1"), ("USD", "1")])
def test_a_rate_is_above_zero_and_for_another_currency(portal: HubspotPortal, currency: str, worth: str) -> None:
    with pytest.raises(ValueError, match="a rate is above zero"):
        portal.define_rate(currency, Decimal(worth))
