"""What search sees of one type: every record as it stood a while ago, and what earlier searches found there."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from copy import copy
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

_REMEMBERED = 16
"""Searches whose finds are kept until something changes: the pages of one walk share one or two."""


class _Indexed(Protocol):
    id: str
    values: dict[str, str]
    archived_at: datetime | None


_R = TypeVar("_R", bound=_Indexed)


class Index(Generic[_R]):
    """The search index of one type. With a lag it holds a copy of every record that changed within that time."""

    def __init__(self) -> None:
        self.lag = timedelta()
        self._due: deque[tuple[datetime, str]] = deque()
        self._stale: dict[str, deque[_R | None]] = {}
        self._all: list[_R] | None = None
        self._finds: dict[Hashable, list[_R]] = {}

    def before(self, record_id: str, record: _R | None, now: datetime) -> None:
        """Note how a record stands just before it changes; None is: it is not there."""
        self._finds.clear()
        if not self.lag:
            return
        image = copy(record)
        if image is not None:
            image.values = dict(image.values)
        self._stale.setdefault(record_id, deque()).append(image)
        self._due.append((now + self.lag, record_id))
        self._all = None

    def forget(self, *ids: str) -> None:
        """Drop what is remembered, and of these records every earlier state."""
        for one in ids:
            self._stale.pop(one, None)
        self._due = deque(entry for entry in self._due if entry[1] not in ids)
        self._finds.clear()
        self._all = None

    def seen(self, live: Sequence[_R], now: datetime) -> Sequence[_R]:
        """The records as search sees them now, given the live ones in the order of ids."""
        self._settle(now)
        if not self._stale:
            return live
        if self._all is None:
            fresh = [record for record in live if record.id not in self._stale]
            old = [image for images in self._stale.values() if (image := images[0]) is not None]
            self._all = sorted([*fresh, *old], key=lambda record: int(record.id))
        return self._all

    def remembered(self, search: Hashable, find: Callable[[], list[_R]]) -> list[_R]:
        """What a search finds, looked up anew only after something changed."""
        found = self._finds.pop(search, None)
        if found is None:
            found = find()
        self._finds[search] = found  # at the end: what was used least lately goes first
        if len(self._finds) > _REMEMBERED:
            del self._finds[next(iter(self._finds))]
        return found

    def _settle(self, now: datetime) -> None:
        while self._due and self._due[0][0] <= now:
            _, record_id = self._due.popleft()
            images = self._stale[record_id]
            images.popleft()
            if not images:
                del self._stale[record_id]
            self._finds.clear()
            self._all = None
