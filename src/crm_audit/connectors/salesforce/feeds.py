"""What is read: the objects, the streams that each of them feeds, and what has to lie beside its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from crm_audit.connectors.options import RECHECK
from crm_audit.connectors.salesforce import activities, answers, history, papers, records
from crm_audit.connectors.salesforce.activities import Around
from crm_audit.connectors.salesforce.org import Org
from crm_audit.connectors.salesforce.reading import Row, flag, required, text
from crm_audit.domain import Record

Rows = Sequence[Row]
Ids = Iterable[str]
Lookup = Callable[[str, Ids], Mapping[str, Sequence[Row]]]
"""Rows that were set aside, by the name of what lies beside and the keys asked for."""

LIVE = "IsDeleted = false"
QUOTE_PREFIX = "0Q0"


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of records out of an object's rows; `ids` are all those that one row may make.

    `of_deals`: the rows are deals, and each of them gives all that the stream has of it.
    """

    kind: str
    name: str
    records: Callable[[Org, Rows, Lookup], Iterable[Record]]
    ids: Callable[[Row], Ids] = lambda row: (required(row, "Id"),)
    of_deals: bool = False


@dataclass(frozen=True, slots=True)
class Beside:
    """Rows of another object, by their field `key`, which must be known before a row says all.

    `keys`: what of a row they are looked for by. `listed`: Salesforce gives them by lists of ids only. `tells`: a
    change of one of them alone changes what the row says. `keeps`: deleted ones count too: a quote that was thrown away
    was still about its deal.
    """

    object: str
    key: str
    keys: Callable[[Org, Rows], Ids]
    listed: bool = False
    tells: bool = False
    keeps: bool = False
    only: tuple[str, ...] = ()
    where: str = ""


@dataclass(frozen=True, slots=True)
class Feed:
    """One object, read once for all of its streams.

    `keeps`: deleted records stay, as such. `logged`: the org keeps a log of what was deleted for good. `grouped`: the
    field by which all rows of a deal are needed together. `open`: the rows of open deals are read every night.
    """

    object: str
    streams: tuple[Stream, ...]
    beside: tuple[Beside, ...] = ()
    keeps: bool = False
    logged: bool = False
    grouped: str = ""
    open: bool = False


def feeds(org: Org) -> list[Feed]:
    """Every feed that can tell something under this mapping."""
    quotes = org.options.quotes
    told = [*_standing(), *_history(org), *_activities(org)]
    if org.quotes_tell(quotes.object):
        told.append(Feed(quotes.object, (Stream("events", "events/Quote", _quotes),), logged=True))
    return [feed for feed in told if org.schema.reads(feed.object) and feed.streams]


def silent(org: Org) -> list[Stream]:
    """Streams that the settings turned off: whatever an earlier setting made of them is gone."""
    off = [] if org.terms.lookups else [LOOKUPS]
    if not any(name.startswith(RECHECK) for name in org.terms.fields):
        off.append(ASKED)
    return off if org.options.rechecks else [*off, TASKS_ASKED]


def _standing() -> list[Feed]:
    one = Stream
    return [
        Feed("User", (one("users", "users/User", lambda org, rows, _: map(records.user, rows)),)),
        Feed(
            "DatedConversionRate",
            (one("rates", "rates/DatedConversionRate", lambda org, rows, _: records.dated_rates(rows)),),
        ),
        Feed("Account", (one("companies", "companies/Account", _companies),), keeps=True, logged=True),
        Feed("Contact", (one("people", "people/Contact", _people),), keeps=True, logged=True),
        Feed(
            "OpportunityContactRole",
            (one("links", "links/OpportunityContactRole", _roles),),
            logged=True,
            open=True,
        ),
        Feed(
            answers.OBJECT, (one("answers", f"answers/{answers.OBJECT}", lambda org, rows, _: answers.answers(rows)),)
        ),
    ]


def _history(org: Org) -> list[Feed]:
    asked = any(name.startswith(RECHECK) for name in org.terms.fields)
    deals = (DEALS, *([LOOKUPS] if org.terms.lookups else []), *([ASKED] if asked else []))
    by_state, by_field = org.tracked
    told = [Feed("Opportunity", deals, logged=True)]
    if by_state:
        told.append(Feed("OpportunityHistory", (STATES,), grouped="OpportunityId"))
    if by_field:
        told.append(Feed("OpportunityFieldHistory", (EDITS,), grouped="OpportunityId"))
    return told


def _activities(org: Org) -> list[Feed]:
    invited = Beside("EventRelation", "EventId", lambda _, rows: _ids(rows), tells=True)
    shared = Beside("TaskRelation", "TaskId", _telling, tells=True)
    addressed = Beside("EmailMessageRelation", "EmailMessageId", lambda _, rows: _ids(rows), tells=True)
    mailed = Beside(
        "EmailMessage",
        "ActivityId",
        _logged,
        tells=True,
        only=("Id", "ActivityId", "SystemModstamp"),
        where="ActivityId != null",
    )
    attached = Beside("ContentDocumentLink", "LinkedEntityId", lambda _, rows: _carrying(rows), listed=True)
    delivered = Beside("ContentDistribution", "Id", lambda _, rows: [required(row, "DistributionId") for row in rows])
    tasks = (TASKS, *([TASKS_ASKED] if org.options.rechecks else []))
    told = [
        Feed("Event", (MEETINGS,), beside=(invited, *_quoted_in("WhatId", org)), logged=True),
        Feed("Task", tasks, beside=(shared, mailed, *_quoted_in("WhatId", org)), logged=True),
        Feed("EmailMessage", (MAIL,), beside=(addressed, attached, *_quoted_in("RelatedToId", org)), logged=True),
        Feed("ContentDistribution", (DELIVERIES,)),
        Feed("ContentDistributionView", (VIEWS,), beside=(delivered,)),
    ]
    return [feed for feed in told if org.quotes_tell(feed.object)]


