"""Small invented organisations, told as what is different from a deal that satisfies every rule.

Today is 16 March 2026 in New York, a Monday; ages are in days. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from crm_audit import evaluate, facts, packs
from crm_audit.domain import LOST, WON, Change, Company, Deal, Event, Link, Person, Recheck, Record, Rung, Stage, User
from crm_audit.evaluate import Audit
from crm_audit.explain import Finding, explain
from crm_audit.facts import Facts, Terms
from crm_audit.frames import frames
from crm_audit.policy import Combined, Leaf, Node, Pack, Rule
from crm_audit.predicates import PREDICATES
from crm_audit.proof import Proof, prove

NOW = datetime(2026, 3, 16, 15, tzinfo=UTC)
TODAY = date(2026, 3, 16)
ZONE = "America/New_York"

LADDER: Mapping[str, Rung] = {
    "Prospect": 0, "Qualify": 1, "Discover": 2, "Evaluate": 3, "Propose": 4, "Negotiate": 5, "Won": WON, "Lost": LOST,
}  # fmt: skip
STAGE_AT = {rung: stage for stage, rung in LADDER.items()}
PROBABILITY = {0: "0.05", 1: "0.1", 2: "0.2", 3: "0.5", 4: "0.75", 5: "0.9"}

CORE = packs.load("core")
DANA, LEE, SAM, NOA = (
    Person(id="dana", name="Dana Ruiz", title="VP Operations", domain="acme.example"),
    Person(id="lee", name="Lee Park", title="AP Manager", domain="acme.example"),
    Person(id="sam", name="Sam Osei", title="IT Lead", domain="acme.example"),
    Person(id="noa", name="Noa Levi", title="CFO", domain="acme.example"),
)
PEOPLE = (DANA, LEE, SAM, NOA)

Rows = Iterable[Record]
Spec = Mapping[str, Any]


def ago(days: int) -> date:
    """The organisation's calendar day so many days ago; ahead where negative."""
    return TODAY - timedelta(days=days)


def at(days: int) -> datetime:
    """Eleven in the morning in New York (or ten, in winter) on the day so many days ago."""
    return NOW - timedelta(days=days)


def terms(**changes: object) -> Terms:
    """Terms on which every source is connected and everything is mapped, unless told otherwise."""
    plain: dict[str, Any] = {
        "zone": ZONE, "currency": "USD", "ladders": {"new": LADDER}, "internal_domains": ("seller.example",),
        "user": "robot", "source_days": None,
    }  # fmt: skip
    return Terms(**{**plain, **changes})


def stages(pipeline: str = "new", ladder: Mapping[str, Rung] = LADDER) -> list[Record]:
    """The stages of a pipeline as its CRM defines them."""
    return [
        Stage(
            id=f"{pipeline}/{stage}", pipeline=pipeline, stage=stage, label=stage, position=position,
            probability=Decimal(PROBABILITY[rung]) if isinstance(rung, int) else None,
            closed=rung if isinstance(rung, str) else None,
        )
        for position, (stage, rung) in enumerate(ladder.items())
    ]  # fmt: skip


def deal(name: str = "d1", rung: int = 5, **changes: object) -> Deal:
    """A filled deal that claims a rung."""
    plain: dict[str, Any] = {
        "id": name, "name": f"Deal {name}", "pipeline": "new", "stage": STAGE_AT[rung], "created": at(120),
        "amount": Decimal(90_000), "currency": "USD", "probability": Decimal(PROBABILITY[rung]),
        "close_date": ago(-30), "budget": Decimal(90_000), "budget_currency": "USD", "company": "acme",
        "need": "Fewer late invoices", "solution_fit": "confirmed", "owner": "olga",
    }  # fmt: skip
    return Deal(**{**plain, **changes})


def link(person: str, role: str, name: str = "d1", **changes: object) -> Link:
    """One role of one person on a deal."""
    given: dict[str, Any] = {"id": f"{name}-{person}-{role}", "deal": name, "person": person, "role": role, **changes}
    return Link(**given)


def event(kind: str, days: int, *people: str, on: str | tuple[str, ...] = "d1", **changes: object) -> Event:
    """Something that happened so many days ago on a deal, or on several, or (`on=()`) on none."""
    deals = (on,) if isinstance(on, str) else on
    given: dict[str, Any] = {"at": at(days), "topics": (), **changes}
    return Event(id=f"{kind}-{days}-{'-'.join((*people, *deals))}", kind=kind, people=people, deals=deals, **given)


def change(field: str, days: int, old: str | None, new: str | None, name: str = "d1", **changes: object) -> Change:
    """A field of a deal went from one value to another."""
    given: dict[str, Any] = {"at": at(days), **changes}
    return Change(id=f"{name}-{field}-{given['at']}-{new}", deal=name, field=field, old=old, new=new, **given)


def recheck(days: int, *topics: str, name: str = "d1", **changes: object) -> Recheck:
    """The questions were asked so many days ago: all three basics where none is named."""
    given: dict[str, Any] = changes
    return Recheck(id=f"{name}-{days}-{topics}", deal=name, on=ago(days), topics=topics or ("all",), **given)


