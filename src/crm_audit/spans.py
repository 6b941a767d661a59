"""What the history says about a deal's present life: where it stands on the ladder, and since when it is open.

Shared by `history` and `since` (qualification 3.7).
"""

from __future__ import annotations

import polars as pl

from crm_audit.domain import LOST, WON
from crm_audit.facts import rung_of
from crm_audit.scene import Scene

MOVE = {"old_rung": pl.Int8, "new_rung": pl.Int8, "old_closed": pl.Boolean, "new_closed": pl.Boolean}


def moves(scene: Scene) -> pl.DataFrame:
    """m, at, old, new and their rungs for every change of stage, oldest first."""
    rows = scene.changes.filter(pl.col("field") == "stage")
    closed = {(p, s): state for p, s, state in scene.facts.stages.select("pipeline", "stage", "state").iter_rows()}
    seen: dict[tuple[str, str | None], tuple[int | None, bool]] = {}

    def standing(pipeline: str, stage: str | None) -> tuple[int | None, bool]:
        key = (pipeline, stage)
        if key not in seen:
            state = closed.get((pipeline, stage or ""))
            rung = rung_of(scene.facts.terms, pipeline, stage or "", state if state in (WON, LOST) else None)
            seen[key] = (rung if isinstance(rung, int) else None, rung in (WON, LOST))
        return seen[key]

    pairs = [
        (*standing(pipeline, old), *standing(pipeline, new))
        for pipeline, old, new in rows.select("pipeline", "old", "new").iter_rows()
    ]
    names = ("old_rung", "old_closed", "new_rung", "new_closed")
    ladder = pl.DataFrame(pairs, schema={name: MOVE[name] for name in names}, orient="row")
    return rows.select("m", "at", "day", "old", "new").hstack(ladder)


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
