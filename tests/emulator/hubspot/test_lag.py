"""The search index: late by a while, right in the end, and the same whatever was searched before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
import urllib3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import HubspotPortal
from crm_audit.emulator.server import serve
from tests.emulator.hubspot.conftest import NOW, Wire

DEALS = "/crm/objects/2026-09/deals"
BY_ID = [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]


def amount(value: str) -> dict[str, object]:
    return {"propertyName": "amount", "operator": "EQ", "value": value}


@pytest.fixture
def late(portal: HubspotPortal) -> HubspotPortal:
    portal.search_lag = timedelta(seconds=30)
    return portal


def test_a_new_record_is_listed_at_once_and_found_later(late: HubspotPortal, clock: Clock, wire: Wire) -> None:
    deal = late.create("deals")

    assert [row["id"] for row in wire.get(DEALS).body["results"]] == [deal]
    assert wire.post(f"{DEALS}/batch/read", {"inputs": [{"id": deal}]}).status == 200
    clock.advance(seconds=29)
    assert wire.search("deals") == []
    clock.advance(seconds=1)
    assert wire.search("deals") == [deal]


def test_search_shows_the_old_values_until_then(late: HubspotPortal, clock: Clock, wire: Wire) -> None:
    deal = late.create("deals", amount="1")
    clock.advance(seconds=60)
    late.update("deals", deal, amount="2")
    clock.advance(seconds=20)
    late.update("deals", deal, amount="3")

    def shown() -> tuple[list[str], str]:
        found = [value for value in "123" if wire.search("deals", filters=[amount(value)])]
        (row,) = wire.post(f"{DEALS}/search", {"properties": ["amount"]}).body["results"]
        assert row["properties"]["hs_lastmodifieddate"] == row["updatedAt"]
        return found, row["properties"]["amount"]

    assert shown() == (["1"], "1")
    clock.advance(seconds=10)
    assert shown() == (["2"], "2")
    clock.advance(seconds=20)
    assert shown() == (["3"], "3")
    (read,) = wire.post(f"{DEALS}/batch/read", {"inputs": [{"id": deal}], "properties": ["amount"]}).body["results"]
    assert read["properties"]["amount"] == "3"


def test_deleted_and_merged_records_are_found_for_a_while(late: HubspotPortal, clock: Clock, wire: Wire) -> None:
    kept, lost, gone = (late.create("deals") for _ in range(3))
    clock.advance(seconds=60)
    late.archive("deals", gone)
    late.merge("deals", kept, lost)

    assert wire.search("deals") == [kept, lost, gone]
    assert [row["id"] for row in wire.get(DEALS).body["results"]] == [kept]
    clock.advance(seconds=30)
    assert wire.search("deals") == [kept]


def test_a_restored_record_comes_back_late_too(late: HubspotPortal, clock: Clock, wire: Wire) -> None:
    deal = late.create("deals")
    late.archive("deals", deal)
    clock.advance(seconds=60)
    assert wire.search("deals") == []

    late.restore("deals", deal)
    assert wire.search("deals") == []
    clock.advance(seconds=30)
    assert wire.search("deals") == [deal]


def test_what_is_deleted_for_privacy_is_not_found_any_more(late: HubspotPortal, clock: Clock, wire: Wire) -> None:
    contact = late.create("contacts", email="ann@acme.example")
    clock.advance(seconds=60)
    late.update("contacts", contact, lastname="Invented")
    late.purge("contacts", contact)

    assert wire.search("contacts") == []
    clock.advance(seconds=60)
    assert wire.search("contacts") == []


def test_a_walk_by_id_is_complete_and_its_total_counts_what_is_left(portal: HubspotPortal, wire: Wire) -> None:
    ids = portal.load("deals", ({"amount": str(number % 7)} for number in range(1_234)))
    seen: list[str] = []
    totals = []
    for _ in range(5):
        after = {"propertyName": "hs_object_id", "operator": "GT", "value": seen[-1] if seen else "0"}
        body = wire.post(f"{DEALS}/search", {"filters": [amount("3"), after], "sorts": BY_ID, "limit": 50}).body
        totals.append(body["total"])
        seen += [row["id"] for row in body["results"]]

    assert seen == ids[3::7]
    assert totals == [176, 126, 76, 26, 0]


@pytest.mark.parametrize("name", ["hs_object_id", "hs_lastmodifieddate"])
@pytest.mark.parametrize(
    ("operator", "found"),
    [
        ("EQ", [2]), ("NEQ", [0, 1, 3, 4]), ("LT", [0, 1]), ("LTE", [0, 1, 2]), ("GT", [3, 4]), ("GTE", [2, 3, 4]),
        ("BETWEEN", [2, 3]),
    ],
)  # fmt: skip
def test_bounds(portal: HubspotPortal, clock: Clock, wire: Wire, name: str, operator: str, found: list[int]) -> None:
    ids = []
    for _ in range(5):
        ids.append(portal.create("deals"))
        clock.advance(milliseconds=1)
    low, high = (portal.value("deals", one, name) for one in ids[2:4])

    for walk in ({}, {"sorts": BY_ID}):
        asked = {"propertyName": name, "operator": operator, "value": low, "highValue": high}
        assert wire.search("deals", filters=[asked], **walk) == [ids[place] for place in found]


CONDITIONS = st.sampled_from([
    ("amount", "EQ", "1"), ("amount", "GTE", "2"), ("amount", "NOT_HAS_PROPERTY", None), ("amount", "NEQ", "0"),
    ("hs_object_id", "GT", "31000000002"), ("hs_object_id", "LTE", "31000000004"),
    ("hs_object_id", "GTE", "31000000003"), ("hs_object_id", "EQ", "31000000003"),
    ("hs_object_id", "LT", "31000000003"), ("hs_object_id", "NEQ", "31000000001"),
    ("hs_lastmodifieddate", "GT", "2026-03-16T15:00:02Z"), ("hs_lastmodifieddate", "LTE", "2026-03-16T15:00:03Z"),
    ("hs_lastmodifieddate", "GTE", "2026-03-16T15:00:02Z"), ("hs_lastmodifieddate", "LT", "2026-03-16T15:00:03Z"),
])  # fmt: skip
SORTS = st.sampled_from([None, ("hs_object_id", "ASCENDING"), ("hs_object_id", "DESCENDING"), ("amount", "ASCENDING")])
ASKED = st.tuples(st.lists(st.lists(CONDITIONS, min_size=1, max_size=3), max_size=2), SORTS)
ACTS = st.tuples(st.sampled_from(["create", "update", "archive", "search"]), st.integers(0, 5))


def holds(row: Mapping[str, Any], name: str, operator: str, value: str | None) -> bool:
    """One condition judged the slow way, on a record as the list shows it."""
    held = row["id"] if name == "hs_object_id" else row["properties"][name]
    if operator == "NOT_HAS_PROPERTY" or held is None:
        return held is None and operator == "NOT_HAS_PROPERTY"
    stamp = name == "hs_lastmodifieddate"
    mine, asked = ((0, text) if stamp else (int(text), "") for text in (str(held), str(value or 0)))
    answers: dict[str, bool] = {
        "EQ": mine == asked, "NEQ": mine != asked, "GT": mine > asked, "GTE": mine >= asked, "LT": mine < asked,
        "LTE": mine <= asked,
    }  # fmt: skip
    return answers[operator]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ACTS, max_size=12), st.lists(ASKED, min_size=1, max_size=3))
def test_whatever_was_asked_before_a_search_finds_what_the_list_shows(
    acts: list[tuple[str, int]], asked: list[tuple[list[list[tuple[str, str, str | None]]], tuple[str, str] | None]]
) -> None:
    clock = Clock(NOW)
    portal = HubspotPortal(clock)
    with serve(portal) as base, urllib3.PoolManager() as pool:
        wire = Wire(pool, base)
        for act, number in acts:
            clock.advance(seconds=1)
            live = [row["id"] for row in wire.get(f"{DEALS}?limit=100").body["results"]]
            if act == "create":
                portal.create("deals", amount=number or None)
            elif act == "update" and live:
                portal.update("deals", live[number % len(live)], amount=number)
            elif act == "archive" and live:
                portal.archive("deals", live[number % len(live)])
            for groups, sort in asked:
                rows = wire.get(f"{DEALS}?limit=100&properties=amount").body["results"]
                slow = {
                    row["id"]
                    for row in rows
                    if not groups or any(all(holds(row, *each) for each in group) for group in groups)
                }
                body: dict[str, object] = {
                    "filterGroups": [
                        {"filters": [{"propertyName": n, "operator": o, "value": v} for n, o, v in group]}
                        for group in groups
                    ],
                    "sorts": [{"propertyName": sort[0], "direction": sort[1]}] if sort else [],
                    "limit": 100,
                }
                found = wire.search("deals", **body)
                assert len(found) == len(slow)
                assert set(found) == slow
                if sort is not None and sort[0] == "hs_object_id":
                    assert found == sorted(slow, reverse=sort[1] == "DESCENDING")


LIVES = st.lists(
    st.tuples(st.sampled_from(["create", "update", "archive", "restore", "merge", "wait"]), st.integers(0, 9)),
    max_size=25,
)


class Late:
    """A portal whose search is five seconds late, and what its list showed after each act."""

    LAG = 5

    def __init__(self) -> None:
        self.clock = Clock(NOW)
        self.portal = HubspotPortal(self.clock)
        self.portal.search_lag = timedelta(seconds=self.LAG)
        self.deals: list[str] = []
        self.gone: list[str] = []
        self.shown = [(NOW, dict[str, str | None]())]

    def play(self, act: str, number: int) -> None:
        self.clock.advance(seconds=number % 4)
        deal = self.deals[number % len(self.deals)] if self.deals else None
        if act == "create":
            self.deals.append(self.portal.create("deals", amount=number))
        elif act == "restore" and self.gone:
            self.deals.append(self.gone.pop())
            self.portal.restore("deals", self.deals[-1])
        elif act == "update" and deal:
            self.portal.update("deals", deal, amount=number + 10)
        elif act == "archive" and deal:
            self.deals.remove(deal)
            self.gone.append(deal)
            self.portal.archive("deals", deal)
        elif act == "merge" and len(self.deals) > 1:
            loser = self.deals.pop()
            self.portal.merge("deals", self.deals[0], loser)
        now = {one: self.portal.value("deals", one, "amount") for one in self.deals}
        self.shown.append((self.clock.now(), now))

    def past(self) -> dict[str, str | None]:
        """What the list showed that long ago."""
        return [rows for at, rows in self.shown if at <= self.clock.now() - timedelta(seconds=self.LAG)][-1]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(LIVES)
def test_search_shows_what_the_list_showed_that_long_ago(lives: list[tuple[str, int]]) -> None:
    late = Late()
    late.clock.advance(seconds=Late.LAG)
    with serve(late.portal) as base, urllib3.PoolManager() as pool:
        wire = Wire(pool, base)
        for act, number in [*lives, ("wait", 3), ("wait", 3)]:
            late.play(act, number)
            body = wire.post(f"{DEALS}/search", {"limit": 100, "properties": ["amount"]}).body
            assert {row["id"]: row["properties"]["amount"] for row in body["results"]} == late.past()
            assert body["total"] == len(late.past())
    assert body["total"] == len(late.deals)
