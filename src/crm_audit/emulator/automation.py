"""What an admin has set up inside a CRM: workflows and flows that run after a write. And the book of who wrote what.

`hubspot.automations` and `salesforce.automations` have those that an integration must survive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from crm_audit.emulator.clock import Clock

DEEPEST = 5
"""How often automations set each other off before the CRM stops them."""


@dataclass(frozen=True, slots=True)
class Change:
    """One write to one record: the fields that were given, whether or not that changed them."""

    at: datetime
    by: str  # HubSpot: the source, such as INTEGRATION; Salesforce: the user, also for flows that they set off
    kind: str  # of the record: HubSpot: deals; Salesforce: Opportunity
    record: str
    before: Mapping[str, object]
    after: Mapping[str, object]
    automation: str | None = None  # that wrote it

    @property
    def changed(self) -> frozenset[str]:
        """The fields that hold something else than before."""
        return frozenset(name for name, value in self.after.items() if self.before.get(name) != value)


@dataclass(frozen=True, slots=True)
class Automation:
    """Something that runs after each change of a kind of record which it minds, at once or so many seconds later."""

    name: str
    kind: str
    when: Callable[[Change], bool]
    do: Callable[[Change], object]
    seconds: float = 0


@dataclass(slots=True)
class Automations:
    """The automations of one CRM, how often each ran, and the book of all changes."""

    clock: Clock
    active: dict[str, Automation] = field(default_factory=dict)
    ran: Counter[str] = field(default_factory=Counter)
    book: list[Change] = field(default_factory=list)
    _waiting: list[tuple[datetime, Automation, Change]] = field(default_factory=list)
    _running: list[str] = field(default_factory=list)

    def switch_on(self, *automations: Automation) -> None:
        """From now on these run; one of the same name is replaced."""
        self.active |= {each.name: each for each in automations}

    def switch_off(self, *names: str) -> None:
        """Stop these, or all; what waits to run never will."""
        for name in names or tuple(self.active):
            self.active.pop(name, None)

    def tell(self, change: Change) -> None:
        """Enter a change in the book and run what minds it; raises whatever an automation does."""
        change = replace(change, automation=self._running[-1] if self._running else None)
        self.book.append(change)
        if len(self._running) >= DEEPEST:
            return
        for each in [*self.active.values()]:
            if each.kind != change.kind or not each.when(change):
                continue
            if each.seconds:
                self._waiting.append((self.clock.now() + timedelta(seconds=each.seconds), each, change))
            else:
                self._run(each, change)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Take out of the book again what an exception takes back."""
        length = len(self.book)
        try:
            yield
        except BaseException:
            del self.book[length:]
            raise

    def catch_up(self) -> None:
        """Run what has become due."""
        now = self.clock.now()
        due = [each for each in self._waiting if each[0] <= now]
        self._waiting = [each for each in self._waiting if each[0] > now]
        for _, each, change in due:
            if self.active.get(each.name) is each:
                self._run(each, change)

    def _run(self, each: Automation, change: Change) -> None:
        with self._named(each.name):
            each.do(change)
        self.ran[each.name] += 1

    @contextmanager
    def _named(self, name: str) -> Iterator[None]:
        self._running.append(name)
        try:
            yield
        finally:
            self._running.pop()
