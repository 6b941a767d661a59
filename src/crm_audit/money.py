"""Exact money: decimals and ratios, cross-multiplied, never rounded before a comparison (ruling 39)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Context, Decimal, Inexact, InvalidOperation
from fractions import Fraction
from typing import Annotated

import polars as pl
from pydantic import BeforeValidator, Field

from crm_audit.scene import Scene

EXACT = Context(prec=1000, traps=[Inexact, InvalidOperation])
"""Rounds nothing: a number it cannot hold raises, and that deal is reported as an error."""

Rates = Mapping[str, Fraction]
"""Corporate units per one unit of a currency."""


def _as_written(value: object) -> object:
    return str(value) if isinstance(value, float) else value


Tolerance = Annotated[Decimal, BeforeValidator(_as_written), Field(ge=0, le=10)]
"""A share, such as 0.10, read as it is written and never as a binary fraction."""


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


def at_most(a: str, b: str, tolerance: Decimal) -> bool:
    """a <= b * (1 + tolerance), both in one currency."""
    limit = EXACT.multiply(EXACT.create_decimal(b), EXACT.add(Decimal(1), tolerance))
    return EXACT.create_decimal(a) <= limit


def converted(amount: str, currency: str, to: str, rates: Rates) -> Fraction | None:
    """The amount in another currency; None where a rate is missing. One currency needs no rate."""
    if currency == to:
        return Fraction(EXACT.create_decimal(amount))
    if currency not in rates or to not in rates:
        return None
    return Fraction(EXACT.create_decimal(amount)) * rates[currency] / rates[to]


def positive(amount: str | None) -> bool:
    """Null, zero and negative money is missing money (qualification 3.2)."""
    return amount is not None and EXACT.create_decimal(amount) > 0


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
    rows = _amount_then(rows, scene)
    rates = {day: rates_on(scene, day) for day in rows["today"].unique()}
    columns = ["amount", "currency", "then", "quoted_amount", "quoted_currency", "today"]
    unmapped = [
        "amount" in hidden or ("history" in hidden and quote is None and now is not None)
        for now, quote in rows.select("amount", "quoted_amount").iter_rows()
    ]
    verdicts = [
        None if blind else _void((now, currency), then, (quote, quoted_in or currency), tolerance, rates[day])
        for blind, (now, currency, then, quote, quoted_in, day) in zip(
            unmapped, rows.select(columns).iter_rows(), strict=True
        )
    ]
    quoted = pl.col("quoted_amount").is_not_null()
    return acts.with_columns(
        void=pl.Series(verdicts, dtype=pl.Boolean),
        blind=pl.Series(["unmapped" if blind else "no_rate" for blind in unmapped], dtype=pl.String),
        seen=rows.select(pl.coalesce("quoted_amount", "then")).to_series(),
        seen_in=rows.select(pl.coalesce(pl.when(quoted).then("quoted_currency"), "currency")).to_series(),
    )


def _void(
    present: tuple[str | None, str],
    then: str | None,
    quote: tuple[str | None, str],
    tolerance: Decimal,
    rates: Rates,
) -> bool | None:
    now, currency = present
    if now is None:
        return False
    amount, quoted_in = quote
    seen = then if amount is None else amount
    if not positive(seen) or seen is None:
        return True
    if amount is None or quoted_in == currency:
        return not at_most(now, seen, tolerance)
    value = converted(amount, quoted_in, currency, rates)
    return None if value is None else Fraction(now) > value * (1 + Fraction(tolerance))


def _amount_then(rows: pl.DataFrame, scene: Scene) -> pl.DataFrame:
    """Adds `then`: the amount at the act, from the history (qualification 3.6)."""
    changes = scene.changes.filter(pl.col("field") == "amount").select("m", "at", "day", "old", "new")
    if not changes.height:
        return rows.with_columns(then="amount")
    when = pl.coalesce("at", pl.col("day").cast(pl.Datetime("us", "UTC")).dt.offset_by("1d"))
    earliest = changes.group_by("m", maintain_order=True).agg(before=pl.col("old").first())
    dated = rows.with_columns(when=when).sort("when")
    steps = changes.select("m", "at", new="new", changed=pl.lit(value=True)).sort("at", maintain_order=True)
    joined = dated.join_asof(steps, left_on="when", right_on="at", by="m", strategy="backward", check_sortedness=False)
    joined = joined.join(earliest.with_columns(has=pl.lit(value=True)), on="m", how="left", maintain_order="left")
    then = pl.when("changed").then("new").when("has").then("before").otherwise("amount")
    return joined.with_columns(then=then).sort("row")
