"""Scripts of faults in front of a tiny CRM, as a client sees them and as a bare socket does."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from random import Random
from threading import active_count
from urllib.parse import urlsplit

import pytest
import requests
import urllib3

from crm_audit.emulator.faults import (
    BUSY,
    LOGIN_PAGE,
    NOTHING,
    Action,
    Change,
    Cut,
    CutGzip,
    Delay,
    Drip,
    Endless,
    Fault,
    Faults,
    NotGzip,
    Reset,
    is_read,
)
from crm_audit.emulator.server import Request, Response, serve

DEADLINE = 0.3
"""Seconds after which a client of these tests has had enough."""


class Counter:
    """A CRM that counts what reaches it, and answers with the number."""

    def __init__(self) -> None:
        self.asked = 0
        self.field = "n"

    def answer(self, request: Request, *, base: str) -> Response:
        self.asked += 1
        return Response(200, {self.field: self.asked, "long": "x" * 200})


@contextmanager
def faulty(*faults: Fault, crm: Counter | None = None) -> Iterator[tuple[str, Faults]]:
    script = Faults().add(*faults)
    with serve(crm or Counter(), faults=script) as base:
        yield base, script


def numbers(base: str, times: int, *, path: str = "/x") -> list[int]:
    """The CRM's number, or the status where that is not 200, of so many calls one after another."""
    answers = [requests.get(base + path, timeout=5) for _ in range(times)]
    return [answer.json()["n"] if answer.ok else answer.status_code for answer in answers]


def raw(base: str, *, head: str = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n") -> socket.socket:
    """A socket over which one call has been sent."""
    host = urlsplit(base)
    wire = socket.create_connection((host.hostname or "", host.port or 0), timeout=5)
    wire.sendall(head.encode())
    return wire


def read(wire: socket.socket, *, until: Callable[[bytes], bool] = lambda got: False) -> bytes:
    """What comes until the other side closes, or until it is enough."""
    got = b""
    with wire:
        while (piece := wire.recv(65536)) and not until(got + piece):
            got += piece
    return got + piece


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("/x", Response(503)), [503, 1, 2, 3, 4, 5]),
        (Fault("/x", Response(503), nth=3), [1, 2, 503, 3, 4, 5]),
        (Fault("/x", Response(503), nth=2, every=2), [1, 503, 2, 503, 3, 503]),
        (Fault("/x", Response(503), nth=4, every=1), [1, 2, 3, 503, 503, 503]),
        (Fault("^POST", Response(503)), [1, 2, 3, 4, 5, 6]),
        (Fault("^GET /[wxy]$", Response(503)), [503, 1, 2, 3, 4, 5]),
        (Fault("", Response(503), where=lambda request: request.first("q") is not None), [1, 2, 3, 4, 5, 6]),
    ],
)
def test_a_fault_comes_at_its_turn_and_the_crm_never_hears_of_it(fault: Fault, expected: list[int]) -> None:
    with faulty(fault) as (base, script):
        assert numbers(base, 6) == expected
        assert len(script.seen) == 6
        assert len(script.fired) == sum(number > 100 for number in expected)


def test_faults_queue_for_calls_that_both_match() -> None:
    with faulty() as (base, script):
        script.next("/x", Response(500), Response(502)).next("", Response(504))
        assert numbers(base, 4) == [500, 502, 504, 1]


def test_the_script_tells_what_happened_and_what_did_not() -> None:
    late = Fault("/never", Reset())
    with faulty(Fault("/x", Response(500), nth=2), late) as (base, script):
        numbers(base, 3)
        ((fired),) = script.fired
        assert (fired.call, fired.request.path, fired.fault.action) == (2, "/x", Response(500))
        assert script.waiting == [late]
        assert script.counts == {"Response": 1}
        script.clear()
        assert script.waiting == []
        assert numbers(base, 1, path="/never") == [3]


@pytest.mark.parametrize(("answer", "length"), [(LOGIN_PAGE, 54), (NOTHING, 0)])
def test_a_good_status_may_carry_nothing_good(answer: Response, length: int) -> None:
    with faulty(Fault("", answer)) as (base, _):
        got = requests.get(base, timeout=5)
        assert (got.status_code, len(got.content)) == (200, length)
        with pytest.raises(requests.JSONDecodeError):
            got.json()


