"""The mapping of columns in crm-audit.toml, as frozen settings; a wrong key is named with the nearest right one."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from crm_audit.config import Connection
from crm_audit.connectors.files.cells import Reader
from crm_audit.connectors.options import Frozen, checked, way
from crm_audit.domain import HISTORY_FIELDS, KINDS, LOST, MAPPABLE, ROLES, STRENGTH, WON
from crm_audit.errors import FixConfig
from crm_audit.near import aside, one_of
from crm_audit.zones import ZoneName

EXTRA: Mapping[str, tuple[str, ...]] = {
    "people": ("email",),  # only its domain is kept
    "events": ("type", "title"),  # what topics are told by
}
"""Columns that become another field."""

OURS: Mapping[str, tuple[str, ...]] = {"stages": ("id",), "people": (), "events": ("named",)}
"""Fields that no column fills, because we work them out."""

NEEDED: Mapping[str, tuple[str, ...]] = {
    "stages": ("pipeline", "stage"),
    "users": ("id",),
    "rates": ("currency", "units"),
    "companies": ("id",),
    "people": ("id",),
    "deals": ("id", "pipeline", "stage"),
    "links": ("deal", "person"),
    "events": ("id", "kind", "at"),
    "rechecks": ("deal", "on", "topics"),
    "history": ("deal", "at"),
}
"""Fields that every table of a kind has to map."""

WORDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "stages": {"closed": (WON, LOST)},
    "links": {"role": ROLES},
    "events": {"kind": tuple(STRENGTH)},
    "history": {"field": HISTORY_FIELDS},
}
"""Fields that hold one of our own words."""

DAY = date(2001, 2, 3)  # a day that no two orders of day, month and year write alike


def _several(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else (value,)


def _as_text(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float, date)) else value


def _encoding(name: str) -> str:
    try:
        codecs.lookup(name)
    except LookupError:
        raise ValueError(f"{name!r} is no encoding; try 'utf-8', 'utf-16' or 'cp1252'") from None
    return "utf-8-sig" if codecs.lookup(name).name == "utf-8" else name


def _date_format(form: str) -> str:
    try:
        whole = datetime.strptime(DAY.strftime(form), form).replace(tzinfo=UTC).date() == DAY
    except (ValueError, re.error):
        whole = False
    if not whole or "%z" in form.lower():
        raise ValueError(f"{form!r} does not give day, month and year, as '%m/%d/%Y' does (offsets only in ISO dates)")
    return form


Several = Annotated[tuple[str, ...], BeforeValidator(_several)]
Patterns = Annotated[tuple[Annotated[str, BeforeValidator(_as_text)], ...], BeforeValidator(_several)]
Filter = Mapping[str, Patterns]
DateFormats = Annotated[tuple[Annotated[str, AfterValidator(_date_format)], ...], BeforeValidator(_several)]
Kind = Annotated[str, one_of((kind for kind in KINDS if kind != "answers"), "kind of record")]
"""Answers are given on the records of a CRM; no export holds them."""
HistoryField = Annotated[str, one_of(HISTORY_FIELDS, "field with a history")]
Tellable = Annotated[str, one_of(MAPPABLE, "thing that an export can tell")]


class Join(Frozen):
    """A file of pairs that belong to the rows of a table: who was in a meeting, which company a deal is with."""

    file: str  # its name in the folder
    key: str  # the column that holds the id of the table's row
    value: str  # the column that holds what belongs to it
    only: Mapping[str, Patterns] = {}  # as for a table
    skip: Mapping[str, Patterns] = {}  # as for a table


class Table(Frozen):
    """One file whose rows are records of one kind. Columns of several names are joined where they are filled."""

    file: str  # its name in the folder
    id: Several = ()  # the columns that tell one row from another
    columns: Mapping[str, Several] = {}  # our field -> column
    constants: Mapping[str, Annotated[str, BeforeValidator(_as_text)]] = {}  # our field -> the same value in every row
    values: Mapping[str, Mapping[str, str]] = {}  # our field -> the export's value -> ours
    joins: Mapping[str, Join] = {}  # our field -> where it is found
    versions: Mapping[HistoryField, str] = {}  # history kept as versions of a deal: our field -> column
    only: Mapping[str, Patterns] = {}  # column -> patterns; rows of which none fits are none of ours
    skip: Mapping[str, Patterns] = {}  # column -> patterns; rows that fit are left out and counted
    dates: DateFormats | None = None  # where it writes dates otherwise than the other files
    percent: bool | None = None  # where its probabilities differ from the other files'

    def sources(self) -> Mapping[str, tuple[str, ...]]:
        """Every field that columns fill, with their names."""
        return {**self.columns, **({"id": self.id} if self.id else {})}


Tables = Annotated[tuple[Table, ...], BeforeValidator(_several)]


class Options(Frozen):
    """`[connections.NAME.options]` of a connection with `vendor = "files"`."""

    folder: str  # beside crm-audit.toml; may name environment variables as $NAME
    name: str | None = None  # what the export is called in reports
    exported: datetime | date | None = None  # when it was made
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8-sig"  # how its text is encoded
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","  # what stands between two cells
    decimal: Literal[".", ","] = "."  # what stands before the cents
    percent: bool = False  # probabilities run from 0 to 100
    times: ZoneName | None = None  # zone of times without an offset; the connection's where it is not set
    dates: DateFormats = ()  # strptime formats; ISO 8601 is understood besides
    blanks: tuple[str, ...] = ()  # texts that mean an empty cell
    shared_topics: bool = True  # false where the CRM attaches an activity to several deals by itself
    unknown: tuple[Tellable, ...] = ()  # what is mapped but tells nothing about open deals
    tables: Mapping[Kind, Tables]  # kind of record -> its file or files


def options(connection: Connection) -> Options:
    """The connection's options; FixConfig names the key that is wrong and the nearest right one."""
    parsed = checked(connection, Options, parts=(Table, Join))
    if not parsed.tables.get("deals"):
        raise FixConfig("options.tables.deals is missing: there is nothing to audit without a file of deals")
    for kind, tables in parsed.tables.items():
        for number, table in enumerate(tables):
            _check(kind, table, where=way(("tables", kind, number), connection.options))
    return parsed


