"""From typed fields to records: names, roles, topics, ids that the export does not spell out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from crm_audit.connectors.files.history import changes
from crm_audit.connectors.files.rows import Fields, Source
from crm_audit.connectors.files.tally import Tally
from crm_audit.connectors.mail import domain
from crm_audit.connectors.titles import PRICING, PRICING_WORDS, spoken
from crm_audit.domain import KINDS, LOST, ROLES, STRENGTH, WON, Change, Record

ROLE_WORDS: Mapping[str, str] = {
    # Salesforce (qualification 3.4)
    "decision maker": "authority", "economic buyer": "authority", "economic decision maker": "authority",
    "executive sponsor": "sponsor", "technical buyer": "technical", "evaluator": "technical",
    "business user": "user", "influencer": "influencer",
    # HubSpot (ruling 10)
    "budget holder": "authority", "champion": "champion", "blocker": "blocker", "end user": "user",
    "legal and compliance": "procurement_legal", "other": "other",
}  # fmt: skip
SHORTEST_NAME = 4  # a deal called "A" is named by every title


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the organisation's own words mean."""

    roles: Mapping[str, str]  # in lower case
    topics: Mapping[str, tuple[str, ...]]  # in lower case
    deals: Mapping[str, str]  # id -> name: an event may name its deal


def records(source: Source, meaning: Meaning, *, tally: Tally) -> Iterator[tuple[int, Record]]:
    """The records of one table with the lines they come from."""
    if source.kind == "history":
        for line, found in changes(source, tally):
            yield line, Change(**found)
        return
    finish = FINISH[source.kind]
    for line, found, _ in source.fields(tally):
        if source.kind == "stages":
            found.setdefault("position", line)
        odd = finish(found, meaning)
        if odd:
            tally.note(odd, line)
        if odd != NO_EVENT:
            yield line, KINDS[source.kind](**found)


NO_EVENT = "of no kind that values.kind names: left out"
NO_ROLE = "with a role that nobody mapped: read as 'other'; add it to roles"
Finish = Callable[[Fields, Meaning], str]
"""Completes the fields of a record; what is odd about it comes back, or nothing."""


def _named(found: Fields, meaning: Meaning) -> str:
    found.setdefault("name", found["id"])
    return ""


def _stage(found: Fields, meaning: Meaning) -> str:
    found.setdefault("pipeline", "")
    found.setdefault("label", found["stage"])
    found["closed"] = found.get("closed") if found.get("closed") in (WON, LOST) else None
    found["id"] = f"{found['pipeline']}:{found['stage']}"
    return ""


def _rate(found: Fields, meaning: Meaning) -> str:
    found.setdefault("id", _key(found, "currency", "valid_from"))
    return ""


def _person(found: Fields, meaning: Meaning) -> str:
    found.setdefault("name", found["id"])
    told = domain(found.pop("email", ""))
    if told:
        found.setdefault("domain", told)
    return ""


def _deal(found: Fields, meaning: Meaning) -> str:
    found.setdefault("name", found["id"])
    for name in ("pipeline", "stage"):
        found.setdefault(name, "")
    found.setdefault("created", None)
    if "currency" in found:
        found["currency"] = found["currency"].upper()
    return ""


def _link(found: Fields, meaning: Meaning) -> str:
    text = found.get("role", "")
    found["role"] = _role(text.casefold(), meaning) if text else "unassigned"
    found.setdefault("id", _key(found, "deal", "person", "role", "valid_from"))
    return NO_ROLE if found["role"] == "other" and text.casefold() != "other" else ""


def _role(text: str, meaning: Meaning) -> str:
    if text in meaning.roles:
        return meaning.roles[text]
    return text if text in ROLES else ROLE_WORDS.get(text.replace("_", " "), "other")


def _event(found: Fields, meaning: Meaning) -> str:
    type_, title = found.pop("type", "").casefold(), found.pop("title", "")
    if found["kind"] not in STRENGTH:
        return NO_EVENT
    found.setdefault("people", ())
    told = found.get("topics", ()) or meaning.topics.get(type_, ())
    found["topics"] = told or spoken((title,), {PRICING: PRICING_WORDS})
    found["named"] = tuple(deal for deal in found.get("deals", ()) if _names(title, meaning.deals.get(deal, "")))
    return ""


def _names(title: str, name: str) -> bool:
    return len(name) >= SHORTEST_NAME and name.casefold() in title.casefold()


def _recheck(found: Fields, meaning: Meaning) -> str:
    found.setdefault("topics", ())
    found.setdefault("id", _key(found, "deal", "on"))
    return ""


def _key(found: Fields, *names: str) -> str:
    """An id made of what tells one record from another, where the export has none."""
    return ":".join(str(found[name]) for name in names if name in found)


FINISH: Mapping[str, Finish] = {
    "stages": _stage,
    "users": _named,
    "rates": _rate,
    "companies": _named,
    "people": _person,
    "deals": _deal,
    "links": _link,
    "events": _event,
    "rechecks": _recheck,
}
