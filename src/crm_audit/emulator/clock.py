"""The emulator's own time: it stands still until it is told to move, or to go as another clock does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta


class Clock:
    """A clock that tests and world files set; aware instants in UTC."""

    def __init__(self, now: datetime) -> None:
        self.set(now)

    def now(self) -> datetime:
        """The present instant."""
        return self._tell()

    def set(self, now: datetime) -> None:
        """Jump, forwards or backwards, and stand still."""
        self._tell: Callable[[], datetime] = lambda: now

    def advance(self, **by: float) -> None:
        """Move on by `timedelta(**by)` and stand still."""
        self.set(self.now() + timedelta(**by))

    def follow(self, tell: Callable[[], datetime]) -> None:
        """Go as another clock does, until it is set or moved."""
        self._tell = tell
