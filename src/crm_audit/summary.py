"""What an audit comes to: what could be judged at all, the verdicts, and the money claimed against supported. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import polars as pl

from crm_audit.domain import RUNGS
from crm_audit.evaluate import Audit
from crm_audit.explain import Finding
from crm_audit.facts import OPEN, UNMAPPED
from crm_audit.money import Rates, converted, rates_on
from crm_audit.standing import foremost, highest_stages, once_fixed, supported_stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How often one rule could be judged, over the open deals that it applies to."""

    rule: str
    title: str
    holds: int
    fails: int
    unknown: int
    error: int

    @property
    def coverage(self) -> float | None:
        """The share that could be judged; None where it applied nowhere."""
        known = self.holds + self.fails
        asked = known + self.unknown + self.error
        return known / asked if asked else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One open deal, as a list shows it. Money is in the corporate currency; None where it cannot be told."""

    id: str
    name: str
    company: str | None
    owner: str | None
    stage: str
    claimed: int | None
    supported_min: int | None
    supported_max: int | None
    supported_stage: str | None
    once_fixed: int | None
    verdict: str
    action: str
    amount: float | None
    weighted: float | None  # amount x the CRM's probability
    evidenced: float | None  # amount x no more than the probability of the stage the evidence supports
    findings: int
    top: Finding | None

    @property
    def at_risk(self) -> float:
        """What the claimed probability counts on and the evidence does not."""
        return (self.weighted or 0) - (self.evidenced or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """Sums over the open deals, in the corporate currency."""

    currency: str
    amount: float  # of all open deals
    overstated: float  # the amount of the deals whose stage exceeds their evidence
    weighted: float
    evidenced: float
    left_out: int  # deals without an amount, a rate or a probability
    by_rung: Mapping[int, tuple[float, float]]  # rung -> amount claimed there, amount supported there


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One audit in numbers."""

    open_deals: int
    verdicts: Mapping[str, int]
    rules: tuple[Judged, ...]
    blind: Mapping[tuple[str, str], int]  # (rule, reason) -> deals for which it could not be judged
    unmapped: Mapping[str, int]  # pipeline and stage that are on no ladder -> deals there
    money: Money
    lines: tuple[Line, ...]  # the open deals, the most money at risk first

    @property
    def coverage(self) -> float | None:
        """The share of all (deal, rule) pairs that could be judged."""
        known = sum(rule.holds + rule.fails for rule in self.rules)
        asked = known + sum(rule.unknown + rule.error for rule in self.rules)
        return known / asked if asked else None


def summarise(audit: Audit, findings: Iterable[Finding]) -> Summary:
    """The numbers of an audit."""
    told = list(findings)
    lines = sorted(_lines(audit, told), key=_rank)
    return Summary(
        open_deals=len(lines),
        verdicts=dict(Counter(audit.verdicts["verdict"])),
        rules=tuple(_rules(audit)),
        blind=dict(Counter((f.rule, f.reason) for f in told if f.status == "unverifiable")),
        unmapped=_unmapped(audit),
        money=_money(audit, lines),
        lines=tuple(lines),
    )


def _rank(line: Line) -> tuple[float, bool, int, float, str]:
    """The most money at risk first; where no money tells, what is overstated, by how far."""
    gap = (line.claimed or 0) - (line.supported_max or 0)
    return (-line.at_risk, line.verdict != "overstated", -gap, -(line.amount or 0), line.id)


def _unmapped(audit: Audit) -> dict[str, int]:
    stages = audit.observed.scene.facts.deals.select("deal", where=pl.concat_str("pipeline", pl.lit(" / "), "stage"))
    lost = audit.verdicts.filter(pl.col("state") == UNMAPPED).join(stages, on="deal")
    return dict(lost.group_by("where").len().sort("len", descending=True).iter_rows())


def _rules(audit: Audit) -> Iterator[Judged]:
    counts = {(rule, status): n for rule, status, n in audit.tally.iter_rows()}
    for rule in audit.pack.rules:
        if rule.require is not None:
            yield Judged(
                rule=rule.id,
                title=rule.title,
                holds=counts.get((rule.id, "holds"), 0),
                fails=counts.get((rule.id, "fails"), 0),
                unknown=counts.get((rule.id, "unknown"), 0),
                error=counts.get((rule.id, "error"), 0),
            )


