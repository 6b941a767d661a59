"""Query answers in pages, and the locators under which the rest is waiting."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from crm_audit.emulator.soql.evaluate import Answer
from crm_audit.emulator.soql.ids import new_id
from crm_audit.emulator.soql.refusal import Refusal

LARGEST, SMALLEST = 2_000, 200
"""Rows in a page (Sforce-Query-Options)."""
LIFETIME = timedelta(days=2)
"""How long a locator holds."""

_BATCH = re.compile(r"batchSize\s*=\s*(\d+)", re.IGNORECASE)
_LOCATOR = re.compile(r"(0r8\w{15})-(\d+)")


def batch_size(options: str) -> int:
    """The page size that a Sforce-Query-Options header asks for, within the limits."""
    asked = _BATCH.search(options)
    return min(max(int(asked[1]), SMALLEST), LARGEST) if asked else LARGEST


@dataclass(frozen=True, slots=True)
class _Cursor:
    answer: Answer
    size: int
    opened: datetime


@dataclass(slots=True)
class Cursors:
    """The open locators of an org."""

    _open: dict[str, _Cursor] = field(default_factory=dict)
    _issued: int = 0

    def first(self, answer: Answer, *, size: int, now: datetime, address: str) -> dict[str, Any]:
        """The first page; `address` is the path of the query resource, under which the next one is found."""
        if answer.counts:
            return {"totalSize": len(answer.rows), "done": True, "records": []}
        cursor = _Cursor(answer, size, now)
        if len(answer.rows) <= size:
            return _page(cursor, 0, following=None)
        self._open = {name: each for name, each in self._open.items() if now - each.opened < LIFETIME}
        self._issued += 1
        locator = new_id("0r8", self._issued)
        self._open[locator] = cursor
        return _page(cursor, 0, following=f"{address}/{locator}")

    def following(self, locator: str, *, now: datetime, address: str) -> dict[str, Any]:
        """The page behind a locator such as `0r8…-2000`; raises Refusal (INVALID_QUERY_LOCATOR)."""
        match = _LOCATOR.fullmatch(locator)
        cursor = self._open.get(match[1]) if match else None
        if (
            match is None
            or cursor is None
            or now - cursor.opened >= LIFETIME
            or int(match[2]) > len(cursor.answer.rows)
        ):
            raise Refusal("INVALID_QUERY_LOCATOR", "invalid query locator")
        return _page(cursor, int(match[2]), following=f"{address}/{match[1]}")

    def forget(self) -> None:
        """Let every locator expire."""
        self._open.clear()


def _page(cursor: _Cursor, begin: int, *, following: str | None) -> dict[str, Any]:
    end = begin + cursor.size
    total = len(cursor.answer.rows)
    body: dict[str, Any] = {"totalSize": total, "done": end >= total}
    if end < total:
        body["nextRecordsUrl"] = f"{following}-{end}"
    return body | {"records": [cursor.answer.show(row) for row in cursor.answer.rows[begin:end]]}
