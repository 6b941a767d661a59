"""What Salesforce's error answers mean for the reader. Of an answer only its error code is ever repeated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

import requests

from crm_audit.errors import CrmAuditError, FixConfig, FixInCrm, NoAccess, OutOfQuota, Retry

LOCKED = "UNABLE_TO_LOCK_ROW"
QUOTA = "REQUEST_LIMIT_EXCEEDED"
TIMED_OUT = "QUERY_TIMEOUT"
OVERLOADED = ("SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION", LOCKED)
OVERLOADED_STATUS = (406, 420, 429)
"""The edge in front of Salesforce answers 406 and 420 when it is busy."""
GONE = ("INVALID_QUERY_LOCATOR", "QUERY_LOCATOR_EXPIRED", "INVALID_LOCATOR")
UNREADABLE = (
    "INVALID_FIELD", "INVALID_TYPE", "INVALID_FIELD_FOR_INSERT_UPDATE", "INSUFFICIENT_ACCESS",
    "INSUFFICIENT_ACCESS_OR_READONLY", "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "NOT_FOUND",
    "API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED", "FUNCTIONALITY_NOT_ENABLED",
)  # fmt: skip

_CODE = re.compile(r"[A-Z][A-Z_]{1,80}")


class Expired(Exception):
    """The session is over; a new login may help, once."""


class Locked(Retry):
    """Somebody else is saving the same records."""


class Overloaded(Retry):
    """Salesforce is overloaded; `after` is how many seconds it asks us to wait, None where it does not say."""

    def __init__(self, text: str, after: float | None = None) -> None:
        super().__init__(text)
        self.after = after


class TooSlow(Retry):
    """A query took longer than Salesforce lets one take; a narrower one, or Bulk, may not."""


class Vanished(Retry):
    """A place in an answer, or a job, that Salesforce no longer knows: what it was for begins anew."""


def code_and_message(content: object) -> tuple[str, str]:
    """The error code and message of an error answer, empty where there are none."""
    first = content[0] if isinstance(content, list) and content else content
    if not isinstance(first, Mapping):
        return "", ""
    code = str(first.get("errorCode") or first.get("statusCode") or "")
    return (code if _CODE.fullmatch(code) else ""), str(first.get("message", ""))


def refusal(name: str, status: int, *, content: object, after: float | None = None) -> Exception:
    """The error that an answer with that status and body stands for; `name` is the call's, `after` its Retry-After."""
    code, message = code_and_message(content)
    said = code or f"status {status}"
    if status == requests.codes.unauthorized:
        return Expired(said)
    if code == QUOTA and "Concurrent" not in message:
        return OutOfQuota(f"Salesforce: the calls of the last 24 hours are used up ({name}); they free up by the hour")
    if code in GONE:
        return Vanished(f"Salesforce has forgotten where we were in {name} ({said})")
    if code == TIMED_OUT:
        return TooSlow(f"Salesforce ended {name} because it took too long")
    if code in (QUOTA, *OVERLOADED) or status in OVERLOADED_STATUS or status >= requests.codes.server_error:
        return Overloaded(f"Salesforce is overloaded: {name} was answered with {said}", after)
    if status == requests.codes.gone:
        return FixConfig("Salesforce has retired this API version; set options.api_version to a newer one")
    if code in UNREADABLE or status == requests.codes.not_found:
        return NoAccess(
            f"Salesforce refused {name} with {said}: give the integration user's permission set access to the object "
            "and its fields, then run `crm-audit doctor`"
        )
    if status == requests.codes.forbidden:
        return FixInCrm(f"Salesforce refused {name} with {said}: check the integration user's permission set")
    return CrmAuditError(f"Salesforce did not understand {name}: {said}")


def wait_asked(header: str | None, *, now: datetime | None) -> float | None:
    """Seconds that a Retry-After asks for, whether as seconds or as a date by Salesforce's own clock; None: unclear."""
    if header is None:
        return None
    try:
        return max(0.0, float(int(header.strip())))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(header)
        return max(0.0, (until - now).total_seconds()) if now is not None else None
    except (ValueError, TypeError):
        return None


def unreachable(host: str, error: Exception) -> Retry:
    """The error for a call that got no whole answer."""
    return Retry(f"{host} cannot be reached, or its answer was cut off ({type(error).__name__}); try again later")


def reason(outcome: object) -> str | None:
    """Why one record of a batch was refused, in Salesforce's words; None where it was saved."""
    if not isinstance(outcome, Mapping):
        return "no outcome was given"
    if outcome.get("success") is True:
        return None
    code, message = code_and_message(outcome.get("errors"))
    return ": ".join(part for part in (code, message) if part) or "refused without a reason"
