"""Many records in one call: results in order, one failure that spares or undoes the others, and the caps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.emulator.org_bench import API, Served, a_deal, an_org, served

VERDICT = {"type": "CRM_Audit_Verdict__c"}
UPSERT = "/composite/sobjects/CRM_Audit_Verdict__c/Deal_Id__c"


@pytest.fixture
def crm() -> Iterator[Served]:
    org = an_org()
    org.install_kit()
    with served(org) as crm:
        yield crm


def contact(name: str | None, **more: object) -> dict[str, object]:
    return {"attributes": {"type": "Contact"}, "LastName": name, **more}


def codes(results: list[dict[str, Any]]) -> list[str]:
    return ["" if result["success"] else result["errors"][0]["statusCode"] for result in results]


def test_upserts_are_told_apart_and_in_order(crm: Served) -> None:
    first, second = a_deal(crm.org), a_deal(crm.org)
    verdict = crm.org.insert("CRM_Audit_Verdict__c", Deal_Id__c=second)
    records = [{"attributes": VERDICT, "Deal_Id__c": deal, "Status__c": "supported"} for deal in (first, second)]
    results = crm.call("PATCH", UPSERT, json={"records": records}).json()
    assert [(result["success"], result["created"], result["errors"]) for result in results] == [
        (True, True, []),
        (True, False, []),
    ]
    assert results[1]["id"] == verdict
    assert {row["Status__c"] for row in crm.org.rows("CRM_Audit_Verdict__c")} == {"supported"}
    again = crm.call("PATCH", UPSERT, json={"records": records}).json()
    assert [result["created"] for result in again] == [False, False]


def test_one_bad_record_spares_the_others(crm: Served) -> None:
    records = [
        contact("Fox"),
        contact(None),
        contact("Lee", Nmae="x"),
        contact("x" * 81),
        {"attributes": {"type": "Nothing"}},
        {"LastName": "untyped"},
    ]
    answer = crm.call("POST", "/composite/sobjects", json={"records": records})
    assert answer.status_code == 200
    assert codes(answer.json()) == [
        "",
        "REQUIRED_FIELD_MISSING",
        "INVALID_FIELD",
        "STRING_TOO_LONG",
        "INVALID_TYPE",
        "INVALID_TYPE",
    ]
    assert answer.json()[1]["errors"] == [
        {
            "statusCode": "REQUIRED_FIELD_MISSING",
            "message": "Required fields are missing: [LastName]",
            "fields": ["LastName"],
        }
    ]
    assert [row["LastName"] for row in crm.org.rows("Contact")] == ["Fox"]


def test_all_or_none_takes_every_record_back_with_its_history_and_its_keys(crm: Served) -> None:
    deal = a_deal(crm.org)
    verdict = crm.org.insert("CRM_Audit_Verdict__c", Deal_Id__c="old")
    before = {name: crm.org.rows(name) for name in ("Opportunity", "OpportunityHistory", "CRM_Audit_Verdict__c")}
    records = [
        {"attributes": {"type": "Opportunity"}, "id": deal, "StageName": "Closed Won"},
        {"attributes": VERDICT, "id": verdict, "Deal_Id__c": "new"},
        {"attributes": VERDICT, "id": verdict, "Top_Finding__c": "x" * 256},
    ]
    results = crm.call("PATCH", "/composite/sobjects", json={"allOrNone": True, "records": records}).json()
    assert codes(results) == ["ALL_OR_NONE_OPERATION_ROLLED_BACK"] * 2 + ["STRING_TOO_LONG"]
    assert {name: crm.org.rows(name) for name in before} == before
    crm.org.insert("CRM_Audit_Verdict__c", Deal_Id__c="new")
    assert crm.call("GET", "/sobjects/CRM_Audit_Verdict__c/Deal_Id__c/old").json()["Id"] == verdict


def test_updates_name_their_records(crm: Served) -> None:
    fox = crm.org.insert("Contact", LastName="Fox")
    gone = crm.org.insert("Contact", LastName="Gone")
    crm.org.delete("Contact", gone)
    records = [
        contact("Foxx", Id=fox),
        contact("nobody"),
        contact("bad", id="003"),
        contact("gone", id=gone),
        contact("none", id="003ak0000000099AAA"),
    ]
    results = crm.call("PATCH", "/composite/sobjects", json={"records": records}).json()
    assert codes(results) == [
        "",
        "MISSING_ARGUMENT",
        "MALFORMED_ID",
        "ENTITY_IS_DELETED",
        "INVALID_CROSS_REFERENCE_KEY",
    ]
    assert results[1] == {
        "success": False,
        "errors": [
            {"statusCode": "MISSING_ARGUMENT", "message": "Id not specified in an update call", "fields": []},
        ],
    }
    assert crm.org.rows("Contact")[0]["LastName"] == "Foxx"


def test_a_validation_rule_refuses_just_its_own_record(crm: Served) -> None:
    good, bad = a_deal(crm.org, Name="good"), a_deal(crm.org, Name="bad")
    crm.org.refuse("Opportunity", lambda before, after: after["Name"] == "bad", message="No.")
    records = [{"attributes": {"type": "Opportunity"}, "id": deal, "NextStep": "x"} for deal in (bad, good)]
    results = crm.call("PATCH", "/composite/sobjects", json={"records": records}).json()
    assert codes(results) == ["FIELD_CUSTOM_VALIDATION_EXCEPTION", ""]
    assert [row.get("NextStep") for row in crm.org.rows("Opportunity")] == ["x", None]


@pytest.mark.parametrize(
    ("records", "code"),
    [
        ([contact("x")] * 201, "EXCEEDED_ID_LIMIT"),
        ([], "REQUIRED_FIELD_MISSING"),
        ([contact("x"), {"attributes": {"type": "Account"}, "Name": "x"}] * 6, "LIMIT_EXCEEDED"),
        ("x", "JSON_PARSER_ERROR"),
        (["x"], "JSON_PARSER_ERROR"),
        (None, "JSON_PARSER_ERROR"),
    ],
)
def test_what_is_no_collection_is_refused_whole(crm: Served, records: object, code: str) -> None:
    answer = crm.call("POST", "/composite/sobjects", json={"records": records})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)
    assert crm.org.rows("Contact") == []


def test_two_hundred_records_fit(crm: Served) -> None:
    results = crm.call("POST", "/composite/sobjects", json={"records": [contact("x")] * 200}).json()
    assert codes(results) == [""] * 200


def test_records_are_read_by_a_list_of_ids(crm: Served) -> None:
    fox, lee = crm.org.insert("Contact", LastName="Fox"), crm.org.insert("Contact", LastName="Lee")
    missing = "003ak0000000099AAA"
    crm.org.delete("Contact", lee)
    path = f"/composite/sobjects/Contact?ids={fox},{missing},{lee}&fields=LastName"
    first, *rest = crm.call("GET", path).json()
    assert (first["LastName"], first["Id"], rest) == ("Fox", fox, [None, None])
    posted = crm.call("POST", "/composite/sobjects/Contact", json={"ids": [fox], "fields": ["LastName"]}).json()
    assert posted == [first]
    assert crm.call("GET", f"/composite/sobjects/Contact?ids={fox}").json()[0]["errorCode"] == "MISSING_ARGUMENT"
    wrong = crm.call("GET", f"/composite/sobjects/Contact?ids={fox}&fields=Nmae").json()[0]
    assert wrong["message"] == "No such column 'Nmae' on sobject of type Contact"


def test_records_are_deleted_by_a_list_of_ids(crm: Served) -> None:
    fox, lee = crm.org.insert("Contact", LastName="Fox"), crm.org.insert("Contact", LastName="Lee")
    whole = crm.call("DELETE", f"/composite/sobjects?ids={fox},{fox}&allOrNone=true").json()
    assert codes(whole) == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "ENTITY_IS_DELETED"]
    parts = crm.call("DELETE", f"/composite/sobjects?ids={fox},x,{lee}").json()
    assert codes(parts) == ["", "MALFORMED_ID", ""]
    assert [row["IsDeleted"] for row in crm.org.rows("Contact")] == [True, True]


def sub(method: str, path: str, **more: object) -> dict[str, object]:
    return {"method": method, "url": API + path, "referenceId": "r", **more}


def answers(crm: Served, *asked: dict[str, object], **more: object) -> list[dict[str, Any]]:
    body = {"compositeRequest": asked, **more}
    result: list[dict[str, Any]] = crm.call("POST", "/composite", json=body).json()["compositeResponse"]
    return result


def test_a_composite_answers_each_part_and_counts_once(crm: Served) -> None:
    crm.org.insert("Contact", LastName="Fox")
    query = "/query?q=" + quote("SELECT LastName FROM Contact WHERE CreatedDate > 2020-01-01T00:00:00+00:00")
    first, second = answers(crm, sub("GET", query), sub("GET", "/query?q=nonsense"))
    assert (first["httpStatusCode"], first["referenceId"]) == (200, "r")
    assert first["body"]["records"][0]["LastName"] == "Fox"
    assert (second["httpStatusCode"], second["body"][0]["errorCode"]) == (400, "MALFORMED_QUERY")
    assert crm.org.calls.used(crm.org.clock.now()) == 1


def test_a_query_too_long_for_an_address_fits_into_a_composite(crm: Served) -> None:
    records = [crm.org.insert("Contact", LastName=str(number)) for number in range(1_500)]
    soql = "SELECT Id FROM Contact WHERE Id IN (" + ",".join(f"'{record}'" for record in records) + ")"
    assert crm.call("GET", "/query", params={"q": soql}).status_code == 414
    (answer,) = answers(crm, sub("GET", "/query?q=" + quote(soql)))
    assert answer["body"]["totalSize"] == 1_500


def test_a_composite_may_be_all_or_none(crm: Served) -> None:
    create = sub("POST", "/sobjects/Contact", body={"LastName": "Fox"})
    wrong = sub("POST", "/sobjects/Contact", body={})
    assert [each["httpStatusCode"] for each in answers(crm, create, wrong, allOrNone=True)] == [400, 400]
    assert crm.org.rows("Contact") == []
    parts = answers(crm, create, wrong)
    assert [each["httpStatusCode"] for each in parts] == [201, 400]
    assert len(crm.org.rows("Contact")) == 1
    halted = answers(crm, create, wrong, allOrNone=True)[0]
    assert halted["body"][0]["errorCode"] == "PROCESSING_HALTED"


@pytest.mark.parametrize(
    "asked",
    [
        [sub("GET", "/limits")] * 26,
        [sub("GET", "/query?q=SELECT+Id+FROM+Contact")] * 6,
        [sub("GET", f"/{way}") for way in ("query", "queryAll", "query/0r8-2000", "queryAll/0r8-2000")] * 2,
        [sub("GET", "/composite/sobjects/Contact?ids=x&fields=Id")] * 6,
        ["x"],
        "x",
    ],
)
def test_composites_have_caps_and_a_form(crm: Served, asked: object) -> None:
    answer = crm.call("POST", "/composite", json={"compositeRequest": asked})
    assert answer.status_code == 400
    assert answer.json()[0]["errorCode"] in ("INVALID_INPUT", "JSON_PARSER_ERROR")


def test_a_subrequest_may_use_what_came_before(crm: Served) -> None:
    account = sub("POST", "/sobjects/Account", body={"Name": "Acme"}) | {"referenceId": "made"}
    contact = sub("POST", "/sobjects/Contact", body={"LastName": "Fox", "AccountId": "@{made.id}"})
    read = sub("GET", "/sobjects/Account/@{made.id}?fields=Name")
    found = sub("GET", "/query?q=SELECT+Id+FROM+Account") | {"referenceId": "found"}
    again = sub("GET", "/sobjects/Account/@{found.records[0].Id}?fields=Name")
    lost = sub("GET", "/sobjects/Account/@{found.records[1].Id}")
    told = answers(crm, account, contact, read, found, again, lost)
    assert [each["httpStatusCode"] for each in told] == [201, 201, 200, 200, 200, 400]
    assert crm.org.rows("Contact")[0]["AccountId"] == told[0]["body"]["id"]
    assert told[2]["body"]["Name"] == told[4]["body"]["Name"] == "Acme"
    message = "Invalid reference specified. No value for found.records[1].Id found"
    assert told[5]["body"] == [{"errorCode": "PROCESSING_HALTED", "message": message}]


@pytest.mark.parametrize("url", ["/services/oauth2", f"{API}/composite", f"{API}/jobs/query"])
def test_a_subrequest_stays_where_a_composite_reaches(crm: Served, url: str) -> None:
    answer = crm.call("POST", "/composite", json={"compositeRequest": [{"method": "GET", "url": url}]})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (404, "NOT_FOUND")


def test_a_night_fits_into_a_composite(crm: Served) -> None:
    for number in range(300):
        crm.org.insert("Contact", LastName=str(number))
    pages = {"httpHeaders": {"Sforce-Query-Options": "batchSize=200"}}
    (first,) = answers(crm, sub("GET", "/query?q=SELECT+Id+FROM+Contact", **pages))
    more = first["body"]["nextRecordsUrl"].removeprefix(API)
    times = f"start={quote('2026-03-16T12:00:00Z')}&end={quote('2026-03-16T12:05:00Z')}"
    parts = [
        *[sub("GET", f"/sobjects/{name}/describe") for name in ("Account", "Contact", "Opportunity", "Task", "Event")],
        *[sub("GET", f"/sobjects/{name}/deleted/?{times}") for name in ("Account", "Contact", "Opportunity", "Task")],
        sub("GET", f"/sobjects/Contact/updated/?{times}"),
        *[sub("GET", "/query?q=SELECT+Id+FROM+Contact+LIMIT+1")] * 3,
        sub("GET", "/queryAll?q=SELECT+Id+FROM+Contact"),
        sub("GET", more, **pages),
    ]
    told = answers(crm, *parts)
    assert [each["httpStatusCode"] for each in told] == [200] * 15
    assert (len(told[9]["body"]["ids"]), len(told[14]["body"]["records"])) == (300, 100)
    assert crm.org.calls.by_kind == {"POST /composite": 2}
    assert crm.org.calls.used(crm.org.clock.now()) == 2
