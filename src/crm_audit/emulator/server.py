"""Real HTTP on loopback in front of an emulated CRM.

A plain threaded server, not a framework: faults (a reset connection, a body that drips) need the socket itself.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

_POLL_SECONDS = 0.02
"""How often the server looks whether it should stop; tests start and stop hundreds."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call as it came over the wire. `path` is still percent-encoded; header names are lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    target: str = ""
    """Path and query as they came: what a limit on the length of a URI is about."""

    def json(self) -> object:
        """The body as JSON; raises ValueError."""
        return json.loads(self.body)

    def first(self, name: str, default: str | None = None) -> str | None:
        """The first query parameter of that name."""
        return next((value for key, value in self.query if key == name), default)

    def every(self, name: str) -> list[str]:
        """All query parameters of that name, comma lists split."""
        return [part for key, value in self.query if key == name for part in value.split(",") if part]


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; a body that is not bytes is sent as JSON, None as an empty body."""

    status: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        """The body as sent."""
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body, ensure_ascii=False).encode()


class Crm(Protocol):
    """An emulated CRM: state behind one function."""

    def answer(self, request: Request, *, base: str) -> Response:
        """Answer one call; `base` is the address under which the emulator is reached."""


class Wire(Protocol):
    """The way back of one call, byte by byte."""

    def head(self, response: Response, *, length: int | None) -> None:
        """Send status and headers; without a length the body ends with the connection."""

    def write(self, content: bytes) -> None:
        """Send a piece of the body, which a HEAD does not get; raises ConnectionError if nobody listens any more."""

    def wait(self, seconds: float) -> bool:
        """Let real time pass; False, and the connection closed, as soon as the server stops."""

    def close(self) -> None:
        """Close the connection in good order after this call."""

    def reset(self) -> None:
        """Break the connection off at once: the client sees a reset."""


Deliver = Callable[[Wire, Response], None]


class Script(Protocol):
    """What may come between a call and its answer."""

    def meet(self, request: Request, ask: Callable[[], Response]) -> tuple[Response, Deliver]:
        """The answer to a call, which may be the CRM's if it is asked, and how to deliver it."""


def plainly(wire: Wire, response: Response) -> None:
    """Deliver an answer as a server should."""
    content = response.content()
    wire.head(response, length=len(content))
    wire.write(content)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: Nagle would hold the second for 40 ms
    crm: Crm
    script: Script | None
    lock: Lock
    stopping: Event
    base: str

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=parts.path,
            query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=b"".join(self._pieces()),
            target=self.path,
        )
        ask = partial(self.crm.answer, request, base=self.base)
        with self.lock:  # one call at a time: state needs no locks of its own
            response, deliver = self.script.meet(request, ask) if self.script else (ask(), plainly)
        deliver(self, response)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = _serve

    def head(self, response: Response, *, length: int | None) -> None:
        self.send_response_only(response.status)
        headers = {
            "date": self.date_time_string(),  # an emulated CRM may put its own clock in place of this
            "content-type": "application/json;charset=UTF-8",
            **response.headers,
        }
        for name, value in headers.items():
            self.send_header(name, value)
        if length is None:
            self.send_header("connection", "close")
        else:
            self.send_header("content-length", str(length))
        self.end_headers()

    def write(self, content: bytes) -> None:
        if self.command != "HEAD":
            self.wfile.write(content)

    def wait(self, seconds: float) -> bool:
        stopping = self.stopping.wait(seconds)
        self.close_connection |= stopping
        return not stopping

    def close(self) -> None:
        self.close_connection = True

    def reset(self) -> None:
        self.close()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())  # the server's own way would first say good-bye

    def _pieces(self) -> Iterator[bytes]:
        """The body of a call: one piece of a known length, or chunks (RFC 9112, 7.1), as clients on Node send it."""
        if "chunked" not in (self.headers.get("transfer-encoding") or "").lower():
            yield self.rfile.read(int(self.headers.get("content-length") or 0))
            return
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers
            pass

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the emulator keeps its own transcript."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 -- as the base class has it
        """Tell of everything but a client that hung up, which it may do when it likes."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serve(crm: Crm, port: int = 0, *, faults: Script | None = None) -> Iterator[str]:
    """Serve an emulated CRM on 127.0.0.1 and give its address; 0 takes a free port."""
    stopping = Event()
    handler = type("Handler", (_Handler,), {"crm": crm, "script": faults, "lock": Lock(), "stopping": stopping})
    with _Server(("127.0.0.1", port), handler) as server:
        handler.base = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]  # set on the fresh subclass
        thread = Thread(target=server.serve_forever, args=(_POLL_SECONDS,), name="emulator", daemon=True)
        thread.start()
        try:
            yield handler.base  # type: ignore[attr-defined]  # as above
        finally:
            stopping.set()
            server.shutdown()
            thread.join()
