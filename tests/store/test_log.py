"""The audit log in a database: whoever meddles with it is found out, and two who append never fork it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.pool import NullPool

from crm_audit.chain import Head
from crm_audit.connectors.base import Receipt, Write
from crm_audit.store import Store
from crm_audit.store.log import Note
from tests.store.records import query

LAST = 5
COLUMNS = ("at", "connection", "actor", "act", "what", "chain")


def note(number: int = 1, **changes: str) -> Note:
    given = {"connection": "orchard", "actor": "mia", "why": f"reason {number}"} | changes
    return Note(act="waived", what={"deal": f"d{number}", "until": "2026-04-01"}, **given)


@pytest.fixture
def filled(store: Store) -> Store:
    for number in range(1, LAST + 1):
        store.log.append(note(number))
    return store


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    made = create_engine(store_url, poolclass=NullPool)
    yield made
    made.dispose()


@contextmanager
def meddled(engine: Engine, *statements: str) -> Iterator[None]:
    """The log as somebody with the database in hand leaves it, and afterwards as it was."""
    with engine.begin() as db:
        before = [dict(row) for row in db.execute(text("SELECT * FROM log")).mappings()]
        for statement in statements:
            db.execute(text(statement))
    yield
    with engine.begin() as db:
        db.execute(text("DELETE FROM log"))
        _put(db, before)


def _put(db: Connection, rows: list[dict[str, object]]) -> None:
    names = ("number", *COLUMNS)
    values = ", ".join(f":{name}" for name in names)
    db.execute(text(f"INSERT INTO log ({', '.join(names)}) VALUES ({values})"), rows)


def named(store: Store, kept: Head | None = None) -> set[int]:
    return {fault.number for fault in store.log.verify(kept).faults}


def test_entries_come_back_as_they_were_told_the_newest_last(filled: Store) -> None:
    entries = filled.log.entries()
    words = filled.log.words(entries)
    assert [entry.number for entry in entries] == list(range(1, LAST + 1))
    assert {words[entry.actor] for entry in entries} == {"mia"}
    assert [entry.facts()["deal"] for entry in entries] == [f"d{number}" for number in range(1, LAST + 1)]
    assert [words[str(entry.facts()["why"])] for entry in entries] == [f"reason {n}" for n in range(1, LAST + 1)]
    assert (filled.log.verify().faults, filled.log.verify().entries) == ((), LAST)
    assert filled.log.head() == Head(LAST, entries[-1].chain)


def test_no_name_and_no_reason_stands_in_the_log_itself(filled: Store, store_url: str) -> None:
    told = repr(query(store_url, "SELECT * FROM log"))
    assert "mia" not in told
    assert "reason" not in told


def test_entries_are_found_by_connection_and_day(filled: Store) -> None:
    filled.log.append(note(9, connection="meadow"))
    assert [entry.number for entry in filled.log.entries("meadow")] == [LAST + 1]
    today = datetime.now(UTC)
    assert len(filled.log.entries(since=today - timedelta(days=1))) == LAST + 1
    assert filled.log.entries(since=today + timedelta(days=1)) == []


def test_every_column_of_every_entry_that_was_changed_is_named(filled: Store, engine: Engine) -> None:
    for number in range(1, LAST + 1):
        for column in COLUMNS:
            changed = f"UPDATE log SET {column} = 'x' || {column} WHERE number = {number}"
            with meddled(engine, changed):
                assert named(filled) == {number}, (number, column)
    assert named(filled) == set()


def test_every_entry_that_was_removed_or_numbered_anew_is_named(filled: Store, engine: Engine) -> None:
    head = filled.log.head()
    for number in range(1, LAST + 1):
        with meddled(engine, f"DELETE FROM log WHERE number = {number}"):
            assert named(filled, head) == {number}
            assert named(filled) == ({number} if number < LAST else set())
        with meddled(engine, f"UPDATE log SET number = 90 WHERE number = {number}"):
            assert number in named(filled)


def test_every_two_entries_that_changed_places_are_named(filled: Store, engine: Engine) -> None:
    for one, other in combinations(range(1, LAST + 1), 2):
        steps = [(one, 0), (other, one), (0, other)]
        with meddled(engine, *(f"UPDATE log SET number = {to} WHERE number = {was}" for was, to in steps)):
            assert named(filled) == {one, other}


def test_a_log_that_was_emptied_is_told_by_a_head_that_was_kept(filled: Store, engine: Engine) -> None:
    head = filled.log.head()
    with meddled(engine, "DELETE FROM log"):
        assert filled.log.verify().head is None
        assert named(filled, head) == {1}


def test_words_that_were_changed_are_told_by_what_refers_to_them(filled: Store, engine: Engine) -> None:
    with engine.begin() as db:
        db.execute(text("UPDATE said SET words = 'quite another reason' WHERE words = 'reason 3'"))
    assert [(fault.number, fault.says) for fault in filled.log.verify().faults] == [(3, "its why was changed")]


def test_two_who_append_at_once_never_fork_the_chain(store_url: str) -> None:
    def appended(who: str) -> None:
        with Store.open(store_url) as store:
            for number in range(12):
                store.log.append(note(number, actor=who))

    Store.open(store_url).close()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(appended, ("ann", "ben", "cleo")))
    with Store.open(store_url) as store:
        entries = store.log.entries()
        assert [entry.number for entry in entries] == list(range(1, 37))
        assert store.log.verify().faults == ()


def test_an_entry_is_not_kept_where_what_it_tells_of_is_not(store: Store) -> None:
    with pytest.raises(TypeError):
        store.log.append(Note(connection="orchard", actor="mia", act="waived", what={"deal": object()}))
    assert store.log.entries() == []


# What was written to a CRM.

WRITES = [Write(f"d{number}", "deal", None, {"status": "supported"}) for number in range(3)]


def journalled(store: Store, *ok: bool, plan: str = "abc", run: int | None = 1) -> None:
    entries = store.outbox.put("orchard", WRITES[: len(ok)], plan=plan, run=run)
    store.outbox.send(entries)
    store.outbox.settle(entries, [Receipt(w, good) for w, good in zip(WRITES, ok, strict=False)])
    store.outbox.journal("orchard")


def told(store: Store) -> list[tuple[str, object]]:
    return [(entry.act, dict(entry.facts())) for entry in store.log.entries()]


def test_a_plan_that_was_carried_out_in_batches_is_logged_once(store: Store) -> None:
    journalled(store, True, False)
    journalled(store, True)
    store.outbox.log("orchard")
    store.outbox.log("orchard")
    store.outbox.log("meadow")
    assert told(store) == [("applied", {"plan": "abc", "run": 1, "applied": 2, "overwritten": 0, "refused": 1})]


def test_an_undo_is_logged_as_one_and_what_is_told_late_says_so(store: Store) -> None:
    journalled(store, True, plan="one", run=None)
    journalled(store, True, plan="two", run=7)
    store.outbox.log("orchard", late=True)
    assert told(store) == [
        ("undone", {"plan": "one", "run": None, "applied": 1, "overwritten": 0, "refused": 0, "late": True}),
        ("applied", {"plan": "two", "run": 7, "applied": 1, "overwritten": 0, "refused": 0, "late": True}),
    ]
