"""The history of deals as a CRM keeps it: every change leads from the value before to the value after. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import groupby

from crm_audit.domain import Change, Deal
from crm_audit.emulator.worlds.limits import Notes
from crm_audit.emulator.worlds.plot import Plot
from crm_audit.frames import written

EXTRA = "one more change, halfway between"
"""What closes a gap in a history; the change may count."""


@dataclass(frozen=True, slots=True)
class Past:
    """The changes of one world."""

    plot: Plot
    notes: Notes

    def changes(self) -> Iterator[Change]:
        """All changes that a CRM could have seen happen, oldest first within a field, without gaps."""
        rows = sorted(self.plot.all(Change), key=lambda row: (row.deal, row.field, row.at))
        for (deal, field), group in groupby(rows, key=lambda row: (row.deal, row.field)):
            if deal in self.plot.deals:
                told = [row for row in group if self._tellable(row)]
                yield from self._chained(told, present(self.plot.deals[deal], field))

    def _tellable(self, row: Change) -> bool:
        what, created = f"{row.deal} {row.field} of {written(row.at)}", self.plot.deals[row.deal].created
        if row.at > self.plot.world.as_of:
            self.notes.stands_in(what, "it has not changed yet", instead="nothing")
            return False
        if same(row.field, row.old, row.new):
            self.notes.stands_in(what, "it changes nothing, and no CRM keeps that", instead="nothing")
            return False
        if row.field == "stage" and not (row.old and row.new):
            self.notes.lost(what, "no deal is without a stage")
            return False
        if created is not None and row.at < created:
            self.notes.lost(what, "the deal was not there yet")
        return True

    def _chained(self, rows: list[Change], now: str | None) -> Iterator[Change]:
        for position, row in enumerate(rows):
            yield row
            after = rows[position + 1] if position + 1 < len(rows) else None
            value, until = (after.old, after.at) if after else (now, self.plot.world.as_of)
            if same(row.field, row.new, value):
                continue
            said = f"it says {row.new} and then {value}"
            self.notes.stands_in(f"{row.deal} {row.field} after {written(row.at)}", said, instead=EXTRA)
            at = row.at + (until - row.at) / 2
            yield replace(row, id=f"{row.id}+", at=at.replace(microsecond=0), old=row.new, new=value, by=None)


def present(deal: Deal, field: str) -> str | None:
    """What the field of a deal holds now, as its history would write it."""
    found = getattr(deal, field)
    if isinstance(found, date):
        return written(found)
    return format(found, "f") if isinstance(found, Decimal) else found or None


def same(field: str, one: str | None, other: str | None) -> bool:
    """Whether a CRM would call these the same value."""
    return _value(field, one) == _value(field, other)


def _value(field: str, text: str | None) -> object:
    if not text:
        return None
    if field == "amount":
        return Decimal(text)
    return moment(text) if field == "close_date" else text


def moment(text: str) -> datetime:
    """A day as midnight UTC, which is how a CRM that keeps instants stores it; an instant as it is."""
    if len(text) == len("YYYY-MM-DD"):
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    return datetime.fromisoformat(text)
