"""Bodies that Salesforce really sent, read by the connector as if they came from an org."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crm_audit.connectors.salesforce import asking, bulk, records
from crm_audit.connectors.salesforce.asking import Failed, Found, Query
from crm_audit.connectors.salesforce.gateway import Gateway, Sheet, an_object
from crm_audit.connectors.salesforce.login import Login, token
from crm_audit.connectors.salesforce.reading import instant
from crm_audit.connectors.salesforce.refusals import Expired, Vanished, reason, refusal
from crm_audit.connectors.salesforce.schema import Schema
from crm_audit.connectors.salesforce.terms import Terms
from crm_audit.emulator.server import Request, Response, serve
from crm_audit.emulator.transport import Loopback
from crm_audit.errors import BadLogin, CrmAuditError, Incomplete, NoAccess
from tests.recordings.kept import exchanges

OLD, NEW = "restforce:", "ampersand: salesforce/test"
NOW = datetime(2026, 3, 16, 12, tzinfo=UTC)
ROLLED_BACK = "ALL_OR_NONE_OPERATION_ROLLED_BACK"
HOST = "acme.my.salesforce.com"
LOGIN = Login(HOST, consumer_key="key", consumer_secret="secret")
QUERY = Query(name="deals", object="Opportunity", select=("Id",))
TERMS = Terms(ZoneInfo("America/New_York"), "USD", fields={"amount": "Amount", "company": "AccountId"})


def body(name: str) -> Any:  # noqa: ANN401  # recorded
    (kept,) = exchanges()[name]
    return kept.body


@dataclass
class Replay:
    """Answers calls by a part of their path; what is not named is logged in to, and has one API version."""

    answers: Mapping[str, Response]

    def answer(self, request: Request, *, base: str) -> Response:
        for part, response in self.answers.items():
            if part in request.path:
                return response
        if request.path.endswith("/token"):
            return Response(200, {"access_token": "x", "instance_url": f"https://{HOST}"})
        return Response(200, [{"version": "60.0"}])


class Turning(Replay):
    """Answers one composite after the other."""

    def __init__(self, *composites: Response) -> None:
        super().__init__({})
        self.composites = list(composites)

    def answer(self, request: Request, *, base: str) -> Response:
        return self.composites.pop(0) if "composite" in request.path else super().answer(request, base=base)


@contextmanager
def answered(**answers: Response) -> Iterator[Gateway]:
    """A gateway to an org that gives these answers."""
    named = {part.replace("_", "/"): response for part, response in answers.items()}
    with serve(Replay(named)) as base:
        session = Loopback(base).session()
        yield Gateway(LOGIN, version="60.0", session=session, sleep=lambda seconds: None)
        session.close()


def composite(status: int, *bodies: object) -> Response:
    parts = [{"httpStatusCode": status, "body": each, "referenceId": f"r{at}"} for at, each in enumerate(bodies)]
    return Response(200, {"compositeResponse": parts})


def pages(status: int, *bodies: object) -> list[asking.Answer]:
    with answered(composite=composite(status, *bodies)) as gateway:
        return list(asking.asked(gateway, [QUERY] * len(bodies)))


# Logging in


@pytest.mark.parametrize("name", ["auth_success_response", "reauth_success_response", "refresh_success_response"])
def test_a_token(name: str) -> None:
    with (
        serve(Replay({"token": Response(200, body(f"{OLD} {name}.json"))})) as base,
        Loopback(base).session() as session,
    ):
        opened = token(LOGIN, session, now=NOW)
    assert (opened.access, opened.instance) == ("REDACTED", "na1.salesforce.com")
    assert opened.user == ("005x00000012Q9P" if name == "auth_success_response" else None)


@pytest.mark.parametrize("name", ["auth_error_response", "refresh_error_response"])
def test_no_token(name: str) -> None:
    refused = Response(400, body(f"{OLD} {name}.json"))
    with (
        serve(Replay({"token": refused})) as base,
        Loopback(base).session() as session,
        pytest.raises(BadLogin, match="invalid_grant"),
    ):
        token(LOGIN, session, now=NOW)


# Refusals


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        (f"{OLD} expired_session_response.json", 401, Expired),
        (f"{OLD} sobject/query_error_response.json", 400, NoAccess),
        (f"{OLD} sobject/write_error_response.json", 400, NoAccess),
        (f"{OLD} sobject/delete_error_response.json", 404, NoAccess),
        (f"{OLD} sobject/sobject_describe_error_response.json", 404, NoAccess),
        (f"{OLD} sobject/sobject_find_error_response.json", 404, NoAccess),
        (f"{OLD} sobject/upsert_error_response.json", 404, NoAccess),
        (f"{NEW}/unknown-field.json", 400, NoAccess),
        (f"{NEW}/unknown-object.json", 400, NoAccess),
        (f"{NEW}/invalid-field-upsert.json", 400, NoAccess),
        (f"{NEW}/batch/create/contacts/err-bad-request.json", 400, CrmAuditError),
        (f"{NEW}/metadata/write/err-duplicate-permission-assignment.json", 400, CrmAuditError),
    ],
)
def test_a_refusal_is_classed_and_says_its_code_and_nothing_else_of_the_answer(
    name: str, status: int, kind: type[Exception]
) -> None:
    content = body(name)
    error = refusal("query", status, content=content)
    assert type(error) is kind
    assert content[0]["errorCode"] in str(error)
    assert content[0]["message"] not in str(error)


@pytest.mark.parametrize("name", ["unknown-field", "unknown-object"])
def test_a_query_that_is_refused_within_a_composite_is_failed_and_not_empty(name: str) -> None:
    (answer,) = pages(400, body(f"{NEW}/{name}.json"))
    assert isinstance(answer, Failed)
    assert isinstance(answer.error, NoAccess)


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("batch/update/contacts/success", [None, None]),
        ("batch/create/contacts/success", [None, None]),
        ("batch/update/contacts/err-each-no-ids", ["MISSING_ARGUMENT", "MISSING_ARGUMENT"]),
        ("batch/update/contacts/partial-but-allOrNone", [ROLLED_BACK, "INVALID_FIELD"]),
        (
            "batch/create/contacts/partial-but-allOrNone",
            ["REQUIRED_FIELD_MISSING", ROLLED_BACK],
        ),
    ],
)
def test_outcomes_of_a_batch_one_by_one(name: str, codes: list[str | None]) -> None:
    outcomes = body(f"{NEW}/{name}.json")
    reasons = [reason(each) for each in outcomes]
    assert [each and each.partition(": ")[0] for each in reasons] == codes
    for outcome, said in zip(outcomes, reasons, strict=True):
        assert said is None or outcome["errors"][0]["message"] in said


@pytest.mark.parametrize(("name", "saved"), [("success-with-errors", False), ("create-ok", True)])
def test_the_outcome_of_one_record(name: str, saved: bool) -> None:
    assert (reason(body(f"{NEW}/{name}.json")) is None) is saved


# Rows


def test_pages_of_a_query_are_read_to_the_last() -> None:
    first, last = (body(f"{OLD} sobject/query_paginated_{name}_page_response.json") for name in ("first", "last"))
    with serve(Turning(composite(200, first), composite(200, last))) as base, Loopback(base).session() as session:
        gateway = Gateway(LOGIN, version="60.0", session=session, sleep=lambda seconds: None)
        found = list(asking.asked(gateway, [QUERY]))
    assert found == [Found(QUERY, first["records"], last=False), Found(QUERY, last["records"], last=True)]


@pytest.mark.parametrize(
    "name", [f"{OLD} sobject/query_empty_response.json", f"{NEW}/read-opportunity-with-account.json"]
)
def test_every_row_of_a_page_comes_through(name: str) -> None:
    (found,) = pages(200, body(name))
    assert isinstance(found, Found)
    assert list(found.rows) == [
        {key: Decimal(str(value)) if isinstance(value, float) else value for key, value in row.items()}
        for row in body(name)["records"]
    ]


def test_deals() -> None:
    for row in body(f"{NEW}/read-opportunity-with-account.json")["records"]:
        deal = records.deal(row, TERMS)
        assert (deal.id, deal.name, deal.stage) == (row["Id"], row["Name"], row["StageName"])
        assert (deal.amount, deal.company, deal.currency) == (Decimal(str(row["Amount"])), row["AccountId"], "USD")


def test_roles_are_read_flat_with_the_deal_they_belong_to() -> None:
    (deal,) = body(f"{NEW}/read-opportunity-with-contacts.json")["records"]
    for row in deal["OpportunityContactRoles"]["records"]:
        link = records.role({**row, "OpportunityId": deal["Id"]}, TERMS)
        known = {"Decision Maker": "authority", "Influencer": "influencer"}
        assert (link.deal, link.person, link.role) == (deal["Id"], row["ContactId"], known[row["Role"]])
        with pytest.raises(Incomplete, match="came without OpportunityId"):
            records.role(row, TERMS)


def test_contacts_without_what_was_not_asked_for_are_no_contacts() -> None:
    for row in body(f"{NEW}/read-list-contacts.json")["records"]:
        with pytest.raises(Incomplete, match="came without Id"):
            records.person(row, TERMS)


# What there is


def described() -> Iterator[dict[str, Any]]:
    yield body(f"{OLD} sobject/sobject_describe_success_response.json")
    for name in ("organization-sampled", "accounts-sampled", "custom-object-with-custom-fields"):
        yield from (part["body"] for part in body(f"{NEW}/metadata/read/{name}.json")["compositeResponse"])


def test_every_field_that_is_described_is_known_with_its_type_and_what_it_points_at() -> None:
    for each in described():
        fields = Schema(lambda name, each=each: each).fields("Any")  # type: ignore[misc]  # a default keeps the loop's value
        assert fields.keys() == {field["name"] for field in each["fields"]}
        for field in each["fields"]:
            known = fields[field["name"]]
            assert (known.type, known.points_at) == (field["type"], tuple(field["referenceTo"]))
            assert known.relationship == (field["relationshipName"] or None)


def test_an_object_that_is_not_there_reads_as_none() -> None:
    missing = Response(404, body(f"{OLD} sobject/sobject_describe_error_response.json"))
    with answered(describe=missing) as gateway:
        assert gateway.describe("Nothing__c") is None


def test_the_log_of_deletions() -> None:
    log = an_object(body(f"{OLD} sobject/get_deleted_success_response.json"))
    assert instant(log, "earliestDateAvailable") == datetime(2013, 5, 3, 15, 57, tzinfo=UTC)
    assert instant(log, "latestDateCovered") == datetime(2013, 5, 8, 21, 20, tzinfo=UTC)


# Bulk


def test_a_bulk_job_is_waited_for_until_it_is_complete() -> None:
    made, going, done = (
        body(f"{NEW}/bulk/{name}.json") for name in ("read-launch-job-account", "info/in-progress", "info/success")
    )
    query = Query(name="companies", object="Account", select=("Id",))
    with answered(jobs_query=Response(200, made)) as gateway:
        assert bulk.create(gateway, query) == made["id"]
        assert next(bulk.waits(gateway, made["id"])) == bulk.FIRST_WAIT
    with answered(jobs_query=Response(200, going)) as gateway:
        assert next(bulk.waits(gateway, made["id"])) == bulk.FIRST_WAIT
    with answered(jobs_query=Response(200, done)) as gateway:
        assert list(bulk.waits(gateway, made["id"])) == []


def test_a_bulk_job_that_failed_begins_anew() -> None:
    failed = body(f"{NEW}/bulk/info/complete-failure.json")
    with (
        answered(jobs_query=Response(200, failed)) as gateway,
        pytest.raises(Vanished, match="gave the Bulk job up"),
    ):
        list(bulk.waits(gateway, failed["id"]))


@pytest.mark.parametrize("name", ["salesforce/test/bulk/info/partial-failure", "salesforce/bulk/write/opportunities"])
def test_every_line_of_a_sheet_is_a_row(name: str) -> None:
    text = body(f"ampersand: {name}.csv")
    lines = list(csv.DictReader(io.StringIO(text)))
    page = Sheet(io.BytesIO(text.encode()), len(lines), None)
    found = list(bulk.rows(page, "Opportunity", {}))
    assert [{key: value or "" for key, value in row.items() if key != "attributes"} for row in found] == lines
