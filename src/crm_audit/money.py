"""Exact money: cross-multiplied, never rounded before a comparison (ruling 39).

Binary floats settle every comparison that is not close, a thousand times faster; what lies closer than they can tell
is compared again as the exact ratio of the decimals as written.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Annotated

import polars as pl
from pydantic import BeforeValidator, Field

from crm_audit.scene import Scene

Rates = Mapping[str, Fraction]
"""Corporate units per one unit of a currency."""

CLOSE = 1e-9
"""Relative distance below which floats are not trusted; their error after four operations is below 1e-15."""


def _as_written(value: object) -> object:
    return str(value) if isinstance(value, float) else value


Tolerance = Annotated[Decimal, BeforeValidator(_as_written), Field(ge=0, le=10)]
"""A share, such as 0.10, read as it is written and never as a binary fraction."""


def positive(amount: str | None) -> bool:
    """Null, zero and negative money is missing money (qualification 3.2)."""
    return amount is not None and Fraction(amount) > 0


def rates_on(scene: Scene, day: date) -> Rates:
    """The rates valid on a day; the corporate currency is 1, and a rate of nothing is no rate."""
    valid = scene.facts.rates.filter(pl.col("valid_from").is_null() | (pl.col("valid_from") <= day))
    newest = valid.sort("valid_from", nulls_last=False)
    rates = {
        currency: Fraction(units) / Fraction(per)
        for currency, units, per, _ in newest.iter_rows()
        if positive(units) and positive(per)
    }
    return {**rates, scene.facts.terms.currency: Fraction(1)}


def converted(amount: str, currency: str, to: str, rates: Rates) -> Fraction | None:
    """The amount in another currency; None where a rate is missing. One currency needs no rate."""
    if currency == to:
        return Fraction(amount)
    if currency not in rates or to not in rates:
        return None
    return Fraction(amount) * rates[currency] / rates[to]


def is_positive(amounts: pl.Series) -> pl.Series:
    """Per row: there is money. An amount that is no number raises, and its deal is found by whoever asked."""
    return (_number(amounts) > 0).fill_null(value=False)


def exceeds(pairs: pl.DataFrame, scene: Scene, factor: Decimal) -> pl.Series:
    """Per row: a > b * factor after conversion on the day `today`. Null where an amount or a rate is missing.

    `pairs` has `a`, `a_in`, `b`, `b_in` (amounts as written, with their currencies) and `today`.
    """
    rates = {day: rates_on(scene, day) for day in pairs["today"].unique()}
    left = _number(pairs["a"]) * _rate(pairs, "a_in", rates)
    right = _number(pairs["b"]) * _rate(pairs, "b_in", rates) * float(factor)
    near = (left - right).abs() <= CLOSE * (left.abs() + right.abs())
    close = near.fill_null(value=False)
    more = left > right
    if not close.any():
        return more
    exact = [_exceeds(row, rates[row[4]], factor) for row in pairs.filter(close).select(_PAIR).iter_rows()]
    return more.scatter(close.arg_true(), pl.Series(exact, dtype=pl.Boolean))


_PAIR = ["a", "a_in", "b", "b_in", "today"]


def _number(amounts: pl.Series) -> pl.Series:
    """As floats; text that is no finite number raises."""
    numbers = amounts.cast(pl.Float64, strict=True)
    if not numbers.is_finite().fill_null(value=True).all():
        raise ArithmeticError("an amount is no finite number")
    return numbers


def _rate(pairs: pl.DataFrame, column: str, rates: Mapping[date, Rates]) -> pl.Series:
    """The rate of each row's currency; 1 where both currencies are the same, known or not."""
    table = [(day, currency, float(rate)) for day, known in rates.items() for currency, rate in known.items()]
    frame = pl.DataFrame(table, schema={"today": pl.Date, column: pl.String, "rate": pl.Float64}, orient="row")
    found = pairs.select("today", column).join(frame, on=["today", column], how="left", maintain_order="left")["rate"]
    same = pairs["a_in"] == pairs["b_in"]
    return found.zip_with(~same.fill_null(value=False), pl.repeat(1.0, pairs.height, eager=True))


