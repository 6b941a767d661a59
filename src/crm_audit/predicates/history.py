"""`history`: a field changed in a certain way at most so many times."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Annotated, Literal

import polars as pl
from pydantic import Field, model_validator

from crm_audit.facts import OPEN, calendar_day
from crm_audit.predicates import base
from crm_audit.predicates.base import Judgement, Limit, Reasons, Seen, at, per_moment, same_for_all
from crm_audit.scene import Scene
from crm_audit.spans import moves, within_span

THRESHOLDS = frozenset({"max"})
REASONS = ("count", "unmapped")


class Args(base.Args):
    """`later` is a net move of a date, in one local day, by at least `days`."""

    field: Literal["close_date", "amount", "stage"]  # whose changes are counted
    change: Literal["later", "up", "down", "regress", "skip"]  # close_date: later; amount: up, down; stage: the others
    days: Annotated[int, Field(ge=1)] = 1  # the least number of days that makes it later
    span: Literal["open", "all"] | Annotated[int, Field(ge=1)] = "open"  # since it was opened, ever, or in N days
    max: Limit  # how often it may have happened

    @model_validator(mode="after")
    def _fits(self) -> Args:
        wanted = {"close_date": ("later",), "amount": ("up", "down"), "stage": ("regress", "skip")}[self.field]
        if self.change not in wanted:
            raise ValueError(f"{self.field} can change {' or '.join(wanted)}, not {self.change!r}")
        return self


def reasons(args: Args) -> Reasons:
    """The same whatever is counted."""
    return Reasons(("count",), ("unmapped",))


def observe(args: Args, scene: Scene) -> pl.DataFrame:
    """`n`: how many times it happened; null where the history or the field is not mapped."""
    if scene.facts.terms.unmapped & {"history", args.field}:
        return same_for_all(scene, n=pl.lit(None, pl.UInt32))
    happened = _COUNT[args.change](args, scene)
    return per_moment(scene, happened.group_by("m").agg(n=pl.len())).with_columns(pl.col("n").fill_null(0))


def judge(args: Args, rung: int, seen: Seen) -> Judgement:
    """Not too often. Unknown where the history or the field is not mapped."""
    limit = at(args.max, rung)
    reason = base.first((seen("n").is_null(), "unmapped"), otherwise="count")
    return Judgement(seen("n") <= limit, reason, {"n": seen("n"), "limit": pl.lit(limit)})


def _later(args: Args, scene: Scene) -> pl.DataFrame:
    """All changes of one local day are one net change, from the first old to the last new value."""
    zone = scene.facts.terms.zone
    rows = within_span(scene.changes.filter(pl.col("field") == args.field), scene, args.span)
    daily = rows.group_by("m", "day", maintain_order=True).agg(pl.col("old").first(), pl.col("new").last())
    moved = calendar_day(pl.col("new"), zone) - calendar_day(pl.col("old"), zone)
    return daily.filter(moved.dt.total_days() >= args.days)


def _up_or_down(args: Args, scene: Scene) -> pl.DataFrame:
    rows = within_span(scene.changes.filter(pl.col("field") == args.field), scene, args.span)
    changed = [_difference(old, new) for old, new in rows.select("old", "new").iter_rows()]
    wanted = [(change > 0) if args.change == "up" else (change < 0) for change in changed]
    return rows.filter(pl.Series(wanted, dtype=pl.Boolean))


def _difference(old: str | None, new: str | None) -> Fraction:
    """How much more it is now; nothing where one of the two amounts is missing."""
    return Fraction(0) if old is None or new is None else Fraction(new) - Fraction(old)


def _regress(args: Args, scene: Scene) -> pl.DataFrame:
    return within_span(moves(scene), scene, args.span).filter(pl.col("new_rung") < pl.col("old_rung"))


def _skip(args: Args, scene: Scene) -> pl.DataFrame:
    """Moves over a rung that the pipeline has and the deal has not visited in this span."""
    rows = within_span(moves(scene), scene, args.span)
    pipelines = scene.moments.join(scene.facts.deals.select("deal", "pipeline"), on="deal").select("m", "pipeline")
    rows = rows.join(pipelines, on="m", maintain_order="left")
    ladders = scene.facts.stages.filter(pl.col("state") == OPEN).group_by("pipeline").agg(pl.col("rung").unique())
    known = {pipeline: set(rungs) for pipeline, rungs in ladders.iter_rows()}
    for pipeline, ladder in scene.facts.terms.ladders.items():
        known.setdefault(pipeline, set()).update(rung for rung in ladder.values() if isinstance(rung, int))
    keys = rows.select("m", "pipeline", "old_rung", "new_rung").iter_rows()
    return rows.filter(pl.Series(list(_jumps(keys, known)), dtype=pl.Boolean))


def _jumps(rows: Iterable[tuple[int, str, int | None, int | None]], known: dict[str, set[int]]) -> Iterable[bool]:
    visited: dict[int, set[int]] = {}
    for m, pipeline, old, new in rows:
        been = visited.setdefault(m, set())
        been.update(rung for rung in (old,) if rung is not None)
        ladder = known.get(pipeline, known.get("*", set()))
        between = {r for r in ladder if old is not None and new is not None and old < r < new}
        yield bool(between - been)
        been.update(rung for rung in (new,) if rung is not None)


_COUNT = {"later": _later, "up": _up_or_down, "down": _up_or_down, "regress": _regress, "skip": _skip}
