"""The steps in order: what a run knew is judged, what it lost is unknown, and nothing is written from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from crm_audit import pipeline
from crm_audit.config import Connection
from crm_audit.domain import STRENGTH, Account, Event, Record, Survey
from crm_audit.errors import FixConfig, Incomplete, NoAccess, OutOfQuota, Retry
from crm_audit.pipeline import Job, Report
from crm_audit.pull import pull
from crm_audit.store import Run, Start, Store
from crm_audit.writeback.plan import Plan
from tests.builders import (
    CORE,
    LADDER,
    NOW,
    Said,
    around,
    at,
    but,
    change,
    clean,
    deal,
    event,
    known,
    said,
    story,
    told,
)
from tests.shelf import ACCOUNT, Shelf

CONNECTION = Connection(
    vendor="files",
    ladders={"new": LADDER},
    internal_domains=("seller.example",),
    source_days=400,
    ladder="annotate",
)
JOB = Job("org", CONNECTION, CORE)


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(store_url) as opened:
        yield opened


def synced(store: Store, shelf: Shelf, days: int = 1, name: str = "org") -> Run:
    """A sync so many days ago, which took five minutes."""
    start = Start(connection=name, started=at(days), config="abc")
    return pull(shelf, store, start=start, now=lambda: at(days) + timedelta(minutes=5))


def checked(store: Store, as_of: datetime = NOW, job: Job = JOB) -> dict[str, Said]:
    return told(pipeline.check(store, job, as_of=as_of).audit)


def test_what_the_store_knows_is_judged_as_the_records_were(store: Store) -> None:
    records = [*around(), *story("d1", need=None), *story("d2", 3, close_date=None), deal("d3", stage="Won")]
    synced(store, Shelf(records))
    direct = {name: said(records, name, source_days=400) for name in ("d1", "d2", "d3")}
    assert checked(store) == direct


def test_a_report_says_what_it_rests_on(store: Store) -> None:
    run = synced(store, Shelf(clean(need=None)))
    report = pipeline.check(store, JOB, as_of=NOW)
    assert (report.job, report.run, report.as_of) == (JOB, run, NOW)
    assert [finding.rule for finding in report.findings] == ["CQ-OPP-NEED"]
    assert report.facts.terms.user == "robot"


def test_only_the_deals_that_were_asked_for(store: Store) -> None:
    synced(store, Shelf([*around(), *story("d1"), *story("d2", need=None)]))
    report = pipeline.check(store, JOB, as_of=NOW, deals=iter(["d2"]))
    assert report.audit.verdicts["id"].to_list() == ["d2"]


# --- what was known by then ------------------------------------------------------------------------------------------


def test_without_a_finished_sync_there_is_nothing_to_judge(store: Store) -> None:
    with pytest.raises(Incomplete, match="no finished sync by 2026-03-16 15:00 UTC; run `crm-audit sync org`"):
        pipeline.check(store, JOB, as_of=NOW)
    synced(store, Shelf(clean()), 3)
    with pytest.raises(Incomplete, match="no finished sync by"):
        pipeline.check(store, JOB, as_of=at(3))  # begun, and finished five minutes later
    assert checked(store, at(3) + timedelta(minutes=5))["d1"].claimed == 5


def test_another_connections_sync_is_not_ours(store: Store) -> None:
    synced(store, Shelf(clean()), name="other")
    with pytest.raises(Incomplete, match=r"^org: no finished sync"):
        pipeline.check(store, JOB, as_of=NOW)


def test_a_failed_sync_leaves_the_one_before_it(store: Store) -> None:
    good = synced(store, Shelf(clean()), 3)
    with pytest.raises(ZeroDivisionError):
        synced(store, Shelf(clean(need=None), breaks={"events": ZeroDivisionError()}), 1)
    report = pipeline.check(store, JOB, as_of=NOW)
    assert report.run == good
    assert report.findings == ()


def test_a_past_verdict_never_changes(store: Store) -> None:
    """Later syncs learn of a removed role, a new amount, a lost deal, and of a mail that is older than the verdict."""
    first = [*around(), *story("d1"), *story("d2"), *story("d3", need=None), *story("d4")]
    synced(store, Shelf(first), 3)
    moment = at(3) + timedelta(hours=1)
    before = checked(store, moment)

    late = event("email_in", 5, "sam", on="d2")
    second = but(first, "d1-dana-authority", "d2", "d4", add=[deal("d2", stage="Lost"), late])
    second = but(second, "d3", add=[deal("d3", need="Found it"), change("amount", 4, "9", "90000", "d3")])
    synced(store, Shelf(second), 2)
    synced(store, Shelf([*second, *story("d5")]), 1)

    assert checked(store, moment) == before
    now = checked(store)
    assert now["d1"].why == {"CQ-STK-AUTH": "contact_removed"}
    assert now["d2"].verdict == "not_applicable"
    assert now["d3"].why == {"CQ-STK-PRICE": "superseded_amount"}
    assert "d4" not in now
    assert "d5" in now


def test_a_role_counts_until_the_sync_that_missed_it(store: Store) -> None:
    synced(store, Shelf(clean()), 3)
    synced(store, Shelf(but(clean(), "d1-dana-authority")), 1)
    assert checked(store, at(2))["d1"].why == {}
    assert checked(store, at(1) + timedelta(hours=1))["d1"].why == {"CQ-STK-AUTH": "contact_removed"}


# --- what a run lost -------------------------------------------------------------------------------------------------

LOST: dict[str, tuple[str, set[str], str]] = {
    # kind, rules that can no longer tell, and why
    "links": ("links", {"CQ-STK-AUTH", "CQ-OPP-PRICED", "CQ-STK-CONTACT"}, "unmapped"),
    "people": ("people", {"CQ-STK-AUTH", "CQ-OPP-PRICED", "CQ-STK-CONTACT"}, "unmapped"),
    "companies": ("companies", {"CQ-ORG-COMPANY"}, "unmapped"),
    "rechecks": ("rechecks", {"CQ-OPP-BASICS"}, "unmapped"),
    "history": ("history", {"CQ-OPP-PUSH", "CQ-STK-PRICE", "CQ-MOM-AGE"}, "unmapped"),
    "events": (
        "events",
        {"CQ-OPP-PRICED", "CQ-STK-ENGAGED", "CQ-STK-PRICE", "CQ-MOM-SILENT"},  # one event of three was read
        "no_source",
    ),
}


@pytest.mark.parametrize(("kind", "rules", "why"), LOST.values(), ids=LOST)
def test_what_could_not_be_read_is_unknown_and_never_failed(store: Store, kind: str, rules: set[str], why: str) -> None:
    run = synced(store, Shelf(clean(), breaks={kind: NoAccess("not for you")}))
    assert run.status == "partial"
    seen = checked(store)["d1"]
    assert seen.why == {}
    assert seen.verdict == "unverifiable"
    assert {rule for rule, reason in seen.unsure.items() if reason == why} == rules


@pytest.mark.parametrize("kind", ["users", "rates"])
def test_what_no_rule_needs_here_costs_nothing(store: Store, kind: str) -> None:
    synced(store, Shelf(clean(), breaks={kind: Retry("later")}))
    assert checked(store)["d1"] == said(clean(), source_days=400)


def test_what_was_known_before_still_holds(store: Store) -> None:
    """A partial run keeps the rows of the run before it: evidence is there, its absence proves nothing."""
    synced(store, Shelf(clean()), 3)
    synced(store, Shelf(clean(), breaks={"events": Retry("later")}), 1)
    assert checked(store)["d1"].verdict == "supported"


def test_without_deals_there_is_nothing_to_judge(store: Store) -> None:
    synced(store, Shelf(clean(), breaks={"deals": NoAccess("no scope for deals")}))
    with pytest.raises(Incomplete, match=r"could not read the deals: no scope for deals"):
        pipeline.check(store, JOB, as_of=NOW)


def test_a_day_without_calls_leaves_unread_what_it_could_not_ask(store: Store) -> None:
    run = synced(store, Shelf(clean(), breaks={"links": OutOfQuota("used up")}))
    assert set(run.missing) == {"links"}
    assert checked(store)["d1"].why == {}


@pytest.mark.parametrize("kind", ["events", "links", "history", "users", "rates"])
def test_nothing_is_written_from_incomplete_evidence(store: Store, kind: str) -> None:
    shelf = Shelf(clean(), breaks={kind: Retry("later")})
    synced(store, shelf)
    report = pipeline.check(store, JOB, as_of=NOW)
    with pytest.raises(Incomplete, match=rf"nothing is written from incomplete evidence; not read: {kind}"):
        pipeline.planned(report, shelf, store)
    assert (shelf.held, shelf.calls.write) == ({}, 0)


# --- terms -----------------------------------------------------------------------------------------------------------


def run_of(store: Store, who: Account = ACCOUNT, knows: Survey | None = None) -> Run:
    return synced(store, Shelf(clean(), who=who, knows=knows or Survey()))


def test_the_crm_says_its_zone_and_currency_unless_the_admin_does(store: Store) -> None:
    run = run_of(store)
    plain = pipeline.terms(Connection(vendor="files"), run)
    assert (plain.zone, plain.currency, plain.user) == ("America/New_York", "USD", "robot")
    told_by_hand = pipeline.terms(Connection(vendor="files", zone="UTC", currency="EUR"), run)
    assert (told_by_hand.zone, told_by_hand.currency) == ("UTC", "EUR")


def test_settings_reach_the_terms(store: Store) -> None:
    chosen = Connection(
        vendor="files", source_days=9, strict_meetings=True, sponsor_is_authority=True, internal_domains=("a.example",)
    )
    seen = pipeline.terms(chosen, run_of(store))
    assert (seen.source_days, seen.strict_meetings, seen.sponsor_is_authority) == (9, True, True)
    assert seen.internal_domains == ("a.example",)


def test_what_the_survey_found_missing_is_missing(store: Store) -> None:
    knows = Survey(unmapped=frozenset({"fit"}), unconnected=frozenset({"esign_viewed"}), shared_topics=False)
    seen = pipeline.terms(CONNECTION, run_of(store, knows=knows))
    assert (set(seen.unmapped), set(seen.unconnected), seen.shared_topics) == ({"fit"}, {"esign_viewed"}, False)


def test_what_a_run_lost_is_added_to_what_its_survey_found(store: Store) -> None:
    shelf = Shelf(clean(), breaks={"events": Retry("later")}, knows=Survey(unmapped=frozenset({"fit"})))
    seen = pipeline.terms(CONNECTION, synced(store, shelf))
    assert seen.unmapped == {"fit"}
    assert seen.unconnected == set(STRENGTH)


def test_a_ladder_alone_makes_terms() -> None:
    assert pipeline.ladder_terms(CONNECTION).ladders == {"new": LADDER}


# --- what is shown ---------------------------------------------------------------------------------------------------


def shown_rules(**settings: object) -> set[str]:
    connection = Connection.model_validate({"vendor": "files", **settings})
    return set(pipeline.shown(Job("org", connection, CORE)))


def test_nothing_is_shown_until_the_admin_says_so() -> None:
    everything = {rule.id for rule in CORE.rules}
    assert shown_rules() == set()
    assert shown_rules(ladder="annotate") == everything
    assert shown_rules(ladder="annotate", rule_ladders={"CQ-MOM-AGE": "shadow"}) == everything - {"CQ-MOM-AGE"}
    assert shown_rules(rule_ladders={"CQ-MOM-AGE": "annotate"}) == {"CQ-MOM-AGE"}


def planned(store: Store, shelf: Shelf) -> Plan:
    return pipeline.planned(pipeline.check(store, JOB, as_of=NOW), shelf, store)


def test_a_rule_in_shadow_is_judged_and_not_shown(store: Store) -> None:
    shelf = Shelf([*around(), *story("d1", need=None)])
    synced(store, shelf)
    hidden = JOB.connection.model_copy(update={"rule_ladders": {"CQ-OPP-NEED": "shadow"}})
    report = pipeline.check(store, Job(JOB.name, hidden, JOB.pack), as_of=NOW)
    assert "CQ-OPP-NEED" in {finding.rule for finding in report.findings}
    (write,) = pipeline.planned(report, shelf, store).writes
    (open_,) = planned(store, shelf).writes
    assert write.after["status"] == open_.after["status"] == "overstated"
    assert "CQ-OPP-NEED" in str(open_.after)
    assert "CQ-OPP-NEED" not in str(write.after)


def test_a_second_plan_is_empty(store: Store) -> None:
    shelf = Shelf([*around(), *story("d1", need=None), *story("d2")])
    synced(store, shelf)
    first = planned(store, shelf)
    assert {write.deal for write in first.writes} == {"d1", "d2"}
    told_of: list[int] = []
    receipts = pipeline.applied(first, shelf, store, told_of.append)
    assert [receipt.ok for receipt in receipts] == [True, True]
    assert told_of == [2]
    assert planned(store, shelf) == Plan((), 2)
    assert pipeline.applied(planned(store, shelf), shelf, store, told_of.append) == []
    assert shelf.calls.write == 1


def test_only_what_changed_is_written_the_next_night(store: Store) -> None:
    shelf = Shelf([*around(), *story("d1"), *story("d2")])
    synced(store, shelf, 3)
    pipeline.applied(planned(store, shelf), shelf, store, lambda done: None)
    shelf.records = [*around(), *story("d1"), *story("d2", need=None)]
    synced(store, shelf, 1)
    (write,) = planned(store, shelf).writes
    assert write.deal == "d2"
    assert write.after["status"] == "overstated"
    assert "status" in (write.before or {})


def test_a_deal_that_was_closed_before_we_came_is_never_begun(store: Store) -> None:
    shelf = Shelf([*around(), *story("d1"), deal("old", stage="Won")])
    synced(store, shelf)
    assert {write.deal for write in planned(store, shelf).writes} == {"d1"}


def test_a_deal_that_is_closed_after_we_wrote_is_corrected_once(store: Store) -> None:
    shelf = Shelf([*around(), *story("d1", need=None)])
    synced(store, shelf, 3)
    pipeline.applied(planned(store, shelf), shelf, store, lambda done: None)
    shelf.records = [*around(), *story("d1", need=None, stage="Won")]
    synced(store, shelf, 2)
    (write,) = planned(store, shelf).writes
    assert (write.after["status"], write.after["top_finding"]) == ("not_applicable", None)
    pipeline.applied(planned(store, shelf), shelf, store, lambda done: None)
    synced(store, shelf, 1)
    assert planned(store, shelf).writes == ()


def test_a_deal_that_was_closed_before_anything_was_shown_is_left_alone(store: Store) -> None:
    shelf = Shelf([*around(), *story("d1")])
    synced(store, shelf, 3)
    shelf.records = [*around(), *story("d1", stage="Lost")]
    synced(store, shelf, 1)
    assert planned(store, shelf).writes == ()


def test_a_verdict_of_zero_writes_needs_no_deals(store: Store) -> None:
    shelf = Shelf(around())
    synced(store, shelf)
    assert planned(store, shelf) == Plan((), 0)


def test_connections_of_one_store_do_not_see_one_another(store: Store) -> None:
    synced(store, Shelf(clean()), 2)
    synced(store, Shelf(but(clean(), Event)), 1, "other")
    assert checked(store)["d1"].verdict == "supported"
    assert "CQ-STK-CONTACT" in checked(store, job=replace(JOB, name="other"))["d1"].findings


def test_money_comes_back_from_the_store_as_it_was(store: Store) -> None:
    exact = Decimal("100000.000001")
    records: list[Record] = [*around(), *story("d1", amount=exact, budget=exact)]
    synced(store, Shelf(records))
    report: Report = pipeline.check(store, JOB, as_of=NOW)
    assert Decimal(report.facts.deals["amount"][0]) == Decimal(known(records).deals["amount"][0]) == exact


# --- the gate --------------------------------------------------------------------------------------------------------

UNDECIDED = [*around(), *but(story("d1", 3), "d1-dana-authority"), *story("d2", 3)]
NO_STAGE: Any = ()
"""The shelf shows lists as lists."""
GATED = {"ladder": "block", "bypass": "Ask Olga"}


def gated(store: Store, shelf: Shelf, **settings: object) -> Plan:
    connection = JOB.connection.model_copy(update=settings)
    report = pipeline.check(store, Job(JOB.name, connection, JOB.pack), as_of=NOW)
    return pipeline.planned(report, shelf, store)


def refused(plan: Plan) -> dict[str, tuple[object, object]]:
    return {write.deal: (write.after.get("refused"), write.after.get("warned")) for write in plan.writes}


def test_block_writes_the_stages_that_a_deal_may_not_enter(store: Store) -> None:
    shelf = Shelf(UNDECIDED)
    synced(store, shelf)
    assert refused(gated(store, shelf, **GATED)) == {"d1": (("Propose", "Negotiate"), ()), "d2": ((), ())}
    assert refused(gated(store, shelf, ladder="warn"))["d1"] == ((), ("Propose", "Negotiate"))
    assert refused(gated(store, shelf, ladder="annotate"))["d1"] == ((), ())


def test_a_step_back_opens_the_gate_with_the_next_write(store: Store) -> None:
    shelf = Shelf(UNDECIDED)
    synced(store, shelf)
    pipeline.applied(gated(store, shelf, **GATED), shelf, store, lambda done: None)
    (write,) = gated(store, shelf, ladder="annotate").writes
    assert (write.deal, set(write.after), write.after["refused"]) == ("d1", {"refused", "details"}, NO_STAGE)
    assert write.after["details"] == str((write.before or {})["details"]).replace(
        "Not yet: Propose\nNot yet: Negotiate\n", ""
    )


def test_a_pipeline_in_shadow_is_never_begun_and_what_stands_there_loses_its_gate(store: Store) -> None:
    shelf = Shelf(UNDECIDED)
    synced(store, shelf)
    dark = {**GATED, "pipeline_ladders": {"new": "shadow"}}
    assert gated(store, shelf, **dark) == Plan((), 0)
    pipeline.applied(gated(store, shelf, **GATED), shelf, store, lambda done: None)
    (write,) = gated(store, shelf, **dark).writes
    assert (write.deal, write.after["refused"]) == ("d1", NO_STAGE)
    assert (write.after["top_finding"], write.after["details"]) == (None, None)


def test_without_a_way_past_it_nothing_is_written_at_all(store: Store) -> None:
    shelf = Shelf(UNDECIDED)
    synced(store, shelf)
    with pytest.raises(FixConfig, match=r"org: nothing is refused without a way past it: name one under bypass"):
        gated(store, shelf, ladder="block")
    with pytest.raises(FixConfig, match="without a way past it"):
        gated(store, shelf, ladder="annotate", rule_ladders={"CQ-STK-PRICE": "block"})
    with pytest.raises(FixConfig, match="without a way past it"):
        gated(store, shelf, ladder="annotate", pipeline_ladders={"new": "block"})
    assert shelf.calls.write == 0
    assert gated(store, shelf, ladder="annotate", rule_ladders={"CQ-ORG-FIT": "block"}).writes  # it never asks to block


def test_gates_that_no_deal_could_pass_are_refused_and_named(store: Store) -> None:
    shelf = Shelf(UNDECIDED)
    synced(store, shelf)
    with pytest.raises(
        FixConfig, match=r"CQ-STK-AUTH asks at the gate of 4 proposed for what lies behind it: authority"
    ):
        gated(store, shelf, **GATED, arises={"authority": 5})
    assert gated(store, shelf, **GATED, arises={"authority": 3}).writes
    assert gated(store, shelf, ladder="warn", arises={"authority": 5}).writes
