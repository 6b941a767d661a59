"""Bulk API 2.0 jobs for writing: for more records than Collections are for. One job is a handful of calls.

A sheet can be uploaded once, so what went wrong before a job was closed begins anew with another job. After that, the
job alone knows what became of its records, and until it tells, their outcome is unknown.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile

from crm_audit.connectors.salesforce.gateway import MOST_RECORDS, Call, Gateway, Record, an_object
from crm_audit.connectors.salesforce.reading import Row
from crm_audit.connectors.salesforce.refusals import LOCKED
from crm_audit.errors import CrmAuditError, Retry

WORTH = 2_000
"""Records above which a job is worth its wait (Bulk API 2.0 limits: "below 2,000 records use Collections")."""
LARGEST = 100_000_000
"""Bytes of one sheet: base64 of it stays below the 150 MB that Salesforce takes."""
FIRST_WAIT, LONGEST_WAIT = 2.0, 20.0
"""Seconds between two looks at a job, growing."""
PATIENCE = 600.0
"""Seconds after which a job is ended. A batch has two or three, and stays ours for as long (store.outbox.LEASE)."""
EMPTIED = "#N/A"
"""What a cell holds that empties its field; an empty cell leaves the field as it is."""
ENDED = ("JobComplete", "Failed", "Aborted")
GOING = ("Open", "UploadComplete", "InProgress")
IN_MEMORY = 1_000_000
"""Bytes of results that are kept off the disk."""
JOBS = "jobs/ingest"
_NEXT = re.compile(r"/services/data/v\d+\.\d/(jobs/ingest\?[\w=&.%-]+)")

Line = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """What a job writes to: records that are there, by their id, or with a key that matches or makes them."""

    object: str
    key: str | None = None  # an external id

    @property
    def body(self) -> Record:
        """The job as it is asked for."""
        how = {"operation": "upsert", "externalIdFieldName": self.key} if self.key else {"operation": "update"}
        return {"object": self.object, **how, "contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF"}

    @property
    def path(self) -> str:
        """Where Collections take the same records."""
        return f"composite/sobjects/{self.object}/{self.key}" if self.key else "composite/sobjects"

    @property
    def names(self) -> str:
        """The column by which a record is known again."""
        return self.key or "Id"


def save(gateway: Gateway, target: Target, records: Sequence[Record]) -> list[str | None]:
    """Send records as jobs; for each Salesforce's reason for refusing it, None where it is saved.

    Retry where a job was given up: then nobody knows what became of its records. Those that were locked are sent
    again, as Collections.
    """
    lines = [_line(each) for each in records]
    refused: dict[str, str] = {}
    for sheet in sheets(lines):
        refused |= _carried_out(gateway, target, sheet)
    locked = [at for at, line in enumerate(lines) if LOCKED in refused.get(line[target.names], "")]
    for start in range(0, len(locked), MOST_RECORDS):
        some = locked[start : start + MOST_RECORDS]
        reasons = gateway.save(target.path, [records[at] for at in some])
        for at, reason in zip(some, reasons, strict=True):
            refused.pop(lines[at][target.names])
            refused |= {lines[at][target.names]: reason} if reason else {}
    return [refused.get(line[target.names]) for line in lines]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Records as CSV, and how many they are."""

    text: bytes
    records: int


def halt(gateway: Gateway, name: str) -> None:
    """End every job on an object that is under way: what its process wrote may be old by now."""
    path: str | None = JOBS
    running: list[str] = []
    while path:
        page = gateway.ask(Call("ingest/list", path), an_object)
        records = page.get("records")
        if not isinstance(records, list):
            raise Retry("Salesforce listed its Bulk jobs in a way that it does not document")
        running += [str(row.get("id")) for row in records if row.get("object") == name and row.get("state") in GOING]
        following = _NEXT.fullmatch(str(page.get("nextRecordsUrl")))
        path = following[1] if following else None
    for job in running:
        _abort(gateway, job)
        _ended(gateway, job)


