"""2 · Facts: what is known about the deals, as frames with one vocabulary for both CRMs.

Identity, time and money are settled here once: merged people and companies become their survivors, instants become
calendar days of the organisation, ids become row numbers. The rules above never ask again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from crm_audit.domain import (
    HISTORY_FIELDS,
    LOST,
    NOT_HELD,
    SOURCES,
    STRENGTH,
    TOPIC_ALIASES,
    WON,
    Rung,
)
from crm_audit.errors import FixConfig
from crm_audit.frames import SCHEMAS

KIND = pl.Enum(list(STRENGTH))
INDEX = pl.UInt32
OPEN, UNMAPPED = "open", "unmapped"
MOST_TOPICS = 64
"""A bit each."""
PLANNED = ("meeting_held", "task_open")
"""Kinds of event that say what comes next while they lie ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How one organisation's records are to be read."""

    zone: str
    currency: str
    ladders: Mapping[str, Mapping[str, Rung]]  # pipeline ("*" for any other) -> stage -> rung
    internal_domains: tuple[str, ...] = ()
    user: str | None = None  # our own integration user: what it writes is no evidence
    unmapped: frozenset[str] = frozenset()
    unconnected: frozenset[str] = frozenset()
    source_days: int | None = 30  # ruling 35; None: whatever is not named in `unconnected` is connected
    strict_meetings: bool = False
    sponsor_is_authority: bool = False
    shared_topics: bool = True  # ruling 7: do the topics of an event count for each of its several deals?
    fiscal_start: int = 1  # month in which the fiscal year begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Frames that refer to each other by row number (`deal`, `person`, `company`, `event`)."""

    terms: Terms
    deals: pl.DataFrame  # deal, id, name, pipeline, stage, state, rung, created, created_day, amount, close_day, …
    people: pl.DataFrame  # person, id, name, title, ours, left_on, deleted
    companies: pl.DataFrame  # company, id, name, fit_tier, fit_score, fit_assessed, deleted
    links: pl.DataFrame  # deal, person, role, valid_from, valid_to
    events: pl.DataFrame  # event, id, kind, at, day, over (the instant it ended), quoted_amount, quoted_currency
    acts: pl.DataFrame  # deal (null: linked to none), event, person, kind, at, day, over, topics
    topics: Mapping[str, int]  # topic -> its bit in `acts.topics`
    plans: pl.DataFrame  # deal, event, kind, at, day of what may lie ahead, whoever is to take part
    rechecks: pl.DataFrame  # deal, day, topic
    answers: pl.DataFrame  # deal (its id), rule, answer, at, day, until, reason; ours are left out
    history: pl.DataFrame  # deal, at, day, field, old, new
    rates: pl.DataFrame  # currency, units, per, valid_from
    stages: pl.DataFrame  # pipeline, stage, label, position, probability, forecast_category, state, rung
    users: pl.DataFrame  # id, name, active
    recorded: pl.DataFrame  # owner, source, day: when a source last recorded something for that owner


def build(tables: Mapping[str, pl.DataFrame], terms: Terms) -> Facts:
    """Facts from the frames of `frames.SCHEMAS`, read on the given terms; each frame is asked for once, and let go."""
    stages = _stages(tables["stages"], terms)
    companies = _numbered(tables["companies"], "company")
    people = _people(tables["people"], terms)
    deals = _deals(tables["deals"], terms, _survivors(companies, "company"), stages)
    deal_ids = deals.select("id", "deal")
    person_ids = _survivors(people, "person")
    events = _events(tables["events"], _Known(terms, deals, person_ids))
    answered = answers(tables["answers"], terms)
    return Facts(
        terms=terms,
        deals=deals,
        people=people,
        companies=companies,
        links=_links(tables["links"], terms, deal_ids, person_ids),
        events=events.events,
        acts=events.acts,
        topics=events.topics,
        plans=events.plans,
        rechecks=_rechecks(pl.concat([tables["rechecks"], _asked(answered)]), terms, deal_ids),
        answers=answered.select("deal", "rule", "answer", "at", "day", "until", "reason"),
        history=_history(tables["history"], terms, deal_ids),
        rates=tables["rates"].select("currency", "units", "per", "valid_from"),
        stages=stages,
        users=tables["users"],
        recorded=events.recorded,
    )


