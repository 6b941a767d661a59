"""The ways through all records of one HubSpot object, a thousand at a time: as large as one call for associations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from crm_audit.connectors.hubspot.gateway import (
    ASSOCIATIONS,
    BATCH,
    PAGE_WITH_HISTORY,
    SEARCHED,
    Gateway,
    Json,
    Query,
    Refused,
)
from crm_audit.connectors.hubspot.names import MODIFIED, MODIFIED_ELSEWHERE
from crm_audit.connectors.hubspot.sources import Source
from crm_audit.connectors.hubspot.values import instant
from crm_audit.errors import Retry

GROUP = ASSOCIATIONS
MOST = 5 * GROUP
"""Records of a group whatever they tell, so that it stays small in memory."""

Tells = Callable[[Json], bool]
"""Whether a record becomes anything, so that its associations will be asked for."""


@dataclass(frozen=True, slots=True)
class Group:
    """Records that lie beside one another, and where the walk goes on; None at its end."""

    records: Sequence[Json]
    after: str | None
    whole: bool  # a whole pass: what it does not show is gone at its end, and nothing need be said about that before
    missing: tuple[str, ...] = ()  # ids that the index still names and HubSpot does not have any more


def whole(gateway: Gateway, source: Source, *, after: str | None) -> Iterator[Group]:
    """Every record that tells something: listed where its past is wanted, else searched, which takes half the calls."""
    if not source.history:
        yield from _searched(gateway, source.found(), source.filters, after=after, tells=lambda record: True)
        return
    groups = _listed(gateway, source.query(), after=after)
    try:
        first = next(groups)
    except Refused:  # HubSpot does not honour a place in its list for ever
        if after is None:
            raise
        groups = _listed(gateway, source.query(), after=None)
        first = next(groups)
    yield first
    yield from groups


@dataclass(frozen=True, slots=True)
class Window:
    """Which changes an increment reads: all since then. What is younger than `fresh` the index may show as it was."""

    since: datetime
    fresh: datetime


def changed(gateway: Gateway, source: Source, window: Window, *, after: str | None, tells: Tells) -> Iterator[Group]:
    """What was changed. The index may be behind: everything with a past, and what is fresh, is read again by id.

    The fresh wait for one another, because a call holds a hundred. Nothing is lost if the walk is cut off while they
    wait: what is fresh now, the next walk finds again.
    """
    stamp = MODIFIED.get(source.kind, MODIFIED_ELSEWHERE)
    since: Json = {"propertyName": stamp, "operator": "GTE", "value": str(int(window.since.timestamp() * 1000))}
    waiting: list[str] = []
    for group in _searched(gateway, source.found(), [since], after=after, tells=tells):
        doubtful = {str(one["id"]) for one in group.records if source.history or _is_fresh(one, window.fresh)}
        waiting += sorted(doubtful)
        sure = [one for one in group.records if str(one["id"]) not in doubtful]
        if len(waiting) < BATCH and not source.history and group.after is not None:
            yield replace(group, records=sure, whole=False)
            continue
        now = gateway.read(source.query(), waiting)
        missing = tuple(one for one in waiting if one not in now)
        yield replace(group, records=[*sure, *now.values()], whole=False, missing=missing)
        waiting = []


def _listed(gateway: Gateway, query: Query, *, after: str | None) -> Iterator[Group]:
    while True:
        found: list[Json] = []
        while not found or len(found) <= GROUP - PAGE_WITH_HISTORY:
            rows, after = gateway.page(query, after)
            found += rows
            if after is None:
                break
        yield Group(found, after, whole=True)
        if after is None:
            return


def _searched(
    gateway: Gateway, query: Query, filters: Sequence[Json], *, after: str | None, tells: Tells
) -> Iterator[Group]:
    more = True
    while more:
        found: list[Json] = []
        while more and (not found or (sum(map(tells, found)) <= GROUP - SEARCHED and len(found) < MOST)):
            rows, more = gateway.search(query, filters, after=after)
            last = str(rows[-1]["id"]) if rows else after
            if more and (not rows or int(last or 0) <= int(after or 0)):
                raise Retry(f"HubSpot's search for {query.kind} does not move on; try again later")
            found += rows
            after = last
        yield Group(found, after if more else None, whole=True)


def _is_fresh(record: Json, fresh: datetime) -> bool:
    changed_at = instant(str(record.get("updatedAt") or ""))
    return changed_at is None or changed_at >= fresh
