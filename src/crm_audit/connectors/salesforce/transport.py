"""What every call to Salesforce is held to: a time in all, a size in all, and more than a few connections.

The client library has no limit of its own, and a read timeout is none: it starts anew with every byte that drips in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import requests
from requests.adapters import HTTPAdapter

TIMEOUT = (5.0, 120.0)
"""Seconds to connect and between two bytes. Salesforce itself ends a call after ten minutes; a page takes seconds."""
LONGEST = 900.0
"""Seconds for one whole answer: a little more than the ten minutes after which Salesforce gives up."""
LARGEST = 1_100_000_000
"""Bytes of one answer: Bulk results may have 1 GB, everything else is far below."""
CONNECTIONS = 32
"""Kept open at once; the library's default of ten fills up when several jobs are read."""

_PIECE = 64 * 1024


class Held(HTTPAdapter):
    """Sends calls, and gives up on an answer that takes too long or has no end."""

    def __init__(self, tick: Callable[[], float] = time.monotonic, *, largest: int = LARGEST) -> None:
        self._tick = tick
        self._largest = largest
        super().__init__(pool_connections=CONNECTIONS, pool_maxsize=CONNECTIONS)

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:  # noqa: ANN401  # urllib3's
        """The answer as always, but its body is read within the time and the size that it may have."""
        answer: requests.Response = super().build_response(req, resp)
        until = self._tick() + LONGEST
        answer.raw = _Timed(answer.raw, tick=self._tick, until=until, left=self._largest)
        return answer


class _Timed:
    """A raw answer that is read as the bytes come in, so that the time is looked at between any two of them."""

    def __init__(self, raw: Any, *, tick: Callable[[], float], until: float, left: int) -> None:  # noqa: ANN401  # urllib3's
        self._raw = raw
        self._tick = tick
        self._until = until
        self._left = left

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # whatever else requests wants of urllib3's answer
        return getattr(self._raw, name)

    def stream(self, amount: int = _PIECE, decode_content: bool | None = None) -> Iterator[bytes]:
        """The body in pieces; raises where it takes too long, is too large, or ends too early."""
        del amount  # a full piece may take for ever; what has come is enough
        while piece := self._raw.read1(_PIECE, decode_content=decode_content):
            self._left -= len(piece)
            if self._left < 0:
                raise requests.exceptions.ContentDecodingError("the answer has no end")
            if self._tick() > self._until:
                raise requests.exceptions.ReadTimeout("the whole answer took too long")
            yield piece


def held(session: requests.Session) -> requests.Session:
    """The session, with every call of it held to the limits."""
    session.mount("https://", Held())
    session.mount("http://", Held())
    return session