def _exceeds(row: tuple[str, str, str, str, date], rates: Rates, factor: Decimal) -> bool | None:
    a, a_in, b, b_in, _ = row
    value = converted(a, a_in, b_in, rates)
    return None if value is None else value > Fraction(b) * Fraction(factor)


def superseded(acts: pl.DataFrame, scene: Scene, tolerance: Decimal) -> pl.DataFrame:
    """Adds to each act the price that was `seen`, `seen_in` which currency, whether that is `void`, or why `blind`.

    Seen is the quoted total where there is one, else the amount of the deal at that time. It is void where the amount
    has risen by more than the tolerance since, null where the currencies cannot be compared; a deal without an amount
    is not tested (qualification 3.6). Where the amount, or what it was then, is not mapped, nothing can be said.
    """
    hidden = scene.facts.terms.unmapped
    quotes = scene.facts.events.select("event", "quoted_amount", "quoted_currency")
    deals = scene.deals.select("m", "today", "amount", "currency")
    rows = (
        acts.select("m", "event", "at", "day").with_row_index("row")
        .join(deals, on="m", maintain_order="left")
        .join(quotes, on="event", maintain_order="left")
    )  # fmt: skip
    quoted = pl.col("quoted_amount").is_not_null()
    rows = _amount_then(rows, scene).with_columns(
        seen=pl.coalesce("quoted_amount", "then"),
        seen_in=pl.when(quoted)
        .then(pl.col("quoted_currency").fill_null(scene.facts.terms.currency))
        .otherwise("currency"),
        unmapped=pl.lit("amount" in hidden) | (pl.lit("history" in hidden) & ~quoted & pl.col("amount").is_not_null()),
    )
    pairs = rows.select("today", a="amount", a_in="currency", b="seen", b_in="seen_in")
    risen = exceeds(pairs, scene, 1 + tolerance)
    void = (
        pl.when("unmapped").then(None)
        .when(pl.col("amount").is_null()).then(pl.lit(value=False))
        .when(~is_positive(rows["seen"])).then(pl.lit(value=True))
        .otherwise(risen)
    )  # fmt: skip
    blind = pl.when("unmapped").then(pl.lit("unmapped")).otherwise(pl.lit("no_rate"))
    return acts.hstack(rows.select("seen", "seen_in", void=void, blind=blind))


def _last_instant(zone: str) -> pl.Expr:
    """The last instant of the organisation's `day`; some zones skip a midnight, and there UTC's must do."""
    morrow = pl.col("day").dt.offset_by("1d").cast(pl.Datetime("us"))
    local = morrow.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")
    return pl.coalesce(local, morrow.dt.replace_time_zone("UTC")).dt.offset_by("-1us")


def _amount_then(rows: pl.DataFrame, scene: Scene) -> pl.DataFrame:
    """Adds `then`: the amount at the act, from the history (qualification 3.6)."""
    changes = scene.changes.filter(pl.col("field") == "amount").select("m", "at", "day", "old", "new")
    if not changes.height:
        return rows.with_columns(then="amount")
    when = pl.coalesce("at", _last_instant(scene.facts.terms.zone))
    earliest = changes.group_by("m", maintain_order=True).agg(before=pl.col("old").first())
    dated = rows.with_columns(when=when).sort("when")
    steps = changes.select("m", "at", new="new", changed=pl.lit(value=True)).sort("at", maintain_order=True)
    joined = dated.join_asof(steps, left_on="when", right_on="at", by="m", strategy="backward", check_sortedness=False)
    joined = joined.join(earliest.with_columns(has=pl.lit(value=True)), on="m", how="left", maintain_order="left")
    then = pl.when("changed").then("new").when("has").then("before").otherwise("amount")
    return joined.with_columns(then=then).sort("row")
