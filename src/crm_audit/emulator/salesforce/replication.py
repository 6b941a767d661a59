"""What changed and what is gone in a stretch of time: sobjects/X/updated and sobjects/X/deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from crm_audit.emulator.salesforce.state import Call
from crm_audit.emulator.salesforce.writing import LOG
from crm_audit.emulator.server import Response
from crm_audit.emulator.soql.order import Span
from crm_audit.emulator.soql.refusal import Refusal
from crm_audit.emulator.soql.wire import wire

UPDATED, DELETED = timedelta(days=30), timedelta(days=15)
"""How far back each of them looks."""
SHORTEST = timedelta(minutes=1)


def updated(call: Call) -> Response:
    """GET sobjects/X/updated?start=&end=: by SystemModstamp, without what is deleted."""
    entity, span = call.entity(), _span(call, UPDATED)
    if "SystemModstamp" not in entity.fields:
        raise Refusal("INVALID_TYPE_FOR_OPERATION", f"getUpdated is not supported for {entity.name}")
    order = call.state.records.order(entity.name, "SystemModstamp")
    begin, end = order.place(span)
    ids = [row["Id"] for row in order.rows()[begin:end] if not row.get("IsDeleted")]
    _counted(call, len(ids))
    return Response(200, {"ids": ids, "latestDateCovered": wire(_covered(call, span))})


def deleted(call: Call) -> Response:
    """GET sobjects/X/deleted?start=&end=: also what never was in the recycle bin, or is no longer there."""
    entity, span = call.entity(), _span(call, DELETED)
    order = call.state.records.order(LOG.name, "DeletedDate")
    begin, end = order.place(span)
    records = [
        {"id": row["Id"], "deletedDate": wire(row["DeletedDate"])}
        for row in order.rows()[begin:end]
        if row["Object"] == entity.name
    ]
    _counted(call, len(records))
    body = {"earliestDateAvailable": wire(_minute(max(call.state.forgotten, call.state.clock.now() - DELETED)))}
    return Response(200, {"deletedRecords": records, **body, "latestDateCovered": wire(_covered(call, span))})


def _counted(call: Call, count: int) -> None:
    if count > call.state.ledger.ids:
        raise Refusal("EXCEEDED_ID_LIMIT", f"More than {call.state.ledger.ids} ids: ask for a shorter time")


def _span(call: Call, longest: timedelta) -> Span:
    """From start to end, which is not included; seconds do not count. Raises Refusal."""
    start, end = _instant(call, "start"), _instant(call, "end")
    now = call.state.clock.now()
    if end - start < SHORTEST:
        raise Refusal("INVALID_REPLICATION_DATE", "endDate must be at least one minute greater than startDate")
    if start < _minute(now - longest):
        message = f"startDate before the last {longest.days} days"
        raise Refusal("INVALID_REPLICATION_DATE", message)
    if start > now:
        raise Refusal("INVALID_REPLICATION_DATE", "startDate is in the future")
    return Span(start, end, open_high=True)


def _covered(call: Call, span: Span) -> datetime:
    """No further than now, nor than the beginning of a transaction that is still to be committed."""
    state = call.state
    open_since = [late.began for late in state.late]
    return _minute(min(span.high, state.clock.now(), *open_since))


def _instant(call: Call, name: str) -> datetime:
    text = call.request.first(name)
    if text is None:
        raise Refusal("MISSING_ARGUMENT", f"The required {name} parameter is missing")
    try:
        given = datetime.fromisoformat(text.replace(" ", "+"))  # an offset whose plus sign was not encoded
    except ValueError:
        raise Refusal("MALFORMED_QUERY", f"{name}: '{text}' is not a valid date and time") from None
    return _minute(given.replace(tzinfo=given.tzinfo or UTC).astimezone(UTC))


def _minute(instant: datetime) -> datetime:
    return instant.replace(second=0, microsecond=0)
