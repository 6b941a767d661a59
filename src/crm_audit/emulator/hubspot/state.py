"""A portal's state, and the calls that play a world into it: what users, admins and other apps do there in time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.hubspot import catalogue
from crm_audit.emulator.hubspot.catalogue import ObjectType
from crm_audit.emulator.hubspot.links import Links
from crm_audit.emulator.hubspot.records import Record, Shelf, Source, Version
from crm_audit.emulator.hubspot.schema import Owner, Pipeline, Rate, Schema, Stage
from crm_audit.emulator.hubspot.values import FIELD_TYPES, Property, instant, iso, stored, text_of

USER = Source("CRM_UI", "userId:1", 1)
APP = Source("INTEGRATION", catalogue.APP_ID)

_FIRST_OWNER = 70_000_001
_FIRST_USER = 50_001
_FIRST_RATE = 9_001


class Portal:
    """Everything in one HubSpot account. Type names are taken in every form (`deals`, `Deal`, `0-3`)."""

    def __init__(self, clock: Clock, *, zone: str = "America/New_York", currency: str = "USD") -> None:
        self.clock = clock
        self.zone = zone
        self.currency = currency
        self.id = 44_000_001
        self.schema = Schema()
        self.links = Links()
        self.shelves = {plural: Shelf(kind) for plural, kind in catalogue.TYPES.items()}
        self.history_depth: int | None = None  # newest versions shown; HubSpot's own depth is not documented

    def create(self, object_type: str, /, *, by: Source = USER, **properties: object) -> str:
        """A new record; giving its creation or modification stamp back-dates it. Raises ValueError."""
        kind = catalogue.object_type(object_type)
        shelf = self.shelves[kind.plural]
        now = self.clock.now()
        values = self.checked(kind, properties, None)
        given = {name: instant(text) for name, text in values.items() if text and name in kind.stamps}
        record = Record(shelf.fresh_id(), given.get(kind.created, now), given.get(kind.modified, now), by)
        record.values.update({name: text for name, text in values.items() if text is not None})
        record.values["hs_object_id"] = record.id
        self._stamp(kind, record)
        self._derive(kind, record, given=values)
        shelf.add(record)
        return record.id

    def update(self, object_type: str, record_id: str, /, *, by: Source = USER, **properties: object) -> None:
        """Change a record now: the history grows where a value differs, the modification stamp moves always."""
        kind = catalogue.object_type(object_type)
        record = self._record(kind, record_id)
        self.write(kind, record, self.checked(kind, properties, record), by=by)

    def load_history(self, object_type: str, record_id: str, name: str, versions: Iterable[Version]) -> None:
        """Replace the history of one property; the newest version becomes its value, no stamp moves."""
        kind = catalogue.object_type(object_type)
        record = self._record(kind, record_id)
        past = sorted(versions, key=lambda version: version.at)
        texts = [self.checked(kind, {name: version.value}, record)[name] for version in past]
        record.past[name] = [replace(row, value=text or "") for row, text in zip(past, texts, strict=True)]
        record.place(name, texts[-1] if texts else None)
        self._derive(kind, record, given={**record.values, name: None})

    def archive(self, object_type: str, record_id: str) -> None:
        """Delete a record as a user does: into the recycle bin."""
        self._record(catalogue.object_type(object_type), record_id).archived_at = self.clock.now()

    def merge(self, object_type: str, survivor: str, loser: str, *, fresh_id: bool = False) -> str:
        """Merge the loser into the survivor and give the surviving id; new where contacts and companies get one."""
        kind = catalogue.object_type(object_type)
        keep, lost = self._record(kind, survivor), self._record(kind, loser)
        shelf = self.shelves[kind.plural]
        for name, value in lost.values.items():
            keep.values.setdefault(name, value)  # HubSpot fills what the survivor leaves empty
        _keep_addresses(keep, lost)
        absorbed = [lost]
        if fresh_id:
            absorbed = [lost, keep]
            keep = replace(keep, id=shelf.fresh_id(), values=dict(keep.values), past=dict(keep.past))
            keep.values["hs_object_id"] = keep.id
            shelf.add(keep)
        for old in absorbed:
            shelf.absorb(old.id, keep.id)
            self.links.move(kind.plural, old.id, keep.id)
        self._note_merge(kind, keep, [old.id for old in absorbed])
        return keep.id

    def associate(self, from_type: str, from_id: str, to_type: str, to_id: str, *, label: str | None = None) -> None:
        """Associate two records, under a label or without one; the records' own stamps do not move."""
        self.links.join(*self._ends(from_type, from_id, to_type, to_id), label)

    def dissociate(self, from_type: str, from_id: str, to_type: str, to_id: str, *, label: str | None = None) -> None:
        """Take a label away, or without one the association with all its labels."""
        self.links.part(*self._ends(from_type, from_id, to_type, to_id), label)

    def define_label(self, from_type: str, to_type: str, label: str, *, inverse: str | None = None) -> int:
        """A label for a pair of types, with its counterpart for the way back; gives the type id of the first."""
        pair = catalogue.object_type(from_type).plural, catalogue.object_type(to_type).plural
        return self.links.define(pair, label, inverse or label)

    def define_property(
        self, object_type: str, name: str, kind: str = "string", *, options: Sequence[str] = (), field_type: str = ""
    ) -> None:
        """A custom property of one of the kinds in FIELD_TYPES; with options only those values are taken."""
        if kind not in FIELD_TYPES:
            raise ValueError(f"{kind!r} is no kind of property; HubSpot has {', '.join(FIELD_TYPES)}")
        plural = catalogue.object_type(object_type).plural
        self.schema.properties[plural][name] = Property(
            name=name,
            kind=kind,
            field_type=field_type or FIELD_TYPES[kind],
            group=catalogue.GROUPS[plural],
            options=tuple(options),
        )

    def archive_property(self, object_type: str, name: str) -> None:
        """Archive a property: from now on calls that ask for it are given nothing, without an error."""
        self.schema.archive(catalogue.object_type(object_type).plural, name)

    def define_pipeline(self, pipeline_id: str, label: str, stages: Iterable[tuple[str, str, str]]) -> None:
        """A deal pipeline of (id, label, probability as text); changing one moves the stamp of all its deals."""
        changed = pipeline_id in self.schema.pipelines
        self.schema.pipelines[pipeline_id] = Pipeline(pipeline_id, label, tuple(Stage(*row) for row in stages))
        shelf = self.shelves["deals"]
        for record in shelf.rows.values() if changed else ():
            if record.values.get("pipeline") == pipeline_id:
                self._touch(shelf.kind, record)

    def define_owner(self, email: str, first_name: str, last_name: str, *, archived: bool = False) -> str:
        """A user of the portal; gives the owner id, which is not the user id."""
        number = len(self.schema.owners)
        owner = Owner(
            id=str(_FIRST_OWNER + number),
            user_id=_FIRST_USER + number,
            email=email,
            first_name=first_name,
            last_name=last_name,
            created=self.clock.now(),
            archived=archived,
        )
        self.schema.owners[owner.id] = owner
        return owner.id

    def define_rate(self, currency: str, worth: Decimal) -> None:
        """Add a currency, or change its rate from now on: one unit is worth that many of the company's."""
        worth = round(worth, 6)
        if worth <= 0 or currency == self.currency:
            raise ValueError(
                f"{currency} at {worth}: a rate is above zero and for another currency than {self.currency}"
            )
        known = self.schema.rates.get(currency)
        rate_id = known.id if known else str(_FIRST_RATE + len(self.schema.rates))
        self.schema.rates[currency] = Rate(rate_id, currency, worth, self.clock.now())

    def install_kit(self) -> None:
        """Install our own property group on the deal, as the admin does from `connectors/hubspot`."""
        self.schema.install(catalogue.KIT_GROUP, catalogue.KIT)

    def value(self, object_type: str, record_id: str, name: str) -> str | None:
        """What a property holds now, without a call that counts."""
        return self._record(catalogue.object_type(object_type), record_id).values.get(name)

    def checked(self, kind: ObjectType, properties: dict[str, object], record: Record | None) -> dict[str, str | None]:
        """Properties as they will be kept; raises ValueError for an unknown one or a value it cannot hold."""
        kept = {}
        for name, value in properties.items():
            definition = self.schema.active(kind.plural, name)
            if definition is None:
                raise ValueError(f'Property "{name}" does not exist on {kind.plural}; define_property makes one')
            kept[name] = stored(definition, text_of(value), record.values.get(name) if record else None)
        return kept

    def write(self, kind: ObjectType, record: Record, values: dict[str, str | None], *, by: Source) -> None:
        """Set checked values now."""
        now = self.clock.now()
        for name, value in values.items():
            record.put(name, value, Version(value or "", now, by))
        self._touch(kind, record)
        self._derive(kind, record, given=values)

    def _touch(self, kind: ObjectType, record: Record) -> None:
        record.modified = self.clock.now()
        self._stamp(kind, record)

    def _stamp(self, kind: ObjectType, record: Record) -> None:
        record.place(kind.created, iso(record.created))
        record.place(kind.modified, iso(record.modified))
        if "hs_createdate" in self.schema.properties[kind.plural]:
            record.place("hs_createdate", iso(record.created))

    def _derive(self, kind: ObjectType, record: Record, *, given: dict[str, str | None]) -> None:
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

    def _note_merge(self, kind: ObjectType, record: Record, merged: Sequence[str]) -> None:
        self._touch(kind, record)
        known = record.values.get("hs_merged_object_ids", "").split(";")
        record.place("hs_merged_object_ids", ";".join(one for one in [*known, *merged] if one))
        if kind.plural == "contacts":
            stamp = int(self.clock.now().timestamp() * 1000)
            vids = record.values.get("hs_calculated_merged_vids", "").split(";")
            vids += [f"{one}:{stamp}" for one in merged]
            record.place("hs_calculated_merged_vids", ";".join(one for one in vids if one))

    def _record(self, kind: ObjectType, record_id: str) -> Record:
        record = self.shelves[kind.plural].find(record_id)
        if record is None:
            raise ValueError(f"there is no {kind.singular} {record_id} in this portal")
        return record

    def _ends(self, from_type: str, from_id: str, to_type: str, to_id: str) -> tuple[tuple[str, str], tuple[str, str]]:
        kinds = catalogue.object_type(from_type), catalogue.object_type(to_type)
        ids = self._record(kinds[0], from_id).id, self._record(kinds[1], to_id).id
        return (kinds[0].plural, kinds[1].plural), ids

    def now(self) -> datetime:
        """The portal's present."""
        return self.clock.now()


def _keep_addresses(keep: Record, lost: Record) -> None:
    """The loser's addresses stay findable: they become further addresses of the survivor."""
    listed = ";".join(one.values.get("hs_additional_emails", "") for one in (keep, lost))
    further = [one for one in (*listed.split(";"), lost.values.get("email", "")) if one]
    addresses = dict.fromkeys(one for one in further if one != keep.values.get("email"))
    if addresses:
        keep.values["hs_additional_emails"] = ";".join(addresses)
