"""Step 1: all that a CRM shows into the store, kind by kind, as one run of the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from crm_audit.connectors.base import Calls, Connector, Page
from crm_audit.domain import KINDS, Account, Survey
from crm_audit.errors import NoAccess, OutOfQuota, Retry
from crm_audit.store import Run, Start, Store

Clock = Callable[[], datetime]
Progress = Callable[[str, int], None]
"""Told the kind and how many of its records were read so far, after each page."""

NOT_REACHED = Account(id="", name="(not reached)", zone="UTC", currency="", user=None)
"""Stands in the ledger where the CRM did not even say who it is."""


def pull(
    connector: Connector, store: Store, *, start: Start, now: Clock, progress: Progress = lambda kind, rows: None
) -> Run:
    """Read everything once. What the CRM withholds is missing from a partial run; any other error fails the run."""
    before = Calls(connector.calls.read, connector.calls.write)
    run = None
    try:
        account, survey = connector.account(), connector.survey()
        run = store.begin(start, account=account, survey=survey)
        missing = _kinds(connector, store, run=run, progress=progress)
    except BaseException as error:
        run = run or store.begin(start, account=NOT_REACHED, survey=Survey())
        store.fail(run, at=now(), reason=_reason(error), calls=_since(before, connector.calls))
        raise
    return store.finish(run, at=now(), missing=missing, calls=_since(before, connector.calls))


def _kinds(connector: Connector, store: Store, *, run: Run, progress: Progress) -> dict[str, str]:
    """Read every kind, and say why some were not read to their end."""
    missing: dict[str, str] = {}
    spent = ""
    for kind in KINDS:
        if spent:
            missing[kind] = spent
            continue
        try:
            _pages(connector.pages(kind), store, run=run, progress=progress)
        except OutOfQuota as error:
            missing[kind] = spent = _reason(error)
        except (NoAccess, Retry) as error:
            missing[kind] = _reason(error)
    return missing


def _pages(pages: Iterator[Page], store: Store, *, run: Run, progress: Progress) -> None:
    count = 0
    for page in pages:
        store.save(run, page)
        count += len(page.rows)
        progress(page.kind, count)


def _reason(error: BaseException) -> str:
    if not isinstance(error, Exception):  # Ctrl-C, or the exit that it became
        return "interrupted"
    return str(error) or type(error).__name__


def _since(before: Calls, after: Calls) -> Calls:
    return Calls(after.read - before.read, after.write - before.write)
