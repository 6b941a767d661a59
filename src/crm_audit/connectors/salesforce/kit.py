"""Whether the kit is deployed in an org, and what of it is missing, from what the org says of its objects. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from crm_audit.connectors.salesforce import own
from crm_audit.connectors.salesforce.reading import Row

ANSWER = "CRM_Audit_Answer__c"


@dataclass(frozen=True, slots=True)
class Needs:
    """What the integration user needs of one object: fields to read, fields to write, whether to make rows."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    makes: bool = False


_VERDICT = tuple(name.partition(".")[0].replace("__r", "__c") for name in own.PLACES[own.VERDICT])

KIT: Mapping[str, Needs] = {
    own.CONNECTION: Needs(
        reads=("Gate_Opens_After_Hours__c",), writes=(own.CONNECTION_KEY, own.HEARTBEAT), makes=True
    ),
    own.VERDICT: Needs(writes=_VERDICT, makes=True),
    ANSWER: Needs(reads=("Verdict__c", "Rule__c", "Answer__c", "Until__c", "Reason__c")),
    own.DEAL: Needs(
        reads=(
            "CRM_Audit_Status__c", "CRM_Audit_Supported_Stage__c", "CRM_Audit_Stage_Gap__c",
            "CRM_Audit_Top_Finding__c", "CRM_Audit_Next_Step__c", "CRM_Audit_Reason__c",
        ),
        writes=(own.LOOKUP,),
    ),
}  # fmt: skip
"""What connectors/salesforce installs, as far as a describe can tell."""


def missing(described: Mapping[str, Row | None]) -> list[str]:
    """One line per object, field or right that is not there; none where the kit is whole."""
    return [line for name, needs in KIT.items() for line in _of_object(name, needs, described.get(name))]


def _of_object(name: str, needs: Needs, row: Row | None) -> Iterator[str]:
    if row is None:
        yield f"{name}: the object is not there, or the user may not read it"
        return
    fields = _fields(row)
    if needs.makes and not (row.get("createable") and row.get("updateable")):
        yield f"{name}: the user may not create and edit records"
    elif needs.writes and not row.get("updateable"):
        yield f"{name}: the user may not edit records"
    for field in (*needs.reads, *needs.writes):
        if field not in fields:
            yield f"{name}.{field}: the field is not there, or the user may not read it"
        elif field in needs.writes and not fields[field].get("updateable"):
            yield f"{name}.{field}: the user may not edit it"
    if name == own.VERDICT and own.KEY in fields and not fields[own.KEY].get("externalId"):
        yield f"{name}.{own.KEY}: it is no external id, so records cannot be matched by it"


def _fields(row: Row) -> dict[str, Row]:
    listed = row.get("fields")
    rows = listed if isinstance(listed, list) else ()
    return {str(each["name"]): each for each in rows if isinstance(each, Mapping) and "name" in each}
