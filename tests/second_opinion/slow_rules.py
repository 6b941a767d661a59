"""The core pack in plain Python: one function per rule of qualification 4a, each judged for one deal at one rung."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from . import slow_facts as facts
from .slow_facts import BUYER_ACTS, STRENGTH, Case, Row

BASICS = {
    "price_vs_budget": ("price_vs_budget", "budget"),
    "final_decision_maker": ("final_decision_maker", "authority"),
    "purchase_date": ("purchase_date", "timing"),
}
"""The three basics with their other names (ruling 31)."""

LARGE_DEAL = Decimal(100_000)


@dataclass(frozen=True)
class Outcome:
    """What a rule says: holds, fails, unknown or not_applicable (3.2)."""

    status: str
    reason: str = ""
    about: frozenset[str] = frozenset()
    extra: Mapping[str, Any] = field(default_factory=dict)


HOLDS = Outcome("holds")
NOT_APPLICABLE = Outcome("not_applicable")


def fails(reason: str, about: Collection[str] = (), **extra: object) -> Outcome:
    """The rule does not hold, and why."""
    return Outcome("fails", reason, frozenset(about), extra)


def unknown(reason: str) -> Outcome:
    """The rule could not be judged: that is about the connection, so it names nobody (4a, last message)."""
    return Outcome("unknown", reason)


def at_rung(limits: Mapping[int, int], rung: int) -> int:
    """The entry with the largest key <= rung, or the smallest key (3.8)."""
    return limits[max((key for key in limits if key <= rung), default=min(limits))]


# --- organisation --------------------------------------------------------------------------------------------------


def org_company(case: Case, _: int) -> Outcome:
    """Field company present (survivor exists)."""
    if facts.unmapped(case, "company"):
        return unknown("unmapped")
    return fails("missing") if facts.company(case) is None else HOLDS


def org_fit(case: Case, _: int) -> Outcome:
    """Company fit tier in {A, B} or fit score >= 60; the survivor's values only (3.4 point 1)."""
    if facts.unmapped(case, "company", "fit"):
        return unknown("unmapped")
    company = facts.company(case)
    if company is None:
        return fails("missing")
    tier, score = company.get("fit_tier"), facts.decimal(company.get("fit_score"))
    if tier in ("A", "B") or (score is not None and score >= 60):
        return HOLDS
    return fails("missing" if facts.blank(tier) and score is None else "low")


def org_fit_fresh(case: Case, _: int) -> Outcome:
    """Fit assessed within 180 days; an assessment in the future is none."""
    if facts.unmapped(case, "company", "fit"):
        return unknown("unmapped")
    company = facts.company(case)
    assessed = None if company is None else company.get("fit_assessed")
    if assessed is None or facts.blank(assessed) or not facts.happened(case, assessed):
        return fails("missing")
    return HOLDS if facts.within(case, assessed, 180) else fails("stale")


# --- opportunity ---------------------------------------------------------------------------------------------------


def opp_need(case: Case, _: int) -> Outcome:
    """Field need present."""
    if facts.unmapped(case, "need"):
        return unknown("unmapped")
    return fails("missing") if facts.blank(case.deal["need"]) else HOLDS


def opp_date(case: Case, _: int) -> Outcome:
    """Close date present, not past, at most 365 days ahead; a date equal to today is not past (3.3 point 6)."""
    if facts.unmapped(case, "close_date"):
        return unknown("unmapped")
    if facts.blank(case.deal["close_date"]):
        return fails("missing")
    closes, today = facts.close_day(case, case.deal["close_date"]), facts.today(case)
    if closes < today:
        return fails("past")
    return fails("too_far") if closes > today + timedelta(days=365) else HOLDS


def opp_push(case: Case, _: int) -> Outcome:
    """At most two pushes of the close date in the open span (3.8)."""
    if facts.unmapped(case, "history", "close_date"):
        return unknown("unmapped")
    return HOLDS if facts.pushes(case) <= 2 else fails("count")


def opp_basics(case: Case, rung: int) -> Outcome:
    """Each of the three basics asked again within {3: 45, 4: 30, 5: 14} days (3.8)."""
    if facts.unmapped(case, "rechecks"):
        return unknown("unmapped")
    window = at_rung({3: 45, 4: 30, 5: 14}, rung)
    asked = {topic: _asked(case, names) for topic, names in BASICS.items()}
    missing = [topic for topic, rows in asked.items() if not any(facts.within(case, r["at"], window) for r in rows)]
    if not missing:
        return HOLDS
    return fails("stale" if any(asked[topic] for topic in missing) else "none", missing=missing)