def _quoted_in(field: str, org: Org) -> Iterator[Beside]:
    """The quotes that activities are about, where quotes say whose they are."""
    asked = org.options.quotes
    if org.schema.reads(asked.object, asked.deal):
        yield Beside(
            asked.object, "Id", lambda _, rows: _about_quotes(rows, field), keeps=True, only=("Id", asked.deal)
        )


def _companies(org: Org, rows: Rows, _: Lookup) -> Iterable[Record]:
    return (records.company(row, org.terms) for row in rows)


def _people(org: Org, rows: Rows, _: Lookup) -> Iterable[Record]:
    return (records.person(row, org.terms) for row in rows)


def _roles(org: Org, rows: Rows, _: Lookup) -> Iterable[Record]:
    return (records.role(row, org.terms) for row in rows)


def _meetings(org: Org, rows: Rows, lookup: Lookup) -> Iterable[Record]:
    around = Around(lookup("EventRelation", _ids(rows)), _quoted(org, rows, "WhatId", lookup))
    return activities.meetings(rows, around, terms=org.terms)


def _tasks(org: Org, rows: Rows, lookup: Lookup) -> Iterable[Record]:
    around = Around(
        relations=lookup("TaskRelation", _ids(rows)),
        quoted=_quoted(org, rows, "WhatId", lookup),
        mailed=lookup("EmailMessage", _logged(org, rows)),
    )
    return activities.tasks(rows, around, terms=org.terms)


def _mail(org: Org, rows: Rows, lookup: Lookup) -> Iterable[Record]:
    files = lookup("ContentDocumentLink", _carrying(rows))
    around = Around(
        relations=lookup("EmailMessageRelation", _ids(rows)),
        quoted=_quoted(org, rows, "RelatedToId", lookup),
        attached={name: [text(row, "ContentDocument.Title") or "" for row in found] for name, found in files.items()},
    )
    return papers.mail(rows, around, terms=org.terms)


def _quotes(org: Org, rows: Rows, _: Lookup) -> Iterable[Record]:
    return papers.quotes(rows, org.terms)


def _views(org: Org, rows: Rows, lookup: Lookup) -> Iterable[Record]:
    delivered = lookup("ContentDistribution", [required(row, "DistributionId") for row in rows])
    return papers.views(rows, delivered, terms=org.terms)


def _states(org: Org, rows: Rows, _: Lookup) -> Iterable[Record]:
    return history.changes_of_states(rows, org.tracked[0], terms=org.terms)


def _edits(org: Org, rows: Rows, _: Lookup) -> Iterable[Record]:
    return history.changes_of_fields(rows, org.tracked[1], terms=org.terms)


def _telling(org: Org, rows: Rows) -> list[str]:
    return [required(row, "Id") for row in rows if activities.task_kind(row, org.terms)]


def _logged(org: Org, rows: Rows) -> list[str]:
    """Tasks in which mail was logged: an EmailMessage may tell of the same mail."""
    return [required(row, "Id") for row in rows if activities.task_kind(row, org.terms) in activities.LOGGED]


def _carrying(rows: Rows) -> list[str]:
    return [required(row, "Id") for row in rows if flag(row, "HasAttachment")]


def _about_quotes(rows: Rows, field: str) -> list[str]:
    return [what for row in rows if (what := text(row, field)) and what[:3] == QUOTE_PREFIX]


def _quoted(org: Org, rows: Rows, field: str, lookup: Lookup) -> dict[str, str]:
    """The deals of the quotes that these rows are about."""
    asked = org.options.quotes
    found = lookup(asked.object, _about_quotes(rows, field))
    return {quote: deal for quote, (row, *_) in found.items() if (deal := text(row, asked.deal))}


def _ids(rows: Rows) -> list[str]:
    return [required(row, "Id") for row in rows]


DEALS = Stream("deals", "deals/Opportunity", lambda org, rows, _: (records.deal(row, org.terms) for row in rows))
LOOKUPS = Stream(
    "links",
    "links/Opportunity",
    lambda org, rows, _: (link for row in rows for link in records.looked_up(row, org.terms)),
    of_deals=True,
)
ASKED = Stream(
    "rechecks",
    "rechecks/Opportunity",
    lambda org, rows, _: (found for row in rows for found in history.asked_on(row, org.terms)),
    of_deals=True,
)
STATES = Stream("history", "history/OpportunityHistory", _states)
EDITS = Stream("history", "history/OpportunityFieldHistory", _edits)
MEETINGS = Stream("events", "events/Event", _meetings)
TASKS = Stream("events", "events/Task", _tasks)
TASKS_ASKED = Stream("rechecks", "rechecks/Task", lambda org, rows, _: history.asked_in_tasks(rows, org.terms))
MAIL = Stream(
    "events", "events/EmailMessage", _mail, ids=lambda row: (required(row, "Id"), f"{required(row, 'Id')}:open")
)
DELIVERIES = Stream("events", "events/ContentDistribution", lambda org, rows, _: papers.deliveries(rows, org.terms))
VIEWS = Stream("events", "events/ContentDistributionView", _views)
