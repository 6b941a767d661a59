"""4 · Exempt: what a waiver makes of findings, and what is to be told of the waivers themselves. Pure.

A waived finding counts as holding for the gate and for the action, and never for the supported stage (ruling 37): the
verdict stays what the evidence supports.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta

import polars as pl

from crm_audit.domain import TOP
from crm_audit.evaluate import Audit, status
from crm_audit.explain import Finding, day
from crm_audit.facts import Facts
from crm_audit.facts import today as local
from crm_audit.waivers import Waiver

Pair = tuple[str, str]
"""A deal and a rule by their ids."""

WAIVED = "waived"
EXPIRED, UNUSED = "SYS-WAIVER-EXPIRED", "SYS-WAIVER-UNUSED"
"""What is told of waivers. No pack has these rules: they are about us, so no CRM shows them."""


def waived(findings: Iterable[Finding], pairs: Collection[Pair]) -> list[Finding]:
    """The findings, those that a waiver in force lets off marked as such; what cannot be told stays as it is."""
    return [
        replace(each, status=WAIVED, action="annotate")
        if each.status == "open" and (each.deal, each.rule) in pairs
        else each
        for each in findings
    ]


def snoozed(findings: Iterable[Finding], pairs: Collection[Pair]) -> list[Finding]:
    """The findings, those that a rep has put off marked as such; they are held against the deal all the same."""
    return [
        replace(each, status="snoozed") if each.status == "open" and (each.deal, each.rule) in pairs else each
        for each in findings
    ]


def put_off(facts: Facts, at: datetime, most: timedelta) -> frozenset[Pair]:
    """What the last answer to a finding puts off: it does not apply, until a day or for `most`, and it says why."""
    today = local(at, facts.terms.zone)
    last = facts.answers.filter(pl.col("rule").is_not_null() & (pl.col("at") <= at)).sort("at", maintain_order=True)
    rows = last.unique(["deal", "rule"], keep="last", maintain_order=True).filter(
        (pl.col("answer") == "not_applicable")
        & pl.col("reason").is_not_null()
        & (pl.coalesce("until", pl.col("day") + most) >= today)
    )
    return frozenset(rows.select("deal", "rule").iter_rows())


def counted(audit: Audit, findings: Iterable[Finding]) -> Audit:
    """The audit with the action of each deal that has a finding let off worked out again, without it."""
    told = list(findings)
    let_off = {each.deal for each in told if each.status == WAIVED}
    if not let_off:
        return audit
    left = [each for each in told if each.status != WAIVED and each.deal in let_off]
    blocked = [each.deal for each in left if each.action == "block"]
    action = (
        pl.when(~pl.col("id").is_in(list(let_off))).then("action")
        .when(pl.col("id").is_in(blocked)).then(pl.lit("block"))
        .when(pl.col("id").is_in([each.deal for each in left])).then(pl.lit("annotate"))
        .otherwise(pl.lit("none"))
    )  # fmt: skip
    return replace(audit, verdicts=audit.verdicts.with_columns(action=action))


def about(audit: Audit, waivers: Iterable[Waiver], at: datetime, today: date) -> Iterator[Finding]:
    """What is to be told of the waivers of the audited deals: which ran out too soon, and which let nothing off."""
    there = [waiver for waiver in waivers if waiver.requested <= at]
    force = [waiver for waiver in there if waiver.state(at, today) == "in force"]
    covered = {(waiver.deal, waiver.rule) for waiver in force}
    over = {(w.deal, w.rule): w for w in there if w.was_in_force(at, today) and (w.deal, w.rule) not in covered}
    came_to = _statuses(audit, [*covered, *over])
    for pair, waiver in over.items():
        if "fails" in came_to.get(pair, ()):
            yield _told(waiver, EXPIRED)
    for waiver in force:
        seen = came_to.get((waiver.deal, waiver.rule))
        if seen is not None and seen <= {"holds", "not_applicable"}:
            yield _told(waiver, UNUSED)


SAYS = {
    EXPIRED: "The waiver of {rule} ran out on {until}, and the rule still fails.",
    UNUSED: "The waiver of {rule} until {until} lets nothing off: the rule holds, or asks nothing of this deal.",
}
DO = {
    EXPIRED: "Mend the deal, or ask for a new waiver.",
    UNUSED: "Withdraw it: crm-audit waivers withdraw {id}",
}


def _told(waiver: Waiver, rule: str) -> Finding:
    facts = {"rule": waiver.rule, "until": day(waiver.until), "id": waiver.id}
    return Finding(
        deal=waiver.deal, rule=rule, layer="system", severity="info", status="open", action="annotate", rung=TOP,
        reason="expired" if rule == EXPIRED else "unused", says=SAYS[rule].format_map(facts),
        todo=DO[rule].format_map(facts), details={"waiver": waiver.id, "waived": waiver.rule},
    )  # fmt: skip


def _statuses(audit: Audit, pairs: Collection[Pair]) -> Mapping[Pair, set[str]]:
    """What waived rules came to on their deals, at the rung that is claimed and above: there a waiver has an effect."""
    deals = audit.verdicts.filter(pl.col("m").is_not_null()).select("m", "id", "claimed")
    known = {rule.id: rule for rule in audit.pack.rules if rule.require is not None}
    found: dict[Pair, set[str]] = {}
    for rule in (known[name] for name in sorted({name for _, name in pairs} & known.keys())):
        mine = deals.filter(pl.col("id").is_in([deal for deal, name in pairs if name == rule.id]))
        found |= {(deal, rule.id): set() for deal in mine["id"]}
        table = audit.observed.table.join(mine, on="m", how="inner")
        for rung in (rung for rung in range(TOP + 1) if rule.applies(rung)):
            rows = table.filter(pl.col("claimed") <= rung).select(
                "id", status(rule, rung, audit.observed).alias("status")
            )
            for deal, came_to in rows.iter_rows():
                found[deal, rule.id].add(came_to)
    return found
