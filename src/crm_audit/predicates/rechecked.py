"""`rechecked`: every topic was asked again within N days."""

from __future__ import annotations

from typing import Annotated

import polars as pl
from pydantic import Field

from crm_audit.domain import TOPIC_ALIASES
from crm_audit.predicates import base
from crm_audit.predicates.base import Judgement, Limit, Reasons, Seen, at, same_for_all
from crm_audit.scene import Scene

THRESHOLDS = frozenset({"within"})
REASONS = ("none", "stale", "unmapped")


class Args(base.Args):
    """`topics` in the order in which a message names them."""

    topics: Annotated[tuple[str, ...], Field(min_length=1)]  # what must have been asked again, each of them
    within: Limit  # the most days ago

    def names(self) -> tuple[str, ...]:
        """The topics under their shared names, each once (ruling 31)."""
        return tuple(dict.fromkeys(TOPIC_ALIASES.get(topic, topic) for topic in self.topics))


def reasons(args: Args) -> Reasons:
    """The same whatever was to be asked."""
    return Reasons(("none", "stale"), ("unmapped",))


def observe(args: Args, scene: Scene) -> pl.DataFrame:
    """Days since each topic was last asked; null where never."""
    if "rechecks" in scene.facts.terms.unmapped:
        blank = {topic: pl.lit(None, pl.Int64) for topic in args.names()}
        return same_for_all(scene, **blank, mapped=pl.lit(value=False))
    asked = scene.moments.join(scene.facts.rechecks, on="deal").filter(pl.col("day") <= pl.col("today"))
    age = (pl.col("today") - pl.col("day")).dt.total_days()
    ages = asked.group_by("m").agg(
        age.filter(pl.col("topic").is_in([topic, *_EVERY.get(topic, ())])).min().alias(topic) for topic in args.names()
    )
    return base.per_moment(scene, ages).with_columns(mapped=pl.lit(value=True))


_EVERY = dict.fromkeys(TOPIC_ALIASES.values(), ("all",))
"""`all` stands for the three basics."""


def judge(args: Args, rung: int, seen: Seen) -> Judgement:
    """Each topic inside the window. Unknown where re-checks are not mapped."""
    limit = at(args.within, rung)
    late = {topic: (seen(topic) > limit).fill_null(value=True) for topic in args.names()}
    last = [pl.when(late[topic]).then(seen(topic)) for topic in args.names()]
    missing = pl.concat_list([pl.when(late[topic]).then(pl.lit(topic)) for topic in args.names()]).list.drop_nulls()
    days = pl.min_horizontal(last)
    reason = base.first((~seen("mapped"), "unmapped"), (days.is_not_null(), "stale"), otherwise="none")
    fails = pl.any_horizontal(list(late.values()))
    return Judgement(
        pl.when(seen("mapped")).then(~fails), reason, {"missing": missing, "days": days, "limit": pl.lit(limit)}
    )
