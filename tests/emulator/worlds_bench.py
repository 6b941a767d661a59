"""Small worlds as they are written in a file, played into an emulated CRM without a call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from crm_audit import worlds
from crm_audit.emulator.hubspot import HubspotPortal
from crm_audit.emulator.salesforce import SalesforceOrg
from crm_audit.emulator.worlds import Emulated, emulate
from crm_audit.worlds import World
from crm_audit.yamls import Place

LADDERS: dict[str, dict[str, int | str]] = {
    "sf:NewBusiness": {"Needs Analysis": 2, "Negotiation/Review": 5, "Closed Won": "won", "Closed Lost": "lost"},
    "hs:default": {"qualifiedtobuy": 2, "contractsent": 5, "closedwon": "won", "closedlost": "lost"},
}
STAGES = {"salesforce": ("sf:NewBusiness", "Negotiation/Review"), "hubspot": ("hs:default", "contractsent")}
STAGES["files"] = STAGES["salesforce"]
AS_OF = "2026-03-16T15:00:00Z"
NOON = "2026-03-10T16:00:00Z"
NAMES = {"dana": "Dana Ruiz", "lee": "Lee Park", "sam": "Sam Osei"}

Row = dict[str, Any]


def deal(crm: str, **more: object) -> Row:
    """A deal at rung 5."""
    pipeline, stage = STAGES[crm]
    usual = {"id": "d1", "pipeline": pipeline, "stage": stage, "amount": "100000", "currency": "USD"}
    dates = {"created": "2025-11-03T14:00:00Z", "close_date": "2026-04-30"}
    return {**usual, **dates, "company": "co1", "need": "Fewer late invoices", **more}


def world(crm: str, **parts: Any) -> World:  # noqa: ANN401  # rows of any list of a world file
    """A world with one deal, one company and three contacts, and what is told besides."""
    contacts = [{"id": who, "name": name, "email": f"{who}@acme.example"} for who, name in NAMES.items()]
    row: Row = {
        "id": "T01",
        "crm": crm,
        "as_of": AS_OF,
        "org_tz": "America/New_York",
        "corporate_currency": "USD",
        "internal_domains": ["seller.example"],
        "companies": [{"id": "co1", "name": "Acme Freight", "fit_tier": "A"}],
        "contacts": contacts,
        "deals": [deal(crm)],
        "links": [],
        "events": [],
        "history": [],
        "assessments": [],
        "expect": {},
        **parts,
    }
    return worlds.parse(Place(Path("world"), row, None), LADDERS)


def event(kind: str, *people: str, **more: object) -> Row:
    """An event of d1 about pricing."""
    return {"at": NOON, "kind": kind, "contacts": list(people), "topics": ["pricing"], "deal": "d1", **more}


def played(told: World, look: Callable[[Emulated], None] = lambda emulated: None) -> Emulated:
    """The world's CRM at the moment of the audit; `look` is called where a pull would be made."""
    emulated = emulate(told)
    emulated.script.play(emulated.clock, lambda: look(emulated))
    return emulated


def org_of(emulated: Emulated) -> SalesforceOrg:
    """The org behind it."""
    assert isinstance(emulated.crm, SalesforceOrg)
    return emulated.crm


def portal_of(emulated: Emulated) -> HubspotPortal:
    """The portal behind it."""
    assert isinstance(emulated.crm, HubspotPortal)
    return emulated.crm


def lines(told: World) -> list[str]:
    """What is said of this world alone, without its id."""
    return [line.removeprefix("T01 ") for line in emulate(told).re_encoded if line.startswith("T01 ")]
