"""What comes in for a field, from JSON or from Python, as it is stored; or Salesforce's refusal of it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from crm_audit.emulator.soql.ids import full_id
from crm_audit.emulator.soql.refusal import Refusal
from crm_audit.emulator.soql.schema import IDS, NUMBERS, Field, Value
from crm_audit.emulator.soql.wire import wire


def stored(field: Field, value: object) -> Value:
    """The value as kept: text trimmed and never empty, numbers at the field's scale, instants at the second."""
    if value is None or value == "":
        return field.default if field.type == "boolean" else None
    if field.type in IDS:
        return _id(field, value)
    if field.type in NUMBERS:
        return _number(field, value)
    if field.type == "boolean":
        return _boolean(field, value)
    if field.type == "date":
        return _date(field, value)
    if field.type == "datetime":
        return _instant(field, value)
    if field.type == "anyType" and isinstance(value, (bool, Decimal, date)):
        return value
    return _text(field, value)


def converted(field: Field, value: Value) -> Value:
    """A value of another type as this field would keep it, or None."""
    text = value if field.type == "boolean" or value is None else str(wire(value))
    try:
        return stored(field, text)
    except Refusal:
        return None


def _wrong(field: Field, value: object) -> Refusal:
    shown = "VALUE_STRING" if isinstance(value, str) else "VALUE"
    message = (
        f"Cannot deserialize instance of {field.type} from {shown} value {value} or request may be missing a required "
        f"field at [{field.name}]"
    )
    return Refusal("JSON_PARSER_ERROR", message)


def _id(field: Field, value: object) -> str:
    record = full_id(value) if isinstance(value, str) else None
    if record is None:
        raise Refusal("MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", fields=(field.name,))
    return record


def _number(field: Field, value: object) -> Value:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, str)):
        raise _wrong(field, value)
    try:
        number = Decimal(str(value)).quantize(Decimal(1).scaleb(-field.scale), ROUND_HALF_UP)
    except InvalidOperation:
        raise _wrong(field, value) from None
    if field.type == "int":
        return int(number)
    if abs(number) >= Decimal(10) ** (field.precision - field.scale):
        message = f"{field.label}: value outside of valid range on numeric field: {value}"
        raise Refusal("NUMBER_OUTSIDE_VALID_RANGE", message, fields=(field.name,))
    return number


def _boolean(field: Field, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong(field, value)
    return value


def _date(field: Field, value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise _wrong(field, value) from None


def _instant(field: Field, value: object) -> datetime:
    try:
        instant = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise _wrong(field, value) from None
    if instant.tzinfo is None:
        raise _wrong(field, value)
    return instant.astimezone(UTC).replace(microsecond=0)


def _text(field: Field, value: object) -> Value:
    if not isinstance(value, str):
        raise _wrong(field, value)
    text = value.strip()
    if field.length and len(text) > field.length:
        message = f"{field.label}: data value too large: {text[:80]} (max length={field.length})"
        raise Refusal("STRING_TOO_LONG", message, fields=(field.name,))
    return text or None
