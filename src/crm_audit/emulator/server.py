"""Real HTTP on loopback in front of an emulated CRM.

A plain threaded server, not a framework: later faults (a reset connection, a body that drips) need the socket itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Protocol
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


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: Nagle would hold the second for 40 ms
    crm: Crm
    lock: Lock
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
        with self.lock:  # one call at a time: state needs no locks of its own
            response = self.crm.answer(request, base=self.base)
        content = response.content()
        self.send_response_only(response.status)
        headers = {
            "date": self.date_time_string(),  # an emulated CRM may put its own clock in place of this
            "content-type": "application/json;charset=UTF-8",
            **response.headers,
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = _serve

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


@contextmanager
def serve(crm: Crm, port: int = 0) -> Iterator[str]:
    """Serve an emulated CRM on 127.0.0.1 and give its address; 0 takes a free port."""
    handler = type("Handler", (_Handler,), {"crm": crm, "lock": Lock()})
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        server.daemon_threads = True
        handler.base = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]  # set on the fresh subclass
        thread = Thread(target=server.serve_forever, args=(_POLL_SECONDS,), name="emulator", daemon=True)
        thread.start()
        try:
            yield handler.base  # type: ignore[attr-defined]  # as above
        finally:
            server.shutdown()
            thread.join()
