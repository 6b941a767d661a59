"""What Salesforce fills in by itself when a record is created or changed. Pure: rows in, rows out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from crm_audit.emulator.salesforce.records import changed
from crm_audit.emulator.soql.schema import Row, Value

Fields = dict[str, Value]

FORECAST = {"BestCase": "Best Case", "Forecast": "Commit"}
"""ForecastCategory where it differs from ForecastCategoryName."""
MIRRORED = {
    "FirstName": "FirstName",
    "LastName": "LastName",
    "PersonEmail": "Email",
    "PersonTitle": "Title",
    "Phone": "Phone",
}
"""Fields of a person account and those of its contact."""
DATA_TYPES = {"Amount": "Currency", "CloseDate": "DateOnly", "Probability": "Percent", "StageName": "DynamicEnum"}
"""OpportunityFieldHistory.DataType where it is not Text."""


def derived(entity: str, before: Row | None, *, after: Fields, given: Iterable[str], stages: Iterable[Row]) -> Fields:
    """The row with what follows from its fields; `given` are the fields that the caller set."""
    match entity:
        case "Opportunity":
            return _deal(before, after, given=set(given), stages={row.get("ApiName"): row for row in stages})
        case "Task":
            return _task(before, after, given=set(given))
        case "Event":
            return _event(after, set(given))
        case "Contact" | "User":
            return after | {"Name": _name(after)}
        case "Account" if after.get("LastName"):
            return after | {"Name": _name(after), "IsPersonAccount": True}
    return after


def _name(row: Row) -> str:
    return " ".join(str(row[part]) for part in ("FirstName", "LastName") if row.get(part))


def shadow(account: Row) -> dict[str, object]:
    """The contact behind a person account."""
    mirrored = {theirs: account.get(own) for own, theirs in MIRRORED.items()}
    return {"AccountId": account["Id"], "IsPersonAccount": True, **mirrored}


def _deal(before: Row | None, after: Fields, *, given: set[str], stages: Mapping[Value, Row]) -> Fields:
    """The stage sets probability and forecast category, unless they are given with it."""
    row = dict(after)
    stage = stages.get(row.get("StageName"), {})
    moved = before is None or before.get("StageName") != row.get("StageName")
    if moved and "Probability" not in given:
        row["Probability"] = stage.get("DefaultProbability")
    if "ForecastCategoryName" in given:
        name = row.get("ForecastCategoryName")
        row["ForecastCategory"] = next((key for key, label in FORECAST.items() if label == name), name)
    elif moved:
        row["ForecastCategory"] = stage.get("ForecastCategory")
        row["ForecastCategoryName"] = stage.get("ForecastCategoryName")
    row["IsClosed"], row["IsWon"] = bool(stage.get("IsClosed")), bool(stage.get("IsWon"))
    amount, probability = row.get("Amount"), row.get("Probability")
    if isinstance(amount, Decimal) and isinstance(probability, Decimal):
        row["ExpectedRevenue"] = (amount * probability / 100).quantize(Decimal("0.01"))
    else:
        row["ExpectedRevenue"] = None
    if moved and before is not None and "LastStageChangeDate" not in given:
        row["LastStageChangeDate"] = row["LastModifiedDate"]
    return row


def _task(before: Row | None, after: Fields, *, given: set[str]) -> Fields:
    closed = after.get("Status") == "Completed"
    row: Fields = {"Status": "Not Started", "Priority": "Normal", "TaskSubtype": "Task", **after, "IsClosed": closed}
    if "CompletedDateTime" not in given and closed != bool((before or {}).get("IsClosed")):
        row["CompletedDateTime"] = row["LastModifiedDate"] if closed else None
    return row


def _event(after: Fields, given: set[str]) -> Fields:
    row: Fields = {"EventSubtype": "Event", "ShowAs": "Busy", **after}
    start = row.get("StartDateTime") or row.get("ActivityDateTime")
    if not isinstance(start, datetime):
        return row
    row["StartDateTime"] = row["ActivityDateTime"] = start
    row["ActivityDate"] = row.get("ActivityDate") or start.date()
    minutes, end = row.get("DurationInMinutes"), row.get("EndDateTime")
    if isinstance(end, datetime) and "DurationInMinutes" not in given:
        row["DurationInMinutes"] = int((end - start) / timedelta(minutes=1))
    elif isinstance(minutes, int):
        row["EndDateTime"] = start + timedelta(minutes=minutes)
    return row


def histories(before: Row | None, after: Row, *, tracked: Iterable[str]) -> Iterator[tuple[str, Fields]]:
    """The history rows that a change of an Opportunity leaves: the state after it, and each tracked field."""
    made: Fields = {
        "OpportunityId": after["Id"],
        "CreatedDate": after["LastModifiedDate"],
        "CreatedById": after["LastModifiedById"],
    }
    if before is None or changed(before, after, "StageName", "Amount", "CloseDate", "Probability", "ForecastCategory"):
        copied = ("StageName", "Amount", "ExpectedRevenue", "CloseDate", "Probability", "ForecastCategory")
        state: Fields = {name: after.get(name) for name in (*copied, "CurrencyIsoCode")}
        previous: Fields = (
            {"PrevAmount": before.get("Amount"), "PrevCloseDate": before.get("CloseDate")} if before else {}
        )
        yield "OpportunityHistory", made | state | previous
    if before is None:
        yield "OpportunityFieldHistory", made | {"Field": "created", "DataType": "Text"}
        return
    for name in tracked:
        if changed(before, after, name):
            change: Fields = {"Field": name, "DataType": DATA_TYPES.get(name, "Text")}
            yield "OpportunityFieldHistory", made | change | {"OldValue": before.get(name), "NewValue": after.get(name)}
