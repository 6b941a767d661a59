"""Exports that nobody on this project wrote, read through the examples that the how-to shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crm_audit.config import Connection, load
from crm_audit.connectors.files import Files, connect
from crm_audit.domain import KINDS, MAPPABLE, STRENGTH
from crm_audit.errors import FixConfig
from tests.connectors.exports import mentions, pages, pulled
from tests.shared import shared

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "exports"


def example(name: str) -> Connection:
    (connection,) = load(EXAMPLES / f"{name}.toml").connections.values()
    return connection


def opened(connection: Connection) -> Files:
    return connect(connection, environ={"CRM_EXPORTS": str(shared("data", "crm"))}, root=EXAMPLES)


def without_skip(connection: Connection, *kinds: str) -> Connection:
    """The same mapping with the deleted rows of these kinds left in."""
    options: dict[str, Any] = dict(connection.options)
    tables = dict(options["tables"])
    for kind in kinds:
        tables[kind] = {key: value for key, value in tables[kind].items() if key != "skip"}
    return connection.model_copy(update={"options": {**options, "tables": tables}})


@pytest.fixture(scope="module")
def maven() -> Files:
    return opened(example("maven"))


@pytest.fixture(scope="module")
def salesforce() -> Files:
    return opened(example("fivetran-salesforce"))


@pytest.fixture(scope="module")
def hubspot() -> Files:
    return opened(example("fivetran-hubspot"))


def counts(files: Files) -> Mapping[str, int]:
    """Records of every kind that has any."""
    return {kind: number for kind in KINDS if (number := len(pulled(files, kind)))}


@pytest.mark.parametrize("name", ["maven", "fivetran-salesforce", "fivetran-hubspot"])
def test_every_example_reads_its_export(name: str) -> None:
    files = opened(example(name))
    assert files.survey().unmapped <= set(MAPPABLE)
    assert all(page.stream.startswith(f"{page.kind}/") and page.kind in KINDS for page in pages(files))


@pytest.mark.parametrize("name", ["maven", "fivetran-salesforce", "fivetran-hubspot"])
def test_ids_of_a_kind_are_given_once(name: str) -> None:
    files = opened(example(name))
    for kind in KINDS:
        ids = [record.id for record in pulled(files, kind)]
        assert len(ids) == len(set(ids)), kind


# --- 8,800 deals without contacts, activities or history


def test_maven_is_read_whole(maven: Files) -> None:
    assert counts(maven) == {"stages": 4, "users": 35, "companies": 85, "deals": 8_800}


def test_maven_has_2089_open_deals(maven: Files) -> None:
    closed = {stage.stage for stage in pulled(maven, "stages") if stage.closed}
    stages = Counter(deal.stage for deal in pulled(maven, "deals"))
    assert closed == {"Won", "Lost"}
    assert stages == {"Won": 4_238, "Lost": 2_473, "Engaging": 1_589, "Prospecting": 500}
    assert sum(number for stage, number in stages.items() if stage not in closed) == 2_089


def test_maven_names_no_company_on_1425_open_deals_and_every_other_one_is_known(maven: Files) -> None:
    deals = pulled(maven, "deals")
    nameless = [deal for deal in deals if deal.company is None]
    assert len(nameless) == 1_425
    assert {deal.stage for deal in nameless} == {"Engaging", "Prospecting"}
    known = {company.id for company in pulled(maven, "companies")}
    assert {deal.company for deal in deals} - {None} <= known


def test_maven_says_nothing_about_money_dates_people_or_history_of_open_deals(maven: Files) -> None:
    survey = maven.survey()
    assert survey.unmapped == frozenset(MAPPABLE) - {"company"}
    assert survey.unconnected == frozenset(STRENGTH)
    assert survey.notes == ("the files were exported on 2017-12-31; what happened since is not in them",)


def test_maven_keeps_what_closed_deals_brought_in_and_when(maven: Files) -> None:
    deals = {deal.id: deal for deal in pulled(maven, "deals")}
    won = deals["1C1I7A6R"]
    assert (won.amount, won.close_date, won.owner) == (Decimal(1054), date(2017, 3, 1), "Moses Frase")
    assert {deal.created for deal in deals.values()} == {None}


def test_maven_read_as_day_month_year_is_refused(maven: Files) -> None:
    connection = example("maven")
    wrong = connection.model_copy(update={"options": {**connection.options, "dates": "%d/%m/%Y"}})
    with pytest.raises(FixConfig, match=r"sales_pipeline\.csv:\d+: column 'close_date': .* values are not a date"):
        opened(wrong).survey()


# --- ten deleted opportunities, one of them 1000 % sure


def test_deleted_opportunities_are_not_audited_even_where_they_were_won(salesforce: Files) -> None:
    assert counts(salesforce) == {"stages": 4, "users": 10, "companies": 10, "people": 4, "events": 5}
    assert mentions(salesforce, "sf_opportunity_data.csv:2: 10 rows left out by skip (is_deleted = true)")
    assert mentions(salesforce, "deals: none is left to audit")


def test_with_the_deleted_ones_left_in_there_is_one_open_opportunity() -> None:
    files = opened(without_skip(example("fivetran-salesforce"), "deals", "history"))
    closed = {stage.stage: stage.closed for stage in pulled(files, "stages")}
    deals = pulled(files, "deals")
    assert Counter(closed[deal.stage] for deal in deals) == {"won": 5, "lost": 4, None: 1}
    (still_open,) = (deal for deal in deals if closed[deal.stage] is None)
    assert (still_open.amount, still_open.probability) == (Decimal(210_000), Decimal("0.65"))
    assert still_open.close_date == datetime(2018, 12, 19, tzinfo=UTC)  # midnight UTC: the date, wherever one is


def test_a_probability_of_1000_is_empty_and_noted() -> None:
    files = opened(without_skip(example("fivetran-salesforce"), "deals", "history"))
    sure = {deal.name: deal.probability for deal in pulled(files, "deals")}
    assert sure["$1m deal"] is None
    assert sure["Testing Opp Close"] == 1
    assert mentions(files, "sf_opportunity_data.csv:2: 1 value in column 'probability' is not between 0 and 100 %")


def test_versions_that_do_not_differ_are_no_history() -> None:
    files = opened(without_skip(example("fivetran-salesforce"), "deals", "history"))
    assert pulled(files, "history") == []
    assert "history" in files.survey().unmapped


def test_meetings_on_accounts_and_of_strangers_are_no_source(salesforce: Files) -> None:
    assert {event.deals for event in pulled(salesforce, "events")} == {()}
    assert salesforce.survey().unconnected == frozenset(STRENGTH)
    assert mentions(salesforce, "events: none of 5 belongs to a deal")


def test_accounts_that_no_opportunity_names_say_nothing(salesforce: Files) -> None:
    kept = opened(without_skip(example("fivetran-salesforce"), "deals"))
    assert "company" not in kept.survey().unmapped
    assert mentions(kept, "companies: none of 10 is named by a deal")
    assert mentions(kept, "that deals name are in no table of companies")
    assert len(pulled(kept, "companies")) > len(pulled(salesforce, "companies"))


def test_only_the_domain_of_a_contact_is_kept(salesforce: Files) -> None:
    assert {person.domain for person in pulled(salesforce, "people")} == {"google.com", None}


# --- 44 deals without pipeline, stage, amount or date, and tables that join to none of them


def test_the_hubspot_seeds_are_read_whole(hubspot: Files) -> None:
    assert counts(hubspot) == {
        "stages": 69, "users": 100, "companies": 24, "people": 26, "deals": 44, "links": 11, "events": 100,
        "history": 14,
    }  # fmt: skip


def test_stages_that_were_deleted_are_left_out_and_counted(hubspot: Files) -> None:
    assert mentions(hubspot, "deal_pipeline_stage_data.csv", "2 rows left out by skip (_fivetran_deleted = true)")
    assert Counter(stage.closed for stage in pulled(hubspot, "stages")) == {None: 64, "won": 5}


def test_deals_without_pipeline_and_stage_stay_for_the_rules_to_see(hubspot: Files) -> None:
    deals = pulled(hubspot, "deals")
    assert {(deal.pipeline, deal.stage) for deal in deals} == {("", "")}
    assert sum(deal.owner is None for deal in deals) == 22
    assert min(deal.created for deal in deals) == datetime(2019, 10, 7, 20, 36, 5, tzinfo=UTC)


def test_contacts_that_were_merged_lead_to_the_one_that_is_left(hubspot: Files) -> None:
    merged = {person.id: person.merged_into for person in pulled(hubspot, "people") if person.merged_into}
    assert merged == {"11111": "5555", "7777": "4444", "8888": "3333", "9999": "2222"}


def test_no_table_of_the_hubspot_seeds_speaks_of_these_deals(hubspot: Files) -> None:
    survey = hubspot.survey()
    assert survey.unmapped == frozenset(MAPPABLE)
    assert survey.unconnected == frozenset(STRENGTH)
    for kind, number in (("links", 11), ("history", 14), ("events", 100)):
        assert mentions(hubspot, f"{kind}: none of {number} belongs to a deal of this export")
    for name in ("amount", "close_date", "need", "company"):
        assert mentions(hubspot, f"deals: {name} is empty in all 44")


def test_stage_history_is_read_for_the_deals_it_is_about(hubspot: Files) -> None:
    entered = pulled(hubspot, "history")
    assert {change.field for change in entered} == {"stage"}
    assert {change.old for change in entered} == {None}
    assert min(change.at for change in entered) == datetime(2021, 1, 7, 6, 49, 18, tzinfo=UTC)  # written as 6:49:18
