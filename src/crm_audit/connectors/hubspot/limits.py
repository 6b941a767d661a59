"""How fast and how much may be called: three budgets of calls in time, and a share of what is left of the day."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from crm_audit.errors import OutOfQuota

GENERAL, SEARCH, ASSOCIATIONS = "general", "search", "associations"
MOST: Mapping[str, tuple[int, float]] = {GENERAL: (190, 10.0), SEARCH: (5, 1.0), ASSOCIATIONS: (150, 10.0)}
"""Calls in so many seconds: HubSpot's own limits of a Professional account, per app; searches are per account."""

LEAST_SLEEP = 0.001  # seconds; a remainder below the clock's own grain would never pass
HALF = Decimal("0.5")


@dataclass(slots=True)
class Budget:
    """At most so many calls in any stretch of so many seconds; remembers when the last ones went out."""

    most: int
    seconds: float
    _sent: deque[float] = field(default_factory=deque)

    def wait(self, now: float) -> float:
        """Seconds until one more call fits."""
        while self._sent and self._sent[0] + self.seconds <= now:
            self._sent.popleft()
        return max(0.0, self._sent[0] + self.seconds - now) if len(self._sent) >= self.most else 0.0

    def spend(self, now: float) -> None:
        """Note a call that goes out now."""
        self._sent.append(now)


class Pace:
    """Holds calls back until HubSpot would take them, and stops a run that used its share of the day."""

    def __init__(
        self,
        *,
        share: Decimal = HALF,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.monotonic = monotonic
        self.sleep = sleep
        self._share = share
        self._budgets = {name: Budget(*most) for name, most in MOST.items()}
        self._allowed: int | None = None
        self._spent = 0
        self.daily: int | None = None  # calls of a day, by the last answer that told

    def renew(self) -> None:
        """Begin another run: the next answer tells again what is left of the day."""
        self._allowed, self._spent = None, 0

    def take(self, budget: str) -> None:
        """Wait for the turn of one call; OutOfQuota where the run has used its share of the day."""
        if self._allowed is not None and self._spent >= self._allowed:
            raise OutOfQuota(
                f"this run has made its {self._allowed} calls, {self._share:.0%} of what HubSpot had left for today "
                "when it began (quota_share); the next run goes on from here"
            )
        chosen = self._budgets[budget]
        while (wait := chosen.wait(self.monotonic())) > 0:
            self.sleep(max(wait, LEAST_SLEEP))
        chosen.spend(self.monotonic())
        self._spent += 1

    def learn(self, budget: str, headers: Mapping[str, str]) -> None:
        """Heed what an answer says: a lower limit than we know of, and at a run's first what is left of the day."""
        most = _number(headers.get("X-HubSpot-RateLimit-Max"))
        if most and budget != SEARCH:
            self._budgets[budget].most = min(most, MOST[budget][0])
        self.daily = _number(headers.get("X-HubSpot-RateLimit-Daily")) or self.daily
        left = _number(headers.get("X-HubSpot-RateLimit-Daily-Remaining"))
        if self._allowed is None and left is not None:
            self._allowed, self._spent = int(left * self._share), 0


def budget_of(name: str) -> str:
    """The budget that a call draws on, by its short name."""
    if name.endswith("/search"):
        return SEARCH
    return ASSOCIATIONS if name.startswith("associations/") else GENERAL


def _number(stated: str | None) -> int | None:
    return int(stated) if stated is not None and stated.isdecimal() else None
