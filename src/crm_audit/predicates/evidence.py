"""`evidence`: enough people have done something recent enough that shows it.

Observed is the age in days of every matching person's freshest act, so that one look serves every window and every
number of people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import polars as pl
from pydantic import AliasChoices, Field, model_validator

from crm_audit.domain import BUYER_ACTS, STRENGTH
from crm_audit.facts import INDEX
from crm_audit.money import Tolerance, superseded
from crm_audit.predicates import base
from crm_audit.predicates.base import Judgement, Kind, Limit, Reasons, Role, Seen, at, per_moment, same_for_all
from crm_audit.scene import FORMER, Scene

THRESHOLDS = frozenset({"within", "min_people"})
REASONS = (
    "superseded_amount", "stale", "only_sent", *FORMER, "none", "count", "no_source", "no_rate", "unmapped",
)  # fmt: skip

AGES = pl.List(pl.Int32)


class By(base.Args):
    """Whose acts count: people who hold one of these roles."""

    role: Role | tuple[Role, ...]  # one role, or any of several

    def roles(self) -> tuple[str, ...]:
        """The roles as a tuple."""
        return (self.role,) if isinstance(self.role, str) else self.role


class Args(base.Args):
    """Without `by` any eligible buyer counts; kinds are named, or are the buyer acts, or all that are strong enough."""

    by: By | None = None  # whose acts count: `{role: R}`, or `{role: [R, S]}`
    kinds: tuple[Kind, ...] = ()  # the kinds of event that count
    buyer_acts: bool = False  # count every kind of event that the buyer did
    topic: str | tuple[str, ...] | None = Field(
        default=None, validation_alias=AliasChoices("topic", "topics")
    )  # what it was about, one of them where several are named
    min_strength: Annotated[int, Field(ge=1, le=3)] = 1  # 3: the buyer did it, 2: somebody reported it, 1: sent
    within: Limit  # the most days ago
    min_people: Annotated[int, Field(ge=1)] = 1  # how many people must have done it
    amount_tolerance: Tolerance | None = None  # how far the price seen may lie from the amount now, as a share

    @model_validator(mode="after")
    def _one_choice(self) -> Args:
        if self.kinds and self.buyer_acts:
            raise ValueError("give either kinds or buyer_acts, not both")
        return self

    def possible(self) -> tuple[str, ...]:
        """The kinds of event that could satisfy it."""
        chosen = self.kinds or (BUYER_ACTS if self.buyer_acts else tuple(STRENGTH))
        return tuple(kind for kind in chosen if STRENGTH[kind] >= self.min_strength)

    def topics(self) -> tuple[str, ...]:
        """The topics of which one must be there; none is asked where it is empty."""
        return (self.topic,) if isinstance(self.topic, str) else self.topic or ()


def reasons(args: Args) -> Reasons:
    """Without a topic nothing was merely sent, and nobody who left had seen it."""
    priced = args.amount_tolerance is not None
    told = {
        "superseded_amount": priced,
        "stale": True,
        "only_sent": bool(args.topics()) and args.min_strength > 1,
        **dict.fromkeys(FORMER, args.by is not None and bool(args.topics())),
        "none": True,
    }
    fails = tuple(reason for reason, can_be in told.items() if can_be)
    return Reasons(fails if args.min_people == 1 else ("count",), ("unmapped", "no_source", *["no_rate"] * priced))


def observe(args: Args, scene: Scene) -> pl.DataFrame:
    """Ages of what counts and of what nearly does; `connected` where any source could have shown it."""
    if _blind(args, scene):
        return same_for_all(scene, **{name: pl.lit(None, dtype) for name, dtype in _SHAPE.items()})
    about = _on_topic(scene.acts, args.topics(), scene)
    strong = about.filter(pl.col("kind").is_in(args.possible()))
    people = _people(scene, args)
    mine = strong.join(people, on=["m", "person"], how="semi")
    parts = [
        _ages(mine, args, scene),
        _too_weak(about, people, args),
        _formers(strong, args, scene),
        scene.has_source(args.possible()),
    ]
    seen = scene.moments.select("m")
    for part in parts:
        seen = seen.join(part, on="m", how="left", maintain_order="left")
    return per_moment(scene, seen).select(
        pl.col(name) if name in seen.columns else pl.lit(None, dtype).alias(name) for name, dtype in _SHAPE.items()
    )


_SHAPE: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "ages": AGES,  # freshest act per person that passes everything, youngest first
    "maybe": AGES,  # the same, counting acts whose price cannot be compared
    "event": pl.UInt32,  # the freshest of them
    "any": pl.Int32,  # youngest act, whatever its price
    "void": pl.Int32,  # youngest act whose price is superseded
    "void_event": pl.UInt32,
    "seen": pl.String,  # and the price that was seen there
    "seen_in": pl.String,
    "weak": pl.Date,  # the day of the last act that is too weak
    **dict.fromkeys(FORMER, pl.Int32),  # youngest act of somebody who held the role
    **{f"{why}_who": pl.UInt32 for why in FORMER},
    "connected": pl.Boolean,
    "blind": pl.String,  # why the price of a `maybe` cannot be compared
}


def judge(args: Args, rung: int, seen: Seen) -> Judgement:
    """The k-th freshest person is inside the window. Unknown where no source could have shown it."""
    limit, k = at(args.within, rung), args.min_people
    holds = _kth(seen("ages"), k, limit)
    maybe = _kth(seen("maybe"), k, limit)
    connected = seen("connected")
    status = pl.when(holds).then(pl.lit(value=True)).when(~maybe & connected).then(pl.lit(value=False))
    n = seen("ages").list.eval((pl.element() <= limit).sum()).list.first().fill_null(0)
    details = {
        "days": seen("any"),
        "limit": pl.lit(limit),
        "n": n,
        "wanted": pl.lit(k),
        "event": seen("event"),
        "void_event": seen("void_event"),
        "seen": seen("seen"),
        "seen_in": seen("seen_in"),
        "sent": seen("weak"),
        "former": _former(limit, seen),
    }
    return Judgement(status, _reason(args, limit, seen, maybe), details)


def _former(limit: int, seen: Seen) -> pl.Expr:
    """Who had seen it, by the reason that is given."""
    who = pl.coalesce([pl.when(seen(why) <= limit).then(seen(f"{why}_who")) for why in FORMER])
    return pl.when(who.is_not_null()).then(pl.concat_list(who))


def _kth(ages: pl.Expr, k: int, limit: int) -> pl.Expr:
    return (ages.list.get(k - 1, null_on_oob=True) <= limit).fill_null(value=False)


def _reason(args: Args, limit: int, seen: Seen, maybe: pl.Expr) -> pl.Expr:
    plain = pl.lit("count") if args.min_people > 1 else _why_not(args, limit, seen)
    return (
        pl.when(seen("connected").is_null()).then(pl.lit("unmapped"))
        .when(~seen("connected")).then(pl.lit("no_source"))
        .when(maybe).then(seen("blind"))
        .otherwise(plain)
    )  # fmt: skip


def _why_not(args: Args, limit: int, seen: Seen) -> pl.Expr:
    """The reasons in order of precedence (qualification 3.10)."""
    told = [
        (seen("void") <= limit, "superseded_amount"),
        (seen("any").is_not_null(), "stale"),
        (seen("weak").is_not_null(), "only_sent"),
        *[(seen(why) <= limit, why) for why in FORMER],
    ]
    return base.first(*told, otherwise="none")


def _blind(args: Args, scene: Scene) -> bool:
    """Nobody's acts can be told where who is on the deal, or who holds the role, is not mapped."""
    hidden = {"contacts", "roles"} if args.by else {"contacts"}
    return bool(scene.facts.terms.unmapped & hidden)


