"""HubSpot's values, all of them text, as the values they stand for. Empty text is nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from crm_audit.connectors.hubspot.names import CONTACT

if TYPE_CHECKING:  # the gateway reads values too
    from crm_audit.connectors.hubspot.gateway import Json


def text(record: Json, name: str | None) -> str | None:
    """A property as text; None where it is empty, absent or not mapped."""
    value = (record.get("properties") or {}).get(name) if name else None
    return str(value) if value not in (None, "") else None


def instant(value: str | None) -> datetime | None:
    """An ISO date, an ISO instant or epoch milliseconds as an instant in UTC; None for anything else."""
    if not value:
        return None
    try:
        if value.lstrip("-").isdigit():
            return datetime.fromtimestamp(int(value) / 1000, UTC)
        stamp = datetime.fromisoformat(value)
    except (ValueError, OverflowError, OSError):
        return None
    return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)


def day(value: str | None, zone: ZoneInfo) -> date | None:
    """The calendar day: exactly midnight UTC is that date, anything else the local day (qualification 3.3)."""
    stamp = instant(value)
    if stamp is None:
        return None
    return stamp.date() if stamp.timetz() == time(tzinfo=UTC) else stamp.astimezone(zone).date()


def number(value: object) -> Decimal | None:
    """An exact decimal; None for nothing and for what is not a finite number."""
    if value in (None, ""):
        return None
    try:
        exact = Decimal(str(value))
    except InvalidOperation:
        return None
    return exact if exact.is_finite() else None


def choices(value: str | None) -> tuple[str, ...]:
    """The ticked options of a multi-select property, or the addresses of a list of recipients."""
    return tuple(part.strip() for part in (value or "").split(";") if part.strip())


def merged_ids(record: Json) -> tuple[str, ...]:
    """The ids that this record swallowed. `hs_calculated_merged_vids` writes each as `id:timestamp`."""
    listed = (*choices(text(record, CONTACT["merged"])), *choices(text(record, CONTACT["merged_vids"])))
    ids = dict.fromkeys(one.partition(":")[0] for one in listed)
    return tuple(one for one in ids if one != str(record["id"]))
