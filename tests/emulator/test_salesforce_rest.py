"""The REST API over real HTTP: through the client library that everybody uses, and plainly for the exact bodies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from simple_salesforce.exceptions import (
    SalesforceError,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

from tests.emulator.org_bench import API, Served, a_deal, an_org, served
from tests.shared import shared


def said(error: SalesforceError) -> Any:  # noqa: ANN401  # a decoded body, which the library takes for bytes
    return error.content


@pytest.fixture
def crm() -> Iterator[Served]:
    org = an_org()
    org.install_kit()
    with served(org) as crm:
        yield crm


def test_the_versions_need_no_session(crm: Served) -> None:
    versions = crm.plain.get(f"{crm.base}/services/data", timeout=5).json()
    assert {"label": "Spring '26", "url": API, "version": "66.0"} in versions
    assert {"label": "Winter '26", "url": "/services/data/v65.0", "version": "65.0"} in versions
    assert [version["version"] for version in versions] == sorted(version["version"] for version in versions)


def test_the_root_says_who_is_asking(crm: Served) -> None:
    identity = crm.call("GET", "/").json()["identity"]
    assert identity.endswith(f"/{crm.org.organisation}/{crm.org.integration_user}")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/services/data/v30.0/query", 410, "UNSUPPORTED_API_VERSION"),
        ("/services/data/v99.0/query", 404, "NOT_FOUND"),
        ("/services/data/vX/query", 404, "NOT_FOUND"),
        ("/services/data/v66.0/nothing", 404, "NOT_FOUND"),
        ("/services/data/v66.0/sobjects/Nothing", 405, "METHOD_NOT_ALLOWED"),
        ("/services/data/v66.0/sobjects/Nothing/describe", 404, "NOT_FOUND"),
        ("/elsewhere", 404, "NOT_FOUND"),
    ],
)
def test_what_is_not_there(crm: Served, path: str, status: int, code: str) -> None:
    headers = {"Authorization": f"Bearer {crm.token}"}
    answer = crm.plain.get(crm.base + path, headers=headers, timeout=5)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (status, code)


def test_pages_follow_one_another(crm: Served) -> None:
    for number in range(4_500):
        crm.org.insert("Account", Name=f"account {number:04}")
    client = crm.client()
    first = client.query("SELECT Name FROM Account ORDER BY Name")
    assert (first["totalSize"], first["done"], len(first["records"])) == (4_500, False, 2_000)
    assert first["nextRecordsUrl"].startswith(f"{API}/query/0r8")
    assert first["nextRecordsUrl"].endswith("-2000")
    names = [row["Name"] for row in client.query_all_iter("SELECT Name FROM Account ORDER BY Name")]
    assert names == [f"account {number:04}" for number in range(4_500)]
    last = client.query_more(first["nextRecordsUrl"].replace("-2000", "-4000"), identifier_is_url=True)
    assert (last["done"], len(last["records"]), "nextRecordsUrl" in last) == (True, 500, False)


@pytest.mark.parametrize(("rows", "pages"), [(199, [199]), (200, [200]), (201, [200, 1]), (400, [200, 200])])
def test_no_page_follows_the_last(crm: Served, rows: int, pages: list[int]) -> None:
    for number in range(rows):
        crm.org.insert("Account", Name=str(number))
    headers = {"Sforce-Query-Options": "batchSize=200"}
    page = crm.call("GET", "/query", params={"q": "SELECT Id FROM Account"}, headers=headers).json()
    sizes = [len(page["records"])]
    while "nextRecordsUrl" in page:
        assert page["done"] is False
        page = crm.call("GET", page["nextRecordsUrl"].removeprefix(API)).json()
        sizes.append(len(page["records"]))
    assert (page["done"], sizes) == (True, pages)


@pytest.mark.parametrize(("asked", "given"), [("200", 200), ("1", 200), ("350", 350), ("9999", 500)])
def test_the_caller_may_ask_for_smaller_pages(crm: Served, asked: str, given: int) -> None:
    for number in range(500):
        crm.org.insert("Account", Name=str(number))
    headers = {"Sforce-Query-Options": f"batchSize={asked}"}
    page = crm.call("GET", "/query", params={"q": "SELECT Id FROM Account"}, headers=headers).json()
    assert len(page["records"]) == given


def test_a_page_shows_the_rows_as_they_were_when_asked(crm: Served) -> None:
    records = [crm.org.insert("Account", Name=f"{number:03}") for number in range(300)]
    headers = {"Sforce-Query-Options": "batchSize=200"}
    page = crm.call("GET", "/query", params={"q": "SELECT Name FROM Account ORDER BY Name"}, headers=headers).json()
    crm.org.delete("Account", records[250])
    following = crm.plain.get(
        crm.base + page["nextRecordsUrl"], headers={"Authorization": f"Bearer {crm.token}"}, timeout=5
    ).json()
    assert [row["Name"] for row in following["records"]] == [f"{number:03}" for number in range(200, 300)]


def test_locators_live_two_days(crm: Served) -> None:
    for number in range(2_001):
        crm.org.insert("Account", Name=str(number))
    client = crm.client()
    following = client.query("SELECT Id FROM Account")["nextRecordsUrl"]
    crm.org.clock.advance(hours=47)
    assert len(client.query_more(following, identifier_is_url=True)["records"]) == 1
    crm.org.clock.advance(hours=1)
    with pytest.raises(SalesforceMalformedRequest) as refused:
        client.query_more(following, identifier_is_url=True)
    assert said(refused.value) == [{"message": "invalid query locator", "errorCode": "INVALID_QUERY_LOCATOR"}]
    assert crm.call("GET", "/query/0r8000000000000AAA-2000").json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"


def test_counting(crm: Served) -> None:
    crm.org.insert("Account", Name="a")
    assert crm.client().query("SELECT COUNT() FROM Account") == {"totalSize": 1, "done": True, "records": []}


def test_query_all_keeps_what_is_deleted(crm: Served) -> None:
    crm.org.delete("Account", crm.org.insert("Account", Name="gone"))
    client = crm.client()
    assert client.query("SELECT Name FROM Account")["totalSize"] == 0
    assert client.query("SELECT Name FROM Account", include_deleted=True)["totalSize"] == 1


def test_a_wrong_query_is_answered_as_documented(crm: Served) -> None:
    with pytest.raises(SalesforceMalformedRequest) as refused:
        crm.client().query("SELECT Nmae FROM Account")
    (error,) = said(refused.value)
    assert error == {
        "errorCode": "INVALID_FIELD",
        "message": "\nSELECT Nmae FROM Account\n       ^\nERROR at Row:1:Column:8\nNo such column 'Nmae' on entity "
        "'Account'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field "
        "name. Please reference your WSDL or the describe call for the appropriate names.",
    }
    assert crm.call("GET", "/query").json()[0]["errorCode"] == "MALFORMED_QUERY"


def test_an_unencoded_plus_is_a_space_as_on_any_web_server(crm: Served) -> None:
    path = "/query?q=SELECT+Id+FROM+Account+WHERE+CreatedDate+>+2026-01-01T00:00:00+00:00"
    assert crm.call("GET", path).json()[0]["errorCode"] == "MALFORMED_QUERY"
    assert crm.call("GET", path.replace("+00:00", "%2B00:00")).status_code == 200


def test_records_are_created_read_changed_and_deleted(crm: Served) -> None:
    accounts = crm.client().Account
    made = accounts.create({"Name": "Acme", "AnnualRevenue": 12.5})
    assert made == {"id": made["id"], "success": True, "errors": []}
    read = accounts.get(made["id"])
    assert (read["Name"], read["AnnualRevenue"], read["CreatedById"]) == ("Acme", 13.0, crm.org.integration_user)
    assert read["attributes"] == {"type": "Account", "url": f"{API}/sobjects/Account/{made['id']}"}
    assert accounts.update(made["id"], {"Name": "Acme Freight"}) == 204
    few = crm.call("GET", f"/sobjects/Account/{made['id'][:15]}?fields=Name").json()
    assert set(few) == {"attributes", "Id", "Name"}
    assert few["Name"] == "Acme Freight"
    assert accounts.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound) as refused:
        accounts.get(made["id"])
    assert said(refused.value)[0]["errorCode"] == "ENTITY_IS_DELETED"


def test_decimals_arrive_exactly(crm: Served) -> None:
    deal = a_deal(crm.org)
    crm.call("PATCH", f"/sobjects/Opportunity/{deal}", data='{"Amount": 1234567890123.45}')
    assert str(crm.org.rows("Opportunity")[0]["Amount"]) == "1234567890123.45"
    assert '"Amount": 1234567890123.45' in crm.call("GET", f"/sobjects/Opportunity/{deal}").text


@pytest.mark.parametrize(
    ("body", "code", "fields"),
    [
        ({"Nmae": "x"}, "INVALID_FIELD", None),
        ({"IsClosed": True}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["IsClosed"]),
        ({"CreatedDate": "2026-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["CreatedDate"]),
        ({"Name": None}, "REQUIRED_FIELD_MISSING", ["Name"]),
        ({"NextStep": "x" * 256}, "STRING_TOO_LONG", ["NextStep"]),
        ({"Id": "006ak0000000001AAA"}, "INVALID_FIELD", None),
        ({"Amount": "x"}, "JSON_PARSER_ERROR", None),
    ],
)
def test_refused_changes(crm: Served, body: dict[str, object], code: str, fields: list[str] | None) -> None:
    deal = a_deal(crm.org)
    before = crm.org.row("Opportunity", deal)
    answer = crm.call("PATCH", f"/sobjects/Opportunity/{deal}", json=body)
    (error,) = answer.json()
    assert (answer.status_code, error["errorCode"], error.get("fields")) == (400, code, fields)
    assert crm.org.row("Opportunity", deal) == before


@pytest.mark.parametrize("body", [b"{", b"[]", b"", b'{"Amount": NaN}', b"\xff"])
def test_a_body_that_is_no_object_is_refused(crm: Served, body: bytes) -> None:
    answer = crm.call("PATCH", f"/sobjects/Opportunity/{a_deal(crm.org)}", data=body)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")


def test_messages_are_salesforces_own(crm: Served) -> None:
    missing = crm.call("POST", "/sobjects/Opportunity", json={"Name": "x"}).json()[0]
    assert missing["message"] == "Required fields are missing: [StageName, CloseDate]"
    crm.org.lock("Opportunity", "NextStep")
    deal = a_deal(crm.org)
    locked = crm.call("PATCH", f"/sobjects/Opportunity/{deal}", json={"NextStep": "x"}).json()[0]
    assert locked["message"] == (
        "Unable to create/update fields: NextStep. Please check the security settings of this field and verify that "
        "it is read/write for your profile or permission set."
    )
    crm.org.hide("Opportunity", "Amount")
    hidden = crm.call("PATCH", f"/sobjects/Opportunity/{deal}", json={"Amount": 5}).json()[0]
    assert hidden["message"] == "No such column 'Amount' on sobject of type Opportunity"
    crm.org.refuse("Opportunity", lambda before, after: True, message="Closed for stocktaking.")
    refused = crm.call("PATCH", f"/sobjects/Opportunity/{deal}", json={"Description": "x"}).json()[0]
    assert refused == {
        "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "message": "Closed for stocktaking.",
        "fields": [],
    }


def test_an_external_id_finds_updates_and_creates(crm: Served) -> None:
    deal = a_deal(crm.org)
    verdicts = crm.client().CRM_Audit_Verdict__c
    key = f"Deal_Id__c/{deal}"
    body = {"Status__c": "overstated", "Opportunity__c": deal}
    assert verdicts.upsert(key, body) == 201
    made = verdicts.get_by_custom_id("Deal_Id__c", deal)
    assert (made["Status__c"], made["Deal_Id__c"]) == ("overstated", deal)
    assert verdicts.upsert(key, {"Status__c": "supported"}) == 200
    again = crm.call("PATCH", f"/sobjects/CRM_Audit_Verdict__c/{key}", json={"Stage_Gap__c": 2})
    assert again.json() == {"id": made["Id"], "success": True, "errors": [], "created": False}
    assert len(crm.org.rows("CRM_Audit_Verdict__c")) == 1
    old = crm.plain.patch(
        f"{crm.base}/services/data/v45.0/sobjects/CRM_Audit_Verdict__c/{key}",
        headers={"Authorization": f"Bearer {crm.token}"},
        json={"Stage_Gap__c": 1},
        timeout=5,
    )
    assert (old.status_code, old.content) == (204, b"")


def test_wrong_external_ids(crm: Served) -> None:
    answers = [
        crm.call("PATCH", "/sobjects/Account/Name/Acme", json={}),
        crm.call("GET", "/sobjects/CRM_Audit_Verdict__c/Deal_Id__c/none"),
        crm.call("PATCH", "/sobjects/CRM_Audit_Verdict__c/Deal_Id__c/x", json={"Deal_Id__c": "x"}),
        crm.call("GET", "/sobjects/Account/23foo"),
    ]
    assert [(answer.status_code, answer.json()[0]["message"]) for answer in answers] == [
        (404, "Provided external ID field does not exist or is not accessible: Name"),
        (404, "The requested resource does not exist"),
        (400, "The Deal_Id__c field should not be specified in the sobject data."),
        (404, "Provided external ID field does not exist or is not accessible: 23foo"),
    ]


def test_a_relationship_may_be_given_by_external_id(crm: Served) -> None:
    deal = a_deal(crm.org)
    verdict = crm.org.insert("CRM_Audit_Verdict__c", Deal_Id__c=deal)
    body = {"CRM_Audit_Verdict__r": {"Deal_Id__c": deal}}
    assert crm.call("PATCH", f"/sobjects/Opportunity/{deal}", json=body).status_code == 204
    assert crm.org.rows("Opportunity")[0]["CRM_Audit_Verdict__c"] == verdict
    body = {"CRM_Audit_Verdict__r": {"Deal_Id__c": "nobody"}}
    error = crm.call("PATCH", f"/sobjects/Opportunity/{deal}", json=body).json()[0]
    assert (error["errorCode"], "nobody not found for field Deal_Id__c" in error["message"]) == ("INVALID_FIELD", True)


def test_describe_lists_what_may_be_seen(crm: Served) -> None:
    crm.org.hide("Opportunity", "Amount")
    crm.org.lock("Opportunity", "NextStep")
    client = crm.client()
    described = client.Opportunity.describe()
    fields = {field["name"]: field for field in described["fields"]}
    assert "Amount" not in fields
    assert (fields["NextStep"]["updateable"], fields["Name"]["updateable"]) == (False, True)
    assert fields["AccountId"]["referenceTo"] == ["Account"]
    assert fields["CRM_Audit_Verdict__c"]["relationshipName"] == "CRM_Audit_Verdict__r"
    assert [value["value"] for value in fields["StageName"]["picklistValues"]][:2] == ["Prospecting", "Qualification"]
    assert (fields["Name"]["nillable"], fields["NextStep"]["nillable"]) == (False, True)
    children = {child["relationshipName"] for child in described["childRelationships"]}
    assert {"OpportunityContactRoles", "OpportunityHistories", "CRM_Audit_Verdicts__r"} <= children
    verdict = {field["name"]: field for field in client.CRM_Audit_Verdict__c.describe()["fields"]}
    assert (verdict["Deal_Id__c"]["externalId"], verdict["Deal_Id__c"]["unique"]) == (True, True)
    assert verdict["Top_Finding__c"]["length"] == 255
    whole = client.describe()
    assert whole is not None
    names = {each["name"] for each in whole["sobjects"]}
    assert {"Opportunity", "CRM_Audit_Verdict__c", "OpportunityFieldHistory"} <= names
    assert "Name" not in names


def test_describe_has_every_key_of_a_recorded_one(crm: Served) -> None:
    recorded = json.loads(
        shared("data/recordings/ampersand/providers/salesforce/test/metadata/read/accounts-sampled.json").read_text()
    )["compositeResponse"][0]["body"]
    own = crm.call("GET", "/sobjects/Account/describe").json()
    assert set(recorded["fields"][0]) <= set(own["fields"][0])
    assert set(recorded) <= set(own)


def test_the_allowance_is_told_and_kept(crm: Served) -> None:
    crm.org.calls.daily = 3
    client = crm.client()
    answers = [crm.call("GET", "/limits") for _ in range(2)]
    assert [answer.headers["Sforce-Limit-Info"] for answer in answers] == ["api-usage=1/3", "api-usage=2/3"]
    assert answers[1].json()["DailyApiRequests"] == {"Max": 3, "Remaining": 1}
    client.query("SELECT Id FROM Account")
    assert client.api_usage["api-usage"].used == 3
    with pytest.raises(SalesforceRefusedRequest) as refused:
        client.query("SELECT Id FROM Account")
    assert refused.value.status == 403
    assert said(refused.value)[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"
    crm.org.clock.advance(hours=24)
    assert client.query("SELECT Id FROM Account")["totalSize"] == 0


def test_a_session_that_is_over_is_refused(crm: Served) -> None:
    client = crm.client()
    client.query("SELECT Id FROM Account")
    crm.org.gatehouse.expire()
    with pytest.raises(SalesforceExpiredSession) as refused:
        client.query("SELECT Id FROM Account")
    assert said(refused.value) == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    for scheme in ("Basic", "OAuth"):
        assert crm.call("GET", "/limits", headers={"Authorization": f"{scheme} {crm.org.login()}"}).status_code == 401


def test_long_addresses_are_refused(crm: Served) -> None:
    def asked(length: int) -> int:
        query = "SELECT Id FROM Account WHERE Name = '" + "x" * length + "'"
        return crm.call("GET", "/query", params={"q": query}).status_code

    assert [asked(15_000), asked(16_250), asked(17_000)] == [200, 431, 414]


def test_calls_are_counted_by_what_they_do_and_nothing_personal_is_kept(crm: Served) -> None:
    contact = crm.org.insert("Contact", LastName="Fox", Email="dana@acme.example")
    deal = a_deal(crm.org)
    crm.org.insert("CRM_Audit_Verdict__c", Deal_Id__c=deal)
    crm.call("GET", "/query", params={"q": "SELECT Id FROM Contact WHERE Email = 'dana@acme.example'"})
    crm.call("GET", f"/sobjects/Contact/{contact}")
    crm.call("GET", "/sobjects/CRM_Audit_Verdict__c/Deal_Id__c/dana@acme.example")
    crm.call("PATCH", f"/sobjects/Opportunity/{deal}", json={"NextStep": "call"})
    reading = {"method": "GET", "url": f"{API}/limits", "referenceId": "a"}
    writing = {"method": "DELETE", "url": f"{API}/sobjects/Contact/{contact}", "referenceId": "b"}
    crm.call("POST", "/composite", json={"compositeRequest": [reading]})
    crm.call("POST", "/composite", json={"compositeRequest": [writing, reading]})
    calls = crm.org.calls
    assert (calls.read, calls.write) == (4, 2)
    assert calls.by_kind["GET /query"] == 1
    assert calls.by_kind["PATCH /sobjects/Opportunity/{id}"] == 1
    assert [(entry.method, entry.path, entry.status) for entry in calls.transcript[:4]] == [
        ("GET", f"{API}/query", 200),
        ("GET", f"{API}/sobjects/Contact/{contact}", 200),
        ("GET", f"{API}/sobjects/CRM_Audit_Verdict__c/Deal_Id__c/{{value}}", 404),
        ("PATCH", f"{API}/sobjects/Opportunity/{deal}", 204),
    ]
    crm.call("PUT", "/sobjects/Contact/Email/dana@acme.example")
    crm.plain.get(f"{crm.base}/dana@acme.example", timeout=5)
    assert [(entry.path, entry.status) for entry in calls.transcript[-2:]] == [
        (f"{API}/sobjects", 405),
        ("unknown", 404),
    ]
    assert "dana" not in repr(calls)
    calls.forget()
    assert (calls.read, calls.write, calls.transcript) == (0, 0, [])
    assert calls.used(crm.org.clock.now() + timedelta(hours=1)) == 7
