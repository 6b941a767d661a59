"""5 · Plan: what the deals should show against what the CRM shows now. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from crm_audit.connectors.base import Fields, Write

Places = Mapping[str, Fields]
"""Places of one deal with their fields."""


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Fields that are not written though they differ, and why."""

    deal: str
    place: str
    fields: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Writes in the order of the deals, and how many deals need none."""

    writes: tuple[Write, ...]
    unchanged: int
    ungated: Mapping[str, str] = field(default_factory=dict)  # deal -> why the CRM's gate cannot hold it
    connection: str = field(default="", compare=False)
    run: int | None = field(default=None, compare=False)  # whose evidence it rests on
    held: str | None = field(default=None, compare=False)  # why it waits for a review
    left_alone: tuple[LeftAlone, ...] = ()

    @property
    def digest(self) -> str:
        """Names exactly these writes, to this connection."""
        told = [[w.deal, w.place, w.before, w.after] for w in self.writes]
        text = json.dumps([self.connection, told], sort_keys=True, ensure_ascii=False, default=dict)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def plan(wanted: Mapping[str, Places], shown: Mapping[str, Places], *, settled: Collection[str] = ()) -> Plan:
    """The smallest set of writes; `settled` deals are corrected where they show something, and never begun."""
    writes = tuple(write for deal, places in wanted.items() for write in _of_deal(deal, places, shown, settled))
    untouched = wanted.keys() - {write.deal for write in writes}
    return Plan(writes, sum(deal not in settled or _begun(shown.get(deal, {})) for deal in untouched))


def _of_deal(deal: str, wanted: Places, shown: Mapping[str, Places], settled: Collection[str]) -> Iterator[Write]:
    now = shown.get(deal, {})
    if deal in settled and not _begun(now):
        return
    for place, fields in wanted.items():
        before = now.get(place)
        differ = {name: value for name, value in fields.items() if before is None or before.get(name) != value}
        if differ:
            old = None if before is None else {name: before.get(name) for name in differ}
            yield Write(deal, place, old, differ)


def _begun(places: Places) -> bool:
    """Whether a deal shows anything of ours."""
    return any(value is not None for fields in places.values() for value in fields.values())
