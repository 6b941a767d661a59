"""Bulk API 2.0 jobs for writing: a sheet is taken in once, and carried out row by row when its job is closed."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from crm_audit.emulator.salesforce.jobs import DELIMITERS, JobState
from crm_audit.emulator.soql.ids import full_id, new_id
from crm_audit.emulator.soql.refusal import Refusal
from crm_audit.emulator.soql.wire import wire

KEPT = timedelta(days=7)
"""How long a job and its results are there."""

Line = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one line; an error is `CODE:message:fields --`."""

    line: Line
    id: str = ""
    created: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """One job for writing."""

    id: str
    operation: str
    entity: str
    key: str | None
    author: str
    made: datetime
    version: float
    delimiter: str
    ending: str
    polls: int
    state: JobState = JobState.OPEN
    sheet: bytes | None = None
    outcomes: tuple[Outcome, ...] = ()
    error: str | None = None

    @property
    def refused(self) -> list[Outcome]:
        """The lines that were refused."""
        return [each for each in self.outcomes if each.error]

    @property
    def lines(self) -> list[Line]:
        """The sheet, line by line; raises ValueError or csv.Error where it is none."""
        text = io.StringIO((self.sheet or b"").decode("utf-8-sig"), newline="")
        table = csv.reader(text, delimiter=DELIMITERS[self.delimiter], strict=True)
        names = next(table, [])
        return [dict(zip(names, cells, strict=True)) for cells in table]

    def told(self, *, base: str) -> dict[str, Any]:
        """The job as JSON."""
        body: dict[str, Any] = {"id": self.id, "operation": self.operation, "object": self.entity}
        body |= {"createdById": self.author, "createdDate": wire(self.made), "systemModstamp": wire(self.made)}
        body |= {"state": self.state.value, "concurrencyMode": "Parallel", "contentType": "CSV"}
        body |= {"apiVersion": self.version, "lineEnding": self.ending, "columnDelimiter": self.delimiter}
        body |= {} if self.key is None else {"externalIdFieldName": self.key}
        if self.state == JobState.OPEN:
            return body | {"contentUrl": f"{base.removeprefix('/')}/jobs/ingest/{self.id}/batches"}
        body |= {"jobType": "V2Ingest", "retries": 0, "totalProcessingTime": 0}
        body |= {"numberRecordsProcessed": len(self.outcomes), "numberRecordsFailed": len(self.refused)}
        return body | ({} if self.error is None else {"errorMessage": self.error})


@dataclass(slots=True)
class Intakes:
    """The jobs for writing of an org; `polls` and `failing` as those of the query jobs."""

    polls: int = 1
    failing: str | None = None
    _kept: dict[str, Intake] = field(default_factory=dict)
    _issued: int = 0

    def number(self) -> str:
        """The id of a new job."""
        self._issued += 1
        return new_id("750", 500_000 + self._issued)

    def all(self, now: datetime) -> list[Intake]:
        """The jobs that are still there, oldest first."""
        self._kept = {key: job for key, job in self._kept.items() if job.made > now - KEPT}
        return list(self._kept.values())

    def get(self, name: str, *, now: datetime) -> Intake:
        """A job; raises Refusal (NOT_FOUND)."""
        self.all(now)
        found = self._kept.get(full_id(name) or "")
        if found is None:
            raise Refusal("NOT_FOUND", "The requested resource does not exist", status=404)
        return found

    def put(self, job: Intake) -> Intake:
        """Store what became of a job."""
        self._kept[job.id] = job
        return job

    def remove(self, job: Intake) -> None:
        """Delete a job that is over; raises Refusal."""
        if not job.state.over:
            raise Refusal("INVALIDJOBSTATE", f"Deleting not allowed: the job is in the state {job.state}")
        del self._kept[job.id]
