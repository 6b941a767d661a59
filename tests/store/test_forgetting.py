"""Whoever asks to be forgotten is in no table, no file and no later sync."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import make_url

from crm_audit.connectors.base import Receipt, Write
from crm_audit.domain import Answer, Change, Event, Link, Person, Recheck, Record
from crm_audit.errors import Retry
from crm_audit.store import Store, said
from crm_audit.store.log import Note
from tests.store.records import MOMENT, NIGHT, begin, end, finish, query, save, synced

MARK = "Quillfeather"
"""A name that occurs nowhere else."""

GONE = Person(id="003QUILL", name=f"Odo {MARK}", title=f"Head of {MARK}", domain=f"{MARK.lower()}.example")
BEFORE = Person(id="003QUILLOLD", name=f"O. {MARK}", merged_into=GONE.id)
KEPT = {"finding": "Dana Ruiz has not seen it."}
STAYS = Person(id="p1", name="Dana Ruiz")
EVENT = Event(
    id="e1", kind="meeting_held", at=MOMENT, people=("p1", GONE.id, BEFORE.id), declined=(GONE.id,), by=GONE.id
)
TRACES: tuple[Record, ...] = (
    GONE,
    BEFORE,
    STAYS,
    Link(id="l1", deal="d1", person=GONE.id, role="authority"),
    Link(id="l2", deal="d1", person=STAYS.id, role="champion"),
    EVENT,
    replace(EVENT, id="e2", people=("p1",), declined=(), by=None),
    Recheck(id="r1", deal="d1", on=date(2026, 2, 8), topics=("purchase_date",), by=GONE.id),
    Answer(id="a1", deal="d1", rule="CQ-OPP-NEED", answer="wrong", at=MOMENT, reason=f"Odo {MARK} said so", by=GONE.id),
    Change(id="h1", deal="d1", field="stage", at=MOMENT, old="1", new="2", by=GONE.id),
)
ERASED = {
    "people": 3, "links": 1, "events": 1, "rechecks": 1, "answers": 1, "history": 1, "writes": 3, "words": 2,
}  # fmt: skip


def filled(store: Store) -> None:
    """Two nights, in the first of which the contact had another title."""
    synced(store, 1, *TRACES[1:], replace(GONE, title=None))
    synced(store, 2, *TRACES)
    said, empty = {"finding": f'Odo {MARK} has not seen "it".'}, {"finding": None}
    sent = [Write("d1", "deal", empty, said), Write("d1", "deal", said, empty), Write("d2", "deal", empty, KEPT)]
    entries = store.outbox.put("orchard", sent, plan="p", run=1)
    store.outbox.settle(entries, [Receipt(each, ok=True) for each in sent])
    store.outbox.journal("orchard")
    store.outbox.put("orchard", [Write("d3", "deal", None, {"finding": f"O. {MARK} left."})], plan="p", run=1)


def everything(url: str) -> str:
    """All text of all tables."""
    names = (
        "people", "links", "events", "rechecks", "history", "answers", "forgotten", "runs", "cursors", "journal",
        "outbox", "log", "said",
    )  # fmt: skip
    return "\n".join(repr(row) for name in names for row in query(url, f"SELECT * FROM {name}"))


def test_a_contact_is_erased_under_every_id_from_every_version(store: Store, store_url: str) -> None:
    filled(store)
    assert MARK in everything(store_url)
    assert store.traces("orchard", [GONE.id]) == ERASED
    assert store.forget("orchard", [GONE.id]) == ERASED
    left = everything(store_url)
    assert not {word for word in (MARK, MARK.lower(), GONE.id, BEFORE.id) if word in left}
    assert store.traces("orchard", [GONE.id]) == dict.fromkeys(ERASED, 0)


def test_what_is_about_others_stays(store: Store) -> None:
    filled(store)
    store.forget("orchard", [GONE.id])
    (run, _) = store.runs("orchard")
    frames = store.frames(run)
    assert frames["people"]["name"].to_list() == ["Dana Ruiz"]
    assert frames["links"]["id"].to_list() == ["l2"]
    assert frames["events"].select("id", "people", "declined", "by").sort("id").rows() == [
        ("e1", '["p1"]', "[]", None),
        ("e2", '["p1"]', "[]", None),
    ]
    assert frames["rechecks"].select("id", "by").rows() == [("r1", None)]
    assert frames["answers"].select("rule", "reason", "by").rows() == [("CQ-OPP-NEED", "(erased)", None)]
    assert frames["history"].select("id", "new", "by").rows() == [("h1", "2", None)]
    written = [(each.write.deal, each.write.after) for each in store.outbox.applied("orchard", 1)]
    assert written == [("d1", {}), ("d1", {}), ("d2", KEPT)]


@pytest.mark.parametrize("name", ["Ed", "Rate"])
def test_a_name_within_other_words_erases_no_write(store: Store, name: str) -> None:
    synced(store, 1, Person(id="51", name=name))
    sent = [Write("d1", "deal", None, {"finding": "The amount is overstated.", "rung": "51"})]
    store.outbox.put("orchard", sent, plan="p", run=1)
    assert store.forget("orchard", ["51"])["writes"] == 0
    assert [each.write for each in store.outbox.left("orchard")] == sent


def test_of_a_write_that_names_the_contact_the_other_fields_stay_and_so_does_the_write(store: Store) -> None:
    synced(store, 1, GONE)
    sent = [Write("d1", "deal", {"finding": None, "rung": 3}, {"finding": f"ask odo {MARK.upper()}", "rung": 4})]
    store.outbox.settle(store.outbox.put("orchard", sent, plan="p", run=1), [Receipt(sent[0], ok=True)])
    store.outbox.journal("orchard")
    assert store.forget("orchard", [GONE.id])["writes"] == 1
    store.outbox.log("orchard")
    (entry,) = store.outbox.applied("orchard", 1)
    assert entry.write == Write("d1", "deal", {"rung": 3}, {"rung": 4})
    assert [entry.act for entry in store.log.entries()] == ["forgot", "applied"]


def test_a_number_is_the_id_of_a_contact_only_where_it_is_all_that_was_written(store: Store) -> None:
    synced(store, 1, Person(id="51", name="Odo Quillfeather"))
    for why in ("It takes 51 weeks", "51"):
        store.log.append(Note(connection="orchard", actor="mia", act="waived", what={"deal": "d1"}, why=why))
    assert store.forget("orchard", ["51"])["words"] == 1
    assert set(store.log.words(store.log.entries()).values()) == {"mia", "crm-audit", "It takes 51 weeks"}


def test_what_was_said_of_another_crm_is_about_somebody_else(store: Store) -> None:
    synced(store, 1, GONE)
    why = f"{GONE.name} is on leave"
    store.log.append(Note(connection="meadow", actor="mia", act="waived", what={"deal": "d1"}, why=why))
    assert store.traces("orchard", [GONE.id])["words"] == store.forget("orchard", [GONE.id])["words"] == 0
    assert why in store.log.words(store.log.entries()).values()


def test_more_words_are_looked_up_than_a_database_takes_values_in_one_statement(store: Store) -> None:
    with store._engine.begin() as db:
        assert said.words_of(db, [f"r{number}" for number in range(66_000)]) == {}


def test_forgetting_one_of_the_merged_forgets_the_other(store: Store, store_url: str) -> None:
    filled(store)
    store.forget("orchard", [BEFORE.id])
    assert MARK not in everything(store_url)


def test_a_later_sync_does_not_bring_the_contact_back_and_sees_no_change(store: Store, store_url: str) -> None:
    filled(store)
    store.forget("orchard", [GONE.id])
    run = synced(store, 3, *TRACES, Link(id="l3", deal="d2", person=BEFORE.id, role="user"))
    left = everything(store_url)
    assert not {word for word in (MARK, MARK.lower(), GONE.id, BEFORE.id) if word in left}
    assert {kind: store.changed(run, kind) for kind in ("events", "rechecks", "answers", "history")} == {
        "events": set(), "rechecks": set(), "answers": set(), "history": set(),
    }  # fmt: skip
    assert store.frames(run)["links"]["id"].to_list() == ["l2"]


def test_a_run_under_way_does_not_bring_the_contact_back_either(store: Store, store_url: str) -> None:
    filled(store)
    run = begin(store, 3)
    save(store, run, *TRACES)
    store.forget("orchard", [GONE.id])
    save(store, run, *TRACES)
    end(store, run)
    assert finish(store, run).status == "complete"
    assert MARK not in everything(store_url)


def test_another_connection_keeps_its_own_contact(store: Store) -> None:
    filled(store)
    other = synced(store, 1, *TRACES, connection="meadow")
    store.forget("orchard", [GONE.id])
    again = synced(store, 2, *TRACES, connection="meadow")
    for run in (other, again):
        assert GONE.name in store.frames(run)["people"]["name"].to_list()


def test_somebody_who_was_never_read_can_be_forgotten_beforehand(store: Store) -> None:
    assert store.forget("orchard", ["003QUILL"]) == dict.fromkeys(ERASED, 0)
    assert store.frames(synced(store, 1, *TRACES))["people"]["id"].to_list() == ["p1"]


@pytest.mark.parametrize("odd", ['a"b', "a\\b", "a%b", "a_b", "ä'b"])
def test_an_odd_id_is_found_in_lists_and_only_that(store: Store, odd: str) -> None:
    neighbours = ("axb", f"{odd}x", f"x{odd}")
    synced(store, 1, replace(EVENT, people=(odd, *neighbours), declined=(), by=None))
    assert store.forget("orchard", [odd])["events"] == 1
    assert store.reading(begin(store, 2)).known.records("events", ["e1"]) == {
        "e1": replace(EVENT, people=neighbours, declined=(), by=None)
    }


def test_people_are_found_by_an_address_of_which_only_a_hash_is_kept(store: Store, store_url: str) -> None:
    run = begin(store, 1)
    hashed = store.reading(run).known.hashed("odo@quillfeather.example")
    save(store, run, replace(GONE, addresses=("0" * 16, hashed)), STAYS)
    assert store.people_at("orchard", " Odo@Quillfeather.example ") == [GONE.id]
    assert (
        store.people_at("orchard", "dana@acme.example") == store.people_at("meadow", "odo@quillfeather.example") == []
    )
    assert "odo@" not in everything(store_url).lower()


WRITTEN = (
    f"{GONE.name} is on leave",
    f"asked by ({BEFORE.name.upper()})",
    f"see record {GONE.id}, please",
    "mail of odo@Quillfeather.example, today",
    GONE.id,
)


@pytest.mark.parametrize("words", WRITTEN)
def test_words_that_name_the_contact_are_erased_and_the_log_still_fits(store: Store, words: str) -> None:
    run = begin(store, 1)
    hashed = store.reading(run).known.hashed("odo@quillfeather.example")
    save(store, run, replace(GONE, addresses=(hashed,)), BEFORE)
    end(store, run)
    what = {"deal": "d1"}
    store.log.append(Note(connection="orchard", actor="mia", act="waived", what=what, why=words))
    store.log.append(Note(connection="orchard", actor="mia", act="waived", what=what, why=f"x{GONE.id}, Quill Feather"))
    assert store.traces("orchard", [GONE.id])["words"] == 1
    assert store.forget("orchard", [GONE.id])["words"] == 1
    entries = store.log.entries()
    assert [entry.act for entry in entries] == ["waived", "waived", "forgot"]
    told = store.log.words(entries)
    assert words not in told.values()
    assert {"mia", f"x{GONE.id}, Quill Feather"} <= set(told.values())
    checked = store.log.verify()
    assert (checked.faults, checked.erased) == ((), 1)


# On disk.


def bytes_of(folder: Path) -> bytes:
    """Database, log and shared memory."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_no_file_of_sqlite_holds_the_contact_any_more(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    crowd = [replace(STAYS, id=f"p{number}", name=f"Crowd {number} " * 9) for number in range(400)]
    with Store.open(url) as store:
        synced(store, 1, *TRACES, *crowd)
        synced(store, 2, *TRACES[1:], *crowd)  # so that old copies lie about
        synced(store, 3, *TRACES, *(replace(each, name="Crowd") for each in crowd))
        assert {word for word in (MARK, GONE.id) if word.encode() in bytes_of(tmp_path)} == {MARK, GONE.id}
        store.forget("orchard", [GONE.id])
        left = bytes_of(tmp_path)
        assert not {word for word in (MARK, MARK.lower(), GONE.id, BEFORE.id) if word.encode() in left}
    dump = "\n".join(sqlite3.connect(tmp_path / "store.db").iterdump())
    assert "Crowd" in dump
    assert MARK not in dump


