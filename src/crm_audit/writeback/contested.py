"""What to leave alone, though it differs: a tug-of-war over a field does harm, whoever is right. Pure.

The journal is the memory: it says what was written, and that it was written again says that it did not stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from crm_audit.connectors.base import Write, Written
from crm_audit.writeback.plan import LeftAlone, Plan
from crm_audit.writeback.undo import Spot

STRIKES = 3
"""Writes of one value to one field, none of which stayed, after which we stop until another value is wanted."""

SPAN = timedelta(days=7)
"""Within which those writes have to lie: whoever empties a field once a month is no automation."""

A_DAY = 10
"""Writes to one place of a deal in one day (UTC): a verdict that flips more often than that waits for tomorrow."""

MEMORY = max(STRIKES, A_DAY)
"""Writes of a field beyond which its past decides nothing: neither of the two limits counts further back."""

CONTESTED = (
    f"something in the CRM changed it after each of our last {STRIKES} writes; find the workflow, the flow or the "
    "person in the history of the field and keep them off it, then apply with --contested"
)
ENOUGH = f"it was written {A_DAY} times today; the first round of tomorrow (UTC) looks at it again"


def without(plan: Plan, past: Iterable[Written], *, now: datetime) -> Plan:
    """The plan without what is to be left alone, which it lists; `past` is what arrived so far, the oldest first."""
    known = list(past)
    today = _today(known, now)
    values = _values(known)
    writes: list[Write] = []
    left: list[LeftAlone] = []
    for write in plan.writes:
        if today[write.deal, write.place] >= A_DAY:
            left.append(LeftAlone(write.deal, write.place, tuple(write.after), ENOUGH))
            continue
        fields = tuple(name for name in write.after if _contested(write, name, values))
        if fields:
            left.append(LeftAlone(write.deal, write.place, fields, CONTESTED))
        if len(fields) < len(write.after):
            writes.append(_but(write, fields))
    return replace(plan, writes=tuple(writes), left_alone=tuple(left))


def _today(past: Iterable[Written], now: datetime) -> Counter[tuple[str, str]]:
    """How often each place was written today; an undo is somebody's own wish and does not count."""
    day = now.astimezone(UTC).date()
    return Counter(
        (each.write.deal, each.write.place) for each in past if each.at and each.at.astimezone(UTC).date() == day
    )


def _values(past: Iterable[Written]) -> Mapping[Spot, Sequence[tuple[object, datetime | None]]]:
    """What each field was set to and when, the oldest first."""
    found: dict[Spot, list[tuple[object, datetime | None]]] = {}
    for each in past:
        for name, value in each.write.after.items():
            found.setdefault((each.write.deal, each.write.place, name), []).append((value, each.at))
    return found


def _contested(write: Write, name: str, values: Mapping[Spot, Sequence[tuple[object, datetime | None]]]) -> bool:
    last = values.get((write.deal, write.place, name), ())[-STRIKES:]
    times = [at for value, at in last if value == write.after[name] and at is not None]
    return len(times) == STRIKES and max(times) - min(times) <= SPAN


def _but(write: Write, fields: Sequence[str]) -> Write:
    """A write without some of its fields."""
    kept = {name: value for name, value in write.after.items() if name not in fields}
    before = None if write.before is None else {name: write.before.get(name) for name in kept}
    return replace(write, before=before, after=kept)
