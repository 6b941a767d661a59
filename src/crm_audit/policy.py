"""What a pack says, as frozen values: rules, and the expressions they require."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from crm_audit.domain import TOP
from crm_audit.predicates import PREDICATES
from crm_audit.predicates.base import Args, Reasons


@dataclass(frozen=True, slots=True)
class Leaf:
    """One predicate with its arguments."""

    predicate: str
    args: Args

    @property
    def key(self) -> str:
        """The same for leaves that observe the same, whatever they judge it against."""
        seen = self.args.model_dump_json(exclude=set(PREDICATES[self.predicate].THRESHOLDS))
        return f"{self.predicate} {seen}"


@dataclass(frozen=True, slots=True)
class Combined:
    """`all`, `any`, `not`, or `at_least` k of its parts, in Kleene's logic (qualification 3.2)."""

    how: str
    parts: tuple[Node, ...]
    k: int = 0


Node = Leaf | Combined


@dataclass(frozen=True, slots=True)
class Message:
    """What a finding says, and the next thing to do; {names} are filled in."""

    says: str
    todo: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a pack (qualification 3.9)."""

    id: str
    title: str
    layer: str
    start: int
    end: int = TOP
    gate: bool = False
    severity: str = "minor"
    block_from: int | None = None
    suppressed_by: tuple[str, ...] = ()
    about: str | None = None  # a role whose holders are named, or `former`
    quick_fix: bool = False
    require: Node | None = None  # None: SYS-UNMAPPED-STAGE, which the ladder itself decides
    when: Node | None = None
    reason: str | None = None  # a fixed reason, for combined requirements
    messages: Mapping[str, Message] = field(default_factory=dict)
    basis: str = ""

    def applies(self, rung: int) -> bool:
        """Whether the rule is asked at a rung."""
        return self.start <= rung <= self.end

    def leaves(self) -> Iterator[Leaf]:
        """Every predicate in the requirement and the guard."""
        for node in (self.require, self.when):
            if node is not None:
                yield from leaves(node)

    def reasons(self) -> Reasons:
        """Every reason the rule can give: the fixed one where it fails, and those of its guard where it is unknown."""
        if self.require is None:
            return Reasons((), ("unmapped",))
        told = reasons(self.require)
        blind = (*told.unknown, *(reasons(self.when).unknown if self.when else ()))
        return Reasons((self.reason,) if self.reason else told.fails, tuple(dict.fromkeys(blind)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A set of rules that stand together."""

    name: str
    title: str
    version: int
    rules: tuple[Rule, ...]

    def rule(self, rule_id: str) -> Rule:
        """The rule of that id; KeyError where there is none."""
        for rule in self.rules:
            if rule.id == rule_id:
                return rule
        raise KeyError(rule_id)

    def hidden_by(self, rule_id: str) -> tuple[str, ...]:
        """The rules that say nothing of their own while that one stands out."""
        return tuple(rule.id for rule in self.rules if rule_id in rule.suppressed_by)

    def without(self, rule_ids: frozenset[str]) -> Pack:
        """The pack with some rules left out."""
        kept = tuple(rule for rule in self.rules if rule.id not in rule_ids)
        return Pack(name=self.name, title=self.title, version=self.version, rules=kept)


def leaves(node: Node) -> Iterator[Leaf]:
    """Every predicate below a node, left to right."""
    if isinstance(node, Leaf):
        yield node
        return
    for part in node.parts:
        yield from leaves(part)


def reasons(node: Node) -> Reasons:
    """Every reason a requirement can give; what must not hold fails for being there."""
    if isinstance(node, Leaf):
        told: Reasons = PREDICATES[node.predicate].reasons(node.args)
        return told
    parts = [reasons(part) for part in node.parts]
    fails = ["differs"] if node.how == "not" else [reason for part in parts for reason in part.fails]
    unknown = [reason for part in parts for reason in part.unknown]
    return Reasons(tuple(dict.fromkeys(fails)), tuple(dict.fromkeys(unknown)))


UNMAPPED_STAGE = "SYS-UNMAPPED-STAGE"
Severity = Literal["info", "minor", "major", "critical"]
SEVERITIES: tuple[str, ...] = get_args(Severity)
"""The mildest first."""
Layer = Literal["organisation", "opportunity", "stakeholder", "momentum", "hygiene", "system"]
LAYERS: tuple[str, ...] = get_args(Layer)