def test_somebody_reading_keeps_the_files_from_being_rewritten_and_that_is_said(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}?timeout=0"
    with Store.open(url, sleep=lambda seconds: None) as store:
        filled(store)
        reader = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM people").fetchone()
        with pytest.raises(Retry, match="another program is reading the store, whose files still hold the bytes"):
            store.forget("orchard", [GONE.id])
        reader.close()
        store.forget("orchard", [GONE.id])
    assert MARK.encode() not in bytes_of(tmp_path)


@pytest.mark.skipif(shutil.which("pg_dump") is None, reason="no pg_dump here")
def test_a_dump_of_postgresql_does_not_hold_the_contact_any_more(postgres_url: str) -> None:
    place = make_url(postgres_url)
    schema = str(place.query["options"]).partition("=")[2]
    address = place.set(drivername="postgresql", query={}).render_as_string(hide_password=False)
    dump = ["pg_dump", "--schema", schema, address]
    with Store.open(postgres_url) as store:
        filled(store)
        assert MARK in subprocess.run(dump, capture_output=True, text=True, check=True, env=os.environ).stdout
        store.forget("orchard", [GONE.id])
    left = subprocess.run(dump, capture_output=True, text=True, check=True, env=os.environ).stdout
    assert "Dana Ruiz" in left
    assert not {word for word in (MARK, MARK.lower(), GONE.id, BEFORE.id) if word in left}
    assert str(NIGHT.year) in left
