"""Where each stream of a connection stands: a pass goes on at its cursor, in this run or in a later one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, delete, select

from crm_audit.connectors.base import Page, Stand
from crm_audit.store.ledger import Run
from crm_audit.store.tables import COUNTS, CURSORS, INSERT, RUNS


@dataclass(frozen=True, slots=True)
class Pass:
    """The pass to which a page belongs: the run in which it began, and what is to be kept of the one before."""

    began: int
    whole: dict[str, Any]  # columns of the last whole pass that came to its end


@dataclass(frozen=True, slots=True)
class Count:
    """How many records a run was shown (those that it was shown twice, twice), and how many it found gone."""

    shown: int
    closed: int


def stands(db: Connection, run: Run) -> dict[str, Stand]:
    """Every stream that was read under the settings of this run."""
    found = db.execute(_read_so(run)).mappings()
    return {row["stream"]: Stand(row["cursor"], row["ended"], row["whole_at"]) for row in found}


def anew(db: Connection, run: Run, *, kinds: Iterable[str]) -> None:
    """Let the streams of these kinds stand as if they had never been read."""
    db.execute(delete(CURSORS).where(CURSORS.c.connection == run.connection, CURSORS.c.kind.in_(sorted(kinds))))


def entered(db: Connection, run: Run, page: Page, *, token: str) -> Pass | None:
    """The pass to which the page belongs; None when it is saved already, and only the answer to its commit was lost."""
    last = db.execute(_read_so(run).where(CURSORS.c.stream == page.stream)).mappings().first()
    if last is None:
        return Pass(run.id, {"whole_at": None, "swept": None})
    if last["page"] == token:
        return None
    whole = {"whole_at": last["whole_at"], "swept": last["swept"]}
    return Pass(run.id if last["ended"] else last["began"], whole)


def follow(db: Connection, run: Run, page: Page, *, of: Pass, token: str) -> None:
    """Keep where the stream goes on after this page."""
    whole = of.whole
    if page.ended and page.sweep == "all":
        whole = {"whole_at": db.scalar(select(RUNS.c.started).where(RUNS.c.id == of.began)), "swept": run.id}
    stand = {"kind": page.kind, "cursor": page.cursor, "ended": page.ended, "began": of.began, **whole}
    stand |= {"config": _read_by(run), "run": run.id, "page": token}
    insert = INSERT[db.dialect.name](CURSORS)
    insert = insert.values(connection=run.connection, stream=page.stream, **stand)
    db.execute(insert.on_conflict_do_update(index_elements=CURSORS.primary_key, set_=stand))


def count(db: Connection, run: Run, page: Page, *, closed: int) -> int:
    """Add to what the run was shown of this kind, and to what it found gone; how much it was shown by now."""
    insert = INSERT[db.dialect.name](COUNTS)
    insert = insert.values(run=run.id, kind=page.kind, shown=len(page.rows), closed=closed)
    more = {name: COUNTS.c[name] + insert.excluded[name] for name in ("shown", "closed")}
    counted = insert.on_conflict_do_update(index_elements=COUNTS.primary_key, set_=more).returning(COUNTS.c.shown)
    return int(db.execute(counted).scalar_one())


def counts(db: Connection, run: Run) -> dict[str, Count]:
    """What the run was shown, by kind."""
    query = select(COUNTS.c.kind, COUNTS.c.shown, COUNTS.c.closed).where(COUNTS.c.run == run.id)
    return {kind: Count(shown, closed) for kind, shown, closed in db.execute(query)}


def cut(db: Connection, run: Run) -> dict[str, str]:
    """Kinds with a stream that this run read and did not bring to its end, which nobody may take for read."""
    left = _read_so(run).where(CURSORS.c.run == run.id, CURSORS.c.ended.is_(False)).order_by(CURSORS.c.stream)
    return {row["kind"]: f"{row['stream']} was not read to its end" for row in db.execute(left).mappings()}


def whole_now(db: Connection, run: Run) -> list[str]:
    """Kinds of which a whole pass came to its end in this run, and every stream has had one."""
    found = db.execute(_read_so(run)).mappings().all()
    partly = {row["kind"] for row in found if not row["ended"] or row["whole_at"] is None}
    return sorted({row["kind"] for row in found if row["swept"] == run.id} - partly)


def _read_so(run: Run) -> Select[Any]:
    return select(CURSORS).where(CURSORS.c.connection == run.connection, CURSORS.c.config == _read_by(run))


def _read_by(run: Run) -> str:
    """Names the settings by which this run reads; how it judges is no matter for a cursor."""
    return run.config.partition(".")[0]
