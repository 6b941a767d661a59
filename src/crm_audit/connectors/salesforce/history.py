"""What changed on a deal, and when the buyer was asked again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from crm_audit.connectors.options import ALL_BASICS, RECHECK, topics_named
from crm_audit.connectors.salesforce.activities import happened
from crm_audit.connectors.salesforce.reading import (
    Row,
    flag,
    instant,
    kind_of,
    number,
    present,
    required,
    text,
    when,
)  # fmt: skip
from crm_audit.connectors.salesforce.terms import Terms
from crm_audit.domain import Change, Recheck
from crm_audit.frames import written

STATES: Mapping[str, tuple[str, str | None]] = {
    "stage": ("StageName", None),
    "close_date": ("CloseDate", "PrevCloseDate"),
    "amount": ("Amount", "PrevAmount"),
}
"""Our fields in OpportunityHistory, each with the field that holds the value before (null before API 50)."""


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Oldest first; within one second, which is as fine as Salesforce tells, by id."""
    return sorted(rows, key=lambda row: (text(row, "CreatedDate") or "", text(row, "Id") or ""))


def changes_of_states(rows: Iterable[Row], names: Iterable[str], *, terms: Terms) -> Iterator[Change]:
    """Changes out of one deal's OpportunityHistory, where each row is the state after some change.

    A row that repeats a value is no change of it, and the first row, being how the deal began, is none at all.
    """
    followed = tuple(names)
    known: dict[str, str | None] = {}
    for row in in_order(rows):
        for name in followed:
            now, said_before = STATES[name]
            new = _written(row, now, name=name, terms=terms)
            before = _written(row, said_before, name=name, terms=terms) if said_before else None
            old = before if before is not None else known.get(name, new)
            if old != new and new != known.get(name, old):
                yield _change(row, name, values=(old, new))
            known[name] = new


def changes_of_fields(rows: Iterable[Row], names: Mapping[str, str], *, terms: Terms) -> Iterator[Change]:
    """Changes out of OpportunityFieldHistory; `names` has our name of each tracked field."""
    for row in in_order(rows):
        name = names.get(text(row, "Field") or "")
        if name is None:
            continue
        old = _written(row, "OldValue", name=name, terms=terms)
        new = _written(row, "NewValue", name=name, terms=terms)
        if old != new:
            yield _change(row, name, values=(old, new))


def asked_on(row: Row, terms: Terms) -> Iterator[Recheck]:
    """Re-checks from "asked on" dates of a deal. Only the last one of each shows, so a new date is a new record."""
    for name in terms.fields:
        day = terms.day(row, name) if name.startswith(RECHECK) else None
        if day is not None:
            topic = name.removeprefix(RECHECK)
            deal = required(row, "Id")
            yield Recheck(id=f"{deal}:{topic}:{day}", deal=deal, on=day, topics=topics_named((topic,)))


def asked_in_tasks(rows: Iterable[Row], terms: Terms) -> Iterator[Recheck]:
    """Re-checks that a rep recorded as a completed Task of a mapped type on the deal."""
    for row in rows:
        named = terms.options.rechecks.get(text(row, "Type") or "")
        deal = text(row, "WhatId")
        if named is None or not flag(row, "IsClosed") or deal is None or kind_of(deal) != "Opportunity":
            continue
        at = present(row, "ActivityDate", found=happened(row, date_first=True))
        yield Recheck(
            id=required(row, "Id"),
            deal=deal,
            on=terms.day_of(at),
            topics=topics_named(named or (ALL_BASICS,)),
            by=text(row, "CreatedById"),
            recorded_at=instant(row, "CreatedDate"),
        )


def _written(row: Row, field: str, *, name: str, terms: Terms) -> str | None:
    if name == "amount":
        amount = number(row, field)
        return None if amount is None else format(amount.normalize(), "f")
    if name == "close_date":
        found = when(row, field)
        return None if found is None else written(found)
    return terms.stage(text(row, field))


def _change(row: Row, name: str, *, values: tuple[str | None, str | None]) -> Change:
    at = present(row, "CreatedDate", found=instant(row, "CreatedDate"))
    return Change(
        id=f"{required(row, 'Id')}:{name}",
        deal=required(row, "OpportunityId"),
        field=name,
        at=at,
        old=values[0],
        new=values[1],
        by=text(row, "CreatedById"),
        recorded_at=at,
    )
