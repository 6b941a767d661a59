"""rules.md: what every shipped rule asks, and every word it can say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from crm_audit.domain import RUNGS
from crm_audit.explain import message_of
from crm_audit.policy import Message, Pack, Rule
from crm_audit.reference.markdown import block, code, page, table
from crm_audit.reference.requirements import limits, yaml

ABOUT = (
    "A rule is reported at the rungs it names. The rungs are "
    + ", ".join(f"{rung} {name}" for rung, name in RUNGS.items())
    + ". A *gate* counts for the supported rung. A rule is left out where one of the rules that hide it is reported. "
    "Names in {braces} are filled in for each deal; a number of days is the last that still counts."
)
ALWAYS = (
    "Besides its own reasons every rule can give `error`: a value of that one deal cannot be read. It is named, "
    "and the other deals and rules go on."
)


def rules(packs: Iterable[Pack]) -> str:
    """The page on the rules of these packs."""
    return page("Rules", ABOUT, ALWAYS, *(part for pack in packs for part in _pack(pack)))


def _pack(pack: Pack) -> Iterator[str]:
    yield f"## {pack.title}"
    yield f"The pack {code(pack.name)}, version {pack.version}: {len(pack.rules)} rules."
    listed = [(f"[{rule.id}](#{rule.id.lower()})", rule.title, rule.layer, _rungs(rule)) for rule in pack.rules]
    yield table(("rule", "asks that", "layer", "rungs"), listed)
    for rule in pack.rules:
        yield from _rule(rule)


def _rule(rule: Rule) -> Iterator[str]:
    yield f"### {rule.id}"
    yield f"{rule.title}."
    yield table(("", ""), _properties(rule))
    if rule.when is not None:
        yield f"Asked only where\n\n{block(yaml(rule.when), 'yaml')}"
    if rule.require is not None:
        yield f"Requires\n\n{block(yaml(rule.require), 'yaml')}"
    by_rung = [(code(name), *map(str, numbers)) for name, numbers in limits(rule)]
    yield table(("limit", *(f"rung {rung}" for rung in range(rule.start, rule.end + 1))), by_rung)
    yield table(("reason", "status", "says", "next step"), _reasons(rule))


def _properties(rule: Rule) -> Iterator[tuple[str, str]]:
    yield "layer", rule.layer
    yield "rungs", _rungs(rule)
    yield "gate", "yes" if rule.gate else "no"
    yield "severity", rule.severity
    yield "action", "annotate" if rule.block_from is None else f"block from rung {rule.block_from}, else annotate"
    if rule.suppressed_by:
        yield "hidden by", ", ".join(f"[{other}](#{other.lower()})" for other in rule.suppressed_by)
    if rule.about:
        yield "names", "who held the role before" if rule.about == "former" else f"the {rule.about}"
    if rule.quick_fix:
        yield "quick fix", "yes: seven days' grace in the forecast, none in the verdict"
    yield "basis", rule.basis


def _rungs(rule: Rule) -> str:
    return str(rule.start) if rule.start == rule.end else f"{rule.start} to {rule.end}"


def _reasons(rule: Rule) -> Iterator[tuple[str, str, str, str]]:
    given = rule.reasons()
    for status, reasons in (("open", given.fails), ("unverifiable", given.unknown)):
        for reason in reasons:
            message: Message = message_of(rule, status, reason)
            yield code(reason), status, message.says, message.todo
