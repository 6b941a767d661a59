"""Bulk API 2.0 query jobs: for more rows than pages are for. Their CSV comes out as rows like those of REST."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import IO, Any

from crm_audit.connectors.salesforce.asking import Query
from crm_audit.connectors.salesforce.gateway import Call, Gateway, Sheet, an_object
from crm_audit.connectors.salesforce.reading import Row
from crm_audit.connectors.salesforce.refusals import Vanished
from crm_audit.connectors.salesforce.schema import Field
from crm_audit.errors import NoAccess, Retry

FIRST_WAIT, LONGEST_WAIT = 2.0, 60.0
"""Seconds between two looks at a job, growing."""
PATIENCE = 3 * 3600.0
"""Seconds after which a job that is still not done is left to a later run."""

NUMBERS = ("currency", "double", "int", "long", "percent")

csv.field_size_limit(16 * 1024 * 1024)  # the module's own limit of 128 KB is less than a long text field may have

Types = Mapping[str, Field]


def create(gateway: Gateway, query: Query) -> str:
    """Make a job; gives its id."""
    body = {"operation": "queryAll", "query": query.unordered, "contentType": "CSV"}
    body |= {"columnDelimiter": "COMMA", "lineEnding": "LF"}
    answer = gateway.ask(Call("bulk/create", "jobs/query", "POST", json=body), an_object)
    job = answer.get("id")
    if not isinstance(job, str) or not job.isalnum():
        raise Retry("Salesforce made a Bulk job and did not say which")
    return job


def waits(gateway: Gateway, job: str) -> Iterator[float]:
    """Seconds to wait before the next look at a job, until it is complete; raises Vanished where there is none."""
    waited, wait = 0.0, FIRST_WAIT
    while not _complete(gateway, job):
        if waited > PATIENCE:
            raise Retry("Salesforce has not finished a Bulk job in three hours; the next run looks again")
        yield wait
        waited, wait = waited + wait, min(wait * 2, LONGEST_WAIT)


def _complete(gateway: Gateway, job: str) -> bool:
    nothing: Row = {}
    answer = gateway.ask(Call("bulk/poll", f"jobs/query/{job}"), an_object, absent=nothing)
    if not answer:
        raise Vanished("Salesforce no longer has the Bulk job")
    if answer.get("state") in ("Failed", "Aborted"):
        raise Vanished("Salesforce gave the Bulk job up")
    return answer.get("state") == "JobComplete"


def sheet(gateway: Gateway, job: str, locator: str, *, most: int, file: IO[bytes]) -> Sheet:
    """A page of a job's results, into a file; raises Vanished where Salesforce has thrown it away."""
    try:
        return gateway.sheet(job, locator or None, most=most, file=file)
    except NoAccess:
        raise Vanished("Salesforce no longer has the results of the Bulk job") from None


def rows(page: Sheet, name: str, types: Types) -> Iterator[Row]:
    """The rows of a page as REST has them; can be read as often as needed. Retry where some are missing."""
    page.file.seek(0)
    text = io.TextIOWrapper(page.file, encoding="utf-8", newline="")
    count = 0
    try:
        lines = csv.reader(text, strict=True)
        names = [each.split(".") for each in next(lines, [])]
        for line in lines:
            count += 1
            yield _row(name, dict(zip(map(".".join, names), line, strict=True)), types)
    except (csv.Error, ValueError, InvalidOperation):
        raise Retry("Salesforce's Bulk results are not whole") from None
    finally:
        text.detach()
    if count != page.records:
        raise Retry(f"Salesforce's Bulk results have {count} of {page.records} records")


def _row(name: str, cells: Mapping[str, str], types: Types) -> Row:
    row: dict[str, Any] = {"attributes": {"type": name}}
    for path, cell in cells.items():
        owner, dot, field = path.rpartition(".")
        if not dot:
            row[path] = _value(cell, types.get(field))
            continue
        inner = row
        for part in owner.split("."):
            inner = inner.setdefault(part, {})
        inner[field] = cell or None
    return row


def _value(cell: str, known: Field | None) -> object:
    if cell == "":
        return None  # Bulk tells null and empty text alike, and Salesforce keeps no empty text
    if known is not None and known.type == "boolean":
        return cell == "true"
    return Decimal(cell) if known is not None and known.type in NUMBERS else cell
