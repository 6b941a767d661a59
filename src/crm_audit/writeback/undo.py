"""Undo: what a run wrote, set back to what stood there before it, wherever the CRM still shows what we wrote. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from crm_audit.connectors.base import Fields, Write
from crm_audit.writeback.plan import Places, Plan

Value = str | int | None
Spot = tuple[str, str, str]
"""Deal, place, field."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one run made of one field."""

    before: Value
    after: Value


def undo(written: Iterable[Write], shown: Mapping[str, Places], restores: Mapping[str, Collection[str]]) -> Plan:
    """The writes that set back what the journal says a run wrote, the oldest first.

    A field that shows anything else by now stays, and counts as unchanged by its deal; so does a deal that is gone.
    """
    mine = {spot: change for spot, change in changes(written).items() if spot[2] in restores.get(spot[1], ())}
    ours = {spot: change for spot, change in mine.items() if _now(spot, shown) == (change.after,)}
    places: dict[tuple[str, str], dict[str, Change]] = {}
    for (deal, place, name), change in ours.items():
        if change.before != change.after:
            places.setdefault((deal, place), {})[name] = change
    writes = tuple(_write(deal, place, fields) for (deal, place), fields in places.items())
    left = {deal for deal, _, _ in mine} - {write.deal for write in writes}
    return Plan(writes, len(left))


def changes(writes: Iterable[Write]) -> dict[Spot, Change]:
    """What a run made of each field: from what stood there before its last unbroken row of writes, to the last."""
    found: dict[Spot, Change] = {}
    for each in writes:
        for name, after in each.after.items():
            spot = (each.deal, each.place, name)
            before = (each.before or {}).get(name)
            earlier = found.get(spot)
            unbroken = earlier is not None and earlier.after == before
            found[spot] = Change(earlier.before if earlier and unbroken else before, after)
    return found


def _now(spot: Spot, shown: Mapping[str, Places]) -> tuple[Value, ...]:
    """The one value of a field, or nothing where there is no such place any more."""
    deal, place, name = spot
    fields: Fields | None = shown.get(deal, {}).get(place)
    return () if fields is None else (fields.get(name),)


def _write(deal: str, place: str, fields: Mapping[str, Change]) -> Write:
    before = {name: change.after for name, change in fields.items()}
    return Write(deal, place, before, {name: change.before for name, change in fields.items()})
