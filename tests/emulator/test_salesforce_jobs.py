"""Bulk API 2.0 query jobs: through the client library that everybody uses, and plainly for the exact bodies."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from simple_salesforce.exceptions import SalesforceOperationError

from tests.emulator.org_bench import Served, a_deal, an_org, served
from tests.shared import shared

BULK = "data/recordings/ampersand/providers/salesforce/test/bulk"


@pytest.fixture
def crm() -> Iterator[Served]:
    with served(an_org()) as crm:
        yield crm


def made(crm: Served, soql: str, **more: object) -> dict[str, Any]:
    answer = crm.call("POST", "/jobs/query", json={"operation": "query", "query": soql, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]  # it is


def polled(crm: Served, job: str) -> dict[str, Any]:
    return crm.call("GET", f"/jobs/query/{job}").json()  # type: ignore[no-any-return]  # it is


def finished(crm: Served, soql: str, **more: object) -> str:
    job = str(made(crm, soql, **more)["id"])
    while polled(crm, job)["state"] in ("UploadComplete", "InProgress"):
        pass
    return job


def results(crm: Served, job: str, **asked: object) -> requests.Response:
    return crm.call("GET", f"/jobs/query/{job}/results", params=asked)


def test_a_job_goes_through_its_states(crm: Served) -> None:
    crm.org.insert("Account", Name="Acme")
    crm.org.jobs.polls = 2
    job = made(crm, "SELECT Id FROM Account")
    assert (job["state"], job["object"], job["apiVersion"]) == ("UploadComplete", "Account", 66.0)
    assert results(crm, job["id"]).json()[0]["errorCode"] == "INVALIDJOBSTATE"
    assert [polled(crm, job["id"])["state"] for _ in range(4)] == [
        "InProgress",
        "InProgress",
        "JobComplete",
        "JobComplete",
    ]
    assert polled(crm, job["id"])["numberRecordsProcessed"] == 1


def test_a_job_has_the_keys_of_a_recorded_one(crm: Served) -> None:
    recorded = json.loads(shared(f"{BULK}/read-launch-job-account.json").read_text())
    own = made(crm, "SELECT Id FROM Account")
    assert {name: type(value) for name, value in own.items()} == {name: type(value) for name, value in recorded.items()}
    ingested = json.loads(shared(f"{BULK}/info/success.json").read_text())
    only_ingest = {"externalIdFieldName", "numberRecordsFailed", "apiActiveProcessingTime", "apexProcessingTime"}
    assert set(polled(crm, own["id"])) == set(ingested) - only_ingest


def test_results_are_written_as_salesforce_writes_them(crm: Served) -> None:
    account = crm.org.insert("Account", Name='Acme "Freight"')
    deal = a_deal(crm.org, Name="two\nlines, one deal", AccountId=account, CreatedDate=datetime(2026, 1, 1, tzinfo=UTC))
    crm.org.insert("Task", Subject="Call", WhatId=deal)
    soql = "SELECT id, Name, account.name, Amount, NextStep, IsWon, CloseDate, CreatedDate FROM Opportunity"
    answer = results(crm, finished(crm, soql))
    assert answer.headers["content-type"] == "text/csv"
    assert (answer.headers["Sforce-Locator"], answer.headers["Sforce-NumberOfRecords"]) == ("null", "1")
    assert answer.text == (
        '"Id","Name","Account.Name","Amount","NextStep","IsWon","CloseDate","CreatedDate"\n'
        f'"{deal}","two\nlines, one deal","Acme ""Freight""","1000.0","","false","2026-06-30",'
        '"2026-01-01T00:00:00.000+0000"\n'
    )
    named = results(crm, finished(crm, "SELECT What.Name, What.Type FROM Task")).text
    assert named == '"What.Name","What.Type"\n"two\nlines, one deal","Opportunity"\n'


def test_the_caller_may_have_another_delimiter_and_ending(crm: Served) -> None:
    crm.org.insert("Account", Name="Acme")
    job = finished(crm, "SELECT Name, Type FROM Account", columnDelimiter="PIPE", lineEnding="CRLF")
    assert results(crm, job).content == b'"Name"|"Type"\r\n"Acme"|""\r\n'


