"""HubSpot's endpoints as this program uses them; with `wire` the only code that touches hubspot-api-client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import ModuleType
from typing import Any, TypeVar
from urllib.request import getproxies, proxy_bypass

import urllib3
from hubspot import HubSpot
from hubspot.discovery.discovery_base import DiscoveryBase

from crm_audit.connectors.base import Calls
from crm_audit.connectors.hubspot.limits import Pace
from crm_audit.connectors.hubspot.names import VERSION
from crm_audit.connectors.hubspot.refusals import Refused, told
from crm_audit.connectors.hubspot.values import merged_ids
from crm_audit.connectors.hubspot.wire import Answer, Wire
from crm_audit.errors import Retry

__all__ = ["Answer", "Gateway", "Json", "Query", "Refused"]

T = TypeVar("T")
Json = dict[str, Any]
"""A JSON object of HubSpot's; it becomes typed records in the mapping modules and goes no further."""

PAGE, PAGE_WITH_HISTORY, SEARCHED, ASSOCIATIONS, OWNERS = 100, 50, 200, 1000, 500
"""HubSpot's own limits: records listed or read, the same with history, searched, associated, owners."""
BATCH = PAGE

HOST = "api.hubapi.com"

NOTHING_THERE = ("NO_ASSOCIATIONS_FOUND", "OBJECT_NOT_FOUND")


class Gateway:
    """HubSpot's endpoints as this program uses them: plain JSON in and out, paged and cut to HubSpot's limits."""

    def __init__(
        self,
        token: str,
        *,
        pool: urllib3.PoolManager | None = None,
        version: str = VERSION,
        pace: Pace | None = None,
    ) -> None:
        self.calls = Calls()
        self.pace = pace or Pace()
        self._wire = Wire(pool or direct_or_by_proxy(), self.calls, version=version, pace=self.pace)
        self._apis: dict[tuple[str, str], Any] = {}
        self._client = HubSpot(
            access_token=token,
            retry=False,
            api_factory=lambda package, name, config: self._api(package, name, config=config),
        )

    def now(self) -> datetime:
        """HubSpot's own time, as its last answer had it; Retry where none had any."""
        if self._wire.told is None:
            raise Retry("HubSpot's answers carry no date, so nothing can be read on from here; is a proxy in between?")
        return self._wire.told

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
        details = self._get("/account-info/v3/details")
        if "portalId" not in details:
            raise Retry("HubSpot answered account-info/details without naming the portal; try again later")
        return details

    def rates(self) -> list[Json]:
        """Exchange rates of today, each from one currency into the company's."""
        return _results(self._get("/settings/v3/currencies/exchange-rates/current"))

    def pipelines(self) -> list[Json]:
        """The deal pipelines with their stages."""
        return _results(_object(self._client.crm.pipelines.pipelines_api.get_all("deals", _preload_content=False)))

    def properties(self, kind: str, *, archived: bool = False) -> list[Json]:
        """The definitions of all properties of an object, live or archived."""
        api = self._client.crm.properties.core_api
        return _results(_object(api.get_all(kind, archived=archived, _preload_content=False)))

    def groups(self, kind: str) -> list[Json]:
        """The property groups of an object."""
        return _results(_object(self._client.crm.properties.groups_api.get_all(kind, _preload_content=False)))

    def create_group(self, kind: str, body: Json) -> None:
        """Make a property group; Refused where there is one of that name."""
        self._client.crm.properties.groups_api.create(kind, body, _preload_content=False)

    def create_property(self, kind: str, body: Json) -> None:
        """Make a property, or restore the archived one of that name; Refused where there is one."""
        self._client.crm.properties.core_api.create(kind, body, _preload_content=False)

    def change_property(self, kind: str, name: str, *, body: Json) -> None:
        """Change a property's definition; a list of options is replaced whole."""
        self._client.crm.properties.core_api.update(kind, name, body, _preload_content=False)

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

    def page(self, query: Query, after: str | None = None) -> tuple[list[Json], str | None]:
        """A page of records and where to go on."""
        how: Json = {"limit": PAGE_WITH_HISTORY if query.history else PAGE, "archived": query.archived}
        named = {
            "properties": query.properties, "properties_with_history": query.history, "associations": query.associations
        }  # fmt: skip
        how |= {name: list(values) for name, values in named.items() if values}
        if after:
            how["after"] = after
        return _page(_object(self._client.crm.objects.basic_api.get_page(query.kind, _preload_content=False, **how)))

    def search(self, query: Query, filters: Sequence[Json], *, after: str | None) -> tuple[list[Json], bool]:
        """The first 200 records beyond an id that fit all filters, in the order of ids, and whether there are more.

        The index lags behind and never shows archived records. Walked by id, no search ever comes near the 10,000
        results past which HubSpot gives no more, however many records bear the same stamp.
        """
        beyond = [{"propertyName": "hs_object_id", "operator": "GT", "value": after or "0"}]
        body = {
            "filterGroups": [{"filters": [*filters, *beyond]}],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": list(query.properties),
            "limit": SEARCHED,
        }
        api = self._client.crm.objects.search_api
        found, more = _page(_object(api.do_search(query.kind, body, _preload_content=False)))
        return found, more is not None

    def read(self, query: Query, ids: Iterable[str]) -> dict[str, Json]:
        """Records by id; one that is gone, or now lives under another id, is left out."""
        wanted = list(dict.fromkeys(ids))
        found: dict[str, Json] = {}
        for some in cut(wanted, PAGE_WITH_HISTORY if query.history else BATCH):
            found |= self._read(query, some)
        return {one: found[one] for one in wanted if one in found}

    def _read(self, query: Query, ids: Sequence[str]) -> dict[str, Json]:
        body: Json = {"properties": list(query.properties)}
        if query.history:
            body["propertiesWithHistory"] = list(query.history)
        api = self._client.crm.objects.batch_api

        def ask(inputs: Sequence[Json]) -> Json:
            return _object(api.read(query.kind, {**body, "inputs": list(inputs)}, _preload_content=False))

        rows, silent = _asked_twice([{"id": one} for one in ids], ask, lambda row: str(row["id"]), name=query.kind)
        survivors = [row for row in rows if str(row["id"]) not in ids]  # a merged one may come as the one it is now
        silent = silent if not survivors else _unexplained(silent, survivors)
        if silent:
            some = f"{len(silent)} of {query.kind}"
            raise Retry(f"HubSpot left {some} out of its answers without saying why; try again later")
        return {str(row["id"]): row for row in rows}

    def associated(self, kind: str, other: str, *, ids: Iterable[str]) -> dict[str, list[Json]]:
        """For each record the records of the other kind, each with its `toObjectId` and `associationTypes`."""
        found: dict[str, list[Json]] = {}
        asked: list[Json] = [{"id": one} for one in dict.fromkeys(ids)]
        while asked:
            some, asked = asked[:ASSOCIATIONS], asked[ASSOCIATIONS:]
            for row in self._associated(kind, other, some):
                one, after = str(row["from"]["id"]), _after(row)
                found.setdefault(one, []).extend(row["to"])
                if after:
                    asked.append({"id": one, "after": after})
        return found

    def _associated(self, kind: str, other: str, inputs: Sequence[Json]) -> list[Json]:
        api = self._client.crm.associations.v4.batch_api

        def ask(some: Sequence[Json]) -> Json:
            return _object(api.get_page(kind, other, {"inputs": list(some)}, _preload_content=False))

        name = f"associations of {kind} with {other}"
        rows, _ = _asked_twice(inputs, ask, lambda row: str(row["from"]["id"]), name=name)
        return rows  # whoever HubSpot passes over in silence twice has none

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
    associations: tuple[str, ...] = ()  # told inline, and only where records are listed
    archived: bool = False