def _asked(case: Case, names: Collection[str]) -> list[Row]:
    return [row for row in facts.rechecks(case) if {"all", *names} & set(row["topics"])]


def opp_solution(case: Case, _: int) -> Outcome:
    """Either solution_fit = confirmed, or a demo, evaluation or pilot meeting within 180 days."""
    return either(_fit_confirmed(case), _solution_shown(case))


def _fit_confirmed(case: Case) -> Outcome:
    if facts.unmapped(case, "solution_fit"):
        return unknown("unmapped")
    return HOLDS if case.deal.get("solution_fit") == "confirmed" else fails("none")


def _solution_shown(case: Case) -> Outcome:
    if facts.unmapped(case, "contacts"):
        return unknown("unmapped")
    meetings = facts.evidence(case, facts.eligible(case), {"meeting_held"}, {"demo", "evaluation", "pilot"})
    return seen_within(case, meetings, 180, kinds={"meeting_held"})


def opp_priced(case: Case, _: int) -> Outcome:
    """Any buyer has pricing evidence of any strength within 120 days."""
    if facts.unmapped(case, "contacts"):
        return unknown("unmapped")
    priced = facts.evidence(case, facts.eligible(case), STRENGTH, {"pricing"})
    outcome = seen_within(case, priced, 120, kinds=STRENGTH)
    return fails("stale") if outcome.status == "fails" and priced else outcome


def opp_budget(case: Case, _: int) -> Outcome:
    """Amount <= budget * 1.10 after conversion; null fails, and a missing value beats an unmapped one."""
    amount, budget = _positive(case, "amount"), _positive(case, "budget")
    if amount is None and not facts.unmapped(case, "amount"):
        return fails("amount_missing")
    if budget is None and not facts.unmapped(case, "budget"):
        return fails("budget_missing")
    if amount is None or budget is None:
        return unknown("unmapped")
    price = facts.money(case, amount, case.deal.get("currency"))
    limit = facts.money(case, budget, case.deal.get("budget_currency"))
    over = facts.more_than(case, price, limit, factor="1.10")
    if over is None:
        return unknown("no_rate")
    return fails("over_budget") if over else HOLDS


def _positive(case: Case, name: str) -> Decimal | None:
    """A money field that is mapped and filled; zero and negative are missing (3.2)."""
    if facts.unmapped(case, name):
        return None
    value = facts.decimal(case.deal[name])
    return value if value is not None and value > 0 else None


# --- stakeholder ---------------------------------------------------------------------------------------------------


def stk_contact(case: Case, _: int) -> Outcome:
    """Any buyer acted within 90 days."""
    return _heard_from_anybody(case, 90)


def stk_auth(case: Case, _: int) -> Outcome:
    """At least one authority; if there was one, what became of that person (3.10)."""
    if facts.unmapped(case, "contacts", "roles"):
        return unknown("unmapped")
    if facts.holders(case, "authority"):
        return HOLDS
    gone = facts.former_authorities(case)
    for reason in ("contact_left", "contact_deleted", "contact_removed", "role_changed"):
        about = {who for who in gone if gone[who] == reason}
        if about:
            return fails(reason, about)
    return fails("none")


def stk_path(case: Case, _: int) -> Outcome:
    """Any of: the authority acted within 90 days; all of: an authority, and the champion acted within 45."""
    if facts.unmapped(case, "contacts", "roles"):
        return unknown("unmapped")
    deciders = facts.holders(case, "authority")
    by_authority = facts.evidence(case, deciders, BUYER_ACTS)
    by_champion = facts.evidence(case, facts.holders(case, "champion"), BUYER_ACTS)
    path = both(HOLDS if deciders else fails("none"), seen_within(case, by_champion, 45, kinds=BUYER_ACTS))
    outcome = either(seen_within(case, by_authority, 90, kinds=BUYER_ACTS), path)
    return fails("none", deciders) if outcome.status == "fails" else outcome


def stk_engaged(case: Case, rung: int) -> Outcome:
    """The authority acted within {4: 60, 5: 30} days."""
    if facts.unmapped(case, "contacts", "roles"):
        return unknown("unmapped")
    deciders = facts.holders(case, "authority")
    acts = facts.evidence(case, deciders, BUYER_ACTS)
    outcome = seen_within(case, acts, at_rung({4: 60, 5: 30}, rung), kinds=BUYER_ACTS)
    return fails("stale" if acts else "none", deciders) if outcome.status == "fails" else outcome


