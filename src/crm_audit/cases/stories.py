"""A case's story → a world: names become ids, told days become instants, the rung becomes a stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from crm_audit import worlds
from crm_audit.cases.rows import Calendar, Part, Terms
from crm_audit.domain import LOST, RUNGS, STRENGTH, TOP, WON
from crm_audit.near import aside
from crm_audit.worlds import Ladders, World
from crm_audit.yamls import Place

DEAL, PIPELINE = "deal", "ladder"
LADDER: Ladders = {PIPELINE: {**{name: rung for rung, name in RUNGS.items()}, WON: WON, LOST: LOST}}
"""Every rung is a stage of its own; a stage of any other name is on no rung."""

OURS = "seller.example"


def world(place: Place, story: Part, terms: Terms, what: str, *, expect: Part) -> World:
    """The story as a world of its own, with what is expected of it."""
    people = {name: part for name, part in (story.get("people") or {}).items() if part is not None}
    telling = _Telling(place, Calendar(terms.now, terms.zone), terms, what, people)
    company = story.get("company")
    row = {
        "id": what,
        "crm": "files",
        "as_of": terms.now,
        "org_tz": terms.zone,
        "corporate_currency": terms.currency,
        "rates": story.get("rates", {}),
        "internal_domains": [OURS],
        "unmapped": list(story.get("unmapped", ())),
        "unconnected": list(_kinds(story.get("unconnected", ()))),
        "companies": [] if company is None else [telling.company(company)],
        "contacts": [telling.contact(name, part) for name, part in people.items()],
        "deals": [telling.deal(story)],
        "links": [link for name, part in people.items() for link in telling.links(name, part)],
        "events": [telling.event(name, part) for name, part in telling.named(story, "events", ("kind", "when", "who"))],
        "history": list(telling.changes(story)),
        "assessments": [telling.recheck(part) for _, part in telling.named(story, "rechecks", ("when",))],
        "expect": {},
    }
    return replace(worlds.parse(Place(place.path, row, place.line), LADDER), title=what, expect={DEAL: expect})


def _kinds(unconnected: Sequence[str]) -> Sequence[str]:
    return tuple(STRENGTH) if "everything" in unconnected else unconnected


@dataclass(frozen=True, slots=True)
class _Telling:
    """Turns the parts of a story into rows of a world."""

    place: Place
    calendar: Calendar
    terms: Terms
    what: str
    people: Mapping[str, Part]

    def company(self, part: Part) -> Part:
        return {
            "id": "company",
            "name": part.get("name") or "the company",
            "fit_tier": part.get("fit"),
            "fit_score": part.get("score"),
            "fit_assessed": self._day(part, "assessed"),
        }

    def contact(self, name: str, part: Part) -> Part:
        into = part.get("merged_into")
        return {
            "id": name,
            "name": name,
            "title": part.get("title"),
            "email": part.get("email") or "somebody@buyer.example",
            "left_at": self._day(part, "left"),
            "deleted": part.get("deleted", False),
            "merged_into": None if into is None else self._known(into, f"people.{name}.merged_into"),
        }

    def links(self, name: str, part: Part) -> Iterator[Part]:
        valid = {"from": self._day(part, "valid_from"), "to": self._day(part, "valid_to")}
        for role in part.get("role") or ():
            yield {"deal": DEAL, "contact": name, "role": role, **valid}
        for role in part.get("was") or ():
            until = self.calendar.day(self._needed(part, "until", f"people.{name}"))
            yield {"deal": DEAL, "contact": name, "role": role, "to": until}

    def deal(self, story: Part) -> Part:
        part = story.get("deal") or {}
        if "created" not in part:
            self.place.wrong(f"{self.what}: the deal has no 'created'; `~` is a day that nobody knows")
        amount, currency = self._money(part, "amount")
        budget, budget_currency = self._money(part, "budget")
        closes, created = part.get("closes"), part.get("created")
        as_told = ("need", "solution_fit", "owner", "next_step", "forecast_category", "probability")
        return {
            "id": DEAL,
            "pipeline": PIPELINE,
            "stage": self._stage(story),
            "created": created and self.calendar.instant(created),
            "amount": amount,
            "currency": currency,
            "budget": budget,
            "budget_currency": budget_currency,
            "close_date": closes if closes is None or "T" in closes else self.calendar.day(closes),
            "company": None if story.get("company") is None else "company",
            **{name: part.get(name) for name in as_told},
        }

    def event(self, name: str, part: Part) -> Part:
        quoted, currency = self._money(part, "quoted")
        ends = part.get("ends")
        return {
            "kind": part["kind"],
            "at": self.calendar.instant(part["when"]),
            "ends_at": None if ends is None else self.calendar.instant(ends),
            "contacts": [self._known(who, f"events.{name}.who") for who in part["who"]],
            "declined": [self._known(who, f"events.{name}.declined") for who in part.get("declined", ())],
            "topics": list(part.get("topics", ())),
            "outcome": part.get("outcome"),
            "auto": part.get("automatic", False),
            "quoted_amount": quoted,
            "quoted_currency": currency if quoted is not None else None,
            "deal": DEAL if part.get("linked", True) else None,
        }

    def recheck(self, part: Part) -> Part:
        topics = list(part.get("topics", ("all",)))
        return {"deal": DEAL, "at": self.calendar.day(part["when"]), "topics": topics, "by": part.get("by")}

    def changes(self, story: Part) -> Iterator[Part]:
        """The history as told, and the entry into the present stage from the rung below."""
        entered = (story.get("deal") or {}).get("entered")
        if entered is not None:
            before, now = RUNGS[max(0, int(self._rung(story)) - 1)], self._stage(story)
            yield {
                "deal": DEAL, "field": "stage", "at": self.calendar.instant(entered), "old": before, "new": now,
            }  # fmt: skip
        for part in story.get("changes", ()):
            both = {key: self._value(part["field"], part[key]) for key in ("old", "new")}
            at = self.calendar.instant(part["when"])
            yield {"deal": DEAL, "field": part["field"], "at": at, **both, "by": part.get("by")}

    def named(self, story: Part, kind: str, needed: Sequence[str]) -> Iterator[tuple[str, Part]]:
        """Name and part of whatever was not taken away, complete."""
        for name, part in (story.get(kind) or {}).items():
            if part is None:
                continue
            for key in needed:
                self._needed(part, key, f"{kind}.{name}")
            yield name, part

    def _needed(self, part: Part, key: str, where: str) -> str:
        if part.get(key) is None:
            self.place.wrong(f"{self.what}: {where} has no {key!r}, neither here nor in the clean deal")
        return str(part[key])

    def _known(self, name: str, where: str) -> str:
        if name not in self.people:
            hint = aside(name, self.people) or f"; known are {', '.join(self.people)}"
            self.place.wrong(f"{self.what}: {where}: nobody is called {name!r}{hint}")
        return name

    def _rung(self, story: Part) -> int:
        rung = story.get("rung", TOP)
        return rung if isinstance(rung, int) else TOP

    def _stage(self, story: Part) -> str:
        rung = story.get("rung", TOP)
        return (story.get("deal") or {}).get("stage") or (RUNGS[rung] if isinstance(rung, int) else str(rung))

    def _day(self, part: Part, key: str) -> str | None:
        told = part.get(key)
        return None if told is None else self.calendar.day(told)

    def _money(self, part: Part, key: str) -> tuple[str | None, str]:
        amount, _, currency = (part.get(key) or "").partition(" ")
        return amount or None, currency or self.terms.currency

    def _value(self, field: str, told: str | None) -> str | None:
        """A change's value as a CRM writes it."""
        if told is None:
            return None
        if field == "close_date":
            return self.calendar.day(told)
        return RUNGS[int(told)] if field == "stage" and told.isdigit() and int(told) <= TOP else told
