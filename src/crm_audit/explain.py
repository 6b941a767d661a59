"""4 · Explain: findings in words, with the people concerned and the next thing to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from string import Formatter
from typing import Any

import polars as pl

from crm_audit.domain import BUYER_ACTS
from crm_audit.evaluate import Audit, details_of, missing
from crm_audit.money import converted, positive, rates_on
from crm_audit.policy import Message, Rule
from crm_audit.scene import Scene

TITLES = r"(?i)\b(chief|ceo|cfo|coo|cio|cto|cro|president|vp|svp|evp|vice president|director|head of|owner|managing)\b"
"""Job titles never satisfy a rule; they only make a suggestion (qualification 3.4)."""

TOPIC_WORDS = {
    "price_vs_budget": "price against budget",
    "final_decision_maker": "who makes the final call",
    "purchase_date": "the purchase date",
}

BLIND = {
    "unmapped": "a field it needs is not mapped, or may not be read",
    "no_source": "nothing that could show it is connected for this owner",
    "no_rate": "an exchange rate is missing",
}

NOBODY = {
    "authority": "the person who decides",
    "champion": "your best contact",
    "technical": "a technical contact",
    "user": "a user",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule that does not hold on one deal, as people read it."""

    deal: str
    rule: str
    layer: str
    severity: str
    status: str  # open | unverifiable | error
    reason: str
    action: str  # annotate | block
    rung: int  # from which rung on the rule is asked
    says: str
    todo: str
    about: tuple[str, ...] = ()
    details: Mapping[str, object] = field(default_factory=dict)


def explain(audit: Audit) -> list[Finding]:
    """Every finding of an audit in words, deal by deal, in the order of the pack."""
    rungs = audit.verdicts.select("deal", rung="claimed")
    return _told(audit, audit.findings.join(rungs, on="deal", maintain_order="left"))


def lacking(audit: Audit) -> list[Finding]:
    """What keeps each deal from the first stage that its evidence does not support, in words, deal by deal."""
    return _told(audit, missing(audit))


def _told(audit: Audit, found: pl.DataFrame) -> list[Finding]:
    """Findings in words; `found` has the rung at which each was judged."""
    words = Words(audit, found)
    rows = found.with_row_index("row")
    told: dict[int, Finding] = {}
    for (rule_id, rung, status, reason), part in rows.group_by("rule", "rung", "status", "reason"):
        rule = audit.pack.rule(str(rule_id))
        if rung is not None and status != "error":
            part = part.hstack(details_of(rule, int(str(rung)), audit.observed, part["m"]))
        told.update(zip(part["row"], words.findings(rule, str(status), str(reason), part), strict=True))
    return [told[row] for row in range(rows.height)]


_OWN = frozenset({"row", "m", "deal", "rule", "status", "reason", "action", "position", "rung"})
"""Columns of a finding; the others are what its rule observed."""


_OBSERVED: Mapping[str, frozenset[str]] = {
    "seen": frozenset({"seen", "seen_in"}),
    "pct": frozenset({"a", "a_in", "b", "b_in"}),
    "missing": frozenset({"missing"}),
    "since": frozenset({"days"}),
    "n_people": frozenset({"n"}),
    "former": frozenset({"former"}),
}
"""What a rule must have observed before these names mean anything."""