def test_results_come_in_pages_each_with_its_header(crm: Served) -> None:
    for number in range(5):
        crm.org.insert("Account", Name=str(number))
    job, locator, pages = finished(crm, "SELECT Name FROM Account"), "", []
    while locator != "null":
        answer = results(crm, job, maxRecords=2, **({"locator": locator} if locator else {}))
        pages.append((answer.text.split(), int(answer.headers["Sforce-NumberOfRecords"])))
        locator = answer.headers["Sforce-Locator"]
    assert pages == [
        (['"Name"', '"0"', '"1"'], 2),
        (['"Name"', '"2"', '"3"'], 2),
        (['"Name"', '"4"'], 1),
    ]
    assert results(crm, job, locator="nonsense").json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"
    assert results(crm, job, maxRecords="0").json()[0]["errorCode"] == "INVALID_PAGING_OPTION"


def test_a_job_shows_the_rows_as_they_were_when_it_was_made(crm: Served) -> None:
    account = crm.org.insert("Account", Name="before")
    job = finished(crm, "SELECT Name FROM Account")
    crm.org.update("Account", account, Name="after")
    crm.org.insert("Account", Name="later")
    assert results(crm, job).text == '"Name"\n"before"\n'


def test_query_all_reads_the_recycle_bin(crm: Served) -> None:
    crm.org.delete("Account", crm.org.insert("Account", Name="gone"))
    soql = "SELECT Name, IsDeleted FROM Account"
    assert results(crm, finished(crm, soql)).text == '"Name","IsDeleted"\n'
    assert results(crm, finished(crm, soql, operation="queryAll")).text == '"Name","IsDeleted"\n"gone","true"\n'


@pytest.mark.parametrize(
    "soql",
    [
        "SELECT StageName, COUNT(Id) FROM Opportunity GROUP BY StageName",
        "SELECT Id FROM Opportunity LIMIT 5 OFFSET 5",
        "SELECT COUNT() FROM Opportunity",
        "SELECT MAX(Amount) FROM Opportunity",
        "SELECT TYPEOF What WHEN Account THEN Phone END FROM Task",
        "SELECT Id, (SELECT Id FROM OpportunityContactRoles) FROM Opportunity",
    ],
)
def test_what_bulk_api_does_not_do_fails_the_job(crm: Served, soql: str) -> None:
    job = polled(crm, finished(crm, soql))
    assert (job["state"], job["numberRecordsProcessed"]) == ("Failed", 0)
    assert job["errorMessage"].startswith("InvalidBatch : Failed to process query: FUNCTIONALITY_NOT_ENABLED: ")
    assert results(crm, job["id"]).status_code == 400


def test_words_in_a_text_forbid_nothing(crm: Served) -> None:
    finished(crm, "SELECT Id FROM Account WHERE Name = 'sum (select x) group by \\' offset 3'")
    account = "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Opportunity)"
    assert polled(crm, finished(crm, account))["state"] == "JobComplete"


def test_jobs_fail_when_told(crm: Served) -> None:
    crm.org.jobs.failing = "QUERY_TIMEOUT: Your query request was running for too long."
    assert polled(crm, finished(crm, "SELECT Id FROM Account"))["errorMessage"] == crm.org.jobs.failing


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"operation": "query", "query": "SELECT Nmae FROM Account"}, "INVALID_FIELD"),
        ({"operation": "query", "query": "SELECT Id FROM Acount"}, "INVALID_TYPE"),
        ({"operation": "query", "query": "nonsense"}, "MALFORMED_QUERY"),
        ({"operation": "query"}, "INVALIDJOB"),
        ({"operation": "insert", "query": "SELECT Id FROM Account"}, "INVALIDJOB"),
        ({"operation": "query", "query": "SELECT Id FROM Account", "columnDelimiter": ","}, "INVALIDJOB"),
        ({"operation": "query", "query": "SELECT Id FROM Account", "contentType": "JSON"}, "INVALIDJOB"),
    ],
)
def test_a_wrong_job_is_not_made(crm: Served, body: dict[str, str], code: str) -> None:
    answer = crm.call("POST", "/jobs/query", json=body)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)
    assert crm.call("GET", "/jobs/query").json() == {"done": True, "records": [], "nextRecordsUrl": None}


