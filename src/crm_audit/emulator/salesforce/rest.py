"""Which resource a call means, and what stands in front of all of them: version, session, allowance, limits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import format_datetime
from urllib.parse import unquote

from crm_audit.emulator.salesforce import batches, bulk, composite, describe, ingest, picklists, replication, rows
from crm_audit.emulator.salesforce.ledger import Entry
from crm_audit.emulator.salesforce.queries import batch_size
from crm_audit.emulator.salesforce.state import Call, State, missing
from crm_audit.emulator.server import Request, Response
from crm_audit.emulator.soql.evaluate import answer as run
from crm_audit.emulator.soql.refusal import Refusal

OLDEST, NEWEST = 31, 67
"""API versions: 30.0 and older answer 410."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
OUTSIDE = ("/services/data", "/services/oauth2/token", "/services/oauth2/userinfo")
"""What lies beside the versioned API."""
LONGEST_URI = 16_384
"""Bytes of the URI (414), and of URI and headers together (431)."""

Handler = Callable[[Call], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """A resource: its method and path below the API's root, and whether calling it writes."""

    method: str
    path: str
    handler: Handler
    writes: bool = False

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The parts of a path that is meant, decoded."""
        if method != self.method:
            return None
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path)
        found = re.fullmatch(pattern, path)
        return {name: unquote(part) for name, part in found.groupdict().items()} if found else None

    def told(self, parts: Mapping[str, str], *names: str) -> str:
        """The path with only these parts filled in."""
        return re.sub(r"\{(\w+)\}", lambda part: parts[part[1]] if part[1] in names else part[0], self.path)


def query(call: Call, *, everything: bool = False) -> Response:
    """GET query."""
    text = call.request.first("q")
    if text is None:
        raise Refusal("MALFORMED_QUERY", "A query string has to be specified")
    state = call.state
    answer = run(text, state.catalog, address=call.sobjects, everything=everything)
    size = batch_size(call.request.headers.get("sforce-query-options", ""))
    return Response(200, state.cursors.first(answer, size=size, now=state.clock.now(), address=f"{call.data}/query"))


def query_all(call: Call) -> Response:
    """GET queryAll: with what is deleted or archived."""
    return query(call, everything=True)


def query_more(call: Call) -> Response:
    """GET query/locator."""
    now = call.state.clock.now()
    return Response(200, call.state.cursors.following(call.parts["locator"], now=now, address=f"{call.data}/query"))


def resources(call: Call) -> Response:
    """GET the API's root: which resources there are, and who is asking."""
    identity = f"https://login.salesforce.com/id/{call.state.organisation}/{call.state.user}"
    names = ("composite", "limits", "query", "queryAll", "sobjects")
    return Response(200, {name: f"{call.data}/{name}" for name in names} | {"identity": identity})


def limits(call: Call) -> Response:
    """GET limits: those that this emulator keeps."""
    ledger, jobs, now = call.state.ledger, call.state.jobs, call.state.clock.now()
    return Response(
        200,
        {
            "DailyApiRequests": {"Max": ledger.daily, "Remaining": max(0, ledger.daily - ledger.used(now))},
            "DailyBulkV2QueryJobs": {"Max": jobs.daily, "Remaining": jobs.left(now)},
        },
    )


def record_count(call: Call) -> Response:
    """GET limits/recordCount?sObjects=: without what is deleted; all objects where none is named."""
    state, names = call.state, call.request.every("sObjects")
    seen = [each for entity in state.schema.entities() if (each := state.schema.visible(entity.name))]
    asked = [each for each in seen if each.prefix and (not names or each.name in names)]
    counts = [
        {"count": sum(not row.get("IsDeleted") for row in state.records.rows(each.name)), "name": each.name}
        for each in asked
    ]
    return Response(200, {"sObjects": [each for each in counts if each["count"] or names]})


def objects(call: Call) -> Response:
    """GET sobjects."""
    schema = call.state.schema
    seen = [each for entity in schema.entities() if entity.prefix and (each := schema.visible(entity.name))]
    listed = [describe.listed(entity, address=call.sobjects) for entity in seen]
    return Response(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": listed})


def describe_object(call: Call) -> Response:
    """GET sobjects/X/describe."""
    entity, schema = call.entity(), call.state.schema
    others = [each for other in schema.entities() if (each := schema.visible(other.name))]
    stages = [str(row.get("ApiName")) for row in call.state.records.rows("OpportunityStage") if row.get("IsActive")]
    return Response(200, describe.described(entity, address=call.sobjects, others=others, stages=stages))


ROUTES = (
    Route("GET", "", resources),
    Route("GET", "/query", query),
    Route("GET", "/queryAll", query_all),
    Route("GET", "/query/{locator}", query_more),
    Route("GET", "/queryAll/{locator}", query_more),
    Route("GET", "/limits", limits),
    Route("GET", "/limits/recordCount", record_count),
    Route("GET", "/sobjects", objects),
    Route("GET", "/sobjects/{object}/describe", describe_object),
    Route("GET", "/sobjects/{object}/updated", replication.updated),
    Route("GET", "/sobjects/{object}/deleted", replication.deleted),
    Route("GET", "/ui-api/object-info/{object}/picklist-values/{id}/{field}", picklists.values),
    Route("POST", "/sobjects/{object}", rows.create, writes=True),
    Route("GET", "/sobjects/{object}/{id}", rows.read),
    Route("PATCH", "/sobjects/{object}/{id}", rows.update, writes=True),
    Route("DELETE", "/sobjects/{object}/{id}", rows.delete, writes=True),
    Route("GET", "/sobjects/{object}/{field}/{value}", rows.read_by_key),
    Route("PATCH", "/sobjects/{object}/{field}/{value}", rows.upsert_by_key, writes=True),
    Route("POST", "/composite/sobjects", batches.create, writes=True),
    Route("PATCH", "/composite/sobjects", batches.update, writes=True),
    Route("DELETE", "/composite/sobjects", batches.delete, writes=True),
    Route("GET", "/composite/sobjects/{object}", batches.read),
    Route("POST", "/composite/sobjects/{object}", batches.read),
    Route("PATCH", "/composite/sobjects/{object}/{field}", batches.upsert, writes=True),
    Route("POST", "/composite", composite.composite),
    Route("POST", "/jobs/query", bulk.create),
    Route("GET", "/jobs/query", bulk.listed),
    Route("GET", "/jobs/query/{id}", bulk.read),
    Route("PATCH", "/jobs/query/{id}", bulk.abort),
    Route("DELETE", "/jobs/query/{id}", bulk.delete),
    Route("GET", "/jobs/query/{id}/results", bulk.results),
    Route("POST", "/jobs/ingest", ingest.create, writes=True),
    Route("GET", "/jobs/ingest", ingest.listed),
    Route("GET", "/jobs/ingest/{id}", ingest.read),
    Route("PATCH", "/jobs/ingest/{id}", ingest.change, writes=True),
    Route("DELETE", "/jobs/ingest/{id}", ingest.delete),
    Route("PUT", "/jobs/ingest/{id}/batches", ingest.upload, writes=True),
    Route("GET", "/jobs/ingest/{id}/successfulResults", ingest.successful),
    Route("GET", "/jobs/ingest/{id}/failedResults", ingest.failed),
    Route("GET", "/jobs/ingest/{id}/unprocessedrecords", ingest.unprocessed),
)


def answer(state: State, request: Request, *, base: str) -> Response:
    """Answer one call and write it down."""
    state.catch_up()
    if request.path.startswith("/services/data/v"):
        response = _api(state, request)
    else:
        response = _outside(state, request, base=base)
        known = request.path if request.path.rstrip("/") in OUTSIDE else "unknown"
        state.ledger.note(known, Entry(request.method, known, response.status), writes=None)
    used = f"api-usage={state.ledger.used(state.clock.now())}/{state.ledger.daily}"
    now = format_datetime(state.clock.now(), usegmt=True)
    return replace(response, headers={"Sforce-Limit-Info": used, "date": now, **response.headers})


def _api(state: State, request: Request) -> Response:
    wrote = False

    def dispatch(sub: Request) -> Response:
        nonlocal wrote
        try:
            version, route, parts = _matched(sub)
            wrote = wrote or route.writes
            return route.handler(Call(state, sub, version, parts, dispatch))
        except Refusal as refusal:
            return _refused(refusal)

    kind, path = _named(request)
    try:
        _admit(state, request)
        response = dispatch(request)
    except Refusal as refusal:
        response = _refused(refusal)
    state.ledger.note(kind, Entry(request.method, path, response.status), writes=wrote)
    return response


def _matched(request: Request) -> tuple[str, Route, dict[str, str]]:
    found = re.fullmatch(r"/services/data/(v(\d+)\.0)(/.*)?", request.path)
    if not found:
        raise missing()
    if int(found[2]) < OLDEST:
        raise Refusal("UNSUPPORTED_API_VERSION", f"API version {found[1][1:]} has been retired", status=410)
    if int(found[2]) > NEWEST:
        raise missing()
    path = (found[3] or "").rstrip("/")
    for route in ROUTES:
        parts = route.match(request.method, path)
        if parts is not None:
            return found[1], route, parts
    if any(route.match(method, path) is not None for route in ROUTES for method in METHODS):
        message = f"HTTP Method '{request.method}' not allowed."
        raise Refusal("METHOD_NOT_ALLOWED", message, status=405)
    raise missing()


def _named(request: Request) -> tuple[str, str]:
    """The kind of a call for counting, and its path for the transcript."""
    try:
        version, route, parts = _matched(request)
    except Refusal:
        return "unknown", "/".join(request.path.split("/")[:5])  # what follows may be a person's address
    told = route.told(parts, "object", "field", "id")
    return f"{request.method} {route.told(parts, 'object')}", f"/services/data/{version}{told}"


def _admit(state: State, request: Request) -> None:
    headers = sum(len(name) + len(value) + 4 for name, value in request.headers.items())
    if len(request.target) > LONGEST_URI:
        raise Refusal("URI_TOO_LONG", "URI Too Long", status=414)
    if len(request.target) + headers > LONGEST_URI:
        raise Refusal("REQUEST_HEADER_FIELDS_TOO_LARGE", "Request Header Fields Too Large", status=431)
    if not state.gatehouse.admits(request, now=state.clock.now()) or _elsewhere(state, request):
        raise Refusal("INVALID_SESSION_ID", "Session expired or invalid", status=401)
    if not state.ledger.spend(state.clock.now()):
        raise Refusal("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)


def _elsewhere(state: State, request: Request) -> bool:
    """True for a call to a Salesforce name under which the org is no longer found."""
    host = request.headers.get("host", "").partition(":")[0]
    return host.endswith(".salesforce.com") and host != f"{state.domain}.my.salesforce.com"


def _refused(refusal: Refusal) -> Response:
    body: dict[str, object] = {"message": refusal.message, "errorCode": refusal.code}
    if refusal.fields is not None:
        body["fields"] = list(refusal.fields)
    return Response(refusal.status, [body])


def _outside(state: State, request: Request, *, base: str) -> Response:
    """What lies beside the versioned API: the versions, logging in, and who is logged in."""
    match request.method, request.path.rstrip("/"):
        case "GET", "/services/data":
            return Response(200, [_version(number) for number in range(OLDEST, NEWEST + 1)])
        case "POST", "/services/oauth2/token":
            refused = state.gatehouse.refused(request, now=state.clock.now(), domain=state.domain)
            return refused or _token(state, request, base=base)
        case (("GET" | "POST"), "/services/oauth2/userinfo"):
            if not state.gatehouse.admits(request, now=state.clock.now()):
                return Response(403, b"Bad_OAuth_Token")
            return Response(200, {"user_id": state.user, "organization_id": state.organisation, "active": True})
    return _refused(missing())


def _token(state: State, request: Request, *, base: str) -> Response:
    """Clients that know only https get the My Domain name they came with, others the emulator's own address."""
    host = request.headers.get("host", "")
    own = f"https://{state.domain}.my.salesforce.com"
    body = {
        "access_token": state.gatehouse.open(state.organisation, now=state.clock.now()),
        "id": f"https://login.salesforce.com/id/{state.organisation}/{state.user}",
        "instance_url": own if host.endswith(".salesforce.com") else base,
        "issued_at": str(int(state.clock.now().timestamp() * 1000)),
        "scope": "api",
        "signature": "",
        "token_type": "Bearer",
    }
    return Response(200, body)


def _version(number: int) -> dict[str, str]:
    """Three releases a year; 63.0 was Spring '25."""
    years, season = divmod(number - 63, 3)
    label = f"{('Spring', 'Summer', 'Winter')[season]} '{25 + years + (season == 2)}"
    return {"label": label, "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