class Words:
    """Finds the words for findings that are alike: who is who on each deal, and how values are written."""

    def __init__(self, audit: Audit, found: pl.DataFrame) -> None:
        self._scene: Scene = audit.observed.scene
        self._facts = self._scene.facts
        self._mine = found.select("m", "deal").unique()

    def findings(self, rule: Rule, status: str, reason: str, part: pl.DataFrame) -> Iterator[Finding]:
        """Findings of one rule for one reason, in the order of the rows."""
        message = message_of(rule, status, reason)
        details = part.select(name for name in part.columns if name not in _OWN).to_dicts() or [{}] * part.height
        says, todo = self._filled(message.says, part), self._filled(message.todo, part)
        ids = [self._ids[deal] for deal in part["deal"]]
        about = self._about(rule, status, part)
        for deal, action, said, do, who, seen in zip(ids, part["action"], says, todo, about, details, strict=True):
            yield Finding(
                deal=deal, rule=rule.id, layer=rule.layer, severity=rule.severity if status == "open" else "info",
                status=status, reason=reason, action=action, rung=rule.start, says=said, todo=do.strip(), about=who,
                details=seen,
            )  # fmt: skip

    def _filled(self, text: str, part: pl.DataFrame) -> list[str]:
        """A message with its names filled in, row by row."""
        names = [name for _, name, _, _ in Formatter().parse(text) if name]
        if not names:
            return [text] * part.height
        columns = {name: self._column(name, part) for name in dict.fromkeys(names)}
        rows = list(zip(*columns.values(), strict=True))
        told = {row: text.format_map(dict(zip(columns, row, strict=True))) for row in set(rows)}
        return [told[row] for row in rows]

    def _column(self, name: str, part: pl.DataFrame) -> Sequence[str]:
        """The words for one name, row by row; what nobody can fill stays visible and stops nothing."""
        words = getattr(self, f"_{name}_words", None)
        if words is not None and _OBSERVED.get(name, frozenset()) <= set(part.columns):
            return list(words(part))
        if name in part.columns:
            return [_plain(value) for value in part[name]]
        return [f"({name})"] * part.height

    @cached_property
    def _deals(self) -> pl.DataFrame:
        companies = self._facts.companies.select("company", "fit_tier", "fit_score", company_name="name")
        of_deal = ("pipeline", "stage", "company", "close_day", "amount", "currency", "budget", "budget_currency")
        rows = self._facts.deals.select(of_deal).join(companies, on="company", how="left", maintain_order="left")
        labels = self._facts.stages.select("pipeline", "stage", "label").unique(["pipeline", "stage"])
        return rows.join(labels, on=["pipeline", "stage"], how="left", maintain_order="left")

    def _of_deal(self, part: pl.DataFrame, *columns: str) -> Iterator[tuple[Any, ...]]:
        return self._deals.select(columns)[part["deal"].to_list()].iter_rows()

    def _company_words(self, part: pl.DataFrame) -> Iterator[str]:
        return (name or "the company" for (name,) in self._of_deal(part, "company_name"))

    def _fit_words(self, part: pl.DataFrame) -> Iterator[str]:
        return (str(tier or score or "nothing") for tier, score in self._of_deal(part, "fit_tier", "fit_score"))

    def _stage_words(self, part: pl.DataFrame) -> Iterator[str]:
        return (label or stage for label, stage in self._of_deal(part, "label", "stage"))

    def _pipeline_words(self, part: pl.DataFrame) -> Iterator[str]:
        return (pipeline for (pipeline,) in self._of_deal(part, "pipeline"))

    def _close_date_words(self, part: pl.DataFrame) -> Iterator[str]:
        return (day(close) if close else "the purchase date" for (close,) in self._of_deal(part, "close_day"))

    def _amount_words(self, part: pl.DataFrame) -> Iterator[str]:
        return (money(amount, currency) for amount, currency in self._of_deal(part, "amount", "currency"))

    _now_words = _amount_words

    def _budget_words(self, part: pl.DataFrame) -> Iterator[str]:
        return (money(budget, currency) for budget, currency in self._of_deal(part, "budget", "budget_currency"))

    def _seen_words(self, part: pl.DataFrame) -> Iterator[str]:
        return (money(seen, currency) for seen, currency in part.select("seen", "seen_in").iter_rows())

    def _pct_words(self, part: pl.DataFrame) -> Iterator[str]:
        days = dict(self._scene.moments.select("m", "today").iter_rows())
        rates = {today: rates_on(self._scene, today) for today in set(days.values())}
        for m, a, a_in, b, b_in in part.select("m", "a", "a_in", "b", "b_in").iter_rows():
            known = positive(a) and positive(b)
            value = converted(a, a_in, b_in, rates[days[m]]) if known else None
            yield "far" if value is None else percent_above(value, Fraction(b))

    def _since_words(self, part: pl.DataFrame) -> Iterator[str]:
        """The day from which the days are counted: unlike their number, it stays the same from night to night."""
        today = dict(self._scene.moments.select("m", "today").iter_rows())
        for m, days in part.select("m", "days").iter_rows():
            yield "" if days is None else day(today[m] - timedelta(days=days))

    def _missing_words(self, part: pl.DataFrame) -> Iterator[str]:
        return (joined(TOPIC_WORDS.get(topic, topic) for topic in topics or ()) for topics in part["missing"].to_list())

    def _n_people_words(self, part: pl.DataFrame) -> Iterator[str]:
        return (f"{n} person" if n == 1 else f"{n or 'no'} people" for n in part["n"])

    def _former_words(self, part: pl.DataFrame) -> Iterator[str]:
        return (joined(self._names[person] for person in people or ()) for people in part["former"].to_list())

    @cached_property
    def _ids(self) -> list[str]:
        return self._facts.deals["id"].to_list()

    @cached_property
    def _names(self) -> list[str]:
        return self._facts.people["name"].to_list()

    @cached_property
    def _held(self) -> pl.DataFrame:
        """m, role and the people who hold it."""
        mine = self._scene.eligible.join(self._mine, on="m", how="semi").sort("m", "role", "person")
        return mine.group_by("m", "role", maintain_order=True).agg("person")

    def _holders(self, part: pl.DataFrame, *roles: str) -> list[Sequence[int]]:
        """Row by row, who holds the first of these roles that anybody holds."""
        rank = pl.col("role").replace_strict({role: n for n, role in enumerate(roles)}, return_dtype=pl.UInt8)
        held = self._held.filter(pl.col("role").is_in(roles))
        first = held.group_by("m").agg(pl.col("person").sort_by(rank).first())
        return [people or () for people in self._known_of(part, first)]

    def _known_of(self, part: pl.DataFrame, known: pl.DataFrame) -> list[Any]:
        """Row by row, what is known of the moment in the second column."""
        return part.select("m").join(known, on="m", how="left", maintain_order="left").to_series(1).to_list()

    def _named(self, part: pl.DataFrame, *roles: str) -> Iterator[str]:
        nobody = NOBODY[roles[0]]
        for people in self._holders(part, *roles):
            yield joined(self._names[person] for person in people) or nobody

    def _authority_words(self, part: pl.DataFrame) -> Iterator[str]:
        return self._named(part, "authority")

    def _champion_words(self, part: pl.DataFrame) -> Iterator[str]:
        return self._named(part, "champion")

    def _authority_or_champion_words(self, part: pl.DataFrame) -> Iterator[str]:
        return self._named(part, "authority", "champion")

    def _champion_or_best_words(self, part: pl.DataFrame) -> Iterator[str]:
        return self._named(part, "champion", "coach", "influencer", "technical", "user")

    def _technical_or_user_words(self, part: pl.DataFrame) -> Iterator[str]:
        return self._named(part, "technical", "user", "champion")

    @cached_property
    def _last(self) -> pl.DataFrame:
        """m and the person of whom something was heard last."""
        acts = self._scene.acts.filter(pl.col("kind").is_in(list(BUYER_ACTS)))
        mine = acts.join(self._mine, on="m", how="semi").join(self._scene.buyers, on=["m", "person"], how="semi")
        return mine.group_by("m").agg(pl.col("person").sort_by("age", "person").first())

    def _last_contact_words(self, part: pl.DataFrame) -> Iterator[str]:
        for person in self._known_of(part, self._last):
            yield "your contact" if person is None else self._names[person]

    def _suggestion_words(self, part: pl.DataFrame) -> Iterator[str]:
        """Somebody on the deal whose title sounds like deciding; titles never satisfy a rule (qualification 3.4)."""
        likely = self._facts.people.filter(pl.col("title").str.contains(TITLES)).select("person", "title")
        titles = dict(likely.iter_rows())
        there = self._scene.buyers.join(likely, on="person", how="semi").group_by("m").agg(pl.col("person").min())
        for who in self._known_of(part, there):
            yield "" if who is None else f"{self._names[who]}, {titles[who]}, may be the decision maker."

    def _about(self, rule: Rule, status: str, part: pl.DataFrame) -> list[tuple[str, ...]]:
        """Whom a person must act on or with (ruling 27)."""
        if rule.about is None or status != "open":
            return [()] * part.height
        if rule.about == "former":
            people = part["former"].to_list() if "former" in part.columns else [()] * part.height
        else:
            people = self._holders(part, rule.about)
        return [tuple(sorted(self._names[person] for person in each or ())) for each in people]


