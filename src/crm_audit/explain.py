"""4 · Explain: findings in words, with the people concerned and the next thing to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

import polars as pl

from crm_audit.evaluate import Audit, details_of
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
    says: str
    todo: str
    about: tuple[str, ...] = ()
    details: Mapping[str, object] = field(default_factory=dict)


def explain(audit: Audit) -> list[Finding]:
    """Every finding of an audit in words, deal by deal, in the order of the pack."""
    words = Words(audit)
    return [words.finding(row, details) for row, details in _with_details(audit)]


def _with_details(audit: Audit) -> Iterator[tuple[dict[str, object], dict[str, object]]]:
    """Findings in order, each with what its rule observed."""
    rungs = audit.verdicts.select("deal", "claimed")
    rows = audit.findings.join(rungs, on="deal", maintain_order="left").with_row_index("n")
    found: dict[int, dict[str, object]] = {}
    for (rule_id, rung), part in (
        rows.filter(pl.col("m").is_not_null())
        .partition_by(["rule", "claimed"], as_dict=True, maintain_order=True)
        .items()
    ):
        rule = audit.pack.rule(str(rule_id))
        details = details_of(rule, int(str(rung)), audit.observed, part["m"])
        found.update(zip(part["n"], details.to_dicts(), strict=True))
    for row in rows.iter_rows(named=True):
        yield row, found.get(row["n"], {})


class Words:
    """Finds the words for an audit's findings: who is who on each deal, and how values are written."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._scene: Scene = audit.observed.scene
        self._facts = self._scene.facts

    def finding(self, row: Mapping[str, object], details: Mapping[str, object]) -> Finding:
        """One finding in words."""
        rule = self._audit.pack.rule(str(row["rule"]))
        values = self._values(row, details, rule)
        message = self._message(rule, str(row["status"]), str(row["reason"]))
        return Finding(
            deal=str(self._deal(row)["id"]),
            rule=rule.id,
            layer=rule.layer,
            severity=rule.severity if row["status"] == "open" else "info",
            status=str(row["status"]),
            reason=str(row["reason"]),
            action=str(row["action"]),
            says=message.says.format_map(values),
            todo=message.todo.format_map(values).strip(),
            about=tuple(self._about(rule, row, details)),
            details=details,
        )

    def _message(self, rule: Rule, status: str, reason: str) -> Message:
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

    def _deal(self, row: Mapping[str, object]) -> Mapping[str, object]:
        return self._deals[int(str(row["deal"]))]

    @cached_property
    def _deals(self) -> list[dict[str, object]]:
        companies = self._facts.companies.select("company", "fit_tier", "fit_score", company_name="name")
        rows = self._facts.deals.join(companies, on="company", how="left", maintain_order="left")
        labels = self._facts.stages.select("pipeline", "stage", "label").unique(["pipeline", "stage"])
        return rows.join(labels, on=["pipeline", "stage"], how="left", maintain_order="left").to_dicts()

    @cached_property
    def _names(self) -> list[str]:
        return self._facts.people["name"].to_list()

    @cached_property
    def _titles(self) -> list[str | None]:
        return self._facts.people["title"].to_list()

    @cached_property
    def _roles(self) -> dict[int, dict[str, list[int]]]:
        """Moment -> role -> the people who hold it, by name."""
        roles: dict[int, dict[str, list[int]]] = {}
        mine = self._audit.findings.select("m").unique()
        for m, person, role in self._scene.eligible.join(mine, on="m").sort("m", "role", "person").iter_rows():
            roles.setdefault(m, {}).setdefault(role, []).append(person)
        return roles

    @cached_property
    def _last(self) -> dict[int, int]:
        """Moment -> the person of whom something was heard last."""
        acts = self._scene.acts.join(self._scene.buyers, on=["m", "person"], how="semi").sort("age", "person")
        return dict(acts.group_by("m").agg(pl.col("person").first()).iter_rows())

    def _about(self, rule: Rule, row: Mapping[str, object], details: Mapping[str, object]) -> list[str]:
        """Whom a person must act on or with (ruling 27)."""
        if rule.about is None or row["status"] != "open":
            return []
        if rule.about == "former":
            return sorted(self._names[person] for person in _people(details.get("former")))
        return sorted(self._names[person] for person in self._holders(row, rule.about))

    def _holders(self, row: Mapping[str, object], role: str) -> Sequence[int]:
        return self._roles.get(int(str(row["m"])), {}).get(role, ()) if row["m"] is not None else ()

    def _named(self, row: Mapping[str, object], *roles: str) -> str:
        """Who holds the first of these roles that anybody holds."""
        for role in roles:
            holders = self._holders(row, role)
            if holders:
                return joined(self._names[person] for person in holders)
        return NOBODY.get(roles[0], "your contact")

    def _values(self, row: Mapping[str, object], details: Mapping[str, object], rule: Rule) -> dict[str, str]:
        deal = self._deal(row)
        m = row["m"]
        last = self._last.get(int(str(m))) if m is not None else None
        return _Blanks(
            {
                **{name: _plain(value) for name, value in details.items()},
                **self._prices(deal, details, m),
                "company": str(deal["company_name"] or "the company"),
                "fit": str(deal["fit_tier"] or deal["fit_score"] or "nothing"),
                "stage": str(deal["label"] or deal["stage"]),
                "pipeline": str(deal["pipeline"]),
                "close_date": day(deal["close_day"]) if isinstance(deal["close_day"], date) else "the purchase date",
                "missing": joined(TOPIC_WORDS.get(t, t) for t in _texts(details.get("missing"))),
                "former": joined(self._names[person] for person in _people(details.get("former"))),
                "authority": self._named(row, "authority"),
                "champion": self._named(row, "champion"),
                "authority_or_champion": self._named(row, "authority", "champion"),
                "champion_or_best": self._named(row, "champion", "coach", "influencer", "technical", "user"),
                "technical_or_user": self._named(row, "technical", "user", "champion"),
                "last_contact": self._names[last] if last is not None else "your contact",
                "suggestion": self._suggestion(m),
                "n_people": _people_word(details.get("n")),
            }
        )

    def _suggestion(self, m: object) -> str:
        """Somebody on the deal whose title sounds like deciding."""
        if m is None:
            return ""
        people = sorted({p for holders in self._roles.get(int(str(m)), {}).values() for p in holders})
        likely = pl.Series([self._titles[p] for p in people], dtype=pl.String).str.contains(TITLES)
        for person, fits in zip(people, likely, strict=True):
            if fits:
                return f"{self._names[person]}, {self._titles[person]}, may be the decision maker."
        return ""

    def _prices(self, deal: Mapping[str, object], details: Mapping[str, object], m: object) -> dict[str, str]:
        words = {
            "amount": money(deal["amount"], deal["currency"]),
            "budget": money(deal["budget"], deal["budget_currency"]),
            "now": money(deal["amount"], deal["currency"]),
            "seen": money(details.get("seen"), details.get("seen_in")),
        }
        if m is None or details.get("a") is None or not positive(_text(details.get("b"))):
            return words
        rates = rates_on(self._scene, self._scene.moments["today"][0])
        a = converted(str(details["a"]), str(details["a_currency"]), str(details["b_currency"]), rates)
        return {**words, "pct": percent_above(a, Fraction(str(details["b"])))} if a is not None else words


class _Blanks(dict[str, str]):
    """A name nobody filled in stays visible, and never stops a report."""

    def __missing__(self, name: str) -> str:
        return f"({name})"


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


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _people(value: object) -> list[int]:
    return [int(person) for person in value] if isinstance(value, (list, pl.Series)) else []


def _texts(value: object) -> list[str]:
    return [str(text) for text in value] if isinstance(value, (list, pl.Series)) else []


def _people_word(n: object) -> str:
    count = int(str(n)) if n is not None else 0
    return f"{count} person" if count == 1 else f"{count or 'no'} people"


def _plain(value: object) -> str:
    if isinstance(value, date):
        return day(value)
    return "" if value is None else str(value)
