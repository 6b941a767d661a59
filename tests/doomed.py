"""Rounds and undos in a process of their own, which may be killed at any step of write-back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from typing import NoReturn

from crm_audit import pipeline
from crm_audit.config import Connection
from crm_audit.connectors.base import Connector
from crm_audit.emulator.clock import Clock
from crm_audit.packs import load
from crm_audit.pipeline import Job
from crm_audit.rounds import Edge, Step, carry_out
from crm_audit.store import Store
from tests.soak.reach import reach

CORE = load("core")
PROCESSES = get_context("forkserver")
"""Forks of a process that has read the program and done nothing yet, so that none of its threads is missed."""
PROCESSES.set_forkserver_preload([
    "crm_audit.rounds", "crm_audit.emulator.transport", "crm_audit.connectors.salesforce",
    "crm_audit.connectors.hubspot", "psycopg", "sqlalchemy.dialects.postgresql.psycopg",
])  # fmt: skip


@dataclass(frozen=True)
class Doing:
    """What a process needs to know; `undo` is the run to undo, in place of a round."""

    name: str
    settings: Mapping[str, object]
    environ: Mapping[str, str]
    url: str
    now: datetime
    undo: int | None = None

    @property
    def connection(self) -> Connection:
        """The settings, read."""
        return Connection.model_validate(self.settings)


def fatal(error: Exception) -> NoReturn:
    """A mistake of ours ends the test."""
    raise error


def carried_out(
    name: str, connection: Connection, environ: Mapping[str, str], store: Store, *, clock: Clock
) -> list[Step]:
    """One round; what only a mistake of ours can raise is raised."""
    with ExitStack() as stack:

        def connect(job: Job) -> Connector:
            return stack.enter_context(reach(job.connection, environ, clock))

        edge = Edge(connect=connect, now=clock.now, bug=fatal)
        return list(carry_out(Job(name, connection, CORE), store, edge, lambda what, count: None))


def killed(doing: Doing, at: str) -> bool:
    """Do it in a process that is killed at a point such as P3:2; False where that was never reached."""
    process = PROCESSES.Process(target=_do, args=(doing, at))
    process.start()
    process.join(120)
    code = process.exitcode
    process.close()
    assert code in (0, -9), code
    return code == -9


def _do(doing: Doing, at: str) -> None:
    os.environ["CRM_AUDIT_CRASH_AT"] = at
    connection, clock = doing.connection, Clock(doing.now)
    with Store.open(doing.url) as store:
        if doing.undo is None:
            carried_out(doing.name, connection, doing.environ, store, clock=clock)
            return
        job = Job(doing.name, connection, CORE)
        with reach(connection, doing.environ, clock) as connector:
            made = pipeline.undone(job, doing.undo, connector, store)
            pipeline.applied(made, connector, store, lambda done: None)
