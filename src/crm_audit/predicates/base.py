"""What a predicate is: it observes one quantity from the scene, and judges it at a rung."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

import polars as pl
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from crm_audit.domain import ROLES, STRENGTH, TOP
from crm_audit.near import one_of
from crm_audit.scene import Scene

Seen = Callable[[str], pl.Expr]
"""Gives the observed column of that name."""


def _rungs(value: object) -> object:
    return {0: value} if isinstance(value, int) and not isinstance(value, bool) else value


Limit = Annotated[
    Mapping[Annotated[int, Field(ge=0, le=TOP)], Annotated[int, Field(ge=0, strict=True)]],
    BeforeValidator(_rungs),
    Field(min_length=1),
]
"""A number, or one per rung: at rung r the entry with the largest key <= r, the smallest key where there is none."""


Role = Annotated[str, one_of(ROLES, "role")]
Kind = Annotated[str, one_of(STRENGTH, "kind of event")]


def at(limit: Mapping[int, int], rung: int) -> int:
    """The limit that applies at a rung (qualification 3.8)."""
    reached = [key for key in limit if key <= rung]
    return limit[max(reached) if reached else min(limit)]


class Args(BaseModel):
    """Arguments of a predicate, as a pack writes them."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rung makes of the observation: three-valued, with a reason wherever it does not hold.

    `details` are what messages may name: days, limit, n, date, and the like.
    """

    holds: pl.Expr
    reason: pl.Expr
    details: Mapping[str, pl.Expr] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reasons:
    """What a judgement can say where it does not hold."""

    fails: tuple[str, ...]
    unknown: tuple[str, ...] = ()


class Predicate(Protocol):
    """A module of this package. `observe` must not look at the arguments named in THRESHOLDS."""

    @property
    def Args(self) -> type[Args]:
        """The arguments a pack may write."""

    @property
    def THRESHOLDS(self) -> frozenset[str]:
        """Arguments that only `judge` looks at."""

    @property
    def REASONS(self) -> tuple[str, ...]:
        """Every reason `judge` can give."""

    @property
    def reasons(self) -> Callable[[Any], Reasons]:
        """Those of REASONS that `judge` can give with these arguments."""

    @property
    def observe(self) -> Callable[[Any, Scene], pl.DataFrame]:
        """One row per moment, in order, without the column `m`."""

    @property
    def judge(self) -> Callable[[Any, int, Seen], Judgement]:
        """Holds, fails or unknown at the rung, as expressions over the observed columns."""


def first(*choices: tuple[pl.Expr, str], otherwise: str) -> pl.Expr:
    """The reason of the first condition that is true."""
    reason: pl.Expr = pl.lit(otherwise)
    for condition, name in reversed(choices):
        reason = pl.when(condition).then(pl.lit(name)).otherwise(reason)
    return reason


def same_for_all(scene: Scene, **values: pl.Expr) -> pl.DataFrame:
    """One constant row per moment, where the organisation as a whole cannot tell."""
    return scene.moments.select("m", **values).drop("m")


def per_moment(scene: Scene, observed: pl.DataFrame) -> pl.DataFrame:
    """Observations by `m`, widened to one row per moment in order; nothing observed is null."""
    return scene.moments.select("m").join(observed, on="m", how="left", maintain_order="left").drop("m")
