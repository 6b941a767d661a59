"""The gateway against servers that answer as HubSpot does when it does not want to."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest
import urllib3

from crm_audit.connectors.hubspot.gateway import Gateway, Query, direct_or_by_proxy
from crm_audit.connectors.hubspot.limits import Pace
from crm_audit.connectors.hubspot.refusals import LONGEST_WAIT, Refused, refusal, seconds
from crm_audit.connectors.hubspot.wire import ATTEMPTS, dated
from crm_audit.emulator.server import Request, Response, serve
from crm_audit.emulator.transport import Loopback
from crm_audit.errors import BadLogin, CrmAuditError, NoAccess, OutOfQuota, Retry
from tests.connectors.hubspot_bench import Bench, bench

PAGE = Response(200, {"results": [{"id": "1", "properties": {}}]})


class Script:
    """A server that gives the answers it was told, the last one for ever."""

    def __init__(self, *answers: Response) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []

    def answer(self, request: Request, *, base: str) -> Response:
        self.requests.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def scripted(script: Script, slept: list[float]) -> Iterator[Gateway]:
    with serve(script) as base:
        yield Gateway("canary-token", pool=Loopback(base).pool(), pace=Pace(sleep=slept.append))


def busy(status: int, **headers: str) -> Response:
    return Response(status, {"status": "error"}, {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/crm/v3/objects/deals/batch/read", "/crm/objects/2026-09/deals/batch/read"),
        ("/crm/v4/associations/deals/contacts/labels", "/crm/associations/2026-09/deals/contacts/labels"),
        ("/crm/v3/owners", "/crm/owners/2026-09"),
        ("/crm/v3/pipelines/deals", "/crm/pipelines/2026-09/deals"),
        ("/crm/v3/properties/deals", "/crm/properties/2026-09/deals"),
        ("/account-info/v3/details", "/account-info/2026-09/details"),
        ("/settings/v3/currencies/exchange-rates/current", "/settings/currencies/2026-09/exchange-rates/current"),
        ("/oauth/v1/token", "/oauth/v1/token"),
    ],
)
def test_paths_are_dated(path: str, expected: str) -> None:
    assert dated(path, "2026-09") == expected
    assert dated(path, "v3") == path


def test_v3_stays_reachable() -> None:
    with bench() as crm:
        crm.gateway(version="v3").page(Query(kind="deals"))
        assert crm.portal.transcript == [("GET", "/crm/v3/objects/deals", 200)]


@pytest.mark.parametrize(
    ("stated", "now", "expected"),
    [
        (None, None, 0.0),
        ("7", None, 7.0),
        ("0", None, 0.0),
        ("-3", None, 0.0),
        ("soon", None, 0.0),
        ("Mon, 16 Mar 2026 15:00:30 GMT", "Mon, 16 Mar 2026 15:00:00 GMT", 30.0),
        ("Mon, 16 Mar 2026 14:00:00 GMT", "Mon, 16 Mar 2026 15:00:00 GMT", 0.0),
        ("Mon, 16 Mar 2026 15:00:30 GMT", None, 0.0),
    ],
)
def test_retry_after(stated: str | None, now: str | None, expected: float) -> None:
    assert seconds(stated, now) == expected


@pytest.mark.parametrize(
    ("status", "body", "expected", "says"),
    [
        (401, b"{}", BadLogin, "access token"),
        (403, b'{"errors":[{"context":{"requiredScopes":["crm.objects.deals.read"]}}]}', NoAccess, "deals.read"),
        (403, b'{"message":"no"}', NoAccess, "no"),
        (429, b'{"policyName":"DAILY"}', OutOfQuota, "midnight"),
        (429, b'{"policyName":"SECONDLY"}', Retry, "429"),
        (502, b"<html>", Retry, "502"),
        (400, b'{"message":"Property values were not valid"}', Refused, "Property values"),
        (404, b"<html>", Refused, "404"),
        (302, b"", Refused, "302"),
    ],
)
def test_refusals_are_classed(status: int, body: bytes, expected: type[CrmAuditError], says: str) -> None:
    error = refusal(status, body, headers={}, name="deals")
    assert isinstance(error, expected)
    assert says in str(error)


@pytest.mark.parametrize(
    ("answer", "least"),
    [
        (busy(429), 0.0),
        (busy(429, Retry_After="9"), 9.0),
        (busy(423), 2.0),
        (busy(477, Retry_After="31"), 31.0),
        (busy(500), 0.0),
        (busy(521), 0.0),
        (Response(200, b"<html>log in</html>"), 0.0),
        (Response(200, b'{"results": ['), 0.0),
    ],
)
def test_what_passes_is_tried_again(answer: Response, least: float) -> None:
    slept: list[float] = []
    script = Script(answer, PAGE)
    with scripted(script, slept) as gateway:
        found, after = gateway.page(Query(kind="deals"))
    assert [one["id"] for one in found] == ["1"]
    assert after is None
    assert len(slept) == 1
    assert slept[0] >= least
    assert gateway.calls.read == len(script.requests) == 2


def test_a_batch_read_is_tried_again_though_it_is_a_post() -> None:
    script = Script(busy(502), PAGE)
    with scripted(script, []) as gateway:
        assert gateway.read(Query(kind="deals", properties=("dealname",)), ["1"]).keys() == {"1"}
    assert [request.method for request in script.requests] == ["POST", "POST"]
    assert (gateway.calls.read, gateway.calls.write) == (2, 0)


def test_it_gives_up_after_a_few_attempts() -> None:
    slept: list[float] = []
    with scripted(Script(busy(503)), slept) as gateway, pytest.raises(Retry, match="503"):
        gateway.details()
    assert gateway.calls.read == ATTEMPTS
    assert len(slept) == ATTEMPTS - 1


def test_a_long_retry_after_ends_the_run_instead_of_sleeping() -> None:
    slept: list[float] = []
    answer = busy(477, Retry_After=str(LONGEST_WAIT + 1))
    with scripted(Script(answer), slept) as gateway, pytest.raises(Retry, match="61 seconds"):
        gateway.details()
    assert not slept


def test_the_daily_limit_is_not_fought() -> None:
    with bench() as crm:
        crm.portal.limits.daily = 3
        gateway = crm.gateway()
        gateway.details()
        crm.portal.spend_elsewhere(calls=2)
        with pytest.raises(OutOfQuota):
            gateway.details()
        assert gateway.calls.read == 2
        assert not crm.slept


def test_the_burst_limit_passes() -> None:
    with bench() as crm:
        crm.portal.limits.burst = 1
        crm.gateway().details()
        crm.gateway().details()
        assert [status for _, _, status in crm.portal.transcript] == [200, 429, 200]


def test_an_unreachable_host_is_said_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{free.getsockname()[1]}"
        slept: list[float] = []
        gateway = Gateway("canary-token", pool=Loopback(base).pool(), pace=Pace(sleep=slept.append))
        with pytest.raises(Retry, match="cannot reach"):
            gateway.details()
        assert not slept


def test_a_body_cut_off_on_the_way_is_asked_for_again() -> None:
    slept: list[float] = []
    script = Script(Response(200, b"not gzip at all", {"content-encoding": "gzip"}), PAGE)
    with scripted(script, slept) as gateway:
        assert gateway.page(Query(kind="deals"))[0]
    assert len(slept) == 1


def test_a_connection_that_breaks_off_is_tried_again() -> None:
    slept: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gateway = Gateway(
            "canary-token",
            pool=Loopback(f"http://127.0.0.1:{listener.getsockname()[1]}").pool(),
            pace=Pace(sleep=slept.append),
        )
        hanging_up = Thread(target=_hang_up, args=(listener, ATTEMPTS))
        hanging_up.start()
        with pytest.raises(Retry, match="broke off"):
            gateway.details()
        hanging_up.join()
    assert len(slept) == ATTEMPTS - 1


def _hang_up(listener: socket.socket, times: int) -> None:
    for _ in range(times):
        connection, _address = listener.accept()
        connection.close()


def test_redirects_are_not_followed_with_the_token() -> None:
    script = Script(Response(302, None, {"location": "https://elsewhere.example/"}))
    with scripted(script, []) as gateway, pytest.raises(Refused, match="302"):
        gateway.details()
    assert len(script.requests) == 1


def test_a_hostile_next_link_is_not_followed() -> None:
    link = {"next": {"after": "7", "link": "https://elsewhere.example/?after=7"}}
    with scripted(Script(Response(200, {"results": [], "paging": link}), PAGE), []) as gateway:
        _, after = gateway.page(Query(kind="deals"))
        assert after == "7"
        gateway.page(Query(kind="deals"), after)


def test_neither_token_nor_body_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with bench() as crm:
        crm.person("Quilla")
        gateway = crm.gateway()
        logging.getLogger("urllib3").setLevel(logging.DEBUG)
        found, _ = gateway.page(Query(kind="contacts", properties=("firstname",)))
        assert found[0]["properties"]["firstname"] == "Quilla"
        with pytest.raises(BadLogin) as caught:
            crm.gateway("canary-token").details()
    assert "Quilla" not in caplog.text
    assert "pat-na1" not in caplog.text
    assert "canary-token" not in caplog.text + str(caught.value) + repr(caught.value)


def test_one_connection_serves_all_calls() -> None:
    with bench() as crm:
        pool = Loopback(crm.base).pool()
        gateway = Gateway("pat-na1-emulator", pool=pool)
        for _ in range(5):
            gateway.details()
            gateway.pipelines()
        only = pool.connection_from_url(crm.base)
        assert only.num_connections == 1
        assert only.num_requests == 10


def test_calls_are_counted_by_what_they_do() -> None:
    with bench() as crm:
        gateway = crm.gateway()
        deal = crm.deal()
        gateway.read(Query(kind="deals", properties=("dealname",)), [deal])
        gateway.associated("deals", "contacts", ids=[deal])
        gateway.update("deals", [{"id": deal, "properties": {"dealname": "Renamed"}}])
        assert (gateway.calls.read, gateway.calls.write) == (2, 1)
        assert gateway.calls.by_name == {
            "deals/batch/read": 1,
            "associations/deals/contacts/batch/read": 1,
            "deals/batch/update": 1,
        }


def test_batches_keep_to_the_limits() -> None:
    with bench() as crm:
        gateway = crm.gateway()
        deals = [crm.deal(f"Deal {number}") for number in range(230)]
        assert list(gateway.read(Query(kind="deals", properties=("dealname",)), deals)) == deals
        assert gateway.calls.by_name == {"deals/batch/read": 3}


def test_associations_are_paged_per_record() -> None:
    with bench() as crm:
        crowded, quiet, alone = crm.deal("Crowded"), crm.deal("Quiet"), crm.deal("Alone")
        people = [crm.person(f"P{number}") for number in range(620)]
        for person in people:
            crm.portal.associate("deals", crowded, "contacts", person)
        crm.portal.associate("deals", quiet, "contacts", people[0])
        gateway = crm.gateway()
        found = gateway.associated("deals", "contacts", ids=[crowded, quiet, alone])
        assert [str(row["toObjectId"]) for row in found[crowded]] == people
        assert [str(row["toObjectId"]) for row in found[quiet]] == people[:1]
        assert alone not in found
        assert gateway.calls.read == 2


def test_what_is_withheld_is_not_taken_for_none() -> None:
    error = {"category": "INTERNAL_ERROR", "message": "something went wrong"}
    script = Script(Response(207, {"results": [], "errors": [error]}))
    with scripted(script, []) as gateway, pytest.raises(Retry, match="something went wrong"):
        gateway.associated("deals", "contacts", ids=["1"])
    with scripted(script, []) as gateway, pytest.raises(Retry, match="something went wrong"):
        gateway.read(Query(kind="deals", properties=("dealname",)), ["1"])


def test_a_merged_id_is_not_read_as_its_survivor() -> None:
    with bench() as crm:
        keep, lose = crm.person("Keep"), crm.person("Lose")
        crm.portal.merge("contacts", keep, lose)
        assert crm.gateway().read(Query(kind="contacts", properties=("firstname",)), [keep, lose]).keys() == {keep}


def test_numbers_stay_exact(crm: Bench) -> None:
    deal = crm.deal(amount="100000.10")
    record = crm.gateway().read(Query(kind="deals", properties=("amount",)), [deal])[deal]
    assert record["properties"]["amount"] == "100000.10"


@pytest.mark.parametrize(("excepted", "proxied"), [("", True), ("api.hubapi.com", False), ("intern.example", True)])
def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, excepted: str, proxied: bool) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.seller.example:3128")
    monkeypatch.setenv("no_proxy", excepted)
    pool = direct_or_by_proxy()
    assert isinstance(pool, urllib3.ProxyManager) is proxied
    assert (str(pool.proxy) == "http://proxy.seller.example:3128") is proxied


@pytest.fixture
def crm() -> Iterator[Bench]:
    with bench() as served:
        yield served
