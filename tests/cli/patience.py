"""Waiting for what another process does: by looking, and never for longer than a minute."""

from __future__ import annotations

import time
from collections.abc import Callable

LONGEST = 60.0


def until(happened: Callable[[], bool]) -> None:
    """Come back as soon as it has happened."""
    deadline = time.monotonic() + LONGEST
    while not happened():
        assert time.monotonic() < deadline, "it did not happen within a minute"
        time.sleep(0.02)
