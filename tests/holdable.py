"""Generated worlds made into such as a CRM could hold: one unbroken past for each deal, totals on quotes only."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

Row = dict[str, Any]

QUOTES = ("quote_sent", "quote_reported", "quote_accepted")
FIELDS = ("stage", "close_date", "amount")
EXACT = {"1.10": "1.25", "0.9": "0.8"}
"""Rates in place of those whose inverse, which is what Salesforce keeps, is no short decimal."""


def holdable(drawn: Row) -> Row:
    """The world without what no CRM could have come to: histories with gaps, changes of deals not yet there."""
    world = copy.deepcopy(drawn)
    world["rates"] = {currency: EXACT.get(rate, rate) for currency, rate in world["rates"].items()}
    for event in world["events"]:
        if event["kind"] not in QUOTES:
            event.pop("quoted_amount", None)
            event.pop("quoted_currency", None)
    world["history"] = [row for row in world["history"] if row["at"] <= world["as_of"] and row["new"] != row["old"]]
    world["history"] = [row for row in world["history"] if row["field"] != "stage" or (row["new"] and row["old"])]
    for deal in world["deals"]:
        for field in FIELDS:
            _join(deal, sorted(_rows(world, deal, field), key=lambda row: str(row["at"])), field)
        first = min((row["at"] for row in world["history"] if row["deal"] == deal["id"]), default=deal["created"])
        deal["created"] = min(deal["created"], first)
    world["history"] = [row for row in world["history"] if row["new"] != row["old"]]
    return world


def _rows(world: Row, deal: Row, field: str) -> list[Row]:
    return [row for row in world["history"] if row["deal"] == deal["id"] and row["field"] == field]


def _join(deal: Row, rows: list[Row], field: str) -> None:
    """What one change leaves is what the next one finds, and the last is what the deal shows."""
    for before, after in pairwise(rows):
        after["old"] = before["new"]
    if rows:
        rows[-1]["new"] = deal[field]
