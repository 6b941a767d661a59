"""Client libraries are led to loopback and to nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from crm_audit.emulator.server import Request, Response, serve
from crm_audit.emulator.transport import Loopback
from crm_audit.errors import FixConfig


class Mirror:
    """Answers with what it was asked, or with a redirect to wherever it is told."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def answer(self, request: Request, *, base: str) -> Response:
        self.asked.append(request)
        target = request.first("to")
        if target is not None:
            return Response(302, headers={"Location": target})
        return Response(200, {"target": request.target, "host": request.headers["host"], "base": base})


@pytest.fixture
def mirror() -> Mirror:
    return Mirror()


@pytest.fixture
def base(mirror: Mirror) -> Iterator[str]:
    with serve(mirror) as base:
        yield base


@pytest.mark.parametrize("address", ["http://127.0.0.1:8700", "http://localhost:1/", "http://[::1]:65535"])
def test_loopback_addresses_are_taken(address: str) -> None:
    assert Loopback(address).address == address


@pytest.mark.parametrize(
    "address",
    [
        "https://127.0.0.1:8700",
        "http://127.0.0.1",
        "http://127.0.0.2:8700",
        "http://0.0.0.0:8700",
        "http://10.0.0.1:8700",
        "http://acme.my.salesforce.com:80",
        "http://localhost.acme.example:8700",
        "http://127.0.0.1:8700@evil.example:80",
        "http://user@127.0.0.1:8700",
        "http://127.0.0.1:8700/path",
        "http://127.0.0.1:8700?x=1",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
        "http://[::1",
        "127.0.0.1:8700",
        "ftp://127.0.0.1:8700",
        "",
    ],
)
def test_any_other_address_is_refused(address: str) -> None:
    with pytest.raises(FixConfig):
        Loopback(address)


@given(st.text(max_size=40))
def test_no_text_is_taken_for_loopback_by_accident(text: str) -> None:
    with pytest.raises(FixConfig):
        Loopback(f"http://{text}.example:80")


def test_salesforce_calls_reach_the_emulator_with_the_name_they_meant(base: str) -> None:
    with Loopback(base).session() as session:
        answer = session.get("https://acme.my.salesforce.com/services/data?q=a%2Bb+c#x").json()
    assert answer == {"target": "/services/data?q=a%2Bb+c", "host": "acme.my.salesforce.com", "base": base}


def test_hubspot_calls_reach_the_emulator(base: str) -> None:
    answer = Loopback(base).pool().request("GET", "https://api.hubapi.com/crm/v3/objects/deals?limit=1", timeout=None)
    assert json.loads(answer.data)["target"] == "/crm/v3/objects/deals?limit=1"


OTHERS = [
    "http://acme.my.salesforce.com/",
    "https://salesforce.com/",
    "https://acme.my.salesforce.com.evil.example/",
    "https://evilsalesforce.com/",
    "https://acme.my.salesforce.com@evil.example/",
    "https://user:pass@acme.my.salesforce.com/",
    "https://acme.my.salesforce.com:8443/",
    "https://evil.example/?x=.salesforce.com",
    "https://127.0.0.1/",
    "http://127.0.0.1:8700/",
    "http://api.hubapi.com/",
    "https://api.hubapi.com.evil.example/",
    "https://www.api.hubapi.com/",
    "https://hubapi.com/",
]


@pytest.mark.parametrize("url", [*OTHERS, "https://api.hubapi.com/"])
def test_a_session_sends_nothing_else_anywhere(base: str, mirror: Mirror, url: str) -> None:
    with Loopback(base).session() as session, pytest.raises(FixConfig, match="was stopped"):
        session.get(url)
    assert mirror.asked == []


@pytest.mark.parametrize("url", [*OTHERS, "https://acme.my.salesforce.com/"])
def test_a_pool_sends_nothing_else_anywhere(base: str, mirror: Mirror, url: str) -> None:
    with pytest.raises(FixConfig, match="was stopped"):
        Loopback(base).pool().request("GET", url)
    assert mirror.asked == []


def test_a_redirect_leads_nowhere_else_either(base: str, mirror: Mirror) -> None:
    away = "https://evil.example/"
    with Loopback(base).session() as session, pytest.raises(FixConfig, match=r"evil\.example"):
        session.get("https://acme.my.salesforce.com/", params={"to": away})
    with pytest.raises(FixConfig, match=r"evil\.example"):
        Loopback(base).pool().request("GET", "https://api.hubapi.com/", fields={"to": away})
    assert len(mirror.asked) == 2


def test_proxies_of_the_environment_are_not_asked(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Loopback(base).session() as session:
        answer = session.get(
            "https://acme.my.salesforce.com/", proxies=dict.fromkeys(("http", "https"), "http://127.0.0.1:9")
        )
    assert answer.status_code == 200
    assert Loopback(base).pool().request("GET", "https://api.hubapi.com/").status == 200


def test_a_call_without_a_timeout_gets_one(base: str) -> None:
    seen: list[object] = []

    with Loopback(base).session() as session:
        session.hooks["response"].append(lambda response, **sent: seen.append(sent["timeout"]))
        session.get("https://acme.my.salesforce.com/")
        session.get("https://acme.my.salesforce.com/", timeout=3)
    assert seen == [(5.0, 30.0), 3]


def test_a_pool_waits_no_longer_than_it_says(base: str) -> None:
    seen: list[urllib3.Timeout] = []

    class Watched(urllib3.HTTPConnectionPool):
        def urlopen(self, method: str, url: str, *args: Any, **kw: Any) -> urllib3.BaseHTTPResponse:  # noqa: ANN401  # passed on
            assert isinstance(kw["timeout"], urllib3.Timeout)
            seen.append(kw["timeout"])
            return super().urlopen(method, url, *args, **kw)

    pool = Loopback(base).pool()
    pool.pool_classes_by_scheme = {"http": Watched}
    pool.request("GET", "https://api.hubapi.com/")
    pool.request("GET", "https://api.hubapi.com/", timeout=urllib3.Timeout(total=1))
    assert [(each.connect_timeout, each.total) for each in seen] == [(5.0, None), (1, 1)]
