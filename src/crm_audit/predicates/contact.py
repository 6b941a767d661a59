"""`contact`: at least `min` eligible people hold the role."""

from __future__ import annotations

from typing import Annotated

import polars as pl
from pydantic import Field

from crm_audit.predicates import base
from crm_audit.predicates.base import Judgement, Reasons, Role, Seen, per_moment, same_for_all
from crm_audit.scene import FORMER, Scene

THRESHOLDS = frozenset({"min"})
REASONS = (*FORMER, "none", "count", "unmapped")


class Args(base.Args):
    """`role` is a canonical role; `min` people must hold it."""

    role: Role  # what they are on the deal
    min: Annotated[int, Field(ge=1)] = 1  # how many people must hold it


def reasons(args: Args) -> Reasons:
    """Of one person it can be told what became of them; of several only how many there are."""
    return Reasons((*FORMER, "none") if args.min == 1 else ("count",), ("unmapped",))


def observe(args: Args, scene: Scene) -> pl.DataFrame:
    """`n` people hold the role; `why` and `former` say who held it and why they no longer count."""
    if scene.facts.terms.unmapped & {"roles", "contacts"}:
        return same_for_all(
            scene, n=pl.lit(None, pl.UInt32), why=pl.lit("unmapped"), former=pl.lit(None, pl.List(pl.UInt32))
        )
    held = scene.eligible.filter(pl.col("role") == args.role).group_by("m").agg(n=pl.len())
    rank = pl.col("why").replace_strict({why: i for i, why in enumerate(FORMER)}, return_dtype=pl.UInt8)
    former = (
        scene.former.filter(pl.col("role") == args.role)
        .filter(rank == rank.min().over("m"))
        .group_by("m")
        .agg(why=pl.col("why").first(), former=pl.col("person").unique().sort())
    )
    seen = per_moment(scene, former.join(held, on="m", how="full", coalesce=True))
    return seen.select(pl.col("n").fill_null(0), "why", "former")


def judge(args: Args, rung: int, seen: Seen) -> Judgement:
    """Enough of them? Unknown where roles, or who is on a deal, is not mapped."""
    other = "none" if args.min == 1 else "count"
    told = seen("why") if args.min == 1 else pl.when(seen("n").is_null()).then(seen("why"))
    details = {"n": seen("n"), "wanted": pl.lit(args.min), "former": seen("former")}
    return Judgement(seen("n") >= args.min, pl.coalesce(told, pl.lit(other)), details)
