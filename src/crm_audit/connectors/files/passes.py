"""A table as a stream: whole passes from its first row to its last, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from crm_audit.connectors.base import Page, Stand, Sweep
from crm_audit.domain import Record

PAGE = 2_000


@dataclass(frozen=True, slots=True)
class Stream:
    """What one table tells of one kind; `sweep` is "none" where it may be the wrong table, of which nothing joins."""

    kind: str
    name: str
    records: Iterator[Record]
    sweep: Sweep = "all"


def passed(stream: Stream, stand: Stand | None, *, stamp: str) -> Iterator[Page]:
    """The pages of a pass: the rest of one that was cut, or of files that changed since a new one."""
    cut = stand is not None and not stand.ended
    done = _done(stand.cursor, stamp) if stand is not None and cut else 0
    if cut and not done:
        yield Page(kind=stream.kind, stream=stream.name, ended=True)
    rows = islice(stream.records, done, None)
    page, ended = tuple(islice(rows, PAGE)), False
    while not ended:
        done += len(page)
        following = tuple(islice(rows, PAGE))
        ended = not following
        yield Page(
            kind=stream.kind,
            stream=stream.name,
            rows=page,
            cursor=f"{done}@{stamp}",
            ended=ended,
            sweep=stream.sweep if ended else "none",
        )
        page = following


def _done(cursor: str, stamp: str) -> int:
    count, _, of = cursor.partition("@")
    return int(count) if of == stamp and count.isdecimal() else 0
