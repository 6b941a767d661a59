"""Creating, changing, deleting and merging records, with Salesforce's checks in front."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from crm_audit.emulator.automation import Automations, Change
from crm_audit.emulator.clock import Clock
from crm_audit.emulator.salesforce import behaviour
from crm_audit.emulator.salesforce.records import Records
from crm_audit.emulator.salesforce.schema import Schema
from crm_audit.emulator.salesforce.values import stored
from crm_audit.emulator.soql.order import Span
from crm_audit.emulator.soql.refusal import Refusal
from crm_audit.emulator.soql.schema import IDS, Entity, Field, Row, Value

LOG = Entity(name="(deletions)", label="", plural="", prefix="", fields={})
"""What was deleted and when: rows like any others, so that they too can be taken back; no query sees them."""

Predicate = Callable[[Row | None, Row], bool]
"""Says of the row before (None when it is new) and after a change whether it is refused."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes. Loading a world may set what nobody can set over the API: stamps, authors, derived fields."""

    user: str
    loading: bool = False


@dataclass(slots=True)
class Writer:
    """The one way in which rows of an org change."""

    schema: Schema
    records: Records
    clock: Clock
    currency: str
    tracked: list[str]
    automations: Automations
    rules: list[tuple[str, Predicate, str]] = field(default_factory=list)
    approvals: set[str] = field(default_factory=set)  # records that an approval process keeps locked

    def create(self, name: str, values: Mapping[str, object], *, actor: Actor, history: bool = True) -> str:
        """A new record; gives its id. Raises Refusal and then nothing has changed."""
        entity = self._entity(name, actor)
        given = self._given(entity, values, actor=actor, creating=True)
        whole = self.schema.whole(name)
        record = self.records.issue(whole)
        defaults: dict[str, Value] = {
            known.name: known.default for known in whole.fields.values() if known.default is not None
        }
        if "OwnerId" in whole.fields:
            defaults["OwnerId"] = actor.user
        if "CurrencyIsoCode" in whole.fields:
            defaults["CurrencyIsoCode"] = self.currency
        row = defaults | {name: value for name, value in given.items() if value is not None}
        self._store(
            whole,
            None,
            after=self._stamped(whole, row, given=given, actor=actor) | {"Id": record},
            given=given,
            history=history,
        )
        self._mirror(name, record)
        self._tell(name, record, by=actor, before={}, after=given)
        return record

    def update(self, name: str, record: str, *, values: Mapping[str, object], actor: Actor) -> None:
        """Change a record; raises Refusal and then nothing has changed."""
        entity = self._entity(name, actor)
        before = self.found(name, record)
        if record in self.approvals and not actor.loading:
            raise Refusal("ENTITY_IS_LOCKED", "the entity is locked for editing", fields=())
        given = self._given(entity, values, actor=actor, creating=False)
        whole = self.schema.whole(name)
        self._store(
            whole,
            before,
            after=self._stamped(whole, {**before, **given}, given=given, actor=actor, new=False),
            given=given,
        )
        self._mirror(name, record)
        self._tell(name, record, by=actor, before={known: before.get(known) for known in given}, after=given)

    def touch(self, name: str, record: str, *, values: Mapping[str, object]) -> None:
        """Change a record as automation inside the platform does: only SystemModstamp moves; no rules, no history."""
        before, entity = self.found(name, record), self.schema.whole(name)
        given = {field: stored(entity.fields[field], value) for field, value in values.items()}
        self.records.put(entity, record, row={**before, "SystemModstamp": self._now(), **given})

    def remove(self, name: str, record: str, *, actor: Actor) -> None:
        """Delete a record and what belongs to it: into the recycle bin where the object has one."""
        before = self.found(name, record)
        entity = self.schema.whole(name)
        if before.get("PersonContactId"):
            self.remove("Contact", str(before["PersonContactId"]), actor=actor)
        for child, link in self._references(name):
            owned = self.records.referring(child.name, link.name, to=record) if link.cascade else []
            for row in owned:
                if not row.get("IsDeleted"):
                    self._bury(child, row, actor=actor, root=record)
        self._bury(entity, before, actor=actor, root=record)

    def merge(self, name: str, survivor: str, *, loser: str, actor: Actor) -> None:
        """Delete the loser with MasterRecordId and hang what referred to it on the survivor."""
        self.found(name, survivor)
        before = self.found(name, loser)
        for child, link in self._references(name):
            if link.name == "MasterRecordId":
                continue
            for row in self.records.referring(child.name, link.name, to=loser):
                moved = self._stamped(child, {**row, link.name: survivor}, given=(), actor=actor, new=False)
                self.records.put(child, str(row["Id"]), row=moved)
        self._bury(self.schema.whole(name), {**before, "MasterRecordId": survivor}, actor=actor, root=loser)

    def undelete(self, name: str, record: str, *, actor: Actor) -> None:
        """Take a record, and what went with it, out of the recycle bin; raises Refusal where it is not there."""
        row = self.records.row(name, record)
        if row is None or not row.get("IsDeleted"):
            raise Refusal("UNDELETE_FAILED", "Entity is not in the recycle bin", fields=())
        for entry in self.records.referring(LOG.name, "Root", to=record):
            self._restore(str(entry["Object"]), str(entry["Id"]), actor=actor)

    def purge(self, name: str, record: str, *, actor: Actor) -> None:
        """Delete a record, if need be, and empty it out of the recycle bin; getDeleted still knows of it."""
        row = self.records.row(name, record)
        if row is not None and not row.get("IsDeleted"):
            self.remove(name, record, actor=actor)
        for entry in self.records.referring(LOG.name, "Root", to=record):
            self.records.put(self.schema.whole(str(entry["Object"])), str(entry["Id"]), row=None)

    def empty(self, before: datetime) -> None:
        """Forget for good what was deleted up to an instant, and that it was deleted."""
        log = self.records.order(LOG.name, "DeletedDate")
        _, end = log.place(Span(high=before))
        for entry in log.rows()[:end]:
            self.records.put(self.schema.whole(str(entry["Object"])), str(entry["Id"]), row=None)
            self.records.put(LOG, str(entry["Id"]), row=None)

    def _restore(self, name: str, record: str, *, actor: Actor) -> None:
        entity, row = self.schema.whole(name), self.records.row(name, record)
        if row is None:
            return  # an object without a recycle bin
        self.records.put(LOG, record, row=None)
        back = {**row, "IsDeleted": False} | ({"MasterRecordId": None} if row.get("MasterRecordId") else {})
        self.records.put(entity, record, row=self._stamped(entity, back, given=(), actor=actor, new=False))

    def found(self, name: str, record: str) -> Row:
        """The live row; raises Refusal (ENTITY_IS_DELETED, NOT_FOUND)."""
        row = self.records.row(name, record)
        if row is None:
            raise Refusal("NOT_FOUND", "The requested resource does not exist", status=404)
        if row.get("IsDeleted"):
            raise Refusal("ENTITY_IS_DELETED", "entity is deleted", status=404, fields=())
        return row

    def _entity(self, name: str, actor: Actor) -> Entity:
        entity = self.schema.whole(name) if actor.loading else self.schema.visible(name)
        if entity is None:
            raise Refusal("NOT_FOUND", "The requested resource does not exist", status=404)
        return entity

    def _given(self, entity: Entity, values: Mapping[str, object], *, actor: Actor, creating: bool) -> dict[str, Value]:
        """The values as stored; raises the refusal that Salesforce has for each kind of mistake."""
        given: dict[str, Value] = {}
        blocked: list[str] = []
        for name, value in values.items():
            if name == "attributes":
                continue
            known, value = self._meant(entity, name, value=value)
            writable = known.createable if creating else known.updateable
            if not (writable or actor.loading):
                blocked.append(known.name)
                continue
            given[known.name] = stored(known, value)
            self._check_reference(known, given[known.name], actor=actor)
        if blocked:
            message = (
                f"Unable to create/update fields: {', '.join(blocked)}. Please check the security settings of this "
                "field and verify that it is read/write for your profile or permission set."
            )
            raise Refusal("INVALID_FIELD_FOR_INSERT_UPDATE", message, fields=tuple(blocked))
        return given

    def _meant(self, entity: Entity, name: str, *, value: object) -> tuple[Field, object]:
        """The field of a name; a relationship with an external id is the reference behind it."""
        known = entity.field_named(name)
        if known is not None and not isinstance(value, Mapping):
            return known, value
        link = entity.relation(name)
        if link is None or not isinstance(value, Mapping):
            raise Refusal("INVALID_FIELD", f"No such column '{name}' on sobject of type {entity.name}")
        keys = [(key, str(wanted)) for key, wanted in value.items() if key != "attributes"]
        for key, wanted in keys:
            holder = self.records.holder(link.targets[0], key, value=wanted)
            if holder is not None:
                return link, holder
        key, wanted = keys[0] if keys else ("", "")
        message = f"Foreign key external ID: {wanted} not found for field {key} in entity {link.targets[0]}"
        raise Refusal("INVALID_FIELD", message, fields=())

    def _check_reference(self, known: Field, value: Value, *, actor: Actor) -> None:
        if known.type not in IDS or value is None or known.name == "Id":
            return
        target = self.schema.of_record(str(value))
        if target is None and not all(self.schema.knows(name) for name in known.targets):
            return  # points to an object that this emulator does not have
        if target is None or target.name not in known.targets:
            message = f"{known.label}: id value of incorrect type: {value}"
            raise Refusal("FIELD_INTEGRITY_EXCEPTION", message, fields=(known.name,))
        row = self.records.row(target.name, str(value))
        if row is None or (row.get("IsDeleted") and not actor.loading):
            raise Refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields=())

    def _mirror(self, name: str, record: str) -> None:
        """Keep the contact of a person account like its account."""
        row = self.records.row(name, record)
        if name != "Account" or row is None or not row.get("IsPersonAccount"):
            return
        actor = Actor(str(row["LastModifiedById"]), loading=True)
        if row.get("PersonContactId"):
            self.update("Contact", str(row["PersonContactId"]), values=behaviour.shadow(row), actor=actor)
            return
        contact = self.create("Contact", behaviour.shadow(row), actor=actor)
        self.records.put(self.schema.whole(name), record, row={**row, "PersonContactId": contact})

    def _tell(
        self, name: str, record: str, *, by: Actor, before: Mapping[str, object], after: Mapping[str, object]
    ) -> None:
        with self.automations.attempt():
            self.automations.tell(Change(self._now(), by.user, name, record, before, after))

    def _now(self) -> datetime:
        return self.clock.now().replace(microsecond=0)

    def _stamped(
        self, entity: Entity, row: Mapping[str, Value], *, given: Iterable[str], actor: Actor, new: bool = True
    ) -> dict[str, Value]:
        """The row with its system fields; stamps that were given stay, LastModified follows a given Created."""
        now = self._now()
        stamps: dict[str, Value] = {
            "LastModifiedDate": row.get("CreatedDate", now) if new else now,
            "LastModifiedById": row.get("CreatedById", actor.user) if new else actor.user,
            "SystemModstamp": now,
        }
        if new:
            stamps |= {"CreatedDate": now, "CreatedById": actor.user}
        kept = set(given)
        return {**row, **{name: value for name, value in stamps.items() if name in entity.fields and name not in kept}}

    def _store(
        self, entity: Entity, before: Row | None, *, after: dict[str, Value], given: Iterable[str], history: bool = True
    ) -> None:
        row = behaviour.derived(
            entity.name, before, after=after, given=given, stages=self.records.rows("OpportunityStage")
        )
        self._check(entity, before, row=row)
        self.records.put(entity, str(row["Id"]), row=row)
        if entity.name == "Opportunity" and history:
            for name, values in behaviour.histories(before, row, tracked=self.tracked):
                self.create(
                    name, _known(self.schema.whole(name), values), actor=Actor(str(values["CreatedById"]), loading=True)
                )

    def _check(self, entity: Entity, before: Row | None, *, row: Row) -> None:
        missing = tuple(
            known.name for known in entity.fields.values() if known.required and row.get(known.name) is None
        )
        if missing:
            message = f"Required fields are missing: [{', '.join(missing)}]"
            raise Refusal("REQUIRED_FIELD_MISSING", message, fields=missing)
        for known in entity.fields.values():
            holder = self.records.holder(entity.name, known.name, value=row.get(known.name)) if known.unique else None
            if holder not in (None, row["Id"]):
                message = f"duplicate value found: {known.name} duplicates value on record with id: {holder}"
                raise Refusal("DUPLICATE_VALUE", message, fields=())
        for name, predicate, message in self.rules:
            if name == entity.name and predicate(before, row):
                raise Refusal("FIELD_CUSTOM_VALIDATION_EXCEPTION", message, fields=())

    def _references(self, name: str) -> list[tuple[Entity, Field]]:
        return [
            (entity, known)
            for entity in self.schema.entities()
            for known in entity.fields.values()
            if name in known.targets
        ]

    def _bury(self, entity: Entity, row: Row, *, actor: Actor, root: str) -> None:
        record = str(row["Id"])
        entry: Row = {"Id": record, "Object": entity.name, "DeletedDate": self._now(), "Root": root}
        self.records.put(LOG, record, row=entry)
        if not entity.bin or "IsDeleted" not in entity.fields:
            self.records.put(entity, record, row=None)
            return
        deleted = self._stamped(entity, {**row, "IsDeleted": True}, given=(), actor=actor, new=False)
        self.records.put(entity, record, row=deleted)


def _known(entity: Entity, values: Mapping[str, Value]) -> dict[str, object]:
    return {name: value for name, value in values.items() if name in entity.fields}
