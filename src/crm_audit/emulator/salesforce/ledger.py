"""What was called, how often, and how much of the day's allowance is left."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Entry:
    """One call: the path has no query and no external id in it, so nothing personal."""

    method: str
    path: str
    status: int


@dataclass(slots=True)
class Ledger:
    """The calls of one org. Logging in costs nothing; a refused call counts, except one refused for its quota."""

    daily: int = 100_000
    ids: int = 600_000  # in one answer of getUpdated or getDeleted
    read: int = 0
    write: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)
    transcript: list[Entry] = field(default_factory=list)
    _window: deque[datetime] = field(default_factory=deque)

    def used(self, now: datetime) -> int:
        """Calls in the 24 hours before now."""
        while self._window and self._window[0] <= now - DAY:
            self._window.popleft()
        return len(self._window)

    def spend(self, now: datetime) -> bool:
        """Take one call from the day's allowance; False if there is none left."""
        if self.used(now) >= self.daily:
            return False
        self._window.append(now)
        return True

    def note(self, kind: str, entry: Entry, *, writes: bool | None) -> None:
        """Write a call down; `writes` is None for one that is neither, such as a log-in."""
        self.by_kind[kind] = self.by_kind.get(kind, 0) + 1
        self.read += writes is False
        self.write += writes is True
        self.transcript.append(entry)

    def forget(self) -> None:
        """Start counting anew; the day's allowance stays used."""
        self.read = self.write = 0
        self.by_kind.clear()
        self.transcript.clear()
