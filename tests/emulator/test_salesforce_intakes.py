"""Bulk API 2.0 jobs for writing: through the client library that everybody uses, and plainly for the exact bodies."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.emulator.org_bench import Served, a_deal, an_org, served

VERDICT = {"operation": "upsert", "object": "CRM_Audit_Verdict__c", "externalIdFieldName": "Deal_Id__c"}


@pytest.fixture
def crm() -> Iterator[Served]:
    org = an_org()
    org.install_kit()
    with served(org) as crm:
        yield crm


def made(crm: Served, **job: object) -> str:
    answer = crm.call("POST", "/jobs/ingest", json={"operation": "insert", "object": "Account", **job})
    assert (answer.status_code, answer.json()["state"]) == (200, "Open"), answer.text
    return str(answer.json()["id"])


def put(crm: Served, job: str, sheet: str) -> int:
    headers = {"Content-Type": "text/csv"}
    return crm.call("PUT", f"/jobs/ingest/{job}/batches", data=sheet.encode(), headers=headers).status_code


def state(crm: Served, job: str, state: str) -> Any:  # noqa: ANN401  # JSON
    return crm.call("PATCH", f"/jobs/ingest/{job}", json={"state": state}).json()


def ended(crm: Served, job: str) -> Any:  # noqa: ANN401  # JSON
    while (told := crm.call("GET", f"/jobs/ingest/{job}").json())["state"] in ("UploadComplete", "InProgress"):
        pass
    return told


def rows(crm: Served, job: str, which: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(crm.call("GET", f"/jobs/ingest/{job}/{which}").text)))


def carried_out(crm: Served, sheet: str, **job: object) -> str:
    number = made(crm, **job)
    assert put(crm, number, sheet) == 201
    state(crm, number, "UploadComplete")
    ended(crm, number)
    return number


def test_the_library_inserts_updates_and_upserts(crm: Served) -> None:
    bulk = crm.client().bulk2
    (told,) = bulk.Account.insert(records=[{"Name": "Acme"}, {"Name": "Globex"}], wait=0.01)
    assert (told["numberRecordsProcessed"], told["numberRecordsFailed"]) == (2, 0)
    acme = next(row for row in crm.org.rows("Account") if row["Name"] == "Acme")
    bulk.Account.update(records=[{"Id": str(acme["Id"]), "Name": "Acme Freight"}], wait=0.01)
    assert {row["Name"] for row in crm.org.rows("Account")} == {"Acme Freight", "Globex"}
    deal = a_deal(crm.org)
    for status in ("supported", "overstated"):
        record = {"Deal_Id__c": deal, "Status__c": status}
        bulk.CRM_Audit_Verdict__c.upsert(records=[record], external_id_field="Deal_Id__c", wait=0.01)
    assert [row["Status__c"] for row in crm.org.rows("CRM_Audit_Verdict__c")] == ["overstated"]


def test_each_line_has_its_outcome(crm: Served) -> None:
    job = carried_out(crm, f'Name,Rating\n"Acme, Inc",Hot\n,Warm\n"{"x" * 300}",\n')
    assert [row["Name"] for row in rows(crm, job, "successfulResults")] == ["Acme, Inc"]
    failed = rows(crm, job, "failedResults")
    assert [row["sf__Error"].partition(":")[0] for row in failed] == ["REQUIRED_FIELD_MISSING", "STRING_TOO_LONG"]
    assert failed[0]["Rating"] == "Warm"
    assert ended(crm, job)["numberRecordsFailed"] == 2


def test_an_empty_cell_leaves_a_field_and_na_empties_it(crm: Served) -> None:
    deal = a_deal(crm.org, NextStep="call")
    head = "Deal_Id__c,Status__c,Next_Step__c,Connection__r.Key__c\n"
    crm.org.insert("CRM_Audit_Connection__c", Key__c="k")
    carried_out(crm, f"{head}{deal},supported,call,k\n", **VERDICT)
    carried_out(crm, f"{head}{deal},,#N/A,\n", **VERDICT)
    (row,) = crm.org.rows("CRM_Audit_Verdict__c")
    assert (row["Status__c"], row["Next_Step__c"], row["Connection__c"] is None) == ("supported", None, False)


def test_a_sheet_is_taken_once_and_only_while_the_job_is_open(crm: Served) -> None:
    job = made(crm)
    assert put(crm, job, "Name\nAcme\n") == 201
    assert put(crm, job, "Name\nAcme\n") == 400
    state(crm, job, "UploadComplete")
    assert put(crm, job, "Name\nAcme\n") == 400
    assert state(crm, job, "UploadComplete")[0]["errorCode"] == "INVALIDJOBSTATE"


def test_an_aborted_job_writes_nothing(crm: Served) -> None:
    job = made(crm)
    put(crm, job, "Name\nAcme\n")
    assert state(crm, job, "Aborted")["state"] == "Aborted"
    assert ended(crm, job)["state"] == "Aborted"
    assert crm.org.rows("Account") == []
    assert [row["Name"] for row in rows(crm, job, "unprocessedrecords")] == ["Acme"]


@pytest.mark.parametrize("sheet", ['Name\n"Acme', "Name,Rating\nAcme\n"])
def test_a_sheet_that_is_none_fails_the_job(crm: Served, sheet: str) -> None:
    told = ended(crm, carried_out(crm, sheet))
    assert (told["state"], told["errorMessage"].startswith("InvalidBatch")) == ("Failed", True)
    assert crm.org.rows("Account") == []


@pytest.mark.parametrize(
    "job",
    [
        {"operation": "merge"},
        {"object": "Nothing"},
        {"operation": "upsert"},
        {"externalIdFieldName": "Key__c"},
        {"contentType": "JSON"},
        {"columnDelimiter": "DOT"},
    ],
)
def test_a_job_that_cannot_be_is_refused(crm: Served, job: dict[str, object]) -> None:
    answer = crm.call("POST", "/jobs/ingest", json={"operation": "insert", "object": "Account", **job})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALIDJOB")


def test_a_job_is_gone_after_a_week_or_when_it_is_deleted(crm: Served) -> None:
    first, second = carried_out(crm, "Name\nAcme\n"), made(crm)
    assert crm.call("DELETE", f"/jobs/ingest/{second}").status_code == 400
    assert crm.call("DELETE", f"/jobs/ingest/{first}").status_code == 204
    assert crm.call("GET", f"/jobs/ingest/{first}").status_code == 404
    crm.org.clock.advance(days=timedelta(days=8).days)
    assert crm.call("GET", f"/jobs/ingest/{second}").status_code in (401, 404)