def message_of(rule: Rule, status: str, reason: str) -> Message:
    """The words of a rule for a reason, names not yet filled in; the rule's own wherever it has some."""
    if status == "error":
        return Message(
            f"{rule.id} could not be worked out for this deal: a value in it cannot be read.",
            "Ask the administrator; the other rules were checked.",
        )
    if status == "unverifiable" and reason not in rule.messages:
        title = rule.title[0].lower() + rule.title[1:]
        because = BLIND.get(reason, reason)
        return Message(
            f"We could not check that {title}: {because}.", "Ask the administrator; this is not about your deal."
        )
    return rule.messages.get(reason, Message(f"{rule.title}: {reason}."))


def joined(names: Iterable[str]) -> str:
    """`A`, `A and B`, `A, B and C`."""
    listed = list(names)
    return " and ".join([*([", ".join(listed[:-1])] if listed[:-1] else []), *listed[-1:]])


def money(amount: object, currency: object) -> str:
    """`USD 100,000`; cents where there are any."""
    if amount is None:
        return "no amount"
    value = Decimal(str(amount))
    number = f"{value:,.0f}" if value == value.to_integral_value() else f"{value:,.2f}"
    return f"{currency or ''} {number}".strip()


def day(value: date) -> str:
    """`30 Apr 2026`."""
    return f"{value.day} {value:%b %Y}"


def percent_above(a: Fraction, b: Fraction) -> str:
    """How far a lies above b, in whole per cent, rounded up so that 10.2 % never reads as the allowed 10."""
    share = (a - b) * 100 / b
    return f"{-(-share.numerator // share.denominator)} %"


def _plain(value: object) -> str:
    if isinstance(value, date):
        return day(value)
    return "" if value is None else str(value)
