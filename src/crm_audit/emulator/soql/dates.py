"""Date literals: ranges of days in the user's zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from crm_audit.emulator.soql.syntax import Relative

_TICK = timedelta(microseconds=1)


def days(relative: Relative, today: date) -> tuple[date, date]:
    """First and last day, both included; LAST_N_DAYS ends with today, NEXT_N_DAYS begins tomorrow."""
    match relative.name:
        case "YESTERDAY":
            return today - timedelta(days=1), today - timedelta(days=1)
        case "TOMORROW":
            return today + timedelta(days=1), today + timedelta(days=1)
        case "LAST_N_DAYS":
            return today - timedelta(days=relative.days), today
        case "NEXT_N_DAYS":
            return today + timedelta(days=1), today + timedelta(days=relative.days)
    return today, today


def instants(relative: Relative, now: datetime, *, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The same range as instants: the first and the last moment of it."""
    first, last = days(relative, now.astimezone(zone).date())
    return _midnight(first, zone), _midnight(last + timedelta(days=1), zone) - _TICK


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
