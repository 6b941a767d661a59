"""The run ledger: who read what, when, and with which gaps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from crm_audit import __version__
from crm_audit.connectors.base import Calls
from crm_audit.domain import Account, Survey
from crm_audit.errors import Incomplete
from crm_audit.store.rows import storable
from crm_audit.store.tables import RUNS

FINISHED = ("complete", "partial")
"""The states in which the facts of a run may be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a run is: the connection it reads, when it began (aware), and the digest of the settings it runs with."""

    connection: str
    started: datetime
    config: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One line of the ledger; `missing` tells why a kind was not read to its end."""

    id: int
    connection: str
    started: datetime
    finished: datetime | None
    status: str  # running | complete | partial | failed
    reason: str | None
    missing: Mapping[str, str]
    account: Account
    survey: Survey
    config: str
    version: str
    calls_read: int
    calls_write: int


def begin(db: Connection, start: Start, *, account: Account, survey: Survey) -> Run:
    """Open a run; one of the same connection that is still open was cut off, and can write no more."""
    db.execute(
        update(RUNS)
        .where(RUNS.c.connection == start.connection, RUNS.c.status == "running")
        .values(status="failed", finished=start.started, reason="cut off: a later run began before it had finished")
    )
    row = {
        "connection": start.connection,
        "started": start.started,
        "status": "running",
        "missing": "{}",
        "account": json.dumps(asdict(account)),
        "survey": json.dumps(asdict(survey), default=sorted),
        "config": start.config,
        "version": __version__,
        "calls_read": 0,
        "calls_write": 0,
    }
    return _run(db.execute(insert(RUNS).values(row).returning(RUNS)).mappings().one())


def hold(db: Connection, run: Run) -> None:
    """Keep others from ending the run during this transaction; Incomplete when one has ended it already."""
    status = db.scalar(select(RUNS.c.status).where(RUNS.c.id == run.id).with_for_update())
    if status != "running":
        raise Incomplete(
            f"run {run.id} of {run.connection!r} is {status or 'unknown'}, so it may store nothing more; "
            "was a second sync of this connection started beside it?"
        )


def close(db: Connection, run: Run, *, calls: Calls, values: Mapping[str, object]) -> Run:
    """End a run with the columns that `failed` or `finished` gave; one that has ended stays as it ended."""
    counted = {"calls_read": calls.read, "calls_write": calls.write}
    running = (RUNS.c.id == run.id, RUNS.c.status == "running")
    db.execute(update(RUNS).where(*running).values({**values, **counted}))
    return _run(db.execute(select(RUNS).where(RUNS.c.id == run.id)).mappings().one())


def failed(reason: str, at: datetime) -> dict[str, object]:
    """The columns of a run that failed."""
    return {"status": "failed", "finished": at, "reason": storable(reason)}


def finished(missing: Mapping[str, str], at: datetime) -> dict[str, object]:
    """The columns of a run that came to its end: partial when anything is missing, never complete."""
    return {"status": "partial" if missing else "complete", "finished": at, "missing": json.dumps(dict(missing))}


def newest(db: Connection, connection: str, *, limit: int) -> list[Run]:
    """The last runs of a connection, the newest first, whatever became of them."""
    query = select(RUNS).where(RUNS.c.connection == connection).order_by(RUNS.c.id.desc()).limit(limit)
    return [_run(row) for row in db.execute(query).mappings()]


def latest(db: Connection, connection: str, *, by: datetime | None) -> Run | None:
    """The newest run that finished, at or before `by`."""
    query = select(RUNS).where(RUNS.c.connection == connection, RUNS.c.status.in_(FINISHED))
    if by is not None:
        query = query.where(RUNS.c.finished <= by)
    row = db.execute(query.order_by(RUNS.c.id.desc()).limit(1)).mappings().first()
    return _run(row) if row is not None else None


def _run(row: RowMapping) -> Run:
    columns: dict[str, Any] = dict(row)  # JSON columns become values below, the others are what Run says
    survey = json.loads(columns["survey"])
    columns["missing"] = json.loads(columns["missing"])
    columns["account"] = Account(**json.loads(columns["account"]))
    columns["survey"] = Survey(
        unmapped=frozenset(survey["unmapped"]),
        unconnected=frozenset(survey["unconnected"]),
        notes=tuple(survey["notes"]),
        shared_topics=survey["shared_topics"],
    )
    return Run(**columns)
