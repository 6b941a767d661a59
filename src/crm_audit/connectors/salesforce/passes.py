"""One pass: a feed read for some of its streams, from a place to the end. It says what to ask, and makes the pages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from urllib.parse import quote

from crm_audit.connectors.base import Page, Reading, Stand, Sweep
from crm_audit.connectors.salesforce.asking import STAMP, Query, literal
from crm_audit.connectors.salesforce.feeds import LIVE, Feed, Lookup, Rows, Stream
from crm_audit.connectors.salesforce.org import Org
from crm_audit.connectors.salesforce.place import LONGEST_GAP, OVERLAP, Place, begun, increment
from crm_audit.connectors.salesforce.reading import Row, flag, required
from crm_audit.domain import Record

MOST_RECORDS = 2_000
"""Records on a page, however many rows they were made of."""
NIGHTLY = ("User", "DatedConversionRate")
"""Objects that bear on every deal at once: only a night, which judges every deal, reads them."""
LABELLED = ("Opportunity", "OpportunityHistory", "OpportunityFieldHistory")
"""Objects whose rows mean what processes and stages say besides."""


@dataclass(slots=True, eq=False)
class Pass:
    """What is left of one pass. `gone`: logged as deleted for good, unless a row shows otherwise."""

    org: Org
    feed: Feed
    streams: Sequence[Stream]
    place: Place
    resumed: bool  # it began in an earlier run
    gone: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)  # rows of which something beside them changed
    failed: str = ""
    holes: bool = False  # the log of deletions does not reach back to the mark, or is kept from us
    short: bool = False  # a run between two nights: it sweeps nothing, and what needs a whole pass it leaves alone
    covered: datetime | None = None  # up to when the log of deletions knows everything

    @property
    def goes_on(self) -> bool:
        """Whether it is an increment, for rows alone, of what a night has read to its end."""
        return not self.place.whole and not self.place.job

    @property
    def sweeps(self) -> bool:
        """Whether the rows of all open deals are read, whatever changed."""
        return self.feed.open and not self.short

    @property
    def key(self) -> str:
        """A name of its own within a round."""
        return self.streams[0].name

    @property
    def query(self) -> Query:
        """The query for its rows."""
        feed, place = self.feed, self.place
        asked = self.org.query(f"main {self.key}", feed.object, where=self._where())
        most = self.org.options.bulk_above
        if feed.grouped:
            return replace(asked, most=most)
        return replace(asked, order="id" if place.whole else "stamp", after=place.after, most=most)

    def _where(self) -> Sequence[str]:
        feed, window = self.feed, _window(self.place)
        if self.place.whole:
            binned = not feed.keeps and not feed.grouped and "IsDeleted" in self.org.schema.fields(feed.object)
            return (LIVE,) if binned else ()
        if not feed.grouped:
            return window
        return (" ".join((feed.grouped, "IN (SELECT Id FROM Opportunity WHERE", " AND ".join(window), ")")),)

    @property
    def deleted(self) -> str | None:
        """Where Salesforce lists what was deleted since the mark; None where it keeps no log, or a sweep will tell."""
        if self.place.whole or not self.feed.logged:
            return None
        end = datetime.fromisoformat(self.place.mark)
        start = max(datetime.fromisoformat(self.place.since), end - LONGEST_GAP)
        window = "&".join(f"{name}={quote(literal(at), safe='')}" for name, at in (("start", start), ("end", end)))
        return f"sobjects/{self.feed.object}/deleted/?{window}"

    def pages(self, rows: Rows, lookup: Lookup, place: Place) -> Iterator[Page]:
        """A page of each stream out of these rows; `place` is where the pass stands after them."""
        self.place = place
        known = [row for row in rows if self.feed.keeps or not flag(row, "IsDeleted")]
        self.gone.difference_update(required(row, "Id") for row in known)
        for stream in self.streams:
            made = tuple(stream.records(self.org, known, lookup))
            yield self._page(stream, made, rows)

    def groups(self, groups: Iterable[tuple[str, Rows]], lookup: Lookup) -> Iterator[Page]:
        """Pages out of whole groups of rows, in the order of what they belong to."""
        for stream in self.streams:
            made: list[Record] = []
            for deal, rows in groups:
                made += stream.records(self.org, list({required(row, "Id"): row for row in rows}.values()), lookup)
                if len(made) >= MOST_RECORDS:
                    self.place = replace(self.place, after=("", deal))
                    yield self._page(stream, tuple(made), ())
                    made = []
            yield self._page(stream, tuple(made), ())

    def beat(self) -> Page:
        """A sign of life while something is waited for."""
        return self._page(self.streams[-1], (), ())

    def last(self) -> Iterator[Page]:
        """The end of the pass."""
        sweep: Sweep = "all" if self.place.whole else "open" if self.sweeps else "none"
        gone = [{"Id": each} for each in sorted(self.gone)]
        self.place = replace(self.place, ended=True)
        end = self.place.end()
        if self.covered is not None and self.covered + OVERLAP < datetime.fromisoformat(end.mark):
            end = replace(end, mark=literal(self.covered))  # later deletions are in no log yet
        for stream in self.streams:
            page = self._page(stream, (), gone)
            yield replace(page, cursor=end.text, ended=True, sweep=sweep)

    def given_up(self, stands: Mapping[str, Stand]) -> Iterator[Page]:
        """End what was cut off and begins anew, so that what it saw does not count as seen by this pass."""
        for stream in self.streams:
            stand = stands.get(stream.name)
            if stand is not None and not stand.ended and not self.resumed:
                yield Page(kind=stream.kind, stream=stream.name, cursor=stand.cursor, ended=True)

    def _page(self, stream: Stream, made: tuple[Record, ...], rows: Rows) -> Page:
        page = Page(kind=stream.kind, stream=stream.name, rows=made, cursor=self.place.text)
        if self.place.whole or self.feed.grouped:
            return page  # the sweep at the end tells what is gone
        if stream.of_deals:
            return replace(page, deals=tuple(required(row, "Id") for row in rows))
        shown = {record.id for record in made}
        return replace(page, gone=tuple(each for row in rows for each in stream.ids(row) if each not in shown))

    def following(self, reading: Reading, *, now: datetime) -> Pass | None:
        """The pass that has to follow in the same run, so that the store equals the CRM after it."""
        if self.failed or self.short:
            return None
        if self.holes:
            whole = Place(mark=literal(now), asked=self.place.asked)
            return Pass(self.org, self.feed, self.streams, whole, resumed=False)
        missed = reading.since is not None and self.place.since > literal(reading.since)
        if self.resumed and (self.place.whole or self.place.job or missed):
            more = increment(self.place, reading, now=now)
            return Pass(self.org, self.feed, self.streams, more, resumed=False)
        return None


def passes(org: Org, feeds: Iterable[Feed], reading: Reading) -> list[Pass]:
    """The passes of a run: streams of one feed that stand at one place are read together."""
    found = []
    short = reading.reach != "all"
    for feed in feeds:
        if short and feed.object in NIGHTLY:
            continue
        asked, deals = signature(org, feed), reading.stands.get("deals/Opportunity")
        starts = {
            stream.name: begun(stream.kind, reading.stands.get(stream.name), reading, now=org.now, asked=asked)
            for stream in feed.streams
        }
        for (place, resumed), streams in groupby(
            sorted(feed.streams, key=lambda each: repr(starts[each.name])), key=lambda each: starts[each.name]
        ):
            if feed.grouped and not place.job:
                place = place.again()
            if feed.open and deals is None:
                place, resumed = Place(mark=literal(org.now), asked=asked), False
            found.append(Pass(org, feed, list(streams), place, resumed, short=short))
    return found


def signature(org: Org, feed: Feed) -> str:
    """Names what is asked of a feed's rows: where that changes, rows that did not change still read otherwise."""
    asked = []
    for name in (feed.object, *(beside.object for beside in feed.beside)):
        fields = org.schema.fields(name)
        asked += [f"{name}.{each}:{fields[each].type if each in fields else ''}" for each in org.schema.selected(name)]
    if feed.object in LABELLED:
        asked += [f"{key}={value}" for names in (org.terms.pipelines, org.terms.stages) for key, value in names.items()]
    return digest(asked)


def digest(parts: Iterable[str]) -> str:
    """A short name for just these texts."""
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:8]


def _window(place: Place) -> tuple[str, str]:
    """Stamps from the lower bound to the mark, whose whole second belongs to it: that is how fine stamps are."""
    end = datetime.fromisoformat(place.mark) + timedelta(seconds=1)
    return f"{STAMP} >= {place.since}", f"{STAMP} < {literal(end)}"


def live(rows: Iterable[Row]) -> list[Row]:
    """The rows that are not deleted."""
    return [row for row in rows if not flag(row, "IsDeleted")]


def nothing(name: str, keys: Iterable[str]) -> Mapping[str, Sequence[Row]]:
    """The look-up of a feed that needs none."""
    return {}
