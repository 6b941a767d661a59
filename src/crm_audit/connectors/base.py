"""What a connector answers. It is a package with `connect`, its `Options`, and a line in `connectors.CONNECTORS`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from crm_audit.domain import Account, Annotation, Record, Survey

Fields = Mapping[str, str | int | None]
"""Fields of ours in the CRM's own names, with their values as the CRM gives them back."""


@dataclass(frozen=True, slots=True)
class Page:
    """Records of one kind, and where to go on after them.

    `cursor` is opaque to everyone but the connector; it is saved in the same transaction as the rows.
    """

    kind: str
    rows: tuple[Record, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Write:
    """One change to one place of ours in the CRM.

    `place` is the vendor's word for it (`deal`, `CRM_Audit_Verdict__c`, `Opportunity`); `before` and `after` hold only
    the fields that differ. A place that does not exist yet has `before=None`.
    """

    deal: str
    place: str
    before: Fields | None
    after: Fields


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one write: `reason` says, in the CRM's words, why it was refused."""

    write: Write
    ok: bool
    reason: str | None = None


@dataclass(slots=True)
class Calls:
    """How many calls went to the CRM, by what they did there."""

    read: int = 0
    write: int = 0
    by_name: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, *, writes: bool = False) -> None:
        """Note one call; `name` is short and stable, for example `deals/search`."""
        self.read += not writes
        self.write += writes
        self.by_name[name] = self.by_name.get(name, 0) + 1


class Connector(Protocol):
    """One connected CRM. Everything vendor-specific stays behind these questions."""

    @property
    def vendor(self) -> str:
        """`salesforce`, `hubspot` or `files`."""

    @property
    def calls(self) -> Calls:
        """The calls made so far."""

    def account(self) -> Account:
        """Who we are connected to; raises BadLogin or Retry."""

    def survey(self) -> Survey:
        """What cannot be read or is not mapped here, before anything is pulled."""

    def pages(self, kind: str, cursor: str | None = None) -> Iterator[Page]:
        """All records of a kind (a key of `domain.KINDS`), page by page, on from `cursor`."""

    def wanted(self, deal: str, annotation: Annotation) -> Mapping[str, Fields]:
        """What the places of this deal must hold to show the annotation. Pure."""

    def shown(self, deals: Sequence[str]) -> Mapping[str, Mapping[str, Fields]]:
        """What the places of these deals hold now; a place that does not exist is left out."""

    def write(self, writes: Sequence[Write]) -> Sequence[Receipt]:
        """Carry the writes out and read them back; one receipt per write, in order."""

    def address(self, kind: str, record_id: str) -> str | None:
        """The address at which a person sees this record in the CRM."""
