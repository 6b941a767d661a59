"""Salesforce, as the rest of the program sees it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import requests

from crm_audit.config import Connection
from crm_audit.connectors.base import Calls, Fields, Gap, Page, Reading, Receipt, Write
from crm_audit.connectors.salesforce import own
from crm_audit.connectors.salesforce.gateway import MOST_RECORDS, Gateway
from crm_audit.connectors.salesforce.login import login_of
from crm_audit.connectors.salesforce.options import options
from crm_audit.connectors.salesforce.org import PAGE, Org
from crm_audit.connectors.salesforce.reading import is_id, required
from crm_audit.connectors.salesforce.sources import Source, idle, sources
from crm_audit.connectors.salesforce.survey import survey
from crm_audit.connectors.whole import whole
from crm_audit.domain import KINDS, Account, Annotation, Stage, Survey
from crm_audit.errors import Incomplete, NoAccess

WITHOUT_VERDICT = "its verdict was refused, so there is nothing to point at"
NO_LOOKUP = f"Opportunity.{own.LOOKUP} is not there or cannot be read; install it, or do without the link"


def connect(
    connection: Connection,
    *,
    environ: Mapping[str, str] = os.environ,
    session: requests.Session | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> SalesforceConnector:
    """A connector for one org; FixConfig where the settings cannot be right. Nothing is called yet."""
    chosen = options(connection)
    gateway = Gateway(
        login_of(connection, chosen, environ=environ),
        version=chosen.api_version,
        session=session or requests.Session(),
        sleep=sleep,
    )
    return SalesforceConnector(Org(gateway, connection, options=chosen))


class SalesforceConnector:
    """One connected org."""

    vendor = "salesforce"

    def __init__(self, org: Org) -> None:
        self._org = org

    @property
    def calls(self) -> Calls:
        """The calls made so far."""
        return self._org.gateway.calls

    @property
    def usage(self) -> tuple[int, int] | None:
        """The org's calls used and allowed in 24 hours, by its last answer; None before the first."""
        return self._org.gateway.usage

    def account(self) -> Account:
        """Who we are connected to; raises BadLogin or Retry."""
        return self._org.account

    def survey(self) -> Survey:
        """What cannot be read or is not mapped in this org."""
        return survey(self._org)

    def pages(self, kind: str, cursor: str | None = None) -> Iterator[Page]:
        """All records of a kind by object and id; a cursor is `Object:Id`, the last row that was read."""
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no kind of record")
        resumed, _, after = (cursor or "").partition(":")
        left = [each for each in sources(kind, self._org.options) if not idle(kind, each, org=self._org)]
        names = [each.object for each in left]
        if resumed and resumed not in names:
            raise Incomplete(f"{kind} cannot go on at {cursor!r}, which is no longer read; start the pull again")
        for source in left[names.index(resumed) if resumed else 0 :]:
            yield from self._pages(kind, source, after=after if source.object == resumed else "")
        yield Page(kind=kind, stream=f"{kind}/{left[-1].object}" if left else kind)

    def read(self, reading: Reading) -> Iterator[Page | Gap]:
        """Everything, whole."""
        return whole(reading, self.pages)

    def stages(self) -> Sequence[Stage]:
        """Every stage of every sales process."""
        return [row for page in self.pages("stages") for row in page.rows if isinstance(row, Stage)]

    def wanted(self, deal: str, annotation: Annotation) -> Mapping[str, Fields]:
        """What the verdict record and the lookup to it must hold. Pure."""
        return own.wanted(deal, annotation)

    def shown(self, deals: Sequence[str]) -> Mapping[str, Mapping[str, Fields]]:
        """What the verdict records and the lookups hold now; NoAccess where the verdict object is not installed."""
        if not self._org.schema.reads(own.VERDICT, *own.PLACES[own.VERDICT]):
            raise NoAccess(
                f"{own.VERDICT} is not there or not wholly readable: install it as connectors/salesforce/README.md "
                "says, and give its permission set to the integration user"
            )
        found: dict[str, dict[str, Fields]] = {deal: {} for deal in deals}
        verdicts = self._org.children(own.VERDICT, own.KEY, ids=deals, only=("Id", *own.PLACES[own.VERDICT]))
        for deal, (row, *_) in verdicts.items():
            found[deal][own.VERDICT] = own.shown(row, own.VERDICT)
        if self._linkable():
            links = self._org.children(own.DEAL, "Id", ids=deals, only=("Id", *own.PLACES[own.DEAL]))
            for deal, (row, *_) in links.items():
                found[deal][own.DEAL] = own.shown(row, own.DEAL)
        return found

    def write(self, writes: Sequence[Write]) -> Sequence[Receipt]:
        """Upsert the verdicts, then set the lookups that are not set yet, read all of it back; one receipt each."""
        for each in writes:
            own.record(each)  # whatever is not ours stops everything before anything is sent
        refused = self._saved(f"composite/sobjects/{own.VERDICT}/{own.KEY}", _at(own.VERDICT, writes))
        links = [each for each in _at(own.DEAL, writes) if not own.linked(each)]
        refused |= {_key(each): WITHOUT_VERDICT for each in links if (each.deal, own.VERDICT) in refused}
        if not self._linkable():
            refused |= {_key(each): NO_LOOKUP for each in links}
        refused |= self._saved("composite/sobjects", [each for each in links if _key(each) not in refused])
        now = self.shown(sorted({each.deal for each in writes if _key(each) not in refused}))
        return [_receipt(each, refused.get(_key(each)), now=now) for each in writes]

    def address(self, kind: str, record_id: str) -> str | None:
        """The record's address in the org; None for what has no page of its own."""
        return f"https://{self._org.options.host}/{record_id}" if kind in KINDS and is_id(record_id) else None

    def _pages(self, kind: str, source: Source, *, after: str) -> Iterator[Page]:
        while True:
            rows = self._org.page(source.object, after, where=source.where, everything=source.everything)
            if not rows:
                yield Page(kind=kind, stream=f"{kind}/{source.object}")
                return
            after = required(rows[-1], "Id")
            found = tuple(source.records(self._org, rows))
            yield Page(kind=kind, stream=f"{kind}/{source.object}", rows=found, cursor=f"{source.object}:{after}")
            if len(rows) < PAGE:
                return

    def _saved(self, path: str, writes: Sequence[Write]) -> dict[tuple[str, str], str]:
        """Send writes in batches; the reasons of those that were refused."""
        refused: dict[tuple[str, str], str] = {}
        for start in range(0, len(writes), MOST_RECORDS):
            batch = writes[start : start + MOST_RECORDS]
            reasons = self._org.gateway.save(path, [own.record(each) for each in batch])
            refused |= {_key(each): reason for each, reason in zip(batch, reasons, strict=True) if reason}
        return refused

    def _linkable(self) -> bool:
        return self._org.schema.reads(own.DEAL, own.LOOKUP)


def _key(write: Write) -> tuple[str, str]:
    return write.deal, write.place


def _at(place: str, writes: Sequence[Write]) -> list[Write]:
    return [each for each in writes if each.place == place]


def _receipt(write: Write, refused: str | None, *, now: Mapping[str, Mapping[str, Fields]]) -> Receipt:
    if refused:
        return Receipt(write, ok=False, reason=refused)
    other = own.differing(write.after, now.get(write.deal, {}).get(write.place))
    return Receipt(write, ok=not other, reason=f"read back, {', '.join(other)} holds something else" if other else None)