def direct_or_by_proxy() -> urllib3.PoolManager:
    """A pool that goes by the proxy which the environment names (HTTPS_PROXY, NO_PROXY), where it names one."""
    proxy = None if proxy_bypass(HOST) else getproxies().get("https")
    return urllib3.ProxyManager(proxy) if proxy else urllib3.PoolManager()


def cut(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    """A list in pieces of at most that size."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _object(answer: Answer) -> Json:
    if not isinstance(answer.body, dict):
        raise Retry("HubSpot answered with something that is not an object; try again later")
    return answer.body


def _results(answer: Json) -> list[Json]:
    """The rows; an answer without any list of them is some other answer, and no empty one."""
    rows = answer.get("results")
    if not isinstance(rows, list):
        raise Retry(f"HubSpot answered without results ({answer.get('category') or 'no category'}); try again later")
    return rows


def _asked_twice(
    inputs: Sequence[Json], ask: Callable[[Sequence[Json]], Json], key: Callable[[Json], str], *, name: str
) -> tuple[list[Json], list[str]]:
    """The rows of a batch. Inputs that the answer passes over in silence are asked for once more, then given too."""
    rows: dict[str, Json] = {}
    silent = [str(one["id"]) for one in inputs]
    for _ in range(2):
        answer = ask([one for one in inputs if str(one["id"]) in silent])
        rows |= {key(row): row for row in _results(answer)}
        absent = _absent(answer, name)
        silent = [one for one in silent if one not in rows and not (absent is None or one in absent)]
        if not silent:
            break
    return [*rows.values()], silent


def _unexplained(silent: Sequence[str], survivors: Sequence[Json]) -> list[str]:
    """Those that none of these records says it was merged from; where they do not say, one is taken for each."""
    said = [merged_ids(row) for row in survivors]
    left = [one for one in silent if not any(one in old for old in said)]
    return left[said.count(()) :]


def _absent(answer: Json, name: str) -> frozenset[str] | None:
    """The ids of which the answer says that nothing is there; None where it says so of some without naming them.

    Retry where it withholds what there may be.
    """
    errors = answer.get("errors") or ()
    named: set[str] = set()
    for error in errors:
        said = f"{error.get('category')} {error.get('subCategory')}"
        if not any(known in said for known in NOTHING_THERE):
            raise Retry(f"HubSpot left out {name}: {told(error, 'without saying why')}")
        ids = [
            str(one) for listed in (error.get("context") or {}).values() if isinstance(listed, list) for one in listed
        ]
        if not ids:
            return None
        named.update(ids)
    return frozenset(named)


def _page(answer: Json) -> tuple[list[Json], str | None]:
    return _results(answer), _after(answer)


def _after(answer: Json) -> str | None:
    """Where to go on. `paging.next.link` is never followed: it names a host of its own."""
    after = ((answer.get("paging") or {}).get("next") or {}).get("after")
    return str(after) if after else None
