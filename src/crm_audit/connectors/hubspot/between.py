"""A short run over one portal: increments, and the records that somebody said changed with what lies beside them.

Nothing is read from its beginning here and nothing is swept, so what no night has read to its end stays a gap.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from crm_audit.connectors.base import Gap, Page
from crm_audit.connectors.hubspot import reading
from crm_audit.connectors.hubspot.feeds import ACTIVITIES, COMPANIES, CONTACTS, DEALS, KINDS_OF, Feed
from crm_audit.connectors.hubspot.passes import Passes
from crm_audit.connectors.hubspot.reader import ids
from crm_audit.connectors.hubspot.reading import Step
from crm_audit.connectors.hubspot.survey import survey
from crm_audit.errors import FixInCrm

FEEDS = (COMPANIES, CONTACTS, DEALS, *ACTIVITIES)
"""People before links and mails, which look them up."""

UNREAD = "no night has read it to its end yet under these settings; short runs wait for that"


def read(passes: Passes) -> Iterator[Page | Gap]:
    """What changed, or what is hinted at; a kind whose night is not over is a gap."""
    reader = passes.reader
    lost = survey(reader.shape, reader.portal).unmapped - passes.reading.unmapped
    if lost:  # read as empty, they would be taken for missing, and not for unknown
        names = ", ".join(sorted(lost))
        raise FixInCrm(f"since the last night {names} cannot be told any more: restore it, or let a night pass")
    feeds = [feed for feed in FEEDS if reader.can(feed.source)]
    yield from (Gap(kind, why) for feed in FEEDS if feed not in feeds for kind, why in _refused(passes, feed))
    yield from (Gap(kind, UNREAD) for feed in feeds for kind in _unread(passes, feed))
    yield from reading.carried_out(list(_steps(passes, [feed for feed in feeds if not _unread(passes, feed)])))


def _steps(passes: Passes, feeds: list[Feed]) -> Iterator[Step]:
    for feed in feeds:
        kinds = tuple(KINDS_OF[stream] for stream in feed.fed(passes.reader))
        if passes.reading.reach == "changes":
            yield Step(kinds, partial(passes.increment, feed))
        yield Step(kinds, partial(_hinted, passes, feed))
        yield Step(kinds, partial(reading.lost, passes, feed))


def _refused(passes: Passes, feed: Feed) -> Iterator[tuple[str, str]]:
    """The kinds of an object that a night could still read, and why they cannot be read now."""
    why = passes.reader.shape.refusals.get(feed.source)
    return ((kind, why) for stream, kind in feed.streams.items() if why and stream in passes.stands)


def _unread(passes: Passes, feed: Feed) -> list[str]:
    """The kinds of an object of which a whole pass is due, or has been cut off."""
    streams = feed.fed(passes.reader)
    due = passes.is_due(feed, streams) or any(passes.is_cut_whole(stream) for stream in streams)
    return [*streams.values()] if due else []


def _hinted(passes: Passes, feed: Feed) -> Iterator[Page]:
    """The hinted records of this object, and what of it lies on hinted deals.

    A meeting that a rep has just logged touches its deal without a word of its own: judged without it, the deal would
    be judged on old evidence. People of these deals are read where the store has never seen them.
    """
    asked, deals = reading.ids_of(passes, feed), reading.ids_of(passes, DEALS)
    if deals and feed in (*ACTIVITIES, CONTACTS):
        on_it = ids(passes.reader.associated("deals", feed.source, ids=deals).values())
        known = passes.reader.stored_people(on_it) if feed is CONTACTS else {}
        asked += [one for one in on_it if one not in known]
    yield from reading.hinted(passes, feed, list(dict.fromkeys(asked)))
