"""The store: what every run learned, kept as versions. The only place that opens a database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Self

import polars as pl
from sqlalchemy import Engine

from crm_audit.connectors.base import Calls, Page
from crm_audit.domain import Account, Survey
from crm_audit.store import ledger, reading, versions
from crm_audit.store.database import connect
from crm_audit.store.database import reading as reader
from crm_audit.store.ledger import Run, Start
from crm_audit.store.nights import Nights
from crm_audit.store.rows import rows

__all__ = ["Run", "Start", "Store"]


class Store:
    """Every connection's records as known at each of its runs. Transactions are one page, or one ledger line, long."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self.nights = Nights(engine)

    @classmethod
    def open(cls, url: str) -> Self:
        """Open a store, creating or upgrading its schema; raises FixConfig or StoreTooNew."""
        return cls(connect(url))

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def begin(self, start: Start, *, account: Account, survey: Survey) -> Run:
        """Open a run. A run of the same connection that never ended is closed as failed and may write no more."""
        with self._engine.begin() as db:
            return ledger.begin(db, start, account=account, survey=survey)

    def save(self, run: Run, page: Page) -> None:
        """Commit a page with its cursor, both or neither; Incomplete when the run has been ended by another."""
        seen = rows(page.rows)
        with self._engine.begin() as db:
            ledger.hold(db, run)
            versions.observe(db, run, kind=page.kind, rows=seen)
            versions.follow(db, run, kind=page.kind, cursor=page.cursor)

    def finish(self, run: Run, *, at: datetime, missing: Mapping[str, str], calls: Calls) -> Run:
        """End a run: partial where kinds are `missing` (kind -> reason). Of the others, what it did not see is gone."""
        with self._engine.begin() as db:
            ledger.hold(db, run)
            versions.sweep(db, run, kinds=versions.swept(missing, run.survey))
            return ledger.close(db, run, calls=calls, values=ledger.finished(missing, at))

    def fail(self, run: Run, *, at: datetime, reason: str, calls: Calls) -> Run:
        """End a run that could not go on; a later run takes its rows over. One that has ended stays as it ended."""
        with self._engine.begin() as db:
            return ledger.close(db, run, calls=calls, values=ledger.failed(reason, at))

    def latest(self, connection: str, *, by: datetime | None = None) -> Run | None:
        """The newest run that came to its end, complete or partial, at or before `by`."""
        with self._reader.begin() as db:
            return ledger.latest(db, connection, by=by)

    def runs(self, connection: str, limit: int = 20) -> list[Run]:
        """The last runs of a connection, the newest first, whatever became of them."""
        with self._reader.begin() as db:
            return ledger.newest(db, connection, limit=limit)

    def cursors(self, run: Run) -> dict[str, str | None]:
        """Where the pull of each kind would go on after the last page that this run saved."""
        with self._reader.begin() as db:
            return versions.cursors(db, run)

    def changed(self, run: Run, kind: str) -> set[str]:
        """Ids of the records that were already there in an earlier shape when this run finished."""
        with self._reader.begin() as db:
            return versions.changed(db, run, kind=kind)

    def frames(self, run: Run) -> dict[str, pl.DataFrame]:
        """Every kind of `frames.SCHEMAS` as known at a finished run, read in one moment.

        `links` also holds the versions that were closed by then, so an id may come more than once there.
        """
        with self.known(run) as frames:
            return dict(frames)

    @contextmanager
    def known(self, run: Run) -> Iterator[Mapping[str, pl.DataFrame]]:
        """The same frames, each read when it is asked for: a million events need not lie beside all the others."""
        if run.status not in ledger.FINISHED:
            raise ValueError(f"run {run.id} is {run.status}: only what a finished run knew may be judged")
        with self._reader.begin() as db:
            yield reading.Known(db, run)
