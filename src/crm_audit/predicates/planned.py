"""`planned`: a meeting or a task lies ahead within N days."""

from __future__ import annotations

from typing import Annotated, Literal

import polars as pl
from pydantic import Field

from crm_audit.predicates import base
from crm_audit.predicates.base import Judgement, Limit, Reasons, Seen, at, per_moment
from crm_audit.scene import Scene

THRESHOLDS = frozenset({"within"})
REASONS = ("none", "too_far", "no_source")

EVENT_OF = {"meeting": "meeting_held", "task": "task_open"}


class Args(base.Args):
    """`kinds` of what may be planned."""

    kinds: Annotated[tuple[Literal["meeting", "task"], ...], Field(min_length=1)] = (
        "meeting",
        "task",
    )  # what may be planned
    within: Limit  # the most days ahead


def reasons(args: Args) -> Reasons:
    """The same whatever may be planned."""
    return Reasons(("none", "too_far"), ("no_source",))


def observe(args: Args, scene: Scene) -> pl.DataFrame:
    """`days` to the next one."""
    kinds = [EVENT_OF[kind] for kind in args.kinds]
    coming = scene.ahead.filter(pl.col("kind").cast(pl.String).is_in(kinds)).group_by("m").agg(pl.col("days").min())
    return per_moment(scene, scene.has_source(kinds).join(coming, on="m", how="left", maintain_order="left"))


def judge(args: Args, rung: int, seen: Seen) -> Judgement:
    """Soon enough. Unknown where no source could have shown a plan."""
    limit = at(args.within, rung)
    soon = (seen("days") <= limit).fill_null(value=False)
    holds = pl.when(soon).then(pl.lit(value=True)).when(seen("connected")).then(pl.lit(value=False))
    reason = base.first((~seen("connected"), "no_source"), (seen("days").is_not_null(), "too_far"), otherwise="none")
    return Judgement(holds, reason, {"days": seen("days"), "limit": pl.lit(limit)})
