"""Answers in the store: what one was about is bound when it is first seen, and it is logged once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from crm_audit.domain import Answer, Person
from crm_audit.store import Store
from tests.store.records import ACCOUNT, MOMENT, begin, end, query, save, synced

GIVEN = Answer(
    id="d1:1", deal="d1", rule="CQ-OPP-BASICS", answer="asked", at=MOMENT, topics=("purchase_date",), by="u1",
    reason="Odo Quillfeather told me",
)  # fmt: skip


def now(store: Store) -> dict[str, object]:
    """The answer as the last run knows it."""
    (run, *_) = store.runs("orchard")
    return store.frames(run)["answers"].row(0, named=True)


def acts(store: Store) -> list[str]:
    return [entry.act for entry in store.log.entries()]


def test_an_old_answer_never_slips_over_to_the_finding_that_is_shown_by_now(store: Store) -> None:
    synced(store, 1, GIVEN)
    synced(store, 2, replace(GIVEN, rule="CQ-STK-AUTH", topics=("price_vs_budget",), until=date(2026, 4, 1)))
    assert (now(store)["rule"], now(store)["topics"]) == (GIVEN.rule, '["purchase_date"]')
    assert now(store)["until"] == date(2026, 4, 1)


def test_what_nobody_could_tell_at_first_is_not_guessed_later(store: Store) -> None:
    synced(store, 1, replace(GIVEN, rule=None, topics=()))
    synced(store, 2, GIVEN)
    assert (now(store)["rule"], now(store)["topics"]) == (None, "[]")


def test_an_answer_that_comes_back_is_about_what_it_was_about(store: Store) -> None:
    synced(store, 1, GIVEN)
    synced(store, 2)
    synced(store, 3, replace(GIVEN, rule="CQ-STK-AUTH"))
    assert now(store)["rule"] == GIVEN.rule


def test_an_answer_is_logged_once_with_who_gave_it_and_why(store: Store) -> None:
    synced(store, 1, GIVEN)
    synced(store, 2, GIVEN)
    synced(store, 3)
    synced(store, 4, replace(GIVEN, until=date(2026, 4, 1)))
    (entry,) = store.log.entries()
    words = store.log.words([entry])
    facts = entry.facts()
    assert (entry.act, words[entry.actor], words[str(facts["why"])]) == ("answered", "u1", GIVEN.reason)
    assert (facts["deal"], facts["rule"], facts["answer"]) == ("d1", "CQ-OPP-BASICS", "asked")
    assert store.log.verify().faults == ()


def test_what_the_integration_user_wrote_is_kept_and_not_logged(store: Store) -> None:
    synced(store, 1, replace(GIVEN, by=ACCOUNT.user))
    assert (now(store)["by"], acts(store)) == (ACCOUNT.user, [])


def test_a_page_that_was_cut_off_logs_nothing_twice(store: Store) -> None:
    run = begin(store, 1)
    save(store, run, GIVEN)
    save(store, run, GIVEN)
    end(store, run)
    assert acts(store) == ["answered"]


@pytest.mark.parametrize("who", ["p9", "u1"])
def test_whoever_is_forgotten_is_in_no_answer_and_does_not_come_back(store: Store, store_url: str, who: str) -> None:
    synced(store, 1, Person(id="p9", name="Odo Quillfeather"), GIVEN)
    assert store.traces("orchard", [who])["answers"] == 1
    assert store.forget("orchard", [who])["answers"] == 1
    synced(store, 2, GIVEN)
    left = "\n".join(repr(query(store_url, f"SELECT * FROM {name}")) for name in ("answers", "log", "said"))
    if who == "u1":
        assert (now(store)["by"], now(store)["reason"]) == (None, GIVEN.reason)
    else:
        assert (now(store)["by"], now(store)["reason"]) == ("u1", "(erased)")
        assert "Quillfeather" not in left
    assert store.log.verify().faults == ()
