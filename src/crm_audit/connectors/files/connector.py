"""The files connector: answers the questions of `connectors.base` from a folder of CSV exports."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from string import Template

from crm_audit.config import Connection
from crm_audit.connectors.base import Calls, Fields, Gap, Gateless, Page, Reading, Receipt, Write
from crm_audit.connectors.files import census, mapping
from crm_audit.connectors.files.passes import Stream, passed
from crm_audit.connectors.files.records import Meaning, records
from crm_audit.connectors.files.rows import Source
from crm_audit.connectors.files.survey import NEEDS, survey
from crm_audit.connectors.files.tally import Tally
from crm_audit.domain import KINDS, Account, Annotation, Company, Person, Record, Stage, Survey
from crm_audit.errors import FixConfig
from crm_audit.near import aside

READ_ONLY = "files are an export and cannot be written back; connect the CRM itself to annotate its deals"


@dataclass(frozen=True)
class Files(Gateless):
    """A folder of exports, read row by row and never written."""

    who: Account
    options: mapping.Options
    sources: census.Sources
    absent: tuple[str, ...]  # one sentence for each file that the mapping names and the folder does not hold
    meaning: Meaning
    calls: Calls = field(default_factory=Calls)  # stays zero: there is nobody to call
    vendor: str = "files"

    @cached_property
    def _census(self) -> census.Census:
        return census.take(self.sources, self.meaning)

    @cached_property
    def _named(self) -> Meaning:
        return Meaning(self.meaning.roles, self.meaning.topics, self._census.names)

    def account(self) -> Account:
        """The connection's own name, zone and currency: files carry none."""
        return self.who

    def survey(self) -> Survey:
        """What the export cannot tell; reads every file once, so that a broken one stops the run before it begins."""
        return survey(self._census, self.options, absent=self.absent)

    def read(self, reading: Reading) -> Iterator[Page | Gap]:
        """Every kind whole, each table as one stream, on from where a pass was cut as long as its files stay."""
        for kind in KINDS:
            stamp = self._stamp(kind)
            for stream in self._streams(kind):
                yield from passed(stream, reading.stands.get(stream.name), stamp=stamp)

    def stages(self) -> Sequence[Stage]:
        """The stages of the tables, where there are any."""
        found = (record for stream in self._streams("stages") for record in stream.records)
        return [record for record in found if isinstance(record, Stage)]

    def wanted(self, deal: str, annotation: Annotation) -> Mapping[str, Fields]:
        """Nothing: an export has no place of ours."""
        return {}

    def shown(self, deals: Sequence[str]) -> Mapping[str, Mapping[str, Fields]]:
        """Always FixConfig: an export has no place of ours."""
        raise FixConfig(READ_ONLY)

    def write(self, writes: Sequence[Write]) -> Sequence[Receipt]:
        """Always FixConfig, as above."""
        raise FixConfig(READ_ONLY)

    def batch(self, deals: int) -> int:
        """1: nothing is ever written to an export."""
        return 1

    @property
    def restores(self) -> Mapping[str, Collection[str]]:
        """Nothing."""
        return {}

    def address(self, kind: str, record_id: str) -> str | None:
        """None: a row has no address."""
        return None

    def _streams(self, kind: str) -> Iterator[Stream]:
        """Every table, to be read in this order; after them the records that are only referred to."""
        numbers = count(1)
        for place, source in enumerate(self.sources.get(kind, ())):
            sure = kind not in NEEDS or source in self._census.joining
            name = f"{kind}/{place}:{source.sheet.name}"
            yield Stream(kind, name, self._records(source, numbers), sweep="all" if sure else "none")
        if kind in ("companies", "people"):
            cls = Company if kind == "companies" else Person
            yield Stream(kind, f"{kind}/named", (cls(id=id_, name=id_) for id_ in self._census.bare(kind)))

    def _records(self, source: Source, numbers: Iterator[int]) -> Iterator[Record]:
        """Every record once, at the last place of its kind where its id stands."""
        repeats = self._census.counts[source.kind].repeats
        tally = Tally(source.sheet.name, str(source.sheet.path))  # counted in the census already
        for _, record in records(source, self._named, tally=tally):
            number = next(numbers)
            if repeats.get(record.id, number) == number:
                yield record

    def _stamp(self, kind: str) -> str:
        """Changes when a file does; companies and people also rest on the deals and links that name them."""
        kinds = {"companies": ("companies", "deals"), "people": ("people", "links", "deals")}.get(kind, (kind,))
        found = [path.stat() for k in kinds for source in self.sources.get(k, ()) for path in source.present()]
        stamp = repr([(stat.st_size, stat.st_mtime_ns) for stat in found])
        return hashlib.sha256(stamp.encode()).hexdigest()[:16]


