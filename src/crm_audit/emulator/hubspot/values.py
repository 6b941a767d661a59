"""Property values: everything is text on the wire, empty is null, and dates are ISO instants ending in Z."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation

LONGEST = 65_536
"""Characters that a text property holds."""


FIELD_TYPES = {
    "string": "text", "number": "number", "date": "date", "datetime": "date", "bool": "booleancheckbox",
    "enumeration": "select",
}  # fmt: skip
"""Kinds of property, each with the field type that goes with it unless another is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """A property's definition; `kind` is HubSpot's `type`, `field_type` how the form shows it."""

    name: str
    kind: str
    field_type: str
    group: str
    label: str = ""
    options: tuple[str, ...] = ()
    read_only: bool = False
    ours: bool = True  # False: defined by HubSpot
    archived: bool = False


class BadValue(ValueError):
    """A value its property cannot hold; `code` is HubSpot's word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def iso(at: datetime) -> str:
    """An instant as HubSpot writes it: milliseconds, and none where they are zero."""
    utc = at.astimezone(UTC)
    text = utc.isoformat(timespec="milliseconds" if utc.microsecond >= 1000 else "seconds")
    return text.replace("+00:00", "Z")


def instant(text: str) -> datetime:
    """An instant from ISO text, a calendar date (midnight UTC) or epoch milliseconds; raises ValueError."""
    if text.lstrip("-").isdigit():
        seconds, milliseconds = divmod(int(text), 1000)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=milliseconds * 1000)
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def text_of(value: object) -> str:
    """A Python value as it would be sent; None is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return iso(value)
    if isinstance(value, date):
        return iso(datetime.combine(value, time(), UTC))
    if isinstance(value, (str, int, Decimal)):
        return str(value)
    raise TypeError(f"{value!r} is no property value: give text, a number, a date or an aware instant")


def stored(definition: Property, text: str, before: str | None = None) -> str | None:
    """The text as the property keeps it, None where it is empty; raises BadValue."""
    if text == "":
        return None
    if definition.kind in ("date", "datetime"):
        return iso(_moment(definition, text))
    if definition.kind == "number":
        return _number(text)
    if definition.kind == "bool" or definition.options:
        return _chosen(definition, text, before)
    if len(text) > LONGEST:
        raise BadValue("VALUE_TOO_LONG", f"The value is {len(text)} characters long; {LONGEST} is the limit.")
    return text


def _moment(definition: Property, text: str) -> datetime:
    try:
        at = instant(text)
    except (ValueError, OverflowError, OSError):
        raise BadValue("INVALID_LONG", f"{text} was not a valid long.") from None
    if definition.kind == "date" and at.time() != time():
        raise BadValue("INVALID_DATE", f"{text} is at {at.time()} UTC, not midnight!")
    return at


def _number(text: str) -> str:
    try:
        finite = Decimal(text).is_finite()
    except InvalidOperation:
        finite = False
    if not finite:
        raise BadValue("INVALID_DOUBLE", f"{text} was not a valid number.")
    return text


def _chosen(definition: Property, text: str, before: str | None) -> str:
    options = definition.options or ("true", "false")
    several = definition.field_type == "checkbox"
    chosen = [part for part in text.split(";") if part] if several else [text]
    for value in chosen:
        if value not in options:
            raise BadValue("INVALID_OPTION", f"{value} was not one of the allowed options: [{', '.join(options)}]")
    kept = (before or "").split(";") if several and text.startswith(";") else []  # a leading semicolon appends
    return ";".join(dict.fromkeys(value for value in [*kept, *chosen] if value))
