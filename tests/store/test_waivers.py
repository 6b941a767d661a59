"""Waivers and broken glass in the store: two people for one, one for the other, and both in the log."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from crm_audit.chain import Entry
from crm_audit.domain import Person
from crm_audit.errors import FixConfig
from crm_audit.store import Store
from crm_audit.store.waivers import By
from crm_audit.waivers import Waiver
from tests.store.records import query, synced

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
MIA, NOOR = By(name="mia", at=NOW), By(name="noor", account="root", at=NOW + timedelta(hours=1))
UNTIL = date(2026, 4, 1)


def asked(store: Store, why: str = "Signed on paper", by: By = MIA) -> Waiver:
    return store.waivers.request("orchard", ("d1", "CQ-STK-AUTH"), until=UNTIL, why=why, by=by)


def last(store: Store) -> Entry:
    return store.log.entries()[-1]


def test_a_waiver_comes_back_as_it_was_asked_for(store: Store) -> None:
    waiver = asked(store)
    assert waiver == Waiver(
        id=1, connection="orchard", deal="d1", rule="CQ-STK-AUTH", until=UNTIL, why="Signed on paper", requested=NOW,
        requester="mia",
    )  # fmt: skip
    assert store.waivers.all("orchard") == (waiver,)
    assert store.waivers.all("meadow") == ()
    assert store.waivers.get(waiver.id) == waiver


def test_somebody_else_approves_it_and_nobody_twice(store: Store) -> None:
    number = asked(store).id
    approved = store.waivers.approve(number, NOOR)
    assert (approved.approved, approved.approver) == (NOOR.at, "noor")
    with pytest.raises(FixConfig, match="waiver 1 is approved already"):
        store.waivers.approve(number, replace(NOOR, name="ben"))


def test_whoever_asked_for_it_cannot_approve_it(store: Store) -> None:
    number = asked(store).id
    with pytest.raises(FixConfig, match="asked for by mia, who cannot approve it too: somebody else has to"):
        store.waivers.approve(number, replace(MIA, account="another"))
    assert store.waivers.get(number).approved is None
    assert [entry.act for entry in store.log.entries()] == ["waived"]


def test_whoever_was_forgotten_still_cannot_approve_what_they_asked_for(store: Store) -> None:
    number = asked(store).id
    store.forget("orchard", ["mia"])
    assert store.waivers.get(number).requester is None
    with pytest.raises(FixConfig, match="somebody else has to"):
        store.waivers.approve(number, MIA)


@pytest.mark.parametrize("decide", ["approve", "withdraw"])
def test_what_was_withdrawn_stays_so(store: Store, decide: str) -> None:
    number = asked(store).id
    assert store.waivers.withdraw(number, NOOR).withdrawn == NOOR.at
    with pytest.raises(FixConfig, match="was withdrawn on 2026-03-02; ask for a new one"):
        getattr(store.waivers, decide)(number, NOOR)


@pytest.mark.parametrize("decide", ["approve", "withdraw"])
def test_a_waiver_that_nobody_asked_for_is_refused(store: Store, decide: str) -> None:
    with pytest.raises(FixConfig, match="there is no waiver 7; `crm-audit waivers` lists them"):
        getattr(store.waivers, decide)(7, NOOR)
    assert store.log.entries() == []


def test_of_several_who_approve_at_once_one_does(store: Store, store_url: str) -> None:
    number = asked(store).id

    def approved(name: str) -> bool:
        with Store.open(store_url) as mine:
            try:
                mine.waivers.approve(number, replace(NOOR, name=name))
            except FixConfig:
                return False
            return True

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(approved, ("ann", "ben", "cleo"))) == 1
    assert [entry.act for entry in store.log.entries()] == ["waived", "waiver_approved"]


def test_every_decision_is_logged_with_who_and_why_and_the_account(store: Store) -> None:
    number = asked(store).id
    words = store.log.words(store.log.entries())
    facts = last(store).facts()
    assert (last(store).act, words[last(store).actor], words[str(facts["why"])]) == ("waived", "mia", "Signed on paper")
    assert (facts["waiver"], facts["rule"], facts["until"], "through" in facts) == (
        1,
        "CQ-STK-AUTH",
        "2026-04-01",
        False,
    )
    store.waivers.approve(number, NOOR)
    words = store.log.words(store.log.entries())
    assert (last(store).act, words[last(store).actor]) == ("waiver_approved", "noor")
    assert words[str(last(store).facts()["through"])] == "root"
    store.waivers.withdraw(number, MIA)
    assert (last(store).act, last(store).connection) == ("waiver_withdrawn", "orchard")
    assert store.log.verify().faults == ()


def test_broken_glass_comes_back_and_is_logged(store: Store) -> None:
    until = NOW + timedelta(hours=4)
    glass = store.waivers.break_glass("orchard", "d1", until=until, why="The CFO signed", by=MIA)
    assert store.waivers.glass("orchard") == (glass,)
    assert (glass.deal, glass.opened, glass.until, glass.opener, glass.why) == (
        "d1",
        NOW,
        until,
        "mia",
        "The CFO signed",
    )
    assert store.waivers.glass("meadow") == ()
    facts = last(store).facts()
    assert (last(store).act, facts["deal"], facts["until"]) == ("broke_glass", "d1", "2026-03-02T13:00:00Z")


def test_whoever_is_forgotten_is_in_no_reason_any_more(store: Store, store_url: str) -> None:
    synced(store, 1, Person(id="p9", name="Odo Quillfeather"))
    asked(store, "Odo Quillfeather signs next week")
    store.waivers.break_glass("orchard", "d1", until=NOW, why="odo quillfeather called", by=MIA)
    store.forget("orchard", ["p9"])
    assert (store.waivers.all("orchard")[0].why, store.waivers.glass("orchard")[0].why) == (None, None)
    tables = ("waivers", "glass", "said", "log")
    assert "uillfeather" not in "\n".join(repr(query(store_url, f"SELECT * FROM {name}")) for name in tables)
    assert store.log.verify().faults == ()
