"""Whatever happens in a portal, a reader who walks its pages sees every live record once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import urllib3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import HubspotPortal
from crm_audit.emulator.server import serve
from tests.emulator.hubspot.conftest import NOW, Wire

Step = tuple[str, int, int]

STEPS = st.tuples(
    st.sampled_from(["create", "update", "archive", "merge", "associate", "dissociate"]),
    st.integers(0, 20),
    st.integers(0, 20),
)


class Played:
    """A portal with a plain account of what it must show: deals with their amounts, and who is on them."""

    def __init__(self) -> None:
        self.clock = Clock(NOW)
        self.portal = HubspotPortal(self.clock)
        self.contacts = [self.portal.create("contacts", lastname=f"Person {n}") for n in range(3)]
        self.amounts: dict[str, str] = {}
        self.people: dict[str, set[str]] = {}
        self.merged: dict[str, str] = {}
        for amount in range(4):
            self.create(amount, 0)

    def play(self, step: Step) -> None:
        name, one, other = step
        self.clock.advance(seconds=1)
        act: Callable[[int, int], None] = getattr(self, name)
        act(one, other)

    def deal(self, number: int) -> str | None:
        live = sorted(self.amounts)
        return live[number % len(live)] if live else None

    def create(self, amount: int, _: int) -> None:
        deal = self.portal.create("deals", amount=amount)
        self.amounts[deal], self.people[deal] = str(amount), set()

    def update(self, number: int, amount: int) -> None:
        if deal := self.deal(number):
            self.portal.update("deals", deal, amount=amount)
            self.amounts[deal] = str(amount)

    def archive(self, number: int, _: int) -> None:
        if deal := self.deal(number):
            self.portal.archive("deals", deal)
            del self.amounts[deal], self.people[deal]

    def merge(self, number: int, other: int) -> None:
        survivor, loser = self.deal(number), self.deal(other)
        if survivor is None or loser is None or survivor == loser:
            return
        self.portal.merge("deals", survivor, loser)
        self.people[survivor] |= self.people.pop(loser)
        del self.amounts[loser]
        self.merged[loser] = survivor

    def associate(self, number: int, person: int) -> None:
        if deal := self.deal(number):
            contact = self.contacts[person % 3]
            self.portal.associate("deals", deal, "contacts", contact)
            self.people[deal].add(contact)

    def dissociate(self, number: int, person: int) -> None:
        if deal := self.deal(number):
            contact = self.contacts[person % 3]
            self.portal.dissociate("deals", deal, "contacts", contact)
            self.people[deal].discard(contact)


def walk(wire: Wire, path: str, between: Callable[[], None] = lambda: None) -> list[dict[str, Any]]:
    """Every row of a list, page by page, with something happening in between."""
    rows = []
    while path:
        page = wire.get(path).body
        rows += page["results"]
        path = page.get("paging", {}).get("next", {}).get("link")
        between()
    return rows


def amounts(rows: list[dict[str, Any]]) -> dict[str, str]:
    return {str(row["id"]): row["properties"]["amount"] for row in rows}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=40))
def test_lists_searches_and_associations_show_what_happened(steps: list[Step]) -> None:
    played = Played()
    for step in steps:
        played.play(step)
    with serve(played.portal) as base, urllib3.PoolManager() as pool:
        wire = Wire(pool, base)

        listed = walk(wire, "/crm/objects/2026-09/deals?limit=3")
        assert len(listed) == len(played.amounts)
        assert amounts(listed) == played.amounts

        found = wire.search("deals", limit=200, sorts=["hs_object_id"])
        assert found == sorted(played.amounts, key=int)

        asked = {"inputs": [{"id": deal} for deal in played.amounts]}
        links = wire.post("/crm/v4/associations/deals/contacts/batch/read", asked).body["results"]
        people = {row["from"]["id"]: {str(end["toObjectId"]) for end in row["to"]} for row in links}
        assert people == {deal: ids for deal, ids in played.people.items() if ids}

        for loser in played.merged:
            answer = wire.get(f"/crm/v3/objects/deals/{loser}")
            assert answer.status == 404 or answer.body["id"] in played.amounts
            assert loser not in amounts(listed)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=15), st.integers(1, 4))
def test_a_walk_that_is_overtaken_by_changes_loses_nothing_that_stayed(steps: list[Step], limit: int) -> None:
    played = Played()
    before = set(played.amounts)
    coming = iter(steps)

    def between() -> None:
        if (step := next(coming, None)) is not None:
            played.play(step)

    with serve(played.portal) as base, urllib3.PoolManager() as pool:
        rows = walk(Wire(pool, base), f"/crm/objects/2026-09/deals?limit={limit}", between)

    seen = [str(row["id"]) for row in rows]
    assert len(seen) == len(set(seen))
    assert before & set(played.amounts) <= set(seen)


def test_history_is_the_sequence_of_different_values() -> None:
    clock = Clock(datetime(2026, 1, 1, tzinfo=UTC))
    portal = HubspotPortal(clock)
    deal = portal.create("deals", amount=1)
    for amount in (1, 2, 2, None, 3):
        clock.advance(days=1)
        portal.update("deals", deal, amount=amount)

    with serve(portal) as base, urllib3.PoolManager() as pool:
        row = Wire(pool, base).get(f"/crm/v3/objects/deals/{deal}?propertiesWithHistory=amount").body

    past = [(version["value"], version["timestamp"][:10]) for version in row["propertiesWithHistory"]["amount"]]
    assert past == [("3", "2026-01-06"), ("", "2026-01-05"), ("2", "2026-01-03"), ("1", "2026-01-01")]
