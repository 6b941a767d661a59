"""rules/<pack>/cases.yaml → cases: one clean deal, stated once, and what each case changes about it.

A case says what one rule must answer. It becomes a world of its own, so whatever can judge a world can judge a case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crm_audit import yamls
from crm_audit.cases import stories
from crm_audit.cases.rows import NAMED_PARTS, PARTS, Part, Story, Terms, Wanted
from crm_audit.domain import TOP
from crm_audit.near import aside
from crm_audit.policy import Pack, Rule
from crm_audit.predicates import PREDICATES
from crm_audit.worlds import World
from crm_audit.yamls import Place

KEYS = (*Story.model_fields, *PARTS, *NAMED_PARTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a rule must say about one deal; the clean deal itself has no rule and must satisfy all of them."""

    rule: str | None
    name: str
    reason: str | None  # None: the rule must keep quiet
    unverifiable: bool
    world: World
    place: str  # file:line


def read(path: Path, pack: Pack) -> list[Case]:
    """The clean deal and every case of a file; BadPack names the first mistake."""
    return within(yamls.read(path), pack)


def within(top: Place, pack: Pack) -> list[Case]:
    """The clean deal and every case of a file that has been read."""
    top.needs(("clean", "cases"), "a case file")
    terms = top.fill(Terms, "a case file", also=("clean", "cases"))
    clean = _story(top.at("clean"), "the clean deal")
    rung = clean.get("rung", TOP)
    perfect = {"claimed": rung, "supported": [TOP, TOP], "verdict": "supported", "action": "none", "findings": []}
    first = Case(
        rule=None, name="the clean deal", reason=None, unverifiable=False, place=str(top.at("clean")),
        world=stories.world(top.at("clean"), clean, terms, "the clean deal", expect=perfect),
    )  # fmt: skip
    return [first, *_cases(top.at("cases"), pack, terms, clean=clean)]


def gaps(cases: Sequence[Case], pack: Pack) -> list[str]:
    """Rules that the cases leave untried: one that never breaks, or never keeps quiet."""
    found = []
    for rule in pack.rules:
        mine = [case for case in cases if case.rule == rule.id]
        blind = rule.require is None  # SYS-UNMAPPED-STAGE: not knowing is what it reports
        if not any(case.reason and (blind or not case.unverifiable) for case in mine):
            found.append(f"{rule.id}: no case in which it breaks")
        if all(case.reason for case in mine):
            found.append(f"{rule.id}: no case in which it keeps quiet (`breaks: false`)")
    return found


def unheard(cases: Sequence[Case], pack: Pack) -> list[str]:
    """Messages of the pack whose reason no case gives."""
    told = {(case.rule, case.reason) for case in cases}
    return [
        f"{rule.id}: no case with the reason {reason!r}"
        for rule in pack.rules
        for reason in rule.messages
        if (rule.id, reason) not in told
    ]


def _cases(place: Place, pack: Pack, terms: Terms, *, clean: Part) -> Iterator[Case]:
    place.known([rule.id for rule in pack.rules], f"pack {pack.name}: cases")
    for rule_id in place.mapping("cases"):
        names: set[str] = set()
        for entry in place.at(rule_id).list(rule_id):
            case = _case(entry, pack.rule(rule_id), terms, clean)
            if case.name in names:
                entry.wrong(f"{rule_id}: the case {case.name!r} stands twice")
            names.add(case.name)
            yield case


def _case(place: Place, rule: Rule, terms: Terms, clean: Part) -> Case:
    wanted = place.fill(Wanted, f"{rule.id}: a case", also=KEYS)
    what = f"{rule.id}: {wanted.case}"
    if wanted.reason:
        _check_reason(place.get("unknown" if wanted.unknown else "breaks"), wanted.reason, rule)
    mine = Terms(now=wanted.now or terms.now, zone=wanted.zone or terms.zone, currency=terms.currency)
    told = wanted.told()
    overall: Part = {key: told.pop(key) for key in ("supported", "verdict") if key in told}
    status = "unverifiable" if wanted.unknown else "open"
    found = [{"rule": rule.id, "status": status, "reason": wanted.reason, **told}] if wanted.reason else []
    story = merged(clean, _story(place, what, also=tuple(Wanted.model_fields)))
    return Case(
        rule=rule.id, name=wanted.case, reason=wanted.reason, unverifiable=wanted.unknown is not None, place=str(place),
        world=stories.world(place, story, mine, what, expect={**overall, "findings": found}),
    )  # fmt: skip


def _check_reason(place: Place, reason: str, rule: Rule) -> None:
    known = {reason for leaf in rule.leaves() for reason in PREDICATES[leaf.predicate].REASONS}
    known |= {*rule.messages, *([rule.reason] if rule.reason else [])}
    if reason not in known:
        hint = aside(reason, known) or f"; known are {', '.join(sorted(known))}"
        place.wrong(f"{rule.id} has no reason {reason!r}{hint}")


def merged(clean: Mapping[str, Any], changes: Mapping[str, Any]) -> Part:
    """The clean deal with what a case changes: mappings are merged key by key, whatever else is put in its place."""
    result = dict(clean)
    for key, value in changes.items():
        old = result.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        result[key] = merged(old, value) if both and old is not None else value
    return result


def _story(place: Place, what: str, also: Sequence[str] = ()) -> Part:
    """The parts that stand there, each checked; a named part that is null is taken away."""
    parts = (*PARTS, *NAMED_PARTS)
    story = place.fill(Story, what, also=(*parts, *also)).model_dump(exclude_unset=True)
    here = place.mapping(what)
    for name, model in PARTS.items():
        if name in here:
            part = place.at(name)
            story[name] = None if part.value is None else part.fill(model, name).model_dump(exclude_unset=True)
    for name, model in NAMED_PARTS.items():
        if name in here:
            each = place.at(name)
            story[name] = {
                key: None
                if each.at(key).value is None
                else each.at(key).fill(model, f"{name}.{key}").model_dump(exclude_unset=True)
                for key in each.mapping(name)
            }
    return story
