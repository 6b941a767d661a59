"""One org as it is seen when a run opens it: what may be read of it, who it is, and what its words mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from crm_audit.config import Connection
from crm_audit.connectors.options import RECHECK, topics_named
from crm_audit.connectors.salesforce import records
from crm_audit.connectors.salesforce.asking import Failed, Found, Order, Query, among, asked
from crm_audit.connectors.salesforce.gateway import Call, Gateway, Part, an_object, passing
from crm_audit.connectors.salesforce.history import STATES
from crm_audit.connectors.salesforce.options import Options, mapped_fields
from crm_audit.connectors.salesforce.reading import Row, flag, required, text
from crm_audit.connectors.salesforce.schema import OBJECTS, Schema
from crm_audit.connectors.salesforce.terms import NO_PROCESS, Terms
from crm_audit.domain import Account, Stage
from crm_audit.errors import BadLogin, CrmAuditError, FixConfig, NoAccess, Retry
from crm_audit.zones import zone

NUMBERS = ("currency", "double", "int", "long", "percent")
DATES = ("date", "datetime")
TYPES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("amount", "budget", "fit_score"), NUMBERS),
    **dict.fromkeys(("close_date", "fit_assessed", "left_on"), DATES),
    "company": ("reference",),
}
"""What a mapped field must be to mean anything: a budget may be a traffic light in one org and a sum in another."""


BASICS = ("Organization", "CurrencyType", "BusinessProcess", "RecordType", "OpportunityStage")
"""Few rows each, and needed whole before anything else: one call."""


class Org:
    """The org behind one gateway, as it was when it was first asked something, with the connection's settings."""

    def __init__(self, gateway: Gateway, connection: Connection, *, options: Options) -> None:
        self.gateway = gateway
        self.connection = connection
        self.options = options
        self.mapped = mapped_fields(connection)
        self._extra = _extra(self.mapped, connection, options=options)
        self._stages_of: dict[str, tuple[str, ...] | None] = {}

    def again(self) -> Org:
        """The same org, to be asked anew for all but what may be read of it."""
        fresh = Org(self.gateway, self.connection, options=self.options)
        if "schema" in vars(self):
            fresh.schema = self.schema
        return fresh

    @cached_property
    def schema(self) -> Schema:
        """What may be read: all objects described in one call, and by itself what that call was too busy to tell."""
        schema = Schema(self.gateway.describe, self._extra)
        names = list(dict.fromkeys((*OBJECTS, self.options.quotes.object)))
        parts = self.gateway.composite("describe", [f"sobjects/{name}/describe" for name in names])
        told = [(name, part) for name, part in zip(names, parts, strict=True) if not passing(part.error)]
        schema.know({name: _described(part) for name, part in told})
        return schema

    @cached_property
    def basics(self) -> Mapping[str, Sequence[Row]]:
        """The rows of the few objects that say what the org is."""
        wheres = {"RecordType": ("SobjectType = 'Opportunity'",)}
        readable = [name for name in BASICS if self.schema.reads(name)]
        found = self.rows([self.query(name, name, where=wheres.get(name, ())) for name in readable])
        return {name: found.get(name, []) for name in BASICS}

    @cached_property
    def now(self) -> datetime:
        """Salesforce's own time when this org was opened: nothing that this run reads is newer than its mark."""
        _ = self.basics
        return self.gateway.now

    @cached_property
    def account(self) -> Account:
        """Who we are connected to."""
        found = next(iter(self.basics["Organization"]), None)
        if found is None:
            raise NoAccess("Salesforce does not show the Organization record: give the integration user API access")
        return Account(
            id=required(found, "Id"),
            name=text(found, "Name") or "",
            zone=self.connection.zone or _zone(text(found, "TimeZoneSidKey")),
            currency=self.connection.currency or self._corporate() or _currency(found),
            user=self.gateway.user(),
        )

    @cached_property
    def terms(self) -> Terms:
        """What this org's words mean."""
        lookups = {name: role for name, role in self.connection.roles.items() if is_lookup(name)}
        readable = self.schema.fields("Opportunity")
        return Terms(
            zone=ZoneInfo(self.account.zone),
            currency=self.account.currency,
            options=self.options,
            fields={name: field for name, (_, field) in self.mapped.items() if self.tells(name)},
            roles={name.strip().casefold(): role for name, role in self.connection.roles.items()},
            lookups={name: role for name, role in lookups.items() if name in readable},
            topics={kind: topics_named(tuple(named)) for kind, named in self.connection.topics.items()},
            pipelines=self._pipelines(),
            stages=self._stages(),
        )

    @cached_property
    def tracked(self) -> tuple[tuple[str, ...], dict[str, str]]:
        """Our fields whose changes OpportunityHistory tells, and the others with their own field, for tracked edits.

        OpportunityHistory knows standard fields only; another field mapped as the amount leaves its own edits.
        """
        by_state = []
        by_field = {}
        for name, (field, _) in STATES.items():
            mapped = self.mapped[name][1] if name in self.mapped else field
            if mapped == field and self.schema.reads("OpportunityHistory", field):
                by_state.append(name)
            elif self.schema.reads("OpportunityFieldHistory"):
                by_field[mapped] = name
        return tuple(by_state), by_field

    def tells(self, name: str) -> bool:
        """Whether what we call `name` is mapped to a field that can be read and is of a fitting type."""
        owner, field = self.mapped.get(name, ("", ""))
        found = self.schema.fields(owner).get(field) if owner else None
        if found is None:
            return False
        return found.type in (DATES if name.startswith(RECHECK) else TYPES.get(name, (found.type,)))

    def quotes_tell(self, name: str) -> bool:
        """Whether an object, if it is the one of quotes, says of each its status, its deal and its contact."""
        asked = self.options.quotes
        return name != asked.object or self.schema.reads(name, asked.status, asked.deal, asked.contact)

    def query(
        self, name: str, object: str, *, where: Sequence[str] = (), order: Order = "none", only: Sequence[str] = ()
    ) -> Query:
        """A query of names that describe has listed and ids that look like ids; nothing else gets in."""
        select = tuple(only) or self.schema.selected(object)
        if "IsDeleted" in self.schema.fields(object):
            select = tuple(dict.fromkeys((*select, "IsDeleted")))
        return Query(name=name, object=object, select=select, where=tuple(where), order=order)

    def rows(self, queries: Iterable[Query]) -> dict[str, list[Row]]:
        """All rows of a set of small queries by the name of the query; the first that fails raises."""
        found: dict[str, list[Row]] = {}
        for answer in asked(self.gateway, queries):
            if isinstance(answer, Failed):
                raise answer.error
            if isinstance(answer, Found):
                found.setdefault(answer.query.name, []).extend(answer.rows)
        return found

    def children(self, name: str, field: str, *, ids: Iterable[str], only: tuple[str, ...]) -> dict[str, list[Row]]:
        """Rows of an object by the record that their `field` names."""
        if not self.schema.reads(name, field):
            return {}
        queries = [self.query(where, name, where=(where,), only=only) for where in among(field, ids)]
        found: dict[str, list[Row]] = {}
        for rows in self.rows(queries).values():
            for row in rows:
                if not flag(row, "IsDeleted"):
                    found.setdefault(required(row, field), []).append(row)
        return found

    def stages_of(self, process: str) -> tuple[str, ...] | None:
        """The API names of the stages of a sales process in its order; None where Salesforce does not tell."""
        if process not in self._stages_of:
            kinds = {self.terms.pipelines[each]: each for each in self._active()}
            self._stages_of[process] = self._picked(kinds[process]) if process in kinds else None
        return self._stages_of[process]

    def stages(self) -> Iterator[Stage]:
        """The stages of every sales process, asked for where the processes are."""
        processes = sorted(set(self.terms.pipelines.values()) - {NO_PROCESS})
        told = {NO_PROCESS: None, **{process: self.stages_of(process) for process in processes}}
        return records.stages(self.basics["OpportunityStage"], told)

    def _active(self) -> list[str]:
        return [required(row, "Id") for row in self.basics["RecordType"] if row.get("IsActive") is not False]

    def _picked(self, record_type: str) -> tuple[str, ...] | None:
        path = f"ui-api/object-info/Opportunity/picklist-values/{record_type}/StageName"
        nothing: Row = {}
        try:
            values = self.gateway.ask(Call("picklist", path), an_object, absent=nothing).get("values")
        except CrmAuditError as error:
            if isinstance(error, (Retry, BadLogin)):
                raise
            values = None
        told = [text(each, "value") for each in values if isinstance(each, Mapping)] if isinstance(values, list) else []
        return tuple(name for name in told if name) or None

    def _pipelines(self) -> dict[str, str]:
        names = {required(row, "Id"): text(row, "Name") or NO_PROCESS for row in self.basics["BusinessProcess"]}
        return {
            required(row, "Id"): names.get(text(row, "BusinessProcessId") or "", NO_PROCESS)
            for row in self.basics["RecordType"]
        }

    def _stages(self) -> dict[str, str]:
        """Stage labels with their API names; a label that is another stage's API name means that other stage."""
        names = {required(row, "ApiName"): text(row, "MasterLabel") for row in self.basics["OpportunityStage"]}
        return {label: name for name, label in names.items() if label and label not in names}

    def _corporate(self) -> str | None:
        return next((text(row, "IsoCode") for row in self.basics["CurrencyType"] if flag(row, "IsCorporate")), None)


