"""Records of one type: their values, their past, the recycle bin, and ids that merges made point elsewhere."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from crm_audit.emulator.hubspot.catalogue import ObjectType

FIRST_ID = 31_000_000_001
"""Above 32 bits as in real portals, and the same for every type: ids are unique only within their type."""

BIN = timedelta(days=90)
"""How long archived records can still be read."""


@dataclass(frozen=True, slots=True)
class Source:
    """Who set a value: HubSpot's sourceType and sourceId, and the user where there was one."""

    kind: str = "CRM_UI"
    id: str | None = None
    user: int | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """One value that a property had, from that instant on; empty text is no value."""

    value: str
    at: datetime
    source: Source = Source()


@dataclass(slots=True)
class Record:
    """A record's present values; `past` holds only properties that changed after creation."""

    id: str
    created: datetime
    modified: datetime
    source: Source
    values: dict[str, str] = field(default_factory=dict)
    past: dict[str, list[Version]] = field(default_factory=dict)
    archived_at: datetime | None = None

    def versions(self, name: str) -> Sequence[Version]:
        """All values of a property, oldest first."""
        if name in self.past:
            return self.past[name]
        return [Version(self.values[name], self.created, self.source)] if name in self.values else []

    def put(self, name: str, value: str | None, version: Version) -> None:
        """Set a value; its history grows only where the value differs."""
        if value == self.values.get(name):
            return
        self.past[name] = [*self.versions(name), version]
        self.place(name, value)

    def place(self, name: str, value: str | None) -> None:
        """Set a value without a trace, as HubSpot does with its own stamps."""
        if value is None:
            self.values.pop(name, None)
        else:
            self.values[name] = value


@dataclass(slots=True)
class Shelf:
    """All records of one type, in the order of their ids."""

    kind: ObjectType
    rows: dict[str, Record] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    _ids: list[int] = field(default_factory=list)
    _next: int = FIRST_ID

    def add(self, record: Record) -> None:
        """Put a new record on the shelf."""
        self.rows[record.id] = record
        insort(self._ids, int(record.id))

    def fresh_id(self) -> str:
        """An id that was never used for this type."""
        self._next += 1
        return str(self._next - 1)

    def find(self, record_id: str) -> Record | None:
        """The record under this id or under the id it was merged into, archived or not."""
        while record_id in self.moved:
            record_id = self.moved[record_id]
        return self.rows.get(record_id)

    def live(self, record_id: str) -> Record | None:
        """The record under exactly this id, unless it is archived."""
        record = self.rows.get(record_id)
        return record if record is not None and record.archived_at is None else None

    def absorb(self, loser: str, survivor: str) -> None:
        """Take a merged record away and let its id point to the survivor."""
        del self.rows[loser]
        del self._ids[bisect_left(self._ids, int(loser))]
        self.moved[loser] = survivor

    def listed(self, *, since: int, archived: bool, now: datetime) -> Iterator[Record]:
        """Live (or archived, while the bin keeps them) records with at least that id, in the order of ids."""
        for position in range(bisect_left(self._ids, since), len(self._ids)):
            record = self.rows[str(self._ids[position])]
            if visible(record, archived=archived, now=now):
                yield record


def visible(record: Record, *, archived: bool, now: datetime) -> bool:
    """Whether a call that asks for live or for archived records may see this one."""
    if record.archived_at is None:
        return not archived
    return archived and record.archived_at > now - BIN
