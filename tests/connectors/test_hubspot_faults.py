"""Numbered faults of the way to HubSpot, and of its limits, against the emulated portal over real HTTP."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from crm_audit.connectors.hubspot.gateway import Gateway, Query
from crm_audit.connectors.hubspot.limits import MOST, Pace
from crm_audit.connectors.hubspot.refusals import LONGEST_WAIT
from crm_audit.connectors.hubspot.wire import ATTEMPTS
from crm_audit.emulator.faults import LOGIN_PAGE, NOTHING, Cut, CutGzip, Drip, Endless, Fault, NotGzip, Reset, Spoil
from crm_audit.emulator.hubspot.gate import Limits
from crm_audit.emulator.server import Response
from crm_audit.emulator.transport import Loopback
from crm_audit.errors import OutOfQuota, Retry
from tests.connectors.hubspot_bench import Bench, bench

DEALS = Query(kind="deals", properties=("dealname",))

READS: tuple[Callable[[Gateway], object], ...] = (
    lambda gateway: gateway.page(DEALS),
    lambda gateway: gateway.search(DEALS, (), after=None),
    lambda gateway: gateway.read(DEALS, ["1"]),
    lambda gateway: gateway.associated("deals", "contacts", ids=["1"]),
)


@pytest.fixture
def crm() -> Iterator[Bench]:
    with bench() as served:
        served.deal()
        yield served


def busy(retry_after: str | None) -> Response:
    headers = {"date": "Mon, 16 Mar 2026 15:00:00 GMT"} | ({"retry-after": retry_after} if retry_after else {})
    return Response(429, {"status": "error", "errorType": "RATE_LIMIT"}, headers)


@pytest.mark.parametrize(
    ("stated", "least"),
    [("7", 7), ("Mon, 16 Mar 2026 15:00:30 GMT", 30), ("0", 0), ("-5", 0), ("soon", 0)],
)
def test_fault_01_a_stated_time_is_waited_for(crm: Bench, stated: str, least: float) -> None:
    crm.faults.next("deals", busy(stated))
    before = crm.clock.now()
    assert crm.gateway().page(DEALS)[0]
    assert (crm.clock.now() - before).total_seconds() >= least
    assert len(crm.slept) == 1


@pytest.mark.parametrize("stated", ["86400", "Tue, 17 Mar 2026 15:00:00 GMT"])
def test_fault_01_beyond_the_longest_wait_nobody_sleeps(crm: Bench, stated: str) -> None:
    crm.faults.next("deals", busy(stated))
    with pytest.raises(Retry, match="come back"):
        crm.gateway().page(DEALS)
    assert not crm.slept


def test_fault_02_without_a_stated_time_the_waits_grow_at_random_and_end(crm: Bench) -> None:
    random.seed(5)
    crm.faults.next("deals", *[busy(None)] * ATTEMPTS)
    with pytest.raises(Retry, match="429"):
        crm.gateway().page(DEALS)
    assert len(crm.slept) == ATTEMPTS - 1
    assert len(set(crm.slept)) == len(crm.slept)
    assert all(0 < wait <= 2**turn for turn, wait in enumerate(crm.slept))


def test_fault_03_searches_wait_for_other_apps_and_other_calls_do_not(crm: Bench) -> None:
    crm.portal.limits = Limits.real()
    gateway = crm.gateway()
    crm.portal.spend_elsewhere(searches=5)
    gateway.page(DEALS)
    assert not crm.slept
    found, _ = gateway.search(DEALS, (), after=None)
    assert found
    assert crm.slept[0] >= 1
    assert [status for _, path, status in crm.portal.transcript if "search" in path] == [429, 200]


def test_fault_03_our_own_pace_never_meets_a_limit(crm: Bench) -> None:
    crm.portal.limits = Limits.real()
    gateway = crm.gateway()
    for number in range(500):
        (gateway.search(DEALS, (), after=None) if number % 10 == 0 else gateway.page(DEALS))
        gateway.associated("deals", "contacts", ids=["1"])
    assert 429 not in {status for _, _, status in crm.portal.transcript}
    most, seconds = MOST["associations"]
    assert sum(crm.slept) >= (500 // most) * seconds


def test_a_lower_limit_in_the_headers_is_heeded(crm: Bench) -> None:
    crm.portal.limits.burst = 100
    gateway = crm.gateway()
    for _ in range(150):
        gateway.page(DEALS)
    assert {status for _, _, status in crm.portal.transcript} == {200}
    assert sum(crm.slept) >= 9


def test_fault_05_a_run_stops_at_its_share_of_the_day(crm: Bench) -> None:
    crm.portal.limits.daily = 101
    gateway = crm.gateway(share="0.2")
    gateway.page(DEALS)
    for _ in range(20):
        gateway.page(DEALS)
    with pytest.raises(OutOfQuota, match="quota_share"):
        gateway.page(DEALS)
    assert gateway.calls.read == 21
    gateway.pace.renew()
    gateway.page(DEALS)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 521, 522, 526])
def test_fault_06_an_edge_that_is_down_is_asked_again(crm: Bench, status: int) -> None:
    crm.faults.next("deals", Response(status, b"<html>Oops</html>", {"content-type": "text/html"}))
    assert crm.gateway().page(DEALS)[0]


@pytest.mark.parametrize(
    "spoilt", [Reset(), Reset(-1), Reset(20), Cut(0.5), Cut(0.0), NotGzip(), CutGzip(0.5)], ids=repr
)
def test_fault_07_a_page_that_breaks_is_asked_for_again_whole(crm: Bench, spoilt: Spoil) -> None:
    whole = crm.gateway().page(DEALS)
    crm.faults.next("deals", spoilt)
    assert crm.gateway().page(DEALS) == whole
    assert len(crm.slept) == 1


@pytest.mark.parametrize(
    "answer",
    [
        LOGIN_PAGE,
        NOTHING,
        Response(200, {"status": "error", "message": "canary of a body", "category": "INTERNAL_ERROR"}),
        Response(200, []),
        Response(200, {"results": None}),
    ],
    ids=["login page", "nothing", "error", "list", "no results"],
)
def test_fault_08_a_good_status_without_records_is_not_taken_for_none(crm: Bench, answer: Response) -> None:
    for call in READS:
        crm.faults.clear()
        crm.faults.add(Fault("", answer, every=1))
        with pytest.raises(Retry) as caught:
            call(crm.gateway())
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize(("spoilt", "says"), [(Drip(0.0), "takes over"), (Endless(), "larger than")])
def test_fault_09_neither_drips_nor_floods_hold_us(crm: Bench, spoilt: Spoil, says: str) -> None:
    for number in range(20):
        crm.deal(f"Deal {number}")
    crm.faults.next("deals", spoilt)
    looks = count()
    pace = Pace(monotonic=lambda: float(next(looks) * (10 if isinstance(spoilt, Drip) else 0)), sleep=crm.slept.append)
    gateway = Gateway("pat-na1-emulator", pool=Loopback(crm.base).pool(), pace=pace)
    with pytest.raises(Retry, match=says):
        gateway.page(DEALS)
    assert gateway.calls.read == 1
    assert gateway.page(DEALS)[0]


def test_a_locked_record_is_left_alone_for_two_seconds(crm: Bench) -> None:
    crm.faults.next("deals", Response(423, {"status": "error", "category": "LOCKED"}))
    crm.gateway().page(DEALS)
    assert crm.slept[0] >= 2


def test_an_account_on_the_move_is_waited_for_or_left(crm: Bench) -> None:
    crm.portal.break_down(477, seconds=30)
    assert crm.gateway().page(DEALS)[0]
    assert crm.slept[0] >= 30
    crm.portal.break_down(477, seconds=LONGEST_WAIT + 1)
    with pytest.raises(Retry, match="come back"):
        crm.gateway().page(DEALS)


def test_a_short_answer_is_completed(crm: Bench) -> None:
    deals = [crm.deal(f"Deal {number}") for number in range(3)]
    dana = crm.person("Dana")
    for deal in deals:
        crm.portal.associate("deals", deal, "contacts", dana)
    short = Response(200, {"results": [{"id": deals[0], "properties": {}}]})
    crm.faults.next("deals/batch/read", short)
    assert list(crm.gateway().read(DEALS, deals)) == deals
    crm.faults.add(Fault("deals/batch/read", short, every=1))
    with pytest.raises(Retry, match="left 2 of deals out"):
        crm.gateway().read(DEALS, deals)
    survivor = {"id": "9", "properties": {"hs_merged_object_ids": deals[0]}}
    dropped = Response(200, {"results": [survivor, {"id": deals[2], "properties": {}}]})
    crm.faults.clear()
    crm.faults.add(Fault("deals/batch/read", dropped, every=1))
    with pytest.raises(Retry, match="left 1 of deals out"):
        crm.gateway().read(DEALS, deals)
    crm.faults.clear()
    named = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "x", "context": {"ids": [deals[0]]}}
    crm.faults.add(Fault("deals/batch/read", Response(207, {"results": [], "errors": [named]}), every=1))
    with pytest.raises(Retry, match="left 2 of deals out"):
        crm.gateway().read(DEALS, deals)
    crm.faults.clear()
    crm.faults.next("associations", Response(200, {"results": [{"from": {"id": deals[0]}, "to": []}]}))
    assert list(crm.gateway().associated("deals", "contacts", ids=deals)) == deals
