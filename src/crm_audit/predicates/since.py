"""`since`: at most so many days have passed since something."""

from __future__ import annotations

from typing import Annotated

import polars as pl

from crm_audit.domain import BUYER_ACTS, HISTORY_FIELDS, STRENGTH
from crm_audit.near import one_of
from crm_audit.predicates import base
from crm_audit.predicates.base import Judgement, Limit, Reasons, Seen, at, per_moment, same_for_all
from crm_audit.scene import Scene

THRESHOLDS = frozenset({"max"})
REASONS = ("old", "none", "no_source", "unmapped")

FIELDS = tuple(name for name in HISTORY_FIELDS if name != "stage")
OF_A_DEAL = ("stage", "created", *FIELDS, "buyer_act")

Moment = Annotated[str, one_of((*OF_A_DEAL, *STRENGTH), "moment")]


class Args(base.Args):
    """`of`: entry into the present stage, creation, the last change of a field, a kind of event, or any buyer act."""

    of: Moment  # what the days are counted from
    max: Limit  # the most days since


def reasons(args: Args) -> Reasons:
    """Every CRM tells when a deal was created; what happened on it needs a source, and its changes a history."""
    if args.of == "created":
        return Reasons(("old", "none"))
    blind = ("unmapped", "no_source") if args.of in (*STRENGTH, "buyer_act") else ("unmapped",)
    return Reasons(("old", "none"), blind)


def observe(args: Args, scene: Scene) -> pl.DataFrame:
    """`days` since; `blind` where this organisation cannot tell."""
    if args.of == "created":
        return _created(scene).select("days", blind=pl.lit(None, pl.String))
    if args.of in STRENGTH or args.of == "buyer_act":
        return _since_event(args, scene)
    if scene.facts.terms.unmapped & {"history", args.of}:
        return same_for_all(scene, days=pl.lit(None, pl.Int64), blind=pl.lit("unmapped"))
    return _since_change(args.of, scene)


def judge(args: Args, rung: int, seen: Seen) -> Judgement:
    """Not too long. Unknown where no source could have shown it, or the history is not mapped."""
    limit = at(args.max, rung)
    holds = pl.when(seen("blind").is_null()).then((seen("days") <= limit).fill_null(value=False))
    reason = base.first((seen("days").is_null(), "none"), otherwise="old")
    return Judgement(holds, pl.coalesce(seen("blind"), reason), {"days": seen("days"), "limit": pl.lit(limit)})


def _created(scene: Scene) -> pl.DataFrame:
    return scene.deals.select("m", days=(pl.col("today") - pl.col("created_day")).dt.total_days())


def _since_change(field: str, scene: Scene) -> pl.DataFrame:
    """The last entry into the present stage, or the last change of a field; from creation where there is none."""
    rows = scene.changes.filter(pl.col("field") == field)
    if field == "stage":
        rows = rows.join(scene.deals.select("m", "stage"), on="m").filter(pl.col("new") == pl.col("stage"))
    last = rows.group_by("m").agg(since=pl.col("day").max(), today=pl.col("today").first())
    changed = last.select("m", changed=(pl.col("today") - pl.col("since")).dt.total_days())
    days = _created(scene).join(changed, on="m", how="left", maintain_order="left")
    return days.select(days=pl.coalesce("changed", "days"), blind=pl.lit(None, pl.String))


def _since_event(args: Args, scene: Scene) -> pl.DataFrame:
    kinds = BUYER_ACTS if args.of == "buyer_act" else (args.of,)
    if "contacts" in scene.facts.terms.unmapped:
        return same_for_all(scene, days=pl.lit(None, pl.Int64), blind=pl.lit("unmapped"))
    acts = scene.acts.filter(pl.col("kind").is_in(kinds))
    last = acts.join(scene.buyers, on=["m", "person"], how="semi").group_by("m").agg(days=pl.col("age").min())
    seen = scene.has_source(kinds).join(last, on="m", how="left", maintain_order="left")
    blind = pl.when(~pl.col("connected") & pl.col("days").is_null()).then(pl.lit("no_source"))
    return per_moment(scene, seen.select("m", days=pl.col("days").cast(pl.Int64), blind=blind))
