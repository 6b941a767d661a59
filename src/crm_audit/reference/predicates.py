"""predicates.md: the kinds of question a rule can ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from crm_audit.domain import BASICS, ROLES, SOURCES, STRENGTH, TOPIC_ALIASES
from crm_audit.explain import BLIND
from crm_audit.money import Tolerance
from crm_audit.predicates import PREDICATES
from crm_audit.predicates.base import Kind, Limit, Predicate, Role
from crm_audit.predicates.field import Match
from crm_audit.predicates.paths import DATES, MONEY, NUMBERS, TEXT, DatePath, FieldPath, MoneyPath, Path
from crm_audit.predicates.since import OF_A_DEAL, Moment
from crm_audit.reference.markdown import block, code, codes, page, table, told
from crm_audit.reference.models import Named, arguments, parts

NAMED: Named = (
    (Limit, "whole number from 0, or one per rung: `{3: 45, 5: 14}`"),
    (Role, "[role](#roles)"),
    (Kind, "[kind of event](#kinds-of-event)"),
    (FieldPath, "[field](#values)"),
    (DatePath, "[date](#values)"),
    (MoneyPath, "[amount of money](#values)"),
    (Moment, f"{codes(OF_A_DEAL)} or a [kind of event](#kinds-of-event)"),
    (Match, "regular expression"),
    (Tolerance, "share from 0 to 10, such as `0.10`"),
)

ABOUT = (
    "A requirement is one predicate with its arguments, or a combinator of several. A predicate *observes* one "
    "quantity, then *judges* it at a rung: it holds, fails, or is unknown. A limit such as `{3: 45, 5: 14}` means 45 "
    "at rungs 3 and 4 and 14 at rung 5; below the lowest rung named, the lowest serves. Both ends of every limit are "
    "included."
)

EXAMPLES: Mapping[str, str] = {
    "contact": "contact: {role: champion, min: 2}",
    "date": "date: {path: close_date, not_past: true, max_days_ahead: {3: 365, 5: 120}}",
    "evidence": "evidence: {by: {role: [authority, sponsor]}, topic: pricing, min_strength: 2, within: 90}",
    "field": "field: {path: company.fit_tier, in: [A, B], reason: low}",
    "history": "history: {field: close_date, change: later, days: 7, span: 90, max: 1}",
    "money": "money: {of: amount, at_most: budget, tolerance: 0.10}",
    "planned": "planned: {kinds: [meeting], within: {4: 21, 5: 14}}",
    "rechecked": "rechecked: {topics: [budget, timing], within: 30}",
    "since": "since: {of: stage, max: {1: 30, 4: 45}}",
    "all": "all:\n  - field: {path: need}\n  - contact: {role: champion}",
    "any": "any:\n  - field: {path: solution_fit, equals: confirmed}\n  - evidence: {topic: demo, within: 180}",
    "not": "not:\n  history: {field: stage, change: regress, max: 0}",
    "at_least": "at_least:\n  k: 2\n  of:\n    - contact: {role: champion}\n    - contact: {role: sponsor}\n"
    "    - contact: {role: coach}",
}
"""One of each; a test reads them as the program does."""

COMBINATORS: Mapping[str, str] = {
    "all": "Holds where every part holds, fails where one fails, else it is unknown.",
    "any": "Holds where one part holds, fails where every part fails, else it is unknown.",
    "not": "Holds where its part fails and fails, with the reason `differs`, where its part holds.",
    "at_least": "Holds where `k` of the parts hold, fails where fewer than `k` still could, else it is unknown.",
}

REASONS: Mapping[str, str] = {
    "amount_missing": "the deal has no amount, or none above zero",
    "budget_missing": "the budget is not known, or not above zero",
    "contact_deleted": "whoever it was is no longer in the CRM",
    "contact_left": "whoever it was has left the company",
    "contact_removed": "whoever it was is no longer on the deal",
    "count": "too few, or too many",
    "differs": "the value is there and another one",
    "high": "the number is above the limit",
    "low": "the number, or the value, is below the line",
    "missing": "the field is empty",
    "no_rate": BLIND["no_rate"],
    "no_source": BLIND["no_source"],
    "none": "nothing of the kind is there",
    "old": "it has been so for too long",
    "only_sent": "it was sent, and nothing shows that it was looked at",
    "over_amount": "more than the amount",
    "over_budget": "more than the budget",
    "past": "the day has passed",
    "role_changed": "whoever it was is on the deal in another role now",
    "stale": "it is there and too old",
    "superseded_amount": "the price that was seen is no longer the price",
    "too_far": "the day lies too far ahead",
    "unmapped": BLIND["unmapped"],
}


def predicates() -> str:
    """The page on predicates and combinators, with the words they use."""
    names = codes([*PREDICATES, *COMBINATORS])
    return page(
        "Predicates",
        ABOUT,
        f"There are {names}.",
        *(part for name, predicate in PREDICATES.items() for part in _predicate(name, predicate)),
        "## Combinators",
        "They take predicates and each other. Unknown is neither true nor false, and of several reasons the most "
        "particular one is given.",
        *(part for name, words in COMBINATORS.items() for part in (f"### {name}", words, _example(name))),
        *_words(),
    )


def _predicate(name: str, predicate: Predicate) -> Iterator[str]:
    yield f"## {name}"
    yield told(predicate)
    yield _example(name)
    yield told(predicate.Args)
    yield arguments(predicate.Args, NAMED)
    for part in parts(predicate.Args):
        yield f"#### {part.__name__}"
        yield told(part)
        yield arguments(part, NAMED)
    yield f"*Observes*: {told(predicate.observe)}"
    yield f"*Judges*: {told(predicate.judge)}"
    unknown = [reason for reason in predicate.REASONS if reason in BLIND]
    yield f"*Fails* because of {codes(reason for reason in predicate.REASONS if reason not in BLIND)}."
    yield f"*Unknown* because of {'; '.join(f'{code(reason)}: {BLIND[reason]}' for reason in unknown)}."


def _example(name: str) -> str:
    return block(EXAMPLES[name], "yaml")


def _words() -> Iterator[str]:
    yield "## Values"
    yield "What `path` and `of` may name, in every CRM. Where what a value needs is not mapped, it is unknown."
    yield table(("value", "is", "needs"), _values())
    yield "## Roles"
    yield codes(ROLES) + "."
    yield "## Topics"
    aliases = ", ".join(f"{code(alias)} is {code(topic)}" for alias, topic in TOPIC_ALIASES.items())
    yield f"Any word that events or settings use. The basics are {codes(BASICS)}; {aliases}."
    yield "## Kinds of event"
    yield "Strength 3: the buyer did it; 2: somebody reported it; 1: the seller or a machine did it; 0: not yet."
    source = {kind: name for name, kinds in SOURCES.items() for kind in kinds}
    yield table(("kind", "strength", "source"), [(code(kind), str(n), source[kind]) for kind, n in STRENGTH.items()])
    yield "## Reasons"
    yield table(("reason", "meaning"), [(code(reason), words) for reason, words in REASONS.items()])


def _values() -> Iterator[tuple[str, str, str]]:
    money = {name: path for name, (path, _) in MONEY.items()}
    kinds: Mapping[str, Mapping[str, Path]] = {"text": TEXT, "number": NUMBERS, "date": DATES, "money": money}
    for kind, paths in kinds.items():
        for name, path in paths.items():
            yield code(name), kind, codes(sorted(path.needs)) or "–"
