"""One org as it is asked: rows of an object page by page, what belongs to them, and what its words mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from zoneinfo import ZoneInfo

from crm_audit.config import Connection
from crm_audit.connectors.options import RECHECK, topics_named
from crm_audit.connectors.salesforce.gateway import Gateway
from crm_audit.connectors.salesforce.options import Options, mapped_fields
from crm_audit.connectors.salesforce.reading import Row, flag, is_id, required, text
from crm_audit.connectors.salesforce.schema import Schema
from crm_audit.connectors.salesforce.terms import NO_PROCESS, Terms
from crm_audit.domain import Account
from crm_audit.errors import FixConfig, Incomplete, NoAccess
from crm_audit.zones import zone

PAGE = 2_000
"""Rows of one page, and the most that Salesforce gives in one answer."""
MOST_IDS = 2_000
"""Ids in one query: 21 characters each, of the 100,000 that a query may have."""

NUMBERS = ("currency", "double", "int", "long", "percent")
DATES = ("date", "datetime")
TYPES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("amount", "budget", "fit_score"), NUMBERS),
    **dict.fromkeys(("close_date", "fit_assessed", "left_on"), DATES),
    "company": ("reference",),
}
"""What a mapped field must be to mean anything: a budget may be a traffic light in one org and a sum in another."""


class Org:
    """The org behind one gateway, with the connection's settings."""

    def __init__(self, gateway: Gateway, connection: Connection, *, options: Options) -> None:
        self.gateway = gateway
        self.connection = connection
        self.options = options
        self.mapped = mapped_fields(connection)
        self.schema = Schema(gateway.describe, _extra(self.mapped, connection, options=options))

    @cached_property
    def account(self) -> Account:
        """Who we are connected to."""
        found = next(self.rows("Organization"), None)
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

    def rows(self, name: str, where: str = "", *, everything: bool = False) -> Iterator[Row]:
        """All rows of an object, with what may be read of them; none where the object itself may not be."""
        if self.schema.reads(name):
            yield from self.gateway.query(self._soql(name, where), everything=everything)

    def page(self, name: str, after: str, *, where: str = "", everything: bool = False) -> list[Row]:
        """The next rows by id: a page can be asked for again at any time, and no server-side cursor runs out."""
        if after and not is_id(after):
            raise Incomplete(f"{after!r} is no place to go on reading {name} from; start the pull again")
        conditions = [each for each in (where, f"Id > '{after}'" if after else "") if each]
        order = f"ORDER BY Id LIMIT {PAGE}"
        return list(self.rows(name, f"{_where(conditions)} {order}".strip(), everything=everything))

    def children(
        self, name: str, field: str, *, ids: Iterable[str], only: tuple[str, ...] = ()
    ) -> dict[str, list[Row]]:
        """Rows of an object by the record that their `field` names; never a subquery, whose rows come in part."""
        found: dict[str, list[Row]] = {}
        if not self.schema.reads(name, field):
            return found
        live = " AND IsDeleted = false" if "IsDeleted" in self.schema.fields(name) else ""
        for some in _chunks([each for each in dict.fromkeys(ids) if is_id(each)]):
            listed = ",".join(f"'{each}'" for each in some)
            where = f"WHERE {field} IN ({listed}){live}"
            for row in self.gateway.query(self._soql(name, where, only=only), everything=True):
                found.setdefault(required(row, field), []).append(row)
        return found

    def _soql(self, name: str, rest: str, *, only: tuple[str, ...] = ()) -> str:
        """A query of names that describe has listed and ids that look like ids; nothing else gets in."""
        return " ".join(("SELECT", ", ".join(only or self.schema.selected(name)), "FROM", name, rest)).strip()

    def _pipelines(self) -> dict[str, str]:
        names = {required(row, "Id"): text(row, "Name") or NO_PROCESS for row in self.rows("BusinessProcess")}
        types = self.rows("RecordType", "WHERE SobjectType = 'Opportunity'")
        return {required(row, "Id"): names.get(text(row, "BusinessProcessId") or "", NO_PROCESS) for row in types}

    def _stages(self) -> dict[str, str]:
        """Stage labels with their API names; a label that is another stage's API name means that other stage."""
        names = {required(row, "ApiName"): text(row, "MasterLabel") for row in self.rows("OpportunityStage")}
        return {label: name for name, label in names.items() if label and label not in names}

    def _corporate(self) -> str | None:
        return next((text(row, "IsoCode") for row in self.rows("CurrencyType") if flag(row, "IsCorporate")), None)


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


def _where(conditions: Sequence[str]) -> str:
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), MOST_IDS):
        yield ids[start : start + MOST_IDS]
