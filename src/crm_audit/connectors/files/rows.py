"""From the rows of a file to typed fields: filters, columns, constants, joins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from crm_audit.connectors.files import mapping
from crm_audit.connectors.files.cells import Read, Reader, Unreadable
from crm_audit.connectors.files.sheets import Sheet
from crm_audit.connectors.files.tally import Tally
from crm_audit.errors import FixConfig
from crm_audit.near import aside

Fields = dict[str, Any]
"""The fields of one record, typed as the vocabulary says; a field whose cell is empty is left out."""

KEYS: Mapping[str, tuple[str, ...]] = {
    "stages": ("stage",),
    "users": ("id",),
    "rates": ("currency", "units"),
    "companies": ("id",),
    "people": ("id",),
    "deals": ("id",),
    "links": ("deal", "person"),
    "events": ("id", "kind", "at"),
    "rechecks": ("deal", "on"),
    "history": ("deal", "at"),
}
"""Fields without which a row is no record."""


@dataclass(frozen=True, slots=True)
class Column:
    """One field of ours, and where in a row its text stands."""

    field: str
    name: str
    places: tuple[int, ...]
    read: Read
    words: Mapping[str, str]

    def text(self, cells: Sequence[str], blanks: frozenset[str]) -> str:
        """The text of the cell, or of several cells one after the other; ours where `values` translates it."""
        parts = [text for place in self.places if (text := cells[place].strip()) not in blanks]
        text = " ".join(parts) if parts else ""
        return self.words.get(text.casefold(), text) if self.words else text


@dataclass(frozen=True)
class Source:
    """One table of the mapping with the file it is read from."""

    kind: str
    table: mapping.Table
    options: mapping.Options
    folder: Path
    reader: Reader

    @cached_property
    def sheet(self) -> Sheet:
        """The table's file."""
        return self._sheet(self.table.file)

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """Every file this table is read from, joins included."""
        return tuple(self.folder / name for name in (self.table.file, *(j.file for j in self.table.joins.values())))

    def present(self) -> tuple[Path, ...]:
        """Those of `paths` that the folder holds."""
        return tuple(path for path in self.paths if path.is_file())

    @cached_property
    def blanks(self) -> frozenset[str]:
        """Texts that mean an empty cell."""
        return frozenset({"", *self.options.blanks})

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The mapped columns; FixConfig names one that the file does not have."""
        header = Header(self.sheet)
        reads = self.reads
        return tuple(
            Column(field, " + ".join(names), header.places(names), reads[field], self.words(field))
            for field, names in self.table.sources().items()
        )

    @cached_property
    def reads(self) -> Mapping[str, Read]:
        """How each field is read; what becomes another field is text."""
        texts = dict.fromkeys(mapping.EXTRA.get(self.kind, ()), self.reader.text)
        return {**self.reader.reads(self.kind), **texts}

    @cached_property
    def versions(self) -> Mapping[str, int]:
        """History kept as versions of a deal: where in a row each field stands."""
        header = Header(self.sheet)
        return {field: header.place(name) for field, name in self.table.versions.items()}

    @cached_property
    def constants(self) -> Fields:
        """The fields that are the same in every row."""
        return {field: self._constant(field, text) for field, text in self.table.constants.items()}

    @cached_property
    def joins(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        """Field -> id of a row -> what another file says belongs to it; a file that is not there says nothing."""
        return {
            field: pairs(self._sheet(join.file), join) if (self.folder / join.file).is_file() else {}
            for field, join in self.table.joins.items()
        }

    def check(self) -> None:
        """FixConfig where a file does not have a column that the mapping names; reads first lines only."""
        header = Header(self.sheet)
        header.filter({**self.table.only, **self.table.skip})
        _ = self.columns, self.constants, self.versions
        for join in self.table.joins.values():
            if (self.folder / join.file).is_file():
                joined = Header(self._sheet(join.file))
                joined.places((join.key, join.value, *join.only, *join.skip))

    def words(self, field: str) -> Mapping[str, str]:
        """The export's values with ours, in any case."""
        return {text.casefold(): ours for text, ours in self.table.values.get(field, {}).items()}

    def fields(self, tally: Tally) -> Iterator[tuple[int, Fields, Sequence[str]]]:
        """Every row that is ours, with its line, its typed fields and its cells."""
        header = Header(self.sheet)
        only, skip = header.filter(self.table.only), header.filter(self.table.skip)
        for line, cells in self.sheet.rows():
            row = header.squared(cells, line, tally=tally)
            if row is None or (only and not all(fits(row, rule) for rule in only)):
                continue
            left_out = next((rule for rule in skip if fits(row, rule)), None)
            if left_out is not None:
                tally.note(f"left out by skip ({left_out[1]})", line)
                continue
            found = {**self.constants, **self._read(row, line, tally=tally)}
            self._join(found)
            missing = [key for key in KEYS[self.kind] if key not in found]
            if missing:
                tally.note(f"without {', '.join(missing)}: left out", line)
                continue
            yield line, found, row

    def _read(self, cells: Sequence[str], line: int, *, tally: Tally) -> Fields:
        found: Fields = {}
        for column in self.columns:
            text = column.text(cells, self.blanks)
            if not text:
                continue
            tally.cells[column.name] += 1
            try:
                found[column.field] = column.read(text)
            except Unreadable as error:
                tally.unread(column.name, str(error), line=line)
        return found

    def _join(self, found: Fields) -> None:
        for field, belonging in self.joins.items():
            values = belonging.get(found.get("id", ""), ())
            if values:
                found[field] = values if self.reads[field] == self.reader.listed else values[0]

    def _constant(self, field: str, text: str) -> object:
        try:
            return self.reads[field](text)
        except Unreadable as error:
            raise FixConfig(f"options.tables.{self.kind}.constants.{field}: {text!r} is not {error}") from None

    def _sheet(self, name: str) -> Sheet:
        return Sheet(self.folder / name, self.options.encoding, self.options.delimiter)


