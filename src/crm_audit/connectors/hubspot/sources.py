"""Which of HubSpot's objects are read, and what of each: only what can tell something under these settings. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from crm_audit.config import Connection
from crm_audit.connectors.hubspot.gateway import Json, Query
from crm_audit.connectors.hubspot.names import (
    ACTIVITY,
    ANSWER,
    ANSWER_REASON,
    ANSWER_UNTIL,
    COMPANY,
    CONTACT,
    DEAL,
    HISTORY,
    INCOMING,
    MERGED,
    MORE,
    OUTGOING,
    OWN,
    QUOTE_STATUS,
    TASK_DONE,
    TITLES,
)
from crm_audit.connectors.hubspot.options import FIELDS, ON_COMPANIES, ON_CONTACTS, ON_DEALS, Options
from crm_audit.connectors.options import RECHECK

KEPT_DELETED = ("contacts", "companies")
"""Objects whose archived records are told as deleted ones; of the others they are gone."""
VITAL: Mapping[str, tuple[str, ...]] = {"deals": ("dealstage", "amount", "closedate")}
MOST_VALUES = 50
"""Values that one filter is given; HubSpot takes 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One HubSpot object as it is read."""

    kind: str
    properties: tuple[str, ...]
    history: tuple[str, ...] = ()  # properties of which the past is read, too
    associations: tuple[str, ...] = ()  # what is told inline where records are listed
    filters: tuple[Json, ...] = ()  # a whole pass leaves out what tells nothing; an increment must see it go
    vital: tuple[str, ...] = ()  # properties that all records at once can hardly lack

    def query(self) -> Query:
        """The records as they are listed or read by id."""
        return Query(kind=self.kind, properties=self.properties, history=self.history, associations=self.associations)

    def found(self) -> Query:
        """The records as a search gives them, without their past; by id alone where they are read again anyway."""
        return Query(kind=self.kind, properties=() if self.history else self.properties)

    def binned(self) -> Query:
        """The archived records: their names where the record stays known as deleted, else the ids they bore."""
        named = self.properties if self.kind in KEPT_DELETED else (MERGED,) if self.kind == "deals" else ()
        return Query(kind=self.kind, properties=named, archived=True)


def sources(connection: Connection, fields: Mapping[str, str], options: Options) -> dict[str, Source]:
    """Everything that is read under these settings, by HubSpot's name of the object."""
    kinds = [kind for kind in MORE if kind != "notes" or options.attestations]
    found = [_companies(fields), _contacts(fields), _deals(fields, inline=("companies", *kinds))]
    found += [_activities(kind, fields, options) for kind in kinds]
    return {one.kind: _with_vital(one, connection) for one in found}


def answered(found: Mapping[str, Source], has: Collection[str]) -> dict[str, Source]:
    """The same, with what reps answer and what was shown to them, where deals have the property for it."""
    if ANSWER not in has:
        return dict(found)
    deals = found["deals"]
    more = (name for name in (ANSWER, ANSWER_UNTIL, ANSWER_REASON, OWN["top_finding"], OWN["details"]) if name in has)
    history = _once(*deals.history, ANSWER, OWN["top_finding"])
    return {**found, "deals": replace(deals, properties=_once(*deals.properties, *more), history=history)}


def _with_vital(source: Source, connection: Connection) -> Source:
    singular = {"deals": "deal", "companies": "company", "contacts": "contact"}.get(source.kind)
    mapped = [
        name
        for ours, name in connection.fields.items()
        if FIELDS.get(ours, "deal" if ours.startswith(RECHECK) else None) == singular
    ]
    own = VITAL.get(source.kind) or MORE.get(source.kind, ())[:1]
    vital = tuple(name for name in dict.fromkeys((*own, *mapped)) if name in source.properties)
    return replace(source, vital=vital)


def _companies(fields: Mapping[str, str]) -> Source:
    mapped = tuple(fields[name] for name in ON_COMPANIES if name in fields)
    scored = tuple(fields[name] for name in ("fit_tier", "fit_score") if name in fields)
    return Source(
        kind="companies",
        properties=_once(*COMPANY.values(), *mapped),
        history=() if "fit_assessed" in fields else scored,
    )


def _contacts(fields: Mapping[str, str]) -> Source:
    mapped = (fields[name] for name in ON_CONTACTS if name in fields)
    return Source(kind="contacts", properties=_once(*CONTACT.values(), *mapped))


def _deals(fields: Mapping[str, str], *, inline: tuple[str, ...]) -> Source:
    asked = tuple(field for name, field in fields.items() if name.startswith(RECHECK))
    own = (fields[name] for name in (*DEAL, *ON_DEALS) if name in fields)
    return Source(
        kind="deals",
        properties=_once(*own, *asked, MERGED),
        history=_once(*(fields[name] for name in HISTORY), *asked),
        associations=inline,
    )


def _activities(kind: str, fields: Mapping[str, str], options: Options) -> Source:
    types = {"notes": ("note_type",), "tasks": ("task_type",)}.get(kind, ())
    typed = (fields[name] for name in ("activity_type", *types))
    title = (TITLES[kind],) if kind in TITLES else ()
    return Source(
        kind=kind,
        properties=_once(*ACTIVITY, *MORE[kind], *title, *typed),
        history=(QUOTE_STATUS,) if kind == "quotes" else (),
        filters=_telling(kind, fields, options),
    )


def _telling(kind: str, fields: Mapping[str, str], options: Options) -> tuple[Json, ...]:
    """What leaves out the activities that become no event whatever else they hold."""
    if kind == "calls":
        return _among("hs_call_disposition", options.connected)
    if kind == "emails":
        return _among("hs_email_direction", (INCOMING, OUTGOING))
    if kind == "notes":
        return _among(fields["note_type"], tuple(options.attestations))
    if kind == "tasks" and not (options.attestations or options.rechecks):
        return ({"propertyName": "hs_task_status", "operator": "NEQ", "value": TASK_DONE},)
    return ()


def _among(name: str, values: tuple[str, ...]) -> tuple[Json, ...]:
    """One of these values. HubSpot wants lower case where it takes the property for text, and its own elsewhere."""
    both = list(dict.fromkeys((*values, *(value.lower() for value in values))))
    return ({"propertyName": name, "operator": "IN", "values": both},) if len(both) <= MOST_VALUES else ()


def _once(*names: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
