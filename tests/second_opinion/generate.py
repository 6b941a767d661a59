"""Worlds at random: deals that satisfy every rule, then broken in a few ways that sit on the boundaries."""

from __future__ import annotations

from datetime import UTC, datetime, time
from random import Random
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from .breaks import BREAKS
from .sketch import DAYS, LADDERS, LAST_SECOND, MIDNIGHT, NOON, ZONES, Sketch
from .slow_facts import TERMINAL, Row, World

NAMES = ("Dana Ruiz", "Lee Park", "Sam Osei", "Noa Levi", "Omar Haddad")

SEVERAL_RECIPIENTS = ("meeting_held", "email_out", "quote_sent", "doc_shared", "attestation")


def world(chance: Random) -> World:
    """A world that chance draws; the same state of `chance` gives the same world."""
    zone = ZoneInfo(ZONES[chance.randrange(len(ZONES))])
    day = DAYS[chance.randrange(len(DAYS))]
    clock = (NOON, MIDNIGHT, LAST_SECOND, time(0, 0, 1), time(18, 30))[chance.randrange(5)]
    sketch = Sketch(chance, zone, datetime.combine(day, clock, zone).astimezone(UTC))
    _empty(sketch)
    for _ in range(1 + chance.randrange(4)):
        _clean_deal(sketch)
    for number, deal in enumerate(list(sketch.world["deals"])):
        for _ in range(chance.randrange(4 if number else 7)):
            sketch.pick(BREAKS)(sketch, deal)
    _tidy(sketch.world)
    return sketch.world


def seeded(seed: int) -> World:
    """The world of that number."""
    return world(Random(seed))


def worlds() -> st.SearchStrategy[World]:
    """Worlds for Hypothesis, which shrinks them towards few, clean, plain deals."""
    return st.randoms(use_true_random=False).map(world)


def _empty(sketch: Sketch) -> None:
    crm = sketch.pick(("salesforce", "hubspot"))
    sketch.world = {
        "id": "G01",
        "title": "generated",
        "crm": crm,
        "as_of": sketch.as_of.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "org_tz": sketch.zone.key,
        "corporate_currency": sketch.pick(("USD", "USD", "EUR")),
        "rates": {"EUR": "1.10", "GBP": "1.25"},
        "internal_domains": ["seller.example"],
        "unmapped": [],
        "unconnected": [],
        "companies": [_company(sketch, "co1"), _company(sketch, "co2")],
        "contacts": [_contact(number, name) for number, name in enumerate(NAMES, 1)],
        "deals": [],
        "links": [],
        "events": [],
        "history": [],
        "assessments": [],
        "expect": {},
        "why": "",
    }
    sketch.world["rates"].pop(sketch.world["corporate_currency"], None)
    if sketch.world["corporate_currency"] == "EUR":
        sketch.world["rates"]["USD"] = "0.9"


def _company(sketch: Sketch, company_id: str) -> Row:
    assessed = sketch.day(sketch.pick((60, 0, 180)))
    return {"id": company_id, "name": f"Acme {company_id}", "fit_tier": "A", "fit_assessed": assessed}


def _contact(number: int, name: str) -> Row:
    first = name.split()[0].lower()
    return {"id": f"p{number}", "name": name, "title": "Head of Operations", "email": f"{first}@acme.example"}


def _clean_deal(sketch: Sketch) -> None:
    """A deal that holds everything up to rung 5, whatever rung it claims."""
    number = len(sketch.world["deals"]) + 1
    pipelines = [name for name in LADDERS if name.startswith("sf:") == (sketch.world["crm"] == "salesforce")]
    pipeline = sketch.pick(pipelines)
    stages = [stage for stage, rung in LADDERS[pipeline].items() if rung not in TERMINAL]
    deal = {
        "id": f"d{number}",
        "pipeline": pipeline,
        "stage": sketch.pick((stages[0], *stages)),
        "amount": sketch.pick(("100000", "40000", "99999.99", "110000.00")),
        "currency": "USD",
        "probability": "0.5",
        "close_date": sketch.day(sketch.pick((-45, 0, -365))),
        "budget": "110000",
        "budget_currency": "USD",
        "company": sketch.pick(("co1", "co1", "co2")),
        "need": "Fewer late invoices",
        "created": sketch.at(sketch.pick((150, 200))),
    }
    sketch.world["deals"].append(deal)
    _clean_story(sketch, deal, first=number == 1)


def _clean_story(sketch: Sketch, deal: Row, *, first: bool) -> None:
    people = ["p1", "p2", "p3"] if first else sketch.some(["p1", "p2", "p3", "p4", "p5"], 5)
    decider, champion, expert = (people * 3)[:3]
    for person, role in ((decider, "authority"), (champion, "champion"), (expert, "technical")):
        sketch.world["links"].append({"deal": deal["id"], "contact": person, "role": role})
    shown, priced, heard = (sketch.at(sketch.pick(ages)) for ages in ((11, 60), (6, 0, 13, 14), (4, 0, 14)))
    common = {"deal": deal["id"], "kind": "meeting_held"}
    sketch.world["events"] += [
        {"at": shown, **common, "contacts": sorted({champion, expert}), "topics": ["demo"], "outcome": "COMPLETED"},
        {"at": priced, **common, "contacts": sorted({decider, champion}), "topics": ["pricing"]},
        {"at": heard, "deal": deal["id"], "kind": "email_in", "contacts": [champion], "topics": []},
    ]
    stages = list(LADDERS[deal["pipeline"]])
    before = next(stage for stage in reversed(stages[:-2]) if stage != deal["stage"])
    entered = {"deal": deal["id"], "at": sketch.at(sketch.pick((10, 0, 30))), "field": "stage"}
    sketch.world["history"].append({**entered, "old": before, "new": deal["stage"]})
    asked = sketch.day(sketch.pick((5, 0, 14)))
    sketch.world["assessments"].append({"deal": deal["id"], "at": asked, "topics": ["all"]})


def _tidy(drawn: World) -> None:
    """Take back what the format does not allow: several senders of one mail, two changes at one instant."""
    for event in drawn["events"]:
        if event["kind"] not in SEVERAL_RECIPIENTS:
            del event["contacts"][1:]
        if event["kind"] != "meeting_held":
            for key in ("outcome", "declined", "ends_at"):
                event.pop(key, None)
    seen: set[tuple[str, str, str]] = set()
    for row in list(drawn["history"]):
        change = (row["deal"], row["field"], row["at"])
        if change in seen:
            drawn["history"].remove(row)
        seen.add(change)
