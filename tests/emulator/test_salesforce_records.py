"""Playing a world in time from Python: what Salesforce fills in, keeps, deletes, merges and refuses."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.salesforce import Refusal, SalesforceOrg
from tests.emulator.org_bench import NOON, a_deal, an_org


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def org(clock: Clock) -> SalesforceOrg:
    return SalesforceOrg(clock)


def history(org: SalesforceOrg) -> list[tuple[object, ...]]:
    rows = org.rows("OpportunityHistory")
    return [(row["StageName"], row.get("Amount"), row.get("PrevAmount"), row.get("PrevCloseDate")) for row in rows]


def test_a_new_org_knows_itself_its_users_and_its_stages(org: SalesforceOrg) -> None:
    (own,) = org.query("SELECT Id, Name, TimeZoneSidKey FROM Organization")
    assert (own["Id"], own["TimeZoneSidKey"]) == (org.organisation, "America/New_York")
    users = {row["Id"] for row in org.query("SELECT Id FROM User WHERE IsActive = true")}
    assert users == {org.admin, org.integration_user}
    stages = org.query("SELECT ApiName, DefaultProbability, IsWon FROM OpportunityStage ORDER BY SortOrder")
    assert [stages[0]["ApiName"], stages[-2]["ApiName"], stages[-2]["IsWon"]] == ["Prospecting", "Closed Won", True]
    assert stages[-1]["DefaultProbability"] == 0.0


def test_a_record_is_stamped_with_the_clock_and_its_author(org: SalesforceOrg, clock: Clock) -> None:
    account = org.insert("Account", Name="Acme")
    clock.advance(hours=2)
    org.update("Account", account, Industry="Steel")
    row = org.row("Account", account)
    assert row is not None
    assert (row["CreatedDate"], row["LastModifiedDate"], row["SystemModstamp"]) == (
        NOON,
        NOON + timedelta(hours=2),
        NOON + timedelta(hours=2),
    )
    assert (row["CreatedById"], row["OwnerId"]) == (org.admin, org.admin)


def test_loading_may_back_date_but_the_system_stamp_is_now(org: SalesforceOrg) -> None:
    past = datetime(2025, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    author = org.insert("User", LastName="Rep", Username="rep@seller.example")
    account = org.insert("Account", Name="Acme", CreatedDate=past, CreatedById=author)
    row = org.row("Account", account)
    assert row is not None
    whole = past.replace(microsecond=0)
    assert (row["CreatedDate"], row["LastModifiedDate"], row["SystemModstamp"]) == (whole, whole, NOON)
    assert (row["CreatedById"], row["LastModifiedById"]) == (author, author)


def test_the_stage_sets_probability_and_forecast_unless_they_are_given(org: SalesforceOrg) -> None:
    deal = a_deal(org, StageName="Needs Analysis", Amount="10.05")
    shown = "SELECT Probability, ForecastCategory, ExpectedRevenue, IsClosed, IsWon FROM Opportunity"
    (row,) = org.query(shown)
    assert (row["Probability"], row["ForecastCategory"], row["ExpectedRevenue"]) == (20.0, "Pipeline", 2.01)
    org.update("Opportunity", deal, StageName="Closed Won")
    (row,) = org.query(shown)
    assert (row["Probability"], row["ForecastCategory"], row["IsClosed"], row["IsWon"]) == (100.0, "Closed", True, True)
    org.update("Opportunity", deal, StageName="Negotiation/Review", Probability=55, ForecastCategoryName="Commit")
    (row,) = org.query(shown)
    assert (row["Probability"], row["ForecastCategory"], row["IsClosed"]) == (55.0, "Forecast", False)
    org.update("Opportunity", deal, NextStep="call")
    assert org.query(shown)[0]["Probability"] == 55.0


def test_a_move_is_dated_a_first_stage_is_not(org: SalesforceOrg, clock: Clock) -> None:
    deal = a_deal(org)
    clock.advance(days=1)
    org.update("Opportunity", deal, Amount=5)
    assert org.query("SELECT LastStageChangeDate FROM Opportunity")[0]["LastStageChangeDate"] is None
    clock.advance(days=1)
    org.update("Opportunity", deal, StageName="Qualification")
    row = org.row("Opportunity", deal)
    assert row is not None
    assert row["LastStageChangeDate"] == NOON + timedelta(days=2)


def test_every_change_that_counts_leaves_the_state_after_it(org: SalesforceOrg, clock: Clock) -> None:
    deal = a_deal(org, Amount=100, CloseDate=date(2026, 6, 30))
    clock.advance(days=1)
    org.update("Opportunity", deal, Amount=80)
    org.update("Opportunity", deal, CloseDate=date(2026, 9, 30))
    org.update("Opportunity", deal, NextStep="nothing that history keeps")
    org.update("Opportunity", deal, Amount=80)
    end, later = date(2026, 6, 30), Decimal("80.00")
    assert history(org) == [
        ("Prospecting", Decimal("100.00"), None, None),
        ("Prospecting", later, Decimal("100.00"), end),
        ("Prospecting", later, later, end),
    ]
    stamps = [row["CreatedDate"] for row in org.rows("OpportunityHistory")]
    assert stamps == [NOON, NOON + timedelta(days=1), NOON + timedelta(days=1)]


def test_field_history_keeps_old_and_new_of_tracked_fields_only(org: SalesforceOrg) -> None:
    org.tracked.remove("Amount")
    deal = a_deal(org)
    org.update("Opportunity", deal, Amount=7, CloseDate=date(2026, 7, 1), NextStep="call Dana")
    rows = org.query("SELECT Field, OldValue, NewValue, DataType FROM OpportunityFieldHistory")
    assert [(row["Field"], row["OldValue"], row["NewValue"], row["DataType"]) for row in rows] == [
        ("created", None, None, "Text"),
        ("CloseDate", "2026-06-30", "2026-07-01", "DateOnly"),
        ("NextStep", None, "call Dana", "Text"),
    ]


def test_history_can_be_loaded_instead(org: SalesforceOrg) -> None:
    deal = org.insert("Opportunity", history=False, Name="x", StageName="Qualification", CloseDate=date(2026, 5, 1))
    assert history(org) == []
    org.insert("OpportunityHistory", OpportunityId=deal, StageName="Prospecting", CreatedDate=NOON - timedelta(days=90))
    assert history(org) == [("Prospecting", None, None, None)]
    assert org.rows("OpportunityHistory")[0]["CreatedDate"] == NOON - timedelta(days=90)


def test_deleted_records_wait_in_the_bin_but_contact_roles_are_gone(org: SalesforceOrg) -> None:
    contact, deal = org.insert("Contact", LastName="Fox"), a_deal(org)
    role = org.insert("OpportunityContactRole", OpportunityId=deal, ContactId=contact)
    org.delete("OpportunityContactRole", role)
    assert org.rows("OpportunityContactRole") == []
    org.insert("OpportunityContactRole", OpportunityId=deal, ContactId=contact)
    org.delete("Opportunity", deal)
    assert org.rows("OpportunityContactRole") == []
    assert all(row["IsDeleted"] for row in org.rows("OpportunityHistory"))
    row = org.row("Opportunity", deal)
    assert row is not None
    assert row["IsDeleted"] is True
    with pytest.raises(Refusal, match="ENTITY_IS_DELETED"):
        org.update("Opportunity", deal, Name="again")


def test_a_merge_deletes_the_loser_and_moves_what_was_its(org: SalesforceOrg, clock: Clock) -> None:
    winner, loser = org.insert("Contact", LastName="Fox"), org.insert("Contact", LastName="Foxx")
    deal = a_deal(org)
    role = org.insert("OpportunityContactRole", OpportunityId=deal, ContactId=loser)
    task = org.insert("Task", Subject="call", WhoId=loser)
    report = org.insert("Contact", LastName="Young", ReportsToId=loser)
    clock.advance(days=1)
    org.merge("Contact", winner, loser=loser)
    gone = org.query("SELECT MasterRecordId, IsDeleted FROM Contact WHERE IsDeleted = true", everything=True)
    assert [row["MasterRecordId"] for row in gone] == [winner]
    moved = [
        org.row("OpportunityContactRole", role),
        org.row("Task", task),
        org.row("Contact", report),
    ]
    assert [row and row["SystemModstamp"] for row in moved] == [NOON + timedelta(days=1)] * 3
    assert [row and (row.get("ContactId") or row.get("WhoId") or row.get("ReportsToId")) for row in moved] == [
        winner
    ] * 3
    with pytest.raises(ValueError, match="cannot be merged"):
        org.merge("Opportunity", deal, loser=a_deal(org))


def test_a_completed_task_has_its_moment(org: SalesforceOrg, clock: Clock) -> None:
    task = org.insert("Task", Subject="call")
    query = "SELECT Status, IsClosed, CompletedDateTime, TaskSubtype FROM Task"
    assert list(org.query(query)[0].values())[1:] == ["Not Started", False, None, "Task"]
    clock.advance(hours=1)
    org.update("Task", task, Status="Completed")
    clock.advance(hours=1)
    org.update("Task", task, Subject="the call")
    assert list(org.query(query)[0].values())[1:] == ["Completed", True, "2026-03-16T13:00:00.000+0000", "Task"]
    org.insert("Task", Status="Completed", CompletedDateTime=NOON - timedelta(days=9))
    assert org.query(query)[1]["CompletedDateTime"] == "2026-03-07T12:00:00.000+0000"


def test_an_event_ends_where_its_length_says_and_the_other_way_round(org: SalesforceOrg) -> None:
    org.insert("Event", StartDateTime=NOON, DurationInMinutes=45)
    org.insert("Event", StartDateTime=NOON, EndDateTime=NOON + timedelta(hours=1))
    rows = org.query("SELECT EndDateTime, DurationInMinutes, ActivityDate FROM Event")
    assert [(row["EndDateTime"][11:16], row["DurationInMinutes"], row["ActivityDate"]) for row in rows] == [
        ("12:45", 45, "2026-03-16"),
        ("13:00", 60, "2026-03-16"),
    ]


def test_names_are_composed(org: SalesforceOrg) -> None:
    org.insert("Contact", FirstName="Dana", LastName="Fox")
    org.insert("Contact", LastName="Solo")
    assert [row["Name"] for row in org.query("SELECT Name FROM Contact")] == ["Dana Fox", "Solo"]


def test_values_are_kept_as_salesforce_keeps_them(org: SalesforceOrg) -> None:
    deal = a_deal(org, Name="  Forklifts ", NextStep="   ", Amount="10.005")
    row = org.row("Opportunity", deal)
    assert row is not None
    assert (row["Name"], row.get("NextStep"), row["Amount"]) == ("Forklifts", None, Decimal("10.01"))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Nmae": "x"}, "INVALID_FIELD"),
        ({"Name": None}, "REQUIRED_FIELD_MISSING"),
        ({"Name": "x" * 121}, "STRING_TOO_LONG"),
        ({"Name": 5}, "JSON_PARSER_ERROR"),
        ({"Amount": "lots"}, "JSON_PARSER_ERROR"),
        ({"Amount": True}, "JSON_PARSER_ERROR"),
        ({"Amount": 10**16}, "NUMBER_OUTSIDE_VALID_RANGE"),
        ({"CloseDate": "soon"}, "JSON_PARSER_ERROR"),
        ({"CloseDate": NOON}, "JSON_PARSER_ERROR"),
        ({"CreatedDate": datetime(2026, 1, 1)}, "JSON_PARSER_ERROR"),  # noqa: DTZ001  # which is what is refused
        ({"AccountId": "001"}, "MALFORMED_ID"),
        ({"AccountId": "001ak0000000099AAA"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"AccountId": "003ak0000000001AAA"}, "FIELD_INTEGRITY_EXCEPTION"),
        ({"IsClosed": "yes"}, "JSON_PARSER_ERROR"),
    ],
)
def test_what_is_refused_changes_nothing(org: SalesforceOrg, fields: dict[str, object], code: str) -> None:
    deal = a_deal(org)
    before = org.row("Opportunity", deal)
    with pytest.raises(Refusal) as refused:
        org.update("Opportunity", deal, **fields)
    assert refused.value.code == code
    assert org.row("Opportunity", deal) == before
    with pytest.raises(Refusal):
        a_deal(org, **fields)
    assert len(org.rows("Opportunity")) == 1
    assert len(history(org)) == 1


def test_a_validation_rule_sees_before_and_after(org: SalesforceOrg) -> None:
    org.refuse(
        "Opportunity",
        lambda before, after: (
            before is not None and before["StageName"] != after["StageName"] and not after.get("NextStep")
        ),
        message="Say what comes next.",
    )
    deal = a_deal(org)
    with pytest.raises(Refusal, match="FIELD_CUSTOM_VALIDATION_EXCEPTION: Say what comes next"):
        org.update("Opportunity", deal, StageName="Qualification")
    org.update("Opportunity", deal, StageName="Qualification", NextStep="demo")
    assert len(history(org)) == 2


def test_a_hidden_field_is_nowhere(org: SalesforceOrg) -> None:
    a_deal(org)
    org.hide("Opportunity", "Amount")
    for query in ("SELECT Amount FROM Opportunity", "SELECT Id FROM Opportunity WHERE Amount > 1"):
        with pytest.raises(Refusal, match="No such column 'Amount' on entity 'Opportunity'"):
            org.query(query)
    org.hide("Quote")
    with pytest.raises(Refusal, match="INVALID_TYPE"):
        org.query("SELECT Id FROM Quote")
    with pytest.raises(Refusal, match="Didn't understand relationship 'Quotes'"):
        org.query("SELECT (SELECT Id FROM Quotes) FROM Opportunity")
    with pytest.raises(ValueError, match=r"cannot hide Opportunity\.StageName"):
        org.hide("Opportunity", "StageName")


def test_fields_and_objects_of_the_customer(org: SalesforceOrg) -> None:
    org.add_field("Opportunity", "Budget__c", spelling="currency 16.2")
    org.add_field("Opportunity", "Signer__c", spelling="reference to=Contact as=Signer__r children=Signs__r")
    org.add_object("Risk__c", Deal__c="reference to=Opportunity as=Deal__r children=Risks__r", Level__c="double 3.1")
    contact = org.insert("Contact", LastName="Fox")
    deal = a_deal(org, Budget__c="12.5", Signer__c=contact)
    org.insert("Risk__c", Name="late", Deal__c=deal, Level__c=2.25)
    (row,) = org.query("SELECT Budget__c, Signer__r.Name, (SELECT Level__c FROM Risks__r) FROM Opportunity")
    assert (row["Budget__c"], row["Signer__r"]["Name"]) == (12.5, "Fox")
    assert row["Risks__r"]["records"][0]["Level__c"] == 2.3
    assert org.query("SELECT Deal__r.Name FROM Risk__c")[0]["Deal__r"]["Name"] == "Forklifts"


def test_currencies_exist_only_where_there_are_several() -> None:
    single = an_org()
    for query in ("SELECT CurrencyIsoCode FROM Opportunity", "SELECT DefaultCurrencyIsoCode FROM Organization"):
        with pytest.raises(Refusal, match="INVALID_FIELD"):
            single.query(query)
    with pytest.raises(Refusal, match="INVALID_TYPE"):
        single.query("SELECT Id FROM CurrencyType")
    several = an_org(multi_currency=True, currency="EUR")
    several.insert("CurrencyType", IsoCode="USD", ConversionRate="1.1")
    a_deal(several)
    a_deal(several, CurrencyIsoCode="USD")
    assert [row["CurrencyIsoCode"] for row in several.query("SELECT CurrencyIsoCode FROM Opportunity")] == [
        "EUR",
        "USD",
    ]
    rates = several.query("SELECT IsoCode, ConversionRate, IsCorporate FROM CurrencyType ORDER BY IsoCode")
    assert [(row["IsoCode"], row["ConversionRate"], row["IsCorporate"]) for row in rates] == [
        ("EUR", 1.0, True),
        ("USD", 1.1, False),
    ]
    assert several.query("SELECT CurrencyIsoCode FROM OpportunityHistory")[1]["CurrencyIsoCode"] == "USD"


def test_the_kit_is_there_once_installed(org: SalesforceOrg) -> None:
    with pytest.raises(Refusal, match="INVALID_TYPE"):
        org.query("SELECT Id FROM CRM_Audit_Verdict__c")
    org.install_kit()
    deal = a_deal(org)
    connection = org.insert("CRM_Audit_Connection__c", Name="main", Key__c="main")
    verdict = org.insert(
        "CRM_Audit_Verdict__c", Deal_Id__c=deal, Opportunity__c=deal, Connection__c=connection, Status__c="overstated"
    )
    org.update("Opportunity", deal, CRM_Audit_Verdict__c=verdict)
    query = "SELECT CRM_Audit_Verdict__r.Status__c, CRM_Audit_Verdict__r.Connection__r.Name FROM Opportunity"
    (row,) = org.query(query)
    assert row["CRM_Audit_Verdict__r"]["Status__c"] == "overstated"
    assert row["CRM_Audit_Verdict__r"]["Connection__r"]["Name"] == "main"
    with pytest.raises(Refusal, match="DUPLICATE_VALUE"):
        org.insert("CRM_Audit_Verdict__c", Deal_Id__c=deal)
    org.delete("CRM_Audit_Verdict__c", verdict)
    org.insert("CRM_Audit_Verdict__c", Deal_Id__c=deal)
