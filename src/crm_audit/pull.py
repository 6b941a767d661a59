"""Step 1: what a CRM shows into the store, stream by stream, as one run of the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from crm_audit.connectors.base import Connector, Gap, Page, Reach
from crm_audit.errors import CrmAuditError, Incomplete, summary
from crm_audit.store import Run, Start, Store

Clock = Callable[[], datetime]
Progress = Callable[[str, int], None]
"""Told the kind and how many of its records were read so far, after each page."""

NIGHT: tuple[Reach, ...] = ("all",)
"""How far the run of a night reaches."""

WHOLE_EVERY = timedelta(days=7)
"""How long what no increment tells, such as a record that vanished without a trace, may go unnoticed."""


def pull(
    connector: Connector, store: Store, *, start: Start, now: Clock, progress: Progress = lambda kind, rows: None
) -> Run:
    """Read what is new since the last run. What the CRM withholds is missing from a partial run; errors fail the run.

    Every page is kept, whatever happens after it, and the next run goes on there. Busy where this connection is being
    read already. A short run does not ask the CRM who it is and what it withholds: that stands as the last night had
    it, and so does what that night could not read. Where it can read less than that night, it fails: what the night
    knew stays the newest that is known. Incomplete then, and where there was no night yet.
    """
    before = connector.calls.so_far()
    run = store.begin(start)
    try:
        night = _last_night(store, start) if start.reach != "all" else None
        if night is None:
            run = store.introduce(run, account=connector.account(), survey=connector.survey())
            reading = store.reading(run, asked=start.asked, whole_before=start.started - WHOLE_EVERY)
        else:
            run = store.introduce(run, account=night.account, survey=night.survey)
            reading = store.reading(run)
        missing = _saved(connector.read(reading), store, run=run, progress=progress)
        if night is not None:
            missing = _inherited(night, missing)
        return store.finish(run, at=now(), missing=missing, calls=connector.calls.since(before))
    except BaseException as error:
        with suppress(CrmAuditError):  # a store that cannot say so either: the next run will find this one cut off
            store.fail(run, at=now(), reason=_reason(error), calls=connector.calls.since(before))
        raise


def _last_night(store: Store, start: Start) -> Run:
    night = store.latest(start.connection, reach=NIGHT)
    if night is None:
        raise Incomplete(f"{start.connection}: what changed can only be read after a first sync of everything")
    return night


def _inherited(night: Run, missing: Mapping[str, str]) -> dict[str, str]:
    """What the night missed; Incomplete where more is missing now."""
    more = {kind: reason for kind, reason in missing.items() if kind not in night.missing}
    kinds = {why: ", ".join(kind for kind, reason in more.items() if reason == why) for why in more.values()}
    if more:
        gaps = "; ".join(f"{names}: {why}" for why, names in kinds.items())
        raise Incomplete(f"{night.connection}: what changed could not be read to its end: {gaps}")
    return dict(night.missing)


def _saved(read: Iterable[Page | Gap], store: Store, *, run: Run, progress: Progress) -> dict[str, str]:
    """Save every page, and say which kinds were not read to their end."""
    missing: dict[str, str] = {}
    counts: dict[str, int] = {}
    for each in read:
        if isinstance(each, Gap):
            missing.setdefault(each.kind, each.reason)
            continue
        store.save(run, each)
        counts[each.kind] = counts.get(each.kind, 0) + len(each.rows)
        progress(each.kind, counts[each.kind])
    return missing


def _reason(error: BaseException) -> str:
    if not isinstance(error, Exception):  # Ctrl-C, or the exit that it became
        return "interrupted"
    return summary(error)
