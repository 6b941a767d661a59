"""A requirement as a pack writes it, and its limits rung by rung."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

from pydantic import AliasChoices, BaseModel

from crm_audit.policy import Leaf, Node, Rule
from crm_audit.predicates.base import at

PLAIN = re.compile(r"(?!(?:true|false|null|yes|no|on|off)\Z)[A-Za-z_][\w.-]*", re.IGNORECASE)
"""Text that every YAML reads as text without quotes."""


def yaml(node: Node) -> str:
    """The requirement as YAML; read back, it is the same one."""
    return "\n".join(_lines(node))


def _lines(node: Node) -> Iterator[str]:
    if isinstance(node, Leaf):
        yield f"{node.predicate}: {flow(_given(node.args))}"
        return
    yield f"{node.how}:"
    if node.how == "not":
        yield from (f"  {line}" for line in _lines(node.parts[0]))
        return
    if node.how == "at_least":
        yield f"  k: {node.k}"
        yield "  of:"
    margin = "    " if node.how == "at_least" else "  "
    for part in node.parts:
        first, *rest = _lines(part)
        yield f"{margin}- {first}"
        yield from (f"{margin}  {line}" for line in rest)


def _given(args: BaseModel) -> dict[str, object]:
    """The arguments that are not their defaults, under the names that a pack uses."""
    given = args.model_dump(exclude_defaults=True)
    return {_name(args, name): value for name, value in given.items()}


def _name(args: BaseModel, name: str) -> str:
    alias = type(args).model_fields[name].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else name


def flow(value: object) -> str:
    """A value in YAML's flow style. A limit that is one number is written as that number."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        if list(value) == [0]:
            return flow(value[0])
        return "{" + ", ".join(f"{key}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(flow(inner) for inner in value) + "]"
    if isinstance(value, int | Decimal):
        return str(value)
    text = str(value)
    return text if PLAIN.fullmatch(text) else "'" + text.replace("'", "''") + "'"


def limits(rule: Rule) -> Iterator[tuple[str, list[int]]]:
    """Each limit that may differ by rung, with what it is at every rung at which the rule is asked."""
    for leaf in rule.leaves():
        for name in type(leaf.args).model_fields:
            value = getattr(leaf.args, name)
            if isinstance(value, Mapping):
                yield f"{leaf.predicate}.{name}", [at(value, rung) for rung in range(rule.start, rule.end + 1)]
