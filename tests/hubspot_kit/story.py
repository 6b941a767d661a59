"""Deals as the card meets them: audited by the core rules, and written as crm-audit writes them.

`python -m tests.hubspot_kit.story` writes them to story.json, which the tests of the card read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from crm_audit.connectors.hubspot.annotate import PLACE, wanted
from crm_audit.domain import Recheck, Record, Stage
from crm_audit.explain import explain, lacking
from crm_audit.gates import HowFar, refused_stages
from crm_audit.writeback import details
from crm_audit.writeback.annotation import SHORT, annotate
from tests.builders import DANA, ago, audited, but, change, clean, event, recheck

STORY = Path(__file__).resolve().parent / "story.json"

Deal = Mapping[str, str | None]

LABELS: Mapping[str, str] = {
    "Prospect": "New", "Qualify": "Appointment scheduled", "Discover": "Qualified to buy",
    "Evaluate": "Presentation scheduled", "Propose": "Decision maker bought-in", "Negotiate": "Contract sent",
    "Won": "Closed won", "Lost": "Closed lost", "Odd": "Legal review",
}  # fmt: skip
"""The stages of the portal: ids, and the labels that HubSpot shows for them."""
ANSWERS = ("crm_audit_answer", "crm_audit_answer_until", "crm_audit_answer_reason")

PRICED = Decimal(100_000)
SEEN = replace(event("meeting_held", 6, "dana", "lee", topics=("pricing",)), id="meetings:501")
RAISED = change("amount", 3, "80000", "100000")
"""Who decides has seen a price in a meeting; since then the deal became larger."""


def grown() -> list[Record]:
    """A deal whose price nobody has seen as it is now, and whose basics were not asked again for 51 days."""
    records = clean(amount=PRICED, budget=PRICED)
    asked = [one.id for one in records if isinstance(one, Recheck)]
    return but(records, "meeting_held-6-dana-lee-d1", *asked, add=[SEEN, RAISED, recheck(51)])


def judged(records: Iterable[Record], *unmapped: str) -> dict[str, str | None]:
    """The properties of deal `d1` once it was audited and annotated, where some of what it needs is not mapped."""
    named = [replace(one, label=LABELS[one.stage]) if isinstance(one, Stage) else one for one in records]
    audit = audited(named, unmapped=frozenset(unmapped))
    gates = refused_stages(audit, HowFar(default="block", rules={"CQ-OPP-DATE": "warn"}))
    fields = wanted(annotate(audit, explain(audit), lacking(audit), gates)["d1"], {})[PLACE]
    held = {name: None if value is None else str(value) for name, value in fields.items()}
    stage = str(audit.observed.scene.facts.deals["stage"][0])
    return {"dealstage": stage, **held, **dict.fromkeys(ANSWERS)}


def cut(held: Deal) -> Deal:
    """A deal with a top finding that is too long to stand in one sentence, and with findings that had no room."""
    long = "Dana Ruiz saw another figure, and then one more. " * 8
    told = details.parse(held["crm_audit_details"] or "")
    found = (replace(told.others[0], says=long.strip()), *told.others[1:])
    text = details.text(replace(told, others=found, left_off=3))
    return {**held, "crm_audit_details": text, "crm_audit_top_finding": long[: SHORT - 1].rstrip() + "…"}


def without(held: Deal, parts: str) -> Deal:
    """The same deal where some of the properties are not there."""
    return {name: value for name, value in held.items() if not name.startswith(parts)}


def deals() -> dict[str, Deal]:
    """The deals by what is remarkable about them."""
    overstated = judged(grown(), "need")
    supported = judged(clean())
    answer = ("not_applicable", "2026-07-01", "A renewal: the contract names the price.")
    return {
        "overstated": overstated,
        "one_ahead": judged(but(clean(rung=3), "d1-dana-authority")),
        "basics": judged(but(clean(), *(one.id for one in clean() if isinstance(one, Recheck)), add=[recheck(51)])),
        "left": judged(but(clean(), "dana", add=[replace(DANA, left_on=ago(9))])),
        "supported": supported,
        "unverifiable": judged(clean(), "need"),
        "closed": judged(clean(stage="Won")),
        "unmapped": judged(clean(stage="Odd")),
        "moved": {**overstated, "dealstage": "Propose"},
        "answered": {**overstated, **dict(zip(ANSWERS, answer, strict=True))},
        "unchecked": dict.fromkeys(supported) | {"dealstage": "Negotiate"},
        "no_answers": without(overstated, "crm_audit_answer"),
        "not_set_up": without(overstated, "crm_audit_"),
        "no_details": {**overstated, "crm_audit_details": None},
        "cut": cut(overstated),
    }


def written() -> str:
    """The story as the tests of the card read it."""
    return json.dumps({"stages": LABELS, "deals": deals()}, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    STORY.write_text(written(), encoding="utf-8")
