"""rules/<pack>/pack.yaml → Pack. A wrong file is refused whole, with `file:line`, what is wrong and the likely fix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Formatter
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from crm_audit import shipped, yamls
from crm_audit.domain import ROLES, TOP
from crm_audit.errors import BadPack
from crm_audit.policy import UNMAPPED_STAGE, Combined, Layer, Leaf, Message, Node, Pack, Rule, Severity
from crm_audit.predicates import PREDICATES
from crm_audit.yamls import Place

COMBINATORS = ("all", "any", "not", "at_least")
DEEPEST = 8
"""Levels of a requirement; nobody reads a deeper one."""

RungNumber = Annotated[int, Field(ge=0, le=TOP)]


class _Head(BaseModel):
    """The keys of a rule that are plain values."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]*(-[A-Z0-9]+)+$")]
    title: str
    layer: Layer
    start: RungNumber = Field(alias="from")
    to: RungNumber = TOP
    gate: bool = False
    severity: Severity
    block_from: RungNumber | None = None
    suppressed_by: tuple[str, ...] = ()
    about: str | None = None
    quick_fix: bool = False
    reason: str | None = None
    basis: str = ""


KEYS = (
    "id", "title", "layer", "from", "to", "gate", "severity", "block_from", "suppressed_by", "about", "quick_fix",
    "reason", "basis", "require", "when", "messages",
)  # fmt: skip


def find(name: str) -> Path:
    """The folder of a pack: a path, or the name of a built-in one."""
    given = Path(name)
    if given.is_dir():
        return given
    built_in = shipped.rules() / name
    if built_in.is_dir():
        return built_in
    known = ", ".join(sorted(path.name for path in shipped.rules().iterdir() if (path / "pack.yaml").is_file()))
    raise BadPack(f"{name}: neither a folder nor a built-in pack; built in are {known}")


def load(name: str) -> Pack:
    """The pack in that folder, or of that name."""
    return read(find(name) / "pack.yaml")


def read(path: Path) -> Pack:
    """A pack file; BadPack names the first mistake."""
    top = yamls.read(path)
    top.known(("pack", "title", "version", "rules"), "the pack")
    for key in ("pack", "title", "version", "rules"):
        if key not in top.mapping("the pack"):
            top.wrong(f"the pack has no {key!r}")
    version = top.at("version").value
    if not isinstance(version, int) or version < 1:
        top.at("version").wrong("version must be a whole number from 1; raise it whenever a verdict changes")
    places = top.at("rules").list("rules")
    rules = tuple(_rule(place) for place in places)
    _check_ids(rules, places)
    return Pack(name=str(top.at("pack").value), title=str(top.at("title").value), version=version, rules=rules)


def _rule(place: Place) -> Rule:
    keys = place.mapping("a rule")
    name = str(keys.get("id", "the rule"))
    place.known(KEYS, name)
    for key in ("id", "title", "layer", "from", "severity", "messages"):
        if key not in keys:
            place.wrong(f"{name} has no {key!r}")
    head = place.fill(_Head, name, also=("require", "when", "messages"))
    if head.about is not None and head.about not in (*ROLES, "former"):
        place.at("about").wrong(f"{name}: about is a role or `former`, not {head.about!r}")
    if "require" not in keys and head.id != UNMAPPED_STAGE:
        place.wrong(f"{name} has no 'require'")
    if head.to < head.start:
        place.at("to").wrong(f"{name}: `to` {head.to} lies below `from` {head.start}")
    return Rule(
        id=head.id, title=head.title, layer=head.layer, start=head.start, end=head.to, gate=head.gate,
        severity=head.severity, block_from=head.block_from, suppressed_by=head.suppressed_by, about=head.about,
        quick_fix=head.quick_fix, reason=head.reason, basis=head.basis,
        require=_node(place.at("require"), name) if "require" in keys else None,
        when=_node(place.at("when"), name) if "when" in keys else None,
        messages=_messages(place.at("messages"), name),
    )  # fmt: skip


