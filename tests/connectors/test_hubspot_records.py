"""HubSpot's records as ours, from bodies as HubSpot writes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crm_audit.config import Connection
from crm_audit.connectors.hubspot import records, values
from crm_audit.connectors.hubspot.links import links
from crm_audit.connectors.hubspot.options import fields
from crm_audit.connectors.hubspot.portal import Portal, owners_by_user
from crm_audit.domain import BASICS, LOST, WON, Company, Person, User

PHOENIX = ZoneInfo("America/Phoenix")


def portal(mapped: dict[str, str] | None = None, **more: object) -> Portal:
    names = fields(Connection(vendor="hubspot", fields=mapped or {}))
    known: dict[str, Any] = more
    return Portal(id="1", zone=PHOENIX, currency="USD", fields=names, **known)


def record(past: Mapping[str, object] | None = None, **properties: str | None) -> dict[str, Any]:
    return {"id": "7", "properties": properties, "propertiesWithHistory": past or {}}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-04-01T01:09:00Z", datetime(2026, 4, 1, 1, 9, tzinfo=UTC)),
        ("2026-04-01T01:09:00.250Z", datetime(2026, 4, 1, 1, 9, 0, 250_000, tzinfo=UTC)),
        ("2026-04-01", datetime(2026, 4, 1, tzinfo=UTC)),
        ("1775005740000", datetime(2026, 4, 1, 1, 9, tzinfo=UTC)),
        ("2026-03-31T18:09:00-07:00", datetime(2026, 4, 1, 1, 9, tzinfo=UTC)),
        ("soon", None),
        ("99999999999999999999", None),
        ("", None),
        (None, None),
    ],
)
def test_instants(written: str | None, expected: datetime | None) -> None:
    assert values.instant(written) == expected


def test_a_day_is_local_unless_it_is_midnight_utc() -> None:
    assert values.day("2026-04-01T01:09:00Z", PHOENIX) == date(2026, 3, 31)
    assert values.day("2026-04-01T00:00:00.000Z", PHOENIX) == date(2026, 4, 1)
    assert values.day("2026-04-01", PHOENIX) == date(2026, 4, 1)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("100000.10", Decimal("100000.10")),
        (Decimal("1.10"), Decimal("1.10")),
        ("", None),
        ("NaN", None),
        ("Infinity", None),
        ("a lot", None),
        (None, None),
    ],
)
def test_numbers(written: object, expected: Decimal | None) -> None:
    assert values.number(written) == expected


def test_stages_are_closed_by_their_metadata_never_by_their_name() -> None:
    pipeline = {
        "id": "default",
        "stages": [
            {"id": "open", "label": "Closed Won", "displayOrder": 0, "metadata": {"probability": "0.9"}},
            {"id": "x", "label": "Open", "displayOrder": 1, "metadata": {"isClosed": "true", "probability": "1.0"}},
            {
                "id": "closedwon",
                "label": "?",
                "displayOrder": 2,
                "metadata": {"isClosed": "true", "probability": "0.0"},
            },
            {"id": "sure", "label": "Sure", "displayOrder": 3, "metadata": {"isClosed": "false", "probability": "1.0"}},
        ],
    }
    found = list(records.stages(pipeline))
    assert [stage.closed for stage in found] == [None, WON, LOST, None]
    assert found[0].id == "default:open"
    assert (found[0].label, found[0].position, found[0].probability) == ("Closed Won", 0, Decimal("0.9"))


def test_an_archived_owner_is_not_active() -> None:
    assert records.user({"id": "5", "firstName": "Rae", "lastName": "Seller", "archived": True}) == User(
        id="5", name="Rae Seller", active=False
    )
    assert records.user({"id": "6", "email": "x@seller.example"}).name == "owner 6"


def test_owners_are_found_by_their_user_id() -> None:
    owners: list[dict[str, Any]] = [
        {"id": "5", "userId": 50},
        {"id": "6", "userId": None, "userIdIncludingInactive": 60},
        {"id": "7"},
    ]
    assert owners_by_user(owners) == {"50": "5", "60": "6"}


def test_rates_are_into_the_portals_currency() -> None:
    row = {"fromCurrencyCode": "EUR", "toCurrencyCode": "USD", "conversionRate": Decimal("1.10")}
    found = records.rate({**row, "effectiveAt": "2026-01-01T00:00:00Z"}, portal())
    assert found is not None
    assert (found.currency, found.units, found.per, found.valid_from) == (
        "EUR",
        Decimal("1.10"),
        Decimal(1),
        date(2026, 1, 1),
    )
    assert records.rate({**row, "toCurrencyCode": "CHF"}, portal()) is None
    assert records.rate({**row, "conversionRate": 0}, portal()) is None


@pytest.mark.parametrize(
    ("written", "tier"), [("tier_1", "A"), ("tier_2", "B"), ("tier_3", "C"), ("A", "A"), ("", None)]
)
def test_fit_tiers(written: str, tier: str | None) -> None:
    (found,) = records.company(record(name="Acme", icp=written), portal({"fit_tier": "icp"}))
    assert found.fit_tier == tier


def test_fit_was_assessed_when_its_property_last_changed() -> None:
    past = {"icp": [{"value": "tier_1", "timestamp": "2026-02-01T02:00:00Z"}, {"timestamp": "2025-01-01T02:00:00Z"}]}
    (found,) = records.company(record(past=past, name="Acme", icp="tier_1"), portal({"fit_tier": "icp"}))
    assert found.fit_assessed == date(2026, 1, 31)


def test_a_date_of_assessment_stands_above_the_history() -> None:
    mapped = portal({"fit_score": "score", "fit_assessed": "scored_on"})
    past = {"score": [{"value": "80", "timestamp": "2026-02-01T12:00:00Z"}]}
    (found,) = records.company(record(past=past, score="80", scored_on="2026-01-15"), mapped)
    assert (found.name, found.fit_score, found.fit_assessed) == ("company 7", Decimal(80), date(2026, 1, 15))


def test_merged_companies_point_at_the_survivor() -> None:
    survivor, first, second = records.company(record(name="Acme", hs_merged_object_ids="3;4"), portal())
    assert survivor.merged_into is None
    assert first == Company(id="3", name="Acme", merged_into="7")
    assert second.id == "4"


def test_a_person() -> None:
    contact = record(firstname="Dana", lastname="Ruiz", jobtitle="VP", email="d@acme.example", left="2026-03-13")
    (found,) = records.person(contact, portal({"left_on": "left"}), hashed=str)
    assert found == Person(
        id="7",
        name="Dana Ruiz",
        title="VP",
        domain="acme.example",
        left_on=date(2026, 3, 13),
        addresses=("d@acme.example",),
    )


def test_a_detected_job_change_means_the_person_left() -> None:
    (found,) = records.person(record(hs_job_change_detected_date="2026-03-13T20:00:00Z"), portal(), hashed=str)
    assert found.left_on == date(2026, 3, 13)
    assert found.name == "contact 7"


def test_an_archived_contact_is_deleted() -> None:
    (found,) = records.person({**record(firstname="Dana"), "archived": True}, portal(), hashed=str)
    assert found.deleted


def test_merged_contacts_from_both_properties_each_once() -> None:
    merged = record(firstname="Dana", hs_merged_object_ids="3;7", hs_calculated_merged_vids="3:1700000000000;5:1;7:1")
    assert [(one.id, one.merged_into) for one in records.person(merged, portal(), hashed=str)] == [
        ("7", None),
        ("3", "7"),
        ("5", "7"),
    ]


def test_a_deal_with_everything() -> None:
    deal = records.deal(
        record(
            dealname="Acme",
            pipeline="default",
            dealstage="contractsent",
            createdate="2025-11-01T15:00:00Z",
            amount="100000",
            deal_currency_code="EUR",
            hs_deal_stage_probability="0.9",
            hs_manual_forecast_category="COMMIT",
            closedate="2026-04-01T01:09:00Z",
            hubspot_owner_id="5",
            hs_next_step="Call",
            budget="90000",
            pain="Slow",
        ),
        portal({"budget": "budget", "need": "pain"}),
        company_id="c1",
    )
    assert deal.created == datetime(2025, 11, 1, 15, tzinfo=UTC)
    assert (deal.amount, deal.currency, deal.budget, deal.budget_currency) == (
        Decimal(100000),
        "EUR",
        Decimal(90000),
        "EUR",
    )
    assert deal.close_date == datetime(2026, 4, 1, 1, 9, tzinfo=UTC)
    assert (deal.probability, deal.forecast_category, deal.company) == (Decimal("0.9"), "COMMIT", "c1")
    assert (deal.owner, deal.next_step, deal.need, deal.solution_fit) == ("5", "Call", "Slow", None)


def test_empty_text_is_nothing() -> None:
    deal = records.deal(
        record(dealname="", amount="", closedate="", pain="", budget=None), portal({"need": "pain"}), company_id=None
    )
    assert (deal.name, deal.amount, deal.close_date, deal.need, deal.company) == ("deal 7", None, None, None, None)
    assert deal.currency == "USD"


def test_blank_text_stays_as_it_is() -> None:
    assert records.deal(record(pain="   "), portal({"need": "pain"}), company_id=None).need == "   "


def test_the_primary_company_is_told_by_type() -> None:
    other = {"toObjectId": 8, "associationTypes": [{"category": "USER_DEFINED", "typeId": 5, "label": "Primary"}]}
    primary = {
        "toObjectId": 9,
        "associationTypes": [
            {"category": "HUBSPOT_DEFINED", "typeId": 341, "label": None},
            {"category": "HUBSPOT_DEFINED", "typeId": 5, "label": "Hauptunternehmen"},
        ],
    }
    assert records.primary_company([other, primary]) == "9"
    assert records.primary_company([other]) is None


def entry(value: str, stamp: str, **more: object) -> dict[str, object]:
    return {"value": value, "timestamp": stamp, "sourceType": "CRM_UI", "sourceId": "userId:50", **more}


def test_history_is_what_changed_from_one_value_to_the_next() -> None:
    past = {
        "dealstage": [
            entry("contractsent", "2026-03-02T10:00:00Z"),
            entry("qualifiedtobuy", "2026-02-01T10:00:00Z"),
            entry("qualifiedtobuy", "2026-01-15T10:00:00Z"),
            entry("appointmentscheduled", "2026-01-01T10:00:00Z"),
        ],
        "closedate": [entry("", "2026-03-01T10:00:00Z"), entry("2026-03-31T00:00:00.000Z", "2026-01-01T10:00:00Z")],
        "amount": [entry("100000.50", "2026-03-01T10:00:00Z"), entry("50000", "2026-01-01T10:00:00Z")],
    }
    found = list(records.changes(record(past=past), portal(owners={"50": "5"})))
    assert [(one.field, one.old, one.new) for one in found] == [
        ("stage", "appointmentscheduled", "qualifiedtobuy"),
        ("stage", "qualifiedtobuy", "contractsent"),
        ("close_date", "2026-03-31T00:00:00Z", None),
        ("amount", "50000", "100000.50"),
    ]
    assert found[0].at == found[0].recorded_at == datetime(2026, 1, 15, 10, tzinfo=UTC)
    assert {one.by for one in found} == {"5"}
    assert len({one.id for one in found}) == 4


def test_one_value_ever_is_no_change() -> None:
    assert not list(records.changes(record(past={"amount": [entry("1", "2026-01-01T10:00:00Z")]}), portal()))
    assert not list(records.changes(record(), portal()))


def created_with(*past: dict[str, object]) -> dict[str, Any]:
    """A deal that was created at the beginning of the year and whose amount has that past, newest first."""
    return {**record(past={"amount": list(past)}), "createdAt": "2026-01-01T10:00:00Z"}


def test_a_first_value_that_came_later_was_nothing_before() -> None:
    """Whoever saw a price while the deal had no amount did not see the amount it was given afterwards."""
    (found,) = records.changes(created_with(entry("50000", "2026-02-01T10:00:00Z")), portal())

    assert (found.old, found.new, found.at) == (None, "50000", datetime(2026, 2, 1, 10, tzinfo=UTC))


@pytest.mark.parametrize("stamp", ["2026-01-01T10:00:00Z", "2026-01-01T10:00:59Z", "2025-12-01T10:00:00Z"])
def test_what_a_deal_was_created_with_is_no_change(stamp: str) -> None:
    assert not list(records.changes(created_with(entry("50000", stamp)), portal()))


def test_a_history_that_may_be_cut_off_does_not_tell_how_it_began() -> None:
    past = [entry(str(number), f"2026-02-{number:02}T10:00:00Z") for number in range(20, 0, -1)]

    assert {one.old for one in records.changes(created_with(*past), portal())} == {str(n) for n in range(1, 20)}


@pytest.mark.parametrize(
    ("source", "writer"),
    [
        ({"sourceType": "CRM_UI", "sourceId": "userId:50"}, "5"),
        ({"sourceType": "CRM_UI", "sourceId": "userId:51"}, "user:51"),
        ({"sourceType": "CRM_UI", "sourceId": None, "updatedByUserId": 50}, "5"),
        ({"sourceType": "INTEGRATION", "sourceId": "4711"}, "4711"),
        ({"sourceType": "API", "sourceId": "4711", "updatedByUserId": 50}, "4711"),
        ({"sourceType": "AUTOMATION", "sourceId": "enrollmentId:1"}, None),
        ({"sourceType": "IMPORT", "sourceId": None}, None),
        ({}, None),
    ],
)
def test_who_wrote_a_value(source: dict[str, object], writer: str | None) -> None:
    assert portal(owners={"50": "5"}).writer(source) == writer


def test_rechecks_are_the_mapped_dates() -> None:
    mapped = portal({"recheck_budget": "asked_budget", "recheck_all": "asked_all"}, owners={"50": "5"})
    past = {"asked_budget": [entry("2026-03-10", "2026-03-11T09:00:00Z"), entry("2026-01-10", "2026-01-10T09:00:00Z")]}
    first, second = records.rechecks(record(past=past, asked_budget="2026-03-10", asked_all="2026-03-01"), mapped)
    assert (first.on, first.topics, first.by) == (date(2026, 3, 10), ("price_vs_budget",), "5")
    assert first.recorded_at == datetime(2026, 3, 11, 9, tzinfo=UTC)
    assert (second.on, second.topics, second.by) == (date(2026, 3, 1), BASICS, None)


def test_no_date_no_recheck() -> None:
    assert not list(records.rechecks(record(asked="", other="not a date"), portal({"recheck_all": "asked"})))


def row(person: int, *types: tuple[str, int, str | None]) -> dict[str, object]:
    listed = [{"category": category, "typeId": number, "label": label} for category, number, label in types]
    return {"toObjectId": person, "associationTypes": listed}


PLAIN = ("HUBSPOT_DEFINED", 3, None)


def roles(associated: dict[str, object], buying_roles: str = "", **mapped: str) -> list[str]:
    here = portal(roles=mapped)
    (person,) = records.person({**record(hs_buying_role=buying_roles), "id": "9"}, here, hashed=str)
    return [link.role for link in links("d1", [associated], people={"9": person}, portal=here)]


def test_a_mapped_label_wins_over_the_buying_role() -> None:
    labelled = row(9, ("USER_DEFINED", 36, "Signs"), PLAIN)
    champion = "CHAMPION"
    assert roles(labelled, champion, Signs="authority") == ["authority"]
    assert roles(labelled, champion, **{"USER_DEFINED:36": "sponsor", "Signs": "authority"}) == ["sponsor"]
    assert roles(labelled, champion) == ["champion"]
    assert roles(row(9, PLAIN), champion, Signs="authority") == ["champion"]


def test_every_role_is_a_link_of_its_own_each_once() -> None:
    labels = row(9, ("USER_DEFINED", 36, "Signs"), ("USER_DEFINED", 38, "Pays"), ("USER_DEFINED", 40, "Uses"), PLAIN)
    assert roles(labels, Signs="authority", Pays="authority", Uses="user") == ["authority", "user"]
    buying = "DECISION_MAKER;BUDGET_HOLDER;CHAMPION"
    assert roles(row(9, PLAIN), buying) == ["authority", "champion"]


def test_nobody_knows_their_role() -> None:
    assert roles(row(9, PLAIN)) == ["unassigned"]
    assert [link.id for link in links("d1", [row(9, PLAIN)], people={}, portal=portal())] == ["d1:9:unassigned"]


@pytest.mark.parametrize(
    ("buying_role", "role"),
    [
        ("CHAMPION", "champion"),
        ("BLOCKER", "blocker"),
        ("INFLUENCER", "influencer"),
        ("END_USER", "user"),
        ("LEGAL_AND_COMPLIANCE", "procurement_legal"),
        ("DECISION_MAKER", "authority"),
        ("BUDGET_HOLDER", "authority"),
        ("EXECUTIVE_SPONSOR", "sponsor"),
        ("OTHER", "other"),
        ("SOMETHING_NEW", "other"),
    ],
)
def test_buying_roles(buying_role: str, role: str) -> None:
    assert roles(row(9, PLAIN), buying_role) == [role]


def test_a_buying_role_can_be_mapped_otherwise() -> None:
    assert roles(row(9, PLAIN), "OTHER", OTHER="coach") == ["coach"]
