"""Which endpoint answers which path, under every version that HubSpot still serves."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from crm_audit.emulator.hubspot import associations, defining, linking, objects, settings, writing
from crm_audit.emulator.hubspot.calls import Call, type_named
from crm_audit.emulator.hubspot.catalogue import ObjectType
from crm_audit.emulator.hubspot.refusals import Refusal, not_found
from crm_audit.emulator.hubspot.state import Portal
from crm_audit.emulator.server import Request, Response

Endpoint = Callable[[Portal, Call], Response]

_PATHS = re.compile(
    r"/crm/(?:"
    r"(?P<dated>objects|associations|pipelines|properties|owners)/\d{4}-\d{2}(?:-beta)?"
    r"|v3/(?P<v3>objects|pipelines|properties|owners)"
    r"|v4/(?P<v4>objects(?=/[^/]+/[^/]+/associations/)|associations)"
    r")(?P<rest>/.*)?"
)
_VERSION = re.compile(r"(?<=/)(?:\d{4}-\d{2}|v\d)(?=/|-beta/)")
_ACCOUNT = re.compile(r"/account-info/(?:v3|\d{4}-\d{2})(?P<rest>/.*)")
_CURRENCIES = re.compile(r"/settings/(?:v3/currencies|currencies/\d{4}-\d{2})(?P<rest>/.*)")
_SETTING_SCOPES = {"owners": "crm.objects.owners.read", "currencies": "settings.currencies.read"}


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. `scope` is read, write, define, owners, currencies or nothing; `kind` is for the books."""

    method: str
    pattern: str
    kind: str
    endpoint: Endpoint
    scope: str = "read"

    @property
    def bucket(self) -> str:
        """Whose rate limit a call uses up."""
        if self.kind.endswith("/search"):
            return "search"
        return "associations" if self.kind.startswith("associations/") else "general"


_LINKS = "/associations/{from}/{to}/batch"
_ONE_LINK = "/objects/{from}/{id}/associations/{to}/{other}"
ROUTES = (
    Route("GET", "/objects/{type}", "{type}/list", objects.list_records),
    Route("POST", "/objects/{type}/search", "{type}/search", objects.search),
    Route("POST", "/objects/{type}/batch/read", "{type}/batch/read", objects.batch_read),
    Route("POST", "/objects/{type}/batch/create", "{type}/batch/create", writing.batch_create, "write"),
    Route("POST", "/objects/{type}/batch/update", "{type}/batch/update", writing.batch_update, "write"),
    Route("POST", "/objects/{type}/batch/archive", "{type}/batch/archive", writing.batch_archive, "write"),
    Route("POST", "/objects/{type}/merge", "{type}/merge", writing.merge, "write"),
    Route("POST", "/objects/{type}/gdpr-delete", "{type}/gdpr-delete", writing.gdpr_delete, "write"),
    Route("POST", "/objects/{type}", "{type}/create", writing.create_record, "write"),
    Route("GET", "/objects/{type}/{id}", "{type}/get", objects.get_record),
    Route("PATCH", "/objects/{type}/{id}", "{type}/patch", writing.patch_record, "write"),
    Route("DELETE", "/objects/{type}/{id}", "{type}/archive", writing.archive_record, "write"),
    Route("GET", "/objects/{from}/{id}/associations/{to}", "associations/{from}/{to}/get", associations.of_record),
    Route("PUT", _ONE_LINK, "associations/{from}/{to}/put", linking.replace, "write"),
    Route("DELETE", _ONE_LINK, "associations/{from}/{to}/delete", linking.delete, "write"),
    Route("POST", "/associations/{from}/{to}/batch/read", "associations/{from}/{to}/read", associations.batch_read),
    Route("POST", f"{_LINKS}/create", "associations/{from}/{to}/create", linking.batch_create, "write"),
    Route("POST", f"{_LINKS}/archive", "associations/{from}/{to}/archive", linking.batch_archive, "write"),
    Route("GET", "/associations/{from}/{to}/labels", "associations/{from}/{to}/labels", associations.labels),
    Route("GET", "/pipelines/{type}", "pipelines/{type}", settings.pipelines),
    Route("GET", "/pipelines/{type}/{id}", "pipelines/{type}/get", settings.pipeline),
    Route("GET", "/properties/{type}", "properties/{type}", settings.properties),
    Route("GET", "/properties/{type}/groups", "properties/{type}/groups", settings.groups),
    Route("GET", "/properties/{type}/groups/{name}", "properties/{type}/groups/get", settings.group),
    Route("GET", "/properties/{type}/{name}", "properties/{type}/get", settings.property_named),
    Route("POST", "/properties/{type}", "properties/{type}/create", defining.create_property, "define"),
    Route("POST", "/properties/{type}/groups", "properties/{type}/groups/create", defining.create_group, "define"),
    Route("PATCH", "/properties/{type}/{name}", "properties/{type}/patch", defining.change_property, "define"),
    Route("GET", "/owners", "owners", settings.owners, "owners"),
    Route("GET", "/owners/{id}", "owners/get", settings.owner, "owners"),
    Route("GET", "/account/details", "account", settings.account, ""),
    Route("GET", "/currencies/exchange-rates/current", "rates", settings.rates, "currencies"),
)
_COMPILED = [(re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.pattern)), route) for route in ROUTES]


@dataclass(frozen=True, slots=True)
class Match:
    """A route with what the path says."""

    route: Route
    names: Mapping[str, str]
    types: Mapping[str, ObjectType]
    version: str

    @property
    def kind(self) -> str:
        """The name of this call in the books, for example `deals/search`."""
        return self.route.kind.format_map({name: kind.plural for name, kind in self.types.items()})

    @property
    def scope(self) -> str | None:
        """The scope that the token must have."""
        if self.route.scope == "define":
            return f"crm.schemas.{self.types['type'].plural}.write"
        if self.route.scope in ("read", "write"):
            return (self.types.get("type") or self.types["from"]).needs(self.route.scope)
        return _SETTING_SCOPES.get(self.route.scope)


def canonical(path: str) -> str | None:
    """A path without its version: `/crm/v3/objects/deals/` and `/crm/objects/2026-09/deals` are `/objects/deals`."""
    if account := _ACCOUNT.fullmatch(path):
        return f"/account{account['rest']}"
    if currencies := _CURRENCIES.fullmatch(path):
        return f"/currencies{currencies['rest']}"
    found = _PATHS.fullmatch(path)
    if found is None:
        return None
    area = found["dated"] or found["v3"] or found["v4"]
    return f"/{area}{found['rest'] or ''}".rstrip("/")


def match(request: Request) -> Match:
    """The endpoint for a request; raises Refusal: 404 for an unknown path, 405, 400 for an unknown type."""
    path = canonical(request.path) or ""
    allowed = []
    for pattern, route in _COMPILED:
        found = pattern.fullmatch(path)
        if found is None:
            continue
        if route.method == request.method:
            names = {name: unquote(text) for name, text in found.groupdict().items()}
            types = {name: type_named(text) for name, text in names.items() if name in ("type", "from", "to")}
            version = _VERSION.search(request.path)
            return Match(route, names, types, version[0] if version else "")
        allowed.append(route.method)
    if allowed:
        raise Refusal(405, {"status": "error", "message": f"HTTP 405 Method Not Allowed; allowed: {allowed}"})
    raise not_found(f"Unable to match incoming request {request.method} {request.path}")
