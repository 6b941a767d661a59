"""Every value that makes a difference to a rule: one on each side of each limit that the pack sets. Pure.

Leaves that look at the same quantity form a group; groups do not touch one another. A value that arises only at a rung
is not there for a deal that stands below it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import combinations, islice, pairwise, product
from typing import Any

from crm_audit.deadlocks.parts import NOTHING, NOW, Parts, ago, at
from crm_audit.domain import BUYER_ACTS, RUNGS, STRENGTH, Change, Event, Recheck
from crm_audit.policy import Leaf
from crm_audit.predicates.base import at as limit_at

Missing = Collection[str]
"""Kinds of event, topics, roles and fields that do not exist yet."""

MOST = 4_000
"""Deals tried for one group; packs that people write need a handful."""

PEOPLE, COMPANY, PAST = "people", "company", "past"
"""PAST holds what cannot be taken back: a deal only gets older, and what changed on it only more."""

KEPT = "kept"


def group_of(leaf: Leaf) -> str:
    """The quantity that a leaf looks at."""
    args: Any = leaf.args
    if leaf.predicate == "history" or (leaf.predicate == "date" and args.path == "created"):
        return PAST
    if leaf.predicate in ("field", "date"):
        return COMPANY if args.path.startswith(COMPANY) else str(args.path)
    if leaf.predicate == "since":
        return PEOPLE if args.of in (*STRENGTH, "buyer_act") else PAST
    return PEOPLE if leaf.predicate in ("evidence", "contact") else leaf.predicate


def values(group: str, leaves: Sequence[Leaf], rung: int, *, missing: Missing) -> Iterator[Parts]:
    """What can be tried for a group other than people, a deal without any of it first."""
    yield NOTHING
    make = _MAKE.get(group, _text_or_number)
    if group not in missing:
        yield from islice(make(group, leaves, rung, missing), MOST)


Measure = Mapping[str, int]
"""How much of what cannot be taken back a deal has: its age, and how often its fields changed in which way."""


def measure(parts: Parts) -> Measure:
    """The measure of a part of a deal; what can be waited out is none."""
    kept = [row.id.rpartition(" ")[0] for row in parts.rows if isinstance(row, Change) and row.id.startswith(KEPT)]
    created = parts.deal.get("created")
    age = {"age": (NOW - created).days} if isinstance(created, datetime) else {}
    return {**age, **Counter(kept)}


def grown(before: Measure, after: Measure) -> bool:
    """Whether a deal can get from one to the other."""
    return all(after.get(name, 0) >= n for name, n in before.items())


def _text_or_number(group: str, leaves: Sequence[Leaf], rung: int, missing: Missing) -> Iterator[Parts]:
    for value in _values(leaves):
        yield Parts({group: value})


def _values(leaves: Iterable[Leaf]) -> list[object]:
    """Values of a field on every side of what it is compared with."""
    texts: list[str] = ["something"]
    numbers: list[Decimal] = []
    for args in (leaf.args.model_dump() for leaf in leaves):
        told = (args.get("equals"), args.get("not_equals"), *(args.get("one_of") or ()), args.get("matches"))
        texts += [text for text in told if text is not None]
        limits = (args.get(name) for name in ("below", "at_most", "above", "at_least"))
        numbers += [limit for limit in limits if limit is not None]
    return list(_around(numbers)) if numbers else list(dict.fromkeys(texts))


def _around(numbers: Iterable[Decimal]) -> Iterator[Decimal]:
    """Every number, and something between any two of them and beyond."""
    known = sorted(set(numbers))
    yield from (*known, known[0] - 1, known[-1] + 1)
    yield from ((one + other) / 2 for one, other in pairwise(known))


def _company(group: str, leaves: Sequence[Leaf], rung: int, missing: Missing) -> Iterator[Parts]:
    """A company, with each of its fields empty and on every side of its limits."""
    fields: dict[str, list[object]] = {}
    for path in {str(leaf.args.path) for leaf in leaves} - {COMPANY, *missing}:  # type: ignore[attr-defined]  # a field's or a date's
        mine = [leaf for leaf in leaves if leaf.args.path == path]  # type: ignore[attr-defined]  # as above
        dates = any(leaf.predicate == "date" for leaf in mine)
        found: list[object] = [ago(-ahead) for ahead in _days_ahead(mine, rung)] if dates else _values(mine)
        fields[path.removeprefix(f"{COMPANY}.")] = [None, *found]
    for row in product(*fields.values()):
        yield Parts(company=dict(zip(fields, row, strict=True)))


def _close_date(group: str, leaves: Sequence[Leaf], rung: int, missing: Missing) -> Iterator[Parts]:
    for ahead in _days_ahead(leaves, rung):
        yield Parts({group: ago(-ahead)})


def _days_ahead(leaves: Iterable[Leaf], rung: int) -> list[int]:
    """Days ahead (back where negative) on both sides of every limit, and in this and the next fiscal year."""
    found = [0, 1, -1, 300, 600, 1_200]
    for args in (leaf.args for leaf in leaves):
        for name, sign in (("max_days_ahead", 1), ("max_days_ago", -1)):
            limit = getattr(args, name, None)
            found += [] if limit is None else [sign * limit_at(limit, rung), sign * (limit_at(limit, rung) + 1)]
    return list(dict.fromkeys(found))


def _money(group: str, leaves: Sequence[Leaf], rung: int, missing: Missing) -> Iterator[Parts]:
    """Amounts and budgets on both sides of each constant, apart by more than any tolerance and not at all."""
    limits = [limit for leaf in leaves if (limit := getattr(leaf.args, "at_least", None)) is not None]
    sizes: list[Decimal | None] = [*_around([Decimal(100), *limits]), None]
    sizes += [1_000 * size for size in sizes if size]
    for amount, budget in product(sizes, sizes):
        row = {"amount": amount, "budget": budget}
        yield Parts({name: value for name, value in row.items() if name not in missing})


def _rechecked(group: str, leaves: Sequence[Leaf], rung: int, missing: Missing) -> Iterator[Parts]:
    """The topics of some of the leaves, asked on one day or another."""
    ages = _ages(leaves, rung)
    for size in range(len(leaves), 0, -1):
        for some, age in product(combinations(leaves, size), ages):
            topics = sorted({name for leaf in some for name in leaf.args.names()} - set(missing))  # type: ignore[attr-defined]  # rechecked's
            yield Parts(rows=(Recheck(id=f"{topics} {age}", deal="", on=ago(age), topics=tuple(topics)),))


def _planned(group: str, leaves: Sequence[Leaf], rung: int, missing: Missing) -> Iterator[Parts]:
    for kind, days in product(("meeting_held", "task_open"), _ages(leaves, rung, least=1)):
        if kind not in missing:
            yield Parts(rows=(Event(id=f"{kind} ahead {days}", kind=kind, at=at(-days), people=(), deals=()),))


def _ages(leaves: Iterable[Leaf], rung: int, least: int = 0) -> list[int]:
    """Days on both sides of every window."""
    limits = [limit_at(leaf.args.within, rung) for leaf in leaves if hasattr(leaf.args, "within")]
    limits += [limit_at(leaf.args.max, rung) for leaf in leaves if leaf.predicate == "since"]  # type: ignore[attr-defined]  # since's
    return [least, *sorted({days for limit in limits for days in (limit, limit + 1)} - {least})]


def _past(group: str, leaves: Sequence[Leaf], rung: int, missing: Missing) -> Iterator[Parts]:
    """A deal that is old enough for what changed on it, and on both sides of every limit of its age."""
    of: dict[str, list[Leaf]] = {}
    for leaf in leaves:
        args: Any = leaf.args
        of.setdefault(args.field if leaf.predicate == "history" else getattr(args, "of", "created"), []).append(leaf)
    mine = of.pop("created", [])
    ages = {*_ages(mine, rung), *(-ahead for ahead in _days_ahead(mine, rung) if mine and ahead < 0)}
    for each in product(*(list(_history(name, told, rung)) for name, told in of.items())):
        rows = tuple(row for changes in each for row in changes)
        begun = max([0, *((NOW - row.at).days for row in rows)])
        yield from (Parts({"created": at(age)}, rows=rows) for age in sorted({begun, *ages}))


def _history(name: str, leaves: Sequence[Leaf], rung: int) -> Iterator[tuple[Change, ...]]:
    """A field that changed in each way as often as is allowed and once more, the last time on one day or another."""
    most: dict[_Way, set[int]] = {}
    for leaf in leaves:
        if leaf.predicate == "history":
            args: Any = leaf.args
            limit = limit_at(args.max, rung)
            way = _Way(args.change, args.days, kept=not isinstance(args.span, int))
            most.setdefault(way, {0}).update((limit, limit + 1))
    last = _ages([leaf for leaf in leaves if leaf.predicate == "since"], rung)
    for *times, age in product(*(sorted(each) for each in most.values()), last):
        yield tuple(_changes(name, dict(zip(most, times, strict=True)), age, rung))


def _changes(name: str, times: Mapping[_Way, int], age: int, rung: int) -> Iterator[Change]:
    """So many changes of each kind on days of their own; no stage above the one below the rung was ever reached."""
    days = age + 2 * sum(times.values())
    for way, n in times.items():
        for number in range(n):
            old, new = _step(way, rung)
            yield Change(id=f"{way} {number}", deal="", field=name, at=at(days), old=old, new=new)
            days -= 2
    last = {"stage": RUNGS[max(rung - 1, 0)], "close_date": ago(0).isoformat()}.get(name, "1")
    below = RUNGS[rung - 2] if name == "stage" and rung > 1 else None
    yield Change(id=f"last {name}", deal="", field=name, at=at(age), old=below, new=last)


def _step(way: _Way, rung: int) -> tuple[str, str]:
    top = max(rung - 1, 0)
    told: Mapping[str, tuple[str, str]] = {
        "later": (ago(0).isoformat(), ago(-way.days).isoformat()),
        "up": ("1", "2"),
        "down": ("2", "1"),
        "regress": (RUNGS[top], RUNGS[max(top - 1, 0)]),
        "skip": (RUNGS[0], RUNGS[top]),
    }
    return told[way.change]


@dataclass(frozen=True, slots=True)
class _Way:
    """One way in which a field changes; it is kept unless it counts for some days only."""

    change: str
    days: int
    kept: bool

    def __str__(self) -> str:
        return f"{KEPT if self.kept else 'passing'} {self.change} {self.days}"


Maker = Callable[[str, Sequence[Leaf], int, Missing], Iterator[Parts]]
_MAKE: Mapping[str, Maker] = {
    COMPANY: _company, "close_date": _close_date, "money": _money, "rechecked": _rechecked, "planned": _planned,
    PAST: _past,
}  # fmt: skip


def deeds(leaf: Leaf, others: Sequence[Leaf], rung: int, *, missing: Missing) -> Iterator[Parts]:
    """Each way, as far as any leaf can tell it apart, in which people make a leaf hold and no more than that."""
    args: Any = leaf.args
    if leaf.predicate == "contact":
        people = frozenset((f"{args.role}{n}", args.role) for n in range(args.min))
        yield from [Parts(people=people)] if args.role not in missing else []
        return
    every = [each for each in others if each.predicate != "contact"]
    kinds = _apart(_kinds(leaf), lambda kind: [kind in _kinds(each) for each in every], missing)
    topics = [(topic,) for topic in _topics(leaf) if topic not in missing] if _topics(leaf) else [()]
    ages = [age for age in (0, *(limit + 1 for limit in _windows(every, rung))) if age <= _window(leaf, rung)]
    roles = _apart(_roles(leaf), lambda role: [role in _roles(each) for each in others], missing)
    for kind, topic, age, role in product(kinds, topics, dict.fromkeys(ages), roles):
        yield _deed(kind, topic, age, _together(role, getattr(args, "min_people", 1), alone=bool(_named(leaf))))


def _deed(kind: str, topics: tuple[str, ...], age: int, people: Mapping[str, str]) -> Parts:
    event = Event(
        id=f"{kind} {topics} {age} {sorted(people)}", kind=kind, at=at(age), people=tuple(sorted(people)), topics=topics
    )
    return Parts(people=frozenset(people.items()), rows=(event,))


def _together(role: str, n: int, *, alone: bool) -> dict[str, str]:
    """So many people, the first of them in the role; the others too where only that role counts."""
    others = role if alone else "other"
    return {f"{role}0": role, **{f"{others}{number}": others for number in range(1, n)}}


def _apart(names: Iterable[str], told: Callable[[str], list[bool]], missing: Missing) -> list[str]:
    """One name of each kind that any leaf tells apart from the others."""
    first: dict[tuple[bool, ...], str] = {}
    for name in names:
        if name not in missing:
            first.setdefault(tuple(told(name)), name)
    return list(first.values())


def _kinds(leaf: Leaf) -> Sequence[str]:
    args: Any = leaf.args
    if leaf.predicate == "evidence":
        return tuple(args.possible())
    return BUYER_ACTS if getattr(args, "of", "") == "buyer_act" else (getattr(args, "of", ""),)


def _topics(leaf: Leaf) -> tuple[str, ...]:
    return leaf.args.topics() if leaf.predicate == "evidence" else ()  # type: ignore[attr-defined]  # evidence's


def _named(leaf: Leaf) -> tuple[str, ...]:
    args: Any = leaf.args
    if leaf.predicate == "contact":
        return (args.role,)
    by = getattr(args, "by", None)
    return () if by is None else tuple(by.roles())


EVERYBODY = ("other", "user", "influencer", "technical", "champion", "authority", "sponsor", "coach", "blocker")
"""Roles that any eligible buyer may have; who has none in particular comes first."""


def _roles(leaf: Leaf) -> tuple[str, ...]:
    return _named(leaf) or EVERYBODY


def _window(leaf: Leaf, rung: int) -> int:
    args: Any = leaf.args
    return limit_at(args.max if leaf.predicate == "since" else args.within, rung)


def _windows(leaves: Iterable[Leaf], rung: int) -> list[int]:
    return sorted({_window(leaf, rung) for leaf in leaves})
