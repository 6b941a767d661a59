"""Bodies that HubSpot really sent, read by the connector as if they came from a portal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crm_audit.config import Connection
from crm_audit.connectors.hubspot import links, records
from crm_audit.connectors.hubspot.events import SOURCES, Activity
from crm_audit.connectors.hubspot.gateway import Gateway, Query, Refused
from crm_audit.connectors.hubspot.limits import Pace
from crm_audit.connectors.hubspot.options import fields
from crm_audit.connectors.hubspot.portal import Portal, owners_by_user
from crm_audit.connectors.hubspot.refusals import refusal
from crm_audit.connectors.hubspot.values import instant, number
from crm_audit.domain import LOST, WON
from crm_audit.emulator.server import Request, Response, serve
from crm_audit.emulator.transport import Loopback
from crm_audit.errors import NoAccess, Retry
from tests.recordings.kept import exchanges

PORTAL = Portal(id="1", zone=ZoneInfo("Europe/Paris"), currency="EUR", fields=fields(Connection(vendor="hubspot")))
PAST = "ampersand: hubspot"
CONTACTS = (
    "hubspot_vcr: GET /crm/v3/objects/contacts 200",
    "dlt_hubspot: mock_contacts_data.json",
    "dlt_hubspot: mock_contacts_with_history.json",
    f"{PAST}/test/search/contacts/1-first-page.json",
    f"{PAST}/test/search/contacts/2-second-page.json",
    f"{PAST}/test/read/objects-api/contacts-batch.json",
)


def bodies(name: str) -> list[Any]:
    return [kept.body for kept in exchanges()[name]]


def rows(name: str) -> list[dict[str, Any]]:
    """The records in all answers of that name; there are some."""
    found = [row for body in bodies(name) for row in body["results"]]
    assert found
    return found


class Replay:
    """Answers every call with the next of these bodies."""

    def __init__(self, answers: Sequence[Response]) -> None:
        self.answers = list(answers)

    def answer(self, request: Request, *, base: str) -> Response:
        return self.answers.pop(0)


@contextmanager
def answered(*answers: Any, status: int = 200) -> Iterator[Gateway]:  # noqa: ANN401  # recorded bodies
    """A gateway to a server that gives these answers, one for each call."""
    with serve(Replay([Response(status, answer) for answer in answers])) as base:
        yield Gateway("token", pool=Loopback(base).pool(), pace=Pace(sleep=lambda seconds: None))


# Records


def test_deals() -> None:
    found = rows("dlt_hubspot: mock_deals_data.json")
    for row in found:
        deal, told = records.deal(row, PORTAL, company_id=None), row["properties"]
        assert (deal.id, deal.name, deal.stage, deal.pipeline) == (
            row["id"], told["dealname"], told["dealstage"], told["pipeline"]
        )  # fmt: skip
        assert deal.amount == number(told["amount"])
        assert (deal.close_date is None) == (told["closedate"] is None)
        assert deal.created == instant(told["createdate"])


@pytest.mark.parametrize("name", CONTACTS)
def test_contacts(name: str) -> None:
    for row in rows(name):
        person, *merged = records.person(row, PORTAL, hashed=str.upper)
        told = row["properties"]
        assert (person.id, person.deleted, merged) == (row["id"], False, [])
        assert person.addresses == ((told["email"].upper(),) if told.get("email") else ())
        assert "@" not in (person.domain or "")
        assert told.get("lastname") is None or person.name.endswith(told["lastname"])


def test_companies() -> None:
    for row in rows("dlt_hubspot: mock_companies_data.json"):
        (company,) = records.company(row, PORTAL)
        assert (company.id, company.name) == (row["id"], row["properties"]["name"])


def test_every_entry_of_a_history_has_an_instant_and_a_writer_that_is_known_or_nobody() -> None:
    found = rows("dlt_hubspot: mock_contacts_with_history.json")
    entries = [entry for row in found for past in row["propertiesWithHistory"].values() for entry in past]
    assert {entry["sourceType"] for entry in entries} >= {"CRM_UI", "CALCULATED", "API"}
    assert all(instant(entry["timestamp"]) for entry in entries)
    for entry in entries:
        named = entry.get("sourceId", "")
        assert (PORTAL.writer(entry) is not None) == bool(
            (named and entry["sourceType"] == "API") or "userId:" in named
        )


def test_owners() -> None:
    owners = rows("hubspot_vcr: GET /crm/v3/owners 200") + bodies("hubspot_vcr: GET /crm/v3/owners/{id} 200")
    assert all(records.user(owner).name.split()[0] == owner["firstName"] for owner in owners if owner["firstName"])
    assert [records.user(owner).id for owner in owners] == [owner["id"] for owner in owners]
    assert owners_by_user(owners).keys() == {str(owner["userIdIncludingInactive"]) for owner in owners}


def test_pipelines() -> None:
    for pipeline in rows(f"{PAST}/test/metadata-deals-external-pipelines.json"):
        stages = list(records.stages(pipeline))
        assert [stage.stage for stage in stages] == [stage["id"] for stage in pipeline["stages"]]
        assert [stage.position for stage in stages] == [stage["displayOrder"] for stage in pipeline["stages"]]
        closed = {stage.stage: stage.closed for stage in stages if stage.closed}
        assert closed == {"closedwon": WON, "closedlost": LOST}


# Activities


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("meetings", "hubspot_vcr: GET /crm/v3/objects/meetings 200"),
        ("meetings", "hubspot_vcr: POST /crm/v3/objects/meetings/search 200"),
        ("tasks", "hubspot_vcr: POST /crm/v3/objects/tasks/search 200"),
        ("quotes", "dlt_hubspot: mock_quotes_data.json"),
    ],
)
def test_activities(source: str, name: str) -> None:
    for row in rows(name):
        told = row["properties"]
        found = list(SOURCES[source](Activity(source=source, record=row, portal=PORTAL)))
        expected = {
            "meetings": "hs_meeting_start_time" in told,
            "tasks": told.get("hs_task_status") not in ("COMPLETED", "DEFERRED") and "hs_timestamp" in told,
            "quotes": told.get("hs_status") != "DRAFT",
        }
        assert len(found) == expected[source], row
        assert all(event.ends_at is None or event.ends_at >= event.at for event in found if source == "meetings")
        assert all(event.recorded_at == instant(told["hs_createdate"]) for event in found)


@pytest.mark.parametrize("name", ["POST /crm/v3/objects/tasks 201", "PATCH /crm/v3/objects/tasks/{id} 200"])
def test_a_whole_task(name: str) -> None:
    (task,) = bodies(f"hubspot_vcr: {name}")
    events = list(SOURCES["tasks"](Activity(source="tasks", record=task, portal=PORTAL)))
    open_ones = [instant(task["properties"]["hs_timestamp"])] if "POST" in name else []
    assert [event.at for event in events] == open_ones


@pytest.mark.parametrize("ends", ["Deal/{id}/associations/Contact", "Contact/{id}/associations/Deal"])
def test_associations_of_one_record(ends: str) -> None:
    found = rows(f"hubspot_vcr: GET /crm/v4/objects/{ends} 200")
    linked = list(links.links("1", found, people={}, portal=PORTAL))
    assert [(link.person, link.role) for link in linked] == [(str(row["toObjectId"]), "unassigned") for row in found]


def test_inline_associations_without_a_primary_company_tell_that_there_is_none_or_nothing() -> None:
    for row in rows("dlt_hubspot: mock_contacts_with_history.json"):
        assert records.told_inline(row) == (True, None)


# Through the gateway


def test_a_page_and_the_place_of_the_next() -> None:
    body = bodies(f"{PAST}/test/read/objects-api/contacts-response.json")[0]
    with answered(body) as gateway:
        assert gateway.page(Query(kind="contacts")) == (body["results"], body["paging"]["next"]["after"])


def test_a_search_and_whether_there_is_more() -> None:
    first, second = (bodies(f"{PAST}/test/search/contacts/{name}-page.json")[0] for name in ("1-first", "2-second"))
    with answered(first, second) as gateway:
        assert gateway.search(Query(kind="contacts"), (), after=None) == (first["results"], True)
        assert gateway.search(Query(kind="contacts"), (), after="501") == (second["results"], False)


def test_a_batch_of_records() -> None:
    body = bodies(f"{PAST}/test/read/objects-api/contacts-batch.json")[0]
    with answered(body) as gateway:
        found = gateway.read(Query(kind="contacts"), [row["id"] for row in body["results"]])
    assert list(found.values()) == body["results"]


def test_a_batch_of_associations_of_which_some_have_none() -> None:
    body = bodies(f"{PAST}/test/search/contacts/contacts-to-companies.json")[0]
    with answered(body, status=207) as gateway:
        found = gateway.associated("contacts", "companies", ids=["501", "103107104018"])
    assert found == {"501": body["results"][0]["to"]}


def test_a_batch_that_withholds_something_for_another_reason_is_no_empty_one() -> None:
    body = bodies(f"{PAST}/test/batch/read/campaigns/multi-207.json")[0]
    with answered(body, status=207) as gateway, pytest.raises(Retry, match="Invalid request"):
        gateway.read(Query(kind="campaigns"), ["1"])


def test_definitions_of_properties_pipelines_and_owners() -> None:
    properties = bodies(f"{PAST}/test/metadata-deals-properties-sampled.json")[0]
    pipelines = bodies(f"{PAST}/test/metadata-deals-external-pipelines.json")[0]
    owners = bodies("hubspot_vcr: GET /crm/v3/owners 200")[0]
    account = bodies(f"{PAST}/test/post-auth/account-info.json")[0]
    with answered(properties, pipelines, owners, account) as gateway:
        assert gateway.properties("deals") == properties["results"]
        assert gateway.pipelines() == pipelines["results"]
        assert gateway.owners(archived=False) == (owners["results"], None)
        assert gateway.details() == account


def test_an_update_that_refuses_some_says_which() -> None:
    body = bodies(f"{PAST}/test/batch/update/contacts/err-partial-success.json")[0]
    with answered(body, status=207) as gateway:
        answer = gateway.update("contacts", [])
    assert [one for error in answer["errors"] for one in error["context"]["ids"]] == ["unknownIdentifier888"]


# Refusals


@pytest.mark.parametrize(
    "name",
    [
        "test/batch/update/contacts/err-many-invalid-properties.json",
        "test/batch/update/contacts/err-duplicate-ids.json",
        "test/batch/create/contacts/err-many-invalid-properties.json",
        "test/batch/create/contacts/err-conflict.json",
        "test/search/error-invalid-object.json",
    ],
)
def test_a_request_that_is_wrong_is_refused_for_good_in_hubspots_words(name: str) -> None:
    (body,) = bodies(f"{PAST}/{name}")
    error = refusal(400, json.dumps(body).encode(), headers={}, name="contacts/batch/update")
    assert isinstance(error, Refused)
    assert body["message"] in str(error)


def test_recorded_refusals_of_the_current_api() -> None:
    current = {name: every for name, every in exchanges().items() if "/crm/v" in name and name[-3:] in ("400", "404")}
    assert len(current) > 4
    for name, kept in ((name, kept) for name, every in current.items() for kept in every):
        body = kept.body if isinstance(kept.body, str) else json.dumps(kept.body)
        error = refusal(kept.status or 0, body.encode(), headers=kept.headers, name="it")
        assert isinstance(error, Refused), name
        assert isinstance(kept.body, str) or kept.body["message"] in str(error)


def test_a_missing_scope_is_named() -> None:
    (body,) = bodies(f"{PAST}/test/metadata-err-schemas-scope.json")
    error = refusal(403, json.dumps(body).encode(), headers={}, name="schemas")
    assert isinstance(error, NoAccess)
    assert "add the scope custom-object-read to the app" in str(error)
