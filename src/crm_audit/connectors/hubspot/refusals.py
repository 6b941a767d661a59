"""What HubSpot's refusals mean, classed by what the reader does next. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from crm_audit.errors import BadLogin, CrmAuditError, FixInCrm, NoAccess, OutOfQuota, Retry

LONGEST_WAIT = 60.0  # seconds; a longer Retry-After parks the stream instead of sleeping through it
LONGEST_TEXT = 1_000  # characters
ADDRESS = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+")
LOCKED_FOR = 2.0  # a locked record (423) stays locked for two seconds
POLICIES: Mapping[str, float] = {"SECONDLY": 1.0, "TEN_SECONDLY_ROLLING": 10.0}
"""Seconds after which the budget that a 429 names is whole again; HubSpot states none."""

SCOPES = ("requiredScopes", "requiredGranularScopes")
"""Where HubSpot names the scopes that are missing: of the whole request, or of each of its errors."""


class Refused(FixInCrm):
    """HubSpot refuses this request for good; the text is its own."""


class Again(Retry):
    """Worth another try; `after` is the least wait in seconds."""

    def __init__(self, text: str, after: float = 0.0) -> None:
        super().__init__(text)
        self.after = after


class Locked(Again):
    """Somebody else's save holds one of the records."""


def refusal(status: int, body: bytes, *, headers: Mapping[str, str], name: str) -> CrmAuditError:
    """The error that an answer of 3xx, 4xx or 5xx stands for."""
    said = _said(body)
    if status == 401:
        return BadLogin("HubSpot does not accept the access token: it is wrong, expired or revoked")
    if status == 403:
        return NoAccess(f"HubSpot refuses {name}: {_missing(said)}")
    if status == 429 and said.get("policyName") == "DAILY":
        return OutOfQuota("HubSpot's calls of the day are used up; they are back at midnight in the portal's zone")
    if status == 423:
        return Locked(f"HubSpot keeps a record locked for somebody else's save ({name})", LOCKED_FOR)
    if status in (429, 477) or status >= 500:
        return _throttled(status, headers, name=name, least=POLICIES.get(str(said.get("policyName")), 0.0))
    return Refused(f"HubSpot refuses {name} ({status}): {told(said, 'without saying why')}")


def told(said: Mapping[str, Any], otherwise: str) -> str:
    """HubSpot's message, without addresses and no longer than a line: it ends in logs."""
    text = ADDRESS.sub("(an address)", str(said.get("message") or otherwise))
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def _said(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _missing(said: Mapping[str, Any]) -> str:
    contexts = [said.get("context") or {}, *(error.get("context") or {} for error in said.get("errors") or ())]
    scopes = [scope for context in contexts for name in SCOPES for scope in context.get(name) or ()]
    if scopes:
        return "add the scope " + ", ".join(dict.fromkeys(scopes)) + " to the app whose token this is"
    return told(said, "a scope or a permission is missing")


def _throttled(status: int, headers: Mapping[str, str], *, name: str, least: float) -> Retry:
    stated = seconds(headers.get("Retry-After"), headers.get("Date"))
    if stated > LONGEST_WAIT:
        return Retry(f"HubSpot asks to come back to {name} in {stated:.0f} seconds ({status}); run again then")
    return Again(f"HubSpot does not serve {name} just now ({status})", max(stated, least))


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