def _node(place: Place, rule: str, depth: int = 1) -> Node:
    """One predicate or combinator, with everything below it."""
    if depth > DEEPEST:
        place.wrong(f"{rule}: nested deeper than {DEEPEST} levels; split the rule in two")
    entry = place.mapping(f"{rule}: a requirement")
    if len(entry) != 1:
        place.wrong(
            f"{rule}: a requirement is one predicate or one of {', '.join(COMBINATORS)}; join several with `all`"
        )
    (word,) = entry
    place.known((*PREDICATES, *COMBINATORS), f"{rule}: a requirement")
    inside = place.at(word)
    if word in PREDICATES:
        return Leaf(word, inside.fill(PREDICATES[word].Args, f"{rule}: {word}"))
    if word == "not":
        return Combined("not", (_node(inside, rule, depth + 1),))
    if word == "at_least":
        return _at_least(inside, rule, depth)
    parts = tuple(_node(part, rule, depth + 1) for part in inside.list(f"{rule}: {word}"))
    if not parts:
        inside.wrong(f"{rule}: {word} of nothing")
    return Combined(word, parts)


def _at_least(place: Place, rule: str, depth: int) -> Combined:
    place.known(("k", "of"), f"{rule}: at_least")
    keys = place.mapping(f"{rule}: at_least")
    if "k" not in keys or "of" not in keys:
        place.wrong(f"{rule}: at_least needs k (a number) and of (a list)")
    parts = tuple(_node(part, rule, depth + 1) for part in place.at("of").list(f"{rule}: at_least.of"))
    k = keys["k"]
    if not isinstance(k, int) or not 1 <= k <= len(parts):
        place.at("k").wrong(f"{rule}: k must be a number from 1 to {len(parts)}")
    return Combined("at_least", parts, int(k))


def _messages(place: Place, rule: str) -> dict[str, Message]:
    messages = {}
    for key in place.mapping(f"{rule}: messages"):
        entry = place.at(key)
        entry.known(("says", "do"), f"{rule}: messages.{key}")
        words = entry.mapping(f"{rule}: messages.{key}")
        if not isinstance(words.get("says"), str) or not isinstance(words.get("do", ""), str):
            entry.wrong(f"{rule}: messages.{key} needs `says` and may have `do`, both text")
        for word in words:
            if not _fillable(str(words[word])):
                entry.at(word).wrong(f"{rule}: messages.{key}.{word}: braces hold a plain {{name}}; write {{{{ for {{")
        for reason in key.split():
            messages[reason] = Message(str(words["says"]).strip(), str(words.get("do", "")).strip())
    return messages


def _fillable(text: str) -> bool:
    """Whether all that stands in braces is a name alone."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        return False
    return all(name is None or (name.isidentifier() and not form and not how) for _, name, form, how in parts)


def _check_ids(rules: Sequence[Rule], places: Sequence[Place]) -> None:
    """Ids are unique, a rule that hides another one exists, and none hides itself."""
    seen: set[str] = set()
    known = {rule.id for rule in rules}
    for rule, place in zip(rules, places, strict=True):
        if rule.id in seen:
            place.at("id").wrong(f"{rule.id} stands twice")
        seen.add(rule.id)
        for other in rule.suppressed_by:
            if other not in known:
                place.at("suppressed_by").wrong(
                    f"{rule.id}: suppressed_by names {other}, which this pack does not have"
                )
    hides = {rule.id: rule.suppressed_by for rule in rules}
    for rule, place in zip(rules, places, strict=True):
        if rule.id in _above(rule.id, hides):
            place.at("suppressed_by").wrong(f"{rule.id} hides itself, directly or through others: nobody would see it")


def _above(rule_id: str, hides: Mapping[str, Sequence[str]]) -> set[str]:
    """The rules that hide a rule, and those that hide them."""
    found: set[str] = set()
    left = list(hides[rule_id])
    while left:
        other = left.pop()
        if other not in found:
            found.add(other)
            left += hides[other]
    return found
