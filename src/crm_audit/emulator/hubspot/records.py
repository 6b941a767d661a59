"""Records of one type: their values, their past, the recycle bin, and ids that merges made point elsewhere."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from types import MappingProxyType

from crm_audit.emulator.hubspot.catalogue import ObjectType
from crm_audit.emulator.hubspot.index import Index

FIRST_ID = 31_000_000_001
"""Above 32 bits as in real portals, and the same for every type: ids are unique only within their type."""

BIN = timedelta(days=90)
"""How long archived records can still be read and restored."""

_NO_PAST: Mapping[str, Sequence[Version]] = MappingProxyType({})
"""Shared by all records that never changed: a dict each would cost a large portal a hundred megabytes."""


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
    past: Mapping[str, Sequence[Version]] = field(default_factory=lambda: _NO_PAST)
    archived_at: datetime | None = None

    def versions(self, name: str) -> Sequence[Version]:
        """All values of a property, oldest first."""
        if name in self.past:
            return self.past[name]
        return (Version(self.values[name], self.created, self.source),) if name in self.values else ()

    def put(self, name: str, value: str | None, version: Version) -> bool:
        """Set a value and tell whether it differs; only then the history grows."""
        if value == self.values.get(name):
            return False
        self.rewrite(name, (*self.versions(name), version))
        self.place(name, value)
        return True

    def rewrite(self, name: str, versions: Sequence[Version]) -> None:
        """Replace the history of a property."""
        self.past = {**self.past, name: tuple(versions)}

    def place(self, name: str, value: str | None) -> None:
        """Set a value without a trace, as HubSpot does with its own stamps."""
        if value is None:
            self.values.pop(name, None)
        else:
            self.values[name] = value


@dataclass(slots=True)
class Shelf:
    """All records of one type: `rows` by id, live and archived, and the live ones in the order of their ids."""

    kind: ObjectType
    rows: dict[str, Record] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    index: Index[Record] = field(default_factory=Index)
    _numbers: list[int] = field(default_factory=list)
    _live: list[Record] = field(default_factory=list)
    _bin: dict[str, Record] = field(default_factory=dict)
    _next: int = FIRST_ID

    def add(self, record: Record, now: datetime) -> None:
        """Put a new record on the shelf."""
        self.index.before(record.id, None, now)
        self.rows[record.id] = record
        self._insert(record)

    def load(self, records: Iterable[Record]) -> None:
        """Put many new records with rising fresh ids on the shelf; search sees them at once."""
        for record in records:
            self.rows[record.id] = record
            self._numbers.append(int(record.id))
            self._live.append(record)
        self.index.forget()

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

    def changing(self, record: Record, now: datetime) -> None:
        """Call this before changing a record in place: search may go on seeing it as it is now."""
        if record.archived_at is None:
            self.index.before(record.id, record, now)

    def archive(self, record: Record, now: datetime) -> None:
        """Put a record into the bin; one that is there stays as it is."""
        if record.archived_at is not None:
            return
        self.index.before(record.id, record, now)
        self._remove(record)
        record.archived_at = now
        self._bin[record.id] = record

    def restore(self, record: Record, now: datetime) -> None:
        """Take a record out of the bin."""
        del self._bin[record.id]
        record.archived_at = None
        self.index.before(record.id, None, now)
        self._insert(record)

    def absorb(self, loser: Record, survivor: str, now: datetime) -> None:
        """Take a merged record away and let its id point to the survivor."""
        self.index.before(loser.id, loser, now)
        self._drop(loser)
        self.moved[loser.id] = survivor

    def purge(self, record: Record) -> list[str]:
        """Take a record away for good, from search at once too; gives it and the ids that had been merged into it."""
        self._drop(record)
        gone = [record.id]
        for merged in gone:  # grows: merges of merges
            gone += [old for old, new in self.moved.items() if new == merged]
        self.index.forget(*gone)
        return gone

    def overdue(self, now: datetime) -> list[Record]:
        """Records whose time in the bin is over."""
        due = []
        for record in self._bin.values():  # in the order of archiving
            if record.archived_at is None or record.archived_at > now - BIN:
                break
            due.append(record)
        return due

    def listed(self, *, since: int, limit: int, archived: bool) -> list[Record]:
        """So many live or archived records with at least that id, in the order of ids."""
        if not archived:
            start = bisect_left(self._numbers, since)
            return self._live[start : start + limit]
        binned = sorted((int(one), record) for one, record in self._bin.items())
        return list(islice((record for number, record in binned if number >= since), limit))

    def indexed(self, now: datetime) -> Sequence[Record]:
        """What search may look through, in the order of ids."""
        return self.index.seen(self._live, now)

    def _insert(self, record: Record) -> None:
        number = int(record.id)
        place = bisect_left(self._numbers, number)
        self._numbers.insert(place, number)
        self._live.insert(place, record)

    def _remove(self, record: Record) -> None:
        place = bisect_left(self._numbers, int(record.id))
        del self._numbers[place], self._live[place]

    def _drop(self, record: Record) -> None:
        if record.archived_at is None:
            self._remove(record)
        else:
            del self._bin[record.id]
        del self.rows[record.id]


def visible(record: Record, *, archived: bool) -> bool:
    """Whether a call that asks for live or for archived records may see this one."""
    return archived is (record.archived_at is not None)
