"""An org as its integration user can query it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from crm_audit.emulator.clock import Clock
from crm_audit.emulator.salesforce.records import Records
from crm_audit.emulator.salesforce.schema import Schema
from crm_audit.emulator.soql.order import Order
from crm_audit.emulator.soql.schema import Entity, Field, Row


@dataclass(frozen=True, slots=True)
class OrgCatalog:
    """Schema as visible, rows as they are; see `soql.schema.Catalog`."""

    schema: Schema
    records: Records
    clock: Clock
    zone: ZoneInfo

    def now(self) -> datetime:
        """The emulator's present instant."""
        return self.clock.now()

    def entity(self, name: str) -> Entity | None:
        """The visible entity."""
        return self.schema.visible(name)

    def child(self, entity: str, relationship: str) -> tuple[Entity, Field] | None:
        """The entity whose reference field declares that child relationship."""
        for each in self.schema.entities():
            for field in each.fields.values():
                if entity in field.targets and (field.children or "").lower() == relationship.lower():
                    seen = self.schema.visible(each.name)
                    return (seen, field) if seen and field.name in seen.fields else None
        return None

    def rows(self, entity: str) -> Iterable[Row]:
        """All rows, deleted ones included."""
        return self.records.rows(entity)

    def count(self, entity: str) -> int:
        """How many rows there are, deleted ones included."""
        return self.records.count(entity)

    def order(self, entity: str, field: str) -> Order:
        """The rows in the order of one field."""
        return self.records.order(entity, field)

    def row(self, entity: str, record: str) -> Row | None:
        """The row with that id."""
        return self.records.row(entity, record)

    def parent(self, field: Field, record: str) -> Row | None:
        """The row referred to, looked for where its key prefix points."""
        entity = self.schema.of_record(record)
        row = self.records.row(entity.name, record) if entity else None
        if entity is None or row is None:
            return None
        return {**row, "Type": entity.name} if field.polymorphic else row
