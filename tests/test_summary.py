"""One audit in numbers: coverage, verdicts, money claimed against supported."""

from __future__ import annotations

from decimal import Decimal

import pytest

from crm_audit.domain import Event, Rate, Record, User
from crm_audit.evaluate import Audit
from crm_audit.explain import explain
from crm_audit.summary import Judged, Line, Summary, summarise
from tests.builders import ago, around, audited, but, clean, deal, stages, story


def summed(records: list[Record], **of: object) -> Summary:
    audit: Audit = audited(records, **of)  # type: ignore[arg-type]  # terms only
    return summarise(audit, explain(audit))


def only(records: list[Record]) -> Line:
    (line,) = summed(records).lines
    return line


def priced(amount: str | None, rung: int = 5, **changes: object) -> list[Record]:
    money = None if amount is None else Decimal(amount)
    return [*around(), *story("d1", rung, **{"amount": money, "budget": money, **changes})]


def test_a_supported_deal_is_worth_what_the_crm_says() -> None:
    line = only(priced("1000"))
    assert (line.amount, line.weighted, line.evidenced) == (1000.0, 900.0, 900.0)
    assert (line.claimed, line.supported_min, line.supported_max, line.once_fixed) == (5, 5, 5, None)
    assert (line.verdict, line.findings, line.top) == ("supported", 0, None)


WORTH = [
    # change, weighted, evidenced: the probability of the highest stage at or below the supported rung, or less
    ({"need": None}, 900.0, 100.0),  # 1
    ({"close_date": None}, 900.0, 200.0),  # 2
    ({"budget": None}, 900.0, 500.0),  # 3
    ({"company": None}, 900.0, 50.0),  # 0
    ({"company": None, "probability": Decimal("0.01")}, 10.0, 10.0),  # never more than the CRM claims
    ({"probability": None}, 900.0, 900.0),  # that of its stage
    ({"probability": Decimal(0)}, 0.0, 0.0),
    ({"probability": Decimal(1)}, 1000.0, 900.0),
]


@pytest.mark.parametrize(("changes", "weighted", "evidenced"), WORTH)
def test_money_by_probability_and_by_evidence(changes: dict[str, object], weighted: float, evidenced: float) -> None:
    line = only(priced("1000", 5, **changes))
    assert (line.weighted, line.evidenced) == (weighted, evidenced)


def test_where_no_stage_lies_at_or_below_the_supported_rung_nothing_is_worth_anything() -> None:
    short = {"Quoted": 4, "Said yes": 5}
    records = [*around(), *stages("short", short), *story("d1", company=None, pipeline="short", stage="Said yes")]
    (line,) = summed(records, ladders={"short": short}).lines
    assert (line.supported_max, line.evidenced, line.supported_stage) == (0, 0.0, "0 identified")


def test_support_ahead_of_the_stage_adds_no_money() -> None:
    line = only(priced("1000", 1))
    assert (line.supported_max, line.weighted, line.evidenced) == (5, 100.0, 100.0)
    assert line.supported_stage == "5 committed (Negotiate)"


@pytest.mark.parametrize("amount", [None, "0", "-5"])
def test_a_deal_without_an_amount_is_left_out_and_counted(amount: str | None) -> None:
    summary = summed(priced(amount))
    assert (summary.lines[0].amount, summary.lines[0].weighted) == (None, None)
    assert (summary.money.amount, summary.money.weighted, summary.money.left_out) == (0, 0, 1)


def test_other_currencies_are_converted_or_left_out() -> None:
    euro = Rate(id="eur", currency="EUR", units=Decimal("1.5"))
    there = only([*priced("1000", currency="EUR", budget_currency="EUR"), euro])
    assert (there.amount, there.weighted) == (1500.0, 1350.0)
    without = summed(priced("1000", currency="EUR", budget_currency="EUR"))
    assert without.lines[0].amount is None
    assert without.money.left_out == 1


def test_money_is_summed_by_claim_and_by_support() -> None:
    records = [
        *around(),
        *story("d1", 5, amount=Decimal(100), budget=Decimal(100)),
        *story("d2", 5, amount=Decimal(40), budget=Decimal(40), need=None),
        *story("d3", 2, amount=Decimal(7), budget=Decimal(7)),
        deal("d4", stage="Won", amount=Decimal(9_999)),
    ]
    money = summed(records).money
    assert (money.amount, money.overstated, money.left_out) == (147, 40, 0)
    assert money.by_rung == {0: (0, 0), 1: (0, 40), 2: (7, 7), 3: (0, 0), 4: (0, 0), 5: (140, 100)}
    assert money.weighted == pytest.approx(90 + 36 + 1.4)
    assert money.evidenced == pytest.approx(90 + 4 + 1.4)
    assert money.currency == "USD"


