"""`crm-audit serve`: every night, at the time that each connection names, and in between, until a signal ends it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from crm_audit.cli import base as cli
from crm_audit.cli.base import app
from crm_audit.cli.signals import ENDS, end

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

    from crm_audit.config import Settings
    from crm_audit.live import Live
    from crm_audit.nights import Night
    from crm_audit.pipeline import Job
    from crm_audit.rounds import Step
    from crm_audit.schedule import Waking
    from crm_audit.store import Store
    from crm_audit.watch import Watch


@app.command()
def serve(
    once: Annotated[bool, typer.Option("--once", help="Take one look, carry out what is due, and end.")] = False,
) -> None:
    """Audit each connection every night at its `nightly` time, once, whoever serves; and in between, where asked to."""
    from crm_audit.schedule import Waking

    served(None if once else Waking())


def served(waking: Waking | None, now: Callable[[], datetime] = cli.now) -> None:
    """Watch over the nights for as long as somebody wakes us, or take one look."""
    from crm_audit.cli import logs

    loaded = cli.settings()
    logs.begin()
    for number in ENDS:
        signal.signal(number, _stop)
    with cli.opened(loaded) as store:
        watch = watching(loaded, store, now)
        if waking is None:
            sys.exit(watch.look())
        live = living(loaded, store, now)
        with receiving(loaded, store, now, wake=waking.wake.set):
            keep(watch, live, waking)


def watching(loaded: Settings, store: Store, now: Callable[[], datetime]) -> Watch:
    """The watch over all connections that name a time; FixConfig where none does."""
    from crm_audit.errors import FixConfig, summary
    from crm_audit.rounds import Edge
    from crm_audit.watch import Watch, timetable_of

    known = cli.jobs(None, loaded)
    jobs = tuple(job for job in known if job.connection.nightly)
    if not jobs and not _between(known, loaded):
        raise FixConfig(f'{cli.GIVEN.config}: no connection says when: set nightly = "01:30" (its local time) for one')
    for job in jobs:
        if timetable_of(job, store) is None:
            _log().warning("no zone", connection=job.name, fix="set zone, or let `crm-audit run` ask the CRM for it")
    return Watch(jobs, store, Edge(connect=cli.connector, now=now, bug=summary), partial(_told, store))


def living(loaded: Settings, store: Store, now: Callable[[], datetime]) -> Live:
    """What is read between the nights: the connections that say how often, or whose CRM tells us."""
    from crm_audit.errors import summary
    from crm_audit.live import Live
    from crm_audit.rounds import Edge

    jobs = tuple(_between(cli.jobs(None, loaded), loaded))
    return Live(jobs, store, Edge(connect=cli.connector, now=now, bug=summary), _told_between)


def _between(jobs: list[Job], loaded: Settings) -> list[Job]:
    from crm_audit.config import SIGNED_WITH

    told = loaded.receiver is not None
    return [job for job in jobs if job.connection.every or (told and SIGNED_WITH in job.connection.login)]


@contextmanager
def receiving(
    loaded: Settings, store: Store, now: Callable[[], datetime], *, wake: Callable[[], None]
) -> Iterator[None]:
    """Take webhooks meanwhile, where the settings say so; FixConfig where they cannot be taken."""
    from crm_audit.connectors import mailbox
    from crm_audit.errors import FixConfig
    from crm_audit.web.receiver import PATH, Receiver, listening

    if loaded.receiver is None:
        yield
        return
    boxes = {name: box for name, each in loaded.connections.items() if (box := mailbox(each)) is not None}
    if not boxes:
        raise FixConfig(
            f"{cli.GIVEN.config}: receiver: no connection names a login.webhook_secret to check messages by"
        )
    receiver = Receiver(mailboxes=boxes, store=store, url=loaded.receiver.url, now=now, wake=wake, tell=_refused)
    with listening(receiver, loaded.receiver.listen) as address:
        _log().info("receiving", at=address, by=[f"{loaded.receiver.url}{PATH}{name}" for name in boxes])
        yield


def _refused(connection: str, status: int, why: str) -> None:
    _log().warning("message refused", connection=connection, status=status, why=why)


def keep(watch: Watch, live: Live, waking: Waking) -> None:
    """Look every minute, come what may; only a signal, or a scheduler that has died, ends it."""
    from crm_audit.schedule import every_minute

    nights, between = ([job.name for job in each.jobs] for each in (watch, live))
    _log().info("serving", connections=nights, between=between)
    try:
        every_minute(partial(_looked, watch.look, live.look), waking)
    finally:
        _log().info("stopped")


def _looked(*looks: Callable[[], object]) -> None:
    from crm_audit.errors import summary

    for look in looks:
        try:
            look()
        except Exception as error:  # noqa: BLE001 -- the database is away, or the like: it may be back in a minute
            _log().error("look failed", why=summary(error))


def _told(store: Store, night: Night, step: Step) -> None:
    """The last line of a night carries the head of the audit log, so that every night anchors it outside the store."""
    tell = _log().info if step.code == 0 else _log().error
    head = {"log": str(store.log.head() or "")} if step.step == "night" else {}
    tell(step.step, connection=step.connection, night=night.day.isoformat(), code=step.code, says=step.says, **head)


def _told_between(step: Step) -> None:
    tell = _log().info if step.code == 0 else _log().error
    tell(step.step, connection=step.connection, between=True, code=step.code, says=step.says)


def _stop(number: int, frame: FrameType | None) -> None:
    end(0)


def _log() -> BoundLogger:
    from structlog.stdlib import get_logger

    return get_logger("crm_audit")
