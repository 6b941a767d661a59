"""Findings in words: a sentence for every reason, nobody accused, nothing left unfilled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from crm_audit import evaluate, worlds
from crm_audit.domain import STRENGTH, Change, Event, Person, Rate, Recheck, Record
from crm_audit.explain import Finding, day, explain, joined, money, percent_above
from crm_audit.policy import UNMAPPED_STAGE, Message
from crm_audit.yamls import Place
from tests.builders import (
    CORE,
    DANA,
    LEE,
    NOA,
    SAM,
    ago,
    around,
    audited,
    but,
    change,
    clean,
    company,
    deal,
    event,
    link,
    pack,
    recheck,
    rule,
    said,
    story,
)
from tests.second_opinion.generate import seeded
from tests.second_opinion.sketch import LADDERS
from tests.test_evaluate import BROKEN, HIDDEN, with_deal

UNFILLED = re.compile(r"[{}]|\([a-z_]+\)|\bNone\b|\bnull\b|  |\[\]|datetime|Decimal|^\s|\s$|\bnan\b")
ACCUSING = re.compile(r"(?i)violation|violate|error|fail|wrong|guilty|illegal|must not|bad\b")


def sentences(findings: list[Finding]) -> Iterator[tuple[Finding, str]]:
    for finding in findings:
        yield finding, finding.says
        if finding.todo:
            yield finding, finding.todo


def check(findings: list[Finding]) -> None:
    """Every sentence is whole and friendly."""
    for finding, text in sentences(findings):
        assert text, finding
        assert not UNFILLED.search(text), (finding.rule, finding.reason, text)
        assert text[0].isupper() or text[0].isdigit(), text
        if finding.status != "error":
            assert not ACCUSING.search(text), (finding.rule, finding.reason, text)
        assert text[-1] in '.?!")', text


@pytest.mark.parametrize("name", BROKEN)
def test_every_break_is_told_in_whole_sentences(name: str) -> None:
    check(explain(audited(BROKEN[name][0])))


@pytest.mark.parametrize("name", HIDDEN)
def test_what_is_hidden_is_told_in_whole_sentences(name: str) -> None:
    findings = explain(audited(clean(), unmapped=frozenset(HIDDEN[name][0])))
    check(findings)
    for finding in findings:
        assert "not about your deal" in finding.todo
        assert "mapped" in finding.says


@pytest.mark.parametrize("number", range(40))
def test_worlds_drawn_at_random_are_told_in_whole_sentences(number: int) -> None:
    world = {**seeded(number), "expect": {}}
    parsed = worlds.parse(Place(Path("world"), world, None), LADDERS)
    check(explain(evaluate.audit(parsed.facts(), CORE, parsed.as_of)))


def test_every_message_of_the_core_pack_can_be_reached_in_the_tests() -> None:
    """A message that no break of ours reaches would never be read before a customer reads it."""
    reached = {(f.rule, f.reason) for records, *_ in BROKEN.values() for f in explain(audited(records))}
    reached |= {(f.rule, f.reason) for records in RARE.values() for f in explain(audited(records))}
    written = {(r.id, reason) for r in CORE.rules for reason in r.messages}
    assert written - reached == {("CQ-MOM-SILENT", "none")}  # CQ-STK-CONTACT speaks for it, where it is switched on


PRICED = event("meeting_held", 6, "dana", "lee", topics=("pricing",))
MEETING = "meeting_held-6-dana-lee-d1"


def decided_before(person: Person, **ended: object) -> list[Record]:
    """Dana saw the price and no longer decides; Noa does, and talks to us."""
    gone: list[Record] = [person, link("dana", "authority", "d1", **ended)]
    noa: list[Record] = [link("noa", "authority"), event("email_in", 3, "noa")]
    return but(clean(), "dana", "d1-dana-authority", add=[*gone, *noa])


def nobody_decides(person: Person, **ended: object) -> list[Record]:
    return but(clean(), "dana", "d1-dana-authority", add=[person, link("dana", "authority", "d1", **ended)])


RARE: dict[str, list[Record]] = {
    "price seen by one who left": decided_before(replace(DANA, left_on=ago(1))),
    "price seen by one who was deleted": decided_before(replace(DANA, deleted=True)),
    "price seen by one who was removed": decided_before(DANA, valid_to=ago(1)),
    "price seen by one whose role changed": [*decided_before(DANA, valid_to=ago(1)), link("dana", "user")],
    "decider left": nobody_decides(replace(DANA, left_on=ago(1))),
    "decider deleted": nobody_decides(replace(DANA, deleted=True)),
    "decider removed": nobody_decides(DANA, valid_to=ago(1)),
    "decider has another role": [*nobody_decides(DANA, valid_to=ago(1)), link("dana", "user")],
    "superseded": [*clean(), change("amount", 3, "50000", "90000")],
    "price stale": but(
        clean(),
        MEETING,
        add=[event("meeting_held", 91, "dana", topics=("pricing",)), event("email_in", 3, "dana")],
    ),
    "nothing heard": but(clean(rung=2), Event, add=[event("email_in", 60, "lee")]),
    "never heard": but(clean(rung=2), Event),
    "engaged never": but(clean(rung=4), MEETING, add=[event("meeting_held", 6, "lee", topics=("pricing",))]),
    "priced long ago": but(clean(rung=4), MEETING, add=[event("meeting_held", 121, "dana", topics=("pricing",))]),
    "contact stale": but(clean(rung=1), Event, add=[event("email_in", 91, "lee")]),
    "no way": but(clean(rung=3), Event, add=[event("email_in", 46, "sam")]),
    "fit without a day": but(clean(rung=3), "acme", add=[company(fit_assessed=None)]),
    "odd stage": [*around(), deal(stage="Brand new")],
    "without a day of creation": but(but(clean(), Change), "d1", add=[deal(created=None)]),
}


@pytest.mark.parametrize("records", RARE.values(), ids=RARE)
def test_rare_reasons_are_told_in_whole_sentences(records: list[Record]) -> None:
    findings = explain(audited(records))
    assert findings
    check(findings)


NOTHING_LIVES = frozenset(STRENGTH)


def test_no_source_is_told_as_such() -> None:
    findings = explain(audited(but(clean(), Event), unconnected=NOTHING_LIVES))
    assert {f.status for f in findings} == {"unverifiable"}
    check(findings)
    assert all("connected" in f.says for f in findings)


def test_a_missing_rate_is_told_as_such() -> None:
    findings = explain(audited(with_deal(currency="EUR")))
    assert {f.reason for f in findings} == {"no_rate"}
    check(findings)
    assert all("exchange rate" in f.says for f in findings)


# --- the words -------------------------------------------------------------------------------------------------------


def words(records: list[Record], rule_id: str) -> tuple[str, str]:
    finding = said(records).findings[rule_id]
    return finding.says, finding.todo


def test_names_stand_where_roles_are_held() -> None:
    says, todo = words(but(clean(), MEETING, add=[event("email_in", 6, "dana")]), "CQ-STK-PRICE")
    assert says == "Dana Ruiz makes the final call and has not seen the pricing."
    assert todo == "Walk them through it, or ask Lee Park to do so with you in the room."


def test_without_a_champion_it_is_your_best_contact() -> None:
    says, todo = words(but(clean(), "d1-lee-champion", Recheck), "CQ-OPP-BASICS")
    assert says == "Never asked yet: price against budget, who makes the final call and the purchase date."
    assert todo.startswith("One short mail to your best contact ")


def test_two_deciders_are_both_named() -> None:
    records = [*but(clean(), MEETING), link("noa", "authority")]
    finding = said(records).findings["CQ-STK-PRICE"]
    assert finding.says.startswith("Dana Ruiz and Noa Levi ")
    assert finding.about == ("Dana Ruiz", "Noa Levi")


@pytest.mark.parametrize(
    ("name", "rule_id", "about"),
    [
        ("price seen by one who left", "CQ-STK-PRICE", (NOA.name,)),
        ("price seen by one who was removed", "CQ-STK-PRICE", (NOA.name,)),
        ("superseded", "CQ-STK-PRICE", (DANA.name,)),
        ("decider left", "CQ-STK-AUTH", (DANA.name,)),
        ("decider deleted", "CQ-STK-AUTH", (DANA.name,)),
        ("decider removed", "CQ-STK-AUTH", (DANA.name,)),
        ("decider has another role", "CQ-STK-AUTH", (DANA.name,)),
        ("no way", "CQ-STK-PATH", (DANA.name,)),
        ("engaged never", "CQ-STK-ENGAGED", (DANA.name,)),
    ],
)
def test_it_is_about_whom_a_person_must_act_on(name: str, rule_id: str, about: tuple[str, ...]) -> None:
    assert said(RARE[name]).findings[rule_id].about == about


def test_it_is_about_nobody_where_a_field_is_empty_or_nothing_is_known() -> None:
    assert said(with_deal(need=None)).findings["CQ-OPP-NEED"].about == ()
    assert said(but(clean(), "d1-dana-authority")).findings["CQ-STK-AUTH"].about == ()
    hidden = said(clean(), unmapped=frozenset({"roles"})).findings["CQ-STK-AUTH"]
    assert (hidden.about, hidden.severity) == ((), "info")


def test_who_had_seen_the_price_is_named_as_well() -> None:
    says, todo = words(RARE["price seen by one who left"], "CQ-STK-PRICE")
    assert says == "Dana Ruiz had seen the pricing; Noa Levi decides now and has not."
    assert todo == "Show it to Noa Levi."


def test_a_title_makes_a_suggestion_and_nothing_more() -> None:
    records = but(clean(), "d1-dana-authority", add=[link("noa", "unassigned"), link("dana", "user")])
    finding = said(records).findings["CQ-STK-AUTH"]
    assert finding.todo.endswith("may be the decision maker.")
    assert finding.about == ()
    plain = but(clean(), "d1-dana-authority")
    assert words(plain, "CQ-STK-AUTH")[1] == 'Ask Lee Park: "Who else signs this off?"'


@pytest.mark.parametrize(
    ("title", "likely"),
    [
        ("VP Operations", True),
        ("Vice President, Sales", True),
        ("Chief of Staff", True),
        ("cfo", True),
        ("Head of IT", True),
        ("Managing Director", True),
        ("Headmistress", False),
        ("Advisory board", False),
        ("Scooter mechanic", False),
        ("", False),
        (None, False),
    ],
)
def test_titles_that_sound_like_deciding(title: str | None, likely: bool) -> None:
    people = [replace(SAM, title=title), replace(LEE, title="AP Manager")]
    records = but(clean(), "d1-dana-authority", "sam", "lee", add=people)
    assert ("may be the decision maker" in words(records, "CQ-STK-AUTH")[1]) is likely


def test_prices_are_written_with_their_currency() -> None:
    says, _ = words(with_deal(budget=Decimal("81000.50"), budget_currency="USD"), "CQ-OPP-BUDGET")
    assert says == "The price USD 90,000 is 12 % above the budget USD 81,000.50."
    seen, _ = words(RARE["superseded"], "CQ-STK-PRICE")
    assert seen == "Dana Ruiz saw USD 50,000; the deal is now USD 90,000."


def test_ten_point_two_per_cent_never_reads_as_the_allowed_ten() -> None:
    says, _ = words(with_deal(budget=Decimal("81660")), "CQ-OPP-BUDGET")
    assert "is 11 % above" in says


def test_a_difference_in_another_currency_is_told_after_conversion() -> None:
    euro = Rate(id="eur", currency="EUR", units=Decimal("1.5"))
    says, _ = words([*with_deal(currency="EUR", amount=Decimal(90_000)), euro], "CQ-OPP-BUDGET")
    assert says == "The price EUR 90,000 is 50 % above the budget USD 90,000."


def test_days_limits_and_stages_are_told() -> None:
    moved = but(clean(), Change, add=[change("stage", 55, "Propose", "Negotiate")])
    assert words(moved, "CQ-MOM-AGE")[0] == "At Negotiate since 20 Jan 2026; 30 days are usual."
    assert words(with_deal(close_date=ago(1)), "CQ-OPP-DATE")[0] == "The purchase date 15 Mar 2026 has passed."
    stale = but(clean(), Recheck, add=[recheck(20)])
    assert words(stale, "CQ-OPP-BASICS")[0].endswith("Last asked on 24 Feb 2026.")


def test_one_person_is_and_two_people_are() -> None:
    one = but(clean(), Event, add=[event("meeting_held", 6, "dana", topics=("pricing", "demo"))])
    assert words(one, "CQ-STK-THREADS")[0].startswith("Only 1 person at Acme Freight is in touch with us. If Dana Ruiz")
    two = but(
        with_deal(amount=Decimal(100_000), budget=Decimal(100_000)),
        Event,
        add=[PRICED, event("meeting_held", 3, "lee", topics=("demo",))],
    )
    assert words(two, "CQ-STK-THREADS-L")[0].startswith("Only 2 people at Acme Freight are in touch with us; 3 are")


def test_whoever_was_heard_last_is_the_last_contact() -> None:
    records = but(
        clean(rung=1),
        Event,
        add=[event("email_in", 95, "sam"), event("email_in", 200, "lee"), event("email_out", 3, "dana")],
    )
    assert words(records, "CQ-STK-CONTACT")[1].startswith("If Sam Osei is quiet")
    nobody = but(clean(rung=1), Event)
    assert words(nobody, "CQ-STK-CONTACT")[1].startswith("If your contact is quiet")


def test_a_deal_without_a_company_is_told_of_the_company() -> None:
    rare = pack(rule("R-1", {"field": {"path": "next_step"}}, messages={"missing": Message("Ask {company}.")}))
    (finding,) = explain(audited([*around(), deal(company=None)], rare))
    assert finding.says == "Ask the company."


def test_a_stage_on_no_ladder_is_named_with_its_pipeline() -> None:
    says, todo = words([*around(), deal(stage="Brand new")], UNMAPPED_STAGE)
    assert "Brand new of new" in says
    assert todo == "Ask the administrator to map it; this is not about your deal."


def test_braces_in_a_name_are_left_alone() -> None:
    odd = but(clean(), "acme", add=[company(name="{authority} & {0} Ltd", fit_tier="C")])
    assert words(odd, "CQ-ORG-FIT")[0] == "{authority} & {0} Ltd scores C, below the line for your best customers."


NAMES = (
    "company", "fit", "stage", "pipeline", "close_date", "amount", "now", "budget", "seen", "pct", "missing", "former",
    "n_people", "authority", "champion", "authority_or_champion", "champion_or_best", "technical_or_user",
    "last_contact", "suggestion", "days", "limit", "sent", "date", "value", "n", "wanted", "nonsense",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_message_that_asks_for_what_its_rule_cannot_tell_stops_nothing(name: str) -> None:
    rare = pack(rule("R-1", {"field": {"path": "next_step"}}, messages={"missing": Message(f"It is {{{name}}}.")}))
    (finding,) = explain(audited(clean(), rare))
    assert finding.says.startswith("It is ")


@pytest.mark.parametrize(
    ("amount", "budget"), [(None, None), (Decimal(5), None), (None, Decimal(5)), (Decimal(5), Decimal(0))]
)
def test_no_share_is_told_where_money_is_missing(amount: Decimal | None, budget: Decimal | None) -> None:
    messages = dict.fromkeys(("amount_missing", "budget_missing"), Message("It is {pct} above."))
    rare = pack(rule("R-1", {"money": {"of": "amount", "at_most": "budget"}}, messages=messages))
    (finding,) = explain(audited([*around(), deal(amount=amount, budget=budget)], rare))
    assert finding.says == "It is far above."


def test_about_the_former_stops_nothing_where_a_rule_knows_of_none() -> None:
    rare = pack(rule("R-1", {"field": {"path": "next_step"}}, about="former"))
    (finding,) = explain(audited(clean(), rare))
    assert finding.about == ()


def test_a_reason_without_a_message_of_its_own_is_told_by_the_title() -> None:
    (finding,) = explain(audited(clean(), pack(rule("R-1", {"field": {"path": "next_step"}}, title="A step is set"))))
    assert finding.says == "A step is set: missing."


def test_findings_come_deal_by_deal_in_the_order_of_the_pack() -> None:
    records = [*around(), *story("d1", need=None, close_date=None), *story("d2", 5, company=None, need=None)]
    assert [(f.deal, f.rule) for f in explain(audited(records))] == [
        ("d1", "CQ-OPP-NEED"),
        ("d1", "CQ-OPP-DATE"),
        ("d2", "CQ-ORG-COMPANY"),
        ("d2", "CQ-OPP-NEED"),
    ]


def test_nothing_to_say_is_no_finding() -> None:
    assert explain(audited(clean())) == []
    assert explain(audited([])) == []


# --- small words -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "text"),
    [([], ""), (["A"], "A"), (["A", "B"], "A and B"), (["A", "B", "C"], "A, B and C"), (list("ABCD"), "A, B, C and D")],
)
def test_names_are_joined(names: list[str], text: str) -> None:
    assert joined(names) == text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("100000", "USD", "USD 100,000"),
        ("100000.00", "USD", "USD 100,000"),
        ("0.5", "EUR", "EUR 0.50"),
        ("1234567.891", "EUR", "EUR 1,234,567.89"),
        ("-5", "USD", "USD -5"),
        ("5", None, "5"),
        (None, "USD", "no amount"),
    ],
)
def test_money_in_words(amount: str | None, currency: str | None, text: str) -> None:
    assert money(amount, currency) == text


@pytest.mark.parametrize(("value", "text"), [(date(2026, 4, 30), "30 Apr 2026"), (date(2026, 3, 1), "1 Mar 2026")])
def test_a_day_in_words(value: date, text: str) -> None:
    assert day(value) == text


@pytest.mark.parametrize(
    ("a", "b", "text"),
    [
        ("110", "100", "10 %"),
        ("110.01", "100", "11 %"),
        ("200", "100", "100 %"),
        ("100.0001", "100", "1 %"),
        ("4", "3", "34 %"),
    ],
)
def test_a_share_is_rounded_up(a: str, b: str, text: str) -> None:
    assert percent_above(Fraction(a), Fraction(b)) == text
