"""Answers on deals in HubSpot: three properties that are about whatever finding was on top at that moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from crm_audit.domain import Answer
from crm_audit.store import Run, Store
from tests.connectors.hubspot_bench import Bench, Nights, bench, told

DECIDER, BASICS = "We do not know yet who decides.", "Nobody asked again."
DETAILS = (
    f"Missing: CQ-STK-AUTH none critical open\nSays: {DECIDER}\n\n"
    f"Finding: CQ-OPP-BASICS none major open\nSays: {BASICS}\nAsk: purchase_date price_vs_budget"
)


@pytest.fixture
def crm() -> Iterator[Bench]:
    with bench() as made:
        made.portal.install_kit()
        yield made


@pytest.fixture
def nights(crm: Bench, tmp_path: object) -> Iterator[Nights]:
    with Store.open(f"sqlite:///{tmp_path}/store.db") as store:
        yield Nights(crm, store)


def shown(crm: Bench, deal: str, top: str, details: str = DETAILS) -> None:
    """What an apply leaves on the deal."""
    crm.clock.advance(minutes=1)
    crm.set("deals", deal, crm_audit_top_finding=top, crm_audit_details=details)
    crm.clock.advance(minutes=1)


def answer(crm: Bench, deal: str, said: str, **more: object) -> None:
    crm.set("deals", deal, crm_audit_answer=said, **more)
    crm.clock.advance(minutes=1)


def answers(nights: Nights, run: Run) -> list[tuple[str | None, str]]:
    frame = nights.store.frames(run)["answers"].sort("at")
    return list(frame.select("rule", "answer").iter_rows())


def test_an_answer_is_about_the_finding_on_top_and_has_its_topics(crm: Bench) -> None:
    deal = crm.deal()
    shown(crm, deal, BASICS)
    answer(crm, deal, "asked", crm_audit_answer_until="2026-04-01", crm_audit_answer_reason="On the phone")
    (given,) = told(crm.connector()).records["answers"].values()
    assert isinstance(given, Answer)
    assert (given.deal, given.rule, given.answer) == (deal, "CQ-OPP-BASICS", "asked")
    assert (given.topics, given.until) == (("purchase_date", "price_vs_budget"), date(2026, 4, 1))
    assert given.reason == "On the phone"
    assert given.by != crm.connector().account().user


def test_a_finding_that_was_cut_is_known_by_its_beginning(crm: Bench) -> None:
    deal, says = crm.deal(), "Ada Ng saw " + "x" * 400
    shown(crm, deal, f"{says[:200]}…", f"Finding: CQ-STK-PRICE stale critical open\nSays: {says}")
    answer(crm, deal, "wrong")
    (given,) = told(crm.connector()).records["answers"].values()
    assert given.rule == "CQ-STK-PRICE"


def test_a_later_top_finding_does_not_inherit_an_old_answer(crm: Bench, nights: Nights) -> None:
    deal = crm.deal()
    shown(crm, deal, DECIDER)
    answer(crm, deal, "not_applicable", crm_audit_answer_reason="In April")
    assert answers(nights, nights.night()) == [("CQ-STK-AUTH", "not_applicable")]
    shown(crm, deal, BASICS)
    assert answers(nights, nights.night()) == [("CQ-STK-AUTH", "not_applicable")]
    assert answers(nights, nights.night(anew=frozenset({"answers"}))) == [("CQ-STK-AUTH", "not_applicable")]


def test_an_answer_that_was_given_before_the_finding_was_changed_is_about_the_one_before(crm: Bench) -> None:
    deal = crm.deal()
    shown(crm, deal, DECIDER)
    answer(crm, deal, "not_applicable", crm_audit_answer_reason="In April")
    shown(crm, deal, BASICS)
    (given,) = told(crm.connector()).records["answers"].values()
    assert given.rule == "CQ-STK-AUTH"


def test_an_answer_to_a_finding_that_nobody_shows_any_more_is_about_none(crm: Bench) -> None:
    deal = crm.deal()
    shown(crm, deal, "Something else.")
    answer(crm, deal, "wrong")
    (given,) = told(crm.connector()).records["answers"].values()
    assert (given.rule, given.topics) == (None, ())


def test_a_new_answer_leaves_the_one_to_another_finding_as_it_was(crm: Bench, nights: Nights) -> None:
    deal = crm.deal()
    shown(crm, deal, DECIDER)
    answer(crm, deal, "not_applicable", crm_audit_answer_reason="In April")
    nights.night()
    shown(crm, deal, BASICS)
    answer(crm, deal, "asked")
    assert answers(nights, nights.night()) == [("CQ-STK-AUTH", "not_applicable"), ("CQ-OPP-BASICS", "asked")]


def test_an_answer_that_is_taken_back_is_gone(crm: Bench, nights: Nights) -> None:
    deal = crm.deal()
    shown(crm, deal, DECIDER)
    answer(crm, deal, "not_applicable", crm_audit_answer_reason="In April")
    nights.night()
    answer(crm, deal, "")
    assert answers(nights, nights.night()) == []
    answer(crm, deal, "wrong")
    assert answers(nights, nights.night()) == [("CQ-STK-AUTH", "wrong")]


def test_emptying_the_property_to_answer_another_finding_takes_nothing_back(crm: Bench, nights: Nights) -> None:
    deal = crm.deal()
    shown(crm, deal, DECIDER)
    answer(crm, deal, "not_applicable", crm_audit_answer_until="2026-04-01", crm_audit_answer_reason="In April")
    nights.night()
    shown(crm, deal, BASICS)
    answer(crm, deal, "", crm_audit_answer_until="", crm_audit_answer_reason="")
    answer(crm, deal, "not_applicable", crm_audit_answer_until="2026-05-01", crm_audit_answer_reason="In May")
    both = [("CQ-STK-AUTH", date(2026, 4, 1), "In April"), ("CQ-OPP-BASICS", date(2026, 5, 1), "In May")]
    for run in (nights.night(), nights.night()):
        found = nights.store.frames(run)["answers"].sort("at")
        assert list(found.select("rule", "until", "reason").iter_rows()) == both
    answer(crm, deal, "")
    for _ in range(2):
        assert answers(nights, nights.night()) == [("CQ-STK-AUTH", "not_applicable")]
        crm.set("deals", deal, dealname="Another name")  # so that it is read again


def test_what_was_taken_back_does_not_come_back_with_the_answer_to_another_finding(crm: Bench, nights: Nights) -> None:
    deal = crm.deal()
    shown(crm, deal, DECIDER)
    answer(crm, deal, "not_applicable", crm_audit_answer_reason="In April")
    nights.night()
    answer(crm, deal, "")
    assert answers(nights, nights.night()) == []
    shown(crm, deal, BASICS)
    answer(crm, deal, "asked")
    assert answers(nights, nights.night()) == [("CQ-OPP-BASICS", "asked")]


def test_a_day_and_a_reason_given_under_another_finding_do_not_slip_onto_the_old_answer(
    crm: Bench, nights: Nights
) -> None:
    deal = crm.deal()
    shown(crm, deal, DECIDER)
    answer(crm, deal, "not_applicable")
    nights.night()
    crm.set("deals", deal, crm_audit_answer_reason="In April")  # a moment later, of the same finding
    nights.night()
    shown(crm, deal, BASICS)
    crm.set("deals", deal, crm_audit_answer_until="2027-05-01", crm_audit_answer_reason="In May")
    found = nights.store.frames(nights.night())["answers"]
    assert list(found.select("rule", "until", "reason").iter_rows()) == [("CQ-STK-AUTH", None, "In April")]


def test_where_the_properties_are_not_nothing_is_read_and_nothing_is_missing() -> None:
    with bench() as crm:
        crm.deal()
        found = told(crm.connector())
        assert (found.records["answers"], found.gaps) == ({}, {})
        assert "answers" not in {page.kind for page in found.pages}
        assert "rechecks" in crm.connector().survey().unmapped


def test_the_properties_are_a_source_of_rechecks(crm: Bench) -> None:
    assert "rechecks" not in crm.connector().survey().unmapped


def test_properties_that_come_later_are_read_of_all_deals(tmp_path: object) -> None:
    with bench() as crm, Store.open(f"sqlite:///{tmp_path}/store.db") as store:
        nights, deal = Nights(crm, store), crm.deal()
        assert answers(nights, nights.night()) == []
        crm.portal.install_kit()
        shown(crm, deal, BASICS)
        answer(crm, deal, "asked")
        assert answers(nights, nights.night()) == [("CQ-OPP-BASICS", "asked")]


def test_an_unchanged_night_costs_no_call_more(crm: Bench, nights: Nights, tmp_path: object) -> None:
    for number in range(3):
        deal = crm.deal(f"Deal {number}")
        shown(crm, deal, BASICS)
        answer(crm, deal, "asked")
    nights.night()
    nights.night()
    costs = nights.calls()
    with bench() as other, Store.open(f"sqlite:///{tmp_path}/other.db") as store:
        plain = Nights(other, store)
        for number in range(3):
            other.deal(f"Deal {number}")
        plain.night()
        plain.night()
        assert costs == plain.calls()
