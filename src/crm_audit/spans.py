"""What the history says about a deal's present life: where it stands on the ladder, and since when it is open.

Shared by `history` and `since` (qualification 3.7).
"""

from __future__ import annotations

import polars as pl

from crm_audit.domain import LOST, WON
from crm_audit.facts import standing
from crm_audit.scene import Scene


def moves(scene: Scene) -> pl.DataFrame:
    """m, at, day, old, new and their rungs for every change of stage, oldest first."""
    rows = scene.changes.filter(pl.col("field") == "stage").select("m", "pipeline", "at", "day", "old", "new")
    for side in ("old", "new"):
        stood = standing(rows.select("pipeline", stage=side), scene.facts.stages, scene.facts.terms)
        told = stood.select(
            "pipeline",
            pl.col("stage").alias(side),
            pl.col("rung").alias(f"{side}_rung"),
            pl.col("state").is_in([WON, LOST]).alias(f"{side}_closed"),
        )
        rows = rows.join(told, on=["pipeline", side], how="left", maintain_order="left", nulls_equal=True)
    return rows.drop("pipeline")


def opened(scene: Scene) -> pl.DataFrame:
    """m and the instant at which the present open span began; a deal that was never reopened is left out."""
    reopened = moves(scene).filter(pl.col("old_closed") & ~pl.col("new_closed"))
    return reopened.group_by("m").agg(opened=pl.col("at").max())


def within_span(rows: pl.DataFrame, scene: Scene, span: str | int) -> pl.DataFrame:
    """Only the rows of the open span, of all time, or of the last N days."""
    if span == "all":
        return rows
    if isinstance(span, int):
        today = scene.moments.select("m", "today")
        age = (pl.col("today") - pl.col("day")).dt.total_days()
        return rows.join(today, on="m", maintain_order="left").filter(age <= span).drop("today")
    began = opened(scene).join(scene.deals.select("m", "created"), on="m", how="right")
    spans = rows.join(began, on="m", how="left", maintain_order="left")
    start = pl.coalesce("opened", "created")
    return spans.filter(start.is_null() | (pl.col("at") >= start)).drop("opened", "created")
