"""One reading of every file from end to end, before anything is pulled: what is there, what joins, what is odd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from crm_audit.connectors.files.records import Meaning, records
from crm_audit.connectors.files.rows import Source
from crm_audit.connectors.files.tally import Tally
from crm_audit.domain import KINDS, STRENGTH, Change, Company, Deal, Event, Link, Recheck, Record

Sources = Mapping[str, Sequence[Source]]

TOLD: Mapping[str, tuple[str, ...]] = {
    "companies": ("fit_tier", "fit_score"),
    "deals": ("budget", "need", "solution_fit", "company", "close_date", "amount"),
}
"""Fields of which at least one filled cell shows that the export tells them at all."""

REFERRED_TO = ("deals", "companies", "people")


@dataclass(slots=True)
class Count:
    """What one kind of record came to."""

    records: int = 0
    joined: int = 0  # of `records`: they belong to a deal or a person of this export
    ids: set[str] = field(default_factory=set)
    repeats: dict[str, int] = field(default_factory=dict)  # an id that comes again -> which record is its last
    told: set[str] = field(default_factory=set)  # fields that are filled, roles, fields with a history


@dataclass(slots=True)
class Census:
    """What the files hold, by kind, and what they refer to."""

    counts: Mapping[str, Count] = field(default_factory=lambda: {kind: Count() for kind in KINDS})
    names: dict[str, str] = field(default_factory=dict)  # of the deals
    companies: set[str] = field(default_factory=set)  # that deals name
    people: set[str] = field(default_factory=set)  # that links to these deals name
    connected: set[str] = field(default_factory=set)  # kinds of events that a table here can produce
    joining: list[Source] = field(default_factory=list)  # tables of which something belongs to this export
    mapped: dict[str, str] = field(default_factory=dict)  # field of TOLD that the mapping names -> its kind
    tallies: list[Tally] = field(default_factory=list)

    def bare(self, kind: str) -> Sequence[str]:
        """Companies or people that somebody refers to and no table holds."""
        named = {"companies": self.companies, "people": self.people}.get(kind, set())
        return sorted(named - self.counts[kind].ids)


def take(sources: Sources, meaning: Meaning) -> Census:
    """Read everything once; FixConfig where a file cannot be read or is plainly mapped wrong."""
    census = Census(names=dict(meaning.deals))
    reading = Meaning(meaning.roles, meaning.topics, census.names)
    for kind in KINDS:  # deals stand before what refers to them
        for source in sources.get(kind, ()):
            _read(source, reading, census=census)
        if kind not in REFERRED_TO:
            census.counts[kind].ids.clear()  # a million ids of events are of no further use
    return census


def _read(source: Source, meaning: Meaning, *, census: Census) -> None:
    tally = Tally(source.sheet.name, str(source.sheet.path))
    census.tallies.append(tally)
    filled = {*source.table.sources(), *source.table.constants, *source.joins}
    census.mapped |= {name: source.kind for name in TOLD.get(source.kind, ()) if name in filled}
    count = census.counts[source.kind]
    before, kinds = count.joined, set()
    for line, record in records(source, meaning, tally=tally):
        count.records += 1
        if record.id in count.ids:
            count.repeats[record.id] = count.records
            if source.table.id:
                tally.note("with an id that came before: the last one counts", line)
        count.ids.add(record.id)
        count.told.update(name for name in TOLD.get(source.kind, ()) if getattr(record, name) is not None)
        count.joined += _joins(record, census)
        if isinstance(record, Event):
            kinds.add(record.kind)
    tally.refuse_wrong_columns()
    if count.joined > before:
        census.joining.append(source)
        census.connected |= _producible(source) or kinds


def _joins(record: Record, census: Census) -> bool:
    """Note what the record refers to; whether any of it is in this export."""
    deals = census.counts["deals"].ids
    if isinstance(record, Deal):
        census.names[record.id] = record.name
        census.companies |= {record.company} if record.company else set()
        return True
    if isinstance(record, Event):
        return any(deal in deals for deal in record.deals) or any(person in census.people for person in record.people)
    if not isinstance(record, Link | Recheck | Change):
        return isinstance(record, Company)
    if record.deal not in deals:
        return False
    if isinstance(record, Link):
        census.people.add(record.person)
        census.counts["links"].told.add(record.role)
    if isinstance(record, Change):
        census.counts["history"].told.add(record.field)
    return True


def _producible(source: Source) -> set[str]:
    """The kinds of events that the mapping says this table holds; none where it leaves that to the rows."""
    if source.kind != "events":
        return set()
    named = source.table.constants.get("kind")
    return ({named} if named else set(source.table.values.get("kind", {}).values())) & set(STRENGTH)
