"""Takes what CRMs send about changes, at once and without asking them anything back.

A delivery is only a hint: it says what to read again, never what is true. So whatever is lost here a night repairs, and
all that a sender can bring about is that a record is read once more. A plain threaded server of the standard library:
one address, one method, and every limit in sight.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from threading import BoundedSemaphore, Thread, Timer
from typing import cast
from urllib.parse import unquote, urlsplit

from crm_audit.connectors.base import Delivery, Forged, Mailbox
from crm_audit.errors import FixConfig, summary
from crm_audit.pull import NIGHT
from crm_audit.store import Store

PATH = "/webhooks/"
MOST = 2 * 1024 * 1024
"""Bytes of a body. HubSpot sends fewer than a hundred events at a time."""
PATIENCE = 5.0
"""Seconds for a whole message to arrive; HubSpot itself waits no longer for its answer."""
LONGEST = 15.0
"""Seconds after which a connection is cut: one that drips its headers would hold its place for ever."""
AT_ONCE = 32
"""Messages in hand at a time; HubSpot sends ten at once. Whoever comes on top finds the door shut, and tries again."""
POLL = 0.1
"""Seconds between two looks whether to stop."""

TAKEN, ODD, UNSIGNED, FOREIGN, UNKNOWN, METHOD, LENGTHLESS, LARGE, AWAY = 204, 400, 401, 403, 404, 405, 411, 413, 503
"""Only 503 says: try again. It is what every fault of ours comes to."""


class Refused(Exception):
    """What is answered in the place of 204; the reason is for our log alone."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """What a message is measured by, and what becomes of it."""

    mailboxes: Mapping[str, Mailbox]  # connection -> what opens its messages
    store: Store
    url: str  # by which CRMs know us
    now: Callable[[], datetime]
    wake: Callable[[], None]  # there is something to read
    tell: Callable[[str, int, str], None]  # connection, status, why: never a word of the body

    def take(self, target: str, headers: Mapping[str, str], body: bytes) -> int:
        """Take a POST; the status to answer."""
        name = _connection(target)
        try:
            new = self._heard(name, target, headers, body=body)
        except Refused as error:
            self.tell(name if name in self.mailboxes else "", error.status, str(error))
            return error.status
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is ours: the sender is to try again
            self.tell(name, AWAY, summary(error))
            return AWAY
        if new:
            self.wake()
        return TAKEN

    def _heard(self, name: str, target: str, headers: Mapping[str, str], *, body: bytes) -> int:
        mailbox = self.mailboxes.get(name)
        if mailbox is None:
            raise Refused(UNKNOWN, "no connection takes messages there")
        now = self.now()
        delivery = Delivery(method="POST", url=f"{self.url}{target}", headers=headers, body=body, at=now)
        try:
            mail = mailbox.open(delivery)
        except Forged as error:
            raise Refused(UNSIGNED, str(error)) from None
        except ValueError as error:
            raise Refused(ODD, str(error)) from None
        night = self.store.latest(name, reach=NIGHT)
        if night is None:
            raise Refused(AWAY, "nothing was synced yet, so whose messages these are is not known")
        if mail.accounts - {night.account.id}:
            raise Refused(FOREIGN, "it speaks of another account than the one that is audited")
        return self.store.hear(name, mail.hints, at=now) if mail.hints else 0


def _connection(target: str) -> str:
    """The name in a path; empty where it is no path of ours."""
    path = urlsplit(target).path
    return unquote(path.removeprefix(PATH)) if path.startswith(PATH) else ""


@contextmanager
def listening(receiver: Receiver, listen: str) -> Iterator[str]:
    """Take messages for as long as the context lasts; gives the address. FixConfig where it cannot be listened at."""
    host, _, port = listen.rpartition(":")
    try:
        server = _Server((host, int(port)), partial(_Handler, receiver))
    except OSError as error:
        raise FixConfig(f"receiver.listen: {listen}: {error.strerror or error}") from None
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": POLL}, daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    """Holds no more messages at once than it can."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = AT_ONCE

    def __init__(self, address: tuple[str, int], handler: Callable[..., BaseHTTPRequestHandler]) -> None:
        self._room = BoundedSemaphore(AT_ONCE)
        super().__init__(address, handler)

    def process_request(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        """Hand a connection to a thread of its own, or shut it."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        """Answer, and make room again."""
        end = Timer(LONGEST, partial(_cut, request))
        end.daemon = True
        end.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            self._room.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a sender that hung up is none of our business, and all else has been answered."""


def _cut(request: socket | tuple[bytes, socket]) -> None:
    """End both directions. To close it is not enough: whoever reads holds the descriptor, and would read on."""
    with suppress(OSError):  # it has ended by itself
        cast(socket, request).shutdown(SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """One message. Whatever is not a POST of a known length is answered before anything of it is read."""

    timeout = PATIENCE
    server_version, sys_version = "crm-audit", ""

    def __init__(self, receiver: Receiver, request: socket, client_address: object, server: _Server) -> None:
        self._receiver = receiver
        super().__init__(request, client_address, server)  # which answers

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Any method but POST."""
        if not name.startswith("do_"):
            raise AttributeError(name)
        return partial(self._answer, METHOD, Allow="POST")

    def do_POST(self) -> None:
        """Read the body and hand it on."""
        try:
            body = self._body()
        except Refused as error:
            self._receiver.tell("", error.status, str(error))
            self._answer(error.status)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._answer(self._receiver.take(self.path, headers, body))

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()) or "Transfer-Encoding" in self.headers:
            raise Refused(LENGTHLESS, "it does not say how long it is")
        if len(length) > len(str(MOST)) or int(length) > MOST:  # what is padded with zeros is no length either
            raise Refused(LARGE, f"it is longer than {MOST} bytes")
        left, parts, end = int(length), [], time.monotonic() + PATIENCE
        while left and time.monotonic() < end:
            try:
                part = self.rfile.read1(min(left, 65_536))
            except OSError:  # it has fallen silent, or hung up
                break
            if not part:
                break
            parts.append(part)
            left -= len(part)
        if left:
            raise Refused(ODD, "it ended before its end, or took too long")
        return b"".join(parts)

    def _answer(self, status: int, **headers: str) -> None:
        self.close_connection = True
        with suppress(OSError):  # it has hung up
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what is worth a line is told by the receiver, without what the sender wrote."""