def sheets(lines: Sequence[Line], *, largest: int = LARGEST) -> Iterator[Sheet]:
    """The lines in as many sheets as their size asks for; each has at least one."""
    names = list(dict.fromkeys(name for line in lines for name in line))
    head = _csv(names)
    kept: list[bytes] = []
    size = len(head)
    for line in lines:
        row = _csv([line.get(name, "") for name in names])
        if kept and size + len(row) > largest:
            yield Sheet(head + b"".join(kept), len(kept))
            kept, size = [], len(head)
        kept.append(row)
        size += len(row)
    if kept:
        yield Sheet(head + b"".join(kept), len(kept))


def _carried_out(gateway: Gateway, target: Target, sheet: Sheet) -> dict[str, str]:
    """The reasons of the refused lines of one sheet, by what names them."""
    job = gateway.retrying(lambda: _handed_over(gateway, target, sheet))
    told = _ended(gateway, job)
    if told.get("state") != "JobComplete" or told.get("numberRecordsProcessed") != sheet.records:
        raise Retry(f"Salesforce gave a Bulk job up ({told.get('state')}): its records are looked at by the next run")
    return _refused(gateway, job, target) if told.get("numberRecordsFailed") else {}


def _handed_over(gateway: Gateway, target: Target, sheet: Sheet) -> str:
    """A job that has its sheet and is under way; one that has not is ended, and Retry says so."""
    answer = gateway.once(Call("ingest/create", JOBS, "POST", json=target.body, writes=True), an_object)
    job = answer.get("id")
    if not isinstance(job, str) or not job.isalnum():
        raise Retry("Salesforce made a Bulk job and did not say which")
    try:
        gateway.upload(Call("ingest/upload", f"{JOBS}/{job}/batches", "PUT", writes=True), sheet.text)
        gateway.once(_state(job, "UploadComplete"), an_object)
    except CrmAuditError:
        _abort(gateway, job)
        raise
    return job


def _ended(gateway: Gateway, job: str) -> Row:
    """The job when it is over; Retry where it is not in time, and then it is ended."""
    waited, wait = 0.0, FIRST_WAIT
    while (told := gateway.ask(Call("ingest/poll", f"{JOBS}/{job}"), an_object)).get("state") not in ENDED:
        if waited > PATIENCE:
            _abort(gateway, job)
            raise Retry("Salesforce has not finished a Bulk job in ten minutes; its records are looked at again")
        gateway.sleep(wait)
        waited, wait = waited + wait, min(wait * 2, LONGEST_WAIT)
    return told


def _refused(gateway: Gateway, job: str, target: Target) -> dict[str, str]:
    call = Call("ingest/failed", f"{JOBS}/{job}/failedResults")
    with SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        gateway.fetch(call, file=file)
        file.seek(0)
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        try:
            return {line[target.names]: _told(line["sf__Error"]) for line in csv.DictReader(text, strict=True)}
        except (csv.Error, KeyError, ValueError):
            raise Retry("Salesforce's results of a Bulk job are not whole") from None


def _told(error: str) -> str:
    """`CODE:message:fields --` as a person reads it, and as Collections have it."""
    code, _, rest = error.partition(":")
    message = rest.rpartition(":")[0] or rest
    return ": ".join(part for part in (code, message) if part) or "refused without a reason"


def _state(job: str, state: str) -> Call:
    return Call("ingest/state", f"{JOBS}/{job}", "PATCH", json={"state": state}, writes=True)


def _abort(gateway: Gateway, job: str) -> None:
    with suppress(CrmAuditError):  # one that ended meanwhile cannot be ended; what it wrote is read back
        gateway.once(_state(job, "Aborted"), an_object)


def _line(record: Record) -> Line:
    """A record of Collections as cells by column; a related record by its external id is one column."""
    cells: dict[str, str] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            cells |= {f"{name}.{key}": _cell(inner) for key, inner in value.items() if name != "attributes"}
        else:
            cells["Id" if name == "id" else name] = _cell(value)
    return cells


def _cell(value: object) -> str:
    return EMPTIED if value is None else str(value)


def _csv(cells: Iterable[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()
