"""The emulator's own time: it stands still until it is told to move."""

from __future__ import annotations

from datetime import datetime, timedelta


class Clock:
    """A clock that tests and world files set; aware instants in UTC."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        """The present instant."""
        return self._now

    def set(self, now: datetime) -> None:
        """Jump, forwards or backwards."""
        self._now = now

    def advance(self, **by: float) -> None:
        """Move on by `timedelta(**by)`."""
        self._now += timedelta(**by)
