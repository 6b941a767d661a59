"""A world the long way round: into an emulated CRM, over HTTP and a client library into a store, and judged there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from crm_audit import cases, pipeline
from crm_audit.config import digest
from crm_audit.connectors import connect
from crm_audit.domain import Deal
from crm_audit.emulator.server import serve
from crm_audit.emulator.worlds import emulate
from crm_audit.errors import Incomplete
from crm_audit.pipeline import Job
from crm_audit.policy import Pack
from crm_audit.pull import pull
from crm_audit.store import Start, Store
from crm_audit.worlds import Row, World


class Wire:
    """Judges worlds the long way; the same verdict as the short way is the test of everything in between.

    Without a URL every world gets a store of its own that is gone afterwards.
    """

    def __init__(self, url: str | None = None) -> None:
        self._url = url
        self._judged = 0
        self._lines: dict[str, None] = {}

    @property
    def re_encoded(self) -> list[str]:
        """One line for every fact that a CRM could not hold as it was, in the order in which worlds were judged."""
        return list(self._lines)

    def judge(self, world: World, pack: Pack) -> Mapping[str, Row]:
        """What the audit says about every deal, in the form of `expect` and under the world's own ids."""
        emulated = emulate(world)
        self._lines |= dict.fromkeys(emulated.re_encoded)
        self._judged += 1
        name = f"{world.id} {self._judged}"
        with serve(emulated.crm) as base, self._store() as store:
            connection = emulated.connection(base)
            connector = connect(connection, environ=emulated.environ)

            def look() -> None:
                start = Start(connection=name, started=emulated.clock.now(), config=digest(connection))
                run = pull(connector, store, start=start, now=emulated.clock.now)
                if run.status != "complete":
                    raise Incomplete(f"world {world.id}: the pull is {run.status}: {dict(run.missing)}")

            emulated.script.play(emulated.clock, look)
            report = pipeline.check(store, Job(name, connection, pack), as_of=world.as_of)
        told, ours = cases.spoken(report.audit), emulated.deals()
        mine = {ours[record]: row for record, row in told.items()}
        wanted = {record.id for record in world.records if isinstance(record, Deal)}
        return {deal: row for deal, row in mine.items() if deal in wanted}

    @contextmanager
    def _store(self) -> Iterator[Store]:
        with TemporaryDirectory() as folder, Store.open(self._url or f"sqlite:///{Path(folder) / 'wire.db'}") as store:
            yield store
