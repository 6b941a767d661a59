"""Composite: several calls in one, each of which may use what those before it answered."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from crm_audit.emulator.salesforce.batches import RolledBack
from crm_audit.emulator.salesforce.state import Call, missing
from crm_audit.emulator.server import Request, Response
from crm_audit.emulator.soql.refusal import Refusal

SUBREQUESTS, QUERIES = 25, 5
"""Subrequests of a composite, and how many of them may be queries (the pages that follow too) or collections."""
_REFERENCE = re.compile(r"@\{([^}]+)\}")
_QUERY = re.compile(r"/services/data/v[\d.]+/(query|queryAll|composite/sobjects)(/.*)?", re.IGNORECASE)
_INSIDE = re.compile(r"/services/data/v[\d.]+(?!/jobs|/composite/?$)(/.*)?", re.IGNORECASE)


def composite(call: Call) -> Response:
    """POST composite: subrequests in order, one call in all."""
    body = call.body()
    asked = body.get("compositeRequest")
    if not isinstance(asked, list) or not all(isinstance(each, Mapping) for each in asked):
        raise Refusal("JSON_PARSER_ERROR", "Missing or malformed field at [compositeRequest]")
    queries = sum(bool(_QUERY.fullmatch(urlsplit(str(each.get("url"))).path)) for each in asked)
    if len(asked) > SUBREQUESTS:
        raise Refusal("INVALID_INPUT", f"Cannot have more than {SUBREQUESTS} subrequests in a single call.")
    if queries > QUERIES:
        message = f"Cannot have more than {QUERIES} sObject Collections or query subrequests in a single call."
        raise Refusal("INVALID_INPUT", message)
    answers: list[Response] = []
    try:
        with call.state.records.atomic():
            answers = _answered(call, asked)
            if body.get("allOrNone") is True and any(answer.status >= 400 for answer in answers):
                raise RolledBack
    except RolledBack:
        answers = [answer if answer.status >= 400 else _halted() for answer in answers]
    results = [
        {
            "body": answer.body,
            "httpHeaders": {},
            "httpStatusCode": answer.status,
            "referenceId": each.get("referenceId"),
        }
        for each, answer in zip(asked, answers, strict=True)
    ]
    return Response(200, {"compositeResponse": results})


def _answered(call: Call, asked: Sequence[Mapping[str, Any]]) -> list[Response]:
    answers: list[Response] = []
    known: dict[str, object] = {}
    for each in asked:
        try:
            answer = call.dispatch(_subrequest(call, _filled(each, known)))
        except LookupError as error:
            message = f"Invalid reference specified. No value for {error.args[0]} found"
            answer = Response(400, [{"errorCode": "PROCESSING_HALTED", "message": message}])
        known[str(each.get("referenceId"))] = answer.body
        answers.append(answer)
    return answers


def _filled(asked: Mapping[str, Any], known: Mapping[str, object]) -> Mapping[str, Any]:
    """The subrequest with every `@{reference.path}` replaced; raises LookupError where there is no such value."""

    def found(match: re.Match[str]) -> str:
        name, *path = re.findall(r"[^.\[\]]+", match[1])
        value: Any = known.get(name)
        for step in path:
            value = value.get(step) if isinstance(value, Mapping) else _item(value, step)
        if value is None:
            raise LookupError(match[1])
        return str(value)

    if not _REFERENCE.search(json.dumps([asked.get("url"), asked.get("body")], default=str)):
        return asked
    filled = {**asked, "url": _REFERENCE.sub(found, str(asked.get("url")))}
    if "body" in asked:
        text = _REFERENCE.sub(lambda match: json.dumps(found(match))[1:-1], json.dumps(asked["body"], default=float))
        filled["body"] = json.loads(text, parse_float=Decimal)
    return filled


def _item(value: object, step: str) -> object:
    if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
        return value[int(step)]
    return None


def _subrequest(call: Call, asked: Mapping[str, Any]) -> Request:
    address = urlsplit(str(asked.get("url")))
    if not _INSIDE.fullmatch(address.path) or asked.get("method") not in ("GET", "POST", "PATCH", "DELETE"):
        raise missing()
    return Request(
        method=asked["method"],
        path=address.path,
        query=tuple(parse_qsl(address.query, keep_blank_values=True)),
        headers={**call.request.headers, **{key.lower(): value for key, value in asked.get("httpHeaders", {}).items()}},
        body=json.dumps(asked["body"], default=float).encode() if "body" in asked else b"",
    )


def _halted() -> Response:
    message = "The transaction was rolled back since another operation in the same transaction failed."
    return Response(400, [{"errorCode": "PROCESSING_HALTED", "message": message}])
