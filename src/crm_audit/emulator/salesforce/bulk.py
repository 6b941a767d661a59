"""The resources of Bulk API 2.0 for reading: jobs/query."""

from __future__ import annotations

import re
from dataclasses import replace

from crm_audit.emulator.salesforce.jobs import DELIMITERS, ENDINGS, Job, JobState, forbidden
from crm_audit.emulator.salesforce.state import Call
from crm_audit.emulator.server import Response
from crm_audit.emulator.soql.evaluate import table
from crm_audit.emulator.soql.refusal import Refusal

OPERATIONS = ("query", "queryAll")
_SOURCE = re.compile(r".*\bFROM\s+(\w+)", re.IGNORECASE | re.DOTALL)


def create(call: Call) -> Response:
    """POST jobs/query: the rows are settled now, whenever they are fetched."""
    body, state = call.body(), call.state
    operation, soql = body.get("operation"), body.get("query")
    delimiter, ending = body.get("columnDelimiter", "COMMA"), body.get("lineEnding", "LF")
    if operation not in OPERATIONS or delimiter not in DELIMITERS or ending not in ENDINGS:
        raise Refusal("INVALIDJOB", "operation, columnDelimiter or lineEnding is not one that there is")
    if body.get("contentType", "CSV") != "CSV" or not isinstance(soql, str):
        raise Refusal("INVALIDJOB", "a query job needs a query, and gives CSV")
    refused = forbidden(soql)
    found = None if refused else table(soql, state.catalog, everything=operation == "queryAll")
    source = _SOURCE.match(soql)
    job = Job(
        id="",
        operation=operation,
        entity=found.entity if found else source[1] if source else "",
        author=state.user,
        made=state.clock.now(),
        version=float(call.version.removeprefix("v")),
        table=found,
        delimiter=delimiter,
        ending=ending,
        error=f"InvalidBatch : Failed to process query: FUNCTIONALITY_NOT_ENABLED: {refused}" if refused else None,
    )
    return Response(200, state.jobs.add(job, now=job.made).told(fresh=True))


def listed(call: Call) -> Response:
    """GET jobs/query: every job on one page, without a look at how it goes on."""
    jobs = call.state.jobs.all(call.state.clock.now())
    return Response(200, {"done": True, "records": [job.told() for job in jobs], "nextRecordsUrl": None})


def read(call: Call) -> Response:
    """GET jobs/query/id: each look takes an unfinished job one step on."""
    return Response(200, call.state.jobs.put(_job(call).polled()).told())


def abort(call: Call) -> Response:
    """PATCH jobs/query/id: the only state that can be given is Aborted."""
    job = _job(call)
    if call.body().get("state") != JobState.ABORTED:
        raise Refusal("INVALIDJOBSTATE", "The only state that a query job can be given is Aborted")
    if job.state.over:
        raise Refusal("INVALIDJOBSTATE", f"Aborting not allowed: the job is in the state {job.state}")
    return Response(200, call.state.jobs.put(replace(job, state=JobState.ABORTED)).told())


def delete(call: Call) -> Response:
    """DELETE jobs/query/id: 204 and no body, which simple-salesforce takes for broken JSON."""
    call.state.jobs.remove(_job(call))
    return Response(204)


def results(call: Call) -> Response:
    """GET jobs/query/id/results?locator=&maxRecords=."""
    size = call.request.first("maxRecords")
    if size is not None and (not size.isdecimal() or int(size) == 0):
        raise Refusal("INVALID_PAGING_OPTION", f"maxRecords is not a number of records: {size}")
    text, count, locator = _job(call).page(call.request.first("locator"), size=int(size) if size else None)
    headers = {"content-type": "text/csv", "Sforce-Locator": locator, "Sforce-NumberOfRecords": str(count)}
    return Response(200, text.encode(), headers)


def _job(call: Call) -> Job:
    return call.state.jobs.get(call.parts["id"], now=call.state.clock.now())
