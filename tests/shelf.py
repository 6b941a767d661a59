"""A whole connector over records on a shelf: a CRM that needs no network, for tests of what lies above connectors."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime

from crm_audit.connectors.base import Calls, Fields, Gap, Gateless, Page, Reading, Receipt, Stand, Write
from crm_audit.domain import KINDS, Account, Annotation, Record, Stage, Survey
from crm_audit.errors import NoAccess, Retry

ACCOUNT = Account(id="org-1", name="Shelf", zone="America/New_York", currency="USD", user="robot")
NAME_OF = {cls: kind for kind, cls in KINDS.items()}


class Nothing:
    """The `Known` of an empty store."""

    def records(self, kind: str, ids: Iterable[str]) -> Mapping[str, Record]:
        return {}

    def open_deals(self) -> Iterator[Sequence[str]]:
        return iter(())

    def deals_of(self, people: Iterable[str]) -> Sequence[str]:
        return ()

    def hashed(self, text: str) -> str:
        return text.encode().hex()[:16].ljust(16, "0")


def first_reading(stands: Mapping[str, Stand] | None = None) -> Reading:
    """What a run asks that knows no record yet, from where the streams stand."""
    return Reading(started=datetime(2026, 3, 1, tzinfo=UTC), known=Nothing(), stands=stands or {})


@dataclass
class Shelf(Gateless):
    """Shows these records; `breaks` raises in the middle of a kind. What is written stays in `held`."""

    records: Iterable[Record]
    breaks: Mapping[str, Exception] = field(default_factory=dict)
    who: Account = ACCOUNT
    knows: Survey = field(default_factory=Survey)
    held: dict[str, dict[str, dict[str, str | int | None]]] = field(default_factory=dict)
    calls: Calls = field(default_factory=Calls)
    vendor: str = "shelf"

    def account(self) -> Account:
        return self.who

    def survey(self) -> Survey:
        return self.knows

    def read(self, reading: Reading) -> Iterator[Page | Gap]:
        for kind in KINDS:
            self.calls.count(kind)
            rows = tuple(record for record in self.records if NAME_OF[type(record)] == kind)
            error = self.breaks.get(kind)
            if error is None:
                yield Page(kind=kind, stream=kind, rows=rows, ended=True, sweep="all")
                continue
            yield Page(kind=kind, stream=kind, rows=rows[: len(rows) // 2], cursor="half")
            if not isinstance(error, Retry | NoAccess):
                raise error
            yield Gap(kind, str(error))

    def stages(self) -> Sequence[Stage]:
        return [record for record in self.records if isinstance(record, Stage)]

    def batch(self, deals: int) -> int:
        return 100

    @property
    def restores(self) -> Mapping[str, Collection[str]]:
        return {"verdict": [f.name for f in fields(Annotation)]}

    def wanted(self, deal: str, annotation: Annotation) -> Mapping[str, Fields]:
        return {"verdict": asdict(annotation)}

    def shown(self, deals: Sequence[str]) -> Mapping[str, Mapping[str, Fields]]:
        return {deal: self.held.get(deal, {}) for deal in deals}

    def write(self, writes: Sequence[Write]) -> Sequence[Receipt]:
        self.calls.count("write", writes=True)
        for write in writes:
            self.held.setdefault(write.deal, {}).setdefault(write.place, {}).update(write.after)
        return [Receipt(write, ok=True) for write in writes]

    def address(self, kind: str, record_id: str) -> str | None:
        return None
