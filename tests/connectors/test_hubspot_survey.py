"""What a portal cannot tell is said, with one sentence for the admin, and is never taken for empty."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal

import pytest

from crm_audit.config import Connection, Settings
from crm_audit.connectors.hubspot import connect
from crm_audit.connectors.hubspot.names import OWN, SCOPES
from crm_audit.domain import MAPPABLE, STRENGTH, Survey
from crm_audit.emulator.hubspot import HubspotPortal
from crm_audit.emulator.server import Request, Response, serve
from crm_audit.errors import FixConfig
from tests.connectors.hubspot_bench import Bench, bench, rows
from tests.sources import ROOT

NEVER = {
    "quote_viewed",
    "email_open",
    "link_click",
    "doc_open",
    "doc_shared",
    "esign_viewed",
    "esign_completed",
}
UNMAPPED_AT_FIRST = {"budget", "need", "solution_fit", "fit", "rechecks"}
FULL = {
    "budget": "agreed_budget",
    "need": "pain",
    "solution_fit": "technical_win",
    "fit_tier": "hs_ideal_customer_profile",
    "recheck_all": "asked_on",
    "doc_viewed": "hs_document_last_revisited",
}
VOUCHING = {"attestations": {"PRICE_SEEN": ["pricing"]}}


@pytest.fixture
def crm() -> Iterator[Bench]:
    with bench() as served:
        for name, kind in (("agreed_budget", "number"), ("pain", "string"), ("technical_win", "string")):
            served.portal.define_property("deals", name, kind)
        served.portal.define_property("deals", "asked_on", "date")
        yield served


def noted(survey: Survey, *words: str) -> bool:
    """One single note holds all of these words."""
    return any(all(word in note for word in words) for note in survey.notes)


def test_a_fresh_connection(crm: Bench) -> None:
    survey = crm.connector().survey()
    assert survey.unmapped == UNMAPPED_AT_FIRST
    assert survey.unconnected == NEVER | {"attestation", "doc_viewed"}
    for name in ("fields.budget", "fields.need", "fields.fit_tier", "fields.recheck_<topic>", "options.attestations"):
        assert noted(survey, name)


def test_everything_mapped(crm: Bench) -> None:
    survey = crm.connector(fields=FULL, options=VOUCHING).survey()
    assert survey.unmapped == set()
    assert survey.unconnected == NEVER


def test_names_are_those_of_the_vocabulary(crm: Bench) -> None:
    for scope in ("deals", "contacts", "companies", "quotes", "owners"):
        crm.portal.revoke(f"crm.objects.{scope}.read")
    survey = crm.connector().survey()
    assert survey.unmapped <= set(MAPPABLE)
    assert survey.unconnected <= set(STRENGTH)
    assert len(survey.notes) == len(set(survey.notes))


@pytest.mark.parametrize(
    ("field", "lost"),
    [
        ("budget", "budget"),
        ("need", "need"),
        ("solution_fit", "solution_fit"),
        ("recheck_all", "rechecks"),
        ("fit_tier", "fit"),
        ("amount", "amount"),
        ("close_date", "close_date"),
    ],
)
def test_a_mapped_property_that_does_not_exist_is_unmapped(crm: Bench, field: str, lost: str) -> None:
    survey = crm.connector(fields={**FULL, field: "no_such_property"}, options=VOUCHING).survey()
    assert survey.unmapped == {lost}
    assert noted(survey, f"fields.{field}", "'no_such_property'")


def test_one_of_several_dates_of_asking_that_does_not_exist_makes_them_unknown(crm: Bench) -> None:
    fields = {**FULL, "recheck_purchase_date": "no_such_property"}
    assert crm.connector(fields=fields, options=VOUCHING).survey().unmapped == {"rechecks"}


def test_a_property_archived_since_is_found_out(crm: Bench) -> None:
    connector = crm.connector(fields=FULL, options=VOUCHING)
    assert not connector.survey().unmapped
    crm.portal.archive_property("deals", "agreed_budget")
    assert connector.survey().unmapped == {"budget"}


@pytest.mark.parametrize(
    ("scope", "unmapped", "unconnected"),
    [
        ("companies", {"company", "fit"}, set()),
        ("quotes", set(), {"quote_sent", "quote_reported", "quote_accepted"}),
        ("owners", set(), set()),
        (
            "contacts",
            {"contacts", "roles"},
            {"meeting_held", "call_connected", "email_in", "email_out", "task_open", "attestation", "doc_viewed"},
        ),
    ],
)
def test_a_missing_scope_is_noted_not_fatal(crm: Bench, scope: str, unmapped: set[str], unconnected: set[str]) -> None:
    crm.portal.revoke(f"crm.objects.{scope}.read")
    deal = crm.deal()
    connector = crm.connector(fields=FULL, options=VOUCHING)
    survey = connector.survey()
    assert survey.unmapped == unmapped
    assert survey.unconnected == NEVER | unconnected
    assert noted(survey, f"crm.objects.{scope}.read")
    assert [one.id for one in rows(connector, "deals")] == [deal]


def test_without_buying_role_or_label_roles_are_unknown(crm: Bench) -> None:
    crm.portal.archive_property("contacts", "hs_buying_role")
    signs = {"Signs": "authority"}
    survey = crm.connector(roles=signs, fields=FULL, options=VOUCHING).survey()
    assert survey.unmapped == {"roles"}
    assert noted(survey, "roles.Signs")
    crm.portal.define_label("deals", "contacts", "Signs")
    assert not crm.connector(roles=signs, fields=FULL, options=VOUCHING).survey().unmapped


def test_a_slip_in_a_label_makes_roles_unknown_and_accuses_nobody(crm: Bench) -> None:
    crm.portal.define_label("deals", "contacts", "Decision maker")
    slip = crm.connector(roles={"Decsion maker": "authority"}, fields=FULL, options=VOUCHING).survey()
    assert slip.unmapped == {"roles"}
    assert noted(slip, "roles.Decsion maker", "did you mean 'Decision maker'?")
    assert noted(slip, "the label 'Decision maker'", "mapped to no role")
    right = crm.connector(roles={"Decision maker": "authority", "CHAMPION": "coach"}, fields=FULL, options=VOUCHING)
    assert not right.survey().unmapped
    assert not noted(right.survey(), "Decision maker")


def test_missing_exchange_rates_are_noted_where_there_are_currencies(crm: Bench) -> None:
    crm.portal.revoke("settings.currencies.read")
    assert not noted(crm.connector().survey(), "exchange rates")
    crm.portal.define_rate("EUR", Decimal("1.10"))
    assert noted(crm.connector().survey(), "exchange rates", "settings.currencies.read", "options.rates")
    assert rows(crm.connector(), "rates") == []
    assert not noted(crm.connector(options={"rates": {"EUR": "1.1"}}).survey(), "exchange rates")
    crm.portal.grant("settings.currencies.read")
    assert not noted(crm.connector().survey(), "exchange rates")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"fields": {"budgt": "x"}}, r"fields\.budgt.*did you mean 'budget'"),
        ({"fields": {"zzz": "x"}}, r"fields\.zzz.*recheck_<topic>"),
        ({"options": {"colour": "red"}}, r"options\.colour"),
        ({"options": {"api": "v9"}}, r"options\.api"),
        ({"options": {"titles": {"demo": "("}}}, r"options\.titles\.demo.*not a regular expression"),
        ({"options": {"rates": {"EUR": "much"}}}, r"options\.rates\.EUR"),
        ({"login": {}}, r"login\.access_token is missing"),
        ({"login": {"access_token": "ELSEWHERE"}}, r"ELSEWHERE.*not set"),
    ],
)
def test_a_wrong_setting_is_named_before_any_call(settings: dict[str, object], says: str) -> None:
    given = {"vendor": "hubspot", "login": {"access_token": "TOKEN"}, **settings}
    with pytest.raises(FixConfig, match=says):
        connect(Connection.model_validate(given), environ={"TOKEN": "pat-na1-emulator"})


class Abroad:
    """A portal in a time zone that nobody else knows."""

    def __init__(self, portal: HubspotPortal) -> None:
        self.portal = portal

    def answer(self, request: Request, *, base: str) -> Response:
        response = self.portal.answer(request, base=base)
        if isinstance(response.body, dict) and "timeZone" in response.body:
            return Response(response.status, {**response.body, "timeZone": "Nowhere/Land"})
        return response


def test_a_time_zone_nobody_knows_is_for_the_admin_to_set(crm: Bench) -> None:
    with serve(Abroad(crm.portal)) as base:
        abroad = Bench(crm.portal, crm.clock, base)
        with pytest.raises(FixConfig, match=r"Nowhere/Land.*zone"):
            abroad.connector().survey()
        assert abroad.connector(zone="Europe/Zurich").survey().unmapped == UNMAPPED_AT_FIRST


GUIDE = (ROOT / "connectors" / "hubspot" / "README.md").read_text(encoding="utf-8")


def test_the_settings_of_the_guide_are_settings() -> None:
    written = "\n".join(re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL))
    (connection,) = Settings.model_validate(tomllib.loads(written)).connections.values()
    connector = connect(connection, environ={"HUBSPOT_TOKEN": "pat-na1-emulator"})
    assert connector.calls.read == 0


def test_the_guide_names_all_that_is_created_and_needed() -> None:
    for name in (*OWN.values(), *(scope for scopes in SCOPES.values() for scope in scopes.split(" or "))):
        assert f"`{name}`" in GUIDE
