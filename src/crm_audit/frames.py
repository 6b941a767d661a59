"""Records as Polars frames: one schema per kind, the same from a store, a world file or a test.

Text stays text. Money is the decimal as written, because a frame that holds numbers would round or refuse them before
anybody could say which deal was at fault. Lists are JSON text, as the store keeps them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl

from crm_audit.domain import KINDS, Record, When

INSTANT = pl.Datetime("us", "UTC")

SCHEMAS: Mapping[str, Mapping[str, pl.DataType]] = {
    "stages": {
        "id": pl.String(), "pipeline": pl.String(), "stage": pl.String(), "label": pl.String(),
        "position": pl.Int64(), "probability": pl.String(), "forecast_category": pl.String(), "closed": pl.String(),
    },
    "users": {"id": pl.String(), "name": pl.String(), "active": pl.Boolean()},
    "rates": {
        "id": pl.String(), "currency": pl.String(), "units": pl.String(), "per": pl.String(), "valid_from": pl.Date(),
    },
    "companies": {
        "id": pl.String(), "name": pl.String(), "fit_tier": pl.String(), "fit_score": pl.String(),
        "fit_assessed": pl.Date(), "deleted": pl.Boolean(), "merged_into": pl.String(),
    },
    "people": {
        "id": pl.String(), "name": pl.String(), "title": pl.String(), "domain": pl.String(), "left_on": pl.Date(),
        "deleted": pl.Boolean(), "merged_into": pl.String(),
    },
    "deals": {
        "id": pl.String(), "name": pl.String(), "pipeline": pl.String(), "stage": pl.String(), "created": INSTANT,
        "amount": pl.String(), "currency": pl.String(), "probability": pl.String(),
        "forecast_category": pl.String(), "close_date": pl.String(), "budget": pl.String(),
        "budget_currency": pl.String(), "company": pl.String(), "need": pl.String(), "solution_fit": pl.String(),
        "owner": pl.String(), "next_step": pl.String(),
    },
    "links": {
        "id": pl.String(), "deal": pl.String(), "person": pl.String(), "role": pl.String(), "valid_from": pl.Date(),
        "valid_to": pl.Date(), "recorded_at": INSTANT,
    },
    "events": {
        "id": pl.String(), "kind": pl.String(), "at": INSTANT, "day": pl.Date(), "ends_at": INSTANT,
        "people": pl.String(), "declined": pl.String(), "deals": pl.String(), "named": pl.String(),
        "topics": pl.String(), "outcome": pl.String(), "automatic": pl.Boolean(), "quoted_amount": pl.String(),
        "quoted_currency": pl.String(), "by": pl.String(), "recorded_at": INSTANT,
    },
    "rechecks": {
        "id": pl.String(), "deal": pl.String(), "on": pl.Date(), "topics": pl.String(), "by": pl.String(),
        "recorded_at": INSTANT,
    },
    "answers": {
        "id": pl.String(), "deal": pl.String(), "rule": pl.String(), "answer": pl.String(), "at": INSTANT,
        "topics": pl.String(), "until": pl.Date(), "reason": pl.String(), "by": pl.String(),
    },
    "history": {
        "id": pl.String(), "deal": pl.String(), "field": pl.String(), "at": INSTANT, "old": pl.String(),
        "new": pl.String(), "by": pl.String(), "recorded_at": INSTANT,
    },
}  # fmt: skip
"""Columns of each kind. An event has `at` (an instant) or `day` (a date), never both."""

UNSHOWN = frozenset({"roles", "addresses"})
"""Fields that only the store keeps: a person's."""

LISTS = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def written(value: When) -> str:
    """A date as YYYY-MM-DD, an instant in UTC as YYYY-MM-DDTHH:MM:SS.ffffffZ (no fraction where it is zero)."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat()


def cells(record: Record) -> dict[str, object]:
    """A record as the row of its frame."""
    row: dict[str, object] = {f.name: _cell(getattr(record, f.name)) for f in fields(record) if f.name not in UNSHOWN}
    if "ends_at" in row:  # an event: the instant and the calendar day are kept apart
        at = row["at"]
        row["day"] = at if not isinstance(at, datetime) else None
        row["at"] = at if isinstance(at, datetime) else None
    if "close_date" in row and row["close_date"] is not None:
        row["close_date"] = written(_when(row["close_date"]))
    return row


def _cell(value: object) -> object:
    if isinstance(value, tuple):
        return LISTS.encode(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    return value


def _when(value: object) -> When:
    if isinstance(value, (date, datetime)):
        return value
    raise TypeError(f"{value!r} is neither a date nor an instant")


def frame(kind: str, records: Iterable[Record] = ()) -> pl.DataFrame:
    """The records of one kind (a key of `domain.KINDS`) as a frame."""
    return pl.DataFrame([cells(record) for record in records], schema=dict(SCHEMAS[kind]), orient="row")


def frames(records: Iterable[Record]) -> dict[str, pl.DataFrame]:
    """Records of every kind, sorted into a frame for each."""
    sorted_out: dict[str, list[Record]] = {kind: [] for kind in KINDS}
    name_of = {cls: kind for kind, cls in KINDS.items()}
    for record in records:
        sorted_out[name_of[type(record)]].append(record)
    return {kind: frame(kind, rows) for kind, rows in sorted_out.items()}