def connect(connection: Connection, *, environ: Mapping[str, str] = os.environ, root: Path = Path()) -> Files:
    """Open the folder that the options name, seen from `root`; FixConfig says which key or column is wrong."""
    chosen = mapping.options(connection)
    zone, currency = _told_by_hand(connection)
    folder = _folder(chosen.folder, environ, root=root)
    sources, absent = _sources(chosen, folder, zone=zone)
    name = chosen.name or folder.name
    return Files(
        who=Account(id=f"files:{name}", name=name, zone=zone, currency=currency, user=None),
        options=chosen,
        sources=sources,
        absent=absent,
        meaning=Meaning(
            roles={text.casefold(): role for text, role in connection.roles.items()},
            topics={text.casefold(): topics for text, topics in connection.topics.items()},
            deals={},
        ),
    )


def _told_by_hand(connection: Connection) -> tuple[str, str]:
    """Zone and currency; FixConfig where one is missing, or where a setting is given that files cannot use."""
    for name in ("fields", "login", "emulator"):
        if getattr(connection, name):
            raise FixConfig(f"{name}: of no use to files; columns are mapped under options.tables")
    if connection.zone is None:
        raise FixConfig("zone is missing: files cannot tell it; add, for example, zone = 'America/New_York'")
    if connection.currency is None:
        raise FixConfig("currency is missing: files cannot tell it; add, for example, currency = 'USD'")
    return connection.zone, connection.currency


def _folder(text: str, environ: Mapping[str, str], *, root: Path) -> Path:
    base = Path() if "$" in text else root  # what the shell says is seen from where the shell is
    try:
        folder = base / Template(text).substitute(environ)
    except KeyError as error:
        raise FixConfig(f"options.folder: the environment variable {error.args[0]} is not set") from None
    except ValueError:
        raise FixConfig(f"options.folder: {text!r}: write $NAME for an environment variable, $$ for a dollar") from None
    if not folder.is_dir():
        raise FixConfig(f"options.folder: {folder} is not a folder")
    return folder


def _sources(chosen: mapping.Options, folder: Path, *, zone: str) -> tuple[census.Sources, tuple[str, ...]]:
    """The tables whose files are there, checked against their headers, and a sentence for each that is not."""
    sources: dict[str, list[Source]] = {kind: [] for kind in KINDS}
    absent = []
    for kind, tables in chosen.tables.items():
        for table in tables:
            source = Source(kind, table, chosen, folder, mapping.reader(chosen, table, zone=zone))
            absent += [_absent(kind, path) for path in source.paths if path not in source.present()]
            if source.paths[0].is_file():
                source.check()
                sources[kind].append(source)
    if not sources["deals"]:
        raise FixConfig(next(text for text in absent if "tables.deals" in text))
    return sources, tuple(absent)


def _absent(kind: str, path: Path) -> str:
    hint = aside(path.name, (known.name for known in path.parent.iterdir()))
    return f"options.tables.{kind}: {path.name} is not in the folder{hint}; what it would tell is unknown"
