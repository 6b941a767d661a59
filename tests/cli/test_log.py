"""`crm-audit log`: what was done, by whom, and whether the record of it is whole."""

from __future__ import annotations

import json
import os
import pwd

import pytest
from sqlalchemy import create_engine, text

from crm_audit.store.log import Note
from tests.cli.desk import Desk
from tests.cli.portals import hubspot

LOWEST = "appointmentscheduled"


@pytest.fixture
def told(desk: Desk) -> Desk:
    """Two entries of two people on two connections."""
    desk.settle()
    with desk.store() as store:
        for name, why in (("mia", "The buyer signed on paper"), ("noor", "A merger")):
            what = {"deal": "d1", "rule": "CQ-STK-PRICE"}
            store.log.append(
                Note(connection="org" if name == "mia" else "portal", actor=name, act="waived", what=what, why=why)
            )
    return desk


def meddle(desk: Desk, statement: str) -> None:
    engine = create_engine(f"sqlite:///{desk.database}")
    with engine.begin() as db:
        db.execute(text(statement))
    engine.dispose()


def test_the_log_is_listed_for_people_the_newest_last(told: Desk) -> None:
    first, second = told("log").out.splitlines()
    assert first.startswith("1  ")
    assert first.endswith("org  mia  waived  deal d1, rule CQ-STK-PRICE, why The buyer signed on paper")
    assert second.startswith("2  ")
    assert "noor" not in told("log", "--connection", "org").out
    assert told("log", "--since", "2999-01-01").out == "Nothing is logged yet.\n"


def test_the_log_is_one_document(told: Desk) -> None:
    document = told("log", "--json").json()
    assert document["kind"] == "log"
    assert [(entry["by"], entry["what"]["why"]) for entry in document["entries"]] == [
        ("mia", "The buyer signed on paper"), ("noor", "A merger"),
    ]  # fmt: skip


def test_whoever_was_forgotten_has_no_name_in_it_and_it_is_whole(told: Desk) -> None:
    told.learn([])
    assert told("forget", "org", "mia", "--yes").code == 0
    assert "(forgotten)  waived" in told("log").out
    assert told("log", "--json").json()["entries"][0]["by"] is None
    verified = told("log", "verify")
    assert verified.code == 0
    assert "1 names or reasons were erased" in verified.out


def test_a_log_that_is_whole_verifies_with_its_head_and_without(told: Desk) -> None:
    head = told("log", "head").out.strip()
    assert told("log", "verify", "--head", head).out == "2 entries: none was changed, removed or moved\n"
    assert told("log", "verify").code == 0


def test_an_entry_that_was_changed_is_named_with_code_1(told: Desk) -> None:
    meddle(told, "UPDATE log SET connection = 'portal' WHERE number = 1")
    answer = told("log", "verify")
    assert (answer.code, answer.out.splitlines()[0]) == (1, "entry 1 is not as it was written, or not where it was")
    document = told("log", "verify", "--json").json()
    assert [fault["number"] for fault in document["faults"]] == [1]


def test_an_end_that_was_cut_off_is_told_by_a_head_alone(told: Desk) -> None:
    head = told("log", "head").out.strip()
    meddle(told, "DELETE FROM log WHERE number = 2")
    assert told("log", "verify").code == 0
    answer = told("log", "verify", "--head", head)
    assert (answer.code, answer.out.splitlines()[0]) == (1, "entry 2 is missing")


def test_what_is_no_head_is_refused(told: Desk) -> None:
    answer = told("log", "verify", "--head", "2")
    assert answer.code == 2
    assert "it looks like" in answer.err


def test_an_empty_log_has_no_head_and_no_fault(desk: Desk) -> None:
    desk.settle()
    assert desk("log").out == "Nothing is logged yet.\n"
    assert desk("log", "head").out == ""
    assert desk("log", "verify").code == 0


def test_a_run_is_logged_by_its_account_and_carries_the_head(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "somebody-else")  # the environment is no witness
    monkeypatch.setenv("LOGNAME", "somebody-else")
    with hubspot(desk, monkeypatch) as crm:
        crm.deal(dealstage=LOWEST)
        ran = json.loads(desk("run", "portal", "--json").out)
    (entry,) = desk("log", "--json").json()["entries"]
    assert (entry["act"], entry["by"], entry["what"]["applied"]) == ("applied", pwd.getpwuid(os.getuid()).pw_name, 1)
    assert ran["log"] == f"1:{entry['chain']}" == desk("log", "head").out.strip()
