"""Verdicts of the core pack: what each break reports, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest

from crm_audit import evaluate
from crm_audit.domain import Change, Event, Rate, Recheck, Record
from crm_audit.policy import UNMAPPED_STAGE
from tests.builders import (
    CORE,
    DANA,
    LEE,
    NOW,
    Said,
    ago,
    around,
    at,
    audited,
    but,
    change,
    clean,
    company,
    deal,
    event,
    known,
    link,
    pack,
    recheck,
    rule,
    said,
    story,
    told,
)

GATES = {r.id for r in CORE.rules if r.gate}


@pytest.mark.parametrize("rung", range(6))
def test_a_clean_deal_is_supported_wherever_it_stands(rung: int) -> None:
    seen = said(clean(rung=rung))
    assert seen == Said("supported", rung, (5, 5), "none", {})  # supported is not capped at the claim


def with_deal(**changes: object) -> list[Record]:
    return but(clean(), "d1", add=[deal("d1", 5, **changes)])


PUSHES: list[Record] = [change("close_date", 30 - n, "2026-03-01", "2026-03-20") for n in range(3)]
LARGE = with_deal(amount=Decimal(100_000), budget=Decimal(100_000))
HEARD_TWO = [event("meeting_held", 6, "dana", "lee", topics=("pricing",)), event("call_connected", 4, "lee")]
MOVED: list[Change] = [change("stage", days, "Propose", "Negotiate") for days in (30, 31)]

BROKEN: dict[str, tuple[list[Record], dict[str, str], int, str]] = {
    # records, open findings with their reasons, the rung that is still supported, the action at rung 5
    "no company": (with_deal(company=None), {"CQ-ORG-COMPANY": "missing"}, 0, "annotate"),
    "an ill-fitting company": (
        but(clean(), "acme", add=[company(fit_tier="C")]),
        {"CQ-ORG-FIT": "low"},
        1,
        "annotate",
    ),
    "a company nobody looked at": (
        but(clean(), "acme", add=[company(fit_tier=None, fit_assessed=None)]),
        {"CQ-ORG-FIT": "missing"},
        1,
        "annotate",
    ),
    "a score of 60 will do": (but(clean(), "acme", add=[company(fit_tier=None, fit_score=Decimal(60))]), {}, 5, "none"),
    "a score of 59": (
        but(clean(), "acme", add=[company(fit_tier=None, fit_score=Decimal(59))]),
        {"CQ-ORG-FIT": "low"},
        1,
        "annotate",
    ),
    "looked at 180 days ago": (but(clean(), "acme", add=[company(fit_assessed=ago(180))]), {}, 5, "none"),
    "looked at 181 days ago": (
        but(clean(), "acme", add=[company(fit_assessed=ago(181))]),
        {"CQ-ORG-FIT-FRESH": "stale"},
        5,
        "annotate",
    ),
    "no need": (with_deal(need=" "), {"CQ-OPP-NEED": "missing"}, 1, "annotate"),
    "no date": (with_deal(close_date=None), {"CQ-OPP-DATE": "missing"}, 2, "block"),
    "a date today": (with_deal(close_date=ago(0)), {}, 5, "none"),
    "a date yesterday": (with_deal(close_date=ago(1)), {"CQ-OPP-DATE": "past"}, 2, "block"),
    "a date in a year": (with_deal(close_date=ago(-365)), {}, 5, "none"),
    "a date in a year and a day": (with_deal(close_date=ago(-366)), {"CQ-OPP-DATE": "too_far"}, 2, "block"),
    "pushed twice": ([*clean(), *PUSHES[:2]], {}, 5, "none"),
    "pushed three times": ([*clean(), *PUSHES], {"CQ-OPP-PUSH": "count"}, 5, "annotate"),
    "never asked": (but(clean(), Recheck), {"CQ-OPP-BASICS": "none"}, 2, "annotate"),
    "asked 15 days ago": (but(clean(), Recheck, add=[recheck(15)]), {"CQ-OPP-BASICS": "stale"}, 4, "annotate"),
    "asked 31 days ago": (but(clean(), Recheck, add=[recheck(31)]), {"CQ-OPP-BASICS": "stale"}, 3, "annotate"),
    "asked 46 days ago": (but(clean(), Recheck, add=[recheck(46)]), {"CQ-OPP-BASICS": "stale"}, 2, "annotate"),
    "no solution shown": (
        but(with_deal(solution_fit=None), "meeting_held-20-lee-sam-d1", add=[event("meeting_held", 20, "lee", "sam")]),
        {"CQ-OPP-SOLUTION": "none"},
        3,
        "annotate",
    ),
    "an open question on the fit, and a pilot": (
        [*with_deal(solution_fit="open"), event("meeting_held", 180, "sam", topics=("pilot",))],
        {},
        5,
        "none",
    ),
    "no price": (
        but(clean(), "meeting_held-6-dana-lee-d1", add=[event("meeting_held", 6, "dana", "lee")]),
        {"CQ-OPP-PRICED": "none", "CQ-STK-PRICE": "none"},
        3,
        "block",
    ),
    "no budget": (with_deal(budget=None), {"CQ-OPP-BUDGET": "budget_missing"}, 3, "block"),
    "over the budget": (with_deal(budget=Decimal(81_818)), {"CQ-OPP-BUDGET": "over_budget"}, 3, "block"),
    "no amount": (with_deal(amount=None), {"CQ-OPP-BUDGET": "amount_missing"}, 3, "block"),
    "nobody heard of": (
        but(clean(), Event),
        {"CQ-STK-CONTACT": "none", "CQ-OPP-PRICED": "none", "CQ-STK-ENGAGED": "none", "CQ-STK-PRICE": "none"},
        0,
        "block",
    ),
    "nobody decides": (but(clean(), "d1-dana-authority"), {"CQ-STK-AUTH": "none"}, 2, "block"),
    "who decided has left": (
        but(clean(), "dana", add=[replace(DANA, left_on=ago(1))]),
        {"CQ-STK-AUTH": "contact_left"},
        2,
        "block",
    ),
    "the decider is silent": (
        but(clean(), "meeting_held-6-dana-lee-d1", add=[event("meeting_held", 31, "dana", "lee", topics=("pricing",))]),
        {"CQ-STK-ENGAGED": "stale"},
        4,
        "block",
    ),
    "the price was only sent": (
        but(
            clean(),
            "meeting_held-6-dana-lee-d1",
            add=[event("meeting_held", 6, "dana", "lee"), event("quote_sent", 6, "dana", topics=("pricing",))],
        ),
        {"CQ-STK-PRICE": "only_sent"},
        4,
        "block",
    ),
    "one person only": (
        but(clean(), Event, add=[event("meeting_held", 6, "dana", topics=("pricing", "demo"))]),
        {"CQ-STK-THREADS": "count"},
        5,
        "annotate",
    ),
    "a large deal with three people": (LARGE, {}, 5, "none"),
    "a large deal with two people": (but(LARGE, Event, add=HEARD_TWO), {"CQ-STK-THREADS-L": "count"}, 5, "annotate"),
    "a smaller deal with two people": (but(clean(), Event, add=HEARD_TWO), {}, 5, "none"),
    "quiet for 15 days": (
        but(clean(), Event, add=[event("meeting_held", 15, "dana", "lee", topics=("pricing",))]),
        {"CQ-MOM-SILENT": "stale"},
        5,
        "annotate",
    ),
    "30 days in the stage": (but(clean(), Change, add=MOVED[:1]), {}, 5, "none"),
    "31 days in the stage": (but(clean(), Change, add=MOVED[1:]), {"CQ-MOM-AGE": "old"}, 5, "annotate"),
}


@pytest.mark.parametrize(("records", "open_findings", "supported", "action"), BROKEN.values(), ids=BROKEN)
def test_one_break_reports_what_it_breaks_and_nothing_else(
    records: list[Record], open_findings: dict[str, str], supported: int, action: str
) -> None:
    seen = said(records)
    assert seen.why == open_findings
    assert seen.unsure == {}
    assert seen.supported == (supported, supported)
    assert seen.verdict == ("supported" if supported == 5 else "overstated")
    assert seen.action == action


def test_every_rule_with_a_requirement_was_broken_once() -> None:
    broken = {rule_id for _, findings, _, _ in BROKEN.values() for rule_id in findings}
    assert broken == {r.id for r in CORE.rules if r.require is not None} - {"CQ-STK-PATH"}  # rung 3 only: below


@pytest.mark.parametrize(
    ("heard", "reason"),
    [
        ([event("email_in", 90, "dana")], None),
        ([event("email_in", 91, "dana"), event("email_in", 46, "lee")], "none"),
        ([event("email_in", 45, "lee")], None),
        ([event("email_in", 46, "lee")], "none"),
        ([event("email_in", 3, "sam")], "none"),
    ],
)
def test_the_way_to_the_decider_is_asked_at_rung_three(heard: list[Event], reason: str | None) -> None:
    records = but(clean(rung=3), Event, add=heard)
    assert said(records).why.get("CQ-STK-PATH") == reason
    higher = but(clean(rung=4), Event, add=heard)
    assert "CQ-STK-PATH" not in said(higher).findings
    assert (said(higher).supported[1] or 0) < 3 or reason is None  # yet it counts for the supported rung


def test_below_its_first_rung_a_rule_says_nothing() -> None:
    nothing = but(clean(rung=0), Event, Recheck, "acme", "d1-dana-authority")
    assert said(nothing).findings == {}
    assert said(nothing).verdict == "supported"


@pytest.mark.parametrize(("rung", "action"), [(3, "annotate"), (4, "block"), (5, "block")])
def test_a_rule_blocks_from_its_rung_on(rung: int, action: str) -> None:
    seen = said(but(clean(rung=rung), "d1-dana-authority"))
    assert seen.findings["CQ-STK-AUTH"].action == action == seen.action


# --- the supported rung ----------------------------------------------------------------------------------------------


def test_a_gap_below_stops_the_climb_whatever_holds_above() -> None:
    seen = said(with_deal(company=None))
    assert seen.supported == (0, 0)
    assert {f.rule for f in seen.findings.values()} == {"CQ-ORG-COMPANY"}


def test_what_is_suppressed_is_not_told_and_yet_counts_for_the_rung() -> None:
    seen = said(but(clean(), "acme", add=[company(fit_tier=None)]))
    assert seen.supported == (1, 1)
    gone = said(with_deal(company=None))
    assert "CQ-ORG-FIT" not in gone.findings
    assert "CQ-ORG-FIT-FRESH" not in gone.findings


def test_suppression_also_follows_what_is_unknown() -> None:
    seen = said(with_deal(company=None), unmapped=frozenset({"company"}))
    assert seen.unsure == {"CQ-ORG-COMPANY": "unmapped"}
    assert seen.why == {}


def test_rules_that_are_no_gates_do_not_move_the_rung() -> None:
    for records in (but(clean(), Change, add=MOVED[1:]), [*clean(), *PUSHES]):
        assert said(records).supported == (5, 5)


HIDDEN: dict[str, tuple[set[str], tuple[int, int], set[str]]] = {
    "need": ({"need"}, (1, 5), {"CQ-OPP-NEED"}),
    "budget": ({"budget"}, (3, 5), {"CQ-OPP-BUDGET"}),
    "fit": ({"fit"}, (1, 5), {"CQ-ORG-FIT"}),
    "rechecks": ({"rechecks"}, (2, 5), {"CQ-OPP-BASICS"}),
    "history": ({"history"}, (4, 5), {"CQ-OPP-PUSH", "CQ-STK-PRICE", "CQ-MOM-AGE"}),
    "roles": ({"roles"}, (2, 5), {"CQ-STK-AUTH"}),
}


@pytest.mark.parametrize(("hidden", "supported", "unsure"), HIDDEN.values(), ids=HIDDEN)
def test_what_is_hidden_widens_the_range_and_accuses_nobody(
    hidden: set[str], supported: tuple[int, int], unsure: set[str]
) -> None:
    seen = said(clean(), unmapped=frozenset(hidden))
    assert (seen.supported, set(seen.unsure), seen.why) == (supported, unsure, {})
    assert seen.verdict == "unverifiable"
    assert seen.action == "annotate"
    assert {(f.severity, f.action) for f in seen.findings.values()} == {("info", "annotate")}


def test_a_claim_inside_the_range_is_unverifiable_and_one_above_is_overstated() -> None:
    hidden = frozenset({"need"})
    verdicts = {rung: said(clean(rung=rung), unmapped=hidden).verdict for rung in range(6)}
    assert verdicts == {0: "supported", 1: "supported", **dict.fromkeys(range(2, 6), "unverifiable")}
    over = but(clean(), "d1-dana-authority")
    assert said(over, unmapped=hidden).verdict == "overstated"


QUICK: dict[str, tuple[list[Record], int | None, int]] = {
    "a date that has passed": (with_deal(close_date=ago(1)), 2, 5),
    "questions not asked": (but(clean(), Recheck), 2, 5),
    "both": (but(with_deal(close_date=None), Recheck), 2, 5),
    "a need is no quick fix": (with_deal(need=None), 1, 1),
    "both, and no budget": (but(with_deal(close_date=None, budget=None), Recheck), 2, 3),
    "nothing to fix": (clean(), 5, 5),
}


@pytest.mark.parametrize(("records", "supported", "fixed"), QUICK.values(), ids=QUICK)
def test_a_quick_fix_changes_no_verdict_and_says_what_it_would_bring(
    records: list[Record], supported: int, fixed: int
) -> None:
    row = audited(records).verdicts.row(0, named=True)
    assert (row["supported_max"], row["once_fixed"]) == (supported, fixed)
    assert row["verdict"] == ("supported" if supported == 5 else "overstated")


# --- deals that are not judged ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stage", "state"), [("Won", "won"), ("Lost", "lost")])
def test_a_closed_deal_is_left_alone(stage: str, state: str) -> None:
    audit = audited([*around(), deal(stage=stage, company=None, close_date=None)])
    row = audit.verdicts.row(0, named=True)
    assert (row["state"], row["verdict"], row["action"]) == (state, "not_applicable", "none")
    assert (row["claimed"], row["supported_min"], row["supported_max"]) == (None, None, None)
    assert audit.findings.is_empty()


def test_a_stage_on_no_ladder_is_one_finding_and_never_rung_zero() -> None:
    seen = said([*around(), deal(stage="Brand new", company=None)])
    assert (seen.verdict, seen.claimed, seen.supported, seen.action) == ("unmapped", None, (None, None), "annotate")
    assert seen.unsure == {UNMAPPED_STAGE: "unmapped"}
    assert seen.why == {}


def test_a_pack_without_that_rule_says_nothing_of_such_deals() -> None:
    audit = audited([*around(), deal(stage="Brand new")], pack(rule("R-1", {"field": {"path": "need"}})))
    assert audit.verdicts["verdict"].to_list() == ["unmapped"]
    assert audit.findings.is_empty()


def test_an_organisation_without_deals_has_nothing_to_say() -> None:
    audit = audited(around())
    assert (audit.verdicts.height, audit.findings.height, audit.tally.height) == (0, 0, 0)
    assert told(audit) == {}


def test_a_pack_without_gates_supports_everything() -> None:
    records = [*around(), *[deal(f"d{n}") for n in range(3)]]
    audit = audited(records, pack(rule("R-1", {"field": {"path": "next_step"}})))
    assert audit.verdicts["supported_max"].to_list() == [5, 5, 5]
    assert audit.verdicts["verdict"].to_list() == ["supported"] * 3
    assert audit.findings.height == 3


# --- several deals ---------------------------------------------------------------------------------------------------


def test_deals_at_several_rungs_are_judged_as_if_each_stood_alone() -> None:
    names = {f"d{rung}": rung for rung in range(6)}
    stories = [each for name, rung in names.items() for each in story(name, rung, close_date=ago(rung - 2))]
    together = told(audited([*around(), *stories]))
    for name, rung in names.items():
        assert together[name] == said([*around(), *story(name, rung, close_date=ago(rung - 2))], name)
    assert {name for name, seen in together.items() if seen.why} == {"d3", "d4", "d5"}


def test_only_the_deals_that_were_asked_for() -> None:
    facts = known([*around(), *story("d1"), *story("d2", company=None)])
    audit = evaluate.audit(facts, CORE, NOW, ["d2", "nowhere"])
    assert audit.verdicts["id"].to_list() == ["d2"]
    assert set(audit.findings["rule"]) == {"CQ-ORG-COMPANY"}
    whole = told(evaluate.audit(facts, CORE, NOW))
    assert told(audit)["d2"] == whole["d2"]


def test_one_deal_alone_still_knows_of_the_others() -> None:
    """A call linked to no deal is not adopted by asking about one deal only."""
    loose = event("call_connected", 3, "noa", on=())
    records = [
        *around(),
        loose,
        *[each for name in ("d1", "d2") for each in (deal(name, 1), link("noa", "user", name))],
    ]
    facts = known(records)
    assert set(told(evaluate.audit(facts, CORE, NOW, ["d1"]))["d1"].why) == {"CQ-STK-CONTACT", "CQ-MOM-AGE"}


def test_the_tally_counts_every_rule_at_the_rung_each_deal_claims() -> None:
    records = [*around(), *story("d1", 5), *story("d2", 1), *story("d3", 5, need=None), deal("d4", stage="Lost")]
    counts = {(name, status): n for name, status, n in audited(records).tally.iter_rows()}
    assert counts["CQ-ORG-COMPANY", "holds"] == 3
    assert counts["CQ-OPP-NEED", "holds"] == 1
    assert counts["CQ-OPP-NEED", "fails"] == 1
    assert counts["CQ-STK-THREADS-L", "not_applicable"] == 2
    assert ("CQ-STK-PATH", "holds") not in counts


def test_findings_stand_in_the_order_of_deals_and_of_the_pack() -> None:
    records = [*around(), *story("b", company=None, need=None), *story("a", close_date=None, budget=None)]
    audit = audited(records)
    found = audit.findings.join(audit.verdicts.select("deal", "id"), on="deal", maintain_order="left")
    assert list(found.select("id", "rule").iter_rows()) == [
        ("b", "CQ-ORG-COMPANY"),
        ("b", "CQ-OPP-NEED"),
        ("a", "CQ-OPP-DATE"),
        ("a", "CQ-OPP-BUDGET"),
    ]


def test_the_same_facts_give_the_same_audit() -> None:
    records = [*around(), *story("d1", company=None), *story("d2", 3, need=None)]
    first, again = audited(records), audited(list(reversed(records)))
    assert told(first) == told(again)


# --- as of -----------------------------------------------------------------------------------------------------------


def test_an_earlier_moment_does_not_know_what_came_after() -> None:
    assert told(audited(clean(), CORE, at(7)))["d1"].why == {
        "CQ-OPP-BASICS": "none",
        "CQ-OPP-PRICED": "none",
        "CQ-STK-ENGAGED": "none",
        "CQ-STK-PRICE": "none",
    }


def test_support_decays_without_any_edit() -> None:
    days = {0: 5, 9: 5, 10: 4, 25: 4, 26: 3, 40: 3, 41: 2}
    for later, rung in days.items():
        as_of = datetime(2026, 3, 16, 15, tzinfo=UTC) - (at(later) - NOW)
        assert told(audited(with_deal(close_date=ago(-300)), CORE, as_of))["d1"].supported == (rung, rung), later


def test_moments_of_one_deal_are_observed_each_for_itself() -> None:
    facts = known(clean())
    seen = evaluate.observe(facts, CORE, [(0, NOW), (0, at(40)), (0, NOW)])
    assert seen.table["as_of"].to_list() == [NOW, at(40)]
    statuses = evaluate.statuses(CORE, 5, seen)
    assert statuses["CQ-STK-PRICE"].to_list() == ["holds", "fails"]
    assert statuses["m"].to_list() == [0, 1]


def test_only_gates_where_only_gates_are_asked() -> None:
    seen = evaluate.observe(known(clean()), CORE, [(0, NOW)])
    names = set(evaluate.statuses(CORE, 5, seen, gates_only=True).columns) - {"m"}
    assert names == {r.id for r in CORE.rules if r.gate and r.applies(5)} <= GATES


def test_rates_matter_on_their_day() -> None:
    dear = Rate(id="eur", currency="EUR", units=Decimal(2), valid_from=ago(0))
    records = [*with_deal(currency="EUR", amount=Decimal(50_000), budget=Decimal(95_000)), dear]
    assert said(records).findings == {}
    before = told(audited(records, CORE, at(1)))["d1"]
    assert before.unsure == {"CQ-OPP-BUDGET": "no_rate", "CQ-STK-THREADS-L": "no_rate"}


def test_frames_of_an_audit_have_their_types() -> None:
    audit = audited(clean())
    assert audit.findings.schema == pl.Schema(evaluate.FINDING)
    assert audit.verdicts["claimed"].dtype == pl.Int8
    assert LEE.name in audit.observed.scene.facts.people["name"].to_list()
