"""What Salesforce's error answers mean for the reader. Of an answer only its error code is ever repeated."""

from __future__ import annotations

import re
from collections.abc import Mapping

import requests

from crm_audit.errors import CrmAuditError, FixConfig, FixInCrm, NoAccess, OutOfQuota, Retry

LOCKED = "UNABLE_TO_LOCK_ROW"
QUOTA = "REQUEST_LIMIT_EXCEEDED"
OVERLOADED = ("SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "UNKNOWN_EXCEPTION", LOCKED)
OVERLOADED_STATUS = (406, 420, 429)
"""The edge in front of Salesforce answers 406 and 420 when it is busy."""
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


def code_and_message(content: object) -> tuple[str, str]:
    """The error code and message of an error answer, empty where there are none."""
    first = content[0] if isinstance(content, list) and content else content
    if not isinstance(first, Mapping):
        return "", ""
    code = str(first.get("errorCode") or first.get("statusCode") or "")
    return (code if _CODE.fullmatch(code) else ""), str(first.get("message", ""))


def refusal(name: str, status: int, *, content: object) -> Exception:
    """The error that an answer with that status and body stands for; `name` is the call's."""
    code, message = code_and_message(content)
    said = code or f"status {status}"
    if status == requests.codes.unauthorized:
        return Expired(said)
    if code == QUOTA and "Concurrent" not in message:
        return OutOfQuota(f"Salesforce: the calls of the last 24 hours are used up ({name}); they free up by the hour")
    if code in (QUOTA, *OVERLOADED) or status in OVERLOADED_STATUS or status >= requests.codes.server_error:
        return Retry(f"Salesforce is overloaded: {name} was answered with {said}")
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


def unreachable(host: str, error: requests.RequestException) -> Retry:
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
