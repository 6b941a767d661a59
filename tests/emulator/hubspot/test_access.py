"""Tokens, scopes, rate limits, and the books the portal keeps."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hubspot import HubSpot
from hubspot.crm.owners import ApiException

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import SERVICE_KEY, HubspotPortal
from tests.emulator.hubspot.conftest import NOW, Wire

LIST = "/crm/objects/2026-09/deals"
SEARCH = f"{LIST}/search"
LINKS = "/crm/associations/2026-09/deals/contacts/batch/read"


@pytest.mark.parametrize("key", [None, "", "wrong"])
def test_a_call_without_a_known_token_is_401(wire: Wire, key: str | None) -> None:
    answer = replace(wire, key=key).get(LIST)

    assert (answer.status, answer.body["category"]) == (401, "INVALID_AUTHENTICATION")
    assert answer.body["status"] == "error"
    assert answer.body["correlationId"] == answer.headers["X-HubSpot-Correlation-Id"]
    assert "X-HubSpot-RateLimit-Max" not in answer.headers


def test_a_revoked_token_is_401_in_the_official_client(portal: HubspotPortal, client: HubSpot) -> None:
    client.crm.owners.owners_api.get_page()
    portal.keys.discard(SERVICE_KEY)

    with pytest.raises(ApiException) as caught:
        client.crm.owners.owners_api.get_page()
    assert caught.value.status == 401
    assert json.loads(caught.value.body)["category"] == "INVALID_AUTHENTICATION"


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("crm.objects.deals.read", "GET", LIST),
        ("crm.objects.deals.read", "POST", SEARCH),
        ("crm.objects.deals.read", "POST", LINKS),
        ("crm.objects.deals.read", "GET", "/crm/v3/pipelines/deals"),
        ("crm.objects.deals.read", "GET", "/crm/v3/properties/deals"),
        ("crm.objects.deals.write", "POST", f"{LIST}/batch/update"),
        ("crm.objects.deals.write", "PATCH", f"{LIST}/1"),
        ("crm.objects.contacts.read", "GET", "/crm/v3/objects/meetings"),
        ("crm.objects.companies.read", "GET", "/crm/v3/objects/companies"),
        ("crm.objects.quotes.read", "GET", "/crm/v3/objects/quotes"),
        ("crm.objects.owners.read", "GET", "/crm/v3/owners"),
        ("crm.objects.owners.read", "GET", "/crm/v3/owners/70000001"),
        ("settings.currencies.read", "GET", "/settings/v3/currencies/exchange-rates/current"),
    ],
)
def test_a_revoked_scope_is_403_and_named(
    portal: HubspotPortal, wire: Wire, scope: str, method: str, path: str
) -> None:
    body: dict[str, object] | None = {"inputs": [], "properties": {}} if method != "GET" else None
    allowed = wire(method, path, body).status
    portal.revoke(scope)

    answer = wire(method, path, body)

    assert (answer.status, answer.body["category"]) == (403, "MISSING_SCOPES")
    assert answer.body["errors"][0]["context"]["requiredScopes"] == [scope]
    portal.grant(scope)
    assert wire(method, path, body).status == allowed != 403


def test_reading_survives_without_the_write_scope(portal: HubspotPortal, wire: Wire) -> None:
    portal.revoke("crm.objects.deals.write")

    assert wire.get(LIST).status == 200
    assert wire.get("/account-info/v3/details").status == 200


def test_rate_limit_headers_are_on_everything_but_search(portal: HubspotPortal, wire: Wire) -> None:
    portal.limits.burst, portal.limits.daily = 190, 1_000

    listed, found = wire.get(LIST).headers, wire.post(SEARCH, {}).headers

    assert listed["X-HubSpot-RateLimit-Max"] == "190"
    assert listed["X-HubSpot-RateLimit-Remaining"] == "189"
    assert listed["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
    assert "X-HubSpot-RateLimit-Max" not in found
    assert "X-HubSpot-RateLimit-Remaining" not in found
    assert found["X-HubSpot-RateLimit-Daily-Remaining"] == "998"


@pytest.mark.parametrize(
    ("limit", "path", "policy", "seconds"),
    [
        ("burst", LIST, "TEN_SECONDLY_ROLLING", 10),
        ("search", SEARCH, "SECONDLY", 1),
        ("associations", LINKS, "TEN_SECONDLY_ROLLING", 10),
    ],
)
def test_limits_run_out_and_come_back_with_the_clock(
    portal: HubspotPortal, clock: Clock, wire: Wire, limit: str, path: str, policy: str, seconds: int
) -> None:
    setattr(portal.limits, limit, 2)

    def status() -> int:
        return wire.get(path).status if path == LIST else wire.post(path, {"inputs": []}).status

    assert [status(), status(), status()] == [200, 200, 429]
    others = {wire.get("/account-info/v3/details").status} if limit != "burst" else {wire.post(SEARCH, {}).status}
    assert others == {200}
    refused = wire.get(path) if path == LIST else wire.post(path, {"inputs": []})
    assert refused.body["errorType"] == "RATE_LIMIT"
    assert refused.body["policyName"] == policy
    assert refused.body["message"] == f"You have reached your {policy.lower()} limit."
    assert "category" not in refused.body
    assert "retry-after" not in refused.headers
    clock.advance(seconds=seconds)
    assert status() == 200


def test_the_daily_limit_ends_at_midnight_of_the_account(portal: HubspotPortal, clock: Clock, wire: Wire) -> None:
    portal.limits.daily = 1
    assert wire.get(LIST).status == 200
    assert wire.get(LIST).body["policyName"] == "DAILY"

    clock.set(NOW.replace(hour=23, minute=59))  # past midnight in UTC terms is not yet midnight in New York
    clock.advance(hours=2)
    assert wire.get(LIST).status == 429
    clock.advance(hours=3)
    assert wire.get(LIST).status == 200


def test_every_call_is_counted_and_written_down(portal: HubspotPortal, wire: Wire) -> None:
    deal = portal.create("deals")
    wire.get(f"{LIST}?limit=5")
    wire.post(SEARCH, {})
    wire.post("/crm/v4/associations/Deal/0-1/batch/read", {"inputs": [{"id": deal}]})
    wire("PATCH", f"{LIST}/{deal}", {"properties": {"amount": "1"}})
    replace(wire, key="wrong").post(f"{LIST}/batch/update", {"inputs": []})

    assert (portal.calls.read, portal.calls.write) == (3, 2)
    assert portal.calls.by_kind == {
        "deals/list": 1,
        "deals/search": 1,
        "associations/deals/contacts/read": 1,
        "deals/patch": 1,
        "deals/batch/update": 1,
    }
    assert portal.transcript == [
        ("GET", LIST, 200),
        ("POST", SEARCH, 200),
        ("POST", "/crm/v4/associations/Deal/0-1/batch/read", 207),
        ("PATCH", f"{LIST}/{deal}", 200),
        ("POST", f"{LIST}/batch/update", 401),
    ]


def test_the_transcript_names_nobody(portal: HubspotPortal, wire: Wire) -> None:
    wire.get("/crm/v3/objects/contacts/ann%40acme.example?idProperty=email")
    wire.post("/crm/v3/objects/contacts/gdpr-delete", {"objectId": "ann@acme.example", "idProperty": "email"})

    assert portal.transcript == [
        ("GET", "/crm/v3/objects/contacts/…", 404),
        ("POST", "/crm/v3/objects/contacts/gdpr-delete", 204),
    ]


def test_answers_carry_the_emulators_time(wire: Wire, clock: Clock) -> None:
    assert wire.get(LIST).headers["date"] == "Mon, 16 Mar 2026 15:00:00 GMT"
    clock.advance(hours=1)
    assert wire.post(SEARCH, {}).headers["date"] == "Mon, 16 Mar 2026 16:00:00 GMT"
