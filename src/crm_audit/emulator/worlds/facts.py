"""A world as one vendor's records can hold it: the same facts, each in its nearest shape, with a line for every change.

Pure: a world goes in and a world comes out, and only then is anything put into a CRM.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from crm_audit.domain import SOURCES, Change, Company, Deal, Event, Link, Person, Rate, Recheck, Record, When
from crm_audit.emulator.worlds.events import Encoder
from crm_audit.emulator.worlds.limits import Limits, Notes
from crm_audit.emulator.worlds.past import Past
from crm_audit.emulator.worlds.plot import Plot
from crm_audit.worlds import AUDITOR, World

ALIVE = timedelta(days=30)
"""How long ago a source may have recorded something and still be connected (ruling 35)."""
ROUNDED = "rounded to six places"
"""How a rate ends whose inverse is no short decimal; amounts near a limit may fall on its other side."""
REENCODED = (Company, Person, Deal, Link, Event, Recheck, Change)
NEIGHBOUR = "neighbour"
"""How the ids of the neighbouring deals and their people begin."""

M = TypeVar("M", Company, Person)


def held(world: World, limits: Limits, notes: Notes) -> World:
    """The world re-encoded, with a neighbouring deal that keeps every connected source alive."""
    plot = Plot(world)
    facts = _Facts(plot, limits, notes)
    records = (
        *(record for record in world.records if not isinstance(record, REENCODED)),
        *map(facts.company, plot.all(Company)),
        *map(facts.person, plot.all(Person)),
        *map(facts.deal, plot.all(Deal)),
        *facts.links(),
        *Encoder(plot, limits, notes).held(plot.all(Event)),
        *Past(plot, notes).changes(),
        *facts.rechecks(),
        *facts.neighbours(),
    )
    facts.terms()
    return replace(world, records=records)


@dataclass(frozen=True, slots=True)
class _Facts:
    plot: Plot
    limits: Limits
    notes: Notes

    def company(self, row: Company) -> Company:
        """A tier that the vendor has; nothing on a loser that a merge would hand to the survivor."""
        tiers, tier = self.limits.tiers, (row.fit_tier or "").strip()
        if tiers is not None and tier not in ("", *tiers):
            self.notes.lost(f"{row.id} fit tier {tier!r}", f"{self.limits.vendor} has {', '.join(sorted(tiers))}")
            row = replace(row, fit_tier=None)
        return self._without_gifts(row, ("fit_tier", "fit_score", "fit_assessed"))

    def person(self, row: Person) -> Person:
        """A loser of a merge without what its survivor lacks."""
        return self._without_gifts(row, ("title", "left_on"))

    def _without_gifts(self, row: M, names: tuple[str, ...]) -> M:
        rows = {one.id: one for one in self.plot.all(type(row))}
        into, ways = row, 0
        while into.merged_into in rows and ways < len(rows):  # what fills a loser goes on to where it is merged
            into, ways = rows[into.merged_into], ways + 1
        if into is row or not self.limits.fills_on_merge:
            return row
        given: dict[str, Any] = {name: None for name in names if _told(row, name) and not _told(into, name)}
        for name in given:
            why = f"in {self.limits.vendor} a merge fills what {into.name} leaves empty"
            self.notes.stands_in(f"{row.id} {name}", why, instead="nothing on the record that is merged away")
        return replace(row, **given)

    def deal(self, row: Deal) -> Deal:
        """A deal whose fields the vendor has a place for."""
        limits, vendor = self.limits, self.limits.vendor
        if row.need and not row.need.strip() and not limits.blank_text:
            self.notes.stands_in(f"{row.id} need {row.need!r}", f"{vendor} trims blank text", instead="an empty field")
        budget_in = row.budget_currency or self.plot.world.terms.currency
        if budget_in != (row.currency or self.plot.world.terms.currency) and not limits.budget_currency:
            why = f"a {vendor} currency field takes the record's currency"
            self.notes.stands_in(f"{row.id} budget in {budget_in}", why, instead="a number and a currency field")
        if row.created is None:
            self.notes.lost(f"{row.id} without a creation", "every CRM stamps it")
        if limits.forecasts is not None and row.forecast_category not in (None, *limits.forecasts):
            self.notes.lost(f"{row.id} forecast category {row.forecast_category!r}", f"{vendor} has no such category")
            row = replace(row, forecast_category=None)
        if limits.close_dates == "day":
            self._close_date(row)
        return replace(row, budget_currency=budget_in, currency=row.currency or self.plot.world.terms.currency)

    def _close_date(self, row: Deal) -> None:
        if row.close_date is None:
            why = f"{self.limits.vendor} requires CloseDate"
            self.notes.stands_in(f"{row.id} no close date", why, instead="a date field of the admin's own, left empty")
        if isinstance(row.close_date, datetime):
            why = f"{self.limits.vendor} keeps a day"
            self.notes.stands_in(f"{row.id} close date {row.close_date}", why, instead="the day in the org's zone")

    def links(self) -> Iterator[Link]:
        """Roles that have begun, and ended no sooner than they could be seen."""
        for link in self.plot.all(Link):
            what = f"{link.deal} {link.role} {self.notes.name(link.person)}"
            if link.valid_from is not None and link.valid_from > self.plot.today:
                self.notes.stands_in(what, f"it begins on {link.valid_from}", instead="nothing, no CRM shows it yet")
            elif link.valid_to is not None and self.plot.begins(link) >= self.plot.ends(link) - timedelta(hours=12):
                self.notes.lost(what, "it ended before any pull could have seen it")
            else:
                self._dates(link, what)
                yield link
        self._labels()

    def _dates(self, link: Link, what: str) -> None:
        if link.valid_from is not None and not self.limits.dated_roles:
            why = f"{self.limits.vendor} dates no association"
            self.notes.stands_in(f"{what} from {link.valid_from}", why, instead="what the first pull saw")
        if link.valid_from is None and self.limits.dated_roles:
            why = f"{self.limits.vendor} stamps when a role is entered"
            self.notes.everywhere("a role without a first day", why, instead="the day of the deal's creation")
        if link.valid_to is not None and link.valid_to > self.plot.today:
            self.notes.stands_in(what, f"it ends on {link.valid_to}", instead="a role that still stands")
        elif link.valid_to is not None:
            why = f"{self.limits.vendor} forgets it on {link.valid_to}"
            self.notes.stands_in(f"{what} to {link.valid_to}", why, instead="a pull the day before and a pull after")

    def _labels(self) -> None:
        """Roles are labels: there are only so many, and beside one of them nobody is without."""
        if self.limits.roles_at_most is None:
            return
        roles: dict[tuple[str, str], set[str]] = {}
        for link in filter(self.plot.stands, self.plot.all(Link)):
            roles.setdefault((link.deal, self.plot.survivor(link.person)), set()).add(link.role)
        for (deal, person), named in roles.items():
            if "unassigned" in named and len(named) > 1:
                self.notes.lost(f"{deal} unassigned {self.notes.name(person)}", "beside a label nobody is unassigned")
        for role in labels(self.plot)[self.limits.roles_at_most :]:
            self.notes.lost(f"role {role}", f"{self.limits.vendor} allows {self.limits.roles_at_most} labels")

    def rechecks(self) -> Iterator[Recheck]:
        """All of them: an "asked on" date shows the latest only, which is what counts."""
        latest: dict[tuple[str, str], Recheck] = {}
        for row in sorted(self.plot.all(Recheck), key=lambda row: row.on):
            for topic in () if by_task(row, self.plot) else row.topics:
                before = latest.get((row.deal, topic))
                latest[row.deal, topic] = row
                if before is not None and before.on != row.on:
                    what = f"{row.deal} re-check of {topic} on {before.on}"
                    self.notes.stands_in(what, "a date field holds one date", instead=f"the later one, {row.on}")
            yield row

    def neighbours(self) -> Iterator[Record]:
        """For each owner another deal with fresh activity: a CRM does not say what is connected, only what arrives."""
        first = next(iter(self.plot.deals.values()), None)
        if first is None:
            return
        silent = self._silent()
        at = self.plot.world.as_of - timedelta(days=1)
        kinds = [next((k for k in of if k in self.limits.native), None) for s, of in SOURCES.items() if s not in silent]
        owners = dict.fromkeys(deal.owner or self.limits.somebody for deal in self.plot.deals.values())
        for number, owner in enumerate(owners):
            name = f"{NEIGHBOUR}{number}"
            yield Person(id=name, name="Nele Nachbar", domain=f"{NEIGHBOUR}.example")
            yield Deal(
                id=name, name=f"Neighbour {number}", pipeline=first.pipeline, stage=first.stage, owner=owner,
                created=at - timedelta(days=1), close_date=self.plot.today, currency=self.plot.world.terms.currency,
            )  # fmt: skip
            yield Link(id=name, deal=name, person=name, role="user")
            for kind in filter(None, kinds):
                topics = ("pricing",) if kind.startswith("quote") else ()
                fresh = self._fitting(at, kind)
                whose: dict[str, Any] = {"people": (name,), "deals": (name,), "by": owner}
                yield Event(id=f"{name}:{kind}", kind=kind, at=fresh, topics=topics, **whose)
        why = "a CRM does not say which are connected, only what arrives"
        self.notes.everywhere("sources", why, instead="a neighbouring deal of each owner, active the day before")

    def _fitting(self, at: datetime, kind: str) -> When:
        return self.plot.day(at) if kind in self.limits.only_by_day else at

    def _silent(self) -> set[str]:
        """The sources that nothing arrives from: those of which every kind that this vendor knows is unconnected."""
        unconnected = self.plot.world.terms.unconnected
        silent = set()
        for source, of in SOURCES.items():
            known, missing = set(of) & self.limits.native, set(of) & unconnected
            if missing and known <= missing:
                silent.add(source)
            if missing and ((known & unconnected and not known <= missing) or known <= missing < set(of)):
                self.notes.lost(f"unconnected {', '.join(sorted(missing))}", f"{source} are connected as one")
        since = self.plot.world.as_of - ALIVE
        for event in self.plot.all(Event):
            source = next(name for name, of in SOURCES.items() if event.kind in of)
            at = event.recorded_at or event.at
            fresh = at > since if isinstance(at, datetime) else at > since.date()
            if source in silent and (fresh or source == "attestations"):
                self.notes.lost(self.notes.event(event), f"{source} cannot be silent while there is such an event")
        return silent

    def terms(self) -> None:
        """What the vendor cannot keep from an integration, and stamps that it makes itself."""
        for name, why in self.limits.withholds.items():
            if name in self.plot.world.terms.unmapped:
                self.notes.lost(f"unmapped {name}", why)
        for rate in () if self.limits.exact_rates else self.plot.all(Rate):
            why, exact = f"{self.limits.vendor} keeps a rate as its inverse", rate.per / inverse(rate) == rate.units
            instead = f"{inverse(rate)}" if exact else f"{inverse(rate)}, {ROUNDED}"
            self.notes.stands_in(f"rate of {rate.currency} {rate.units}", why, instead=instead)
        stamped: list[Link | Recheck | Change] = [*self.plot.all(Link), *self.plot.all(Recheck), *self.plot.all(Change)]
        if any(row.recorded_at is not None for row in stamped):
            why = f"{self.limits.vendor} stamps roles, history and re-checks itself"
            self.notes.stands_in("recorded_at", why, instead="the moment at which each of them comes about")


def _told(row: Company | Person, name: str) -> bool:
    """Whether a field says anything: nought does, blanks do not."""
    value = getattr(row, name)
    return value is not None and bool(str(value).strip())


def inverse(rate: Rate) -> Decimal:
    """Units of a currency that one unit of the corporate one buys, rounded as a CRM keeps it."""
    return (rate.per / rate.units).quantize(Decimal("0.000001"))


def by_task(row: Recheck, plot: Plot) -> bool:
    """Whether a re-check is told by a task: a date field says neither who wrote it nor more than one date."""
    return row.by == AUDITOR or row.on > plot.today


def labels(plot: Plot) -> list[str]:
    """The roles of a world that need a label, in the order in which they are given one."""
    return list(dict.fromkeys(link.role for link in plot.all(Link) if link.role != "unassigned"))