def test_too_many_calls_say_when_to_come_again() -> None:
    with faulty(Fault("", BUSY)) as (base, _):
        got = requests.get(base, timeout=5)
        assert (got.status_code, got.headers["retry-after"]) == (429, "1")


@pytest.mark.parametrize(("after", "asked"), [(None, 0), (-1, 1), (0, 1), (50, 1)])
def test_a_reset_is_a_reset_whether_or_not_the_crm_has_heard(after: int | None, asked: int) -> None:
    crm = Counter()
    with faulty(Fault("", Reset(after)), crm=crm) as (base, _):
        with pytest.raises(ConnectionResetError):
            read(raw(base))
        assert crm.asked == asked
        assert numbers(base, 1) == [asked + 1]


def test_a_reset_in_the_body_lets_its_beginning_through() -> None:
    with faulty(Fault("", Reset(50))) as (base, _), raw(base) as wire:
        assert wire.recv(5) == b"HTTP/"
    with faulty(Fault("", Reset(50))) as (base, _), pytest.raises(requests.RequestException, match="reset"):
        requests.get(base, timeout=5)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_cut_body_is_shorter_than_it_says_and_ends_in_good_order(share: float) -> None:
    with faulty(Fault("", Cut(share))) as (base, _):
        head, _, body = read(raw(base)).partition(b"\r\n\r\n")
        stated = int(head.lower().partition(b"content-length: ")[2].split()[0])
        assert len(body) == int(stated * share) < stated
    with faulty(Fault("", Cut(share))) as (base, _), pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(base, timeout=5)


def test_what_claims_to_be_compressed_is_not() -> None:
    with faulty(Fault("", NotGzip())) as (base, _):
        assert json.loads(read_unpacked(base))["n"] == 1
    with faulty(Fault("", NotGzip())) as (base, _), pytest.raises(requests.exceptions.ContentDecodingError):
        requests.get(base, timeout=5)


def test_cut_compression_has_the_right_length_and_no_end() -> None:
    with faulty(Fault("", CutGzip(0.5))) as (base, _), pytest.raises(EOFError):
        gzip.decompress(read_unpacked(base))
    with faulty(Fault("", CutGzip(1.0))) as (base, _):
        assert requests.get(base, timeout=5).json()["n"] == 1


def read_unpacked(base: str) -> bytes:
    """The body exactly as it was sent."""
    answer = urllib3.request("GET", base, preload_content=False, timeout=5)
    assert answer.headers["content-encoding"] == "gzip"
    return answer.read(decode_content=False)


def patience(base: str) -> int:
    """How many bytes of the body come before the deadline; no single read waits that long."""
    end = time.monotonic() + DEADLINE
    got = 0
    with requests.get(base, timeout=DEADLINE, stream=True) as answer:
        for piece in answer.iter_content(1 if "content-length" in answer.headers else 65536):
            got += len(piece)
            if time.monotonic() > end:
                break
    return got


def test_a_drip_outlives_every_timeout_between_bytes() -> None:
    with faulty(Fault("", Drip(DEADLINE / 20))) as (base, _):
        assert 2 <= patience(base) <= 21


def test_an_endless_body_goes_on_for_as_long_as_somebody_reads(capfd: pytest.CaptureFixture[str]) -> None:
    with faulty(Fault("", Endless())) as (base, _):
        assert patience(base) > 2**20
        assert numbers(base, 1) == [2]
    assert capfd.readouterr().err == ""  # that somebody hangs up is no news


def test_a_delay_passes_the_patience_of_one_client_and_not_of_another() -> None:
    with faulty(Fault("", Delay(0.1), every=1)) as (base, _):
        with pytest.raises(requests.exceptions.ReadTimeout):
            requests.get(base, timeout=0.02)
        assert numbers(base, 1) == [2]


