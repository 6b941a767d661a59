"""What an org does beside storing rows: stamps, formulas, changing schemas, person accounts, switched-off features."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest

from crm_audit.emulator.salesforce import Refusal, SalesforceOrg
from tests.emulator.org_bench import NOON, Served, a_deal, an_org, served

Stamps = tuple[object, object]


@pytest.fixture
def crm() -> Iterator[Served]:
    with served(an_org()) as crm:
        yield crm


@pytest.fixture
def org() -> SalesforceOrg:
    return an_org()


def stamps(org: SalesforceOrg, object: str, record: str) -> Stamps:
    row = org.row(object, record) or {}
    return row["LastModifiedDate"], row["SystemModstamp"]


def names(org: SalesforceOrg, soql: str) -> list[object]:
    return [row["Name"] for row in org.query(soql)]


def test_automation_moves_the_system_stamp_only(org: SalesforceOrg) -> None:
    contact = org.insert("Contact", LastName="Fox")
    org.refuse("Contact", lambda before, after: True, message="Nobody may.")
    org.clock.advance(hours=1)
    org.touch("Contact", contact, EmailBouncedReason="550 no such user")
    assert stamps(org, "Contact", contact) == (NOON, NOON + timedelta(hours=1))
    assert (org.row("Contact", contact) or {})["EmailBouncedReason"] == "550 no such user"
    org.touch("Contact", contact)
    later = NOON + timedelta(minutes=30)
    assert names(org, f"SELECT Name FROM Contact WHERE SystemModstamp > {later:%Y-%m-%dT%H:%M:%SZ}") == ["Fox"]
    assert names(org, f"SELECT Name FROM Contact WHERE LastModifiedDate > {later:%Y-%m-%dT%H:%M:%SZ}") == []


def test_a_back_dated_import_is_new_to_the_system(org: SalesforceOrg) -> None:
    long_ago = NOON - timedelta(days=400)
    contact = org.insert("Contact", LastName="Fox", CreatedDate=long_ago, LastModifiedDate=long_ago)
    assert stamps(org, "Contact", contact) == (long_ago, NOON)


def test_thousands_of_rows_may_share_a_stamp(crm: Served) -> None:
    crm.org.load("Contact", ({"LastName": str(number)} for number in range(4_500)))
    soql = f"SELECT Id FROM Contact WHERE SystemModstamp = {NOON:%Y-%m-%dT%H:%M:%SZ} ORDER BY SystemModstamp, Id"
    ids = [row["Id"] for row in crm.client().query_all_iter(soql)]
    assert (len(ids), len(set(ids)), ids == sorted(ids)) == (4_500, 4_500, True)


def test_a_formula_changes_without_a_stamp(crm: Served) -> None:
    deal = a_deal(crm.org, Amount=1000)
    rate = [Decimal(2)]
    crm.org.add_formula(
        "Opportunity", "Weighted__c", spelling="currency 16.2", value=lambda row: Decimal(str(row["Amount"])) * rate[0]
    )
    soql = "SELECT Weighted__c, SystemModstamp FROM Opportunity WHERE Weighted__c > 0 ORDER BY Weighted__c"
    before = crm.org.query(soql)[0]
    rate[0] = Decimal(3)
    after = crm.org.query(soql)[0]
    assert (before["Weighted__c"], after["Weighted__c"]) == (2000.0, 3000.0)
    assert before["SystemModstamp"] == after["SystemModstamp"]
    assert crm.call("GET", f"/sobjects/Opportunity/{deal}").json()["Weighted__c"] == 3000.0
    fields = {field["name"]: field for field in crm.call("GET", "/sobjects/Opportunity/describe").json()["fields"]}
    assert (fields["Weighted__c"]["calculated"], fields["Amount"]["calculated"]) == (True, False)
    written = crm.call("PATCH", f"/sobjects/Opportunity/{deal}", json={"Weighted__c": 1}).json()[0]
    assert written["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_a_field_may_be_renamed_retyped_and_removed(crm: Served) -> None:
    crm.org.add_field("Opportunity", "Budget__c", spelling="string 40")
    deals = [a_deal(crm.org, Budget__c=value) for value in ("12.50", "a lot")]
    before = [stamps(crm.org, "Opportunity", deal) for deal in deals]
    crm.org.clock.advance(hours=1)
    crm.org.rename_field("Opportunity", "Budget__c", "Purse__c")
    assert [row["Purse__c"] for row in crm.org.query("SELECT Purse__c FROM Opportunity")] == ["12.50", "a lot"]
    refused = crm.call("GET", "/query", params={"q": "SELECT Budget__c FROM Opportunity"}).json()[0]
    assert refused["errorCode"] == "INVALID_FIELD"
    crm.org.retype_field("Opportunity", "Purse__c", spelling="currency 16.2")
    assert [row["Purse__c"] for row in crm.org.query("SELECT Purse__c FROM Opportunity")] == [12.5, None]
    crm.org.remove_field("Opportunity", "Purse__c")
    assert "Purse__c" not in crm.call("GET", f"/sobjects/Opportunity/{deals[0]}").json()
    assert [stamps(crm.org, "Opportunity", deal) for deal in deals] == before


def test_access_may_be_taken_and_given_back(crm: Served) -> None:
    a_deal(crm.org)
    crm.org.hide("Opportunity", "Amount")
    crm.org.hide("Quote")
    assert crm.call("GET", "/query", params={"q": "SELECT Id FROM Quote"}).json()[0]["errorCode"] == "INVALID_TYPE"
    assert crm.call("GET", "/sobjects/Quote/describe").status_code == 404
    crm.org.show("Opportunity", "Amount")
    crm.org.show("Quote")
    assert crm.org.query("SELECT Amount FROM Opportunity")[0]["Amount"] == 1000.0
    assert crm.call("GET", "/sobjects/Quote/describe").status_code == 200


def test_archived_activities_come_only_with_everything(org: SalesforceOrg) -> None:
    org.insert("Task", Subject="old", IsArchived=True)
    assert org.query("SELECT Id FROM Task") == []
    assert org.query("SELECT IsArchived FROM Task", everything=True)[0]["IsArchived"] is True


def test_a_merged_contact_leaves_its_children_to_the_survivor_past_all_rules(org: SalesforceOrg) -> None:
    deal, winner, loser = a_deal(org), *(org.insert("Contact", LastName=name) for name in ("Fox", "Foxx"))
    role = org.insert("OpportunityContactRole", OpportunityId=deal, ContactId=loser)
    org.refuse("OpportunityContactRole", lambda before, after: True, message="Nobody may.")
    org.clock.advance(hours=1)
    org.merge("Contact", winner, loser=loser)
    assert (org.row("OpportunityContactRole", role) or {})["ContactId"] == winner
    assert stamps(org, "OpportunityContactRole", role) == (NOON + timedelta(hours=1),) * 2
    (gone,) = org.query("SELECT Id, MasterRecordId FROM Contact WHERE IsDeleted = true", everything=True)
    assert (gone["Id"], gone["MasterRecordId"]) == (loser, winner)


def test_a_person_account_has_a_contact_behind_it() -> None:
    org = an_org(person_accounts=True)
    account = org.insert("Account", FirstName="Dana", LastName="Fox", PersonEmail="dana@fox.example")
    (row,) = org.query("SELECT Name, IsPersonAccount, PersonContactId, PersonContact.Email FROM Account")
    assert (row["Name"], row["IsPersonAccount"]) == ("Dana Fox", True)
    assert row["PersonContact"]["Email"] == "dana@fox.example"
    org.clock.advance(hours=1)
    org.update("Account", account, LastName="Foxx")
    (contact,) = org.query("SELECT Id, Name, IsPersonAccount, AccountId, LastModifiedDate FROM Contact")
    assert (contact["Id"], contact["Name"], contact["AccountId"]) == (row["PersonContactId"], "Dana Foxx", account)
    assert contact["LastModifiedDate"] == "2026-03-16T13:00:00.000+0000"
    org.insert("Account", Name="Acme")
    assert names(org, "SELECT Name FROM Account WHERE IsPersonAccount = false") == ["Acme"]
    org.delete("Account", account)
    assert org.query("SELECT Id FROM Contact") == []


@pytest.mark.parametrize(
    ("feature", "on", "soql"),
    [
        ("person_accounts", True, "SELECT IsPersonAccount FROM Account"),
        ("shared_activities", True, "SELECT Id FROM TaskRelation"),
        ("dated_rates", True, "SELECT IsoCode, StartDate, NextStartDate, ConversionRate FROM DatedConversionRate"),
        ("multi_currency", True, "SELECT CurrencyIsoCode FROM Opportunity"),
    ],
)
def test_what_belongs_to_a_feature_is_there_only_with_it(feature: str, on: bool, soql: str) -> None:
    assert an_org(**{feature: on}).query(soql) == []
    with pytest.raises(Refusal, match=r"INVALID_(FIELD|TYPE)"):
        an_org(**{feature: not on}).query(soql)


def test_there_is_no_feature_of_another_name() -> None:
    with pytest.raises(TypeError, match="multi_curency"):
        an_org(multi_curency=True)


def test_rates_may_be_dated() -> None:
    org = an_org(multi_currency=True, dated_rates=True)
    org.insert("DatedConversionRate", IsoCode="EUR", StartDate=date(2026, 1, 1), ConversionRate=Decimal("0.9"))
    assert org.query("SELECT ConversionRate FROM DatedConversionRate WHERE IsoCode = 'EUR'")[0]["ConversionRate"] == 0.9


def test_records_are_counted_by_object(crm: Served) -> None:
    crm.org.insert("Account", Name="one")
    crm.org.delete("Account", crm.org.insert("Account", Name="gone"))
    counted = crm.call("GET", "/limits/recordCount?sObjects=Account,Contact").json()
    assert counted == {"sObjects": [{"count": 1, "name": "Account"}, {"count": 0, "name": "Contact"}]}
    everything = crm.call("GET", "/limits/recordCount").json()["sObjects"]
    assert {"count": 2, "name": "User"} in everything
