"""The ways in which HubSpot says no, with its own bodies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from crm_audit.emulator.hubspot.values import iso

NOT_FOUND_PAGE = (
    b"<html>\n<head>\n<title>Error 404 Not Found</title>\n</head>\n"
    b"<body><h2>HTTP ERROR 404</h2>\n<p>Resource not found</p>\n</body>\n</html>\n"
)


_ERROR_PAGE = (
    "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n"
    "<center><h1>{status} {reason}</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


class Refusal(Exception):
    """A call that gets an error answer; the body lacks only its correlation id. Bytes are sent as HTML."""

    def __init__(self, status: int, body: Mapping[str, object] | bytes, **headers: str) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True, slots=True)
class Complaint:
    """One property value that cannot be written."""

    name: str
    code: str
    message: str


def invalid(message: str, **context: Sequence[str]) -> Refusal:
    """400 for a request that is wrong in itself."""
    more = {"context": context} if context else {}
    return Refusal(400, {"status": "error", "message": message, **more, "category": "VALIDATION_ERROR"})


def invalid_properties(complaints: Iterable[Complaint]) -> Refusal:
    """400 for values; one bad value refuses the whole batch, however many good ones are in it."""
    rows = list(complaints)
    listed = [{"isValid": False, "message": row.message, "error": row.code, "name": row.name} for row in rows]
    errors = [{"message": row.message, "code": row.code, "context": {"propertyName": [row.name]}} for row in rows]
    message = f"Property values were not valid: {json.dumps(listed, separators=(',', ':'))}"
    return Refusal(400, {"status": "error", "message": message, "errors": errors, "category": "VALIDATION_ERROR"})


def unknown_type(name: str) -> Refusal:
    """400 for an object type that does not exist."""
    return Refusal(400, {"status": "error", "message": f"Unable to infer object type from: {name}"})


def no_record() -> Refusal:
    """404 for a single record: a page of HTML, not JSON."""
    return Refusal(404, NOT_FOUND_PAGE, X_HubSpot_NotFound="true")


def not_found(message: str) -> Refusal:
    """404 for everything that is not a record."""
    return Refusal(404, {"status": "error", "message": message, "category": "OBJECT_NOT_FOUND"})


def unauthenticated() -> Refusal:
    """401 for a missing, wrong or revoked token."""
    message = (
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more "
        "details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
    )
    return Refusal(401, {"status": "error", "message": message, "category": "INVALID_AUTHENTICATION"})


def expired(end: datetime, now: datetime) -> Refusal:
    """401 for a bearer whose time is over."""
    ago = int((now - end).total_seconds())
    past = next((f"{ago // size} {unit}" for size, unit in _UNITS if ago >= size), "0 second")
    body = {
        "status": "error",
        "message": f"The OAuth token used to make this call expired {past}(s) ago.",
        "category": "EXPIRED_AUTHENTICATION",
        "context": {"expire time": [iso(end)]},
    }
    return Refusal(401, body)


def missing_scopes(scopes: Sequence[str]) -> Refusal:
    """403 for a token that may not do this."""
    error = {
        "message": "One or more of the following scopes are required.",
        "context": {"requiredScopes": list(scopes)},
    }
    body = {
        "status": "error",
        "message": "This app hasn't been granted all required scopes to make this call. "
        "Read more about required scopes here: https://developers.hubspot.com/scopes.",
        "errors": [error],
        "links": {"scopes": "https://developers.hubspot.com/scopes"},
        "category": "MISSING_SCOPES",
    }
    return Refusal(403, body)


def throttled(policy: str) -> Refusal:
    """429; it carries `errorType` where other errors carry `category`, and no Retry-After."""
    body = {
        "status": "error",
        "message": f"You have reached your {policy.lower()} limit.",
        "errorType": "RATE_LIMIT",
        "policyName": policy,
    }
    return Refusal(429, body)


def unavailable(status: int, *, seconds: int) -> Refusal:
    """5xx: a page of the edge's; 477: the account moves to another data centre, with the seconds that it may take."""
    if status != 477:
        page = _ERROR_PAGE.format(status=status, reason=HTTPStatus(status).phrase)
        return Refusal(status, page.encode())
    message = "This account is being migrated between data hosting locations; try again later."
    return Refusal(477, {"status": "error", "message": message}, Retry_After=str(seconds))


def locked(record_id: str) -> Refusal:
    """423 for a record that something else is writing just now; such a lock lasts two seconds."""
    message = f"The record {record_id} is currently locked; try again after 2 seconds."
    return Refusal(423, {"status": "error", "message": message, "context": {"id": [record_id]}, "category": "LOCKED"})


def conflict(message: str, **context: Sequence[str]) -> Refusal:
    """409 for a record that exists already."""
    more = {"context": context} if context else {}
    return Refusal(409, {"status": "error", "message": message, **more, "category": "CONFLICT"})


def required(complaints: Iterable[Complaint]) -> Refusal:
    """400 for a write that an admin's rule forbids because it leaves a property empty."""
    rows = list(complaints)
    errors = [{"message": row.message, "code": row.code, "context": {"propertyName": [row.name]}} for row in rows]
    message = "; ".join(row.message for row in rows)
    return Refusal(400, {"status": "error", "message": message, "errors": errors, "category": "VALIDATION_ERROR"})
