"""The named values a rule may ask for, and what must be mapped for them to mean anything.

Rules refer to these names and never to a CRM's fields, so one pack serves both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import polars as pl

from crm_audit.near import one_of
from crm_audit.scene import Scene


@dataclass(frozen=True, slots=True)
class Path:
    """One column of `Scene.deals`; `needs` are names of `domain.MAPPABLE`."""

    value: pl.Expr
    needs: frozenset[str] = frozenset()


_ALIVE = ~pl.col("deleted").fill_null(value=False)


def _text(column: str) -> pl.Expr:
    trimmed = pl.col(column).str.strip_chars()
    return pl.when(trimmed != "").then(trimmed)


TEXT = {
    "company": Path(pl.when(_ALIVE & pl.col("company").is_not_null()).then("company_id"), frozenset({"company"})),
    "company.fit_tier": Path(pl.when(_ALIVE).then(_text("fit_tier")), frozenset({"company", "fit"})),
    "need": Path(pl.col("need"), frozenset({"need"})),
    "solution_fit": Path(_text("solution_fit"), frozenset({"solution_fit"})),
    "next_step": Path(pl.col("next_step")),
    "owner": Path(_text("owner")),
    "forecast_category": Path(_text("forecast_category")),
}
NUMBERS = {
    "company.fit_score": Path(pl.when(_ALIVE).then("fit_score"), frozenset({"company", "fit"})),
    "probability": Path(pl.col("probability")),
}
DATES = {
    "close_date": Path(pl.col("close_day"), frozenset({"close_date"})),
    "company.fit_assessed": Path(pl.when(_ALIVE).then("fit_assessed"), frozenset({"company", "fit"})),
    "created": Path(pl.col("created_day")),
}
MONEY = {
    "amount": (Path(pl.col("amount"), frozenset({"amount"})), "currency"),
    "budget": (Path(pl.col("budget"), frozenset({"budget"})), "budget_currency"),
}

FieldPath = Annotated[str, one_of((*TEXT, *NUMBERS), "field")]
DatePath = Annotated[str, one_of(DATES, "date")]
MoneyPath = Annotated[str, one_of(MONEY, "amount of money")]


def hidden(path: Path) -> tuple[str, ...]:
    """The reason a value can be unknown for; none where every CRM tells it."""
    return ("unmapped",) if path.needs else ()


def is_mapped(path: Path, scene: Scene) -> bool:
    """Whether this organisation's CRM can tell the value at all."""
    return not path.needs & scene.facts.terms.unmapped
