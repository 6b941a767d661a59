"""Changes of a deal's fields, from any of three shapes of export.

1. changes with the old and the new value;
2. the values a field took, each with its moment (HubSpot's property history): the old value is the one before;
3. versions of the whole deal (slowly changing rows of a warehouse): a change is where two versions differ. What was
   before the first version is not known, so the first version is no change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from crm_audit.connectors.files.cells import Unreadable
from crm_audit.connectors.files.rows import Fields, Source
from crm_audit.connectors.files.tally import Tally
from crm_audit.domain import HISTORY_FIELDS
from crm_audit.frames import written


class Value(NamedTuple):
    """One value that a field of a deal took; sorting brings the values of a field into their order."""

    deal: str
    field: str
    at: datetime
    line: int
    new: str | None
    row: Fields


@dataclass(frozen=True, slots=True)
class Texts:
    """The values of one table of history as the vocabulary writes them; one that cannot be read is counted and None."""

    source: Source
    tally: Tally

    def side(self, found: Fields, name: str, *, line: int) -> str | None:
        """The `old` or the `new` value of a change."""
        column = " + ".join(self.source.table.columns.get(name, (name,)))
        return self.write(found["field"], found.get(name, ""), column=column, line=line)

    def write(self, field: str, text: str, *, column: str, line: int) -> str | None:
        """A value of that field as text; None where the cell is empty."""
        if text in self.source.blanks:
            return None
        self.tally.cells[column] += 1
        try:
            return self._written(field, text)
        except Unreadable as error:
            self.tally.unread(column, str(error), line=line)
            return None

    def _written(self, field: str, text: str) -> str:
        reader = self.source.reader
        if field == "close_date":
            return written(reader.when(text))
        return format(reader.number(text), "f") if field == "amount" else text


def changes(source: Source, tally: Tally) -> Iterator[tuple[int, Fields]]:
    """The line and the fields of every change in one table of history."""
    texts = Texts(source, tally)
    if source.table.versions:
        yield from _chained(_versions(texts), first=False)
    elif "old" in source.table.columns:
        yield from _told(texts)
    else:
        yield from _chained(_values(texts), first=True)


def _ours(texts: Texts) -> Iterator[tuple[int, Fields]]:
    """Rows about fields whose history is kept; an export holds those of every other field besides."""
    for line, found, _ in texts.source.fields(texts.tally):
        if found.get("field") in HISTORY_FIELDS:
            yield line, found


def _told(texts: Texts) -> Iterator[tuple[int, Fields]]:
    for line, found in _ours(texts):
        old, new = (texts.side(found, name, line=line) for name in ("old", "new"))
        yield line, _change({**found, "old": old, "new": new})


def _values(texts: Texts) -> Iterator[Value]:
    for line, found in _ours(texts):
        yield Value(found["deal"], found["field"], found["at"], line, texts.side(found, "new", line=line), found)


def _versions(texts: Texts) -> Iterator[Value]:
    names, places = texts.source.table.versions, texts.source.versions
    for line, found, cells in texts.source.fields(texts.tally):
        for field, place in places.items():
            new = texts.write(field, cells[place].strip(), column=names[field], line=line)
            yield Value(found["deal"], field, found["at"], line, new, found)


def _chained(values: Iterable[Value], *, first: bool) -> Iterator[tuple[int, Fields]]:
    """Changes between one value of a field and the next; `first`: the first value is a change from nothing."""
    before: Value | None = None
    for value in _in_order(values):
        known = before is not None and (before.deal, before.field) == (value.deal, value.field)
        old = before.new if before is not None and known else None
        if (known or first) and old != value.new:
            yield value.line, _change({**value.row, "field": value.field, "old": old, "new": value.new})
        before = value


def _in_order(values: Iterable[Value]) -> Sequence[Value]:
    return sorted(values, key=lambda value: (value.deal, value.field, value.at, value.line))


def _change(found: Fields) -> Fields:
    found.setdefault("id", f"{found['deal']}:{found['field']}:{written(found['at'])}")
    return found
