"""Answers that reps gave in the CRM: what each was about is bound when it is first seen, and logged then.

Later the record shows another finding, or none; an old answer must not slip over to that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

from sqlalchemy import Connection, RowMapping, select

from crm_audit.domain import Answer, Record
from crm_audit.store import log
from crm_audit.store.ledger import Run
from crm_audit.store.tables import TABLES

UNKNOWN = "(unknown)"
"""Who answered, where the CRM does not tell."""


def taken(db: Connection, run: Run, records: tuple[Record, ...]) -> tuple[Record, ...]:
    """The answers of a page with what they were about; those that nobody saw before are logged, but never our own."""
    known = _known(db, run, [each.id for each in records])
    found = tuple(_bound(known, each) for each in records if isinstance(each, Answer))
    for each in found:
        if each.id not in known and (each.by is None or each.by != run.account.user):
            log.append(db, _note(run, each))
    return found


def _known(db: Connection, run: Run, ids: Iterable[str]) -> dict[str, RowMapping]:
    """The last version of each, whether it still stands or not."""
    table = TABLES["answers"]
    mine = (table.c.connection == run.connection, table.c.id.in_(list(ids)))
    query = select(table.c.id, table.c.rule, table.c.topics).where(*mine).order_by(table.c.opened_run)
    return {row["id"]: row for row in db.execute(query).mappings()}


def _bound(known: Mapping[str, RowMapping], answer: Answer) -> Answer:
    before = known.get(answer.id)
    return (
        answer if before is None else replace(answer, rule=before["rule"], topics=tuple(json.loads(before["topics"])))
    )


def _note(run: Run, answer: Answer) -> log.Note:
    until = {"until": answer.until.isoformat()} if answer.until else {}
    what = {"deal": answer.deal, "rule": answer.rule, "answer": answer.answer, **until}
    return log.Note(connection=run.connection, actor=answer.by or UNKNOWN, act="answered", what=what, why=answer.reason)
