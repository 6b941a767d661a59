"""The calls that stand for what was recorded of Salesforce."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias
from urllib.parse import quote

import requests

from tests.emulator.hubspot.conftest import Answer
from tests.emulator.org_bench import Served, a_deal, an_org, served
from tests.recordings.twins import Twins

Org: TypeAlias = Served


@contextmanager
def an_org_with_the_kit() -> Iterator[Org]:
    """A new org on loopback, with the objects of the package."""
    org = an_org()
    org.install_kit()
    with served(org) as crm:
        yield crm


SALESFORCE = Twins(an_org_with_the_kit)
OLD, NEW = "restforce:", "ampersand: salesforce/test"
VERDICT = "/sobjects/CRM_Audit_Verdict__c"


def _answer(response: requests.Response) -> Answer:
    is_json = "json" in response.headers.get("content-type", "") and response.content
    return Answer(response.status_code, response.json() if is_json else response.text, response.headers)


def _call(crm: Org, method: str, path: str, **more: Any) -> Answer:  # noqa: ANN401  # passed on
    return _answer(crm.call(method, path, **more))


def _query(crm: Org, soql: str) -> Answer:
    return _call(crm, "GET", f"/query?q={quote(soql)}", headers={"Sforce-Query-Options": "batchSize=200"})


def _token(crm: Org, secret: str) -> Answer:
    form = {"grant_type": "client_credentials", "client_id": crm.org.gatehouse.client_id, "client_secret": secret}
    return _answer(crm.plain.post(f"{crm.base}/services/oauth2/token", data=form, timeout=10))


@SALESFORCE.of(
    f"{OLD} auth_success_response.json", f"{OLD} reauth_success_response.json", f"{OLD} refresh_success_response.json"
)
def a_token(crm: Org) -> Answer:
    return _token(crm, crm.org.gatehouse.client_secret)


@SALESFORCE.of(f"{OLD} auth_error_response.json")
def no_token(crm: Org) -> Answer:
    return _token(crm, "wrong")


@SALESFORCE.of(f"{OLD} expired_session_response.json")
def an_ended_session(crm: Org) -> Answer:
    crm.org.gatehouse.expire()
    return _call(crm, "GET", "/limits")


@SALESFORCE.of(f"{OLD} services_data_success_response.json")
def versions(crm: Org) -> Answer:
    return _answer(crm.plain.get(f"{crm.base}/services/data", timeout=10))


@SALESFORCE.of(f"{NEW}/metadata/write/user-info.json")
def who_asks(crm: Org) -> Answer:
    headers = {"Authorization": f"Bearer {crm.token}"}
    return _answer(crm.plain.get(f"{crm.base}/services/oauth2/userinfo", headers=headers, timeout=10))


@SALESFORCE.of(
    f"{OLD} sobject/describe_sobjects_success_response.json", f"{OLD} sobject/list_sobjects_success_response.json"
)
def objects(crm: Org) -> Answer:
    return _call(crm, "GET", "/sobjects")


@SALESFORCE.of(f"{OLD} sobject/sobject_describe_success_response.json")
def an_object(crm: Org) -> Answer:
    return _call(crm, "GET", "/sobjects/Opportunity/describe")


@SALESFORCE.of(
    *(f"{NEW}/metadata/read/{name}.json" for name in ("organization-sampled", "accounts-sampled")),
    f"{NEW}/metadata/read/custom-object-with-custom-fields.json",
)
def an_object_within_a_composite(crm: Org) -> Answer:
    part = {"method": "GET", "url": "/services/data/v66.0/sobjects/Opportunity/describe", "referenceId": "one"}
    return _call(crm, "POST", "/composite", json={"compositeRequest": [part]})


@SALESFORCE.of(f"{OLD} sobject/sobject_describe_error_response.json")
def no_object(crm: Org) -> Answer:
    return _call(crm, "GET", "/sobjects/Nothing__c/describe")


@SALESFORCE.of(f"{OLD} sobject/get_deleted_success_response.json")
def deleted(crm: Org) -> Answer:
    crm.org.delete("Opportunity", a_deal(crm.org))
    span = "start=2026-03-16T10:00:00Z&end=2026-03-16T13:00:00Z"
    return _call(crm, "GET", f"/sobjects/Opportunity/deleted/?{span}")


@SALESFORCE.of(f"{OLD} sobject/get_updated_success_response.json")
def updated(crm: Org) -> Answer:
    a_deal(crm.org)
    span = "start=2026-03-16T10:00:00Z&end=2026-03-16T13:00:00Z"
    return _call(crm, "GET", f"/sobjects/Opportunity/updated/?{span}")


@SALESFORCE.of(f"{OLD} sobject/query_empty_response.json")
def nothing_found(crm: Org) -> Answer:
    return _query(crm, "SELECT Id FROM Opportunity")


@SALESFORCE.of(f"{OLD} sobject/query_error_response.json", f"{NEW}/unknown-field.json")
def no_such_field(crm: Org) -> Answer:
    return _query(crm, "SELECT Nothing__c FROM Opportunity")


@SALESFORCE.of(f"{NEW}/unknown-object.json")
def no_such_object(crm: Org) -> Answer:
    return _query(crm, "SELECT Name FROM Accout")


@SALESFORCE.of(f"{OLD} sobject/query_paginated_first_page_response.json", skip=r"records\.#\.(Text_Label|Id)")
def a_first_page(crm: Org) -> Answer:
    for _ in range(201):
        a_deal(crm.org)
    return _query(crm, "SELECT Id FROM Opportunity")


@SALESFORCE.of(
    f"{OLD} sobject/query_paginated_last_page_response.json",
    f"{OLD} sobject/org_query_response.json",
    f"{NEW}/metadata/write/permission-set.json",
    skip=r"records\.#\.(Text_Label|Id|Name)",
)
def a_last_page(crm: Org) -> Answer:
    return _query(crm, "SELECT Id FROM Organization")


@SALESFORCE.of(f"{NEW}/read-opportunity-with-account.json")
def deals(crm: Org) -> Answer:
    a_deal(crm.org, AccountId=crm.org.insert("Account", Name="Acme"))
    return _query(crm, "SELECT Id, Name, AccountId, Amount, StageName FROM Opportunity")


@SALESFORCE.of(f"{NEW}/read-opportunity-with-contacts.json")
def deals_with_their_people(crm: Org) -> Answer:
    deal, contact = a_deal(crm.org), crm.org.insert("Contact", LastName="Ng")
    crm.org.insert("OpportunityContactRole", OpportunityId=deal, ContactId=contact, Role="Influencer")
    people = "(SELECT Id, ContactId, Role FROM OpportunityContactRoles)"
    return _query(crm, f"SELECT Id, Name, Amount, StageName, {people} FROM Opportunity")


@SALESFORCE.of(f"{OLD} sobject/query_success_response.json", skip=r".*_Label$")
def parents_and_children(crm: Org) -> Answer:
    deals_with_their_people(crm)
    deal = crm.org.rows("Opportunity")[0]["Id"]
    crm.org.update("Opportunity", str(deal), AccountId=crm.org.insert("Account", Name="Acme"))
    answer = _query(crm, "SELECT Account.Name, (SELECT Contact.Name FROM OpportunityContactRoles) FROM Opportunity")
    (row,) = answer.body["records"]
    row["ParentWhizbang__r"], row["Whizbangs__r"] = row.pop("Account"), row.pop("OpportunityContactRoles")
    for child in row["Whizbangs__r"]["records"]:
        child["Name"] = child.pop("Contact")["Name"]
    return answer


@SALESFORCE.of(f"{OLD} sobject/create_success_response.json", f"{NEW}/create-ok.json")
def a_record_made(crm: Org) -> Answer:
    return _call(crm, "POST", "/sobjects/Account", json={"Name": "Acme"})


@SALESFORCE.of(f"{OLD} sobject/write_error_response.json")
def a_record_with_no_such_field(crm: Org) -> Answer:
    return _call(crm, "POST", "/sobjects/Account", json={"Name": "Acme", "Nothing__c": 1})


@SALESFORCE.of(f"{NEW}/invalid-field-upsert.json")
def a_field_that_is_not_to_be_written(crm: Org) -> Answer:
    account = crm.org.insert("Account", Name="Acme")
    return _call(crm, "PATCH", f"/sobjects/Account/{account}", json={"MasterRecordId": account})


@SALESFORCE.of(f"{NEW}/crm/delete/not-found.json")
def a_record_deleted_twice(crm: Org) -> Answer:
    account = crm.org.insert("Account", Name="Acme")
    crm.org.delete("Account", account)
    return _call(crm, "DELETE", f"/sobjects/Account/{account}")


@SALESFORCE.of(f"{OLD} sobject/delete_error_response.json", f"{OLD} sobject/sobject_find_error_response.json")
def no_such_id(crm: Org) -> Answer:
    return _call(crm, "DELETE", "/sobjects/Account/rid")


@SALESFORCE.of(f"{OLD} sobject/sobject_find_success_response.json", skip="(?!attributes|Id)")
def a_record(crm: Org) -> Answer:
    return _call(crm, "GET", f"/sobjects/Account/{crm.org.insert('Account', Name='Acme')}")


@SALESFORCE.of(f"{OLD} sobject/sobject_select_success_response.json", skip="External_Field__c")
def a_record_in_part(crm: Org) -> Answer:
    return _call(crm, "GET", f"/sobjects/Account/{crm.org.insert('Account', Name='Acme')}?fields=Id")


@SALESFORCE.of(f"{OLD} sobject/upsert_created_success_response.json")
def a_record_made_by_its_key(crm: Org) -> Answer:
    return _call(crm, "PATCH", f"{VERDICT}/Deal_Id__c/one", json={"Name": "One"})


@SALESFORCE.of(f"{OLD} sobject/upsert_error_response.json")
def no_such_key(crm: Org) -> Answer:
    return _call(crm, "PATCH", f"{VERDICT}/Namez/one", json={"Name": "One"})


@SALESFORCE.of(f"{OLD} sobject/upsert_updated_success_response.json")
def a_record_changed_by_its_key(crm: Org) -> Answer:
    crm.org.insert("CRM_Audit_Verdict__c", Name="One", Deal_Id__c="one")
    url = f"{crm.base}/services/data/v45.0{VERDICT}/Deal_Id__c/one"
    headers = {"Authorization": f"Bearer {crm.token}"}
    return _answer(crm.plain.patch(url, json={"Name": "Two"}, headers=headers, timeout=10))


def _people(crm: Org, *bodies: dict[str, str], method: str = "POST", whole: bool = False) -> Answer:
    records = [{"attributes": {"type": "Contact"}, **body} for body in bodies]
    return _call(crm, method, "/composite/sobjects", json={"allOrNone": whole, "records": records})


@SALESFORCE.of(f"{NEW}/batch/create/contacts/success.json")
def people_made(crm: Org) -> Answer:
    return _people(crm, {"LastName": "Ng"}, {"LastName": "Ott"})


@SALESFORCE.of(f"{NEW}/batch/create/contacts/err-bad-request.json")
def nobody_made(crm: Org) -> Answer:
    return _people(crm)


@SALESFORCE.of(f"{NEW}/batch/create/contacts/partial-but-allOrNone.json")
def people_made_all_or_none(crm: Org) -> Answer:
    return _people(crm, {"FirstName": "Ada"}, {"LastName": "Ott"}, whole=True)


@SALESFORCE.of(f"{NEW}/batch/update/contacts/success.json")
def people_changed(crm: Org) -> Answer:
    contact = crm.org.insert("Contact", LastName="Ng")
    return _people(crm, {"id": contact, "FirstName": "Ada"}, method="PATCH")


@SALESFORCE.of(f"{NEW}/batch/update/contacts/err-each-no-ids.json")
def people_without_ids_changed(crm: Org) -> Answer:
    return _people(crm, {"FirstName": "Ada"}, {"FirstName": "Bo"}, method="PATCH")


@SALESFORCE.of(f"{NEW}/batch/update/contacts/partial-but-allOrNone.json")
def people_changed_all_or_none(crm: Org) -> Answer:
    one, other = (crm.org.insert("Contact", LastName=name) for name in ("Ng", "Ott"))
    wrong = {"id": other, "unknownField_LastName": "Ng"}
    return _people(crm, {"id": one, "FirstName": "Ada"}, wrong, method="PATCH", whole=True)


@SALESFORCE.of(f"{NEW}/success-with-errors.json")
def a_record_of_many_refused(crm: Org) -> Answer:
    answer = _people(crm, {"id": "001RM000003oLrB000", "LastName": "Ng"}, method="PATCH")
    return Answer(answer.status, answer.body[0], answer.headers)


@SALESFORCE.of(f"{NEW}/metadata/write/err-duplicate-permission-assignment.json")
def a_second_one_of_what_is_unique(crm: Org) -> Answer:
    crm.org.insert("CRM_Audit_Verdict__c", Name="One", Deal_Id__c="one")
    return _call(crm, "POST", VERDICT, json={"Name": "Two", "Deal_Id__c": "one"})


@SALESFORCE.of(f"{NEW}/bulk/read-launch-job-account.json")
def a_bulk_query(crm: Org) -> Answer:
    return _call(crm, "POST", "/jobs/query", json={"operation": "query", "query": "SELECT Id FROM Account"})
