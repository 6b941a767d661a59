"""What exceptions change: the gate and the action. What the evidence supports, they never change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from crm_audit import pipeline
from crm_audit.domain import Annotation, Record
from crm_audit.exempt import EXPIRED, UNUSED
from crm_audit.pipeline import Report
from crm_audit.store import Store
from crm_audit.store.waivers import By
from crm_audit.writeback.details import parse
from tests.builders import NOW, around, at, but, clean, story
from tests.shelf import Shelf
from tests.test_pipeline import JOB, synced

AUTH = "CQ-STK-AUTH"
TODAY = date(2026, 3, 16)
BLOCK = replace(JOB, connection=JOB.connection.model_copy(update={"ladder": "block"}))
MIA, NOOR = By(name="mia", at=at(1)), By(name="noor", at=at(1))


@pytest.fixture
def store(tmp_path: object) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path}/store.db") as opened:
        yield opened


def no_decider(rung: int = 4) -> list[Record]:
    return but(clean(rung=rung), "d1-dana-authority")


def waived(
    store: Store, rule: str = AUTH, *, deal: str = "d1", until: date = TODAY + timedelta(days=30), approve: bool = True
) -> int:
    asked = store.waivers.request("org", (deal, rule), until=until, why="Signed on paper", by=MIA)
    if approve:
        store.waivers.approve(asked.id, NOOR)
    return asked.id


def report(store: Store, as_of: datetime = NOW) -> Report:
    return pipeline.check(store, BLOCK, as_of=as_of)


def note(told: Report) -> Annotation:
    return pipeline.notes(told)["d1"]


def stands(told: Report) -> dict[str, tuple[str, str]]:
    return {finding.rule: (finding.status, finding.action) for finding in told.findings}


def test_a_waiver_opens_the_gate_and_the_action_and_leaves_the_verdict(store: Store) -> None:
    synced(store, Shelf(no_decider()), 2)
    before = report(store)
    assert note(before).refused == ("Negotiate",)
    waived(store)
    after = report(store)
    assert stands(before)[AUTH] == ("open", "block")
    assert stands(after) == stands(before) | {AUTH: ("waived", "annotate")}
    assert (note(after).refused, note(after).warned) == ((), ())
    assert (before.audit.verdicts["action"][0], after.audit.verdicts["action"][0]) == ("block", "none")
    same = ["verdict", "claimed", "supported_min", "supported_max", "once_fixed"]
    assert after.audit.verdicts.select(same).equals(before.audit.verdicts.select(same))
    assert (note(after).status, note(after).supported_stage) == ("overstated", note(before).supported_stage)


def test_a_waived_finding_is_shown_as_waived_and_is_never_what_matters_most(store: Store) -> None:
    synced(store, Shelf(no_decider()), 2)
    waived(store)
    shown = note(report(store))
    assert (shown.top_finding, shown.next_step) == (None, None)
    (entry,) = parse(shown.details or "").missing
    assert (entry.rule, entry.severity, entry.status) == (AUTH, "critical", "waived")


def test_what_else_does_not_hold_still_blocks(store: Store) -> None:
    synced(store, Shelf(but(clean(rung=5, close_date=None), "d1-dana-authority")), 2)
    waived(store)
    told = report(store)
    assert told.audit.verdicts["action"][0] == "block"
    assert note(told).top_finding == next(f.says for f in told.findings if f.rule == "CQ-OPP-DATE")


def test_nobody_is_let_off_by_what_was_only_asked_for_or_for_another_deal_or_rule(store: Store) -> None:
    synced(store, Shelf([*no_decider(), *story("d2", 2)]), 2)
    waived(store, approve=False)
    waived(store, deal="d2")
    waived(store, "CQ-OPP-DATE")
    told = report(store)
    assert stands(told)[AUTH] == ("open", "block")
    assert note(told).refused == ("Negotiate",)


def test_what_cannot_be_told_is_not_waived(store: Store) -> None:
    synced(store, Shelf(clean(rung=4, currency="EUR")), 2)
    waived(store, "CQ-OPP-BUDGET")
    assert stands(report(store))["CQ-OPP-BUDGET"][0] == "unverifiable"


def test_the_past_is_judged_by_the_waivers_of_the_past(store: Store) -> None:
    synced(store, Shelf(no_decider()), 2)
    number = waived(store)
    store.waivers.withdraw(number, replace(MIA, at=NOW - timedelta(hours=1)))
    assert stands(report(store))[AUTH] == ("open", "block")
    assert stands(report(store, at(1) + timedelta(minutes=1)))[AUTH] == ("waived", "annotate")
    assert stands(report(store, at(1) - timedelta(minutes=1)))[AUTH] == ("open", "block")


def test_a_day_ends_in_the_zone_of_the_organisation(store: Store) -> None:
    synced(store, Shelf(no_decider()), 2)
    waived(store, until=TODAY)
    midnight = datetime.fromisoformat("2026-03-17T04:00:00+00:00")  # in New York
    assert stands(report(store, midnight - timedelta(minutes=1)))[AUTH][0] == "waived"
    assert stands(report(store, midnight))[AUTH][0] == "open"


# What is told of waivers themselves.


def of_waivers(told: Report) -> list[tuple[str, str]]:
    return [(finding.rule, str(finding.details["waived"])) for finding in told.findings if finding.layer == "system"]


def test_a_waiver_that_ran_out_while_the_rule_still_fails_is_a_finding(store: Store) -> None:
    synced(store, Shelf(no_decider()), 2)
    waived(store, until=TODAY - timedelta(days=1))
    told = report(store)
    assert of_waivers(told) == [(EXPIRED, AUTH)]
    (finding,) = [each for each in told.findings if each.rule == EXPIRED]
    assert finding.says == f"The waiver of {AUTH} ran out on 15 Mar 2026, and the rule still fails."
    assert (finding.severity, finding.action) == ("info", "annotate")
    waived(store)
    assert of_waivers(report(store)) == []  # another one took its place


def test_a_waiver_that_lets_nothing_off_is_a_finding(store: Store) -> None:
    synced(store, Shelf(clean(rung=4)), 2)
    waived(store)
    assert of_waivers(report(store)) == [(UNUSED, AUTH)]


def test_a_waiver_that_only_a_later_stage_needs_is_of_use(store: Store) -> None:
    synced(store, Shelf(no_decider(2)), 2)
    waived(store)
    assert of_waivers(report(store)) == []


@pytest.mark.parametrize("records", [[*around()], clean(rung=4, stage="Won")])
def test_nothing_is_told_of_waivers_of_deals_that_are_gone_or_closed(store: Store, records: list[Record]) -> None:
    synced(store, Shelf(records), 2)
    waived(store)
    waived(store, "CQ-OPP-DATE", until=TODAY - timedelta(days=1))
    assert of_waivers(report(store)) == []


def test_a_waiver_that_was_withdrawn_or_never_approved_is_no_finding(store: Store) -> None:
    synced(store, Shelf(no_decider()), 2)
    waived(store, until=TODAY - timedelta(days=1), approve=False)
    store.waivers.withdraw(waived(store, until=TODAY - timedelta(days=1)), MIA)
    assert of_waivers(report(store)) == []


def test_no_crm_is_told_of_our_own_waivers(store: Store) -> None:
    synced(store, Shelf(no_decider()), 2)
    before = note(report(store))
    waived(store, until=TODAY - timedelta(days=1))
    waived(store, "CQ-OPP-DATE")
    told = report(store)
    assert len(of_waivers(told)) == 2
    assert note(told) == before


# Broken glass.


def test_broken_glass_opens_every_stage_of_one_deal_until_it_ends(store: Store) -> None:
    synced(store, Shelf([*no_decider(), *but(story("d2", 4), "d2-dana-authority")]), 2)
    store.waivers.break_glass("org", "d1", until=at(0) + timedelta(hours=1), why="Signed", by=MIA)
    during, after = report(store), report(store, NOW + timedelta(hours=2))
    assert {deal: each.refused for deal, each in pipeline.notes(during).items()} == {"d1": (), "d2": ("Negotiate",)}
    assert pipeline.notes(after)["d1"].refused == ("Negotiate",)
    assert stands(during) == stands(after)
    told = note(after).details
    assert (note(during).details or "").replace("Holds", "Not yet: Negotiate\nHolds", 1) == told
    assert replace(note(during), refused=("Negotiate",), details=told) == note(after)


def test_glass_of_another_connection_opens_nothing_here(store: Store) -> None:
    synced(store, Shelf(no_decider()), 2)
    store.waivers.break_glass("other", "d1", until=NOW + timedelta(hours=1), why="Signed", by=MIA)
    assert note(report(store)).refused == ("Negotiate",)
