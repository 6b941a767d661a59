"""How the vendors' client libraries reach the emulator: their https calls, sent to loopback and nowhere else.

Nothing here can redirect a call to another machine, and nothing here ever lets one through to the vendor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

import requests
import urllib3
from urllib3.response import BaseHTTPResponse

from crm_audit.errors import FixConfig

LOOPBACK = ("127.0.0.1", "::1", "localhost")
CONNECT, READ = 5.0, 30.0
"""Seconds to wait where the caller names no timeout."""

Rewrite = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Loopback:
    """The address of a running emulator, such as http://127.0.0.1:8700; FixConfig if it is anything but loopback."""

    address: str

    def __post_init__(self) -> None:
        parts = _split(self.address)
        plain = parts.scheme == "http" and parts.path in ("", "/") and not (parts.query or parts.fragment)
        if not (plain and parts.hostname in LOOPBACK and parts.port and parts.username is None):
            raise FixConfig(
                f"{self.address!r} is not the address of an emulator: only http on this machine is allowed, with its "
                "port, such as http://127.0.0.1:8700"
            )

    def session(self) -> requests.Session:
        """A session for simple-salesforce: https calls to salesforce.com go to the emulator, any other is refused."""
        return _Session(self._rewrite("salesforce.com", below=True))

    def pool(self) -> urllib3.PoolManager:
        """A pool for hubspot-api-client: https calls to api.hubapi.com go to the emulator, any other is refused."""
        return _Pool(self._rewrite("api.hubapi.com", below=False))

    def _rewrite(self, domain: str, *, below: bool) -> Rewrite:
        place = _split(self.address)

        def rewrite(url: str) -> str:
            parts = _split(url)
            host = parts.hostname or ""
            meant = host.endswith(f".{domain}") if below else host == domain
            if parts.scheme != "https" or not meant or parts.username is not None or parts.port not in (None, 443):
                raise FixConfig(
                    f"a call to {parts.scheme}://{host} was stopped: this connection is to the emulator at "
                    f"{self.address}, which stands only for https calls to {domain}"
                )
            return urlunsplit(("http", place.netloc, parts.path, parts.query, ""))

        return rewrite


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise FixConfig(f"{url!r} is not an address: {error}") from None
    return parts


class _Session(requests.Session):
    def __init__(self, rewrite: Rewrite) -> None:
        super().__init__()
        self.trust_env = False  # no proxy and no .netrc from the environment
        self._rewrite = rewrite

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # noqa: ANN401  # passed on
        """Send to the emulator; the name that the client meant stays in the Host header."""
        meant = request.url or ""
        request.url = self._rewrite(meant)
        request.headers["Host"] = _split(meant).hostname or ""
        kwargs["proxies"] = {}
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = (CONNECT, READ)
        return super().send(request, **kwargs)


class _Pool(urllib3.PoolManager):
    def __init__(self, rewrite: Rewrite) -> None:
        super().__init__()
        self._rewrite = rewrite

    def urlopen(self, method: str, url: str, *args: Any, **kw: Any) -> BaseHTTPResponse:  # noqa: ANN401  # passed on
        """Send to the emulator; a redirect away from the vendor's name is refused like any other call."""
        if kw.get("timeout") is None:
            kw["timeout"] = urllib3.Timeout(connect=CONNECT, read=READ)
        return super().urlopen(method, self._rewrite(url), *args, **kw)