def stk_price(case: Case, _: int) -> Outcome:
    """The authority has pricing evidence of strength 2 within 90 days, at a price that still stands (3.6)."""
    if facts.unmapped(case, "contacts", "roles"):
        return unknown("unmapped")
    deciders = facts.holders(case, "authority")
    strong = facts.evidence(case, deciders, _of_strength(2, 3), {"pricing"})
    recent = [event for _, event in strong if facts.within(case, event["at"], 90)]
    tests = [_price_stands(case, event) for event in recent]
    if "stands" in tests:
        return HOLDS
    if facts.no_source(case, _of_strength(2, 3)):
        return unknown("no_source")
    for reason in ("unmapped", "no_rate"):
        if reason in tests:
            return unknown(reason)
    if recent:
        return fails("superseded_amount", deciders)
    return fails("stale" if strong else _price_not_seen(case, deciders), deciders)


def _of_strength(*strengths: int) -> set[str]:
    return {kind for kind, strength in STRENGTH.items() if strength in strengths}


def _price_stands(case: Case, event: Row) -> str:
    """`stands`, `superseded`, or why that cannot be said (3.6)."""
    if facts.unmapped(case, "amount"):
        return "unmapped"
    now = facts.decimal(case.deal["amount"])
    if now is None:
        return "stands"
    quoted = facts.decimal(event.get("quoted_amount"))
    if quoted is None and facts.unmapped(case, "history"):
        return "unmapped"
    seen = facts.amount_at(case, facts.instant(event["at"])) if quoted is None else quoted
    if seen is None or seen <= 0:
        return "superseded"
    currency = case.deal.get("currency") if quoted is None else event.get("quoted_currency")
    present = facts.money(case, now, case.deal.get("currency"))
    risen = facts.more_than(case, present, facts.money(case, seen, currency), factor="1.10")
    if risen is None:
        return "no_rate"
    return "superseded" if risen else "stands"


def _price_not_seen(case: Case, deciders: set[str]) -> str:
    """The reason after stale, in order of precedence (3.10)."""
    if facts.evidence(case, deciders, _of_strength(1), {"pricing"}):
        return "only_sent"
    gone = facts.former_authorities(case)
    seen = facts.evidence(case, gone, _of_strength(2, 3), {"pricing"})
    reasons = {gone[who] for who, event in seen if facts.within(case, event["at"], 90)}
    order = ("contact_left", "contact_deleted", "contact_removed", "role_changed")
    return next((reason for reason in order if reason in reasons), "none")


def stk_threads(case: Case, _: int) -> Outcome:
    """At least two people acted within 60 days."""
    return _people_engaged(case, 2)


def stk_threads_large(case: Case, _: int) -> Outcome:
    """When the amount in corporate currency is at least 100,000 (a missing one is not): three people within 60 days."""
    if facts.unmapped(case, "amount"):
        return unknown("unmapped")
    amount = _positive(case, "amount")
    if amount is None:
        return NOT_APPLICABLE
    size = facts.in_corporate(case, facts.money(case, amount, case.deal.get("currency")))
    if size is None:
        return unknown("no_rate")
    return _people_engaged(case, 3) if size >= LARGE_DEAL else NOT_APPLICABLE


def _people_engaged(case: Case, wanted: int) -> Outcome:
    if facts.unmapped(case, "contacts"):
        return unknown("unmapped")
    acts = facts.evidence(case, facts.eligible(case), BUYER_ACTS)
    engaged = {who for who, event in acts if facts.within(case, event["at"], 60)}
    if len(engaged) >= wanted:
        return HOLDS
    if facts.no_source(case, BUYER_ACTS):
        return unknown("no_source")
    return fails("count", n=len(engaged))


# --- momentum ------------------------------------------------------------------------------------------------------


def mom_silent(case: Case, rung: int) -> Outcome:
    """Any buyer acted within {2: 45, 3: 30, 4: 21, 5: 14} days."""
    return _heard_from_anybody(case, at_rung({2: 45, 3: 30, 4: 21, 5: 14}, rung))