def is_lookup(name: str) -> bool:
    """Whether a key of `roles` is a field on the deal; every other key is a value of the role field."""
    return name.endswith("__c")


def _extra(
    mapped: Mapping[str, tuple[str, str]], connection: Connection, *, options: Options
) -> dict[str, frozenset[str]]:
    wanted: dict[str, set[str]] = {}
    for owner, field in mapped.values():
        wanted.setdefault(owner, set()).add(field)
    wanted.setdefault("Opportunity", set()).update(filter(is_lookup, connection.roles))
    quotes = options.quotes
    fields = (quotes.deal, quotes.contact, quotes.status, quotes.total, quotes.signed_on)
    wanted.setdefault(quotes.object, set()).update(field for field in fields if field)
    return {name: frozenset(fields) for name, fields in wanted.items()}


def _zone(name: str | None) -> str:
    if not name:
        raise FixConfig("the org's time zone cannot be read; set `zone` of this connection, as 'America/New_York'")
    if zone(name) is None:
        raise FixConfig(f"the org's time zone {name!r} is not known here; set `zone` of this connection")
    return name


def _currency(found: Row) -> str:
    code = text(found, "DefaultCurrencyIsoCode")
    if not code:
        raise FixConfig("an org with one currency does not tell which; set `currency` of this connection, as 'USD'")
    return code


def _described(part: Part) -> Row | None:
    """An object's description, None where it cannot be seen; raises what may pass."""
    if part.error is None:
        return an_object(part.body)
    if isinstance(part.error, NoAccess):
        return None
    raise part.error
