"""Where a stream stands: what its cursor says, and with which pass it goes on tonight. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from crm_audit.connectors.base import Reading, Stand
from crm_audit.connectors.salesforce.asking import literal

OVERLAP = timedelta(minutes=10)
"""Rows may become visible this long after their stamp: a long transaction, an asynchronous change (Airbyte's PT10M)."""
LONGEST_GAP = timedelta(days=14)
"""After this the recycle bin, which keeps 15 days, may have forgotten a deletion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One place in one pass. Instants are SystemModstamps as SOQL writes them, so that text compares like time."""

    mark: str  # once the pass has ended, the next one begins here
    asked: str  # names what was asked of each row; where that differs, what is stored was read otherwise
    since: str = ""  # an increment's lower bound; empty in a whole pass
    after: tuple[str, str] = ("", "")  # the last row of pages: its stamp and id
    job: str = ""  # or the Bulk job,
    locator: str = ""  # its page of results,
    done: int = 0  # and the rows of that page that are done with
    ended: bool = False

    @property
    def whole(self) -> bool:
        """Whether the pass reads everything."""
        return not self.since

    @property
    def text(self) -> str:
        """As a cursor."""
        return json.dumps({key: value for key, value in asdict(self).items() if value not in ("", 0, ("", ""), False)})

    def end(self) -> Place:
        """The place after the last page."""
        return Place(mark=self.mark, asked=self.asked, ended=True)

    def again(self) -> Place:
        """The beginning of the same pass."""
        return replace(self, after=("", ""), job="", locator="", done=0)


def parsed(cursor: str) -> Place | None:
    """The place of a cursor; None where it is none of ours."""
    try:
        found = json.loads(cursor)
        if not isinstance(found, Mapping):
            return None
        stamp, record = found.get("after", ("", ""))
        place = Place(**{**found, "after": (str(stamp), str(record))})
        return place if all(_instant(each) for each in (place.mark, place.since, stamp) if each) else None
    except (ValueError, TypeError):
        return None


def begun(kind: str, stand: Stand | None, reading: Reading, *, now: datetime, asked: str) -> tuple[Place, bool]:
    """With which pass a stream goes on, and whether that pass began in an earlier run; `now` is Salesforce's time."""
    whole = Place(mark=literal(now), asked=asked)
    place = parsed(stand.cursor) if stand else None
    if kind in reading.anew or stand is None or place is None or place.asked != asked:
        return whole, False
    if not stand.ended:
        return _resumed(place, now=now), True
    old = now - _instant(place.mark) > LONGEST_GAP
    stale = reading.whole_before is not None and (stand.whole is None or stand.whole < reading.whole_before)
    return (whole, False) if old or stale or stand.whole is None else (increment(place, reading, now=now), False)


def increment(place: Place, reading: Reading, *, now: datetime) -> Place:
    """The pass that reads what changed since a mark."""
    since = min(_instant(place.mark), reading.since or now) - OVERLAP
    return Place(mark=literal(now), asked=place.asked, since=literal(since))


def _resumed(place: Place, *, now: datetime) -> Place:
    """An increment by pages just goes on until now; whatever else began earlier ends where it was to end."""
    if place.whole or place.job:
        return place
    safe = literal(_instant(place.mark) - OVERLAP)
    after = place.after if place.after[0] <= safe else (safe, "")
    return replace(place, mark=literal(now), after=after)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