def mom_age(case: Case, rung: int) -> Outcome:
    """At most {1: 30, 2: 45, 3: 60, 4: 45, 5: 30} days since the last entry into the present stage."""
    if facts.unmapped(case, "history"):
        return unknown("unmapped")
    days = facts.age(case, facts.stage_entered(case))
    return HOLDS if days <= at_rung({1: 30, 2: 45, 3: 60, 4: 45, 5: 30}, rung) else fails("old", days=days)


# --- shared by several rules ---------------------------------------------------------------------------------------


def _heard_from_anybody(case: Case, days: int) -> Outcome:
    if facts.unmapped(case, "contacts"):
        return unknown("unmapped")
    acts = facts.evidence(case, facts.eligible(case), BUYER_ACTS)
    outcome = seen_within(case, acts, days, kinds=BUYER_ACTS)
    return fails("stale") if outcome.status == "fails" and acts else outcome


def seen_within(case: Case, found: list[tuple[str, Row]], days: int, *, kinds: Collection[str]) -> Outcome:
    """Whether one of the events lies in the window; unknown where none does and no source is connected (3.2)."""
    if any(facts.within(case, event["at"], days) for _, event in found):
        return HOLDS
    return unknown("no_source") if facts.no_source(case, kinds) else fails("none")


def either(a: Outcome, b: Outcome) -> Outcome:
    """Kleene `any`: of two that do not hold, an unknown one speaks first, else the first (3.2)."""
    if "holds" in (a.status, b.status):
        return HOLDS
    return a if a.status == "unknown" or b.status != "unknown" else b


def both(a: Outcome, b: Outcome) -> Outcome:
    """Kleene `all`: of two that do not both hold, a failing one speaks first, else the unknown one (3.2)."""
    for status in ("fails", "unknown"):
        for outcome in (a, b):
            if outcome.status == status:
                return outcome
    return HOLDS


Check = Callable[[Case, int], Outcome]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One row of the table of 4a."""

    id: str
    check: Check
    first: int
    last: int = 5
    gate: bool = True
    block_from: int | None = None
    suppressed_by: tuple[str, ...] = ()


CORE = (
    Rule(id="CQ-ORG-COMPANY", check=org_company, first=1),
    Rule(id="CQ-ORG-FIT", check=org_fit, first=2, suppressed_by=("CQ-ORG-COMPANY",)),
    Rule(
        id="CQ-ORG-FIT-FRESH",
        check=org_fit_fresh,
        first=3,
        gate=False,
        suppressed_by=("CQ-ORG-COMPANY", "CQ-ORG-FIT"),
    ),
    Rule(id="CQ-OPP-NEED", check=opp_need, first=2),
    Rule(id="CQ-OPP-DATE", check=opp_date, first=3, block_from=5),
    Rule(id="CQ-OPP-PUSH", check=opp_push, first=3, gate=False),
    Rule(id="CQ-OPP-BASICS", check=opp_basics, first=3),
    Rule(id="CQ-OPP-SOLUTION", check=opp_solution, first=4),
    Rule(id="CQ-OPP-PRICED", check=opp_priced, first=4, block_from=5),
    Rule(id="CQ-OPP-BUDGET", check=opp_budget, first=4, block_from=5),
    Rule(id="CQ-STK-CONTACT", check=stk_contact, first=1),
    Rule(id="CQ-STK-AUTH", check=stk_auth, first=3, block_from=4),
    Rule(id="CQ-STK-PATH", check=stk_path, first=3, last=3, suppressed_by=("CQ-STK-AUTH",)),
    Rule(id="CQ-STK-ENGAGED", check=stk_engaged, first=4, block_from=5, suppressed_by=("CQ-STK-AUTH",)),
    Rule(id="CQ-STK-PRICE", check=stk_price, first=5, block_from=5, suppressed_by=("CQ-STK-AUTH",)),
    Rule(id="CQ-STK-THREADS", check=stk_threads, first=4, gate=False, suppressed_by=("CQ-STK-CONTACT",)),
    Rule(
        id="CQ-STK-THREADS-L",
        check=stk_threads_large,
        first=5,
        gate=False,
        suppressed_by=("CQ-STK-CONTACT", "CQ-STK-THREADS"),
    ),
    Rule(id="CQ-MOM-SILENT", check=mom_silent, first=2, gate=False, suppressed_by=("CQ-STK-CONTACT",)),
    Rule(id="CQ-MOM-AGE", check=mom_age, first=1, gate=False),
)
