"""Which objects each kind of record is read from, in order, and how their rows become records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from crm_audit.connectors.options import RECHECK
from crm_audit.connectors.salesforce import activities, history, papers, records
from crm_audit.connectors.salesforce.activities import Around
from crm_audit.connectors.salesforce.options import Options
from crm_audit.connectors.salesforce.org import Org
from crm_audit.connectors.salesforce.reading import Row, flag, required, text
from crm_audit.connectors.salesforce.terms import NO_PROCESS
from crm_audit.domain import Record

Rows = Sequence[Row]
LIVE = "IsDeleted = false"


@dataclass(frozen=True, slots=True)
class Source:
    """One object, read in the order of its ids; `everything` adds deleted and archived rows."""

    object: str
    records: Callable[[Org, Rows], Iterable[Record]]
    where: str = ""
    everything: bool = False


def sources(kind: str, options: Options) -> tuple[Source, ...]:
    """The sources of a kind of record (a key of `domain.KINDS`)."""
    if kind != "events":
        return STANDING[kind]
    return (
        Source("Event", _meetings, LIVE, everything=True),
        Source("Task", _tasks, LIVE, everything=True),
        Source("EmailMessage", _mail, LIVE, everything=True),
        Source(options.quotes.object, lambda org, rows: papers.quotes(rows, org.terms)),
        Source("ContentDistribution", lambda org, rows: papers.deliveries(rows, org.terms)),
        Source("ContentDistributionView", _views),
    )


def _stages(org: Org, rows: Rows) -> Iterable[Record]:
    return records.stages(rows, sorted({NO_PROCESS, *org.terms.pipelines.values()}))


def _lookups(org: Org, rows: Rows) -> Iterable[Record]:
    return (link for row in rows for link in records.looked_up(row, org.terms))


def _meetings(org: Org, rows: Rows) -> Iterable[Record]:
    relations = org.children("EventRelation", "EventId", ids=_ids(rows))
    return activities.meetings(rows, Around(relations, _quoted(org, rows, field="WhatId")), terms=org.terms)


def _tasks(org: Org, rows: Rows) -> Iterable[Record]:
    telling = [row for row in rows if activities.task_kind(row, org.terms)]
    logged = [row for row in telling if activities.task_kind(row, org.terms) in activities.LOGGED]
    around = Around(
        relations=org.children("TaskRelation", "TaskId", ids=_ids(telling)),
        quoted=_quoted(org, telling, field="WhatId"),
        mailed=org.children("EmailMessage", "ActivityId", ids=_ids(logged), only=("Id", "ActivityId")),
    )
    return activities.tasks(telling, around, terms=org.terms)


def _mail(org: Org, rows: Rows) -> Iterable[Record]:
    carrying = [row for row in rows if flag(row, "HasAttachment")]
    files = org.children("ContentDocumentLink", "LinkedEntityId", ids=_ids(carrying))
    around = Around(
        relations=org.children("EmailMessageRelation", "EmailMessageId", ids=_ids(rows)),
        quoted=_quoted(org, rows, field="RelatedToId"),
        attached={name: [text(row, "ContentDocument.Title") or "" for row in found] for name, found in files.items()},
    )
    return papers.mail(rows, around, terms=org.terms)


def _views(org: Org, rows: Rows) -> Iterable[Record]:
    ids = [required(row, "DistributionId") for row in rows]
    return papers.views(rows, org.children("ContentDistribution", "Id", ids=ids), terms=org.terms)


def _asked_on(org: Org, rows: Rows) -> Iterable[Record]:
    return (found for row in rows for found in history.asked_on(row, org.terms))


def _changes(org: Org, rows: Rows) -> Iterable[Record]:
    by_state, by_field = tracked(org)
    states = org.children("OpportunityHistory", "OpportunityId", ids=_ids(rows)) if by_state else {}
    edits = org.children("OpportunityFieldHistory", "OpportunityId", ids=_ids(rows)) if by_field else {}
    for deal in _ids(rows):
        yield from history.changes_of_states(states.get(deal, ()), by_state, terms=org.terms)
        yield from history.changes_of_fields(edits.get(deal, ()), by_field, terms=org.terms)


def tracked(org: Org) -> tuple[tuple[str, ...], dict[str, str]]:
    """Our fields whose changes OpportunityHistory tells, and the others with their own field, for the tracked edits.

    OpportunityHistory knows standard fields only; another field mapped as the amount leaves its own edits.
    """
    by_state = []
    by_field = {}
    for name, (field, _) in history.STATES.items():
        mapped = org.mapped[name][1] if name in org.mapped else field
        if mapped == field and org.schema.reads("OpportunityHistory", field):
            by_state.append(name)
        elif org.schema.reads("OpportunityFieldHistory"):
            by_field[mapped] = name
    return tuple(by_state), by_field


def _quoted(org: Org, rows: Rows, *, field: str) -> dict[str, str]:
    """The deals of the quotes that these rows are about."""
    asked = org.options.quotes
    about = [what for row in rows if (what := text(row, field)) and what[:3] == QUOTE_PREFIX]
    found = org.children(asked.object, "Id", ids=about) if about else {}
    return {quote: deal for quote, (row, *_) in found.items() if (deal := text(row, asked.deal))}


def _ids(rows: Rows) -> list[str]:
    return [required(row, "Id") for row in rows]


QUOTE_PREFIX = "0Q0"

STANDING: dict[str, tuple[Source, ...]] = {
    "stages": (Source("OpportunityStage", _stages),),
    "users": (Source("User", lambda _, rows: map(records.user, rows)),),
    "rates": (Source("CurrencyType", lambda _, rows: records.rates(rows)),),
    "companies": (
        Source("Account", lambda org, rows: (records.company(row, org.terms) for row in rows), everything=True),
    ),
    "people": (Source("Contact", lambda org, rows: (records.person(row, org.terms) for row in rows), everything=True),),
    "deals": (Source("Opportunity", lambda org, rows: (records.deal(row, org.terms) for row in rows)),),
    "links": (
        Source("OpportunityContactRole", lambda org, rows: (records.role(row, org.terms) for row in rows)),
        Source("Opportunity", _lookups),
    ),
    "rechecks": (
        Source("Opportunity", _asked_on),
        Source("Task", lambda org, rows: history.asked_in_tasks(rows, org.terms), LIVE, everything=True),
    ),
    "history": (Source("Opportunity", _changes),),
}
"""Everything but events. What is not mapped is not asked for: see `idle`."""


def idle(kind: str, source: Source, *, org: Org) -> bool:
    """Whether a source can tell nothing under this mapping, so that reading it would only cost calls."""
    if not org.schema.reads(source.object) or (kind == "events" and not org.quotes_tell(source.object)):
        return True
    if kind == "links" and source.object == "Opportunity":
        return not org.terms.lookups
    if kind == "rechecks" and source.object == "Opportunity":
        return not any(name.startswith(RECHECK) for name in org.terms.fields)
    return kind == "rechecks" and not org.options.rechecks
