"""A Salesforce org in memory: loaded and played in time from Python, read and written over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from crm_audit.emulator.automation import Automations
from crm_audit.emulator.clock import Clock
from crm_audit.emulator.salesforce import rest
from crm_audit.emulator.salesforce.catalog import OrgCatalog
from crm_audit.emulator.salesforce.intakes import Intakes
from crm_audit.emulator.salesforce.jobs import Jobs
from crm_audit.emulator.salesforce.late import Late
from crm_audit.emulator.salesforce.ledger import Ledger
from crm_audit.emulator.salesforce.loading import load
from crm_audit.emulator.salesforce.login import Gatehouse
from crm_audit.emulator.salesforce.records import Records
from crm_audit.emulator.salesforce.schema import Schema, definitions, spell
from crm_audit.emulator.salesforce.state import State
from crm_audit.emulator.salesforce.values import converted
from crm_audit.emulator.salesforce.writing import Actor, Predicate, Writer
from crm_audit.emulator.server import Request, Response
from crm_audit.emulator.soql.evaluate import answer as soql_answer
from crm_audit.emulator.soql.schema import Row, Value

TRACKED = ("StageName", "Amount", "CloseDate", "Probability", "NextStep", "OwnerId")
"""Opportunity fields whose changes a new org keeps in OpportunityFieldHistory."""


class SalesforceOrg:
    """An emulated org; serve it with `emulator.server.serve`.

    What Python writes, an admin wrote; what comes over HTTP, the integration user wrote. `tracked`, `calls.daily` and
    the credentials in `gatehouse` can be changed.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        zone: str = "America/New_York",
        currency: str = "USD",
        name: str = "Example Sales Org",
        **features: bool,
    ) -> None:
        """A new org; `features` switches on or off what `schema.FEATURES` lists, such as multi_currency=True."""
        schema, records = Schema(**features), Records()
        self.tracked = list(TRACKED)
        self.clock = clock
        self.automations = Automations(clock)
        self._state = State(
            clock=clock,
            schema=schema,
            records=records,
            writer=Writer(schema, records, clock, currency, self.tracked, self.automations),
            catalog=OrgCatalog(schema, records, clock, ZoneInfo(zone)),
            domain="emulated",
            forgotten=clock.now(),
        )
        self.admin = records.issue(schema.whole("User"))
        self._found(name, zone, currency=currency)

    def _found(self, name: str, zone: str, *, currency: str) -> None:
        """What every org begins with: itself, two users, its stages and its currency."""
        state, users = self._state, self._state.schema.whole("User")
        multi_currency = state.schema.features["multi_currency"]
        who: Row = {"Username": "admin@seller.example", "LastName": "Admin", "Name": "Admin", "IsActive": True}
        now = state.clock.now().replace(microsecond=0)
        when = dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), now)
        first: Row = {"Id": self.admin, "CreatedById": self.admin, "LastModifiedById": self.admin, **who, **when}
        with state.records.atomic():
            state.records.put(users, self.admin, row=first)
        state.user = self.insert("User", Username=state.gatehouse.username, LastName="Integration")
        own: dict[str, object] = {"Name": name, "TimeZoneSidKey": zone, "OrganizationType": "Enterprise Edition"}
        if multi_currency:
            own["DefaultCurrencyIsoCode"] = currency
        with state.records.atomic():
            state.organisation = state.writer.create("Organization", own, actor=Actor(self.admin, loading=True))
        if multi_currency:
            self.insert("CurrencyType", IsoCode=currency, ConversionRate=1, DecimalPlaces=2, IsCorporate=True)
        for label, order, probability, forecast in definitions("stages")["stages"]:
            self.insert(
                "OpportunityStage",
                MasterLabel=label,
                ApiName=label,
                SortOrder=order,
                DefaultProbability=probability,
                ForecastCategory=forecast,
                ForecastCategoryName=forecast,
                IsClosed=label.startswith("Closed"),
                IsWon=label == "Closed Won",
            )

    @property
    def integration_user(self) -> str:
        """The id of the user as whom calls over HTTP are made."""
        return self._state.user

    @property
    def organisation(self) -> str:
        """The org's own id."""
        return self._state.organisation

    @property
    def domain(self) -> str:
        """The My Domain for simple-salesforce: `emulated.my`."""
        return f"{self._state.domain}.my"

    @property
    def calls(self) -> Ledger:
        """The calls made so far, and the day's allowance."""
        return self._state.ledger

    @property
    def gatehouse(self) -> Gatehouse:
        """The client id and secret that may log in."""
        return self._state.gatehouse

    @property
    def jobs(self) -> Jobs:
        """The Bulk API query jobs, with the settings of how they go."""
        return self._state.jobs

    @property
    def intakes(self) -> Intakes:
        """The Bulk API jobs for writing, with the settings of how they go."""
        return self._state.intakes

    def answer(self, request: Request, *, base: str) -> Response:
        """Answer one call over HTTP."""
        return rest.answer(self._state, request, base=base)

    def insert(self, object: str, /, *, history: bool = True, **fields: object) -> str:
        """Create a record and give its id; stamps and derived fields may be set. Raises Refusal.

        `history=False` leaves out the history of an Opportunity, for one whose history rows are inserted themselves.
        """
        with self._state.records.atomic():
            return self._state.writer.create(object, fields, actor=Actor(self.admin, loading=True), history=history)

    def load(self, object: str, rows: Iterable[Mapping[str, Value]], /) -> list[str]:
        """Store many finished rows as they are and give their ids: for orgs with millions of them.

        Nothing is checked, derived or kept in a history; values are as `rows` gives them (Decimal, date, aware UTC
        datetime). A row without an Id gets one; stamps, authors and owner are now and the admin unless given.
        """
        return load(self._state, self._state.schema.whole(object), rows, author=self.admin)

    def update(self, object: str, record: str, /, **fields: object) -> None:
        """Change a record now; raises Refusal."""
        with self._state.records.atomic():
            self._state.writer.update(object, record, values=fields, actor=Actor(self.admin, loading=True))

    def touch(self, object: str, record: str, /, **fields: object) -> None:
        """Change a record as automation does: SystemModstamp moves, LastModifiedDate does not."""
        with self._state.records.atomic():
            self._state.writer.touch(object, record, values=fields)

    def clone(self, object: str, record: str, /) -> str:
        """A copy as a user makes one: every field that may be set, lookups included, comes with it; raises Refusal."""
        row, entity = self.row(object, record) or {}, self._state.schema.whole(object)
        copied = {name: value for name, value in row.items() if entity.fields[name].createable and name != "Id"}
        with self._state.records.atomic():
            return self._state.writer.create(object, copied, actor=Actor(self.admin, loading=True))

    def flow(self, user: str, object: str, record: str, /, **fields: object) -> None:
        """Change a record as a flow does: in the name of whoever set it off, and under every rule; raises Refusal."""
        with self._state.records.atomic():
            self._state.writer.update(object, record, values=fields, actor=Actor(user, loading=True))

    def delete(self, object: str, record: str, /) -> None:
        """Delete a record and what belongs to it; raises Refusal."""
        with self._state.records.atomic():
            self._state.writer.remove(object, record, actor=Actor(self.admin, loading=True))

    def undelete(self, object: str, record: str, /) -> None:
        """Take a record and what was deleted with it out of the recycle bin; raises Refusal."""
        with self._state.records.atomic():
            self._state.writer.undelete(object, record, actor=Actor(self.admin, loading=True))

    def purge(self, object: str, record: str, /) -> None:
        """Delete a record past the recycle bin, as a hard delete or an emptied bin does; only getDeleted tells."""
        with self._state.records.atomic():
            self._state.writer.purge(object, record, actor=Actor(self.admin, loading=True))

    def forget_deletions(self) -> None:
        """Empty the recycle bin and the log of deletions now, as Salesforce does with a log that grew too long."""
        self._state.forgotten = self.clock.now()
        with self._state.records.atomic():
            self._state.writer.empty(self.clock.now())

    @contextmanager
    def late(self, seconds: float) -> Iterator[None]:
        """Let what is written inside be seen only after that much time, with the stamps of now: a long transaction."""
        now = self.clock.now()
        with self._state.records.held_back() as changes:
            yield
        self._state.late.append(Late(now, now + timedelta(seconds=seconds), changes))

    def restrict(self, process: str, stages: Iterable[str], /) -> None:
        """Give a sales process (a BusinessProcess id) its own stages, by their API names."""
        self._state.processes[process] = frozenset(stages)

    def merge(self, object: str, survivor: str, /, *, loser: str) -> None:
        """Merge two accounts or contacts; raises ValueError for anything else."""
        if not self._state.schema.whole(object).mergeable:
            raise ValueError(f"{object} records cannot be merged")
        with self._state.records.atomic():
            self._state.writer.merge(object, survivor, loser=loser, actor=Actor(self.admin, loading=True))

    def row(self, object: str, record: str, /) -> Row | None:
        """A record as stored, deleted or not."""
        self._state.catch_up()
        return self._state.records.row(object, record)

    def rows(self, object: str, /) -> list[Row]:
        """All records of an object as stored, deleted ones included."""
        self._state.catch_up()
        return list(self._state.records.rows(object))

    def query(self, soql: str, /, *, everything: bool = False) -> list[dict[str, Any]]:
        """The records that a query gives the integration user, without a call; raises Refusal."""
        self._state.catch_up()
        answer = soql_answer(soql, self._state.catalog, address="/services/data/v66.0/sobjects", everything=everything)
        return [answer.show(row) for row in answer.rows]

    def add_object(self, name: str, /, **fields: str) -> None:
        """Add a custom object; fields are spelt as in standard.toml."""
        self._state.schema.install({name: {"fields": {"Name": "string 80", **fields}}})

    def add_field(self, object: str, name: str, /, *, spelling: str) -> None:
        """Add a field, spelt as in standard.toml: `currency 16.2`, `reference to=Contact as=Signer__r`."""
        self._state.schema.install({object: {"fields": {name: spelling}}})

    def add_formula(self, object: str, name: str, /, *, spelling: str, value: Callable[[Row], Value]) -> None:
        """Add a formula field: computed from the row when it is read, so it changes without any stamp moving."""
        made = replace(spell(name, spelling), formula=value, createable=False, updateable=False)
        self._state.schema.put_field(object, made)

    def rename_field(self, object: str, name: str, new: str, /) -> None:
        """Give a field another API name; its values stay and no stamp moves."""
        schema, old = self._state.schema, self._state.schema.remove_field(object, name)
        schema.put_field(object, replace(old, name=new))
        self._rewrite(object, lambda row: {new if key == name else key: value for key, value in row.items()})

    def retype_field(self, object: str, name: str, /, *, spelling: str) -> None:
        """Give a field another type; values that do not fit it are lost, and no stamp moves."""
        field = spell(name, spelling)
        self._state.schema.put_field(object, field)
        self._rewrite(object, lambda row: {**row, name: converted(field, row.get(name))})

    def remove_field(self, object: str, name: str, /) -> None:
        """Delete a field with its values; no stamp moves."""
        self._state.schema.remove_field(object, name)
        self._rewrite(object, lambda row: {key: value for key, value in row.items() if key != name})

    def _rewrite(self, object: str, change: Callable[[Row], Row]) -> None:
        records, entity = self._state.records, self._state.schema.whole(object)
        with records.atomic():
            for row in list(records.rows(object)):
                records.put(entity, str(row["Id"]), row=change(row))

    def show(self, object: str, field: str | None = None, /) -> None:
        """Give the integration user back what `hide` took."""
        self._state.schema.show(object, field)

    def hide(self, object: str, field: str | None = None, /) -> None:
        """Take a field, or the whole object, away from the integration user; raises ValueError."""
        self._state.schema.hide(object, field)

    def lock(self, object: str, field: str, /) -> None:
        """Let the integration user read a field but not write it."""
        self._state.schema.lock(object, field)

    def refuse(self, object: str, predicate: Predicate, /, *, message: str) -> None:
        """Add a validation rule: what the predicate is true for is refused with that message."""
        self._state.writer.rules.append((object, predicate, message))

    def submit(self, record: str, /) -> None:
        """Submit a record for approval: until `recall`, nobody but an admin may change it."""
        self._state.writer.approvals.add(record)

    def recall(self, record: str, /) -> None:
        """End the approval of a record."""
        self._state.writer.approvals.discard(record)

    def install_kit(self) -> None:
        """Install the objects, the fields and the lookup of the crm-audit package."""
        kit: Mapping[str, object] = definitions("kit")
        self._state.schema.install(kit)

    def login(self) -> str:
        """Open a session and give its access token."""
        return self._state.gatehouse.open(self.organisation, now=self.clock.now())

    def move(self, domain: str, /) -> None:
        """Move the org to another instance: sessions end, and the next log-in names the new address."""
        self._state.domain = domain
        self._state.gatehouse.expire()

    def expire_cursors(self) -> None:
        """Let every query locator expire."""
        self._state.cursors.forget()
