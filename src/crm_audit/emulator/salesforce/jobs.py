"""Bulk API 2.0 query jobs: their states, and results that are written when they are fetched."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from crm_audit.emulator.soql.evaluate import Table
from crm_audit.emulator.soql.ids import new_id
from crm_audit.emulator.soql.refusal import Refusal
from crm_audit.emulator.soql.schema import Value
from crm_audit.emulator.soql.wire import wire

KEPT = timedelta(days=7)
"""How long a job and its results are there."""
DAY = timedelta(hours=24)
PAGE = 50_000
"""Records in one page of results where the caller names no number; Salesforce chooses its own."""

DELIMITERS = {"BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
ENDINGS = {"LF": "\n", "CRLF": "\r\n"}

_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'", re.DOTALL)
_FORBIDDEN = {
    r"\bGROUP\s+BY\b": "GROUP BY is not supported in Bulk Query",
    r"\bOFFSET\b": "OFFSET is not supported in Bulk Query",
    r"\bTYPEOF\b": "TYPEOF is not supported in Bulk Query",
    r"\b(COUNT|COUNT_DISTINCT|SUM|AVG|MIN|MAX)\s*\(": "Aggregate functions are not supported in Bulk Query",
    r"\bSELECT\b[^()]*\(\s*SELECT\b.*\)[^()]*\bFROM\b": "Aggregate Relationships not supported in Bulk Query",
}


class JobState(StrEnum):
    """Where a job stands: open (for writing only), on its way, or over."""

    OPEN = "Open"
    UPLOADED = "UploadComplete"
    RUNNING = "InProgress"
    COMPLETE = "JobComplete"
    FAILED = "Failed"
    ABORTED = "Aborted"

    @property
    def over(self) -> bool:
        """True if nothing happens to it any more."""
        return self not in (JobState.OPEN, JobState.UPLOADED, JobState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job; the table is what the query found when the job was made."""

    id: str
    operation: str
    entity: str
    author: str
    made: datetime
    version: float
    table: Table | None
    delimiter: str = "COMMA"
    ending: str = "LF"
    state: JobState = JobState.UPLOADED
    polls: int = 0
    error: str | None = None

    def told(self, *, fresh: bool = False) -> dict[str, Any]:
        """The job as JSON; a fresh one, as its creation answers, says less."""
        stamp = wire(self.made)
        body: dict[str, Any] = {"id": self.id, "operation": self.operation, "object": self.entity}
        body |= {"createdById": self.author, "createdDate": stamp, "systemModstamp": stamp, "state": self.state.value}
        body |= {"concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": self.version}
        if fresh:
            return body | {"lineEnding": self.ending, "columnDelimiter": self.delimiter}
        body |= {"jobType": "V2Query", "lineEnding": self.ending, "columnDelimiter": self.delimiter}
        done = len(self.table.rows) if self.table and self.state == JobState.COMPLETE else 0
        body |= {"numberRecordsProcessed": done, "retries": 0, "totalProcessingTime": 0}
        return body | ({} if self.error is None else {"errorMessage": self.error})

    def polled(self) -> Job:
        """The job after it was looked at once more."""
        if self.state.over:
            return self
        if self.polls > 0:
            return replace(self, state=JobState.RUNNING, polls=self.polls - 1)
        return replace(self, state=JobState.COMPLETE if self.error is None else JobState.FAILED)

    def page(self, locator: str | None, *, size: int | None) -> tuple[str, int, str]:
        """Records from a locator on as CSV, how many they are, and the next locator; raises Refusal."""
        if self.state != JobState.COMPLETE or self.table is None:
            raise Refusal("INVALIDJOBSTATE", f"The job is in the state {self.state}: there are no results to be had")
        begin = _offset(locator) if locator else 0
        if begin > len(self.table.rows):
            raise Refusal("INVALID_QUERY_LOCATOR", "invalid query locator")
        rows = self.table.rows[begin : begin + (size or PAGE)]
        sheet = io.StringIO()
        writer = csv.writer(
            sheet, quoting=csv.QUOTE_ALL, delimiter=DELIMITERS[self.delimiter], lineterminator=ENDINGS[self.ending]
        )
        writer.writerow(self.table.names)
        cells = self.table.cells
        writer.writerows([_cell(value) for value in cells(row)] for row in rows)
        end = begin + len(rows)
        return sheet.getvalue(), len(rows), "null" if end >= len(self.table.rows) else _locator(end)


@dataclass(slots=True)
class Jobs:
    """The query jobs of an org.

    `polls` is how often a new job answers InProgress before it is complete, `daily` how many may be made in 24 hours;
    `failing` is the error with which the jobs made from now on fail.
    """

    polls: int = 1
    daily: int = 10_000
    failing: str | None = None
    _kept: dict[str, Job] = field(default_factory=dict)
    _made: list[datetime] = field(default_factory=list)
    _issued: int = 0

    def add(self, job: Job, *, now: datetime) -> Job:
        """Take in a new job and number it; raises Refusal where the day's allowance is used up."""
        if self.left(now) == 0:
            raise Refusal("LIMIT_EXCEEDED", f"Max bulk v2 query jobs ({self.daily}) per 24 hrs has been reached")
        self._made.append(now)
        self._issued += 1
        error = job.error if job.error is not None else self.failing
        numbered = replace(job, id=new_id("750", self._issued), polls=self.polls, error=error)
        self._kept[numbered.id] = numbered
        return numbered

    def left(self, now: datetime) -> int:
        """How many jobs may still be made."""
        self._made = [made for made in self._made if made > now - DAY]
        return max(0, self.daily - len(self._made))

    def all(self, now: datetime) -> list[Job]:
        """The jobs that are still there, oldest first."""
        self._kept = {name: job for name, job in self._kept.items() if job.made > now - KEPT}
        return list(self._kept.values())

    def get(self, name: str, *, now: datetime) -> Job:
        """A job; raises Refusal (NOT_FOUND)."""
        for job in self.all(now):
            if job.id[:15] == name[:15]:
                return job
        raise Refusal("NOT_FOUND", "The requested resource does not exist", status=404)

    def put(self, job: Job) -> Job:
        """Store what became of a job."""
        self._kept[job.id] = job
        return job

    def remove(self, job: Job) -> None:
        """Delete a job that is over; raises Refusal."""
        if not job.state.over:
            raise Refusal("INVALIDJOBSTATE", f"Deleting not allowed: the job is in the state {job.state}")
        del self._kept[job.id]


def forbidden(soql: str) -> str | None:
    """What a query has that Bulk API does not do."""
    bare = _TEXT.sub("''", soql)
    return next(
        (words for pattern, words in _FORBIDDEN.items() if re.search(pattern, bare, re.IGNORECASE | re.DOTALL)), None
    )


def _cell(value: Value) -> str:
    if isinstance(value, str):  # most are, so it is asked first
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(wire(value))


def _locator(offset: int) -> str:
    return base64.urlsafe_b64encode(str(offset).encode()).decode().rstrip("=")


def _offset(locator: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(locator + "=" * (-len(locator) % 4)))
    except (ValueError, binascii.Error):
        raise Refusal("INVALID_QUERY_LOCATOR", "invalid query locator") from None
