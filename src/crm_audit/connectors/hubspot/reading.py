"""One run over one portal, in an order in which everything finds what it looks up in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from crm_audit.connectors.base import Gap, Page
from crm_audit.connectors.hubspot import bins, records
from crm_audit.connectors.hubspot.feeds import ACTIVITIES, COMPANIES, CONTACTS, DEALS, KINDS_OF, LINKS, Feed, Share
from crm_audit.connectors.hubspot.passes import Passes
from crm_audit.connectors.hubspot.walks import Group
from crm_audit.domain import KINDS, Rate, Record
from crm_audit.errors import BadLogin, FixInCrm, OutOfQuota, Retry


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the reading, and the kinds that are not complete without it."""

    kinds: tuple[str, ...]
    pages: Callable[[], Iterator[Page]]


def read(passes: Passes) -> Iterator[Page | Gap]:
    """Everything; what cannot be read to its end is a gap, and the rest goes on."""
    refused = passes.reader.shape.refusals.get("deals")
    if refused:  # without deals there is nothing to audit
        yield from (Gap(kind, refused) for kind in KINDS)
        return
    yield from carried_out(list(_steps(passes)))


def carried_out(steps: Sequence[Step]) -> Iterator[Page | Gap]:
    """The steps one after another; one that cannot go on leaves gaps."""
    for number, step in enumerate(steps):
        try:
            yield from step.pages()
        except OutOfQuota as error:
            unread = dict.fromkeys(kind for left in steps[number:] for kind in left.kinds)
            yield from (Gap(kind, str(error)) for kind in unread)
            return
        except BadLogin:
            raise
        except (Retry, FixInCrm) as error:
            yield from (Gap(kind, str(error)) for kind in dict.fromkeys(step.kinds))


def _steps(passes: Passes) -> Iterator[Step]:
    """People before links and mails, which look them up; a bin before its live records, which have the last word."""
    reader = passes.reader
    yield Step(("stages",), partial(_stages, passes))
    yield Step(("users",), partial(_users, passes))
    yield Step(("rates",), partial(_rates, passes))
    feeds = [feed for feed in (COMPANIES, CONTACTS, DEALS, *ACTIVITIES) if reader.can(feed.source)]
    for feed in feeds:
        kinds = tuple(KINDS_OF[stream] for stream in feed.fed(reader))
        yield Step(kinds, partial(_bin, passes, feed.source))
        yield Step(kinds, partial(passes.walk, feed))
        yield Step(kinds, partial(hinted, passes, feed, ids_of(passes, feed)))
        yield Step(kinds, partial(lost, passes, feed))
        if feed is DEALS and reader.can("contacts"):
            yield Step(("links",), partial(_sweep, passes))


def _all(passes: Passes, kind: str, rows: Iterable[Record]) -> Page:
    """A short stream, read whole every time."""
    return passes.told(Page(kind=kind, stream=kind, rows=tuple(rows), ended=True, sweep="all"))


def _stages(passes: Passes) -> Iterator[Page]:
    pipelines = passes.reader.gateway.pipelines()
    yield _all(passes, "stages", (stage for one in pipelines for stage in records.stages(one)))


def _users(passes: Passes) -> Iterator[Page]:
    if passes.reader.shape.owners is not None:
        yield _all(passes, "users", map(records.user, passes.reader.shape.owners))


def _rates(passes: Passes) -> Iterator[Page]:
    portal, told = passes.reader.portal, passes.reader.shape.rates
    stated = portal.options.rates
    if stated:
        yield _all(passes, "rates", (Rate(id=one, currency=one, units=units) for one, units in stated.items()))
    elif told is not None:
        yield _all(passes, "rates", (rate for row in told if (rate := records.rate(row, portal))))


def _bin(passes: Passes, kind: str) -> Iterator[Page]:
    """Archived records of one object."""
    stream = bins.stream(kind)
    stand = passes.stands.get(stream)
    after = stand.cursor or None if stand and not stand.ended else None
    for found, more in bins.pages(passes.reader, kind, after=after):
        shares = dict(bins.shares(passes.reader, kind, found))
        own = shares.pop(stream)
        yield from passes.aside(shares)
        ended = more is None
        yield passes.told(
            Page(
                kind=KINDS_OF[stream],
                stream=stream,
                rows=tuple(own.rows),
                gone=tuple(own.gone),
                cursor=more or "",
                ended=ended,
                sweep="all" if ended else "none",
            )
        )


def ids_of(passes: Passes, feed: Feed) -> list[str]:
    """The records of an object that somebody said changed."""
    return [one.record for one in passes.reading.hints if one.object == feed.source]


def hinted(passes: Passes, feed: Feed, asked: Sequence[str]) -> Iterator[Page]:
    """Records that somebody said changed, read by id: the search index may not know it yet."""
    if asked:
        query = passes.reader.sources[feed.source].query()
        found = passes.reader.gateway.read(query, asked)
        missing = tuple(one for one in dict.fromkeys(asked) if one not in found)
        group = Group([*found.values()], after=None, whole=False, missing=missing)
        passes.watch.see(
            passes.reader.sources[feed.source], group.records, has=passes.reader.shape.properties[feed.source]
        )
        yield from passes.aside(feed.shares(passes.reader, group))


def _sweep(passes: Passes) -> Iterator[Page]:
    """Who is on every open deal: a changed association changes the stamp of neither of its ends."""
    if LINKS in passes.begun or LINKS not in passes.stands:
        return
    for deals in passes.reader.known.open_deals():
        yield from passes.aside({LINKS: Share(passes.reader.links(deals), deals=deals)})


def lost(passes: Passes, feed: Feed) -> Iterator[Page]:
    """Properties that were there when the run began and are not any more: what was read of them is not believed."""
    doubtful = passes.watch.doubtful.get(feed.source)
    if not doubtful:
        return
    lost = sorted(doubtful - {str(one["name"]) for one in passes.reader.gateway.properties(feed.source)})
    if lost:
        yield from passes.lacking(feed, lost)
        raise FixInCrm(
            f"{feed.source} lost {', '.join(lost)} while they were read: restore it, or map another in fields"
        )
