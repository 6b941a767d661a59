"""`money`: an amount is at most another one, or at least a constant, after conversion."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal

import polars as pl
from pydantic import BeforeValidator, Field, model_validator

from crm_audit.money import Rates, Tolerance, at_most, converted, positive, rates_on
from crm_audit.predicates import base
from crm_audit.predicates.base import Judgement, Seen
from crm_audit.predicates.paths import MONEY, MoneyPath, is_mapped
from crm_audit.scene import Scene

THRESHOLDS: frozenset[str] = frozenset()
REASONS = ("amount_missing", "budget_missing", "over_budget", "low", "no_rate", "unmapped")

OK, UNMAPPED, NO_RATE, LOW = "", "unmapped", "no_rate", "low"


class Args(base.Args):
    """`at_most` names another amount; `at_least` is a constant in the corporate currency."""

    of: MoneyPath
    at_most: MoneyPath | None = None
    at_least: Annotated[Decimal, BeforeValidator(str), Field(ge=0)] | None = None
    tolerance: Tolerance = Decimal(0)
    on_null: Literal["fails", "unknown"] = "fails"

    @model_validator(mode="after")
    def _one_side(self) -> Args:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("give either at_most (another amount) or at_least (a constant)")
        return self


def observe(args: Args, scene: Scene) -> pl.DataFrame:
    """`outcome`: empty where it holds, else the reason; with the two amounts as they stand."""
    rates = {day: rates_on(scene, day) for day in scene.moments["today"].unique()}
    a, b = _side(args.of, scene), _side(args.at_most, scene)
    outcomes = [
        _outcome(args, (a_text, a_currency), (b_text, b_currency), _hidden(args, scene), rates[day])
        for a_text, a_currency, b_text, b_currency, day in zip(*a, *b, scene.deals["today"], strict=True)
    ]
    return pl.DataFrame(
        {"outcome": outcomes, "a": a[0], "a_currency": a[1], "b": b[0], "b_currency": b[1]},
        schema=dict.fromkeys(("outcome", "a", "a_currency", "b", "b_currency"), pl.String),
    )


def judge(args: Args, rung: int, seen: Seen) -> Judgement:
    """The comparison, with missing money failing before unmapped money is unknown."""
    outcome = seen("outcome")
    silent = [UNMAPPED, NO_RATE] + (
        [f"{args.of}_missing", f"{args.at_most}_missing"] if args.on_null == "unknown" else []
    )
    holds = pl.when(~outcome.is_in(silent)).then(outcome == OK)
    details = {name: seen(name) for name in ("a", "a_currency", "b", "b_currency")}
    return Judgement(holds, outcome, details)


def _side(name: str | None, scene: Scene) -> tuple[pl.Series, pl.Series]:
    if name is None or not is_mapped(MONEY[name][0], scene):
        empty = pl.Series([None] * scene.moments.height, dtype=pl.String)
        return empty, empty
    path, currency = MONEY[name]
    return scene.deals.select(path.value).to_series(), scene.deals[currency]


def _hidden(args: Args, scene: Scene) -> frozenset[str]:
    names = [name for name in (args.of, args.at_most) if name is not None]
    return frozenset(name for name in names if not is_mapped(MONEY[name][0], scene))


def _outcome(
    args: Args, a: tuple[str | None, str], b: tuple[str | None, str], hidden: frozenset[str], rates: Rates
) -> str:
    for name, (text, _) in ((args.of, a), (args.at_most, b)):
        if name is not None and name not in hidden and not positive(text):
            return f"{name}_missing"
    if hidden or a[0] is None:
        return UNMAPPED
    if args.at_least is not None:
        return _large(a[0], a[1], args.at_least, rates)
    if b[0] is None:
        return UNMAPPED
    if a[1] == b[1]:
        return OK if at_most(a[0], b[0], args.tolerance) else f"over_{args.at_most}"
    seen = converted(a[0], a[1], b[1], rates)
    if seen is None:
        return NO_RATE
    return OK if seen <= Fraction(b[0]) * (1 + Fraction(args.tolerance)) else f"over_{args.at_most}"


def _large(text: str, currency: str, least: Decimal, rates: Rates) -> str:
    if currency not in rates:
        return NO_RATE
    return OK if Fraction(text) * rates[currency] >= Fraction(least) else LOW