Rule = tuple[int, str, tuple[str, ...]]
"""Where a filtered column stands, its name, and the patterns in lower case."""


class Header:
    """The column names of a sheet, and what they say about its rows."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._names = sheet.header()

    def places(self, names: Sequence[str]) -> tuple[int, ...]:
        """Where these columns stand; FixConfig names one that is not there, or there twice."""
        return tuple(self.place(name) for name in names)

    def place(self, name: str) -> int:
        """Where this column stands."""
        found = [place for place, known in enumerate(self._names) if known == name]
        if len(found) == 1:
            return found[0]
        if found:
            raise FixConfig(f"{self._sheet.path}:1: the column {name!r} is there {len(found)} times; rename one")
        hint = aside(name, self._names)
        if not hint and len(self._names) == 1:
            hint = "; the header has a single column: is options.delimiter right?"
        raise FixConfig(f"{self._sheet.path}:1: there is no column {name!r}{hint}")

    def filter(self, rules: mapping.Filter) -> tuple[Rule, ...]:
        """The patterns of `only` or `skip` with the place of their column."""
        return tuple(
            (self.place(name), f"{name} = {', '.join(patterns)}", tuple(text.casefold() for text in patterns))
            for name, patterns in rules.items()
        )

    def squared(self, cells: list[str], line: int, *, tally: Tally) -> Sequence[str] | None:
        """The row with as many cells as the header; None where values stand under the wrong columns."""
        width = len(self._names)
        if len(cells) == width:
            return cells
        if any(cells[width:]):
            tally.note("with more cells than the header: left out, because no value can be trusted", line)
            return None
        if len(cells) < width:
            tally.note("with fewer cells than the header: what is cut off is read as empty", line)
        return cells[:width] + [""] * (width - len(cells))


def fits(cells: Sequence[str], rule: Rule) -> bool:
    """Whether the cell of a rule's column fits one of its patterns, in any case."""
    text = cells[rule[0]].strip().casefold()
    return any(fnmatchcase(text, pattern) for pattern in rule[2])


def pairs(sheet: Sheet, join: mapping.Join) -> Mapping[str, tuple[str, ...]]:
    """The values that belong to each key, in the order of the file, each once."""
    header = Header(sheet)
    (key, value), only, skip = header.places((join.key, join.value)), header.filter(join.only), header.filter(join.skip)
    found: dict[str, tuple[str, ...]] = {}
    for _, cells in sheet.rows():
        row = cells + [""] * (max(key, value, *(rule[0] for rule in (*only, *skip))) + 1 - len(cells))
        if not all(fits(row, rule) for rule in only) or any(fits(row, rule) for rule in skip):
            continue
        one, other = row[key].strip(), row[value].strip()
        if one and other and other not in found.get(one, ()):
            found[one] = (*found.get(one, ()), other)
    return found
