"""What stands before every call: the token, its scopes, the rate limits, and the books on who called what."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from crm_audit.emulator.hubspot.catalogue import SERVICE_KEY
from crm_audit.emulator.hubspot.refusals import missing_scopes, throttled, unauthenticated
from crm_audit.emulator.server import Request

BURST_SECONDS = 10


@dataclass(slots=True)
class Limits:
    """Calls and association calls per 10 s (HubSpot: 190, 150), searches per second (5), calls per day (1,000,000).

    Generous by default, because the emulator's clock stands still between calls.
    """

    burst: int = 1_000_000
    search: int = 1_000_000
    associations: int = 1_000_000
    daily: int = 1_000_000_000


@dataclass(slots=True)
class Calls:
    """How many calls came in, refused ones too, by what they ask for."""

    read: int = 0
    write: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Gate:
    """Lets calls pass or refuses them."""

    zone: str
    keys: set[str] = field(default_factory=lambda: {SERVICE_KEY})
    revoked: set[str] = field(default_factory=set)
    limits: Limits = field(default_factory=Limits)
    calls: Calls = field(default_factory=Calls)
    transcript: list[tuple[str, str, int]] = field(default_factory=list)
    _used: dict[str, tuple[object, int]] = field(default_factory=dict)

    def count(self, kind: str, *, writes: bool) -> None:
        """Enter one call in the books."""
        self.calls.read += not writes
        self.calls.write += writes
        self.calls.by_kind[kind] += 1

    def authenticate(self, request: Request) -> None:
        """Raise Refusal (401) for a call without a token that is accepted here."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or key not in self.keys:
            raise unauthenticated()

    def spend(self, bucket: str, *, now: datetime) -> None:
        """Take one call off the allowance; raises Refusal (429) where nothing is left."""
        today = now.astimezone(ZoneInfo(self.zone)).date()
        self._spend("daily", today, self.limits.daily, policy="DAILY")
        second = int(now.timestamp())
        if bucket == "search":
            self._spend("search", second, self.limits.search, policy="SECONDLY")
            return
        limit = self.limits.associations if bucket == "associations" else self.limits.burst
        self._spend(bucket, second // BURST_SECONDS, limit, policy="TEN_SECONDLY_ROLLING")

    def require(self, scope: str | None) -> None:
        """Raise Refusal where that scope was revoked."""
        if scope in self.revoked:
            raise missing_scopes([scope])

    def headers(self, bucket: str) -> dict[str, str]:
        """Rate limit headers; a search answer carries only the daily ones."""
        daily = self.limits.daily
        shown = {
            "X-HubSpot-RateLimit-Daily": str(daily),
            "X-HubSpot-RateLimit-Daily-Remaining": str(daily - self._spent("daily")),
        }
        if bucket == "search":
            return shown
        limit = self.limits.associations if bucket == "associations" else self.limits.burst
        return shown | {
            "X-HubSpot-RateLimit-Max": str(limit),
            "X-HubSpot-RateLimit-Remaining": str(limit - self._spent(bucket)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(BURST_SECONDS * 1000),
        }

    def _spent(self, bucket: str) -> int:
        return self._used[bucket][1] if bucket in self._used else 0

    def _spend(self, bucket: str, window: object, limit: int, *, policy: str) -> None:
        opened, used = self._used.get(bucket, (window, 0))
        used = used if opened == window else 0
        if used >= limit:
            raise throttled(policy)
        self._used[bucket] = window, used + 1
