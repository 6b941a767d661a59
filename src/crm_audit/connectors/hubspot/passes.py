"""Passes over one HubSpot object: where its streams stand, what is due for them, and their pages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from crm_audit.connectors.base import Page, Reading, Stand
from crm_audit.connectors.hubspot import walks
from crm_audit.connectors.hubspot.cursors import Cursor, cursor
from crm_audit.connectors.hubspot.feeds import DEALS, KINDS_OF, Feed, Share
from crm_audit.connectors.hubspot.reader import Reader
from crm_audit.connectors.hubspot.watch import Watch

NOTHING = Share()


@dataclass(slots=True)
class Passes:
    """All passes of one run. `stands` follows every page that is handed on."""

    reader: Reader
    reading: Reading
    overlap: timedelta  # how far the index may lag behind: so much every increment reads again
    watch: Watch = field(default_factory=Watch)
    stands: dict[str, Stand] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)  # streams whose whole pass began in this run

    def __post_init__(self) -> None:
        self.stands.update(self.reading.stands)

    def told(self, page: Page) -> Page:
        """Note where the stream stands once this page is saved."""
        before = self.stands.get(page.stream)
        whole = self.reading.started if page.ended and page.sweep == "all" else before.whole if before else None
        self.stands[page.stream] = Stand(page.cursor, page.ended, whole)
        return page

    def aside(self, shares: Mapping[str, Share]) -> Iterator[Page]:
        """Rows beside the pass of their stream, which goes on where it was; before its first pass there are none."""
        for stream, share in shares.items():
            stand, page = self.stands.get(stream), _page(stream, share)
            if stand is not None and (page.rows or page.gone or page.deals):
                yield self.told(replace(page, cursor=stand.cursor, ended=stand.ended))

    def walk(self, feed: Feed) -> Iterator[Page]:
        """A whole pass where one is due or was cut off, and then what changed since the last pass began."""
        streams = feed.fed(self.reader)
        cut = {stream: one for stream in streams if (one := self._cut(stream))}
        if self.is_due(feed, streams):
            self.begun.update(streams)
            yield from self._given_up(streams)
            mark = self.reader.gateway.now()
            yield from self._pass(feed, streams, Cursor(mark=mark))
            if feed is DEALS:  # every deal has said now which activities are its own
                self.reader.inline.until = mark
        elif cut:
            first = min(cut.values(), key=lambda one: (one.since is not None, one.depth))
            yield from self._pass(feed, streams if first.since else [*cut], first)
        yield from self._increment(feed, streams)

    def increment(self, feed: Feed) -> Iterator[Page]:
        """What changed since the last pass began; an increment that was cut off goes on first."""
        streams = feed.fed(self.reader)
        cut = {stream: one for stream in streams if (one := self._cut(stream))}
        if cut:
            first = min(cut.values(), key=lambda one: one.depth)
            yield from self._pass(feed, streams, first)
        yield from self._increment(feed, streams)

    def _increment(self, feed: Feed, streams: Collection[str]) -> Iterator[Page]:
        marks = [one.mark for stream in streams if (one := cursor(self.stands.get(stream)))]
        since = min([*marks, *([self.reading.since] if self.reading.since else [])]) - self.overlap
        yield from self._pass(feed, streams, Cursor(mark=self.reader.gateway.now(), since=since))

    def _given_up(self, streams: Iterable[str]) -> Iterator[Page]:
        """End what was cut off without a word, so that what it saw does not count as seen by the pass to come."""
        for stream in streams:
            stand = self.stands.get(stream)
            if stand is not None and not stand.ended:
                yield self.told(Page(kind=KINDS_OF[stream], stream=stream, cursor=stand.cursor, ended=True))

    def _cut(self, stream: str) -> Cursor | None:
        """Where a pass was cut off."""
        stand = self.stands.get(stream)
        return cursor(stand) if stand and not stand.ended else None

    def is_cut_whole(self, stream: str) -> bool:
        """Whether a whole pass was cut off, which only a night takes up again."""
        found = self._cut(stream)
        return found is not None and found.since is None

    def is_due(self, feed: Feed, streams: Iterable[str]) -> bool:
        """A whole pass from its beginning: asked for, never done, long ago, or a property has come back since."""
        lacks = set(self.reader.shape.lacks(self.reader.sources[feed.source]))
        before = self.reading.whole_before
        for stream in streams:
            stand, stood = self.stands.get(stream), cursor(self.stands.get(stream))
            if KINDS_OF[stream] in self.reading.anew or stand is None or stood is None or set(stood.lacks) - lacks:
                return True
            going_on = not stand.ended and stood.since is None
            if not going_on and (stand.whole is None or (before is not None and stand.whole < before)):
                return True
        return False

    def _pass(self, feed: Feed, streams: Collection[str], at: Cursor) -> Iterator[Page]:
        """One pass on from a cursor, for those of the object's streams that need it."""
        reader, source = self.reader, self.reader.sources[feed.source]
        at = replace(at, lacks=reader.shape.lacks(source))
        for group in self._groups(feed, at):
            self.watch.see(source, group.records, has=reader.shape.properties[feed.source])
            shares = feed.shares(reader, group)
            yield from self.aside({stream: shares[stream] for stream in shares if stream not in feed.streams})
            ended = group.after is None
            for stream in streams:
                page = _page(stream, shares.get(stream, NOTHING))
                if group.whole:
                    page = replace(page, gone=(), deals=(), sweep="all" if ended else "none")
                yield self.told(replace(page, cursor=at.at(group.after).text(), ended=ended))

    def _groups(self, feed: Feed, at: Cursor) -> Iterator[walks.Group]:
        gateway, source = self.reader.gateway, self.reader.sources[feed.source]
        if at.since is not None:
            window = walks.Window(at.since, fresh=gateway.now() - self.overlap)
            tells = partial(self.reader.tells, source)
            return walks.changed(gateway, source, window, after=at.after, tells=tells)
        has = self.reader.shape.properties[feed.source]
        filters = tuple(one for one in source.filters if one["propertyName"] in has)
        inline = tuple(one for one in source.associations if self.reader.can(one))
        return walks.whole(gateway, replace(source, filters=filters, associations=inline), after=at.after)

    def lacking(self, feed: Feed, lost: Iterable[str]) -> Iterator[Page]:
        """Note in every stream that it was read without these properties: once they are back, all is read anew."""
        for stream in feed.fed(self.reader):
            stand, stood = self.stands.get(stream), cursor(self.stands.get(stream))
            if stand is not None and stood is not None:
                text = replace(stood, lacks=tuple(sorted({*stood.lacks, *lost}))).text()
                yield self.told(Page(kind=KINDS_OF[stream], stream=stream, cursor=text, ended=stand.ended))


def _page(stream: str, share: Share) -> Page:
    return Page(
        kind=KINDS_OF[stream], stream=stream, rows=tuple(share.rows), gone=tuple(share.gone), deals=tuple(share.deals)
    )
