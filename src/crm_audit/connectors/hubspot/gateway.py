"""The only code that touches hubspot-api-client, and what that library does badly.

Every call goes out through one pool with a timeout, is sent once by the library and repeated only here, follows no
redirect, and comes back as plain JSON. Tokens and bodies reach neither logs nor error texts.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from email.utils import parsedate_to_datetime
from types import ModuleType
from typing import Any, TypeVar

import urllib3
from hubspot import HubSpot
from hubspot.discovery.discovery_base import DiscoveryBase
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from crm_audit.connectors.base import Calls
from crm_audit.connectors.hubspot.names import HOST, VERSION
from crm_audit.errors import BadLogin, CrmAuditError, FixInCrm, NoAccess, OutOfQuota, Retry

T = TypeVar("T")
Json = dict[str, Any]
"""A JSON object of HubSpot's; it becomes typed records in the mapping modules and goes no further."""

TIMEOUT = urllib3.Timeout(connect=10, read=60)
ATTEMPTS = 5
LONGEST_WAIT = 60.0  # seconds; a longer Retry-After ends the run instead of sleeping through it
LOCKED_FOR = 2.0  # a locked record (423) stays locked for two seconds

PAGE, PAGE_WITH_HISTORY, BATCH, ASSOCIATIONS, OWNERS = 100, 50, 100, 1000, 500
"""HubSpot's own limits: records listed, listed or read with history, read or written, associated, owners."""

NOTHING_THERE = ("NO_ASSOCIATIONS_FOUND", "OBJECT_NOT_FOUND")

_DATED = re.compile(r"^/(?:crm/v[34]/(objects|pipelines|properties|owners|associations)|(account-info|settings)/v3)")
_QUIET = re.compile(r"/(?:v[34]|20\d\d-\d\d)(?=/|$)")


class Refused(FixInCrm):
    """HubSpot refuses this request for good; the text is its own."""


class _Again(Retry):
    """Worth another try; `after` is the least wait in seconds."""

    def __init__(self, text: str, after: float = 0.0) -> None:
        super().__init__(text)
        self.after = after


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer, in the shape in which the library hands it through."""

    status: int
    body: object


class Wire:
    """What the library takes for its connection pool: one host, one timeout, one retry layer, every call counted."""

    def __init__(
        self, pool: urllib3.PoolManager, calls: Calls, *, version: str, sleep: Callable[[float], None]
    ) -> None:
        self._pool = pool
        self._calls = calls
        self._version = version
        self._again = Retrying(
            retry=retry_if_exception_type(_Again),
            wait=_wait,
            stop=stop_after_attempt(ATTEMPTS),
            sleep=sleep,
            reraise=True,
        )

    def request(self, method: str, url: str, **how: object) -> Answer:
        """Send until it is answered; raises one of our errors for anything but a good answer."""
        path, query = _split(url)
        how |= {"timeout": TIMEOUT, "preload_content": True, "retries": False, "redirect": False}
        address = HOST + dated(path, self._version) + query
        return self._again(self._once, method, address, name=_short(path), how=how)

    def _once(self, method: str, address: str, *, name: str, how: Json) -> Answer:
        self._calls.count(name, writes=method != "GET" and not name.endswith(("/read", "/search")))
        try:
            response = self._pool.request(method, address, **how)
        except urllib3.exceptions.NewConnectionError:
            raise Retry(f"cannot reach {HOST}: nothing answers there; check the network or the proxy") from None
        except urllib3.exceptions.SSLError as error:
            raise FixInCrm(f"{HOST} shows a certificate that is not trusted here ({type(error).__name__})") from None
        except urllib3.exceptions.HTTPError as error:
            raise _Again(f"the connection to {HOST} broke off during {name} ({type(error).__name__})") from None
        if 200 <= response.status <= 299:
            return Answer(response.status, _parsed(response.data, name))
        raise refusal(response.status, response.data, headers=response.headers, name=name)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    stated = error.after if isinstance(error, _Again) else 0.0
    return max(stated, wait_random_exponential(multiplier=1, max=30)(state))


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
        raise _Again(f"HubSpot answered {name} with something that is not JSON") from None


def refusal(status: int, body: bytes, *, headers: Mapping[str, str], name: str) -> CrmAuditError:
    """The error that an answer of 3xx, 4xx or 5xx stands for, classed by what the reader does next."""
    said = _said(body)
    if status == 401:
        return BadLogin("HubSpot does not accept the access token: it is wrong, expired or revoked")
    if status == 403:
        return NoAccess(f"HubSpot refuses {name}: {_missing(said)}")
    if status == 429 and said.get("policyName") == "DAILY":
        return OutOfQuota("HubSpot's calls of the day are used up; they are back at midnight in the portal's zone")
    if status in (423, 429, 477) or status >= 500:
        return _throttled(status, headers, name=name)
    return Refused(f"HubSpot refuses {name} ({status}): {said.get('message', 'without saying why')}")


def _said(body: bytes) -> Json:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _missing(said: Json) -> str:
    contexts = [error.get("context") or {} for error in said.get("errors") or ()]
    scopes = [scope for context in contexts for scope in context.get("requiredScopes") or ()]
    if scopes:
        return "add the scope " + ", ".join(dict.fromkeys(scopes)) + " to the app whose token this is"
    return str(said.get("message", "a scope or a permission is missing"))


def _throttled(status: int, headers: Mapping[str, str], *, name: str) -> Retry:
    stated = seconds(headers.get("Retry-After"), headers.get("Date"))
    if stated > LONGEST_WAIT:
        return Retry(f"HubSpot asks to come back to {name} in {stated:.0f} seconds ({status}); run again then")
    return _Again(f"HubSpot does not serve {name} just now ({status})", max(stated, LOCKED_FOR if status == 423 else 0))


def seconds(stated: str | None, now: str | None) -> float:
    """A Retry-After header in seconds, a date measured against the server's own clock; 0 where it says nothing."""
    if not stated:
        return 0.0
    try:
        return max(0.0, float(stated))
    except ValueError:
        pass
    try:
        until, since = parsedate_to_datetime(stated), parsedate_to_datetime(now or "")
        return max(0.0, (until - since).total_seconds())
    except (TypeError, ValueError):  # garbage, or one of the two without a zone
        return 0.0