def _lines(audit: Audit, findings: Iterable[Finding]) -> Iterator[Line]:
    facts = audit.observed.scene.facts
    of_deal: dict[str, list[Finding]] = {}
    for finding in findings:
        of_deal.setdefault(finding.deal, []).append(finding)
    companies = facts.companies.select("company", company_name="name")
    stages = facts.stages.select("pipeline", "stage", "label", chance="probability").unique(["pipeline", "stage"])
    owners = facts.users.select(owner="id", owner_name="name").unique("owner")
    deals = facts.deals.drop("state", "id", "rung").join(companies, on="company", how="left", maintain_order="left")
    deals = deals.join(stages, on=["pipeline", "stage"], how="left", maintain_order="left")
    deals = deals.join(owners, on="owner", how="left", maintain_order="left")
    rows = audit.verdicts.filter(pl.col("state") == OPEN).join(deals, on="deal", maintain_order="left")
    worth = _Worth(audit)
    labels = highest_stages(audit)
    for row in rows.iter_rows(named=True):
        mine = of_deal.get(row["id"], [])
        weighted, evidenced = worth.weighed(row)
        yield Line(
            id=row["id"], name=row["name"], company=row["company_name"], owner=row["owner_name"] or row["owner"],
            stage=row["label"] or row["stage"], claimed=row["claimed"], supported_min=row["supported_min"],
            supported_max=row["supported_max"],
            supported_stage=supported_stage(row["pipeline"], row["supported_max"], labels),
            once_fixed=once_fixed(row), verdict=row["verdict"], action=row["action"], amount=worth.amount(row),
            weighted=weighted, evidenced=evidenced, findings=len(mine), top=foremost(mine),
        )  # fmt: skip


MOST = 10**300
"""What a float still holds; an amount above it is left out of the sums."""


def _number(text: str | None) -> Fraction | None:
    """None also for what is no number: the rules that ask for it are reported as errors."""
    try:
        return None if text is None else Fraction(text)
    except (ValueError, ArithmeticError):
        return None


def _rates(audit: Audit) -> Rates:
    """Today's rates; none at all where one of them cannot be read."""
    scene = audit.observed.scene
    try:
        return rates_on(scene, scene.moments["today"][0]) if scene.moments.height else {}
    except (ValueError, ArithmeticError):
        return {}


class _Worth:
    """What deals are worth: by the CRM's own probability, and by what the evidence supports."""

    def __init__(self, audit: Audit) -> None:
        scene = audit.observed.scene
        self._currency = scene.facts.terms.currency
        self._rates = _rates(audit)
        stages = scene.facts.stages.filter(pl.col("rung").is_not_null()).sort("rung", "position")
        self._ladder: dict[str, list[tuple[int, Fraction]]] = {}
        for pipeline, rung, chance in stages.select("pipeline", "rung", "probability").iter_rows():
            share = _number(chance)
            if share is not None:
                self._ladder.setdefault(pipeline, []).append((rung, share))

    def amount(self, row: Mapping[str, str | None]) -> float | None:
        """The amount in the corporate currency; None where there is none, or no rate."""
        exact = self._exact(row)
        return None if exact is None else float(exact)

    def _exact(self, row: Mapping[str, str | None]) -> Fraction | None:
        amount = _number(row["amount"])
        if amount is None or not 0 < amount <= MOST:
            return None
        return converted(str(amount), str(row["currency"]), self._currency, self._rates)

    def weighed(self, row: Mapping[str, str | None]) -> tuple[float | None, float | None]:
        """Amount by probability, as claimed and as supported."""
        amount, claimed = self._exact(row), _number(row["probability"] or row["chance"])
        rung = row["supported_max"]
        if amount is None or claimed is None:
            return None, None
        reached = [share for step, share in self._ladder.get(str(row["pipeline"]), []) if step <= int(rung or 0)]
        supported = min(claimed, reached[-1] if reached else Fraction(0))
        return float(amount * claimed), float(amount * supported)


def _money(audit: Audit, lines: list[Line]) -> Money:
    by_rung = {
        rung: (
            sum(line.amount or 0 for line in lines if line.claimed == rung),
            sum(line.amount or 0 for line in lines if min(line.claimed or 0, line.supported_max or 0) == rung),
        )
        for rung in RUNGS
    }
    return Money(
        currency=audit.observed.scene.facts.terms.currency,
        amount=sum(line.amount or 0 for line in lines),
        overstated=sum(line.amount or 0 for line in lines if line.verdict == "overstated"),
        weighted=sum(line.weighted or 0 for line in lines),
        evidenced=sum(line.evidenced or 0 for line in lines),
        left_out=sum(line.weighted is None for line in lines),
        by_rung=by_rung,
    )
