"""The emulator's clock: it stands, jumps, or goes as it is told."""

from __future__ import annotations

from datetime import datetime, timedelta

from crm_audit.emulator.clock import Clock
from tests.builders import NOW


def test_it_stands_until_it_is_moved() -> None:
    clock = Clock(NOW)
    assert clock.now() == clock.now() == NOW
    clock.advance(hours=1, seconds=1)
    assert clock.now() - NOW == timedelta(hours=1, seconds=1)
    clock.set(NOW - timedelta(days=1))
    assert clock.now() < NOW


def test_it_goes_as_another_clock_until_it_is_moved() -> None:
    told = [NOW, NOW + timedelta(seconds=1), NOW + timedelta(seconds=2)]
    clock = Clock(NOW - timedelta(days=1))
    clock.follow(lambda: told.pop(0) if len(told) > 1 else told[0])

    def times(count: int) -> list[datetime]:
        return [clock.now() for _ in range(count)]

    assert times(2) == [NOW, NOW + timedelta(seconds=1)]
    clock.advance(seconds=1)
    assert times(2) == [NOW + timedelta(seconds=3)] * 2
