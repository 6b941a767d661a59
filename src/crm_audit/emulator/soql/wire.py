"""How a stored value looks in Salesforce's JSON."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from crm_audit.emulator.soql.schema import Value

Json = str | bool | int | float | None


def wire(value: Value) -> Json:
    """Instants end in `.000+0000`, numbers are doubles, everything else is itself."""
    if isinstance(value, datetime):
        return f"{value.isoformat()[:19]}.000+0000"  # much faster than strftime
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value
