"""What an answer of a rep changes, and above all what it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from crm_audit import pipeline
from crm_audit.domain import BASICS, Answer, Recheck, Record
from crm_audit.pipeline import Report
from crm_audit.store import Store
from crm_audit.writeback.details import parse
from tests.builders import NOW, ago, at, but, clean
from tests.shelf import ACCOUNT, Shelf
from tests.test_exempt import BLOCK, waived
from tests.test_pipeline import synced

RULE, AUTH = "CQ-OPP-BASICS", "CQ-STK-AUTH"
ASKED = Answer(id="a1", deal="d1", rule=RULE, answer="asked", at=at(3), topics=BASICS, by="olga")
PUT_OFF = replace(
    ASKED, rule=AUTH, answer="not_applicable", topics=(), until=date(2026, 4, 1), reason="The board decides in April"
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path}/store.db") as opened:
        yield opened


def report(store: Store, records: list[Record], *answers: Answer, as_of: datetime = NOW) -> Report:
    """What is told once a night has read these records and answers."""
    synced(store, Shelf([*records, *answers]), 2)
    return pipeline.check(store, BLOCK, as_of=as_of)


def never_asked() -> list[Record]:
    return but(clean(), Recheck)


def no_decider() -> list[Record]:
    return but(clean(rung=4), "d1-dana-authority")


def stands(told: Report) -> dict[str, str]:
    return {finding.rule: finding.status for finding in told.findings}


def test_asked_on_a_basics_finding_is_a_recheck_of_its_topics(store: Store) -> None:
    told = report(store, never_asked(), ASKED)
    assert RULE not in stands(told)
    assert told.audit.verdicts["verdict"][0] == "supported"


def test_only_the_topics_that_were_to_be_asked_again_are_asked(store: Store) -> None:
    (finding,) = [f for f in report(store, never_asked(), replace(ASKED, topics=BASICS[:1])).findings if f.rule == RULE]
    assert set(finding.details["missing"]) == set(BASICS[1:])  # type: ignore[call-overload]  # a list of topics


@pytest.mark.parametrize(
    "answer",
    [
        replace(ASKED, by=ACCOUNT.user),  # our own echo
        replace(ASKED, topics=()),  # another rule's finding
        replace(ASKED, answer="fixed"),
        replace(ASKED, answer="wrong", reason="We did ask"),
        replace(ASKED, deal="d2"),
        replace(ASKED, at=at(-2)),  # not given yet
        replace(ASKED, at=at(200)),  # long ago
    ],
)
def test_nothing_else_is_a_recheck(store: Store, answer: Answer) -> None:
    assert stands(report(store, never_asked(), answer))[RULE] == "open"


def test_what_does_not_apply_is_snoozed_until_its_day_and_nothing_else_changes(store: Store) -> None:
    before = report(store, no_decider())
    told = report(store, no_decider(), PUT_OFF)
    note, was = pipeline.notes(told)["d1"], pipeline.notes(before)["d1"]
    assert (stands(before)[AUTH], stands(told)[AUTH]) == ("open", "snoozed")
    assert (was.top_finding, note.top_finding, note.next_step) == ("We do not know yet who decides.", None, None)
    assert (note.status, note.supported_stage, note.refused) == (was.status, was.supported_stage, ("Negotiate",))
    assert [(entry.rule, entry.status) for entry in parse(note.details or "").missing] == [(AUTH, "snoozed")]
    assert told.audit.verdicts.equals(before.audit.verdicts)


def test_the_next_finding_takes_the_place_of_one_that_is_snoozed(store: Store) -> None:
    records = but(clean(rung=5, close_date=None), "d1-dana-authority")
    told = report(store, records, PUT_OFF)
    assert pipeline.notes(told)["d1"].top_finding == next(f.says for f in told.findings if f.rule == "CQ-OPP-DATE")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (replace(PUT_OFF, until=ago(0)), "snoozed"),
        (replace(PUT_OFF, until=ago(1)), "open"),
        (replace(PUT_OFF, until=None), "snoozed"),
        (replace(PUT_OFF, until=None, at=at(30)), "snoozed"),
        (replace(PUT_OFF, until=None, at=at(31)), "open"),
        (replace(PUT_OFF, reason=None), "open"),
        (replace(PUT_OFF, by=ACCOUNT.user), "open"),
        (replace(PUT_OFF, rule=None), "open"),
        (replace(PUT_OFF, rule="CQ-OPP-DATE"), "open"),
        (replace(PUT_OFF, at=at(-1)), "open"),
        (replace(PUT_OFF, answer="wrong"), "open"),
        (replace(PUT_OFF, answer="fixed"), "open"),
    ],
)
def test_how_long_and_by_what_a_finding_is_put_off(store: Store, answer: Answer, status: str) -> None:
    assert stands(report(store, no_decider(), answer))[AUTH] == status


def test_the_last_answer_to_a_finding_counts(store: Store) -> None:
    later = replace(PUT_OFF, id="a2", answer="fixed", at=at(2))
    assert stands(report(store, no_decider(), PUT_OFF, later))[AUTH] == "open"
    assert stands(report(store, no_decider(), PUT_OFF, replace(later, id="a3", rule="CQ-OPP-DATE")))[AUTH] == "snoozed"


def test_a_waiver_stands_above_a_snooze(store: Store) -> None:
    synced(store, Shelf([*no_decider(), PUT_OFF]), 2)
    waived(store)
    told = pipeline.check(store, BLOCK, as_of=NOW)
    assert (stands(told)[AUTH], pipeline.notes(told)["d1"].refused) == ("waived", ())


def test_the_past_is_judged_by_the_answers_of_the_past(store: Store) -> None:
    told = report(store, no_decider(), PUT_OFF, as_of=NOW)
    assert stands(told)[AUTH] == "snoozed"
    later = pipeline.check(store, BLOCK, as_of=NOW + timedelta(days=30))
    assert stands(later)[AUTH] == "open"
