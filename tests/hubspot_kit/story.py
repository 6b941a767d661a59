"""Deals as the card meets them: their properties, written by crm-audit's own writer of the details.

`python -m tests.hubspot_kit.story` writes them to story.json, which the tests of the card read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

from crm_audit.writeback.details import Details, Entry, Rests, text

STORY = Path(__file__).resolve().parent / "story.json"

Deal = Mapping[str, str | None]

AUTHORITY = Entry(
    rule="CQ-STK-AUTH", reason="none", severity="critical", status="open",
    says="We do not know yet who decides.", do='Ask Lee Park: "Who else signs this off?"',
)  # fmt: skip
BASICS = Entry(
    rule="CQ-OPP-BASICS", reason="stale", severity="major", status="open",
    says="Time to re-ask: price against budget. Last asked 51 days ago.",
    do="One short mail to Lee Park covers it.", asks=("price_vs_budget",),
)  # fmt: skip
PRICE = Entry(
    rule="CQ-STK-PRICE", reason="superseded_amount", severity="critical", status="open",
    says="Ada Ng saw USD 80,000; the deal says USD 100,000.", do="Show her the new figure.",
    rests=Rests("meeting_held", "meetings:501", date(2026, 5, 12)),
)  # fmt: skip
FIT = Entry(
    rule="CQ-ORG-FIT", reason="unmapped", severity="info", status="unverifiable",
    says="We could not check that the company is like your best customers.",
)  # fmt: skip
OVERSTATED = Details(
    claimed="5 committed (Contract sent)", next="3 evaluating (Presentation scheduled)",
    holds=("There is a solid purchase date", "The deal says which problem is to be solved"),
    missing=(AUTHORITY, BASICS), others=(PRICE, FIT),
)  # fmt: skip


def deal(details: Details | None = None, /, **changes: str | None) -> Deal:
    """The raw properties of a deal in its last open stage; a property that is None is empty."""
    held: dict[str, str | None] = {
        "dealstage": "contractsent",
        "crm_audit_status": "overstated",
        "crm_audit_supported_stage": "2 qualified (Qualified to buy)",
        "crm_audit_stage_gap": "3",
        "crm_audit_top_finding": AUTHORITY.says,
        "crm_audit_next_step": AUTHORITY.do,
        "crm_audit_details": text(details) if details else None,
        "crm_audit_answer": None,
        "crm_audit_answer_until": None,
        "crm_audit_answer_reason": None,
    }
    return {**held, **{name if name == "dealstage" else f"crm_audit_{name}": value for name, value in changes.items()}}


def nothing_found(**changes: str | None) -> Deal:
    """A deal of which nothing is told but its status."""
    return deal(**{"top_finding": None, "next_step": None, "stage_gap": None, "supported_stage": None, **changes})


def without(held: Deal, *parts: str) -> Deal:
    """The same deal where some of the properties are not there."""
    return {name: value for name, value in held.items() if not name.startswith(parts)}


DEALS: Mapping[str, Deal] = {
    "overstated": deal(OVERSTATED),
    "one_ahead": deal(replace(OVERSTATED, claimed="3 evaluating (Presentation scheduled)"), stage_gap="1",
                      dealstage="presentationscheduled"),
    "basics": deal(replace(OVERSTATED, missing=(BASICS, AUTHORITY)), top_finding=BASICS.says, next_step=BASICS.do),
    "answered": deal(OVERSTATED, answer="not_applicable", answer_until="2026-07-01",
                     answer_reason="A renewal: the contract names who signs."),
    "supported": nothing_found(status="supported", stage_gap="0", supported_stage="5 committed (Contract sent)"),
    "unverifiable": deal(Details(claimed=OVERSTATED.claimed, others=(FIT,)), status="unverifiable", stage_gap="0",
                         supported_stage=OVERSTATED.claimed, top_finding=FIT.says, next_step=None),
    "closed": nothing_found(status="not_applicable", dealstage="closedwon"),
    "unmapped": nothing_found(status="unmapped", dealstage="legalreview"),
    "moved": deal(OVERSTATED, dealstage="decisionmakerboughtin"),
    "unchecked": nothing_found(status=None),
    "no_answers": without(deal(OVERSTATED), "crm_audit_answer"),
    "not_set_up": without(deal(), "crm_audit_"),
    "no_details": deal(),
    "cut": deal(replace(OVERSTATED, others=(replace(PRICE, says="Ada Ng saw another figure. " * 12), FIT), left_off=3),
                top_finding=("Ada Ng saw another figure. " * 12)[:254].rstrip() + "…", next_step=PRICE.do),
}  # fmt: skip
STAGES: Mapping[str, str] = {
    "contractsent": "Contract sent",
    "presentationscheduled": "Presentation scheduled",
    "decisionmakerboughtin": "Decision maker bought-in",
    "closedwon": "Closed won",
    "legalreview": "Legal review",
}
"""The labels of the stages in the portal of the story."""


def written() -> str:
    """The story as the tests of the card read it."""
    return json.dumps({"stages": STAGES, "deals": DEALS}, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    STORY.write_text(written(), encoding="utf-8")
