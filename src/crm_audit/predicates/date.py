"""`date`: a day is there, not past, not too far ahead, not too long ago."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date as day
from datetime import timedelta
from typing import Literal

import polars as pl

from crm_audit.predicates import base
from crm_audit.predicates.base import Judgement, Limit, Reasons, Seen, at, same_for_all
from crm_audit.predicates.paths import DATES, DatePath, hidden, is_mapped
from crm_audit.scene import Scene

THRESHOLDS = frozenset({"not_past", "max_days_ahead", "max_days_ago", "fiscal"})
REASONS = ("missing", "past", "too_far", "stale", "unmapped")


class Args(base.Args):
    """Both ends of every limit are included; `fiscal` is the end of this or the next fiscal year."""

    path: DatePath  # which date
    not_past: bool = False  # whether a day before today fails
    max_days_ahead: Limit | None = None  # the most days that it may lie ahead
    max_days_ago: Limit | None = None  # the most days that it may lie back
    fiscal: Literal["this", "next"] | None = None  # no later than the end of this or the next fiscal year


def reasons(args: Args) -> Reasons:
    """One for each limit that is set."""
    told = {
        "missing": True,
        "past": args.not_past,
        "too_far": args.max_days_ahead is not None or args.fiscal is not None,
        "stale": args.max_days_ago is not None,
    }
    return Reasons(tuple(reason for reason, asked in told.items() if asked), hidden(DATES[args.path]))


def observe(args: Args, scene: Scene) -> pl.DataFrame:
    """`ahead`: days from today to the date; `this`, `next`: days to the end of this and the next fiscal year."""
    path = DATES[args.path]
    if not is_mapped(path, scene):
        empty = pl.lit(None, pl.Int64)
        return same_for_all(
            scene, ahead=empty, this=empty, next=empty, date=pl.lit(None, pl.Date), mapped=pl.lit(value=False)
        )
    start = scene.facts.terms.fiscal_start
    ends = {today: _year_end(today, start) for today in scene.deals["today"].unique()}
    nexts = {today: _year_end(end + timedelta(days=1), start) for today, end in ends.items()}
    return scene.deals.select(
        ahead=(path.value - pl.col("today")).dt.total_days(),
        this=(_looked_up(ends) - pl.col("today")).dt.total_days(),
        next=(_looked_up(nexts) - pl.col("today")).dt.total_days(),
        date=path.value,
        mapped=pl.lit(value=True),
    )


def judge(args: Args, rung: int, seen: Seen) -> Judgement:
    """Inside every limit that was set; a day ahead is not yet one on which something was done. Unknown if unmapped."""
    ahead = seen("ahead")
    missing = ahead.is_null()
    past = (ahead < 0) if args.not_past else pl.lit(value=False)
    far = pl.lit(value=False) if args.max_days_ahead is None else ahead > at(args.max_days_ahead, rung)
    if args.fiscal is not None:
        far = far | (ahead > seen(args.fiscal))
    stale = pl.lit(value=False)
    if args.max_days_ago is not None:
        missing, stale = missing | (ahead > 0), ahead < -at(args.max_days_ago, rung)
    fails = missing | past.fill_null(value=False) | far.fill_null(value=False) | stale.fill_null(value=False)
    reason = base.first(
        (~seen("mapped"), "unmapped"), (missing, "missing"), (past, "past"), (far, "too_far"), otherwise="stale"
    )
    return Judgement(pl.when(seen("mapped")).then(~fails), reason, {"date": seen("date"), "days": ahead.abs()})


def _looked_up(ends: Mapping[day, day]) -> pl.Expr:
    return pl.col("today").replace_strict(ends, return_dtype=pl.Date) if ends else pl.lit(None, pl.Date)


def _year_end(today: day, start: int) -> day:
    """The last day of the fiscal year that `today` lies in."""
    year = today.year + (today.month >= start and start > 1)
    first = day(year, start, 1) if start > 1 else day(today.year + 1, 1, 1)
    return day.fromordinal(first.toordinal() - 1)
