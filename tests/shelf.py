"""A whole connector over records on a shelf: a CRM that needs no network, for tests of what lies above connectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from crm_audit.connectors.base import Calls, Fields, Page, Receipt, Write
from crm_audit.domain import KINDS, Account, Annotation, Record, Survey

ACCOUNT = Account(id="org-1", name="Shelf", zone="America/New_York", currency="USD", user="robot")
NAME_OF = {cls: kind for kind, cls in KINDS.items()}


@dataclass
class Shelf:
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

    def pages(self, kind: str, cursor: str | None = None) -> Iterator[Page]:
        self.calls.count(kind)
        rows = tuple(record for record in self.records if NAME_OF[type(record)] == kind)
        if kind in self.breaks:
            yield Page(kind, rows[: len(rows) // 2], "half")
            raise self.breaks[kind]
        yield Page(kind, rows, None)

    def wanted(self, deal: str, annotation: Annotation) -> Mapping[str, Fields]:
        return {"verdict": asdict(annotation)}

    def shown(self, deals: Sequence[str]) -> Mapping[str, Mapping[str, Fields]]:
        return {deal: self.held[deal] for deal in deals if deal in self.held}

    def write(self, writes: Sequence[Write]) -> Sequence[Receipt]:
        self.calls.count("write", writes=True)
        for write in writes:
            self.held.setdefault(write.deal, {}).setdefault(write.place, {}).update(write.after)
        return [Receipt(write, ok=True) for write in writes]

    def address(self, kind: str, record_id: str) -> str | None:
        return None