def reader(chosen: Options, table: Table, *, zone: str) -> Reader:
    """How the cells of a table are to be read."""
    return Reader(
        zone=ZoneInfo(zone),
        times=ZoneInfo(chosen.times or zone),
        dates=chosen.dates if table.dates is None else table.dates,
        decimal=chosen.decimal,
        percent=chosen.percent if table.percent is None else table.percent,
    )


def fillable(kind: str) -> frozenset[str]:
    """The fields of a kind that a column, a constant or a join may fill."""
    own = {field.name for field in fields(KINDS[kind])} | set(EXTRA.get(kind, ()))
    return frozenset(own - set(OURS.get(kind, ())))


def _check(kind: str, table: Table, *, where: str) -> None:
    known = fillable(kind)
    parts = {"columns": table.sources(), "constants": table.constants, "values": table.values, "joins": table.joins}
    for part, names in parts.items():
        for name in names:
            if name not in known:
                raise FixConfig(f"{where}.{part}.{name}: no field of {kind}{aside(name, known)}")
    mapped = {*table.sources(), *table.constants, *table.joins}
    missing = [name for name in _needed(kind, table) if name not in mapped]
    if missing:
        raise FixConfig(f"{where}: {', '.join(missing)} has to be mapped: say which column of {table.file} holds it")
    if table.joins and "id" not in mapped:
        raise FixConfig(f"{where}.joins: the rows of {table.file} are joined by their id; say which column holds it")
    if table.versions and kind != "history":
        raise FixConfig(f"{where}.versions: only a table of history keeps versions")
    for field, words in WORDS.get(kind, {}).items():
        for part, word in _ours(table, field):
            if word not in words:
                raise FixConfig(f"{where}.{part}.{field}: {word!r} is none of {', '.join(words)}{aside(word, words)}")


def _needed(kind: str, table: Table) -> Sequence[str]:
    if kind != "history" or table.versions:
        return NEEDED[kind]
    return (*NEEDED[kind], "field", "new")


def _ours(table: Table, field: str) -> Iterator[tuple[str, str]]:
    """What the mapping puts in the place of the export's own words."""
    yield from (("values", word) for word in table.values.get(field, {}).values())
    if field in table.constants:
        yield "constants", table.constants[field]
