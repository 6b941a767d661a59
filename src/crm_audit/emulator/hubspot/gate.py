"""What stands before every call: outages, the token, its scopes, the rate limits, and the books on who called what."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from crm_audit.emulator.hubspot.catalogue import SERVICE_KEY
from crm_audit.emulator.hubspot.refusals import expired, missing_scopes, throttled, unauthenticated, unavailable
from crm_audit.emulator.server import Request

BURST_SECONDS = 10
_BURST, _SECOND = timedelta(seconds=BURST_SECONDS), timedelta(seconds=1)


@dataclass(slots=True)
class Limits:
    """Calls and association calls of one app per rolling 10 s, searches of all apps per second, all calls per day.

    Generous by default, because the emulator's clock stands still between calls.
    """

    burst: int = 1_000_000
    search: int = 1_000_000
    associations: int = 1_000_000
    daily: int = 1_000_000_000

    @classmethod
    def real(cls, daily: int = 625_000) -> Limits:
        """HubSpot's own numbers for a Professional account; an Enterprise one has 1,000,000 calls a day."""
        return cls(burst=190, search=5, associations=150, daily=daily)


@dataclass(slots=True)
class Calls:
    """How many calls came in, refused ones too, by what they ask for."""

    read: int = 0
    write: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Used:
    """What was used up so far: by each app in its rolling windows, by all apps together this second and today."""

    rolling: dict[tuple[str, str], dict[datetime, int]] = field(default_factory=dict)
    second: tuple[int, int] = (0, 0)
    day: tuple[date, int] = (date.min, 0)

    def within(self, window: tuple[str, str], now: datetime) -> dict[datetime, int]:
        """How many calls there were at each instant of the last ten seconds, oldest first."""
        calls = self.rolling.setdefault(window, {})
        for at in [*takewhile(lambda at: at <= now - _BURST, calls)]:
            del calls[at]
        return calls

    def this_second(self, now: datetime) -> int:
        """Searches of all apps in this second."""
        second, searches = self.second
        return searches if second == int(now.timestamp()) else 0

    def today(self, today: date) -> int:
        """Calls of all apps on this day of the account's."""
        day, calls = self.day
        return calls if day == today else 0


@dataclass(slots=True)
class Gate:
    """Lets calls pass or refuses them."""

    zone: str
    keys: set[str] = field(default_factory=lambda: {SERVICE_KEY})
    lent: dict[str, datetime] = field(default_factory=dict)  # bearers that end by themselves
    revoked: set[str] = field(default_factory=set)
    limits: Limits = field(default_factory=Limits)
    outage: tuple[int, datetime] | None = None
    calls: Calls = field(default_factory=Calls)
    transcript: list[tuple[str, str, int]] = field(default_factory=list)
    _used: Used = field(default_factory=Used)

    def count(self, kind: str, *, writes: bool) -> None:
        """Enter one call in the books."""
        self.calls.read += not writes
        self.calls.write += writes
        self.calls.by_kind[kind] += 1

    def refuse_while_down(self, now: datetime) -> None:
        """Raise Refusal (477, 5xx) during an outage: it comes from the edge, before anything looks at the call."""
        if self.outage is not None and now < self.outage[1]:
            status, until = self.outage
            raise unavailable(status, seconds=int((until - now).total_seconds()))

    def authenticate(self, request: Request, now: datetime) -> str:
        """The bearer; raises Refusal (401) for a call without one that is accepted here."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        end = self.lent.get(key)
        if scheme.lower() != "bearer" or (key not in self.keys and end is None):
            raise unauthenticated()
        if end is not None and now >= end:
            raise expired(end, now)
        return key

    def spend(self, bucket: str, key: str, *, now: datetime) -> None:
        """Take one call off the allowances; raises Refusal (429) where nothing is left."""
        today = now.astimezone(ZoneInfo(self.zone)).date()
        if self._used.today(today) >= self.limits.daily:
            raise throttled("DAILY")
        if bucket == "search":
            if self._used.this_second(now) >= self.limits.search:
                raise throttled("SECONDLY")
            self._used.second = int(now.timestamp()), self._used.this_second(now) + 1
        else:
            calls = self._used.within((bucket, key), now)
            if sum(calls.values()) >= self._most(bucket):
                raise throttled("TEN_SECONDLY_ROLLING")
            calls[now] = calls.get(now, 0) + 1
        self._used.day = today, self._used.today(today) + 1

    def spend_elsewhere(self, *, searches: int, calls: int, now: datetime) -> None:
        """Take off what other apps use of the account's allowances."""
        today = now.astimezone(ZoneInfo(self.zone)).date()
        self._used.second = int(now.timestamp()), self._used.this_second(now) + searches
        self._used.day = today, self._used.today(today) + searches + calls

    def require(self, scope: str | None) -> None:
        """Raise Refusal where that scope was revoked."""
        if scope in self.revoked:
            raise missing_scopes([scope])

    def headers(self, bucket: str, key: str, *, now: datetime) -> dict[str, str]:
        """Rate limit headers; a search answer carries only the daily ones."""
        left = self.limits.daily - self._used.today(now.astimezone(ZoneInfo(self.zone)).date())
        shown = {
            "X-HubSpot-RateLimit-Daily": str(self.limits.daily),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(left, 0)),
        }
        if bucket == "search":
            return shown
        most, calls = self._most(bucket), self._used.within((bucket, key), now)
        lately = sum(count for at, count in calls.items() if at > now - _SECOND)
        return shown | {
            "X-HubSpot-RateLimit-Max": str(most),
            "X-HubSpot-RateLimit-Remaining": str(most - sum(calls.values())),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(BURST_SECONDS * 1000),
            "X-HubSpot-RateLimit-Secondly": str(most // BURST_SECONDS),
            "X-HubSpot-RateLimit-Secondly-Remaining": str(max(most // BURST_SECONDS - lately, 0)),
        }

    def _most(self, bucket: str) -> int:
        return self.limits.associations if bucket == "associations" else self.limits.burst