def test_the_most_money_at_risk_comes_first_and_then_what_is_overstated() -> None:
    records = [
        *around(),
        *story("small", need=None, amount=Decimal(10), budget=Decimal(10)),
        *story("fine", amount=Decimal(9_000), budget=Decimal(9_000)),
        *story("none", need=None, amount=None),
        *story("big", need=None, amount=Decimal(5_000), budget=Decimal(5_000)),
    ]
    assert [line.id for line in summed(records).lines] == ["big", "small", "none", "fine"]


def test_equal_deals_come_in_the_order_of_their_ids() -> None:
    records = [*around(), *[each for name in ("c", "a", "b") for each in story(name)]]
    assert [line.id for line in summed(records).lines] == ["a", "b", "c"]


def test_a_line_shows_the_finding_that_matters_most() -> None:
    line = only([*around(), *story("d1", need=None, close_date=ago(1))])
    assert line.findings == 2
    assert line.top is not None
    assert line.top.rule == "CQ-OPP-DATE"  # it blocks
    assert line.once_fixed is None  # the need would still be missing


def test_a_line_tells_what_quick_fixes_would_bring() -> None:
    assert only([*around(), *story("d1", close_date=ago(1))]).once_fixed == 5


def test_names_are_shown_where_they_are_known() -> None:
    known = only([*around(), *story("d1")])
    assert (known.company, known.owner, known.stage) == ("Acme Freight", "Olga Seller", "Negotiate")
    bare = only([*but(around(), User), *story("d1", company=None)])
    assert (bare.company, bare.owner) == (None, "olga")
    assert only([*around(), *story("d1", owner=None)]).owner is None


def test_stages_on_no_ladder_are_counted_by_where_they_are() -> None:
    odd = [deal("d1", stage="Odd"), deal("d2", stage="Odd"), deal("d3", stage="Even")]
    assert summed([*around(), *odd]).unmapped == {"new / Odd": 2, "new / Even": 1}
    assert summed(clean()).unmapped == {}


def test_only_open_deals_are_lines_and_all_deals_have_verdicts() -> None:
    records = [*around(), *story("d1"), deal("d2", stage="Won"), deal("d3", stage="Odd"), deal("d4", stage="Lost")]
    summary = summed(records)
    assert [line.id for line in summary.lines] == ["d1"]
    assert summary.open_deals == 1
    assert summary.verdicts == {"supported": 1, "not_applicable": 2, "unmapped": 1}


# --- coverage --------------------------------------------------------------------------------------------------------


def test_everything_could_be_judged() -> None:
    assert summed(clean()).coverage == 1.0


def test_coverage_falls_by_what_is_unknown_and_not_by_what_fails() -> None:
    rules = sum(1 for each in summed(clean()).rules if each.holds)
    hidden = summed(clean(), unmapped=frozenset({"need"}))
    assert hidden.coverage == pytest.approx((rules - 1) / rules)
    assert hidden.blind == {("CQ-OPP-NEED", "unmapped"): 1}
    assert summed(but(clean(), Event)).coverage == 1.0


def test_what_is_not_asked_does_not_count() -> None:
    by_rule = {each.rule: each for each in summed(clean()).rules}
    large = by_rule["CQ-STK-THREADS-L"]
    assert (large.holds, large.fails, large.unknown, large.error, large.coverage) == (0, 0, 0, 0, None)


def test_without_open_deals_there_is_no_coverage_to_speak_of() -> None:
    for records in (around(), [*around(), deal(stage="Won")]):
        summary = summed(records)
        assert (summary.coverage, summary.open_deals, summary.lines) == (None, 0, ())


def test_a_rule_is_covered_by_what_could_be_judged() -> None:
    judged = Judged(rule="R-1", title="t", holds=1, fails=2, unknown=3, error=2)
    assert judged.coverage == pytest.approx(3 / 8)


def test_every_rule_is_listed_once_in_the_order_of_the_pack() -> None:
    listed = [each.rule for each in summed(around()).rules]
    assert len(set(listed)) == len(listed)
    assert "SYS-UNMAPPED-STAGE" not in listed
    assert listed[0] == "CQ-ORG-COMPANY"
