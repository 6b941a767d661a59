"""What a deal may be made of, and what a rule's leaves say about it: asked of the evaluator itself. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice

from crm_audit.domain import RUNGS, Change, Company, Deal, Event, Link, Person, Recheck, Record, Stage
from crm_audit.evaluate import Observed, judge, observe, status
from crm_audit.facts import Terms, build
from crm_audit.frames import frames
from crm_audit.policy import Combined, Leaf, Pack, Rule

NOW = datetime(2026, 3, 16, 15, tzinfo=UTC)
TODAY = NOW.date()
"""A day like any other: nothing here depends on when it is asked."""

PIPELINE = "p"
TERMS = Terms(
    zone="UTC", currency="USD", ladders={PIPELINE: {name: rung for rung, name in RUNGS.items()}}, source_days=None
)
AT_ONCE = 500
"""Deals that are tried in one go."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A part of a deal: fields of it and of its company, its people as (name, role), and what happened on it.

    Rows name people by name and no deal at all; `record` gives both their ids.
    """

    deal: Mapping[str, object] = field(default_factory=dict)
    company: Mapping[str, object] | None = None
    people: frozenset[tuple[str, str]] = frozenset()
    rows: tuple[Record, ...] = ()

    def __or__(self, other: Parts) -> Parts:
        """Both parts on one deal."""
        company = self.company if other.company is None else {**(self.company or {}), **other.company}
        rows = tuple(dict.fromkeys((*self.rows, *other.rows)))
        return Parts({**self.deal, **other.deal}, company, self.people | other.people, rows)


NOTHING = Parts()


def ago(days: int) -> date:
    """So many days before today; ahead of it where negative."""
    return TODAY - timedelta(days=days)


def at(days: int) -> datetime:
    """An instant on that day that has passed, or is yet to come."""
    return NOW - timedelta(days=days, minutes=1 if days >= 0 else 0)


def saying(leaf: Leaf) -> str:
    """Names a leaf with its limits."""
    return f"{leaf.predicate} {leaf.args.model_dump_json()}"


def holding(leaves: Sequence[Leaf], tried: Iterable[Parts], rung: int) -> Iterator[tuple[Parts, tuple[bool, ...]]]:
    """Each part with what every leaf says about a deal just below the rung that is made of it alone."""
    left = iter(tried)
    while some := list(islice(left, AT_ONCE)):
        yield from zip(some, _judged(leaves, some, rung), strict=True)


def _judged(leaves: Sequence[Leaf], some: Sequence[Parts], rung: int) -> list[tuple[bool, ...]]:
    if not leaves:
        return [()] * len(some)
    asked = Rule(id="A-A", title="", layer="system", start=0, require=Combined("all", tuple(leaves)))
    observed = _observed([asked], some, rung)
    told = [judge(leaf, rung, observed).holds.fill_null(value=False).alias(str(n)) for n, leaf in enumerate(leaves)]
    return list(observed.table.select(told).iter_rows())


def failing(rules: Sequence[Rule], parts: Parts, rung: int) -> list[str]:
    """The rules that fail on a deal of these parts just below the rung; judged as any audit judges them."""
    observed = _observed(rules, [parts], rung)
    told = observed.table.select([status(rule, rung, observed).alias(rule.id) for rule in rules])
    return [rule.id for rule in rules if told[rule.id].item() == "fails"]


def _observed(rules: Sequence[Rule], some: Sequence[Parts], rung: int) -> Observed:
    records = [*_stages(), *(row for number, parts in enumerate(some) for row in _records(parts, number, rung))]
    pack = Pack(name="", title="", version=1, rules=tuple(rules))
    return observe(build(frames(records), TERMS), pack, [(number, NOW) for number in range(len(some))])


def _stages() -> list[Record]:
    return [Stage(id=name, pipeline=PIPELINE, stage=name, label=name, position=rung) for rung, name in RUNGS.items()]


def _records(parts: Parts, number: int, rung: int) -> Iterator[Record]:
    """The parts as records of a deal of its own."""
    mine = f"{number}"
    plain = {"created": at(0), "stage": RUNGS[max(rung - 1, 0)], **parts.deal}
    company = None if parts.company is None else mine
    yield Deal(id=mine, name=mine, pipeline=PIPELINE, company=company, **plain)  # type: ignore[arg-type]  # by name
    if parts.company is not None:
        yield Company(id=mine, name=mine, **parts.company)  # type: ignore[arg-type]  # by name
    for name in {name for name, _ in parts.people}:
        yield Person(id=f"{mine}/{name}", name=name)
    for name, role in parts.people:
        yield Link(id=f"{mine}/{name}/{role}", deal=mine, person=f"{mine}/{name}", role=role)
    for row in parts.rows:
        yield _owned(row, mine)


def _owned(row: Record, mine: str) -> Record:
    if isinstance(row, Event):
        people = tuple(f"{mine}/{name}" for name in row.people)
        return replace(row, id=f"{mine}/{row.id}", deals=(mine,), people=people)
    assert isinstance(row, (Change, Recheck))  # nothing else happens on a deal
    return replace(row, id=f"{mine}/{row.id}", deal=mine)