class Gateway:
    """HubSpot's endpoints as this program uses them: plain JSON in and out, paged and cut to HubSpot's limits."""

    def __init__(
        self,
        token: str,
        *,
        pool: urllib3.PoolManager | None = None,
        version: str = VERSION,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.calls = Calls()
        self._wire = Wire(pool or urllib3.PoolManager(), self.calls, version=version, sleep=sleep)
        self._apis: dict[tuple[str, str], Any] = {}
        self._client = HubSpot(
            access_token=token,
            retry=False,
            api_factory=lambda package, name, config: self._api(package, name, config=config),
        )

    def _api(self, package: ModuleType, name: str, *, config: Mapping[str, object]) -> object:
        """Each API object once, on our wire; by itself the library opens a new pool at every access."""
        key = (package.__name__, name)
        if key not in self._apis:
            api = DiscoveryBase._default_api_factory(package, name, config)
            api.api_client.rest_client.pool_manager = self._wire
            self._apis[key] = api
        return self._apis[key]

    def _get(self, path: str) -> Json:
        """A path that the library has no method for."""
        api = self._client.crm.objects.basic_api.api_client
        answer = api.call_api(path, "GET", auth_settings=["oauth2"], _preload_content=False)
        return _object(answer)

    def details(self) -> Json:
        """The portal: `portalId`, `timeZone`, `companyCurrency`, `additionalCurrencies`, `uiDomain`."""
        return self._get("/account-info/v3/details")

    def rates(self) -> list[Json]:
        """Exchange rates of today, each from one currency into the company's."""
        return _results(self._get("/settings/v3/currencies/exchange-rates/current"))

    def pipelines(self) -> list[Json]:
        """The deal pipelines with their stages."""
        return _results(_object(self._client.crm.pipelines.pipelines_api.get_all("deals", _preload_content=False)))

    def properties(self, kind: str) -> list[Json]:
        """The definitions of all properties of an object."""
        return _results(_object(self._client.crm.properties.core_api.get_all(kind, _preload_content=False)))

    def labels(self, kind: str, other: str) -> list[Json]:
        """The association types between two objects: `category`, `typeId`, `label`."""
        api = self._client.crm.associations.v4.schema.definitions_api
        return _results(_object(api.get_all(kind, other, _preload_content=False)))

    def owners(self, *, archived: bool, after: str | None = None) -> tuple[list[Json], str | None]:
        """A page of owners and where to go on."""
        api = self._client.crm.owners.owners_api
        more = {"after": after} if after else {}
        return _page(_object(api.get_page(limit=OWNERS, archived=archived, _preload_content=False, **more)))

    def all_owners(self, *, archived: bool) -> Iterator[Json]:
        """All owners, one by one."""
        after: str | None = None
        while True:
            found, after = self.owners(archived=archived, after=after)
            yield from found
            if after is None:
                return

    def page(
        self, query: Query, after: str | None = None, *, limit: int | None = None
    ) -> tuple[list[Json], str | None]:
        """A page of records and where to go on."""
        most = PAGE_WITH_HISTORY if query.history else PAGE
        how: Json = {"limit": min(limit or most, most), "archived": query.archived}
        if query.properties:
            how["properties"] = list(query.properties)
        if query.history:
            how["properties_with_history"] = list(query.history)
        if after:
            how["after"] = after
        return _page(_object(self._client.crm.objects.basic_api.get_page(query.kind, _preload_content=False, **how)))

    def read(self, kind: str, ids: Iterable[str], *, properties: Iterable[str]) -> dict[str, Json]:
        """Records by id; one that is gone, or now lives under another id, is left out."""
        wanted = list(dict.fromkeys(ids))
        api, found = self._client.crm.objects.batch_api, {}
        for some in cut(wanted, BATCH):
            body = {"inputs": [{"id": one} for one in some], "properties": list(properties)}
            answer = _object(api.read(kind, body, _preload_content=False))
            _none_withheld(answer, kind)
            for record in _results(answer):
                found[str(record["id"])] = record
        return {one: found[one] for one in wanted if one in found}

    def associated(self, kind: str, other: str, *, ids: Iterable[str]) -> dict[str, list[Json]]:
        """For each record the records of the other kind, each with its `toObjectId` and `associationTypes`."""
        found: dict[str, list[Json]] = {}
        asked: list[Json] = [{"id": one} for one in ids]
        api = self._client.crm.associations.v4.batch_api
        while asked:
            some, asked = asked[:ASSOCIATIONS], asked[ASSOCIATIONS:]
            answer = _object(api.get_page(kind, other, {"inputs": some}, _preload_content=False))
            _none_withheld(answer, f"associations of {kind} with {other}")
            for row in _results(answer):
                one = str(row["from"]["id"])
                found.setdefault(one, []).extend(row["to"])
                after = _after(row)
                if after:
                    asked.append({"id": one, "after": after})
        return found

    def update(self, kind: str, inputs: list[Json]) -> Json:
        """Set properties of at most 100 records: `results`, and `errors` for those refused (207)."""
        api = self._client.crm.objects.batch_api
        return _object(api.update(kind, {"inputs": inputs}, _preload_content=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which records to list, and what of them; properties that do not exist are silently left out by HubSpot."""

    kind: str
    properties: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    archived: bool = False


def cut(items: list[T], size: int) -> Iterable[list[T]]:
    """A list in pieces of at most that size."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _object(answer: Answer) -> Json:
    if not isinstance(answer.body, dict):
        raise Retry("HubSpot answered with something that is not an object; try again later")
    return answer.body


def _results(answer: Json) -> list[Json]:
    return list(answer.get("results") or ())


def _none_withheld(answer: Json, name: str) -> None:
    """A record without associations is an error of its own to HubSpot; any other error hides some from us."""
    for error in answer.get("errors") or ():
        said = f"{error.get('category')} {error.get('subCategory')}"
        if not any(known in said for known in NOTHING_THERE):
            raise Retry(f"HubSpot left out {name}: {error.get('message', 'without saying why')}")


def _page(answer: Json) -> tuple[list[Json], str | None]:
    return _results(answer), _after(answer)


def _after(answer: Json) -> str | None:
    """Where to go on. `paging.next.link` is never followed: it names a host of its own."""
    after = ((answer.get("paging") or {}).get("next") or {}).get("after")
    return str(after) if after else None
