"""Everything that one org holds, and one call on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.salesforce.catalog import OrgCatalog
from crm_audit.emulator.salesforce.intakes import Intakes
from crm_audit.emulator.salesforce.jobs import Jobs
from crm_audit.emulator.salesforce.late import Late
from crm_audit.emulator.salesforce.ledger import Ledger
from crm_audit.emulator.salesforce.login import Gatehouse
from crm_audit.emulator.salesforce.queries import Cursors
from crm_audit.emulator.salesforce.records import Records
from crm_audit.emulator.salesforce.schema import Schema
from crm_audit.emulator.salesforce.writing import Actor, Writer
from crm_audit.emulator.server import Request, Response
from crm_audit.emulator.soql.refusal import Refusal
from crm_audit.emulator.soql.schema import Entity

IN_THE_BIN = timedelta(days=15)
"""How long deleted records wait in the recycle bin."""


@dataclass(slots=True, kw_only=True)
class State:
    """The parts of an org; `domain` is its My Domain, as in `https://<domain>.my.salesforce.com`."""

    clock: Clock
    schema: Schema
    records: Records
    writer: Writer
    catalog: OrgCatalog
    domain: str
    organisation: str = ""
    user: str = ""
    forgotten: datetime
    """Deletions before this are no longer known of."""
    processes: dict[str, frozenset[str]] = field(default_factory=dict)
    """The stages of each sales process that was restricted."""
    late: list[Late] = field(default_factory=list)
    cursors: Cursors = field(default_factory=Cursors)
    jobs: Jobs = field(default_factory=Jobs)
    intakes: Intakes = field(default_factory=Intakes)
    ledger: Ledger = field(default_factory=Ledger)
    gatehouse: Gatehouse = field(default_factory=Gatehouse)

    def catch_up(self) -> None:
        """Do what the clock has made due: commit what was held back, purge what lay in the recycle bin too long."""
        now = self.clock.now()
        due = [late for late in self.late if late.due <= now]
        self.late = [late for late in self.late if late.due > now]
        with self.records.atomic():
            for late in sorted(due, key=lambda late: late.due):
                late.commit(self.records)
            self.writer.empty(now - IN_THE_BIN)
        self.writer.automations.catch_up()


@dataclass(frozen=True, slots=True)
class Call:
    """One call to the REST API, matched to its resource."""

    state: State
    request: Request
    version: str
    parts: Mapping[str, str]
    dispatch: Callable[[Request], Response]
    """Answers a subrequest of a composite."""

    @property
    def data(self) -> str:
        """The path of the API's root."""
        return f"/services/data/{self.version}"

    @property
    def sobjects(self) -> str:
        """The path under which records are found."""
        return f"{self.data}/sobjects"

    @property
    def actor(self) -> Actor:
        """Whoever logged in."""
        return Actor(self.state.user)

    def entity(self) -> Entity:
        """The object that the path names; raises Refusal (NOT_FOUND)."""
        entity = self.state.schema.visible(self.parts["object"])
        if entity is None:
            raise missing()
        return entity

    def body(self) -> Mapping[str, Any]:
        """The JSON object of the body with exact numbers; raises Refusal (JSON_PARSER_ERROR)."""
        try:
            body = json.loads(self.request.body, parse_float=Decimal, parse_constant=_refuse)
        except ValueError as error:
            raise Refusal("JSON_PARSER_ERROR", f"Unexpected character at [line:1, column:1]: {error}") from None
        if not isinstance(body, Mapping):
            raise Refusal("JSON_PARSER_ERROR", "The HTTP entity body must be an object, but it is not")
        return body


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def missing() -> Refusal:
    """There is no such resource."""
    return Refusal("NOT_FOUND", "The requested resource does not exist", status=404)
