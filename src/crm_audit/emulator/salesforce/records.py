"""The rows of an org: one table per object, unique keys and orders beside it, and a journal to take changes back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from crm_audit.emulator.salesforce.packed import Packer
from crm_audit.emulator.soql.ids import new_id
from crm_audit.emulator.soql.order import Order
from crm_audit.emulator.soql.schema import Entity, Row, Value


class Records:
    """Rows are never changed in place, so whoever holds one holds a snapshot."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Row]] = {}
        self._keys: dict[tuple[str, str], dict[Value, str]] = {}
        self._orders: dict[str, dict[str, Order]] = {}
        self._issued: dict[str, int] = {}
        self._packer = Packer()
        self._journal: list[tuple[Entity, str, Row | None]] = []
        self._depth = 0  # of `atomic` blocks: only the outermost may forget the journal

    def issue(self, entity: Entity) -> str:
        """The next id of an entity."""
        self._issued[entity.prefix] = self._issued.get(entity.prefix, 0) + 1
        return new_id(entity.prefix, self._issued[entity.prefix])

    def rows(self, entity: str) -> Iterable[Row]:
        """All rows of an entity in the order in which they were created."""
        return self._rows.get(entity, {}).values()

    def count(self, entity: str) -> int:
        """How many rows an entity has, deleted ones included."""
        return len(self._rows.get(entity, {}))

    def row(self, entity: str, record: str) -> Row | None:
        """One row by its 18-character id."""
        return self._rows.get(entity, {}).get(record)

    def holder(self, entity: str, field: str, *, value: Value) -> str | None:
        """The id of the row that holds a unique value, whatever its case."""
        return self._keys.get((entity, field), {}).get(_key(value))

    def order(self, entity: str, field: str) -> Order:
        """The rows of an entity in the order of a field, made when it is first asked for and kept from then on."""
        orders = self._orders.setdefault(entity, {})
        if field not in orders:
            orders[field] = Order(self._rows.setdefault(entity, {}), field)
        return orders[field]

    def referring(self, entity: str, field: str, *, to: str) -> list[Row]:
        """The rows of an entity whose field holds that id."""
        return self.order(entity, field).holding(to)

    def put(self, entity: Entity, record: str, *, row: Row | None) -> None:
        """Store a row, or with None take it away for good."""
        before = self._set(entity, record, row=row)
        self._journal.append((entity, record, before))

    def fill(self, entity: Entity, rows: Iterable[Row]) -> None:
        """Store many new rows at once; there is no taking back."""
        table = self._rows.setdefault(entity.name, {})
        table.update((str(row["Id"]), self._packer.pack(row)) for row in rows)
        self._orders.pop(entity.name, None)
        for field in entity.fields.values():
            if field.unique:
                keys = self._keys.setdefault((entity.name, field.name), {})
                keys.update((_key(value), record) for record, row in table.items() if (value := row.get(field.name)))

    def _set(self, entity: Entity, record: str, *, row: Row | None) -> Row | None:
        rows = self._rows.setdefault(entity.name, {})
        before = rows.pop(record, None) if row is None else rows.get(record)
        if row is not None:
            rows[record] = self._packer.pack(row)
        for order in self._orders.get(entity.name, {}).values():
            order.change(record, before)
        for field in entity.fields.values():
            if field.unique:
                self._move(
                    self._keys.setdefault((entity.name, field.name), {}), record, rows=(before, row), field=field.name
                )
        return before

    @staticmethod
    def _move(keys: dict[Value, str], record: str, *, rows: tuple[Row | None, Row | None], field: str) -> None:
        old, new = ((row or {}).get(field) for row in rows)
        if old is not None and keys.get(_key(old)) == record:
            del keys[_key(old)]
        if new is not None and rows[1] and not rows[1].get("IsDeleted"):
            keys[_key(new)] = record

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """All changes inside hold, or after an exception none of them."""
        begin = len(self._journal)
        self._depth += 1
        try:
            yield
        except BaseException:
            self._take_back(begin)
            raise
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._journal.clear()

    @contextmanager
    def held_back(self) -> Iterator[dict[tuple[str, str], tuple[Entity, Row | None]]]:
        """Changes inside are undone at the end and handed over, to be put later."""
        changes: dict[tuple[str, str], tuple[Entity, Row | None]] = {}
        with self.atomic():
            begin = len(self._journal)
            yield changes
            for entity, record, _ in self._journal[begin:]:
                changes[entity.name, record] = entity, self.row(entity.name, record)
            self._take_back(begin)

    def _take_back(self, begin: int) -> None:
        while len(self._journal) > begin:
            entity, record, before = self._journal.pop()
            self._set(entity, record, row=before)


def _key(value: Value) -> Value:
    return value.casefold() if isinstance(value, str) else value


def changed(before: Mapping[str, Value], after: Mapping[str, Value], *fields: str) -> bool:
    """True if any of those fields differs."""
    return any(before.get(field) != after.get(field) for field in fields)
