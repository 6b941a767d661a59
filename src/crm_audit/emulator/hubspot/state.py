"""A portal's state, and the calls that play a world into it: what users, admins and other apps do there in time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from crm_audit.emulator.automation import Change
from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import catalogue
from crm_audit.emulator.hubspot.admin import Account
from crm_audit.emulator.hubspot.catalogue import ObjectType
from crm_audit.emulator.hubspot.links import LinkType, Pair
from crm_audit.emulator.hubspot.records import Record, Source, Version
from crm_audit.emulator.hubspot.refusals import locked
from crm_audit.emulator.hubspot.schema import Pipeline, Stage
from crm_audit.emulator.hubspot.values import instant, iso, stored, text_of
from crm_audit.emulator.hubspot.webhooks import Delivery, Mischief, Webhooks, delivery, link_change

USER = Source("CRM_UI", "userId:1", 1)
APP = Source("INTEGRATION", catalogue.APP_ID)
WORKFLOW = Source("AUTOMATION_PLATFORM", "enrollmentId:1")


class Portal(Account):
    """Everything in one HubSpot account. Type names are taken in every form (`deals`, `Deal`, `0-3`)."""

    def __init__(self, clock: Clock, *, zone: str = "America/New_York", currency: str = "USD") -> None:
        super().__init__(clock, zone=zone, currency=currency)
        self.history_depth: int | None = None  # newest versions shown; HubSpot's own depth is not documented
        self.short_batches = False  # whether batch answers lack their last record, without an error and with a 200
        self.dates_closing = (
            False  # whether a move into a closed stage dates it, as HubSpot does; worlds do so themselves
        )
        self._locks: dict[tuple[str, str], datetime] = {}
        self._webhooks = Webhooks(self.id)

    @property
    def search_lag(self) -> timedelta:
        """How long after a change search still sees the records as they were; lists and batch reads lag never."""
        return next(iter(self.shelves.values())).index.lag

    @search_lag.setter
    def search_lag(self, lag: timedelta) -> None:
        for shelf in self.shelves.values():
            shelf.index.lag = lag

    def create(self, object_type: str, /, *, by: Source = USER, **properties: object) -> str:
        """A new record; giving its creation or modification stamp back-dates it. Raises ValueError."""
        kind = catalogue.object_type(object_type)
        return self.add(kind, self.checked(kind, properties, None), by=by).id

    def add(self, kind: ObjectType, values: Mapping[str, str | None], *, by: Source) -> Record:
        """A new record of checked values."""
        shelf = self.shelves[kind.plural]
        now = self.now()
        given = {name: instant(text) for name, text in values.items() if text and name in kind.stamps}
        record = Record(shelf.fresh_id(), given.get(kind.created, now), given.get(kind.modified, now), by)
        record.values.update({name: text for name, text in values.items() if text is not None})
        record.values["hs_object_id"] = record.id
        self._stamp(kind, record)
        self._derive(kind, record, given=values)
        shelf.add(record, now)
        self._announce("creation", kind, record, by=by)
        for name, text in values.items():
            self._announce("propertyChange", kind, record, by=by, propertyName=name, propertyValue=text or "")
        self._tell(kind, record, by=by, before={}, after=values)
        return record

    def load(self, object_type: str, rows: Iterable[Mapping[str, str]], *, by: Source = USER) -> list[str]:
        """Store many finished records, unchecked and as they will be shown; those without stamps are made now.

        Gives their ids. It is for large portals: nothing is derived, delivered or held back from search.
        """
        kind = catalogue.object_type(object_type)
        shelf, now = self.shelves[kind.plural], iso(self.now())
        standard = {kind.created, "hs_createdate"} & self.schema.properties[kind.plural].keys()
        records = []
        for row in rows:
            one, made = shelf.fresh_id(), row.get(kind.created, now)
            changed = row.get(kind.modified, made)
            created = instant(made)
            values = {**row, **dict.fromkeys(standard, made), kind.modified: changed, "hs_object_id": one}
            records.append(Record(one, created, created if changed == made else instant(changed), by, values))
        shelf.load(records)
        return [record.id for record in records]

    def update(self, object_type: str, record_id: str, /, *, by: Source = USER, **properties: object) -> None:
        """Change a record now: the history grows where a value differs, the modification stamp moves always."""
        kind = catalogue.object_type(object_type)
        record = self._record(kind, record_id)
        self.write(kind, record, self.checked(kind, properties, record), by=by)

    def load_history(self, object_type: str, record_id: str, name: str, versions: Iterable[Version]) -> None:
        """Replace the history of one property; the newest version becomes its value, no stamp moves."""
        kind = catalogue.object_type(object_type)
        record = self._record(kind, record_id)
        self.shelves[kind.plural].changing(record, self.now())
        past = sorted(versions, key=lambda version: version.at)
        texts = [self.checked(kind, {name: version.value}, record)[name] for version in past]
        record.rewrite(name, [replace(row, value=text or "") for row, text in zip(past, texts, strict=True)])
        record.place(name, texts[-1] if texts else None)
        self._derive(kind, record, given={**record.values, name: None})

    def archive(self, object_type: str, record_id: str, *, by: Source = USER) -> None:
        """Delete a record as a user does: into the recycle bin, for ninety days."""
        kind = catalogue.object_type(object_type)
        record = self._record(kind, record_id)
        self.shelves[kind.plural].archive(record, self.now())
        self._announce("deletion", kind, record, by=by)

    def restore(self, object_type: str, record_id: str) -> None:
        """Take a record out of the bin, with its associations; raises ValueError where it is not there any more."""
        kind = catalogue.object_type(object_type)
        self.sweep()
        record = self._record(kind, record_id)
        if record.archived_at is None:
            raise ValueError(f"{kind.singular} {record_id} is not in the bin")
        self.shelves[kind.plural].restore(record, self.now())
        self._touch(kind, record)
        self._announce("restore", kind, record, by=USER)

    def purge(self, object_type: str, record_id: str) -> None:
        """Delete for privacy: gone at once from everything, search and associations included."""
        kind = catalogue.object_type(object_type)
        record = self._record(kind, record_id)
        self._forget(kind, record)
        self._announce("privacyDeletion", kind, record, by=USER)

    def sweep(self) -> None:
        """Purge what has been in the bin for too long; every call does this first."""
        for shelf in self.shelves.values():
            for record in shelf.overdue(self.now()):
                self._forget(shelf.kind, record)

    def merge(self, object_type: str, survivor: str, loser: str, *, fresh_id: bool = False) -> str:
        """Merge the loser into the survivor and give the surviving id; new where contacts and companies get one."""
        kind = catalogue.object_type(object_type)
        keep, lost = self._record(kind, survivor), self._record(kind, loser)
        shelf, now = self.shelves[kind.plural], self.now()
        absorbed = [lost]
        if fresh_id:
            absorbed = [lost, keep]
            keep = replace(keep, id=shelf.fresh_id(), values=dict(keep.values))
            keep.values["hs_object_id"] = keep.id
            shelf.add(keep, now)
        else:
            shelf.changing(keep, now)
        for name, value in lost.values.items():
            keep.values.setdefault(name, value)  # HubSpot fills what the survivor leaves empty
        _keep_addresses(keep, lost)
        for old in absorbed:
            shelf.absorb(old, keep.id, now)
            self.links.move(kind.plural, old.id, keep.id)
        self._note_merge(kind, keep, [old.id for old in absorbed])
        ends = {"primaryObjectId": int(survivor), "mergedObjectIds": [int(lost.id)], "newObjectId": int(keep.id)}
        self._announce("merge", kind, keep, by=USER, **ends)
        return keep.id

    def associate(self, from_type: str, from_id: str, to_type: str, to_id: str, *, label: str | None = None) -> None:
        """Associate two records, under a label or without one; the records' own stamps do not move."""
        pair, ids = self._ends(from_type, from_id, to_type, to_id)
        self.join(pair, ids, [self.links.type_of(pair, label)])

    def dissociate(self, from_type: str, from_id: str, to_type: str, to_id: str, *, label: str | None = None) -> None:
        """Take a label away, or without one the association with all its labels."""
        pair, ids = self._ends(from_type, from_id, to_type, to_id)
        self.part(pair, ids, [self.links.type_of(pair, label)])

    def link_all(self, from_type: str, to_type: str, ids: Iterable[Pair], *, label: str | None = None) -> None:
        """Associate many pairs of records, unchecked."""
        pair = catalogue.object_type(from_type).plural, catalogue.object_type(to_type).plural
        self.links.join(pair, ids, [self.links.type_of(pair, label)])

    def join(self, pair: Pair, ids: Pair, kinds: Sequence[LinkType], *, by: Source = USER) -> None:
        """Associate two records under some types."""
        self.links.join(pair, [ids], kinds)
        self._announce_link(pair, ids, kinds, by=by, removed=False)

    def part(self, pair: Pair, ids: Pair, kinds: Sequence[LinkType], *, by: Source = USER) -> None:
        """Take types of an association away; the unlabelled one takes all others with it."""
        self.links.part(pair, ids, kinds)
        self._announce_link(pair, ids, kinds, by=by, removed=True)

    def define_pipeline(self, pipeline_id: str, label: str, stages: Iterable[tuple[str, str, str]]) -> None:
        """A deal pipeline of (id, label, probability as text); changing one moves the stamp of all its deals."""
        changed = pipeline_id in self.schema.pipelines
        self.schema.pipelines[pipeline_id] = Pipeline(pipeline_id, label, tuple(Stage(*row) for row in stages))
        shelf = self.shelves["deals"]
        for record in shelf.rows.values() if changed else ():
            if record.values.get("pipeline") == pipeline_id:
                shelf.changing(record, self.now())
                self._touch(shelf.kind, record)

    def lock(self, object_type: str, record_id: str, *, seconds: float = 2) -> None:
        """Let something else write a record: for so long calls that change it get 423."""
        kind = catalogue.object_type(object_type)
        self._locks[kind.plural, record_id] = self.now() + timedelta(seconds=seconds)

    def refuse_locked(self, kind: ObjectType, ids: Iterable[str]) -> None:
        """Raise Refusal (423) where one of the records is locked."""
        for one in ids:
            until = self._locks.get((kind.plural, one))
            if until is not None and self.now() < until:
                raise locked(one)

    def subscribe(self, name: str, object_type: str, property_name: str | None = None) -> int:
        """Have changes delivered from now on: `object.propertyChange`, `object.creation`, …; gives the subscription."""
        return self._webhooks.subscribe(name, catalogue.object_type(object_type), property_name)

    def deliveries(self, url: str, secret: str, mischief: Mischief | None = None) -> list[Delivery]:
        """What the portal posts for the changes since the last time, signed for that address and client secret."""
        batches = self._webhooks.take(mischief)
        return [delivery(url, secret, events, now=self.now()) for events in batches]

    def value(self, object_type: str, record_id: str, name: str) -> str | None:
        """What a property holds now, without a call that counts."""
        return self._record(catalogue.object_type(object_type), record_id).values.get(name)

    def checked(
        self, kind: ObjectType, properties: Mapping[str, object], record: Record | None
    ) -> dict[str, str | None]:
        """Properties as they will be kept; raises ValueError for an unknown one or a value it cannot hold."""
        kept = {}
        for name, value in properties.items():
            definition = self.schema.active(kind.plural, name)
            if definition is None:
                raise ValueError(f'Property "{name}" does not exist on {kind.plural}; define_property makes one')
            kept[name] = stored(definition, text_of(value), record.values.get(name) if record else None)
        return kept

    def write(self, kind: ObjectType, record: Record, values: Mapping[str, str | None], *, by: Source) -> None:
        """Set checked values now."""
        now, before = self.now(), {name: record.values.get(name) for name in values}
        self.shelves[kind.plural].changing(record, now)
        for name, value in values.items():
            if record.put(name, value, Version(value or "", now, by)):
                self._announce("propertyChange", kind, record, by=by, propertyName=name, propertyValue=value or "")
        self._touch(kind, record)
        self._derive(kind, record, given=values)
        self._tell(kind, record, by=by, before=before, after=values)

    def clone(self, object_type: str, record_id: str) -> str:
        """A copy as a user makes one of a deal: custom properties, ours included, come with it."""
        kind = catalogue.object_type(object_type)
        held = self._record(kind, record_id).values
        copied = {
            name: value
            for name, value in held.items()
            if (known := self.schema.active(kind.plural, name)) and not known.read_only
        }
        return self.add(kind, self.checked(kind, copied, None), by=USER).id

    def now(self) -> datetime:
        """The portal's present, in whole milliseconds as all stamps are."""
        now = self.clock.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def _touch(self, kind: ObjectType, record: Record) -> None:
        record.modified = self.now()
        self._stamp(kind, record)

    def _stamp(self, kind: ObjectType, record: Record) -> None:
        record.place(kind.created, iso(record.created))
        record.place(kind.modified, iso(record.modified))
        if "hs_createdate" in self.schema.properties[kind.plural]:
            record.place("hs_createdate", iso(record.created))

    def _derive(self, kind: ObjectType, record: Record, *, given: Mapping[str, str | None]) -> None:
        """What HubSpot works out from the stage, unless it was given."""
        if kind.plural != "deals" or not {"dealstage", "pipeline"} & given.keys():
            return
        stage = self.schema.stage(record.values.get("pipeline"), record.values.get("dealstage"))
        if stage is None:
            return
        derived = {
            "hs_deal_stage_probability": stage.probability,
            "hs_is_closed": "true" if stage.closed else "false",
            "hs_is_closed_won": "true" if stage.closed and float(stage.probability) == 1 else "false",
        }
        for name in derived.keys() - given.keys():
            record.place(name, derived[name])
        if self.dates_closing and stage.closed and "dealstage" in given and "closedate" not in given:
            now = iso(self.now())
            record.put("closedate", now, Version(now, self.now(), Source("CALCULATED")))

    def sync_with_salesforce(self) -> None:
        """Give deals the property that HubSpot's own sync with Salesforce brings along."""
        self.define_property("deals", "hs_salesforceopportunityid")

    def _tell(
        self, kind: ObjectType, record: Record, *, by: Source, before: Mapping[str, object], after: Mapping[str, object]
    ) -> None:
        self.automations.tell(Change(self.now(), by.kind, kind.plural, record.id, before, after))

    def _note_merge(self, kind: ObjectType, record: Record, merged: Sequence[str]) -> None:
        self._touch(kind, record)
        known = record.values.get("hs_merged_object_ids", "").split(";")
        record.place("hs_merged_object_ids", ";".join(one for one in [*known, *merged] if one))
        if kind.plural == "contacts":
            stamp = int(self.now().timestamp() * 1000)
            vids = record.values.get("hs_calculated_merged_vids", "").split(";")
            vids += [f"{one}:{stamp}" for one in merged]
            record.place("hs_calculated_merged_vids", ";".join(one for one in vids if one))

    def _forget(self, kind: ObjectType, record: Record) -> None:
        for one in self.shelves[kind.plural].purge(record):
            self.links.forget(kind.plural, one)

    def _announce(self, change: str, kind: ObjectType, record: Record, *, by: Source, **more: object) -> None:
        self._webhooks.note(change, kind, at=self.now(), by=by, objectId=int(record.id), **more)

    def _announce_link(self, pair: Pair, ids: Pair, kinds: Sequence[LinkType], *, by: Source, removed: bool) -> None:
        turned, back = pair[::-1], ids[::-1]
        for link in kinds:
            for ends, two, kind in ((pair, ids, link), (turned, back, self.links.types[turned][link.back])):
                near, far = (catalogue.TYPES[plural] for plural in ends)
                change = link_change(near, far, two, kind)
                self._webhooks.note(
                    "associationChange", near, at=self.now(), by=by, **change, associationRemoved=removed
                )

    def _record(self, kind: ObjectType, record_id: str) -> Record:
        record = self.shelves[kind.plural].find(record_id)
        if record is None:
            raise ValueError(f"there is no {kind.singular} {record_id} in this portal")
        return record

    def _ends(self, from_type: str, from_id: str, to_type: str, to_id: str) -> tuple[Pair, Pair]:
        kinds = catalogue.object_type(from_type), catalogue.object_type(to_type)
        ids = self._record(kinds[0], from_id).id, self._record(kinds[1], to_id).id
        return (kinds[0].plural, kinds[1].plural), ids


def _keep_addresses(keep: Record, lost: Record) -> None:
    """The loser's addresses stay findable: they become further addresses of the survivor."""
    listed = ";".join(one.values.get("hs_additional_emails", "") for one in (keep, lost))
    further = [one for one in (*listed.split(";"), lost.values.get("email", "")) if one]
    addresses = dict.fromkeys(one for one in further if one != keep.values.get("email"))
    if addresses:
        keep.values["hs_additional_emails"] = ";".join(addresses)
