"""Answers on verdicts in Salesforce: rows of the kit's own object, read with everything else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from crm_audit.connectors.salesforce import own
from crm_audit.connectors.salesforce.kit import ANSWER
from crm_audit.domain import Answer
from tests.connectors.salesforce_bench import Bench, bench, first, gaps, pulled, read

DETAILS = (
    "Missing: CQ-OPP-BASICS none major open\nSays: Nobody asked.\nAsk: purchase_date price_vs_budget\n\n"
    "Finding: CQ-STK-AUTH none critical open\nSays: We do not know yet who decides."
)


@pytest.fixture
def sf() -> Iterator[Bench]:
    with bench() as made:
        made.org.install_kit()
        yield made


def verdict(sf: Bench, deal: str) -> str:
    return sf.make(own.VERDICT, Deal_Id__c=deal, Opportunity__c=deal, Details__c=DETAILS)


def answer(sf: Bench, verdict: str, **fields: object) -> str:
    return sf.make(ANSWER, **{"Verdict__c": verdict, "Rule__c": "CQ-OPP-BASICS", "Answer__c": "asked", **fields})


def answers(sf: Bench) -> list[Answer]:
    return [each for each in pulled(sf.connector(), "answers") if isinstance(each, Answer)]


def test_an_answer_is_read_with_its_deal_its_giver_and_the_topics_that_were_due(sf: Bench) -> None:
    deal = sf.deal()
    number = answer(sf, verdict(sf, deal), Until__c="2026-04-01", Reason__c="On the phone")
    (given,) = answers(sf)
    row = sf.org.row(ANSWER, number) or {}
    assert given == Answer(
        id=number, deal=deal, rule="CQ-OPP-BASICS", answer="asked", at=given.at, until=date(2026, 4, 1),
        topics=("purchase_date", "price_vs_budget"), reason="On the phone", by=str(row["CreatedById"]),
    )  # fmt: skip


@pytest.mark.parametrize("rule", ["CQ-STK-AUTH", "CQ-OPP-NEED"])
def test_an_answer_to_a_finding_that_asks_nothing_has_no_topics(sf: Bench, rule: str) -> None:
    answer(sf, verdict(sf, sf.deal()), Rule__c=rule, Answer__c="wrong")
    assert [(given.rule, given.topics, given.until, given.reason) for given in answers(sf)] == [(rule, (), None, None)]


def test_an_answer_without_a_verdict_or_that_was_deleted_is_none(sf: Bench) -> None:
    sf.make(ANSWER, Rule__c="CQ-OPP-BASICS", Answer__c="asked")
    gone = answer(sf, verdict(sf, sf.deal()))
    assert len(answers(sf)) == 1
    sf.org.delete(ANSWER, gone)
    assert answers(sf) == []


def test_where_the_kit_is_not_nothing_is_read_and_nothing_is_missing() -> None:
    with bench() as sf:
        sf.deal()
        assert answers(sf) == []
        assert gaps(sf.connector()) == {}
        assert "answers" not in {page.kind for page in read(sf.connector())}


def test_answers_take_no_call_of_their_own(sf: Bench) -> None:
    for number in range(3):
        answer(sf, verdict(sf, sf.deal(f"Deal {number}")))
    with_kit = sf.connector()
    read(with_kit)
    with bench() as other:
        for number in range(3):
            other.deal(f"Deal {number}")
        without = other.connector()
        read(without, first())
    assert with_kit.calls.read <= without.calls.read + 1


def test_the_kit_is_a_source_of_rechecks(sf: Bench) -> None:
    assert "rechecks" not in sf.connector().survey().unmapped
    with bench() as other:
        assert "rechecks" in other.connector().survey().unmapped
