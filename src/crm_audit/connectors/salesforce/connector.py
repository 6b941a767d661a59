"""Salesforce, as the rest of the program sees it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime

import requests

from crm_audit import crash
from crm_audit.config import Connection
from crm_audit.connectors.base import Calls, Fields, Gap, Page, Reading, Receipt, Write
from crm_audit.connectors.salesforce import ingest, kit, own
from crm_audit.connectors.salesforce.bypass import lacks_permission
from crm_audit.connectors.salesforce.gateway import MOST_RECORDS, Gateway
from crm_audit.connectors.salesforce.login import login_of
from crm_audit.connectors.salesforce.options import Options, options
from crm_audit.connectors.salesforce.org import Org
from crm_audit.connectors.salesforce.reading import is_id
from crm_audit.connectors.salesforce.rounds import read
from crm_audit.connectors.salesforce.survey import survey
from crm_audit.domain import KINDS, Account, Annotation, Stage, Survey
from crm_audit.errors import NoAccess

KIT = "run `crm-audit provision salesforce`, which says what is missing"
WITHOUT_VERDICT = "its verdict was refused, so there is nothing to point at"
NO_LOOKUP = f"Opportunity.{own.LOOKUP} is not there or cannot be read; install it, or do without the link"

VERDICTS, DEALS = ingest.Target(own.VERDICT, own.KEY), ingest.Target(own.DEAL)
BULK_BATCH = 10_000
"""Deals in a Bulk job; Salesforce itself cuts a job into batches of so many."""

_BEATS = f"composite/sobjects/{own.CONNECTION}/{own.CONNECTION_KEY}"


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
        share=connection.quota_share,
    )
    return SalesforceConnector(gateway, connection, options=chosen)


class SalesforceConnector:
    """One connected org."""

    vendor = "salesforce"

    def __init__(self, gateway: Gateway, connection: Connection, *, options: Options) -> None:
        self._gateway = gateway
        self._connection = connection
        self._options = options
        self._registered = False
        self._seen: Org | None = Org(gateway, connection, options=options)  # which checks the settings

    @property
    def calls(self) -> Calls:
        """The calls made so far."""
        return self._gateway.calls

    @property
    def usage(self) -> tuple[int, int] | None:
        """The org's calls used and allowed in 24 hours, by its last answer; None before the first."""
        return self._gateway.allowance.usage

    def allowed(self) -> int | None:
        """The org's calls of 24 hours."""
        return self.usage[1] if self.usage else None

    @property
    def _org(self) -> Org:
        """The org as it was last opened: what `account` and `survey` learn serves the next `read`."""
        if self._seen is None:
            self._gateway.allowance.begin()
            self._seen = Org(self._gateway, self._connection, options=self._options)
        return self._seen

    def account(self) -> Account:
        """Who we are connected to; raises BadLogin or Retry."""
        self._seen = None
        return self._org.account

    def survey(self) -> Survey:
        """What cannot be read or is not mapped in this org."""
        return survey(self._org)

    def stages(self) -> Sequence[Stage]:
        """The stages of every sales process."""
        return list(self._org.stages())

    def read(self, reading: Reading) -> Iterator[Page | Gap]:
        """What a run asks; see `rounds`. The next run opens the org anew; a short one takes the schema as it was."""
        if reading.reach != "all":
            self._gateway.allowance.begin()
            self._seen = self._org.again()
        try:
            yield from read(lambda: self._org, reading)
        finally:
            self._seen = self._seen if reading.reach != "all" else None

    def wanted(self, deal: str, annotation: Annotation) -> Mapping[str, Fields]:
        """What the verdict record and the lookup to it must hold. Pure."""
        return own.wanted(deal, annotation, key=self._options.connection_key)

    def ungated(self, annotation: Annotation) -> str | None:
        """Why this deal cannot be gated though stages are refused or warned of; None where it can. Pure."""
        return own.ungated(annotation)

    def batch(self, deals: int) -> int:
        """As many records as one call of Collections takes, or one batch inside a Bulk job."""
        return MOST_RECORDS if deals <= ingest.WORTH else BULK_BATCH

    @property
    def restores(self) -> Mapping[str, Collection[str]]:
        """What a verdict says. The record and the link to it stay, since unlinking would touch the deal."""
        return {own.VERDICT: own.SAID}

    @property
    def gate(self) -> Mapping[str, Collection[str]]:
        """The lists of stages that the validation rules read."""
        return {own.VERDICT: own.STAGES.values()}

    def halt(self) -> None:
        """End Bulk jobs on verdicts. Those on deals set each one's link to what it is set to in any case."""
        ingest.halt(self._gateway, own.VERDICT)

    def lacks(self) -> list[str]:
        """What of our kit is missing in the org, one line each; one call per object, and nothing is changed."""
        return kit.missing({name: self._gateway.describe(name) for name in kit.KIT})

    def beat(self, at: datetime) -> None:
        """Say in the org that a complete run ended at that instant: one call; NoAccess where the org refuses it."""
        (reason,) = self._gateway.save(_BEATS, [own.heartbeat(self._options.connection_key, at)])
        if reason:
            raise NoAccess(f"Salesforce refused the heartbeat of {own.CONNECTION}: {reason}; {KIT}")

    def shown(self, deals: Sequence[str]) -> Mapping[str, Mapping[str, Fields]]:
        """What the verdict records and the lookups hold now; NoAccess where the verdict object is not installed."""
        if not self._org.schema.reads(own.VERDICT, *own.PLACES[own.VERDICT]):
            raise NoAccess(f"{own.VERDICT} is not there or not wholly readable: {KIT}")
        found: dict[str, dict[str, Fields]] = {deal: {} for deal in deals}
        verdicts = self._org.children(own.VERDICT, own.KEY, ids=deals, only=("Id", *own.PLACES[own.VERDICT]))
        for deal, (row, *_) in verdicts.items():
            found[deal][own.VERDICT] = own.shown(row, own.VERDICT)
        if self._linkable():
            links = self._org.children(own.DEAL, "Id", ids=deals, only=("Id", *own.PLACES[own.DEAL]))
            for deal, (row, *_) in links.items():
                found[deal][own.DEAL] = own.shown(row, own.DEAL)
            return {deal: places for deal, places in found.items() if deal in links}  # the others are deleted
        return found

    def write(self, writes: Sequence[Write]) -> Sequence[Receipt]:
        """Upsert the verdicts, then set the lookups that are not set yet, read all of it back; one receipt each."""
        for each in writes:
            own.record(each)  # whatever is not ours stops everything before anything is sent
        if any(own.BEATS in each.after for each in writes):
            self._register()
        refused = self._saved(VERDICTS, _at(own.VERDICT, writes))
        crash.at("P3")
        links = [each for each in _at(own.DEAL, writes) if not own.linked(each)]
        refused |= {_key(each): WITHOUT_VERDICT for each in links if (each.deal, own.VERDICT) in refused}
        if not self._linkable():
            refused |= {_key(each): NO_LOOKUP for each in links}
        refused |= self._saved(DEALS, [each for each in links if _key(each) not in refused])
        now = self.shown(sorted({each.deal for each in writes if _key(each) not in refused}))
        return [_receipt(each, refused.get(_key(each)), now=now) for each in writes]

    def lacks_bypass(self, name: str) -> str | None:
        """Why there is no custom permission of that name that lets its holders past the gate; None where there is."""
        return lacks_permission(self._org, name)

    def address(self, kind: str, record_id: str) -> str | None:
        """The record's address in the org; None for what has no page of its own."""
        return f"https://{self._options.host}/{record_id}" if kind in KINDS and is_id(record_id) else None

    def _register(self) -> None:
        """Make sure, once, that there is a connection record for verdicts to point at."""
        if not self._registered:
            (reason,) = self._gateway.save(_BEATS, [own.heartbeat(self._options.connection_key)])
            if reason:
                raise NoAccess(f"Salesforce refused a record of {own.CONNECTION}: {reason}; {KIT}")
            self._registered = True

    def _saved(self, target: ingest.Target, writes: Sequence[Write]) -> dict[tuple[str, str], str]:
        """Send writes in batches, or as a Bulk job where they are many; the reasons of those that were refused."""
        records = [own.record(each) for each in writes]
        if len(writes) > ingest.WORTH:
            reasons = ingest.save(self._gateway, target, records)
        else:
            starts = range(0, len(records), MOST_RECORDS)
            batches = (self._gateway.save(target.path, records[at : at + MOST_RECORDS]) for at in starts)
            reasons = [reason for batch in batches for reason in batch]
        return {_key(each): reason for each, reason in zip(writes, reasons, strict=True) if reason}

    def _linkable(self) -> bool:
        return self._org.schema.reads(own.DEAL, own.LOOKUP)


def _key(write: Write) -> tuple[str, str]:
    return write.deal, write.place


def _at(place: str, writes: Sequence[Write]) -> list[Write]:
    return [each for each in writes if each.place == place]


def _receipt(write: Write, refused: str | None, *, now: Mapping[str, Mapping[str, Fields]]) -> Receipt:
    if refused:
        return Receipt(write, ok=False, reason=refused)
    if write.deal not in now:
        return Receipt(write, ok=False, reason="the deal was gone when it was read back")
    other = own.differing(write.after, now[write.deal].get(write.place))
    if other:
        reason = f"read back, {', '.join(other)} holds something else"
        return Receipt(write, ok=False, reason=reason, overwritten=True)
    return Receipt(write, ok=True)