def _on_topic(acts: pl.DataFrame, topics: Sequence[str], scene: Scene) -> pl.DataFrame:
    if not topics:
        return acts
    mask = sum(scene.facts.topics.get(topic, 0) for topic in set(topics))
    return acts.filter((pl.col("topics") & mask) != 0)


def _people(scene: Scene, args: Args) -> pl.DataFrame:
    if args.by is None:
        return scene.buyers
    return scene.eligible.filter(pl.col("role").is_in(args.by.roles())).select("m", "person").unique()


def _ages(mine: pl.DataFrame, args: Args, scene: Scene) -> pl.DataFrame:
    """The ages lists, and what is void because the price has moved since."""
    if args.amount_tolerance is None:
        fresh = _freshest(mine)
        return fresh.with_columns(maybe="ages", any=pl.col("ages").list.first())
    priced = superseded(mine, scene, args.amount_tolerance)
    possible = _freshest(priced.filter(~pl.col("void").fill_null(value=False)))
    void = (
        priced.filter(pl.col("void"))
        .group_by("m")
        .agg(
            void=pl.col("age").min(),
            void_event=pl.col("event").sort_by("age").first(),
            seen=pl.col("seen").sort_by("age").first(),
            seen_in=pl.col("seen_in").sort_by("age").first(),
        )
    )
    return (
        priced.group_by("m").agg(any=pl.col("age").min())
        .join(_freshest(priced.filter(~pl.col("void"))), on="m", how="left")
        .join(possible.select("m", maybe="ages"), on="m", how="left")
        .join(void, on="m", how="left")
        .join(priced.filter(pl.col("void").is_null()).group_by("m").agg(pl.col("blind").max()), on="m", how="left")
    )  # fmt: skip


def _freshest(acts: pl.DataFrame) -> pl.DataFrame:
    each = acts.group_by("m", "person").agg(pl.col("age").min(), pl.col("event").sort_by("age").first())
    return each.group_by("m").agg(ages=pl.col("age").sort(), event=pl.col("event").sort_by("age").first())


def _too_weak(about: pl.DataFrame, people: pl.DataFrame, args: Args) -> pl.DataFrame:
    """The last act of the right people that is too weak to count: it was sent, and no more."""
    weak = [kind for kind, strength in STRENGTH.items() if 0 < strength < args.min_strength]
    if not weak or not args.topics():
        return pl.DataFrame(schema={"m": INDEX})
    sent = about.filter(pl.col("kind").is_in(weak)).join(people, on=["m", "person"], how="semi")
    return sent.group_by("m").agg(weak=pl.col("day").max())


def _formers(strong: pl.DataFrame, args: Args, scene: Scene) -> pl.DataFrame:
    """Youngest acts of people who held the role, by why they no longer do; asked where a topic was shown to a role."""
    if args.by is None or not args.topics():
        return pl.DataFrame(schema={"m": INDEX})
    gone = scene.former.filter(pl.col("role").is_in(args.by.roles()))
    rows = strong.join(gone, on=["m", "person"])
    because = [(why, pl.col("why") == why) for why in FORMER]
    return rows.group_by("m").agg(
        *[pl.col("age").filter(is_why).min().alias(why) for why, is_why in because],
        *[
            pl.col("person").sort_by("age").filter(is_why.sort_by("age")).first().alias(f"{why}_who")
            for why, is_why in because
        ],
    )
