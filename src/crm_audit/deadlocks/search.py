"""Is there a deal on which none of some rules fails at a rung? Found by trying, and shown to the evaluator. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice, product

from crm_audit.deadlocks.makings import MOST, PAST, PEOPLE, deeds, group_of, values
from crm_audit.deadlocks.parts import NOTHING, Parts, failing, holding, saying
from crm_audit.policy import Combined, Leaf, Node, Rule

Way = frozenset[tuple[str, bool]]
"""Leaves by what they say, with whether each must hold: one way for rules not to fail."""

PROOFS = 20
"""Deals shown to the evaluator as a whole before a way is given up."""


@dataclass(frozen=True)
class Asked:
    """What a deal is looked for at: a rung, what does not exist below it, and what it has behind it."""

    rung: int
    missing: frozenset[str] = frozenset()
    past: Parts | None = None  # None: any will do


class Search:
    """Looks for deals that satisfy some of these rules; what was found once is remembered."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._leaves = {saying(leaf): leaf for rule in rules for leaf in rule.leaves()}
        self._groups: dict[str, list[Leaf]] = {}
        for leaf in self._leaves.values():
            self._groups.setdefault(group_of(leaf), []).append(leaf)
        self._known: dict[object, Parts | None] = {}

    def pasts(self, rung: int) -> Iterator[Parts]:
        """What a deal may have behind it, as far as any rule can tell it apart."""
        return values(PAST, self._groups[PAST], rung, missing=()) if PAST in self._groups else iter([NOTHING])

    def deal(self, rules: Sequence[Rule], asked: Asked) -> Parts | None:
        """A deal on which none of the rules fails; None where there is none."""
        for way in islice(self._ways(rules, frozenset(), asked), PROOFS):
            whole = asked.past or NOTHING
            for group in _touched(way, self._leaves):
                whole |= self._part(group, way, asked) or NOTHING
            if not failing(rules, whole, asked.rung):
                return whole
        return None

    def _ways(self, rules: Sequence[Rule], chosen: Way, asked: Asked) -> Iterator[Way]:
        """Ways for all the rules that every quantity allows."""
        if not rules:
            yield chosen
            return
        for way in ways_of(rules[0]):
            both = chosen | way
            if both == chosen or (not _contradicts(both) and self._possible(both, way, asked)):
                yield from self._ways(rules[1:], both, asked)

    def _possible(self, both: Way, way: Way, asked: Asked) -> bool:
        return all(self._part(group, both, asked) is not None for group in _touched(way, self._leaves))

    def _part(self, group: str, way: Way, asked: Asked) -> Parts | None:
        """What a deal must have of a group; None where nothing will do."""
        mine = frozenset(each for each in way if group_of(self._leaves[each[0]]) == group)
        given = asked.past if group == PAST else None
        key = (group, mine, asked.rung, asked.missing, None if given is None else repr(given))
        if key not in self._known:
            self._known[key] = self._found(group, mine, asked, given)
        return self._known[key]

    def _found(self, group: str, way: Way, asked: Asked, given: Parts | None) -> Parts | None:
        leaves = [self._leaves[name] for name, _ in way]
        wanted = tuple(holds for _, holds in way)
        tried = self._tried(group, way, asked) if given is None else iter([given])
        return next((parts for parts, told in holding(leaves, tried, asked.rung) if told == wanted), None)

    def _tried(self, group: str, way: Way, asked: Asked) -> Iterator[Parts]:
        if group != PEOPLE:
            return values(group, self._groups[group], asked.rung, missing=asked.missing)
        return self._people(way, asked)

    def _people(self, way: Way, asked: Asked) -> Iterator[Parts]:
        """Deeds for every leaf that must hold, without those that alone break one that must not."""
        forbidden = [self._leaves[name] for name, holds in way if not holds]
        choices = []
        for name in sorted(name for name, holds in way if holds):
            every = deeds(self._leaves[name], self._groups[PEOPLE], asked.rung, missing=asked.missing)
            choices.append([parts for parts, told in holding(forbidden, every, asked.rung) if not any(told)])
        for some in islice(product(*choices), MOST):
            whole = NOTHING
            for parts in some:
                whole |= parts
            yield whole


def ways_of(rule: Rule) -> Iterator[Way]:
    """Ways for a rule not to fail: its requirement holds, or its guard does not."""
    assert rule.require is not None  # rules without a requirement are never judged
    yield from ways(rule.require, holds=True)
    if rule.when is not None:
        yield from ways(rule.when, holds=False)


def ways(node: Node, *, holds: bool) -> Iterator[Way]:
    """Ways for a requirement to hold, or not to."""
    if isinstance(node, Leaf):
        yield frozenset({(saying(node), holds)})
        return
    if node.how == "not":
        yield from ways(node.parts[0], holds=not holds)
        return
    for some in combinations(node.parts, _enough(node, holds=holds)):
        for each in product(*(list(ways(part, holds=holds)) for part in some)):
            whole: Way = frozenset().union(*each)
            if not _contradicts(whole):
                yield whole


def _enough(node: Combined, *, holds: bool) -> int:
    """How many parts must hold, or not hold."""
    k = {"all": len(node.parts), "any": 1}.get(node.how, node.k)
    return k if holds else len(node.parts) - k + 1


def _contradicts(way: Way) -> bool:
    return any((name, not holds) in way for name, holds in way)


def _touched(way: Collection[tuple[str, bool]], leaves: Mapping[str, Leaf]) -> list[str]:
    return sorted({group_of(leaves[name]) for name, _ in way})
