"""3 · The scene: who and what was there, for each deal at the moment it is judged.

A moment is one deal as of one instant, numbered `m`. Frames are worked out when a predicate first asks for them and
serve every predicate and every rung.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import polars as pl

from crm_audit.domain import SOURCES
from crm_audit.facts import INDEX, OPEN, UNMAPPED, Facts, today

FORMER = ("contact_left", "contact_deleted", "contact_removed", "role_changed")
"""Why somebody no longer holds a role, in order of precedence (qualification 3.10)."""


def moments(facts: Facts, asked: Iterable[tuple[int, datetime]]) -> pl.DataFrame:
    """Number the moments: (deal, as_of) pairs, `deal` being the row number in `facts.deals`."""
    table = pl.DataFrame(list(asked), schema={"deal": INDEX, "as_of": pl.Datetime("us", "UTC")}, orient="row")
    days = {as_of: today(as_of, facts.terms.zone) for as_of in table["as_of"].unique()}
    day = pl.col("as_of").replace_strict(days, return_dtype=pl.Date) if days else pl.lit(None, pl.Date)
    return table.unique(maintain_order=True).with_row_index("m").with_columns(pl.col("m").cast(INDEX), today=day)


@dataclass(frozen=True)
class Scene:
    """Facts seen from a set of moments."""

    facts: Facts
    moments: pl.DataFrame  # m, deal, as_of, today

    def of(self, part: pl.DataFrame) -> Scene:
        """The same facts seen from some of the moments only."""
        return Scene(self.facts, part)

    @cached_property
    def deals(self) -> pl.DataFrame:
        """One row per moment: the deal with its company's values, for `field`, `money` and `date`."""
        companies = self.facts.companies.select(
            "company", "fit_tier", "fit_score", "fit_assessed", "deleted", company_name="name"
        )
        there = self.moments.join(self.facts.deals, on="deal", how="left", maintain_order="left")
        return there.join(companies, on="company", how="left", maintain_order="left")

    @cached_property
    def _linked(self) -> pl.DataFrame:
        """Every role row that had begun: m, today, person, role, now (still valid)."""
        rows = self.moments.select("m", "deal", "today").join(self.facts.links, on="deal")
        begun = (pl.col("valid_from").is_null()) | (pl.col("valid_from") <= pl.col("today"))
        now = pl.col("valid_to").is_null() | (pl.col("valid_to") > pl.col("today"))
        return rows.filter(begun).select("m", "today", "person", "role", now=now)

    @cached_property
    def _who(self) -> pl.DataFrame:
        return self._linked.join(self.facts.people.select("person", "ours", "left_on", "deleted"), on="person")

    @cached_property
    def eligible(self) -> pl.DataFrame:
        """m, person, role of everybody on the buyer's side who counts now (qualification 3.4)."""
        left = (pl.col("left_on") <= pl.col("today")).fill_null(value=False)
        counts = pl.col("now") & ~left & ~pl.col("deleted") & ~pl.col("ours") & (pl.col("role") != "partner")
        return self._who.filter(counts).select("m", "person", "role").unique()

    @cached_property
    def buyers(self) -> pl.DataFrame:
        """m and person of everybody eligible, each once."""
        return self.eligible.select("m", "person").unique()

    @cached_property
    def former(self) -> pl.DataFrame:
        """m, person, role, why: people of the buyer's side who held a role and no longer count for it."""
        person = ["m", "person"]
        rows = self._who.filter(~pl.col("ours")).with_columns(
            here=pl.col("now").any().over(person), still=pl.col("now").any().over([*person, "role"])
        )
        why = (
            pl.when((pl.col("left_on") <= pl.col("today")).fill_null(value=False)).then(pl.lit("contact_left"))
            .when(pl.col("deleted")).then(pl.lit("contact_deleted"))
            .when(pl.col("still")).then(None)
            .when(pl.col("here")).then(pl.lit("role_changed"))
            .otherwise(pl.lit("contact_removed"))
        )  # fmt: skip
        return rows.select("m", "person", "role", why=why).drop_nulls("why").unique()

    @cached_property
    def _only_deal(self) -> pl.DataFrame:
        """as_of, person, deal of people who are linked to one open deal and no other (qualification 3.5.4)."""
        days = self.moments.select("as_of", "today").unique()
        opened = self.facts.deals.filter(pl.col("state").is_in([OPEN, UNMAPPED])).select("deal")
        rows = self.facts.links.join(opened, on="deal").join(days, how="cross")
        begun = pl.col("valid_from").is_null() | (pl.col("valid_from") <= pl.col("today"))
        now = pl.col("valid_to").is_null() | (pl.col("valid_to") > pl.col("today"))
        pairs = rows.filter(begun & now).select("as_of", "person", "deal").unique()
        return pairs.filter(pl.len().over("as_of", "person") == 1)

    @cached_property
    def acts(self) -> pl.DataFrame:
        """m, event, person, kind, topics, day, at, age in days: everything that had happened by the moment."""
        acts = self.facts.acts
        linked = self.moments.select("m", "deal", "as_of", "today").join(
            acts.filter(pl.col("deal").is_not_null()), on="deal"
        )
        loose = acts.filter(pl.col("deal").is_null()).drop("deal")
        if loose.height:
            linked = pl.concat([linked, self._adopted(loose).select(linked.columns)])
        happened = (pl.coalesce(pl.col("at") <= pl.col("as_of"), pl.col("day") <= pl.col("today"))) & (
            (pl.col("over") <= pl.col("as_of")).fill_null(value=True)
        )
        age = (pl.col("today") - pl.col("day")).dt.total_days().cast(pl.Int32)
        rows = linked.filter(happened).with_columns(age=age)
        return rows.select("m", "event", "person", "kind", "topics", "day", "at", "age")

    def _adopted(self, loose: pl.DataFrame) -> pl.DataFrame:
        """Events linked to no deal, for those of their people who are on this one open deal only."""
        there = self.moments.join(self.facts.deals.select("deal", "created_day"), on="deal")
        mine = there.join(self._only_deal, on=["as_of", "deal"])
        rows = mine.join(loose, on="person")
        return rows.filter((pl.col("day") >= pl.col("created_day")).fill_null(value=False))

    @cached_property
    def ahead(self) -> pl.DataFrame:
        """m, event, kind, days: what is planned and has not happened yet."""
        rows = self.moments.join(self.facts.plans, on="deal")
        coming = pl.coalesce(pl.col("at") > pl.col("as_of"), pl.col("day") >= pl.col("today"))
        days = (pl.col("day") - pl.col("today")).dt.total_days().cast(pl.Int32)
        return rows.filter(coming).select("m", "event", "kind", days=days)

    @cached_property
    def changes(self) -> pl.DataFrame:
        """m, today, pipeline, at, day, field, old, new: the history up to the moment, oldest first."""
        rows = self.moments.join(self.facts.history, on="deal", maintain_order="left_right")
        there = rows.filter(pl.col("at") <= pl.col("as_of"))
        deals = self.facts.deals.select("deal", "pipeline")
        wanted = ["m", "today", "pipeline", "at", "day", "field", "old", "new"]
        return there.join(deals, on="deal", maintain_order="left").select(wanted)

    @cached_property
    def connected(self) -> pl.DataFrame:
        """m and one Boolean per source: did it record anything for this owner lately? (ruling 35)."""
        terms = self.facts.terms
        alive = {s: bool(set(kinds) - terms.unconnected) for s, kinds in SOURCES.items()}
        provisioned = {"attestations"} if terms.source_days is not None else set(SOURCES)
        if terms.source_days is None:
            return self.moments.select("m", **{s: pl.lit(value) for s, value in alive.items()})
        owners = self.moments.join(self.facts.deals.select("deal", "owner"), on="deal")
        recorded = self._recorded_by_owner(owners)
        last = recorded.with_columns(
            (pl.col("today") - pl.col("day")).dt.total_days().is_between(0, terms.source_days).alias("lately")
        )
        wide = last.group_by("m").agg(
            pl.col("lately").filter(pl.col("source") == source).any().alias(source) for source in SOURCES
        )
        flags = self.moments.select("m").join(wide, on="m", how="left", maintain_order="left")
        return flags.select(
            "m",
            *[
                (pl.lit(alive[s]) if s in provisioned else pl.col(s).fill_null(value=False) & pl.lit(alive[s])).alias(s)
                for s in SOURCES
            ],
        )

    def _recorded_by_owner(self, owners: pl.DataFrame) -> pl.DataFrame:
        """m, today, source, day: the newest record up to the day; a deal without an owner asks for anybody's."""
        recorded = self.facts.recorded
        anybody = recorded.select("source", "day").unique()
        keys = owners.select("owner", "today").unique()
        mine = keys.join(recorded, on="owner").filter(pl.col("day") <= pl.col("today"))
        nobody = keys.filter(pl.col("owner").is_null()).join(anybody, how="cross")
        rows = pl.concat([mine, nobody.filter(pl.col("day") <= pl.col("today")).select(mine.columns)])
        newest = rows.group_by("owner", "today", "source").agg(pl.col("day").max())
        return owners.select("m", "owner", "today").join(newest, on=["owner", "today"], nulls_equal=True)

    def has_source(self, kinds: Sequence[str]) -> pl.DataFrame:
        """m, connected: can any of these kinds of event be seen for this deal?"""
        alive = [kind for kind in kinds if kind not in self.facts.terms.unconnected]
        sources = sorted({source for source, members in SOURCES.items() if set(members) & set(alive)})
        if not sources:
            return self.moments.select("m", connected=pl.lit(value=False))
        return self.connected.select("m", connected=pl.any_horizontal(sources))
