"""How many calls a run may make: a share of what the org said remained when it began."""

from __future__ import annotations

import re
from decimal import Decimal
from threading import Lock

from crm_audit.errors import OutOfQuota

_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")


class Allowance:
    """Our share of the org's calls in 24 hours; Salesforce tells used and allowed ones with every answer."""

    def __init__(self, share: Decimal) -> None:
        self.usage: tuple[int, int] | None = None
        self._share = share
        self._spent = 0
        self._granted: int | None = None
        self._lock = Lock()

    def begin(self) -> None:
        """A run begins: its share is reckoned from the next answer."""
        self._spent, self._granted = 0, None

    def spend(self) -> None:
        """Take one call; OutOfQuota where our share is used up."""
        with self._lock:
            if self._granted is not None and self._spent >= self._granted:
                raise OutOfQuota(
                    f"Salesforce: this run's share of the org's calls is used up ({self._spent} calls, quota_share "
                    f"{self._share:g}); the next run goes on where this one stops"
                )
            self._spent += 1

    def told(self, header: str | None) -> None:
        """Note what an answer says (Sforce-Limit-Info)."""
        found = _USAGE.search(header or "")
        if found is None:
            return
        with self._lock:
            used, allowed = self.usage = int(found[1]), int(found[2])
            if self._granted is None:
                left = max(0, allowed - used) + self._spent
                self._granted = max(self._spent, int(left * self._share))