def local_day(instant: str | pl.Expr, zone: str) -> pl.Expr:
    """The organisation's calendar day of an instant."""
    column = pl.col(instant) if isinstance(instant, str) else instant
    return column.dt.convert_time_zone(zone).dt.date()


def today(as_of: datetime, zone: str) -> date:
    """The calendar day of an aware instant in the organisation's zone."""
    return as_of.astimezone(ZoneInfo(zone)).date()


def calendar_day(text: pl.Expr, zone: str) -> pl.Expr:
    """The day a close date stands for (qualification 3.3): a date as it is; an instant in the organisation's zone.

    Exactly midnight UTC is a date that an integration wrote.
    """
    instant = text.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
    midnight = instant.dt.truncate("1d") == instant
    day = pl.when(midnight).then(instant.dt.date()).otherwise(local_day(instant, zone))
    return pl.when(text.str.len_chars() == 10).then(text.str.to_date("%Y-%m-%d", strict=False)).otherwise(day)


def blank(column: str) -> pl.Expr:
    """Empty or only white space counts as null (qualification 3.2)."""
    return pl.when(pl.col(column).str.strip_chars() != "").then(pl.col(column))


def _numbered(table: pl.DataFrame, name: str) -> pl.DataFrame:
    return table.with_row_index(name).with_columns(pl.col(name).cast(INDEX))


def _survivors(table: pl.DataFrame, name: str) -> pl.DataFrame:
    """Every id with the row number of the record it was merged into in the end; a merge into nowhere is no merge."""
    into = dict(table.filter(pl.col("merged_into").is_not_null()).select("id", "merged_into").iter_rows())
    known = set(table["id"]) if into else set()
    if not into:
        return table.select("id", name)
    last = [_follow(id_, into, known) for id_ in table["id"]]
    numbers = table.select(pl.col("id").alias("last"), name)
    return table.select("id", last=pl.Series(last, dtype=pl.String)).join(numbers, on="last").select("id", name)


def _follow(id_: str, into: Mapping[str, str], known: set[str]) -> str:
    seen = {id_}
    while (nxt := into.get(id_)) in known and nxt not in seen:
        seen.add(nxt)
        id_ = nxt
    return id_


