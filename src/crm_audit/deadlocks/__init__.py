"""Can every stage be entered? A deal is looked for, rung by rung, that no gate on its way refuses. Pure.

A deal that is found is shown to the evaluator before it counts, so that a pack that passes can be passed. Where none is
found, the fewest rules that keep every deal out are named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from crm_audit.deadlocks.makings import Measure, grown, measure
from crm_audit.deadlocks.search import Asked, Search
from crm_audit.domain import RUNGS, TOP, Rung
from crm_audit.explain import joined
from crm_audit.gates import HowFar, blocks
from crm_audit.policy import Pack, Rule

PASTS = 300
"""Pasts of a deal that are tried at a rung."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlock:
    """The fewest rules that keep every deal out of a rung."""

    rung: int
    rules: tuple[str, ...]
    earlier: Mapping[str, int] = field(default_factory=dict)  # rule -> the rung below at which its gate was passed
    waits_for: Mapping[str, Rung] = field(default_factory=dict)  # what is asked for -> from which rung on it exists

    @property
    def says(self) -> str:
        """Which rules contradict each other at which rung, and what to change."""
        names, where = joined(self.rules), f"{self.rung} {RUNGS[self.rung]}"
        asks = "asks" if len(self.rules) == 1 else "ask"
        if self.waits_for:
            things = joined(f"{name} (there from {rung} on)" for name, rung in self.waits_for.items())
            return (
                f"{names} {asks} at the gate of {where} for what lies behind it: {things}; "
                "let it block at a later rung (block_from), or set it to warn under rule_ladders"
            )
        if self.earlier:
            passed = joined(f"{name} at {rung} {RUNGS[rung]}" for name, rung in self.earlier.items())
            return (
                f"no deal that passed {passed} can satisfy {names} at {where}: what happened cannot be undone; "
                "change one of them, or set it to warn under rule_ladders"
            )
        if len(self.rules) == 1:
            return f"{names} can hold on no deal at {where}; change it, or set it to warn under rule_ladders"
        return f"{names} contradict each other at {where}; change one of them, or set it to warn under rule_ladders"


def deadlocks(pack: Pack, how_far: HowFar, arises: Mapping[str, Rung] | None = None) -> list[Deadlock]:
    """Every rung that no deal can enter; none where all can be reached one after another.

    `arises` names what exists only once a deal stands at a rung: a kind of event, a topic, a role or a field.
    """
    found: list[Deadlock] = []
    for pipeline in (*how_far.pipelines, ""):
        gates = {rung: _gates(pack, how_far, pipeline, rung) for rung in range(1, TOP + 1)}
        found += [each for each in _Way(gates, arises or {}).deadlocks() if each not in found]
    return found


def _gates(pack: Pack, how_far: HowFar, pipeline: str, rung: int) -> list[Rule]:
    """The rules that refuse the rung in a pipeline."""
    asked = (rule for rule in pack.rules if rule.require is not None and blocks(rule, rung))
    return [rule for rule in asked if how_far.step(rule.id, pipeline) == "block"]


class _Way:
    """The gates of one pipeline, in their order."""

    def __init__(self, gates: Mapping[int, Sequence[Rule]], arises: Mapping[str, Rung]) -> None:
        self._gates, self._arises = gates, arises
        rules = {rule.id: rule for each in gates.values() for rule in each}
        self._search = Search(list(rules.values()))

    def deadlocks(self) -> list[Deadlock]:
        """What each rung says, the others set aside; then, where all are possible, one after another."""
        alone = [found for rung, rules in self._gates.items() for found in self._alone(rung, rules)]
        if alone:
            return alone
        passed = [(rung, rule) for rung, rules in self._gates.items() for rule in rules]
        if self._stuck(passed) is None:
            return []
        fewest = _fewest(passed, lambda some: self._stuck(some) is not None)
        rung = max(rung for rung, _ in fewest)
        earlier = {rule.id: each for each, rule in fewest if each < rung}
        return [Deadlock(rung=rung, rules=tuple(rule.id for each, rule in fewest if each == rung), earlier=earlier)]

    def _missing(self, rung: int) -> frozenset[str]:
        """What does not exist yet for a deal that stands below the rung."""
        return frozenset(name for name, since in self._arises.items() if not isinstance(since, int) or since >= rung)

    def _alone(self, rung: int, rules: Sequence[Rule]) -> Iterator[Deadlock]:
        """Contradictions at one rung that have no rule in common."""
        asked = Asked(rung, self._missing(rung))
        left = list(rules)
        while self._search.deal(left, asked) is None:
            fewest = _fewest(left, lambda some: self._search.deal(some, asked) is None)
            yield self._told(fewest, asked)
            left = [rule for rule in left if rule not in fewest]

    def _told(self, fewest: Sequence[Rule], asked: Asked) -> Deadlock:
        """Whether they contradict each other, or wait for what is not there yet."""
        rung, names = asked.rung, tuple(rule.id for rule in fewest)
        if self._search.deal(fewest, Asked(rung)) is None:
            return Deadlock(rung=rung, rules=names)
        needed = _fewest(
            sorted(asked.missing), lambda some: self._search.deal(fewest, Asked(rung, frozenset(some))) is None
        )
        return Deadlock(rung=rung, rules=names, waits_for={name: self._arises[name] for name in needed})

    def _stuck(self, passed: Sequence[tuple[int, Rule]]) -> int | None:
        """The first rung that no deal can enter that came through the gates below it; None where all can be."""
        reached: list[Measure] = [{}]
        for rung in sorted({rung for rung, _ in passed}):
            rules = [rule for each, rule in passed if each == rung]
            reached = [past for past in self._pasts(rules, rung) if any(grown(before, past) for before in reached)]
            if not reached:
                return rung
        return None

    def _pasts(self, rules: Sequence[Rule], rung: int) -> list[Measure]:
        """What a deal may have behind it that satisfies the rules at a rung."""
        found = []
        for past in islice(self._search.pasts(rung), PASTS):
            if self._search.deal(rules, Asked(rung, self._missing(rung), past)) is not None:
                found.append(measure(past))
        return found


def _fewest(things: Sequence[T], still: Callable[[Sequence[T]], bool]) -> list[T]:
    """The things without any that it takes none of for `still` to be true."""
    kept = list(things)
    for thing in reversed(things):
        fewer = [each for each in kept if each is not thing]
        if still(fewer):
            kept = fewer
    return kept