def test_other_calls_go_on_while_one_waits() -> None:
    with faulty(Fault("/slow", Delay(30))) as (base, _), raw(base, head="GET /slow HTTP/1.1\r\n\r\n"):
        assert numbers(base, 2) == [1, 2] or numbers(base, 1) == [4]  # the slow one has its number already or not


@pytest.mark.parametrize("action", [Delay(30), Drip(30)])
def test_the_server_ends_without_waiting_for_a_fault(action: Action) -> None:
    begin, before = time.monotonic(), active_count()
    with faulty(Fault("", action)) as (base, script):
        wire = raw(base)
        while not script.fired:
            assert time.monotonic() - begin < 5
    with wire:
        while active_count() > before:
            assert time.monotonic() - begin < 5


def test_the_crm_changes_between_two_calls() -> None:
    crm = Counter()

    def rename() -> None:
        crm.field = "renamed"

    before, after = Fault("/x", Change(before=rename), nth=3), Fault("/x", Change(after=rename), nth=2)
    for fault in (before, after):
        crm.field = "n"
        with faulty(fault, crm=crm) as (base, script):
            answers = [requests.get(f"{base}/x", timeout=5).json() for _ in range(3)]
            assert [next(iter(answer)) for answer in answers] == ["n", "n", "renamed"]
            assert script.counts == {"Change": 1}


def test_a_change_takes_no_call_from_what_follows_it() -> None:
    seen: list[str] = []
    change = Fault("", Change(before=lambda: seen.append("before"), after=lambda: seen.append("after")), every=1)
    with faulty(change, Fault("", Response(500))) as (base, _):
        assert numbers(base, 2) == [500, 1]
    assert seen == ["before", "after"] * 2


def test_a_head_has_no_body_to_spoil() -> None:
    with faulty(Fault("", Cut(0.5))) as (base, _):
        assert requests.head(base, timeout=5).content == b""


def test_chance_is_seeded_and_strikes_reads_only() -> None:
    def struck(seed: int) -> list[tuple[int, str]]:
        with faulty() as (base, script):
            added = script.random(Random(seed), count=5, within=12)
            for call in range(24):
                requests_or_trouble("POST" if call % 2 else "GET", base)
            assert script.waiting == []
            assert {fired.request.method for fired in script.fired} == {"GET"}
            assert [fired.fault for fired in script.fired] == added
            return [(fired.call, repr(fired.fault.action)) for fired in script.fired]

    assert struck(1) == struck(1)
    assert struck(1) != struck(2)


def requests_or_trouble(method: str, base: str) -> None:
    with suppress(requests.RequestException):
        requests.request(method, base, timeout=5)


def test_chance_may_choose_among_given_actions() -> None:
    script = Faults()
    added = script.random(Random(3), count=4, within=4, actions=[Reset()])
    assert script.waiting == added
    assert [fault.action for fault in added] == [Reset()] * 4
    assert [fault.nth for fault in added] == [1] * 4  # each in turn, as the one before has taken its call


@pytest.mark.parametrize(
    ("method", "path", "body", "reads"),
    [
        ("GET", "/crm/objects/2026-09/deals", None, True),
        ("POST", "/crm/objects/2026-09/deals/batch/read", {}, True),
        ("POST", "/crm/objects/2026-09/deals/search", {}, True),
        ("POST", "/crm/objects/2026-09/deals/batch/update", {}, False),
        ("PATCH", "/services/data/v66.0/composite/sobjects", {}, False),
        ("POST", "/services/data/v66.0/jobs/query", {}, True),
        ("POST", "/services/data/v66.0/composite", {"compositeRequest": [{"method": "GET"}]}, True),
        ("POST", "/services/data/v66.0/composite", {"compositeRequest": [{"method": "PATCH"}]}, False),
        ("POST", "/services/data/v66.0/composite", [], False),
        ("POST", "/services/oauth2/token", None, False),
        ("DELETE", "/services/data/v66.0/jobs/query/750", None, False),
    ],
)
def test_what_counts_as_a_read(method: str, path: str, body: object, reads: bool) -> None:
    request = Request(method=method, path=path, query=(), headers={}, body=json.dumps(body).encode())
    assert is_read(request) is reads
