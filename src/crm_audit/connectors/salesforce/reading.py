"""Values out of the rows that Salesforce answers with: typed, or an error that names the row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import TypeVar
from zoneinfo import ZoneInfo

from crm_audit.domain import When
from crm_audit.errors import Incomplete

Row = Mapping[str, object]
T = TypeVar("T")

_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")

PREFIX = {"001": "Account", "003": "Contact", "005": "User", "006": "Opportunity"}
"""The first three characters of an id name its object; that is how a polymorphic lookup is told apart."""


def is_id(text: str) -> bool:
    """Whether the text is an id, and so may stand in a query."""
    return bool(_ID.fullmatch(text))


def kind_of(record_id: str | None) -> str | None:
    """The object of an id, where it is one we know."""
    return PREFIX.get(record_id[:3]) if record_id else None


def of_kind(name: str, ids: Iterable[str | None]) -> tuple[str, ...]:
    """The ids of that object, each once, in order."""
    return tuple(dict.fromkeys(each for each in ids if each and kind_of(each) == name))


def value(row: Row, name: str) -> object:
    """What stands under a field name; `What.Name` goes through the relationship."""
    found: object = row
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def text(row: Row, name: str) -> str | None:
    """Text as written, None where it is null; NUL is stripped, because no database of ours takes it."""
    found = value(row, name)
    return None if found is None else str(found).replace("\0", "")


def required(row: Row, name: str) -> str:
    """Text that Salesforce never leaves empty; Incomplete where it does, because no row is dropped silently."""
    return present(row, name, found=text(row, name) or None)


def present(row: Row, name: str, *, found: T | None) -> T:
    """A value that Salesforce never leaves empty, already read; Incomplete where it does."""
    if found is None:
        raise Incomplete(f"{_kind(row)} {row.get('Id')} came without {name}; read again, or ask who changed the object")
    return found


def flag(row: Row, name: str) -> bool:
    """A check box; one that is not there is not ticked."""
    return value(row, name) is True


def number(row: Row, name: str) -> Decimal | None:
    """An exact number; None where the field is empty."""
    found = value(row, name)
    if found is None or found == "":
        return None
    try:
        exact = Decimal(str(found))
    except InvalidOperation:
        raise _odd(row, name, expected="number") from None
    if not exact.is_finite():
        raise _odd(row, name, expected="number")
    return exact


def instant(row: Row, name: str) -> datetime | None:
    """An instant in UTC."""
    found = text(row, name)
    if not found:
        return None
    try:
        return datetime.fromisoformat(found).astimezone(UTC)
    except ValueError:
        raise _odd(row, name, expected="date and time") from None


def when(row: Row, name: str) -> When | None:
    """A calendar date where the field holds a date, else an instant."""
    found = text(row, name)
    if not found or not _DATE.fullmatch(found):
        return instant(row, name)
    try:
        return date.fromisoformat(found)
    except ValueError:
        raise _odd(row, name, expected="date") from None


def day(row: Row, name: str, *, zone: ZoneInfo) -> date | None:
    """A calendar day of the organisation: a date as it is, an instant by the clock on its wall."""
    found = when(row, name)
    return found.astimezone(zone).date() if isinstance(found, datetime) else found


def _odd(row: Row, name: str, *, expected: str) -> Incomplete:
    return Incomplete(f"{_kind(row)} {row.get('Id')}: {name} is no {expected}; map another field or mend the record")


def _kind(row: Row) -> str:
    attributes = row.get("attributes")
    return str(attributes.get("type", "record")) if isinstance(attributes, Mapping) else "record"
