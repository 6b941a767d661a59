"""A large invented org as frames: skewed, a seventh of the values null, the same for the same seed.

Shaped like a real one: a few deals hold most of the activity, evidence thins out with age, most roles are blank.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from crm_audit.domain import Rung
from crm_audit.facts import Terms
from crm_audit.frames import SCHEMAS

AS_OF = datetime(2026, 3, 16, 15, tzinfo=UTC)
LADDER: dict[str, Rung] = {
    "Prospecting": 0, "Qualification": 1, "Needs Analysis": 2, "Value Proposition": 3, "Id. Decision Makers": 3,
    "Proposal/Price Quote": 4, "Negotiation/Review": 5, "Closed Won": "won", "Closed Lost": "lost",
}  # fmt: skip
CONNECTION = "orchard"
OPEN_STAGES = [stage for stage, rung in LADDER.items() if isinstance(rung, int)]
TERMS = Terms(zone="America/New_York", currency="USD", ladders={"Master": LADDER}, internal_domains=("seller.example",))
NULLS = 15
"""Per cent of the values that may be empty."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows of each kind."""

    deals: int = 100_000
    people: int = 250_000
    companies: int = 60_000
    links: int = 300_000
    events: int = 1_000_000
    history: int = 500_000
    rechecks: int = 150_000
    owners: int = 400

    def scaled(self, divisor: int) -> Size:
        """The same shape, smaller."""
        return Size(
            *(
                max(value // divisor, 1)
                for value in (
                    self.deals,
                    self.people,
                    self.companies,
                    self.links,
                    self.events,
                    self.history,
                    self.rechecks,
                    self.owners,
                )
            )
        )


def tables(size: Size, seed: int = 7) -> dict[str, pl.DataFrame]:
    """The org as the frames of `frames.SCHEMAS`."""
    dice = Dice(seed)
    made = {
        "stages": _stages(),
        "users": _rows(size.owners).select(id=_id("u"), name=_id("Owner "), active=pl.lit(value=True)),
        "rates": pl.DataFrame([("EUR", "EUR", "1.10", "1", None)], schema=dict(SCHEMAS["rates"]), orient="row"),
        "companies": _companies(size, dice),
        "people": _people(size, dice),
        "deals": _deals(size, dice),
        "links": _links(size, dice),
        "events": _events(size, dice),
        "rechecks": _rechecks(size, dice),
        "answers": pl.DataFrame(schema=dict(SCHEMAS["answers"])),
        "history": _history(size, dice),
    }
    return {
        kind: frame.select(pl.col(name).cast(dtype) for name, dtype in SCHEMAS[kind].items())
        for kind, frame in made.items()
    }


class Dice:
    """Columns of chance, each different and all decided by the seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def roll(self, sides: int) -> pl.Expr:
        """0 to sides - 1, one per row."""
        self._seed += 1
        return (pl.int_range(pl.len(), dtype=pl.UInt64).hash(self._seed) % sides).cast(pl.Int64)

    def skewed(self, sides: int) -> pl.Expr:
        """0 to sides - 1, small numbers far more often."""
        return ((self.roll(1_000_000) / 1_000_000) ** 3 * sides).cast(pl.Int64)

    def maybe(self, value: pl.Expr) -> pl.Expr:
        """The value, or null."""
        return pl.when(self.roll(100) >= NULLS).then(value)

    def pick(self, *values: str) -> pl.Expr:
        """One of the values."""
        return self.roll(len(values)).replace_strict(dict(enumerate(values)), return_dtype=pl.String)


def _rows(n: int) -> pl.DataFrame:
    return pl.DataFrame({"n": pl.int_range(n, eager=True)})


def _id(prefix: str, column: str | pl.Expr = "n") -> pl.Expr:
    value = pl.col(column) if isinstance(column, str) else column
    return pl.concat_str(pl.lit(prefix), value.cast(pl.String).str.zfill(12))


def _ago(days: pl.Expr, dice: Dice) -> pl.Expr:
    seconds = days * 86_400 + dice.roll(86_400)
    return pl.lit(AS_OF, pl.Datetime("us", "UTC")) - pl.duration(seconds=seconds)


def _day(days: pl.Expr) -> pl.Expr:
    return pl.lit(AS_OF.date()) - pl.duration(days=days)


def _stages() -> pl.DataFrame:
    chances = (5, 10, 20, 50, 60, 75, 90, 100, 0)
    rows = [
        (f"Master/{stage}", "Master", stage, stage, n, str(chances[n] / 100), "Pipeline",
         rung if isinstance(rung, str) else None)
        for n, (stage, rung) in enumerate(LADDER.items())
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=dict(SCHEMAS["stages"]), orient="row")


def _companies(size: Size, dice: Dice) -> pl.DataFrame:
    return _rows(size.companies).select(
        id=_id("c"), name=_id("Company "), fit_tier=dice.maybe(dice.pick("A", "B", "B", "C")),
        fit_score=dice.maybe(dice.roll(100).cast(pl.String)), fit_assessed=dice.maybe(_day(dice.skewed(400))),
        deleted=pl.lit(value=False),
        merged_into=pl.when(dice.roll(200) == 0).then(_id("c", (pl.col("n") + 1) % size.companies)),
    )  # fmt: skip


def _people(size: Size, dice: Dice) -> pl.DataFrame:
    return _rows(size.people).select(
        id=_id("p"), name=_id("Person "), title=dice.maybe(dice.pick("VP Operations", "IT Lead", "Buyer")),
        domain=dice.pick(*["acme.example"] * 30, "seller.example"),
        left_on=pl.when(dice.roll(50) == 0).then(_day(dice.roll(300))), deleted=dice.roll(100) == 0,
        merged_into=pl.when(dice.roll(200) == 0).then(_id("p", (pl.col("n") + 1) % size.people)),
    )  # fmt: skip


def _deals(size: Size, dice: Dice) -> pl.DataFrame:
    return _rows(size.deals).select(
        id=_id("d"), name=_id("Deal "), pipeline=pl.lit("Master"), stage=dice.pick(*OPEN_STAGES),
        created=_ago(dice.roll(500) + 5, dice), amount=dice.maybe((dice.skewed(400_000) + 500).cast(pl.String)),
        currency=dice.pick("USD", "USD", "USD", "EUR"), probability=dice.maybe(dice.pick("0.1", "0.5", "0.75", "0.9")),
        forecast_category=pl.lit("Pipeline"), close_date=dice.maybe(_day(dice.roll(200) - 170).cast(pl.String)),
        budget=dice.maybe((dice.skewed(420_000) + 500).cast(pl.String)), budget_currency=pl.lit("USD"),
        company=dice.maybe(_id("c", dice.roll(size.companies))), need=dice.maybe(pl.lit("Fewer late invoices")),
        solution_fit=dice.pick("confirmed", "open", "open"), owner=_id("u", dice.roll(size.owners)),
        next_step=dice.maybe(pl.lit("Call")),
    )  # fmt: skip


def _links(size: Size, dice: Dice) -> pl.DataFrame:
    deal = pl.col("n") % size.deals
    return _rows(size.links).select(
        id=_id("l"), deal=_id("d", deal), person=_id("p", (deal * 3 + dice.roll(4)) % size.people),
        role=dice.pick("authority", "champion", "technical", "user", "unassigned", "unassigned"),
        valid_from=_day(dice.roll(400)), valid_to=pl.when(dice.roll(20) == 0).then(_day(dice.roll(60))),
        recorded_at=_ago(dice.roll(400), dice),
    )  # fmt: skip


def _events(size: Size, dice: Dice) -> pl.DataFrame:
    kinds = ["meeting_held"] * 3 + ["email_in"] * 4 + ["email_out"] * 6 + ["call_connected"] * 2 + ["quote_sent"]
    topics = ["[]"] * 8 + ['["pricing"]'] * 3 + ['["demo"]'] * 2 + ['["pricing","demo"]', '["evaluation"]']
    deal = dice.skewed(size.deals)
    made = _rows(size.events).with_columns(deal=deal)
    person = (pl.col("deal") * 3 + dice.roll(4)) % size.people
    second = (pl.col("deal") * 3 + dice.roll(4)) % size.people
    one, two = (
        _id('["p', person) + '"]',
        pl.concat_str(_id('["p', person), pl.lit('","'), _id("p", second), pl.lit('"]')),
    )
    at = _ago(dice.skewed(500), dice)
    return made.select(
        id=_id("e"), kind=dice.pick(*kinds), at=at, day=pl.lit(None), ends_at=pl.lit(None),
        people=pl.when(dice.roll(3) == 0).then(two).otherwise(one), declined=pl.lit("[]"),
        deals=pl.when(dice.roll(20) == 0).then(pl.lit("[]")).otherwise(pl.concat_str(_id('["d', "deal"), pl.lit('"]'))),
        named=pl.lit("[]"), topics=dice.pick(*topics),
        outcome=dice.maybe(dice.pick("COMPLETED", "COMPLETED", "COMPLETED", "NO_SHOW")), automatic=dice.roll(50) == 0,
        quoted_amount=pl.when(dice.roll(10) == 0).then((dice.skewed(400_000) + 500).cast(pl.String)),
        quoted_currency=pl.when(dice.roll(10) == 0).then(pl.lit("USD")), by=_id("u", dice.roll(size.owners)),
        recorded_at=at,
    )  # fmt: skip


def _rechecks(size: Size, dice: Dice) -> pl.DataFrame:
    return _rows(size.rechecks).select(
        id=_id("r"), deal=_id("d", dice.roll(size.deals)), on=_day(dice.skewed(200)),
        topics=dice.pick('["all"]', '["all"]', '["price_vs_budget"]', '["purchase_date"]'),
        by=_id("u", dice.roll(size.owners)), recorded_at=_ago(dice.skewed(200), dice),
    )  # fmt: skip


def _history(size: Size, dice: Dice) -> pl.DataFrame:
    field = dice.pick("stage", "stage", "close_date", "close_date", "amount")
    made = _rows(size.history).with_columns(field=field, was=dice.roll(200), shift=dice.roll(60))
    dates = [(_day(pl.col("was") - 170 - extra)).cast(pl.String) for extra in (0, pl.col("shift"))]
    amounts = [((pl.col("was") + extra) * 500 + 500).cast(pl.String) for extra in (0, pl.col("shift"))]
    stages = [dice.pick(*LADDER), dice.pick(*OPEN_STAGES)]
    value = [
        pl.when(pl.col("field") == "stage").then(stage).when(pl.col("field") == "amount").then(amount).otherwise(day)
        for stage, amount, day in zip(stages, amounts, dates, strict=True)
    ]
    return made.select(
        id=_id("h"), deal=_id("d", dice.roll(size.deals)), field="field", at=_ago(dice.skewed(480), dice), old=value[0],
        new=value[1], by=_id("u", dice.roll(size.owners)), recorded_at=_ago(dice.skewed(480), dice),
    )  # fmt: skip
