"""Queries, and how a set of them is asked in lockstep: five pages in one call, whichever queries they belong to.

A composite is one call however much comes back, so the number of calls is a fifth of the number of pages.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

from crm_audit.connectors.salesforce.gateway import ATTEMPTS, Gateway, Part, passing
from crm_audit.connectors.salesforce.reading import Row, instant, is_id, required
from crm_audit.connectors.salesforce.refusals import TooSlow, Vanished
from crm_audit.errors import CrmAuditError, Incomplete, OutOfQuota, Retry

QUERIES = 5
"""Queries in one composite (composite resources: of 25 subrequests)."""
PAGE = 2_000
"""Rows in a page, the most that Salesforce gives in one answer."""
MOST_IDS = 4_000
"""Ids in one query: 21 characters each, of the 100,000 that a query may have."""

STAMP = "SystemModstamp"

_NEXT = re.compile(r"/services/data/v\d+\.\d/((?:query|queryAll)/[A-Za-z0-9-]+)")

Order = Literal["stamp", "id", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query of a set, under a name of its own; deleted and archived rows are always in it.

    `most`: with more rows than that it is given back unread, for Bulk. `after`: the row behind which it goes on.
    """

    name: str
    object: str
    select: tuple[str, ...]
    where: tuple[str, ...] = ()
    order: Order = "none"
    after: tuple[str, str] = ("", "")  # stamp and id
    most: int | None = None

    @property
    def soql(self) -> str:
        """As it is asked page by page."""
        stamp, record = self.after
        beyond = f"Id > '{record}'" if record else ""
        if self.order == "stamp" and stamp:
            beyond = f"(({STAMP} = {stamp} AND {beyond}) OR {STAMP} > {stamp})" if record else f"{STAMP} >= {stamp}"
        ordered = {"stamp": f"ORDER BY {STAMP}, Id", "id": "ORDER BY Id", "none": ""}[self.order]
        return self._written((*self.where, beyond), ordered)

    @property
    def unordered(self) -> str:
        """As Bulk is asked: an order or a limit would turn its chunking off, and where it goes on is its own affair."""
        return self._written(self.where, "")

    def behind(self, row: Row) -> Query:
        """The same query for what comes after a row."""
        return replace(self, after=place_of(row)) if self.order != "none" else self

    def _written(self, where: Sequence[str], order: str) -> str:
        conditions = " AND ".join(each for each in where if each)
        filtered = f"WHERE {conditions}" if conditions else ""
        return " ".join(
            part for part in ("SELECT", ", ".join(self.select), "FROM", self.object, filtered, order) if part
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A page of one query's rows."""

    query: Query
    rows: Sequence[Row]
    last: bool


@dataclass(frozen=True, slots=True)
class Large:
    """A query with more rows than pages are for, or one that took too long for a page."""

    query: Query


@dataclass(frozen=True, slots=True)
class Failed:
    """A query that could not be read to its end, and why."""

    query: Query
    error: CrmAuditError


@dataclass(frozen=True, slots=True)
class Told:
    """What became of an address that was asked along with the queries."""

    path: str
    part: Part


Answer = Found | Large | Failed | Told


@dataclass(slots=True)
class _Waiting:
    query: Query
    path: str
    tries: int = 0


def asked(gateway: Gateway, queries: Iterable[Query], *, along: Sequence[str] = ()) -> Iterator[Answer]:
    """All pages of a set of queries, in whatever order they come; `along`: other addresses for the first call."""
    waiting = deque(_begun(query) for query in queries)
    extra = list(along)
    while waiting or extra:
        some = [waiting.popleft() for _ in range(min(QUERIES, len(waiting)))]
        try:
            parts = gateway.composite("query", [*(each.path for each in some), *extra])
        except (OutOfQuota, Incomplete):
            raise
        except Retry as error:
            yield from (Failed(each.query, error) for each in some)
            yield from (Told(path, Part(error=error)) for path in extra)
            extra = []
            continue
        yield from (Told(path, part) for path, part in zip(extra, parts[len(some) :], strict=True))
        extra = []
        for each, part in zip(some, parts, strict=False):
            answer = _answered(gateway, each, part)
            if isinstance(answer, _Waiting):
                waiting.append(answer)
                continue
            yield from answer[0]
            waiting.extend(answer[1])


def _begun(query: Query) -> _Waiting:
    return _Waiting(query, f"queryAll/?q={quote(query.soql, safe='')}")


def _answered(gateway: Gateway, asked: _Waiting, part: Part) -> _Waiting | tuple[Sequence[Answer], Sequence[_Waiting]]:
    """What a part of a composite tells of its query, and what is to be asked next; or that it is asked once more."""
    error = part.error
    if error is None:
        try:
            return _page(asked, part.body)
        except Retry as odd:
            error = odd
    if isinstance(error, OutOfQuota) or not isinstance(error, CrmAuditError):
        raise error
    if isinstance(error, Vanished) and asked.tries + 1 < ATTEMPTS:
        return replace(_begun(asked.query), tries=asked.tries + 1)
    if isinstance(error, TooSlow) and asked.query.most is not None:
        return [Large(asked.query)], ()
    if passing(error) and asked.tries + 1 < ATTEMPTS:
        gateway.sleep(2.0**asked.tries)
        return _Waiting(asked.query, asked.path, asked.tries + 1)
    return [Failed(asked.query, error)], ()


def _page(asked: _Waiting, body: object) -> tuple[Sequence[Answer], Sequence[_Waiting]]:
    if (
        not isinstance(body, dict)
        or not isinstance(body.get("records"), list)
        or not isinstance(body.get("done"), bool)
    ):
        raise Retry("Salesforce answered a query with something that is no page of rows")
    query, rows, done = asked.query, body["records"], body["done"]
    total = body.get("totalSize")
    if query.most is not None and isinstance(total, int) and total > query.most:
        return [Large(query)], ()
    if done:
        return [Found(query, rows, last=True)], ()
    following = replace(query.behind(rows[-1]) if rows else query, most=None)
    return [Found(query, rows, last=False)], [_Waiting(following, _next_path(body))]


def _next_path(page: Row) -> str:
    following = page.get("nextRecordsUrl")
    found = _NEXT.fullmatch(following) if isinstance(following, str) else None
    if found is None:  # sometimes an object comes; and a host in it would get our token
        raise Retry("Salesforce gave no usable address for the next page of rows")
    return found[1]


def place_of(row: Row) -> tuple[str, str]:
    """Where a row stands in the order of stamps and ids."""
    found = instant(row, STAMP)
    return (literal(found) if found else "", required(row, "Id"))


def literal(at: datetime) -> str:
    """An instant as SOQL writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def among(field: str, ids: Iterable[str]) -> list[str]:
    """Conditions for these ids, as few as the length of a query allows; nothing but ids gets in."""
    listed = sorted({each for each in ids if is_id(each)})
    return [
        f"{field} IN ({','.join(map(repr, listed[start : start + MOST_IDS]))})"
        for start in range(0, len(listed), MOST_IDS)
    ]
