"""Limits and outages, all in the emulator's own time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import HubspotPortal, Limits
from tests.emulator.hubspot.conftest import NOW, Wire

LIST = "/crm/objects/2026-09/deals"
SEARCH = f"{LIST}/search"
LINKS = "/crm/associations/2026-09/deals/contacts/batch/read"


@pytest.fixture
def real(portal: HubspotPortal) -> HubspotPortal:
    portal.limits = Limits.real()
    return portal


def test_the_vendors_own_numbers(real: HubspotPortal, wire: Wire) -> None:
    listed = [wire.get(LIST).status for _ in range(191)]
    found = [wire.post(SEARCH, {}).status for _ in range(6)]
    linked = [wire.post(LINKS, {"inputs": []}).status for _ in range(151)]

    assert listed == [200] * 190 + [429]
    assert found == [200] * 5 + [429]
    assert linked == [200] * 150 + [429]
    assert wire.get(LIST).headers["X-HubSpot-RateLimit-Daily"] == "625000"


def test_the_window_of_ten_seconds_rolls(portal: HubspotPortal, clock: Clock, wire: Wire) -> None:
    portal.limits.burst = 3
    wire.get(LIST)
    clock.advance(seconds=6)
    wire.get(LIST)
    wire.get(LIST)
    clock.advance(seconds=3.9)  # a fixed window would have begun anew at the tenth second of the minute
    assert wire.get(LIST).status == 429

    clock.advance(seconds=0.1)
    assert [wire.get(LIST).status, wire.get(LIST).status] == [200, 429]
    clock.advance(seconds=6)
    assert [wire.get(LIST).status for _ in range(3)] == [200, 200, 429]


def test_the_burst_is_each_apps_own_and_the_search_is_the_accounts(
    real: HubspotPortal, clock: Clock, wire: Wire
) -> None:
    real.keys.add("pat-na1-other")
    other = replace(wire, key="pat-na1-other")
    real.limits.burst = 1

    assert [wire.get(LIST).status, wire.get(LIST).status, other.get(LIST).status] == [200, 429, 200]
    assert [other.post(SEARCH, {}).status for _ in range(4)] == [200] * 4
    assert [wire.post(SEARCH, {}).status for _ in range(2)] == [200, 429]
    clock.advance(seconds=1)
    real.spend_elsewhere(searches=5)
    assert wire.post(SEARCH, {}).body["policyName"] == "SECONDLY"
    clock.advance(seconds=1)
    assert wire.post(SEARCH, {}).status == 200


def test_other_apps_use_up_the_day(portal: HubspotPortal, clock: Clock, wire: Wire) -> None:
    portal.limits.daily = 1_000
    portal.spend_elsewhere(calls=999)

    assert wire.get(LIST).headers["X-HubSpot-RateLimit-Daily-Remaining"] == "0"
    assert wire.post(SEARCH, {}).body["policyName"] == "DAILY"
    clock.set(NOW.replace(hour=4) + timedelta(days=1))  # midnight in New York
    assert wire.get(LIST).headers["X-HubSpot-RateLimit-Daily-Remaining"] == "999"


def test_a_refusal_of_the_limiter_looks_like_no_other_error(real: HubspotPortal, wire: Wire) -> None:
    real.limits.search = 0

    answer = wire.post(SEARCH, {})

    assert answer.status == 429
    number = answer.headers["X-HubSpot-Correlation-Id"]
    assert answer.body == {
        "status": "error",
        "message": "You have reached your secondly limit.",
        "errorType": "RATE_LIMIT",
        "correlationId": number,
        "policyName": "SECONDLY",
        "requestId": number,
    }
    assert {name.lower() for name in answer.headers} & {"retry-after", "x-hubspot-ratelimit-remaining"} == set()


def test_the_deprecated_headers_count_a_second(real: HubspotPortal, clock: Clock, wire: Wire) -> None:
    wire.get(LIST)
    clock.advance(seconds=2)
    shown = wire.get(LIST).headers

    assert shown["X-HubSpot-RateLimit-Secondly"] == "19"
    assert shown["X-HubSpot-RateLimit-Secondly-Remaining"] == "18"
    assert shown["X-HubSpot-RateLimit-Remaining"] == "188"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_outage_is_a_page_of_the_edges(portal: HubspotPortal, clock: Clock, wire: Wire, status: int) -> None:
    portal.break_down(status, seconds=30)

    answer = replace(wire, key=None).get(LIST)  # nothing behind the edge looks at the token

    assert answer.status == status
    assert answer.body.startswith(b"<html>")
    assert answer.headers["content-type"].startswith("text/html")
    assert not [name for name in answer.headers if "ratelimit" in name.lower()]
    clock.advance(seconds=30)
    assert wire.get(LIST).status == 200


def test_a_migration_says_how_long(portal: HubspotPortal, clock: Clock, wire: Wire) -> None:
    portal.break_down(477, seconds=86_400)
    clock.advance(hours=1)

    answer = wire.get(LIST)

    assert (answer.status, answer.headers["retry-after"]) == (477, "82800")
    assert answer.body["status"] == "error"


def test_a_locked_record_is_free_after_two_seconds(portal: HubspotPortal, clock: Clock, wire: Wire) -> None:
    deal, other = portal.create("deals"), portal.create("deals")
    portal.lock("deals", deal)
    change = {"properties": {"amount": "5"}}

    assert wire("PATCH", f"{LIST}/{deal}", change).status == 423
    batch = {"inputs": [{"id": other, **change}, {"id": deal, **change}]}
    assert wire.post(f"{LIST}/batch/update", batch).status == 423
    assert portal.value("deals", other, "amount") is None
    assert wire("DELETE", f"{LIST}/{deal}").status == 423
    assert wire("PATCH", f"{LIST}/{other}", change).status == 200
    clock.advance(seconds=2)
    assert wire.post(f"{LIST}/batch/update", batch).status == 200


@pytest.mark.parametrize(
    ("later", "said"), [(0, "0 second"), (59, "59 second"), (90, "1 minute"), (7_200, "2 hour"), (180_000, "2 day")]
)
def test_a_lent_token_ends(portal: HubspotPortal, clock: Clock, wire: Wire, later: int, said: str) -> None:
    portal.lend("oauth-token")
    lent = replace(wire, key="oauth-token")
    clock.advance(seconds=1799)
    assert lent.get(LIST).status == 200

    clock.advance(seconds=1 + later)
    answer = lent.get(LIST)

    assert (answer.status, answer.body["category"]) == (401, "EXPIRED_AUTHENTICATION")
    assert answer.body["message"] == f"The OAuth token used to make this call expired {said}(s) ago."
    assert answer.body["context"] == {"expire time": ["2026-03-16T15:30:00Z"]}
    assert wire.get(LIST).status == 200
