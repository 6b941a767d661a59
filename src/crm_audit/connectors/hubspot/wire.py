"""What hubspot-api-client takes for its connection pool: one host, one deadline, one retry layer, every call counted.

A call is sent once by the library and repeated only here, waits for its turn, follows no redirect, and may neither last
nor weigh without bounds. Tokens and bodies reach neither logs nor error texts.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import urllib3
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential
from urllib3.response import BaseHTTPResponse

from crm_audit.connectors.base import Calls
from crm_audit.connectors.hubspot.limits import Pace, budget_of
from crm_audit.connectors.hubspot.names import HOST
from crm_audit.connectors.hubspot.refusals import Again, refusal
from crm_audit.errors import FixInCrm, Retry

TIMEOUT = urllib3.Timeout(connect=10, read=60)
DEADLINE = 180.0  # seconds for a whole answer: a server that drips a byte now and then keeps within any read timeout
HEAVIEST = 64 * 2**20  # bytes; 1,000 deals with 500 contacts each stay below
PIECE = 2**16
ATTEMPTS = 5
"""Sends of one call, the first included; after that its stream is parked until the next run."""

_DATED = re.compile(r"^/(?:crm/v[34]/(objects|pipelines|properties|owners|associations)|(account-info|settings)/v3)")
_QUIET = re.compile(r"/(?:v[34]|20\d\d-\d\d)(?=/|$)")


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer, in the shape in which the library hands it through."""

    status: int
    body: object


class Wire:
    """Sends calls until they are answered."""

    def __init__(self, pool: urllib3.PoolManager, calls: Calls, *, version: str, pace: Pace) -> None:
        self.told: datetime | None = None  # HubSpot's own time, as its last answer had it
        self._pool = pool
        self._calls = calls
        self._version = version
        self._pace = pace
        self._again = Retrying(
            retry=retry_if_exception_type(Again),
            wait=_wait,
            stop=stop_after_attempt(ATTEMPTS),
            sleep=pace.sleep,
            reraise=True,
        )

    def request(self, method: str, url: str, **how: object) -> Answer:
        """Send until it is answered; raises one of our errors for anything but a good answer."""
        path, query = _split(url)
        how |= {"timeout": TIMEOUT, "preload_content": False, "retries": False, "redirect": False}
        address = HOST + dated(path, self._version) + query
        return self._again(self._once, method, address, name=_short(path), how=how)

    def _once(self, method: str, address: str, *, name: str, how: dict[str, Any]) -> Answer:
        self._pace.take(budget_of(name))
        self._calls.count(name, writes=method != "GET" and not name.endswith(("/read", "/search")))
        try:
            response = self._pool.request(method, address, **how)
            body = self._body(response, name)
        except urllib3.exceptions.NewConnectionError:
            raise Retry(f"cannot reach {HOST}: nothing answers there; check the network or the proxy") from None
        except urllib3.exceptions.SSLError as error:
            raise FixInCrm(f"{HOST} shows a certificate that is not trusted here ({type(error).__name__})") from None
        except urllib3.exceptions.HTTPError as error:
            raise Again(f"the connection to {HOST} broke off during {name} ({type(error).__name__})") from None
        self._pace.learn(budget_of(name), response.headers)
        self.told = _date(response.headers.get("Date")) or self.told
        if 200 <= response.status <= 299:
            return Answer(response.status, _parsed(body, name))
        raise refusal(response.status, body, headers=response.headers, name=name)

    def _body(self, response: BaseHTTPResponse, name: str) -> bytes:
        """The whole body, piece by piece as it comes in, unless it takes too long or grows too large."""
        until, body = self._pace.monotonic() + DEADLINE, bytearray()
        while piece := response.read1(PIECE):
            body += piece
            if len(body) > HEAVIEST or self._pace.monotonic() > until:
                response.close()
                what = f"is larger than {HEAVIEST >> 20} MB" if len(body) > HEAVIEST else f"takes over {DEADLINE:.0f} s"
                raise Retry(f"HubSpot's answer to {name} {what}; it was not waited for")
        response.release_conn()
        return bytes(body)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    stated = error.after if isinstance(error, Again) else 0.0
    return max(stated, wait_random_exponential(multiplier=1, max=30)(state))


def _date(stated: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(stated or "").astimezone(UTC)
    except ValueError:
        return None


def _split(url: str) -> tuple[str, str]:
    path, mark, query = url.removeprefix(HOST).partition("?")
    return path.rstrip("/"), mark + query


def dated(path: str, version: str) -> str:
    """The dated form of a v3 or v4 path; unchanged where the version asked for is `v3`."""
    if version == "v3":
        return path
    known = _DATED.match(path)
    if known is None:
        return path
    if known[1]:
        return f"/crm/{known[1]}/{version}{path[known.end() :]}"
    family, _, rest = path[known.end() :].removeprefix("/").partition("/")
    if known[2] == "settings":
        return f"/settings/{family}/{version}/{rest}"
    return f"/account-info/{version}/{family}"


def _short(path: str) -> str:
    return _QUIET.sub("", path).removeprefix("/crm/").removeprefix("objects/").strip("/")


def _parsed(body: bytes, name: str) -> object:
    try:
        return json.loads(body, parse_float=Decimal)
    except ValueError:
        raise Again(f"HubSpot answered {name} with something that is not JSON") from None
