"""What one vendor's records cannot hold, as data, and the list of what became of such facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from crm_audit.domain import STRENGTH, Event

LOST = "lost"
"""The last word of a line whose fact has no stand-in: the verdict may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """One vendor; what is not said here it can hold."""

    vendor: str  # as people write it
    never: Mapping[str, str]  # kind of event -> why no record of this CRM is one
    alone: frozenset[str]  # kinds whose record names one contact
    by_day: frozenset[str] = frozenset()  # kinds that may lie on a day without a time
    only_by_day: frozenset[str] = frozenset()
    several_deals: bool = True  # may an activity be about several deals?
    declines: bool = True  # is an answer kept for each invited contact?
    exact_rates: bool = True  # is a rate kept as it is?
    somebody: str | None = None  # who records what nobody owns; None: every record has an owner anyway
    dated_roles: bool = True  # does a role say since when it stands?
    loose_quotes: bool = True  # may a quote belong to no deal?
    one_visit: bool = False  # are document visits one property of the contact, of one topic?
    acceptance_is_sent: bool = False  # does an accepted quote also count as a sent one?
    budget_currency: bool = True  # may an amount be in another currency than its record?
    blank_text: bool = True
    close_dates: str = "day or instant"  # or "day", which is then required
    outcomes: frozenset[str] | None = None  # of meetings; None: any
    forecasts: frozenset[str] | None = None
    tiers: frozenset[str] | None = None
    roles_at_most: int | None = None  # different roles that one kind of label can name
    forgets_deleted: bool = False  # do activities lose a contact who is deleted?
    fills_on_merge: bool = False  # does a survivor take what it lacks from the loser?
    withholds: Mapping[str, str] = field(default_factory=dict)  # what cannot be kept from an integration -> why

    @property
    def native(self) -> frozenset[str]:
        """The kinds of events that its records can be."""
        return frozenset(STRENGTH) - self.never.keys()


@dataclass(slots=True)
class Notes:
    """One readable line for each fact of a world that was changed or lost on its way into a CRM."""

    world: str
    vendor: str
    name: Callable[[str], str] = str  # of a contact, by id
    lines: dict[str, None] = field(default_factory=dict)

    def stands_in(self, what: str, why: str, *, instead: str) -> None:
        """The fact has a stand-in, with which the verdict must be the same."""
        self.lines[f"{self.world} {what}: {why}; stands in: {instead}"] = None

    def lost(self, what: str, why: str) -> None:
        """Nothing stands in for the fact; the verdict may differ."""
        self.lines[f"{self.world} {what}: {why}; {LOST}"] = None

    def everywhere(self, what: str, why: str, *, instead: str) -> None:
        """The same in every world that this vendor plays, so that one line says it."""
        self.lines[f"{self.vendor}, every world: {what}: {why}; stands in: {instead}"] = None

    def event(self, event: Event) -> str:
        """An event as a reader of the world file finds it."""
        where = ", ".join(event.deals) or "no deal,"
        return f"{where} {event.kind} of {' and '.join(map(self.name, event.people)) or 'nobody'}"
