"""Recorded traffic: what goes into a cassette, what never does, and how it is played again.

Recorded from the emulated CRMs with `CRM_AUDIT_RECORD=1`, in one thread, because the recorder lets calls of other
threads through. Played again without the emulator, at the vendors' own addresses, with recording off.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, urlencode, urlsplit

import vcr
from vcr.request import Request
from vcr.stubs import VCRHTTPResponse

ROOT = Path(__file__).resolve().parents[1] / "cassettes"
RECORDING = bool(os.environ.get("CRM_AUDIT_RECORD"))
MATCHED = ("method", "host", "path", "query", "said")
SCRUBBED = "scrubbed"
SECRET = re.compile(
    r"(?i)(?P<name>access_token|refresh_token|client_id|client_secret|consumer_key|consumer_secret|assertion"
    r"|signature|session_id|sessionid)(?P<is>\"\s*:\s*\"|=)(?P<value>[^\"&\s]+)"
)
"""A name that holds a secret with its value, in JSON and in forms."""
KEPT_HEADERS = re.compile(
    r"(?i)content-type|date|sforce-(limit-info|locator|numberofrecords|query-options)|x-hubspot-ratelimit-.*|retry-after"
)
"""All others are dropped: what nobody needs cannot leak."""


def scrub(text: str) -> str:
    """The text without any secret: the one function through which everything recorded goes."""
    return SECRET.sub(lambda found: f"{found['name']}{found['is']}{SCRUBBED}", text)


@contextmanager
def tape(crm: str, name: str, *, hosts: Mapping[str, str]) -> Iterator[None]:
    """Record into, or play from, `cassettes/<crm>/<name>.yaml`; `hosts` says which vendor's host a loopback one is."""

    def asked(request: Request) -> Request:
        parts = urlsplit(request.uri)
        host = hosts.get(parts.netloc, parts.netloc)
        request.uri = f"https://{host}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        request.body = scrub(_text(request.body)).encode() if request.body else None
        request.headers = _kept(request.headers)
        return request

    def answered(response: dict[str, Any]) -> dict[str, Any]:
        body = response["body"]["string"]
        said = scrub(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        return {**response, "headers": _kept(response["headers"]), "body": {"string": said}}

    recorder = vcr.VCR(
        record_mode="all" if RECORDING else "none",
        match_on=MATCHED,
        before_record_request=asked,
        before_record_response=answered,
        decode_compressed_response=True,
    )
    recorder.register_matcher("said", _says_the_same)
    place = ROOT / crm / f"{name}.yaml"
    if RECORDING:
        place.unlink(missing_ok=True)
    with recorder.use_cassette(str(place)) as cassette, patch.object(VCRHTTPResponse, "read1", _read1):
        yield
        if not RECORDING:
            assert cassette.all_played, f"{place}: recorded calls were not made again"


def _read1(response: Any, size: int = -1, *, decode_content: bool | None = None) -> bytes:  # noqa: ANN401  # untyped
    """As urllib3's own responses read; the recorder's take no `decode_content`."""
    piece: bytes = response._content.read1(size)
    return piece


def _kept(headers: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in headers.items() if KEPT_HEADERS.fullmatch(name)}


def _says_the_same(one: Request, other: Request) -> None:
    assert _canonical(one.body) == _canonical(other.body), "the bodies differ"


def _canonical(body: object) -> str:
    """JSON and forms whatever the order of their keys."""
    text = _text(body)
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return urlencode(sorted(parse_qsl(text))) or text


def _text(body: object) -> str:
    return body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")
