"""A world's records by kind, and what has to be known of them all before one of them can be put into a CRM. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cached_property
from typing import TypeVar
from zoneinfo import ZoneInfo

from crm_audit.domain import LOST, WON, Change, Deal, Event, Link, Person, Rate, Record, Stage, When
from crm_audit.facts import rung_of
from crm_audit.worlds import World

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Plot:
    """One world, ready to be asked."""

    world: World

    def all(self, kind: type[R]) -> list[R]:
        """All records of a kind, as the world lists them."""
        return [record for record in self.world.records if isinstance(record, kind)]

    @cached_property
    def zone(self) -> ZoneInfo:
        """Where the organisation's days begin."""
        return ZoneInfo(self.world.terms.zone)

    @cached_property
    def today(self) -> date:
        """The organisation's day of the audit."""
        return self.day(self.world.as_of)

    def day(self, at: When) -> date:
        """The organisation's calendar day."""
        return at.astimezone(self.zone).date() if isinstance(at, datetime) else at

    def close_day(self, text: str) -> date:
        """The day a close date stands for: exactly midnight UTC is a date that an integration wrote."""
        if len(text) == len("YYYY-MM-DD"):
            return date.fromisoformat(text)
        instant = datetime.fromisoformat(text)
        return instant.date() if instant.astimezone(UTC).time() == time() else self.day(instant)

    def noon(self, day: date) -> datetime:
        """Local noon, but never after the audit on the audit's own day."""
        moment = datetime.combine(day, time(12), self.zone).astimezone(UTC)
        return min(moment, self.world.as_of) if day == self.today else moment

    @cached_property
    def deals(self) -> Mapping[str, Deal]:
        """Deals by id."""
        return {deal.id: deal for deal in self.all(Deal)}

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Names of contacts by id."""
        return {person.id: person.name for person in self.all(Person)}

    @cached_property
    def deleted(self) -> set[str]:
        """Contacts that are deleted and not merged into another."""
        return {person.id for person in self.all(Person) if person.deleted and not person.merged_into}

    @cached_property
    def _into(self) -> Mapping[str, str]:
        people = {person.id: person.merged_into for person in self.all(Person)}
        return {loser: into for loser, into in people.items() if into in people}

    def survivor(self, person: str) -> str:
        """The contact that this one was merged into in the end."""
        seen = {person}
        while (into := self._into.get(person)) and into not in seen:
            seen.add(into)
            person = into
        return person

    def closed(self, deal: Deal) -> bool:
        """Whether its stage is won or lost."""
        return rung_of(self.world.terms, deal.pipeline, deal.stage) in (WON, LOST)

    def stands(self, link: Link) -> bool:
        """Whether a role is valid on the day of the audit."""
        begun = link.valid_from is None or link.valid_from <= self.today
        return begun and (link.valid_to is None or link.valid_to > self.today)

    def begins(self, link: Link) -> datetime:
        """When a role is entered: as its day begins, but not before its deal is there."""
        created = self.deals[link.deal].created if link.deal in self.deals else None
        begun = self.midnight(link.valid_from) if link.valid_from else None
        return max(at for at in (created, begun, self.earliest) if at is not None)

    def ends(self, link: Link) -> datetime:
        """When a role that ends is taken away: as its last day begins."""
        return self.midnight(link.valid_to or self.today)

    def midnight(self, day: date) -> datetime:
        """The instant at which a day of the organisation begins."""
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    @cached_property
    def _open_deals_of(self) -> Mapping[str, set[str]]:
        found: dict[str, set[str]] = {}
        for link in self.all(Link):
            deal = self.deals.get(link.deal)
            if deal is not None and not self.closed(deal) and self.stands(link):
                found.setdefault(self.survivor(link.person), set()).add(deal.id)
        return found

    def adopts(self, person: str, event: Event) -> bool:
        """Whether the event would count for its one deal even without being linked to it (qualification 3.5.4)."""
        mine = self._open_deals_of.get(self.survivor(person), set())
        if len(event.deals) != 1 or mine != set(event.deals):
            return False
        created = self.deals[event.deals[0]].created
        return created is not None and self.day(event.at) >= self.day(created)

    def costs(self, event: Event, total: Decimal) -> bool:
        """Whether each deal of the event has always had that amount in that currency, so that a total adds nothing."""
        changed = {row.deal for row in self.all(Change) if row.field == "amount"}
        deals = [self.deals[one] for one in event.deals if one in self.deals]
        return bool(deals) and all(
            deal.amount == total and event.quoted_currency in (None, deal.currency) and deal.id not in changed
            for deal in deals
        )

    @cached_property
    def pipelines(self) -> Mapping[str, tuple[Stage, ...]]:
        """The stages of each pipeline that a deal of the world is in: its ladder's, then those that nobody mapped."""
        found: dict[str, dict[str, Stage]] = {deal.pipeline: {} for deal in self.all(Deal)}
        for stage in self.all(Stage):
            if stage.pipeline in found:
                found[stage.pipeline][stage.stage] = stage
        for deal in self.all(Deal):
            known = found[deal.pipeline]
            new = Stage(id=deal.stage, pipeline=deal.pipeline, stage=deal.stage, label=deal.stage, position=len(known))
            known.setdefault(deal.stage, new)
        return {pipeline: tuple(stages.values()) for pipeline, stages in found.items()}

    @cached_property
    def currencies(self) -> set[str]:
        """Every currency but the corporate one."""
        named = {deal.currency for deal in self.all(Deal)} | {deal.budget_currency for deal in self.all(Deal)}
        named |= {event.quoted_currency for event in self.all(Event)} | {rate.currency for rate in self.all(Rate)}
        return {one for one in named if one is not None} - {self.world.terms.currency}

    @cached_property
    def earliest(self) -> datetime:
        """The first instant of the world."""
        instants = [deal.created for deal in self.all(Deal)]
        instants += [event.at for event in self.all(Event) if isinstance(event.at, datetime)]
        instants += [change.at for change in self.all(Change)]
        return min(at for at in (self.world.as_of, *instants) if at is not None)
