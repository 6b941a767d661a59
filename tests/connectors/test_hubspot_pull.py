"""A portal read over real HTTP through the real client library."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from crm_audit.connectors.base import Connector
from crm_audit.connectors.hubspot import HubSpot
from crm_audit.connectors.hubspot.names import CONNECTED
from crm_audit.domain import BASICS, KINDS, Company, User
from crm_audit.emulator.hubspot import Source, Version
from crm_audit.errors import BadLogin
from tests.connectors.hubspot_bench import NOW, Bench, bench, by_id, rows, told


@pytest.fixture
def crm() -> Iterator[Bench]:
    with bench() as served:
        yield served


def test_it_is_a_connector(crm: Bench) -> None:
    connector: Connector = crm.connector()
    assert connector.vendor == "hubspot"
    assert connector.calls.read == 0


def test_the_account(crm: Bench) -> None:
    account = crm.connector().account()
    assert (account.id, account.zone, account.currency, account.user) == (
        str(crm.portal.id),
        "America/New_York",
        "USD",
        None,
    )
    own = crm.connector(zone="Europe/Zurich", currency="CHF", options={"app": "4711"}).account()
    assert (own.zone, own.currency, own.user) == ("Europe/Zurich", "CHF", "4711")


def test_a_wrong_token_is_a_bad_login(crm: Bench) -> None:
    for ask in (HubSpot.account, HubSpot.survey, lambda connector: rows(connector, "deals")):
        with pytest.raises(BadLogin):
            ask(crm.connector("wrong"))


def test_stages_and_owners(crm: Bench) -> None:
    crm.portal.define_pipeline("renewals", "Renewals", [("ren_open", "Open", "0.5"), ("ren_won", "Won", "1.0")])
    here = crm.portal.define_owner("rae@seller.example", "Rae", "Seller")
    gone = crm.portal.define_owner("gus@seller.example", "Gus", "Gone", archived=True)
    connector = crm.connector()
    stages = by_id(connector, "stages")
    assert (stages["default:closedwon"].closed, stages["default:closedlost"].closed) == ("won", "lost")
    assert (stages["renewals:ren_open"].closed, stages["renewals:ren_won"].closed) == (None, "won")
    assert by_id(connector, "users") == {
        here: User(id=here, name="Rae Seller"),
        gone: User(id=gone, name="Gus Gone", active=False),
    }


def test_rates_of_the_portal_unless_the_settings_state_them(crm: Bench) -> None:
    assert rows(crm.connector(), "rates") == []
    crm.portal.define_rate("EUR", Decimal("1.10"))
    (rate,) = rows(crm.connector(), "rates")
    assert (rate.currency, rate.units, rate.per, rate.valid_from) == ("EUR", Decimal("1.1"), 1, NOW.date())
    (stated,) = rows(crm.connector(options={"rates": {"EUR": "1.25"}}), "rates")
    assert (stated.currency, stated.units, stated.valid_from) == ("EUR", Decimal("1.25"), None)


def test_a_deal_with_its_company_budget_and_need(crm: Bench) -> None:
    crm.portal.define_property("deals", "budget_agreed", "number")
    crm.portal.define_property("deals", "pain")
    owner = crm.portal.define_owner("rae@seller.example", "Rae", "Seller")
    acme, other = crm.make("companies", name="Acme"), crm.make("companies", name="Other")
    deal = crm.deal(
        "Acme renewal",
        amount="100000.10",
        closedate="2026-03-31T08:00:00Z",
        budget_agreed="90000",
        pain="Slow",
        hubspot_owner_id=owner,
        hs_manual_forecast_category="COMMIT",
        hs_next_step="Call Dana",
    )
    crm.portal.associate("deals", deal, "companies", other)
    crm.portal.associate("deals", deal, "companies", acme, label="Primary")
    found = by_id(crm.connector(fields={"budget": "budget_agreed", "need": "pain"}), "deals")[deal]
    assert (found.name, found.pipeline, found.stage) == ("Acme renewal", "default", "contractsent")
    assert (found.amount, found.currency, found.budget) == (Decimal("100000.10"), "USD", Decimal(90000))
    assert (found.close_date, found.created) == (datetime(2026, 3, 31, 8, tzinfo=UTC), NOW)
    assert (found.company, found.owner, found.need, found.next_step) == (acme, owner, "Slow", "Call Dana")
    assert (found.probability, found.forecast_category) == (Decimal("0.9"), "COMMIT")


def test_empty_properties_are_none(crm: Bench) -> None:
    deal = crm.deal(amount="1")
    crm.clock.advance(hours=1)
    crm.set("deals", deal, amount="", closedate="")
    found = by_id(crm.connector(), "deals")[deal]
    assert (found.amount, found.close_date, found.company, found.owner) == (None, None, None, None)


def test_fit_of_a_company_with_the_day_it_was_set(crm: Bench) -> None:
    acme = crm.make("companies", name="Acme")
    crm.clock.advance(days=2)
    crm.set("companies", acme, hs_ideal_customer_profile="tier_2")
    crm.clock.advance(days=9)
    crm.set("companies", acme, name="Acme Freight")
    (found,) = rows(crm.connector(fields={"fit_tier": "hs_ideal_customer_profile"}), "companies")
    assert found == Company(id=acme, name="Acme Freight", fit_tier="B", fit_assessed=date(2026, 3, 18))


def test_merged_and_archived_companies(crm: Bench) -> None:
    keep, lose, gone = (crm.make("companies", name=name) for name in ("Keep", "Lose", "Gone"))
    crm.portal.merge("companies", keep, lose)
    crm.portal.archive("companies", gone)
    found = by_id(crm.connector(), "companies")
    assert found[lose].merged_into == keep
    assert (found[keep].deleted, found[gone].deleted) == (False, True)


def test_merged_and_archived_contacts(crm: Bench) -> None:
    keep, lose, gone = crm.person("Keep"), crm.person("Lose"), crm.person("Gone")
    crm.portal.archive("contacts", gone)
    survivor = crm.portal.merge("contacts", keep, lose, fresh_id=True)
    found = by_id(crm.connector(), "people")
    assert set(found) == {survivor, keep, lose, gone}
    assert (found[keep].merged_into, found[lose].merged_into) == (survivor, survivor)
    assert (found[gone].deleted, found[survivor].deleted, found[survivor].merged_into) == (True, False, None)
    assert found[gone].name == "Gone Invented"


def test_no_address_leaves_but_its_domain(crm: Bench) -> None:
    crm.person("Dana")
    (person,) = rows(crm.connector(), "people")
    assert person.domain == "acme.example"
    assert "dana@" not in repr(person)


def test_labels_before_buying_roles(crm: Bench) -> None:
    deal = crm.deal()
    signer, champion, both, quiet = crm.person("Sig"), crm.person("Cha"), crm.person("Bot"), crm.person("Qui")
    crm.set("contacts", champion, hs_buying_role="CHAMPION;END_USER")
    crm.set("contacts", both, hs_buying_role="CHAMPION")
    number = crm.portal.define_label("deals", "contacts", "Signs")
    crm.portal.define_label("deals", "contacts", "Uses it")
    crm.portal.associate("deals", deal, "contacts", signer, label="Signs")
    crm.portal.associate("deals", deal, "contacts", champion)
    crm.portal.associate("deals", deal, "contacts", both, label="Signs")
    crm.portal.associate("deals", deal, "contacts", both, label="Uses it")
    crm.portal.associate("deals", deal, "contacts", quiet)
    expected = {
        (signer, "authority"),
        (champion, "champion"),
        (champion, "user"),
        (both, "authority"),
        (both, "user"),
        (quiet, "unassigned"),
    }
    for signs in ("Signs", f"USER_DEFINED:{number}"):
        links = rows(crm.connector(roles={signs: "authority", "Uses it": "user"}), "links")
        assert {(link.person, link.role) for link in links} == expected
        assert all(link.deal == deal for link in links)


def test_every_kind_of_event(crm: Bench) -> None:
    crm.portal.define_property("contacts", "price_page_seen", "datetime")
    crm.portal.define_property("quotes", "hs_accepted_date", "datetime")
    deal, dana, lee = crm.deal(), crm.person("Dana"), crm.person("Lee")
    on = ((deal,), (dana, lee))
    made = {
        "meeting_held": crm.activity("meetings", *on, hs_meeting_title="Pricing", hs_meeting_outcome="COMPLETED"),
        "call_connected": crm.activity("calls", *on, hs_call_disposition=CONNECTED),
        "email_in": crm.activity(
            "emails", *on, hs_email_direction="INCOMING_EMAIL", hs_email_from_email="dana@acme.example"
        ),
        "email_out": crm.activity(
            "emails", *on, hs_email_direction="EMAIL", hs_email_status="SENT", hs_email_to_email="lee@acme.example"
        ),
        "attestation": crm.activity("tasks", *on, hs_task_status="COMPLETED", hs_task_type="PRICE_SEEN"),
        "task_open": crm.activity("tasks", *on, hs_task_status="NOT_STARTED"),
    }
    crm.activity("emails", *on, hs_email_direction="FORWARDED_EMAIL", hs_email_from_email="dana@acme.example")
    crm.activity("calls", *on, hs_call_disposition="9d9162e7-6cf3-4944-bf63-4dff82258764")
    quote = crm.activity(
        "quotes",
        *on,
        hs_status="APPROVED",
        hs_quote_amount="100000",
        hs_currency="USD",
        hs_accepted_date=NOW.isoformat(),
    )
    crm.set("contacts", dana, price_page_seen="2026-03-15T12:00:00Z")
    connector = crm.connector(
        fields={"doc_viewed": "price_page_seen"},
        topics={"doc_viewed": ["pricing"]},
        options={"attestations": {"PRICE_SEEN": ["pricing"]}},
    )
    events = {event.kind: event for event in rows(connector, "events")}
    assert set(events) == {*made, "quote_sent", "quote_accepted", "doc_viewed"}
    for kind, record in made.items():
        assert events[kind].id.endswith(f":{record}")
        assert (events[kind].deals, events[kind].at) == ((deal,), NOW)
    assert events["quote_sent"].id == f"quotes:{quote}:quote_sent"
    assert events["meeting_held"].people == (dana, lee)
    assert (events["email_in"].people, events["email_out"].people) == ((dana,), (lee,))
    assert (events["meeting_held"].topics, events["attestation"].topics) == (("pricing",), ("pricing",))
    assert events["quote_accepted"].quoted_amount == Decimal(100000)
    assert (events["doc_viewed"].people, events["doc_viewed"].deals) == ((dana,), ())


def test_a_shared_meeting_names_the_deal_its_title_holds(crm: Bench) -> None:
    first, second, dana = crm.deal("Acme renewal"), crm.deal("Acme expansion"), crm.person("Dana")
    shared = {"hs_meeting_title": "Pricing for Acme expansion"}
    crm.activity("meetings", (first, second), (dana,), **shared)
    quote = crm.activity("quotes", (first,), (dana,), hs_status="APPROVED")
    for connector in (crm.connector(), crm.connector()):
        named = {event.id.partition(":")[0]: event.named for event in rows(connector, "events")}
        assert named == {"meetings": (second,), "quotes": (first,)}
        assert quote


def test_events_on_no_deal(crm: Bench) -> None:
    dana = crm.person("Dana")
    crm.activity("meetings", (), (dana,))
    (event,) = rows(crm.connector(), "events")
    assert (event.deals, event.people) == ((), (dana,))


def test_rechecks_from_dates_and_tasks(crm: Bench) -> None:
    crm.portal.define_property("deals", "asked_on", "date")
    owner = crm.portal.define_owner("rae@seller.example", "Rae", "Seller")
    deal, bare = crm.deal(), crm.deal("Bare")
    crm.clock.advance(hours=1)
    crm.set("deals", deal, asked_on="2026-03-16")
    crm.activity("tasks", (deal,), (), hs_task_status="COMPLETED", hs_task_type="REASK", hubspot_owner_id=owner)
    connector = crm.connector(fields={"recheck_all": "asked_on"}, options={"rechecks": {"REASK": ["budget"]}})
    by_date, by_task = rows(connector, "rechecks")
    assert (by_date.deal, by_date.on, by_date.topics) == (deal, date(2026, 3, 16), BASICS)
    assert by_date.recorded_at == NOW + timedelta(hours=1)
    assert (by_task.deal, by_task.topics, by_task.by) == (deal, ("price_vs_budget",), owner)
    assert bare not in {by_date.deal, by_task.deal}
    assert rows(crm.connector(), "rechecks") == []


def test_history_with_its_writers(crm: Bench) -> None:
    owner = crm.portal.define_owner("rae@seller.example", "Rae", "Seller")
    user = crm.portal.schema.owners[owner].user_id
    deal = crm.deal(dealstage="qualifiedtobuy", amount="50000", closedate="2026-03-31")
    crm.clock.advance(days=1)
    crm.portal.update("deals", deal, by=Source("CRM_UI", f"userId:{user}", user), dealstage="contractsent")
    crm.clock.advance(days=1)
    crm.portal.update("deals", deal, by=Source("INTEGRATION", "4711"), closedate="2026-04-30", amount="50000.00")
    stage, close_date, *rest = rows(crm.connector(options={"app": "4711"}), "history")
    assert (stage.field, stage.old, stage.new, stage.by) == ("stage", "qualifiedtobuy", "contractsent", owner)
    assert (stage.at, stage.recorded_at) == (NOW + timedelta(days=1), NOW + timedelta(days=1))
    assert (close_date.old, close_date.new) == ("2026-03-31T00:00:00Z", "2026-04-30T00:00:00Z")
    assert close_date.by == crm.connector(options={"app": "4711"}).account().user
    assert not rest


def test_a_reopened_deal_keeps_every_step(crm: Bench) -> None:
    deal = crm.deal()
    steps = ["qualifiedtobuy", "closedlost", "qualifiedtobuy", "contractsent"]
    past = [Version(stage, NOW - timedelta(days=40 - 10 * number)) for number, stage in enumerate(steps)]
    crm.portal.load_history("deals", deal, "dealstage", past)
    found = [(one.old, one.new) for one in rows(crm.connector(), "history")]
    assert found == list(pairwise(steps))


def test_more_than_one_page(crm: Bench) -> None:
    people = [crm.person(f"P{number}") for number in range(250)]
    deals = [crm.deal(f"Deal {number}") for number in range(120)]
    for deal, person in zip(deals, people, strict=False):
        crm.portal.associate("deals", deal, "contacts", person)
    crm.clock.advance(hours=1)
    connector = crm.connector()
    found = told(connector).records
    assert list(found["people"]) == people
    assert list(found["deals"]) == deals
    assert len(found["links"]) == 120
    assert connector.calls.by_name["deals"] == 3 + 1  # and the bin
    assert connector.calls.by_name["contacts/search"] == 2 + 1  # and what changed since
    assert connector.calls.by_name["associations/deals/contacts/batch/read"] == 1


def test_every_stream_of_an_empty_portal_comes_to_its_end(crm: Bench) -> None:
    found = told(crm.connector())
    ended = {page.stream: page.ended for page in found.pages}
    assert {page.kind for page in found.pages} == set(KINDS) - {
        "rates",
        "rechecks",
        "answers",
    }  # nothing to read them from
    assert all(ended.values())
    assert not found.gaps


def test_without_deals_there_is_nothing_to_read(crm: Bench) -> None:
    crm.portal.revoke("crm.objects.deals.read")
    found = told(crm.connector())
    assert not found.pages
    assert found.gaps.keys() == set(KINDS)
    assert all("crm.objects.deals.read" in reason for reason in found.gaps.values())


def test_without_contacts_the_rest_is_read(crm: Bench) -> None:
    deal = crm.deal()
    crm.portal.associate("deals", deal, "contacts", crm.person("Dana"))
    crm.portal.revoke("crm.objects.contacts.read")
    found = told(crm.connector())
    assert list(found.records["deals"]) == [deal]
    assert not found.records["people"] | found.records["links"] | found.records["events"]
    assert not found.gaps


def test_without_owners_authors_are_unknown(crm: Bench) -> None:
    crm.portal.revoke("crm.objects.owners.read")
    deal = crm.deal(dealstage="qualifiedtobuy")
    crm.clock.advance(days=1)
    crm.set("deals", deal, dealstage="contractsent")
    connector = crm.connector()
    assert rows(connector, "users") == []
    assert [one.by for one in rows(connector, "history")] == ["user:1"]


def test_addresses_of_pages(crm: Bench) -> None:
    connector = crm.connector()
    deal = connector.address("deals", "7")
    assert deal is not None
    assert deal.startswith("https://app")
    assert deal.endswith(f"/contacts/{crm.portal.id}/record/0-3/7")
    assert connector.address("people", "7") != deal
    assert connector.address("events", "meetings:7") is None


def test_the_older_api_gives_the_same(crm: Bench) -> None:
    deal, dana = crm.deal(amount="1"), crm.person("Dana")
    crm.portal.associate("deals", deal, "contacts", dana)
    crm.activity("meetings", (deal,), (dana,))
    new = told(crm.connector()).records
    assert not any("/v3/" in path or "/v4/" in path for _, path, _ in crm.portal.transcript)
    crm.portal.transcript.clear()
    assert told(crm.connector(options={"api": "v3"})).records == new
    assert not any("2026" in path for _, path, _ in crm.portal.transcript)
