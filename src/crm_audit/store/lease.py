"""One run per connection at a time, across processes and hosts: a lease in the ledger, and a fence at every commit.

The lease is told by the database's own clock. A process that was stopped past its lease and wakes up again finds its
run ended, and may commit nothing more.
"""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Row, cast, func, select, update

from crm_audit.errors import Busy, Incomplete
from crm_audit.store.tables import RUNS

LEASE = 300
"""Seconds for which a page, or the first answer of a CRM, may keep the store waiting before others may take over."""

CUT_OFF = "cut off: a later run began before it had finished"


def holder() -> str:
    """Names this process and one run of it: host, process id, and a token."""
    return f"{host()}:{os.getpid()}:{secrets.token_hex(4)}"


@cache
def host() -> str:
    """Where a process id means one process: hosts and containers may share a name, but no boot and id space of both."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        space = Path("/proc/self/ns/pid").readlink()
    except OSError:  # no Linux: its name has to do
        return platform.node()
    return f"{platform.node()}/{hashlib.sha256(f'{boot} {space}'.encode()).hexdigest()[:8]}"


def until(db: Connection) -> ColumnElement[int]:
    """When a lease that is taken or renewed now ends."""
    return now(db) + LEASE


def vacate(db: Connection, connection: str, *, at: datetime) -> None:
    """End the runs whose process is dead or past its lease; Busy where one is being read."""
    columns = (RUNS.c.id, RUNS.c.started, RUNS.c.holder, (RUNS.c.lease_until - now(db)).label("left"))
    running = select(*columns).where(RUNS.c.connection == connection, RUNS.c.status == "running")
    for run in db.execute(running.with_for_update()).all():
        if run.left is not None and run.left > 0 and not dead(run.holder):
            raise Busy(_busy(connection, run))
        ended = {"status": "failed", "finished": at, "reason": CUT_OFF}
        db.execute(update(RUNS).where(RUNS.c.id == run.id).values(ended))


def renew(db: Connection, run_id: int, connection: str) -> None:
    """Hold on to a run for as long again; Incomplete when it has ended, or another has taken over."""
    mine = update(RUNS).where(RUNS.c.id == run_id, RUNS.c.status == "running")
    if db.execute(mine.values(lease_until=until(db))).rowcount == 1:
        return
    status = db.scalar(select(RUNS.c.status).where(RUNS.c.id == run_id))
    raise Incomplete(
        f"run {run_id} of {connection!r} is {status or 'unknown'}, so it may store nothing more; "
        f"did it stand still for more than {LEASE // 60} minutes, so that another sync took over?"
    )


def now(db: Connection) -> ColumnElement[int]:
    """Seconds since 1970 by the clock of the database."""
    if db.dialect.name == "sqlite":
        return cast(func.strftime("%s", "now"), Integer)
    return cast(func.extract("epoch", func.clock_timestamp()), Integer)


def _busy(connection: str, run: Row[Any, Any, Any, Any]) -> str:
    return (
        f"{connection}: run {run.id} has been reading it since {run.started:%Y-%m-%d %H:%M} UTC "
        f"({process(run.holder)}); wait for it, or end that process and try again: "
        f"if it is gone already, this works in {run.left} s at the latest"
    )


def process(holder: str) -> str:
    """A holder for people."""
    where, pid, _ = holder.rsplit(":", 2)
    return f"process {pid} on {where.partition('/')[0]}"


def idle(holder: str, me: str) -> bool:
    """Whether a holder is at work no more: it is known to be gone, or it is this very process, which is asking."""
    return holder.rpartition(":")[0] == me.rpartition(":")[0] or dead(holder)


def dead(holder: str) -> bool:
    """Whether the process is known to be gone; of another host nothing is known."""
    where, pid, _ = holder.rsplit(":", 2)
    if where != host() or os.name != "posix":  # elsewhere, signal 0 is no mere question
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
