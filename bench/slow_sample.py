"""A few deals judged by the slow evaluator of the tests: each in a world of its own that holds its related rows only.

This is the kindest way to run it, since it reads its whole world again for every question.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import polars as pl
from tests.second_opinion.slow import judge_deal
from tests.second_opinion.slow_facts import Case, Row, World

from bench.org import AS_OF, LADDER, TERMS
from crm_audit.frames import written

LADDERS = {"Master": LADDER}
LISTS = ("people", "declined", "deals", "named", "topics")


def chosen(tables: Mapping[str, pl.DataFrame], count: int) -> list[str]:
    """Deals at even distances: activity is skewed by their number, so every share of it is met."""
    ids = tables["deals"]["id"]
    step = max(len(ids) // count, 1)
    return ids.gather_every(step, offset=step // 2).to_list()


class Related:
    """What concerns some deals, by id, so that a world is put together without searching."""

    def __init__(self, tables: Mapping[str, pl.DataFrame], deals: Sequence[str]) -> None:
        self._people, self._companies = tables["people"], tables["companies"]
        self._deals = {row["id"]: row for row in _rows(tables["deals"])}
        self._of: dict[str, dict[str, list[Row]]] = {}
        for kind in ("links", "history", "rechecks"):
            self._of[kind] = _by(_rows(tables[kind]), "deal")
        self._links_of = _by([link for links in self._of["links"].values() for link in links], "person")
        self._merged = _by(_rows(self._people.filter(pl.col("merged_into").is_not_null())), "merged_into")
        self._by_id = {row["id"]: row for row in _rows(self._people)}
        self._company = {row["id"]: row for row in _rows(self._companies)}
        people = {person for deal in deals for person in self.people(deal)}
        self._events(tables["events"], deals, people)

    def _events(self, events: pl.DataFrame, deals: Sequence[str], people: set[str]) -> None:
        listed = {name: pl.col(name).str.json_decode(pl.List(pl.String)) for name in LISTS}
        events = events.with_columns(**listed).with_row_index("n")
        on = events.select("n", deal="deals").explode("deal").filter(pl.col("deal").is_in(deals))
        alone = events.filter(pl.col("deals").list.len() == 0)
        loose = alone.select("n", person="people").explode("person").filter(pl.col("person").is_in(list(people)))
        wanted = events.join(pl.concat([on.select("n"), loose.select("n")]).unique(), on="n", how="semi")
        rows = {row["n"]: row for row in _rows(wanted)}
        self._on = _by([{"deal": deal, "event": rows[n]} for n, deal in on.iter_rows()], "deal")
        self._loose = _by([{"person": person, "event": rows[n]} for n, person in loose.iter_rows()], "person")

    def people(self, deal: str) -> set[str]:
        """Everybody linked to a deal, with whom they were merged into and who was merged into them."""
        found: set[str] = set()
        left = [link["person"] for link in self._of["links"].get(deal, ())]
        while left:
            person = left.pop()
            if person in found or person not in self._by_id:
                continue
            found.add(person)
            into = self._by_id[person]["merged_into"]
            left += [row["id"] for row in self._merged.get(person, ())] + ([into] if into else [])
        return found

    def world(self, deal: str) -> World:
        """The smallest world in which the deal is judged as in the whole org."""
        people = self.people(deal)
        links = [link for person in people for link in self._links_of.get(person, ())]
        events = [row["event"] for row in self._on.get(deal, ())]
        events += [row["event"] for person in people for row in self._loose.get(person, ())]
        own = [row for kind in ("history", "rechecks") for row in self._of[kind].get(deal, ())]
        return {
            "crm": "salesforce", "as_of": written(AS_OF), "org_tz": TERMS.zone, "corporate_currency": TERMS.currency,
            "rates": {"EUR": "1.10"}, "internal_domains": list(TERMS.internal_domains), "unmapped": [],
            "unconnected": [], "companies": self._companies_of(deal),
            "contacts": [_contact(self._by_id[person]) for person in people],
            "deals": [_plain(self._deals[other]) for other in {deal, *(link["deal"] for link in links)}],
            "links": [_link(link) for link in links],
            "events": [_event(event) for event in {event["id"]: event for event in events}.values()],
            "history": [_plain(row) for row in own if "field" in row],
            "assessments": [_plain(row) | {"at": written(row["on"])} for row in own if "field" not in row],
        }  # fmt: skip

    def _companies_of(self, deal: str) -> list[Row]:
        found: dict[str, Row] = {}
        company = self._deals[deal]["company"]
        while company and company not in found:
            found[company] = _plain(self._company[company])
            company = self._company[company]["merged_into"]
        return list(found.values())


def judged(world: World, deal: str) -> dict[str, Any]:
    """What the slow evaluator says about one deal of a world."""
    row = next(row for row in world["deals"] if row["id"] == deal)
    return judge_deal(Case(world, LADDERS, row))


def _rows(frame: pl.DataFrame) -> list[Row]:
    return frame.to_dicts()


def _by(rows: Sequence[Row], key: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(row)
    return found


def _plain(row: Row) -> Row:
    """Days and instants as worlds write them; lists that stand as text as lists."""
    plain = {name: written(cell) if isinstance(cell, (date, datetime)) else cell for name, cell in row.items()}
    return plain | ({"topics": json.loads(row["topics"])} if isinstance(row.get("topics"), str) else {})


def _contact(row: Row) -> Row:
    plain = _plain(row)
    return plain | {"email": f"somebody@{row['domain']}", "left_at": plain["left_on"]}


def _link(row: Row) -> Row:
    plain = _plain(row)
    return plain | {"contact": row["person"], "from": plain["valid_from"], "to": plain["valid_to"]}


def _event(row: Row) -> Row:
    plain = _plain(row)
    return plain | {"at": plain["at"] or plain["day"], "contacts": row["people"], "auto": row["automatic"]}


def together(worlds: Sequence[World]) -> World:
    """One world that holds all of them, each row once."""
    lists = {name: {row["id"]: row for world in worlds for row in world[name]} for name in _ROWS}
    return worlds[0] | {name: list(rows.values()) for name, rows in lists.items()}


_ROWS = ("companies", "contacts", "deals", "links", "events", "history", "assessments")