def company(**changes: object) -> Company:
    """A buying organisation of the right kind."""
    given: dict[str, Any] = {"id": "acme", "name": "Acme Freight", "fit_tier": "A", "fit_assessed": ago(60), **changes}
    return Company(**given)


def around() -> list[Record]:
    """What every story stands in: stages, users, the company and its people."""
    return [*stages(), User(id="olga", name="Olga Seller"), company(), *PEOPLE]


def story(name: str = "d1", rung: int = 5, **changes: object) -> list[Record]:
    """A deal whose evidence supports rung 5, whatever it claims, on its own three people's acts."""
    return [
        deal(name, rung, **changes),
        link("dana", "authority", name),
        link("lee", "champion", name),
        link("sam", "technical", name),
        event("meeting_held", 20, "lee", "sam", on=name, topics=("demo",)),
        event("meeting_held", 6, "dana", "lee", on=name, topics=("pricing",)),
        event("email_in", 4, "lee", on=name),
        change("stage", 10, "Prospect" if rung != 0 else "Qualify", STAGE_AT[rung], name),
        recheck(5, name=name),
    ]


def clean(name: str = "d1", rung: int = 5, **changes: object) -> list[Record]:
    """A whole organisation with one deal that satisfies every rule."""
    return [*around(), *story(name, rung, **changes)]


def but(records: Rows, *gone: str | type[Record], add: Rows = ()) -> list[Record]:
    """The records without those of these ids or classes, and with others."""
    return [*(each for each in records if each.id not in gone and type(each) not in gone), *add]


def known(records: Rows, **of: object) -> Facts:
    """The facts of these records; `of` changes the terms."""
    return facts.build(frames(records), terms(**of))


def audited(records: Rows, pack: Pack = CORE, as_of: datetime = NOW, **of: object) -> Audit:
    """An audit of all deals."""
    return evaluate.audit(known(records, **of), pack, as_of)


@dataclass(frozen=True)
class Said:
    """What an audit says about one deal."""

    verdict: str
    claimed: int | None
    supported: tuple[int | None, int | None]
    action: str
    findings: Mapping[str, Finding]

    @property
    def why(self) -> dict[str, str]:
        """The reason of each finding that stands open."""
        return {rule: f.reason for rule, f in self.findings.items() if f.status == "open"}

    @property
    def unsure(self) -> dict[str, str]:
        """The reason of each rule that could not be judged."""
        return {rule: f.reason for rule, f in self.findings.items() if f.status == "unverifiable"}


def told(audit: Audit) -> dict[str, Said]:
    """What an audit says about every deal."""
    of: dict[str, dict[str, Finding]] = {row: {} for row in audit.verdicts["id"]}
    for finding in explain(audit):
        of[finding.deal][finding.rule] = finding
    return {
        row["id"]: Said(
            row["verdict"], row["claimed"], (row["supported_min"], row["supported_max"]), row["action"], of[row["id"]]
        )
        for row in audit.verdicts.iter_rows(named=True)
    }


def said(records: Rows, name: str = "d1", **of: object) -> Said:
    """What the core pack says about one deal."""
    return told(audited(records, CORE, NOW, **of))[name]


def node(spec: Spec) -> Node:
    """A requirement as a pack writes it."""
    ((word, inside),) = spec.items()
    if word in PREDICATES:
        return Leaf(word, PREDICATES[word].Args.model_validate(inside))
    if word == "not":
        return Combined("not", (node(inside),))
    if word == "at_least":
        return Combined("at_least", tuple(node(part) for part in inside["of"]), inside["k"])
    return Combined(word, tuple(node(part) for part in inside))


def rule(name: str, require: Spec, *, when: Spec | None = None, **changes: object) -> Rule:
    """A rule that applies at every rung."""
    given: dict[str, Any] = {"title": "The rule holds", "layer": "hygiene", "start": 0, **changes}
    return Rule(id=name, require=node(require), when=None if when is None else node(when), **given)


def pack(*rules: Rule) -> Pack:
    """A pack of these rules."""
    return Pack(name="tried", title="Rules on trial", version=1, rules=rules)


def proof(
    records: Rows, require: Spec, rung: int = 5, *, when: Spec | None = None, as_of: datetime = NOW, **of: object
) -> Proof:
    """One requirement, put to deal d1 at a rung; `when` is its guard."""
    audit = audited(records, pack(rule("TRY-ME", require, when=when)), as_of, **of)
    return prove(audit, "d1", rung)[0]


def ask(records: Rows, require: Spec, rung: int = 5, *, as_of: datetime = NOW, **of: object) -> tuple[str, str | None]:
    """Status and reason of one requirement on deal d1 (no reason where it holds)."""
    seen = proof(records, require, rung, when=None, as_of=as_of, **of)
    return seen.status, seen.steps[0].reason


def spoilt(tables: Mapping[str, pl.DataFrame], kind: str, name: str, **cells: str) -> dict[str, pl.DataFrame]:
    """The frames with some cells of one record overwritten by what no record could hold."""
    hit = pl.col("id") == name
    bad = [pl.when(hit).then(pl.lit(text)).otherwise(pl.col(column)).alias(column) for column, text in cells.items()]
    return {**tables, kind: tables[kind].with_columns(bad)}
