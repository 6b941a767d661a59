"""4 · Proof: every rule of one deal, holding or not, with what was looked for, what was found and where. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from crm_audit.evaluate import Audit, Observed, judge, judged, status
from crm_audit.facts import Facts
from crm_audit.policy import Combined, Leaf, Node, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One node of a requirement. `record` is the event it rests on, where it rests on one."""

    depth: int
    asks: str
    holds: bool | None
    reason: str | None
    observed: Mapping[str, object]
    record: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One rule at one rung."""

    rule: str
    title: str
    rung: int
    gate: bool
    status: str
    steps: tuple[Step, ...]


def prove(audit: Audit, deal: str, rung: int) -> list[Proof]:
    """Every rule that applies to the deal at a rung; empty for a deal that was not judged."""
    row = audit.verdicts.row(by_predicate=pl.col("id") == deal, named=True)
    if row["m"] is None:
        return []
    seen = audit.observed
    only = Observed(seen.scene, seen.table.filter(pl.col("m") == row["m"]), seen.names, seen.broken)
    return [_proof(rule, rung, only) for rule in judged(audit.pack, rung)]


def _proof(rule: Rule, rung: int, seen: Observed) -> Proof:
    nodes = [*([rule.when] if rule.when else []), *([rule.require] if rule.require else [])]
    return Proof(
        rule=rule.id,
        title=rule.title,
        rung=rung,
        gate=rule.gate,
        status=seen.table.select(status(rule, rung, seen)).item(),
        steps=tuple(step for node in nodes for step in _steps(node, rung, seen, 0)),
    )


def _steps(node: Node, rung: int, seen: Observed, depth: int) -> Iterator[Step]:
    judgement = judge(node, rung, seen)
    named = judgement.details if isinstance(node, Leaf) else {}
    row = seen.table.select(holds=judgement.holds, why=judgement.reason, **{f"_{k}": v for k, v in named.items()}).row(
        0, named=True
    )
    observed = {name: row[f"_{name}"] for name in named if row[f"_{name}"] not in (None, [])}
    yield Step(
        depth=depth,
        asks=_asks(node),
        holds=row["holds"],
        reason=None if row["holds"] else row["why"],
        observed={name: value for name, value in observed.items() if name not in _INWARD and not _idle(name, observed)},
        record=_record(seen.scene.facts, observed),
    )
    if isinstance(node, Combined):
        for part in node.parts:
            yield from _steps(part, rung, seen, depth + 1)


_INWARD = ("event", "void_event", "former")
"""Row numbers, which mean nothing outside."""


def _idle(name: str, observed: Mapping[str, object]) -> bool:
    """Counting to one says nothing that holding does not."""
    return name in ("n", "wanted") and observed.get("wanted") == 1


def _asks(node: Node) -> str:
    if isinstance(node, Combined):
        return f"at least {node.k} of" if node.how == "at_least" else f"{node.how} of"
    told = node.args.model_dump(exclude_defaults=True)
    words = [f"{name.replace('_', ' ')} {_plain(value)}" for name, value in told.items() if name != "reason"]
    return f"{node.predicate}: {', '.join(words)}"


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(
            f"{_plain(v)} from rung {k}" if isinstance(k, int) and k else _plain(v) for k, v in value.items()
        )
    if isinstance(value, (tuple, list)):
        return " or ".join(str(each) for each in value)
    return "yes" if value is True else str(value)


def _record(facts: Facts, observed: Mapping[str, object]) -> str | None:
    event = observed.get("event", observed.get("void_event"))
    if event is None:
        return None
    row = facts.events.row(int(str(event)), named=True)
    return f"{row['kind']} {row['id']} of {row['day']:%Y-%m-%d}"
