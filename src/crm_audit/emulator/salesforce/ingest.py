"""The resources of Bulk API 2.0 for writing: jobs/ingest."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from crm_audit.emulator.salesforce import rows
from crm_audit.emulator.salesforce.intakes import Intake, Line, Outcome
from crm_audit.emulator.salesforce.jobs import DELIMITERS, ENDINGS, JobState
from crm_audit.emulator.salesforce.state import Call
from crm_audit.emulator.server import Response
from crm_audit.emulator.soql.ids import full_id
from crm_audit.emulator.soql.refusal import Refusal
from crm_audit.emulator.soql.schema import Entity

LARGEST = 150_000_000
"""Bytes of one sheet."""
EMPTIED = "#N/A"
"""What a cell holds that empties its field; an empty cell leaves the field as it is."""
OPERATIONS = ("insert", "update", "upsert", "delete")


def create(call: Call) -> Response:
    """POST jobs/ingest: an open job that waits for its sheet."""
    body, state = call.body(), call.state
    delimiter, ending = str(body.get("columnDelimiter", "COMMA")), str(body.get("lineEnding", "LF"))
    operation, key = body.get("operation"), body.get("externalIdFieldName")
    if operation not in OPERATIONS or delimiter not in DELIMITERS or ending not in ENDINGS:
        raise Refusal("INVALIDJOB", "operation, columnDelimiter or lineEnding is not one that there is")
    entity = state.schema.visible(str(body.get("object", "")))
    if entity is None or body.get("contentType", "CSV") != "CSV":
        raise Refusal("INVALIDJOB", "a job needs an object that can be seen, and takes CSV")
    if (operation == "upsert") != isinstance(key, str):
        raise Refusal("INVALIDJOB", "externalIdFieldName goes with upsert, and with nothing else")
    job = Intake(
        id=state.intakes.number(), operation=operation, entity=entity.name,
        key=rows.external(entity, key).name if isinstance(key, str) else None, author=state.user,
        made=state.clock.now(), version=float(call.version.removeprefix("v")), delimiter=delimiter, ending=ending,
        polls=state.intakes.polls, error=state.intakes.failing,
    )  # fmt: skip
    return Response(200, state.intakes.put(job).told(base=call.data))


def listed(call: Call) -> Response:
    """GET jobs/ingest: every job on one page, without a look at how it goes on."""
    jobs = call.state.intakes.all(call.state.clock.now())
    return Response(200, {"done": True, "records": [job.told(base=call.data) for job in jobs], "nextRecordsUrl": None})


def upload(call: Call) -> Response:
    """PUT jobs/ingest/id/batches: the whole sheet at once, and only once."""
    job = _job(call)
    if job.state != JobState.OPEN or job.sheet is not None:
        raise Refusal("INVALIDJOBSTATE", f"Found multiple contents for job: <{job.id}>, please 'Close' / 'Abort' it")
    if len(call.request.body) > LARGEST:
        raise Refusal("REQUEST_LIMIT_EXCEEDED", "Bulk V2 job data is larger than 150 MB", status=413)
    call.state.intakes.put(replace(job, sheet=call.request.body))
    return Response(201)


def change(call: Call) -> Response:
    """PATCH jobs/ingest/id: close it with UploadComplete, or abort it."""
    job, wanted = _job(call), call.body().get("state")
    if wanted == JobState.ABORTED and not job.state.over:
        return Response(200, call.state.intakes.put(replace(job, state=JobState.ABORTED)).told(base=call.data))
    if wanted != JobState.UPLOADED or job.state != JobState.OPEN:
        raise Refusal("INVALIDJOBSTATE", f"The job is in the state {job.state} and cannot be given {wanted}")
    return Response(200, call.state.intakes.put(replace(job, state=JobState.UPLOADED)).told(base=call.data))


def read(call: Call) -> Response:
    """GET jobs/ingest/id: each look takes an unfinished job one step on."""
    job = _job(call)
    if job.state in (JobState.UPLOADED, JobState.RUNNING):
        job = call.state.intakes.put(_stepped(call, job))
    return Response(200, job.told(base=call.data))


def delete(call: Call) -> Response:
    """DELETE jobs/ingest/id."""
    call.state.intakes.remove(_job(call))
    return Response(204)


def successful(call: Call) -> Response:
    """GET jobs/ingest/id/successfulResults."""
    done = [each for each in _job(call).outcomes if not each.error]
    told = [{"sf__Id": each.id, "sf__Created": str(each.created).lower(), **each.line} for each in done]
    return _sheet(("sf__Id", "sf__Created"), told)


def failed(call: Call) -> Response:
    """GET jobs/ingest/id/failedResults: each refused line with its reason."""
    told = [{"sf__Id": each.id, "sf__Error": each.error, **each.line} for each in _job(call).refused]
    return _sheet(("sf__Id", "sf__Error"), told)


def unprocessed(call: Call) -> Response:
    """GET jobs/ingest/id/unprocessedrecords: the lines that a job did not come to."""
    job = _job(call)
    return _sheet((), job.lines[len(job.outcomes) :] if job.state.over else [])


def _stepped(call: Call, job: Intake) -> Intake:
    if job.polls > 0:
        return replace(job, state=JobState.RUNNING, polls=job.polls - 1)
    if job.error is not None:
        return replace(job, state=JobState.FAILED)
    try:
        lines = job.lines
    except (csv.Error, ValueError) as odd:
        return replace(job, state=JobState.FAILED, error=f"InvalidBatch : {odd}")
    return replace(job, state=JobState.COMPLETE, outcomes=tuple(_outcome(call, job, line) for line in lines))


def _outcome(call: Call, job: Intake, line: Line) -> Outcome:
    entity = call.state.schema.whole(job.entity)
    try:
        with call.state.records.atomic():
            record, created = _put(call, entity, job=job, body=_body(entity, line))
    except Refusal as refusal:
        return Outcome(line, error=f"{refusal.code}:{refusal.message}:{' '.join(refusal.fields or ())} --")
    return Outcome(line, id=record, created=created)


def _put(call: Call, entity: Entity, *, job: Intake, body: dict[str, Any]) -> tuple[str, bool]:
    writer = call.state.writer
    if job.operation == "insert":
        return writer.create(entity.name, body, actor=call.actor), True
    if job.key is not None:
        return rows.upsert(call, entity, key=rows.external(entity, job.key), body=body)
    given = body.pop("Id", None)
    record = full_id(str(given))
    if record is None:
        raise Refusal("MALFORMED_ID", f"malformed id {given}", fields=("Id",))
    if job.operation == "delete":
        writer.remove(entity.name, record, actor=call.actor)
    else:
        writer.update(entity.name, record, values=body, actor=call.actor)
    return record, False


def _body(entity: Entity, line: Line) -> dict[str, Any]:
    """A line as REST would have it."""
    given = ((*name.partition("."), cell) for name, cell in line.items() if cell)
    return {link: {key: cell} if dot else _value(entity, link, cell=cell) for link, dot, key, cell in given}


def _value(entity: Entity, name: str, *, cell: str) -> str | bool | None:
    known = entity.field_named(name)
    if cell == EMPTIED:
        return None
    return cell.lower() == "true" if known is not None and known.type == "boolean" else cell


def _sheet(first: tuple[str, ...], lines: Iterable[Line]) -> Response:
    listed = list(lines)
    names = [*first, *(name for name in (listed[0] if listed else {}) if name not in first)]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    return Response(200, text.getvalue().encode(), {"content-type": "text/csv"})


def _job(call: Call) -> Intake:
    return call.state.intakes.get(call.parts["id"], now=call.state.clock.now())
