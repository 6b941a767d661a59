"""The server in front of an emulated CRM: what arrives, what goes back, and that it comes and goes quickly."""

from __future__ import annotations

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from threading import active_count
from urllib.parse import urlsplit

import pytest

from crm_audit.emulator.server import Request, Response, serve


class Echo:
    """Remembers what it was asked and answers what it was given."""

    def __init__(self, *answers: Response) -> None:
        self.asked: list[Request] = []
        self.answers = list(answers)
        self.inside = 0

    def answer(self, request: Request, *, base: str) -> Response:
        self.inside += 1
        assert self.inside == 1, "two calls at once"
        self.asked.append(request)
        self.inside -= 1
        return self.answers.pop(0) if self.answers else Response(200, {"base": base})


def connection(base: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(base).netloc, timeout=5)


def test_a_call_arrives_whole() -> None:
    echo = Echo()
    with serve(echo) as base:
        wire = connection(base)
        wire.request("PATCH", "/a%20b/c?x=1&x=2,3&y=&z=a%2Bb", body=b'{"n": 1}', headers={"X-One": "Two"})
        assert wire.getresponse().status == 200
        wire.close()
    (request,) = echo.asked
    assert (request.method, request.path) == ("PATCH", "/a%20b/c")
    assert request.target == "/a%20b/c?x=1&x=2,3&y=&z=a%2Bb"
    assert (request.first("x"), request.every("x"), request.first("y"), request.first("z")) == (
        "1",
        ["1", "2", "3"],
        "",
        "a+b",
    )
    assert (request.first("none"), request.first("none", "default"), request.every("y")) == (None, "default", [])
    assert request.headers["x-one"] == "Two"
    assert request.json() == {"n": 1}


def test_a_body_may_come_in_chunks() -> None:
    echo = Echo()
    with serve(echo) as base:
        wire = connection(base)
        for pieces in ([b'{"n"', b": 1}"], []):
            wire.request("POST", "/", body=iter(pieces), headers={"Transfer-Encoding": "chunked"}, encode_chunked=True)
            wire.getresponse().read()
        wire.close()
    assert [request.body for request in echo.asked] == [b'{"n": 1}', b""]


@pytest.mark.parametrize(
    ("response", "content", "kind"),
    [
        (Response(200, {"é": 1}), '{"é": 1}'.encode(), "application/json;charset=UTF-8"),
        (Response(204), b"", "application/json;charset=UTF-8"),
        (Response(500, b"<html>", {"content-type": "text/html"}), b"<html>", "text/html"),
    ],
)
def test_an_answer_goes_back_whole(response: Response, content: bytes, kind: str) -> None:
    with serve(Echo(response)) as base:
        wire = connection(base)
        wire.request("GET", "/")
        answer = wire.getresponse()
        assert (answer.status, answer.read(), answer.headers["content-type"]) == (response.status, content, kind)
        assert answer.headers["content-length"] == str(len(content))
        wire.close()


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD"])
def test_every_method_is_answered_on_one_connection(method: str) -> None:
    echo = Echo()
    with serve(echo) as base:
        wire = connection(base)
        for _ in range(3):
            wire.request(method, "/x")
            body = wire.getresponse().read()
            assert (body == b"") == (method == "HEAD")
        wire.close()
    assert [request.method for request in echo.asked] == [method] * 3


def test_calls_are_answered_one_at_a_time() -> None:
    echo = Echo()

    def ask(number: int) -> int:
        wire = connection(base)
        wire.request("POST", f"/{number}", body=json.dumps(number))
        status = wire.getresponse().status
        wire.close()
        return status

    with serve(echo) as base, ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(64))) == [200] * 64
    assert sorted(int(request.body) for request in echo.asked) == list(range(64))


def test_the_crm_is_told_its_address_and_it_ends_with_the_block() -> None:
    before = active_count()
    with serve(Echo()) as base:
        wire = connection(base)
        wire.request("GET", "/")
        assert json.loads(wire.getresponse().read()) == {"base": base}
        wire.close()
        assert base.startswith("http://127.0.0.1:")
    with pytest.raises(ConnectionRefusedError):
        connection(base).request("GET", "/")
    assert active_count() == before


def test_two_hundred_calls_do_not_wait_for_acknowledgements() -> None:
    """Nagle's algorithm would add 40 ms to each: eight seconds in all."""
    with serve(Echo()) as base:
        wire = connection(base)
        begin = time.perf_counter()
        for _ in range(200):
            wire.request("GET", "/")
            wire.getresponse().read()
        wire.close()
        assert time.perf_counter() - begin < 4
