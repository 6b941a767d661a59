"""What is asked of each object, and what of it this user may read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from crm_audit.connectors.salesforce.kit import ANSWER
from crm_audit.connectors.salesforce.reading import Row


@dataclass(frozen=True, slots=True)
class Asked:
    """The fields of one object: without `needed` it tells us nothing, `wished` may be missing."""

    needed: tuple[str, ...]
    wished: tuple[str, ...] = ()


def _asked(needed: str, wished: str = "") -> Asked:
    return Asked(tuple(needed.split()), tuple(wished.split()))


STAMP = "SystemModstamp"

_ACTIVITY = "What.Name Subject Type CreatedDate CreatedById IsDeleted"

ANSWERED_DEAL, ANSWERED_DETAILS = "Verdict__r.Deal_Id__c", "Verdict__r.Details__c"
"""What an answer says of its deal and of what was shown there, by way of its verdict."""

OBJECTS: Mapping[str, Asked] = {
    "Organization": _asked("Id Name", "TimeZoneSidKey DefaultCurrencyIsoCode"),
    "User": _asked(f"Id Name {STAMP}", "IsActive"),
    "CurrencyType": _asked("Id IsoCode ConversionRate", "IsCorporate IsActive"),
    "DatedConversionRate": _asked(f"Id IsoCode ConversionRate StartDate {STAMP}"),
    "RecordType": _asked(f"Id BusinessProcessId {STAMP}", "SobjectType IsActive"),
    "BusinessProcess": _asked(f"Id Name {STAMP}"),
    "OpportunityStage": _asked(
        f"Id ApiName IsClosed IsWon {STAMP}", "MasterLabel SortOrder DefaultProbability ForecastCategoryName"
    ),
    "Account": _asked(f"Id Name {STAMP}", "IsDeleted MasterRecordId"),
    "Contact": _asked(
        f"Id Name {STAMP}", "Title Email IsDeleted MasterRecordId IsPersonAccount Account.MasterRecord.PersonContactId"
    ),
    "Opportunity": _asked(
        f"Id Name StageName {STAMP}",
        "RecordTypeId CreatedDate CurrencyIsoCode Probability ForecastCategoryName OwnerId IsDeleted",
    ),
    "OpportunityContactRole": _asked(f"Id OpportunityId ContactId {STAMP}", "Role CreatedDate IsDeleted"),
    "OpportunityHistory": _asked(
        "Id OpportunityId CreatedDate", "StageName Amount CloseDate PrevAmount PrevCloseDate CreatedById"
    ),
    "OpportunityFieldHistory": _asked("Id OpportunityId Field OldValue NewValue CreatedDate", "CreatedById"),
    "Event": _asked(
        f"Id StartDateTime WhoId WhatId {STAMP}",
        f"{_ACTIVITY} EndDateTime IsAllDayEvent ActivityDate IsChild IsRecurrence",
    ),
    "EventRelation": _asked(f"Id EventId RelationId Status {STAMP}", "IsDeleted"),
    "Task": _asked(
        f"Id IsClosed WhoId WhatId {STAMP}",
        f"{_ACTIVITY} TaskSubtype CallDisposition CompletedDateTime ActivityDate IsRecurrence",
    ),
    "TaskRelation": _asked(f"Id TaskId RelationId {STAMP}", "IsDeleted"),
    "EmailMessage": _asked(
        f"Id Incoming MessageDate RelatedToId {STAMP}",
        "Subject RelatedTo.Name FromAddress Headers Status HasAttachment ActivityId FirstOpenedDate "
        "CreatedDate CreatedById IsDeleted",
    ),
    "EmailMessageRelation": _asked(f"Id EmailMessageId RelationId RelationType {STAMP}", "IsDeleted"),
    "ContentDocumentLink": _asked("Id LinkedEntityId", "ContentDocument.Title IsDeleted"),
    "Quote": _asked(f"Id {STAMP}", "LastModifiedDate CreatedDate CreatedById CurrencyIsoCode IsDeleted"),
    "ContentDistribution": _asked(f"Id CreatedDate RelatedRecordId {STAMP}", "Name CreatedById IsDeleted"),
    "ContentDistributionView": _asked(f"Id DistributionId CreatedDate {STAMP}", "IsInternal IsDeleted"),
    ANSWER: _asked(
        f"Id Rule__c Answer__c CreatedDate {ANSWERED_DEAL} {STAMP}",
        f"{ANSWERED_DETAILS} Until__c Reason__c CreatedById IsDeleted",
    ),
}
"""Every object that is read. A quoting tool's object is asked what `Quote` is asked."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field as describe shows it."""

    type: str
    relationship: str | None = None
    points_at: tuple[str, ...] = ()


Describe = Callable[[str], Row | None]
"""Describes one object, None where it cannot be seen."""


@dataclass(slots=True)
class Schema:
    """The objects of one org as this user sees them; each is described once: together, or when first asked about.

    Describe leaves out what the user may not read, so selecting only what it lists keeps one hidden field from
    failing a whole query.
    """

    describe: Describe
    extra: Mapping[str, frozenset[str]] = field(default_factory=dict)  # object -> mapped fields
    _known: dict[str, Mapping[str, Field]] = field(default_factory=dict)

    def know(self, described: Mapping[str, Row | None]) -> None:
        """Take in objects that were described together."""
        self._known |= {name: _fields(row) for name, row in described.items()}

    def fields(self, name: str) -> Mapping[str, Field]:
        """The readable fields of an object; none where the object itself cannot be read."""
        if name not in self._known:
            self._known[name] = _fields(self.describe(name))
        return self._known[name]

    def reads(self, name: str, *wanted: str) -> bool:
        """Whether the object is readable with its needed fields, and with these."""
        needed = OBJECTS[name].needed if name in OBJECTS else ("Id",)
        return all(self._has(name, each) for each in (*needed, *wanted))

    def selected(self, name: str) -> tuple[str, ...]:
        """The fields to ask for: needed, wished and mapped, as far as they are readable."""
        asked = OBJECTS.get(name, OBJECTS["Quote"])
        wanted = (*asked.needed, *asked.wished, *sorted(self.extra.get(name, ())))
        return tuple(each for each in dict.fromkeys(wanted) if self._has(name, each))

    def _has(self, name: str, wanted: str) -> bool:
        relationship, dot, rest = wanted.partition(".")
        if not dot:
            return wanted in self.fields(name)
        link = next((each for each in self.fields(name).values() if each.relationship == relationship), None)
        if link is None:
            return False
        return len(link.points_at) != 1 or link.points_at[0] not in OBJECTS or self._has(link.points_at[0], rest)


def _fields(described: Row | None) -> Mapping[str, Field]:
    if described is None or described.get("queryable") is False:
        return {}
    listed = described.get("fields")
    rows: Iterable[object] = listed if isinstance(listed, list) else ()
    return {str(row["name"]): _field(row) for row in rows if isinstance(row, Mapping) and "name" in row}


def _field(row: Row) -> Field:
    points_at = row.get("referenceTo")
    relationship = row.get("relationshipName")
    return Field(
        type=str(row.get("type", "")),
        relationship=str(relationship) if relationship else None,
        points_at=tuple(str(each) for each in points_at) if isinstance(points_at, list) else (),
    )
