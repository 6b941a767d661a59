"""4 · Gates: the stages that a deal may not enter yet, and those that it enters only with a reason. Pure.

A gate looks forward alone: it judges a deal at every rung above the one it claims. A step back, a stage on the deal's
own rung and closed-lost are never refused, and won only where a setting says so (ruling 36).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from crm_audit.domain import TOP, WON
from crm_audit.evaluate import Audit, judged, status
from crm_audit.policy import Pack, Rule

STEPS = ("shadow", "annotate", "warn", "block")
"""How far we go with a rule, the mildest first."""

PAST_TOP = TOP + 1
"""Where won stands for a gate: above every rung, and judged at the last one."""

STANDS_OUT = ("fails", "unknown", "error")
"""Statuses of a rule that hide the rules it explains."""

Waived = Collection[tuple[str, str]]
"""Deals and rules by their ids: that rule counts as holding on that deal, at every rung (ruling 37)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HowFar:
    """How far we go, by rule and pipeline; each of the values is one of STEPS."""

    default: str = "shadow"
    rules: Mapping[str, str] = field(default_factory=dict)
    pipelines: Mapping[str, str] = field(default_factory=dict)
    won: bool = False  # whether won is gated too

    def step(self, rule: str, pipeline: str) -> str:
        """A rule's own step stands in place of the default; no rule goes further than its pipeline does."""
        here = self.pipelines.get(pipeline, self.default)
        own = self.rules.get(rule, here)
        return weaker(own, here) if pipeline in self.pipelines else own

    def done(self, rule: Rule, rung: int, pipeline: str) -> str:
        """What is done about a rule that fails at a rung: the weaker of what it asks for and its step (ruling 23)."""
        asks = "block" if blocks(rule, rung) else "annotate"
        return weaker(asks, self.step(rule.id, pipeline))

    def furthest(self, rule: str) -> str:
        """The furthest step of a rule in any pipeline."""
        own = self.rules.get(rule, self.default)
        return max([own, *(self.step(rule, each) for each in self.pipelines)], key=STEPS.index)


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate of one deal: stages of its own pipeline in the CRM's own names, in the pipeline's order."""

    refused: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()  # open to whoever gives a reason

    def may_enter(self, stage: str) -> bool:
        """Whether the deal may move to that stage as it is."""
        return stage not in self.refused


OPEN_GATE = Gate()


def weaker(one: str, other: str) -> str:
    """The milder of two steps."""
    return min(one, other, key=STEPS.index)


def blocks(rule: Rule, rung: int) -> bool:
    """Whether a rule asks to be a gate at a rung."""
    return rule.block_from is not None and rung >= rule.block_from and rule.applies(rung)


def refused_stages(audit: Audit, how_far: HowFar, *, waived: Waived = ()) -> dict[str, Gate]:
    """The gate of every audited deal that any stage refuses or asks a reason of, by deal; all others are open."""
    worst = stops(audit, how_far, waived=waived).group_by("id", "pipeline", "target").agg(pl.col("done").max())
    stages = targets(audit, how_far).select("pipeline", "stage", "position", "target")
    rows = worst.join(stages, on=["pipeline", "target"]).sort("id", "position", "stage")
    gates = rows.group_by("id", maintain_order=True).agg(
        refused=pl.col("stage").filter(pl.col("done") == "block"),
        warned=pl.col("stage").filter(pl.col("done") == "warn"),
    )
    return {deal: Gate(tuple(refused), tuple(warned)) for deal, refused, warned in gates.iter_rows()}


DONE = pl.Enum(["warn", "block"])
STOP: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "m": pl.UInt32, "id": pl.String, "pipeline": pl.String, "target": pl.Int8, "rule": pl.String, "done": DONE,
}  # fmt: skip


def stops(audit: Audit, how_far: HowFar, *, waived: Waived = ()) -> pl.DataFrame:
    """What stands between each open deal and the rungs above it: a row per deal, rung (`target`) and rule.

    A waived finding stops nothing, and what it explains stays explained: no waiver ever closes a stage.
    """
    pipelines = audit.observed.scene.facts.deals.select("deal", "pipeline")
    opened = audit.verdicts.filter(pl.col("m").is_not_null()).join(pipelines, on="deal", maintain_order="left")
    deals = opened.select("m", "id", "pipeline", "claimed")
    done = _done(audit.pack, how_far, deals["pipeline"].unique())
    parts = [_hits(audit, target, deals, done.filter(pl.col("target") == target)) for target in done["target"].unique()]
    rows = pl.concat([pl.DataFrame(schema=dict(STOP)), *parts])
    let_off = pl.DataFrame(list(waived), schema={"id": pl.String, "rule": pl.String}, orient="row")
    return rows.join(let_off, on=["id", "rule"], how="anti").sort("id", "target", maintain_order=True)


@dataclass(frozen=True, slots=True)
class Count:
    """How many open deals have a later stage that they may not enter, or that asks them for a reason alone."""

    refused: int
    warned: int


def count(audit: Audit, how_far: HowFar, *, waived: Waived = (), opened: Collection[str] = ()) -> Count:
    """How many open deals a gate stands before; `opened` are those whose gate somebody broke open."""
    stands = stops(audit, how_far, waived=waived).filter(~pl.col("id").is_in(list(opened)))
    worst = stands.group_by("id").agg(pl.col("done").max())["done"].to_list()
    return Count(refused=worst.count("block"), warned=worst.count("warn"))


def _done(pack: Pack, how_far: HowFar, pipelines: Iterable[str]) -> pl.DataFrame:
    """What is done about each rule that is a gate somewhere, by rung and pipeline."""
    names = list(pipelines)
    rows = [
        (target, rule.id, pipeline, how_far.step(rule.id, pipeline))
        for target in range(1, PAST_TOP + how_far.won)
        for rule in pack.rules
        if rule.require is not None and blocks(rule, min(target, TOP))
        for pipeline in names
    ]
    schema = {"target": pl.Int8, "rule": pl.String, "pipeline": pl.String, "done": pl.String}
    table = pl.DataFrame(rows, schema=schema, orient="row")
    return table.filter(pl.col("done").is_in(["warn", "block"])).cast({"done": DONE})


def _hits(audit: Audit, target: int, deals: pl.DataFrame, done: pl.DataFrame) -> pl.DataFrame:
    """The deals below a rung that fail a gate of it; one rule that another one explains is no finding."""
    rung = min(target, TOP)
    below = deals.filter(pl.col("claimed") < target)
    rules = {rule.id: rule for rule in judged(audit.pack, rung)}
    gates = [rules[name] for name in done["rule"].unique(maintain_order=True)]
    asked = {name for rule in gates for name in (rule.id, *rule.suppressed_by) if name in rules}
    table = audit.observed.table.join(below.select("m"), on="m", how="semi")
    table = table.select("m", *[status(rules[name], rung, audit.observed).alias(name) for name in sorted(asked)])
    found = [
        table.filter((pl.col(rule.id) == "fails") & ~_explained(rule, asked)).select("m", rule=pl.lit(rule.id))
        for rule in gates
    ]
    rows = pl.concat(found).join(below, on="m", maintain_order="left")
    return rows.join(done, on=["rule", "pipeline"], maintain_order="left").select(*STOP)


def _explained(rule: Rule, asked: Collection[str]) -> pl.Expr:
    by = [pl.col(name).is_in(STANDS_OUT) for name in rule.suppressed_by if name in asked]
    return pl.any_horizontal([pl.lit(value=False), *by])


def targets(audit: Audit, how_far: HowFar) -> pl.DataFrame:
    """The stages with the rung at which a gate judges them; won has one only where it is gated."""
    won = pl.when((pl.col("state") == WON) & pl.lit(how_far.won)).then(pl.lit(PAST_TOP, pl.Int8))
    stages = audit.observed.scene.facts.stages.with_columns(target=pl.coalesce(pl.col("rung"), won).cast(pl.Int8))
    return stages.filter(pl.col("target").is_not_null())