def _people(table: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    ours = [domain.casefold() for domain in terms.internal_domains]
    domain = pl.col("domain").str.to_lowercase()
    return _numbered(table, "person").with_columns(ours=domain.is_in(ours).fill_null(value=False))


def _stages(table: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """The CRM's stages with the rung the ladder gives them; a closed stage needs no entry there."""
    rungs = [
        rung_of(terms, pipeline, stage, closed)
        for pipeline, stage, closed in table.select("pipeline", "stage", "closed").iter_rows()
    ]
    return table.select(
        "pipeline", "stage", "label", "position", "probability", "forecast_category",
        state=pl.Series([_state(rung) for rung in rungs], dtype=pl.String),
        rung=pl.Series([rung if isinstance(rung, int) else None for rung in rungs], dtype=pl.Int8),
    )  # fmt: skip


def rung_of(terms: Terms, pipeline: str, stage: str, closed: str | None = None) -> Rung | None:
    """The rung a stage claims; None where nobody mapped it, which is never rung 0 (qualification 3.7)."""
    ladder = terms.ladders.get(pipeline, terms.ladders.get("*", {}))
    return ladder.get(stage, closed)


def _state(rung: Rung | None) -> str:
    if rung is None:
        return UNMAPPED
    return rung if isinstance(rung, str) else OPEN


def standing(pairs: pl.DataFrame, stages: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """State and rung of each pair of pipeline and stage, once each; `stages` are those of `Facts`."""
    closed = {(p, s): state for p, s, state in stages.select("pipeline", "stage", "state").iter_rows()}
    rows = []
    for pipeline, stage in pairs.select("pipeline", "stage").unique().iter_rows():
        state = closed.get((pipeline, stage))
        rung = rung_of(terms, pipeline, stage, state if state in (WON, LOST) else None)
        rows.append((pipeline, stage, _state(rung), rung if isinstance(rung, int) else None))
    schema = {"pipeline": pl.String, "stage": pl.String, "state": pl.String, "rung": pl.Int8}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _deals(table: pl.DataFrame, terms: Terms, companies: pl.DataFrame, stages: pl.DataFrame) -> pl.DataFrame:
    text = [blank(name).alias(name) for name in ("need", "solution_fit", "company", "next_step")]
    return (
        _numbered(table, "deal")
        .with_columns(
            *text,
            created_day=local_day("created", terms.zone),
            close_day=calendar_day(pl.col("close_date"), terms.zone),
            currency=pl.col("currency").fill_null(terms.currency),
            budget_currency=pl.col("budget_currency").fill_null(terms.currency),
        )
        .rename({"company": "company_id"})
        .join(companies.rename({"id": "company_id"}), on="company_id", how="left")
        .join(standing(table, stages, terms), on=["pipeline", "stage"], how="left")
        .sort("deal")
    )


def _links(table: pl.DataFrame, terms: Terms, deals: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    links = _refer(_refer(table, deals, "deal"), people, "person").select(
        "deal", "person", "role", "valid_from", "valid_to"
    )
    if "roles" in terms.unmapped:  # who is there is known, as what is not
        return links.with_columns(role=pl.lit("unassigned"))
    if not terms.sponsor_is_authority:
        return links
    sponsors = links.filter(pl.col("role") == "sponsor").with_columns(role=pl.lit("authority"))
    return pl.concat([links, sponsors])


def _refer(table: pl.DataFrame, numbers: pl.DataFrame, name: str) -> pl.DataFrame:
    """Put the row number in the place of an id; rows that refer to nothing we know are no evidence and go."""
    return table.rename({name: "_id"}).join(numbers.rename({"id": "_id"}), on="_id").drop("_id")


@dataclass(frozen=True, slots=True)
class _Known:
    """What events are read against."""

    terms: Terms
    deals: pl.DataFrame
    people: pl.DataFrame  # id, person

    @property
    def deal_ids(self) -> pl.DataFrame:
        return self.deals.select("id", "deal")


class _Events(NamedTuple):
    events: pl.DataFrame
    acts: pl.DataFrame
    plans: pl.DataFrame
    recorded: pl.DataFrame
    topics: Mapping[str, int]


SLICE = 100_000
"""Events taken at once: a million lists of ids as text would weigh more than all that is made of them."""


def _events(table: pl.DataFrame, known: _Known) -> _Events:
    """Events, who was there for which deal, and what was recorded for whom."""
    listed = {text: set(json.loads(text)) for text in table["topics"].unique()}
    bits = {topic: 1 << position for position, topic in enumerate(sorted(set().union(*listed.values())))}
    if len(bits) > MOST_TOPICS:
        raise FixConfig(f"{len(bits)} topics are in use and {MOST_TOPICS} can be told apart; map fewer under `topics`")
    masks = {"[]": 0} | {text: sum(bits[topic] for topic in topics) for text, topics in listed.items()}
    parts, number = [], 0
    for start in range(0, table.height or 1, SLICE):
        events = _counted(table[start : start + SLICE], known.terms, masks).with_row_index("event", number)
        number += events.height
        parts.append(_made_of(events.with_columns(pl.col("event").cast(INDEX)), known))
    events, acts, plans, recorded = (pl.concat(frames) for frames in zip(*parts, strict=True))
    return _Events(events, acts, plans, recorded.unique(), bits)


def _counted(table: pl.DataFrame, terms: Terms, masks: Mapping[str, int]) -> pl.DataFrame:
    """Events that count at all: not automatic, not ours, and no meeting that was called off."""
    no_meeting = pl.col("outcome").str.to_uppercase().is_in(list(NOT_HELD))
    ours = pl.col("by") == terms.user if terms.user else pl.lit(value=False)
    counts = (
        ~pl.col("automatic")
        & ~ours.fill_null(value=False)
        & ~((pl.col("kind") == "meeting_held") & no_meeting.fill_null(value=False))
    )
    return table.filter(counts).with_columns(
        pl.col("kind").cast(KIND),
        day=pl.coalesce("day", local_day("at", terms.zone)),
        over=pl.when(pl.col("kind") == "meeting_held").then(pl.coalesce("ends_at", "at")).otherwise("at"),
        mask=pl.col("topics").replace_strict(masks, return_dtype=pl.UInt64),
    )


def _made_of(events: pl.DataFrame, known: _Known) -> tuple[pl.DataFrame, ...]:
    """The frames of `_Events`, of a part of the events."""
    on_deals = _on_deals(events, known)
    slim = events.select("event", "id", "kind", "at", "day", "over", "quoted_amount", "quoted_currency")
    acts, plans = _acts(_held(events, known.terms), on_deals, known.people), _plans(events, on_deals)
    return slim, acts, plans, _recorded(events, on_deals, known)


def _held(events: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """Without the meetings that nobody marked as completed, where that is asked; what lies ahead never is."""
    if not terms.strict_meetings:
        return events
    completed = (pl.col("outcome").str.to_uppercase() == "COMPLETED").fill_null(value=False)
    return events.filter((pl.col("kind") != "meeting_held") | completed)


def _listed(events: pl.DataFrame, column: str) -> pl.DataFrame:
    """One row per event and id of a JSON list column; lists without an escape are split, which is far cheaper."""
    rows = events.filter(pl.col(column) != "[]").select("event", _id=column)
    text, escaped = pl.col("_id"), pl.col("_id").str.contains("\\", literal=True)
    plain = rows.filter(~escaped).select("event", text.str.strip_prefix('["').str.strip_suffix('"]').str.split('","'))
    parsed = rows.filter(escaped).select("event", text.str.json_decode(pl.List(pl.String)))
    return pl.concat([plain, parsed]).explode("_id", empty_as_null=False, keep_nulls=False)


def _on_deals(events: pl.DataFrame, known: _Known) -> pl.DataFrame:
    """One row per event and deal, with the topics that count there (ruling 7)."""
    numbers = known.deal_ids
    pairs = _refer(_listed(events, "deals"), numbers, "_id").unique().join(events.select("event", "mask"), on="event")
    if known.terms.shared_topics:
        return pairs.select("event", "deal", topics="mask")
    opened = known.deals.select("deal", open=pl.col("state").is_in([OPEN, UNMAPPED]))
    named = _refer(_listed(events, "named"), numbers, "_id").unique().with_columns(named=pl.lit(value=True))
    pairs = pairs.join(opened, on="deal").join(named, on=["event", "deal"], how="left")
    alone = pl.col("open").sum().over("event") <= 1
    mask = pl.when(alone | pl.col("named").fill_null(value=False)).then("mask").otherwise(0)
    return pairs.select("event", "deal", topics=mask.cast(pl.UInt64))


def _acts(events: pl.DataFrame, on_deals: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """One row per event, deal and person on the buyer's side; `deal` is null where the event is linked to none."""
    declined = _refer(_listed(events, "declined"), people, "_id")
    present = _refer(_listed(events, "people"), people, "_id").unique()
    present = present.join(declined, on=["event", "person"], how="anti") if declined.height else present
    what = events.select("event", "kind", "at", "day", "over", "mask", alone=pl.col("deals") == "[]")
    return (
        present.join(what, on="event")
        .join(on_deals, on="event", how="left")
        .filter(pl.col("alone") | pl.col("deal").is_not_null())
        .select(
            "deal", "event", "person", "kind", "at", "day", "over",
            topics=pl.when("alone").then("mask").otherwise("topics"),
        )
    )  # fmt: skip


def _plans(events: pl.DataFrame, on_deals: pl.DataFrame) -> pl.DataFrame:
    """Meetings and tasks by deal: a task is a next step also where it names nobody."""
    kinds = events.filter(pl.col("kind").is_in(PLANNED)).select("event", "kind", "at", "day")
    return on_deals.select("deal", "event").join(kinds, on="event")


def _rechecks(table: pl.DataFrame, terms: Terms, deals: pl.DataFrame) -> pl.DataFrame:
    ours = pl.col("by").eq_missing(terms.user) if terms.user else pl.lit(value=False)
    asked = _refer(table.filter(~ours), deals, "deal").select(
        "deal", day="on", topic=pl.col("topics").str.json_decode(pl.List(pl.String))
    )
    return asked.explode("topic", empty_as_null=False, keep_nulls=False).with_columns(
        pl.col("topic").replace(TOPIC_ALIASES)
    )


def answers(table: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """What people answered, with the day of it; what the integration user wrote is no answer (ruling 8)."""
    ours = pl.col("by").eq_missing(terms.user) if terms.user else pl.lit(value=False)
    return table.filter(~ours).with_columns(day=local_day("at", terms.zone))


def _asked(answers: pl.DataFrame) -> pl.DataFrame:
    """The re-checks that answers are (rulings 8 and 34): of the topics that were to be asked again, if any."""
    asked = answers.filter(pl.col("answer") == "asked")
    return asked.select("id", "deal", "topics", "by", on="day", recorded_at="at").select(SCHEMAS["rechecks"].keys())


def _history(table: pl.DataFrame, terms: Terms, deals: pl.DataFrame) -> pl.DataFrame:
    """Real changes of fields we follow, oldest first; our own writes and changes to the same value are none."""
    ours = pl.col("by").eq_missing(terms.user) if terms.user else pl.lit(value=False)
    real = pl.col("old").ne_missing(pl.col("new")) & pl.col("field").is_in(list(HISTORY_FIELDS))
    rows = table.select("deal", "at", "field", "old", "new", counts=real & ~ours).filter("counts").drop("counts")
    changes = _refer(rows, deals, "deal").sort("deal", "at", maintain_order=True)
    return changes.select("deal", "at", local_day("at", terms.zone).alias("day"), "field", "old", "new")


def _recorded(events: pl.DataFrame, on_deals: pl.DataFrame, known: _Known) -> pl.DataFrame:
    """When each source recorded something for each owner: on a deal of theirs, or by them; null for nobody's."""
    source_of = {kind: source for source, kinds in SOURCES.items() for kind in kinds}
    what = events.select(
        "event", "by", source=pl.col("kind").replace_strict(source_of, return_dtype=pl.Enum(list(SOURCES))),
        day=pl.coalesce(local_day("recorded_at", known.terms.zone), "day"),
    )  # fmt: skip
    owned = on_deals.select("event", "deal").join(what, on="event").join(known.deals.select("deal", "owner"), on="deal")
    own = what.select("source", "day", owner="by")
    return pl.concat([owned.select("source", "day", "owner"), own]).unique()


def cases(facts: Facts, deals: Iterable[str] | None = None) -> pl.DataFrame:
    """The deals to audit, as row numbers with id, state and claimed rung; all of them, or those named by id."""
    chosen = facts.deals.select("deal", "id", "state", "rung")
    return chosen if deals is None else chosen.filter(pl.col("id").is_in(list(deals)))
