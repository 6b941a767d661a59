"""An admin's rules about writes: they bind users everywhere, and calls only on paths of 2026-09 and later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from crm_audit.emulator.hubspot.refusals import Complaint

FIRST_VERSION = "2026-09"
"""HubSpot's first API version that heeds such rules; v3 and older dated ones ignore them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A property must not be empty: while another one holds a value, or with no such condition on creation."""

    kind: str
    name: str
    when: tuple[str, str] | None

    def complaints(self, before: Mapping[str, str], change: Mapping[str, str], *, fresh: bool) -> Iterator[Complaint]:
        """What is wrong with a change; it is judged only where it touches what the rule is about."""
        after = {**before, **change}
        if after.get(self.name):
            return
        if self.when is None:
            if fresh:
                yield Complaint(self.name, "MISSING_REQUIRED_PROPERTY", f"{self.name} is required to create a record")
            return
        controlling, value = self.when
        if after.get(controlling) == value and not change.keys().isdisjoint((self.name, controlling)):
            message = f"{self.name} is required because of a conditional property rule based on [{controlling}]"
            yield Complaint(self.name, "MISSING_CONDITIONAL_REQUIRED_PROPERTY", message)


def enforced(version: str) -> bool:
    """Whether a path of that version (`v3`, `2026-09`) heeds rules."""
    return version[:1].isdigit() and version >= FIRST_VERSION
