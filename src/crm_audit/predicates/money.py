"""`money`: an amount is at most another one, or at least a constant, after conversion."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

import polars as pl
from pydantic import BeforeValidator, Field, model_validator

from crm_audit.money import Tolerance, exceeds, is_positive
from crm_audit.predicates import base
from crm_audit.predicates.base import Judgement, Reasons, Seen, first
from crm_audit.predicates.paths import MONEY, MoneyPath, is_mapped
from crm_audit.scene import Scene

THRESHOLDS: frozenset[str] = frozenset()
REASONS = ("amount_missing", "budget_missing", "over_budget", "over_amount", "low", "no_rate", "unmapped")

OK, UNMAPPED, NO_RATE, LOW = "", "unmapped", "no_rate", "low"


class Args(base.Args):
    """`at_most` names another amount; `at_least` is a constant in the corporate currency."""

    of: MoneyPath  # the amount that is compared
    at_most: MoneyPath | None = None  # with this one, which it must not exceed
    at_least: Annotated[Decimal, BeforeValidator(str), Field(ge=0)] | None = None  # or with this number
    tolerance: Tolerance = Decimal(0)  # by how much it may exceed the other one, as a share
    on_null: Literal["fails", "unknown"] = "fails"  # what an amount that is not there makes of it

    @model_validator(mode="after")
    def _one_side(self) -> Args:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("give either at_most (another amount) or at_least (a constant)")
        return self


def reasons(args: Args) -> Reasons:
    """A missing amount has its own reason for each side."""
    missing = tuple(f"{name}_missing" for name in (args.of, args.at_most) if name is not None)
    over = f"over_{args.at_most}" if args.at_most else LOW
    if args.on_null == "unknown":
        return Reasons((over,), (*missing, UNMAPPED, NO_RATE))
    return Reasons((*missing, over), (UNMAPPED, NO_RATE))


def observe(args: Args, scene: Scene) -> pl.DataFrame:
    """`outcome`: empty where it holds, else the reason; with the two amounts as they stand.

    Missing money fails before unmapped money is unknown: whatever the other side is, it cannot be enough.
    """
    terms = scene.facts.terms
    a_path, a_in = MONEY[args.of]
    names = [name for name in (args.of, args.at_most) if name is not None]
    hidden = {name for name in names if not is_mapped(MONEY[name][0], scene)}
    b, b_in = (
        (pl.lit(str(args.at_least)), pl.lit(terms.currency))
        if args.at_most is None
        else (MONEY[args.at_most][0].value, pl.col(MONEY[args.at_most][1]))
    )
    pairs = scene.deals.select(
        "today",
        a=pl.lit(None, pl.String) if args.of in hidden else a_path.value,
        a_in=pl.col(a_in),
        b=pl.lit(None, pl.String) if args.at_most in hidden else b,
        b_in=b_in,
    )
    missing = [
        (~is_positive(pairs[side]), f"{name}_missing")
        for name, side in zip(names, "ab", strict=False)
        if name not in hidden
    ]
    more = exceeds(pairs, scene, 1 + args.tolerance) if args.at_most else _below(pairs, scene)
    told = first(
        *[(pl.lit(flags), reason) for flags, reason in missing],
        (pl.lit(bool(hidden)), UNMAPPED),
        (pl.lit(more.is_null()), NO_RATE),
        (pl.lit(more), f"over_{args.at_most}" if args.at_most else LOW),
        otherwise=OK,
    )
    return pairs.select("a", "a_in", "b", "b_in", outcome=told)


def _below(pairs: pl.DataFrame, scene: Scene) -> pl.Series:
    """Whether the constant is more than the amount."""
    return exceeds(pairs.rename({"a": "b", "b": "a", "a_in": "b_in", "b_in": "a_in"}), scene, Decimal(1))


def judge(args: Args, rung: int, seen: Seen) -> Judgement:
    """The comparison as observed: no limit differs by rung. Unknown where an amount is not mapped or has no rate."""
    outcome = seen("outcome")
    silent = [UNMAPPED, NO_RATE] + (
        [f"{args.of}_missing", f"{args.at_most}_missing"] if args.on_null == "unknown" else []
    )
    holds = pl.when(~outcome.is_in(silent)).then(outcome == OK)
    details = {name: seen(name) for name in ("a", "a_in", "b", "b_in")}
    return Judgement(holds, outcome, details)
