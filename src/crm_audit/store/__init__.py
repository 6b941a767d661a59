"""The store: what every run learned, kept as versions. The only place that opens a database."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Self
from uuid import uuid4

import polars as pl
from sqlalchemy import Connection, Engine

from crm_audit.connectors.base import Calls, Hint, Page, Reach, Reading
from crm_audit.domain import Account, Survey
from crm_audit.errors import Retry
from crm_audit.store import (
    answers,
    due,
    forgetting,
    hints,
    keys,
    lease,
    ledger,
    log,
    reading,
    statistics,
    streams,
    versions,
)
from crm_audit.store.bounces import Bounces
from crm_audit.store.current import Current
from crm_audit.store.database import alone, connect
from crm_audit.store.database import reading as reader
from crm_audit.store.hints import Pending
from crm_audit.store.ledger import Asked, Run, Start
from crm_audit.store.log import Log
from crm_audit.store.nights import Nights
from crm_audit.store.outbox import NOBODY, Outbox
from crm_audit.store.rows import rows
from crm_audit.store.streams import Count
from crm_audit.store.transactions import Sleep, Transactions, told
from crm_audit.store.waivers import Waivers

__all__ = ["Asked", "Count", "Pending", "Run", "Start", "Store"]


class Store:
    """Every connection's records as known at each of its runs. Transactions are one page, or one ledger line, long.

    They are carried out again where the database was busy or away for a moment. Then, Retry says so; StorageFull says
    that there is no room left.
    """

    def __init__(self, engine: Engine, *, by: str = NOBODY, sleep: Sleep = time.sleep) -> None:
        self._engine = engine
        self._write = Transactions(engine, sleep)
        self._read = Transactions(reader(engine), sleep)
        self.nights = Nights(self._write, self._read)
        self.bounces = Bounces(self._write, self._read, by=by)
        self.outbox = Outbox(self._write, self._read, by=by)
        self.log = Log(self._write, self._read)
        self.waivers = Waivers(self._write, self._read)
        self._by = by

    @classmethod
    def open(cls, url: str, *, by: str = NOBODY, sleep: Sleep = time.sleep) -> Self:
        """Open a store for somebody, creating or upgrading its schema; raises FixConfig or StoreTooNew."""
        return cls(connect(url), by=by, sleep=sleep)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def begin(self, start: Start) -> Run:
        """Open a run; Busy where another process reads this connection. One that was cut off is closed as failed."""
        holder = lease.holder()
        return self._write(lambda db: ledger.begin(db, start, holder=holder))

    def introduce(self, run: Run, *, account: Account, survey: Survey) -> Run:
        """Note what the CRM says of itself."""
        return self._write(lambda db: ledger.introduce(db, run, account=account, survey=survey))

    def reading(self, run: Run, *, asked: Asked = ledger.NOTHING_MORE, whole_before: datetime | None = None) -> Reading:
        """What the run asks of its connector; kinds that are read anew lose their stands for good."""

        def work(db: Connection) -> Reading:
            lease.renew(db, run.id, run.connection)
            streams.anew(db, run, kinds=asked.anew)
            return Reading(
                started=run.started,
                known=Current(run.connection, self._read, keys.key(db)),
                stands=streams.stands(db, run),
                anew=asked.anew,
                since=asked.since,
                whole_before=whole_before,
                hints=hints.taken(db, run),
                unmapped=run.survey.unmapped,
                reach=run.reach,
            )

        return self._write(work)

    def hear(self, connection: str, said: Iterable[Hint], *, at: datetime) -> int:
        """Keep what was said to have changed for the next run to read again; how much of it is new."""
        told_of = tuple(said)
        return self._write(lambda db: hints.hear(db, connection, told_of, at=at))

    def pending(self, connection: str) -> Pending:
        """What was said since the last run that finished."""
        return self._read(lambda db: hints.pending(db, connection))

    def save(self, run: Run, page: Page) -> None:
        """Commit a page with its cursor and what it says is gone, all or nothing; Incomplete when the run has ended."""
        shown, token = rows(page.rows), uuid4().hex

        def work(db: Connection) -> None:
            lease.renew(db, run.id, run.connection)
            entered = streams.entered(db, run, page, token=token)
            if entered is None:
                return
            spared = forgetting.nobody(db, run.connection, page.rows)
            if page.kind == "answers":
                spared = answers.taken(db, run, spared)
            seen = shown if spared is page.rows else rows(spared)
            versions.observe(db, run, page, seen)
            gone = versions.gone(db, run, page, seen)
            closed = versions.close(db, run, page, gone) + versions.sweep(db, run, page, began=entered.began)
            due.note(db, run, page, gone | seen.keys())
            streams.follow(db, run, page, of=entered, token=token)
            now = streams.count(db, run, page, closed=closed)
            statistics.renew(db, page.kind, before=now - len(page.rows), now=now)

        self._write(work)

    def finish(self, run: Run, *, at: datetime, missing: Mapping[str, str], calls: Calls) -> Run:
        """End a run: partial where kinds are `missing` (kind -> reason), or a stream was left in the middle."""

        def work(db: Connection) -> Run:
            ended = ledger.finished(db, run, at=at)
            if ended is not None:
                return ended
            lease.renew(db, run.id, run.connection)
            gaps = {**streams.cut(db, run), **missing}
            versions.settle(db, run, kinds=[kind for kind in streams.whole_now(db, run) if kind not in gaps])
            finished = ledger.finish(db, run, at=at, missing=gaps, calls=calls)
            due.prune(db, finished)
            return finished

        return self._write(work)

    def fail(self, run: Run, *, at: datetime, reason: str, calls: Calls) -> Run:
        """End a run that could not go on; a later run takes its rows over. One that has ended stays as it ended."""
        return self._write(lambda db: ledger.fail(db, run, at=at, reason=reason, calls=calls))

    def charge(self, run: Run, calls: Calls) -> None:
        """Add the calls of the rest of its round to a run that has ended."""
        self._write(lambda db: ledger.charge(db, run, calls))

    def forget(self, connection: str, people: Collection[str]) -> dict[str, int]:
        """Erase people for ever, under every id that the CRM merged with theirs; the number of rows by kind.

        Retry where another program reads the files, which then still hold what was erased: forget again.
        """

        def work(db: Connection) -> dict[str, int]:
            everybody = forgetting.identities(db, connection, people)
            hints.unhear(db, connection, everybody)
            known = keys.key(db)
            what = {"people": [known.mark(each) for each in sorted(everybody)]}
            log.append(db, log.Note(connection=connection, actor=self._by, act="forgot", what=what))
            return forgetting.forget(db, connection, everybody, key=known)

        erased = self._write(work)
        if not Transactions(alone(self._engine), self._write.sleep)(forgetting.overwrite):
            raise Retry(
                "erased from every table, but another program is reading the store, whose files still hold the bytes: "
                "end it, and run this again"
            )
        return erased

    def traces(self, connection: str, people: Collection[str]) -> dict[str, int]:
        """How many rows `forget` would erase or change, by kind."""
        return self._read(lambda db: forgetting.traces(db, connection, forgetting.identities(db, connection, people)))

    def people_at(self, connection: str, address: str) -> list[str]:
        """Ids of the people who were ever known by an e-mail address, of which the store keeps only a hash."""
        return self._read(lambda db: forgetting.people_at(db, connection, keys.key(db).hashed(address.strip().lower())))

    def latest(
        self, connection: str, *, by: datetime | None = None, reach: Sequence[Reach] = ledger.EVERY
    ) -> Run | None:
        """The newest run that reached so far and came to its end, complete or partial, at or before `by`."""
        return self._read(lambda db: ledger.latest(db, connection, by=by, reach=reach))

    def runs(self, connection: str, limit: int = 20, *, reach: Sequence[Reach] = ledger.EVERY) -> list[Run]:
        """The last runs of a connection that reached so far, the newest first, whatever became of them."""
        return self._read(lambda db: ledger.newest(db, connection, limit=limit, reach=reach))

    def due(self, connection: str) -> set[str]:
        """Deals of which short runs have moved something that has not been judged since."""
        return self._read(lambda db: due.deals(db, connection))

    def make_due(self, run: Run, deals: Collection[str]) -> None:
        """Note deals that are to be judged again, though nothing of them moved since that run."""
        self._write(lambda db: due.add(db, run, sorted(deals)))

    def judged(self, run: Run, asked: Collection[str] | None = None, *, but: Collection[str] = ()) -> None:
        """Note that what was due by this run, of the deals `asked` for, is judged and shown, `but` for some deals."""
        self._write(lambda db: due.judged(db, run, asked, but=but))

    def counts(self, run: Run) -> dict[str, Count]:
        """What the run was shown, and what it found gone, by kind."""
        return self._read(lambda db: streams.counts(db, run))

    def changed(self, run: Run, kind: str) -> set[str]:
        """Ids of the records that were already there in an earlier shape when this run finished."""
        return self._read(lambda db: versions.changed(db, run, kind=kind))

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
        engine = self._read.engine
        with told(engine), engine.begin() as db:
            yield reading.Known(db, run)
