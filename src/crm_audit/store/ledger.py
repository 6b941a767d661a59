"""The run ledger: who read what, when, and with which gaps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select, text, update

from crm_audit import __version__
from crm_audit.connectors.base import Calls, Reach
from crm_audit.domain import Account, Survey
from crm_audit.errors import Busy
from crm_audit.store import lease
from crm_audit.store.rows import storable
from crm_audit.store.tables import INSERT, RUNS

FINISHED = ("complete", "partial")
"""The states in which the facts of a run may be read."""

EVERY: tuple[Reach, ...] = ("all", "changes", "hints")
SHORT: tuple[Reach, ...] = ("changes", "hints")
"""Runs between two nights."""

NOT_REACHED = Account(id="", name="(not reached)", zone="UTC", currency="", user=None)
"""Stands in the ledger until the CRM has said who it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a run is to read beyond what is new: kinds from their beginning, and changes back to an instant."""

    anew: frozenset[str] = frozenset()
    since: datetime | None = None


NOTHING_MORE = Asked()
"""What a nightly run asks: whatever is new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a run is: the connection it reads, when it began (aware), and the digest of the settings it runs with.

    The digest stays that of the start, whatever happens to the settings meanwhile.
    """

    connection: str
    started: datetime
    config: str = ""
    asked: Asked = NOTHING_MORE
    reach: Reach = "all"


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
    reach: Reach
    moved: int


def begin(db: Connection, start: Start, *, holder: str) -> Run:
    """Open a run of a CRM that has said nothing yet; Busy where another process reads the connection.

    Asked again by the same holder, it is the same run: the answer to the first asking was lost.
    """
    mine = db.execute(select(RUNS).where(RUNS.c.holder == holder)).mappings().first()
    if mine is not None:
        return _run(mine)
    lease.vacate(db, start.connection, at=start.started)
    row = {
        "connection": start.connection,
        "started": start.started,
        "status": "running",
        "missing": "{}",
        "config": start.config,
        "version": __version__,
        "calls_read": 0,
        "calls_write": 0,
        "reach": start.reach,
        "moved": 0,
        "holder": holder,
        "lease_until": lease.until(db),
        **_said(NOT_REACHED, Survey()),
    }
    insert = INSERT[db.dialect.name](RUNS).values(row)
    alone = insert.on_conflict_do_nothing(index_elements=[RUNS.c.connection], index_where=text("status = 'running'"))
    run = db.execute(alone.returning(RUNS)).mappings().first()
    if run is None:  # another began in between
        lease.vacate(db, start.connection, at=start.started)
        raise Busy(f"{start.connection}: another sync of it began and ended at this very moment; try again")
    return _run(run)


def introduce(db: Connection, run: Run, *, account: Account, survey: Survey) -> Run:
    """Note what the CRM said of itself."""
    lease.renew(db, run.id, run.connection)
    said = update(RUNS).where(RUNS.c.id == run.id).values(_said(account, survey)).returning(RUNS)
    return _run(db.execute(said).mappings().one())


def finished(db: Connection, run: Run, *, at: datetime) -> Run | None:
    """The run, when it had come to its end at that instant already: the answer to the first asking was lost."""
    now = _run(db.execute(select(RUNS).where(RUNS.c.id == run.id)).mappings().one())
    return now if now.status in FINISHED and now.finished == at else None


def finish(db: Connection, run: Run, *, at: datetime, missing: Mapping[str, str], calls: Calls) -> Run:
    """End a run that came to its end: partial when anything is missing, never complete."""
    status = "partial" if missing else "complete"
    return _close(db, run, calls=calls, values={"status": status, "finished": at, "missing": json.dumps(dict(missing))})


def fail(db: Connection, run: Run, *, at: datetime, reason: str, calls: Calls) -> Run:
    """End a run that could not go on; one that has ended stays as it ended."""
    return _close(db, run, calls=calls, values={"status": "failed", "finished": at, "reason": storable(reason)})


def charge(db: Connection, run: Run, calls: Calls) -> None:
    """Add the calls of what was done with a run after it ended."""
    more = {"calls_read": RUNS.c.calls_read + calls.read, "calls_write": RUNS.c.calls_write + calls.write}
    db.execute(update(RUNS).where(RUNS.c.id == run.id).values(more))


def _close(db: Connection, run: Run, *, calls: Calls, values: Mapping[str, object]) -> Run:
    """End a run; one that has ended stays as it ended."""
    counted = {"calls_read": calls.read, "calls_write": calls.write}
    running = (RUNS.c.id == run.id, RUNS.c.status == "running")
    db.execute(update(RUNS).where(*running).values({**values, **counted}))
    return _run(db.execute(select(RUNS).where(RUNS.c.id == run.id)).mappings().one())


def _said(account: Account, survey: Survey) -> dict[str, object]:
    return {"account": json.dumps(asdict(account)), "survey": json.dumps(asdict(survey), default=sorted)}


def newest(db: Connection, connection: str, *, limit: int, reach: Sequence[Reach] = EVERY) -> list[Run]:
    """The last runs of a connection that reached so far, the newest first, whatever became of them."""
    mine = (RUNS.c.connection == connection, RUNS.c.reach.in_(sorted(reach)))
    query = select(RUNS).where(*mine).order_by(RUNS.c.id.desc()).limit(limit)
    return [_run(row) for row in db.execute(query).mappings()]


def latest(db: Connection, connection: str, *, by: datetime | None, reach: Sequence[Reach] = EVERY) -> Run | None:
    """The newest run that reached so far and finished, at or before `by`."""
    mine = (RUNS.c.connection == connection, RUNS.c.reach.in_(sorted(reach)))
    query = select(RUNS).where(*mine, RUNS.c.status.in_(FINISHED))
    if by is not None:
        query = query.where(RUNS.c.finished <= by)
    row = db.execute(query.order_by(RUNS.c.id.desc()).limit(1)).mappings().first()
    return _run(row) if row is not None else None


def _run(row: RowMapping) -> Run:
    columns: dict[str, Any] = dict(row)  # JSON columns become values below, the others are what Run says
    del columns["holder"], columns["lease_until"]
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