def test_jobs_are_listed_aborted_and_deleted(crm: Served) -> None:
    running, done = made(crm, "SELECT Id FROM Account")["id"], finished(crm, "SELECT Id FROM Contact")
    listed = crm.call("GET", "/jobs/query").json()["records"]
    assert [(job["id"], job["state"]) for job in listed] == [(running, "UploadComplete"), (done, "JobComplete")]
    assert crm.call("DELETE", f"/jobs/query/{running}").json()[0]["errorCode"] == "INVALIDJOBSTATE"
    wrong = crm.call("PATCH", f"/jobs/query/{running}", json={"state": "JobComplete"})
    assert wrong.json()[0]["errorCode"] == "INVALIDJOBSTATE"
    assert crm.call("PATCH", f"/jobs/query/{running}", json={"state": "Aborted"}).json()["state"] == "Aborted"
    late = crm.call("PATCH", f"/jobs/query/{done}", json={"state": "Aborted"})
    assert late.json()[0]["errorCode"] == "INVALIDJOBSTATE"
    deleted = crm.call("DELETE", f"/jobs/query/{done}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert crm.call("GET", f"/jobs/query/{done}").status_code == 404


def test_a_job_is_gone_after_seven_days(crm: Served) -> None:
    job = finished(crm, "SELECT Id FROM Account")
    crm.org.clock.advance(days=6, hours=23)
    assert results(crm, job).status_code == 200
    crm.org.clock.advance(hours=1)
    assert (results(crm, job).status_code, results(crm, job).json()[0]["errorCode"]) == (404, "NOT_FOUND")


def test_the_day_has_so_many_jobs(crm: Served) -> None:
    crm.org.jobs.daily = 1
    made(crm, "SELECT Id FROM Account")
    second = crm.call("POST", "/jobs/query", json={"operation": "query", "query": "SELECT Id FROM Account"})
    assert (second.status_code, second.json()[0]["errorCode"]) == (400, "LIMIT_EXCEEDED")
    assert crm.call("GET", "/limits").json()["DailyBulkV2QueryJobs"] == {"Max": 1, "Remaining": 0}
    crm.org.clock.advance(hours=24)
    made(crm, "SELECT Id FROM Account")


def test_the_client_library_reads_every_page(crm: Served) -> None:
    names = [f"name {number}, quoted" for number in range(5)]
    for name in names:
        crm.org.insert("Account", Name=name)
    bulk = crm.client().bulk2.Account
    pages = list(bulk.query("SELECT Name FROM Account ORDER BY Name", max_records=2, wait=0))
    rows = [row for page in pages for row in csv.DictReader(io.StringIO(page))]
    assert ([row["Name"] for row in rows], len(pages)) == (names, 3)
    with pytest.raises(SalesforceOperationError, match="FUNCTIONALITY_NOT_ENABLED"):
        list(bulk.query("SELECT COUNT(Id) FROM Account", wait=0))
    crm.org.delete("Account", str(crm.org.rows("Account")[0]["Id"]))
    (everything,) = bulk.query_all("SELECT Name FROM Account", wait=0)
    assert len(everything.splitlines()) == 6


def test_calls_of_a_job_are_counted_by_kind_and_write_nothing(crm: Served) -> None:
    results(crm, finished(crm, "SELECT Id FROM Account"))
    assert crm.org.calls.by_kind == {
        "POST /jobs/query": 1,
        "GET /jobs/query/{id}": 2,
        "GET /jobs/query/{id}/results": 1,
    }
    assert (crm.org.calls.read, crm.org.calls.write) == (4, 0)
