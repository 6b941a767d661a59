"""`field`: a value is present, or compares with a constant."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import polars as pl
from pydantic import AfterValidator, AliasChoices, Field, model_validator

from crm_audit.predicates import base
from crm_audit.predicates.base import Judgement, Reasons, Seen, same_for_all
from crm_audit.predicates.paths import NUMBERS, TEXT, FieldPath, hidden, is_mapped
from crm_audit.scene import Scene

THRESHOLDS = frozenset({"reason"})
REASONS = ("missing", "differs", "low", "high", "unmapped")


def _pattern(text: str) -> str:
    """A regular expression of the kind that judges columns, which knows no look-around."""
    try:
        pl.Series([""]).str.contains(text)
    except pl.exceptions.ComputeError as error:
        why = " ".join(str(error).split())
        raise ValueError(f"{text!r} is not a regular expression: {why}") from None
    return text


Match = Annotated[str, AfterValidator(_pattern)]


class Args(base.Args):
    """Without a comparison the value must be there. `reason` names a failed comparison."""

    path: FieldPath  # which value
    equals: str | None = None  # exactly this text
    not_equals: str | None = None  # any text but this
    one_of: tuple[str, ...] | None = Field(
        default=None, validation_alias=AliasChoices("in", "one_of")
    )  # one of these texts
    matches: Match | None = None  # one that fits somewhere in it
    below: Decimal | None = None  # less than this number
    at_most: Decimal | None = None  # this number or less
    above: Decimal | None = None  # more than this number
    at_least: Decimal | None = None  # this number or more
    reason: str | None = None  # the reason given where the comparison fails

    @model_validator(mode="after")
    def _fits(self) -> Args:
        text = [self.equals, self.not_equals, self.one_of, self.matches]
        numbers = [self.below, self.at_most, self.above, self.at_least]
        if sum(choice is not None for choice in (*text, *numbers)) > 1:
            raise ValueError("one comparison at a time; join two with `all`")
        if self.path in TEXT and any(choice is not None for choice in numbers):
            raise ValueError(f"{self.path} is text: use equals, not_equals, in or matches")
        if self.path in NUMBERS and any(choice is not None for choice in text):
            raise ValueError(f"{self.path} is a number: use below, at_most, above or at_least")
        return self


def reasons(args: Args) -> Reasons:
    """`missing`, and one for the comparison if there is any."""
    differs = _differs(args)
    return Reasons(("missing", differs) if differs else ("missing",), hidden((TEXT | NUMBERS)[args.path]))


def _differs(args: Args) -> str | None:
    if args.at_least is not None or args.above is not None:
        return args.reason or "low"
    if args.at_most is not None or args.below is not None:
        return args.reason or "high"
    text = (args.equals, args.not_equals, args.one_of, args.matches)
    return args.reason or "differs" if any(choice is not None for choice in text) else None


def observe(args: Args, scene: Scene) -> pl.DataFrame:
    """`value` as it stands, `there`, and `holds` where a comparison was asked."""
    path = (TEXT | NUMBERS)[args.path]
    if not is_mapped(path, scene):
        return same_for_all(
            scene, value=pl.lit(None, pl.String), holds=pl.lit(None, pl.Boolean), mapped=pl.lit(value=False)
        )
    seen = scene.deals.select(value=path.value, mapped=pl.lit(value=True))
    return seen.with_columns(holds=_compared(args, seen["value"]))


def judge(args: Args, rung: int, seen: Seen) -> Judgement:
    """Present, and as asked. Unknown where it is not mapped."""
    missing = (seen("value").is_null(), "missing")
    reason = base.first((~seen("mapped"), "unmapped"), missing, otherwise=_differs(args) or "missing")
    return Judgement(seen("holds"), reason, {"value": seen("value")})


def _compared(args: Args, values: pl.Series) -> pl.Series:
    if args.path in NUMBERS:
        return pl.Series([value is not None and _in_range(args, Decimal(value)) for value in values], dtype=pl.Boolean)
    there = values.is_not_null()
    if args.equals is not None:
        return there & (values == args.equals).fill_null(value=False)
    if args.not_equals is not None:
        return there & (values != args.not_equals).fill_null(value=False)
    if args.one_of is not None:
        return there & values.is_in(list(args.one_of)).fill_null(value=False)
    if args.matches is not None:
        return there & values.str.contains(args.matches).fill_null(value=False)
    return there


def _in_range(args: Args, value: Decimal) -> bool:
    return (
        (args.below is None or value < args.below)
        and (args.at_most is None or value <= args.at_most)
        and (args.above is None or value > args.above)
        and (args.at_least is None or value >= args.at_least)
    )
