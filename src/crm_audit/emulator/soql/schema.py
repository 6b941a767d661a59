"""What a query can speak of: entities and their fields. Where they come from is the caller's business."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from crm_audit.emulator.soql.order import Order

Value = str | bool | int | Decimal | date | datetime | None
"""A stored value: text, ids and picklists as str, money and numbers as Decimal, instants aware and in UTC."""
Row = Mapping[str, Value]

IDS = frozenset({"id", "reference"})
NUMBERS = frozenset({"currency", "double", "int", "percent"})
TEXTS = frozenset({"anyType", "combobox", "email", "multipicklist", "phone", "picklist", "string", "textarea", "url"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of an entity, as describe tells it."""

    name: str
    type: str
    label: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    required: bool = False
    createable: bool = True
    updateable: bool = True
    filterable: bool = True  # long text can be neither filtered nor sorted
    permissionable: bool = True  # False: field-level security cannot hide it
    external: bool = False
    unique: bool = False
    cascade: bool = False  # the row goes when what it refers to goes
    targets: tuple[str, ...] = ()
    relationship: str | None = None  # upwards: Account in Account.Name
    children: str | None = None  # downwards: OpportunityContactRoles
    default: Value = None
    values: tuple[str, ...] = ()
    formula: Callable[[Row], Value] | None = None  # computed when it is read, and so without a stamp

    def read(self, row: Row) -> Value:
        """The value of this field in a row."""
        return row.get(self.name) if self.formula is None else self.formula(row)

    @property
    def polymorphic(self) -> bool:
        """True if it may refer to more than one kind of record; then only the fields of `Name` can be reached."""
        return len(self.targets) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One kind of record; names are found whatever their case."""

    name: str
    label: str
    plural: str
    prefix: str
    fields: Mapping[str, Field]
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    mergeable: bool = False
    filtered_by: tuple[str, ...] = ()  # a query must name ids in one of these fields
    bin: bool = True  # deleted rows go to the recycle bin; else they are gone
    _names: Mapping[str, Field] = field(init=False, repr=False, compare=False)
    _relations: Mapping[str, Field] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fields = self.fields.values()
        object.__setattr__(self, "_names", {known.name.lower(): known for known in fields})
        object.__setattr__(
            self, "_relations", {known.relationship.lower(): known for known in fields if known.relationship}
        )

    def field_named(self, name: str) -> Field | None:
        """The field of that name."""
        return self._names.get(name.lower())

    def relation(self, name: str) -> Field | None:
        """The reference field behind a relationship such as `Account`."""
        return self._relations.get(name.lower())


class Catalog(Protocol):
    """What the evaluation asks of an org."""

    @property
    def zone(self) -> ZoneInfo:
        """The user's zone, in which date literals have their days."""

    def now(self) -> datetime:
        """The present instant."""

    def entity(self, name: str) -> Entity | None:
        """The entity of that name with the fields its user may see."""

    def child(self, entity: str, relationship: str) -> tuple[Entity, Field] | None:
        """The entity and its reference field behind a child relationship."""

    def rows(self, entity: str) -> Iterable[Row]:
        """All rows, deleted ones included."""

    def count(self, entity: str) -> int:
        """How many rows there are, deleted ones included."""

    def order(self, entity: str, field: str) -> Order:
        """The rows in the order of one field."""

    def row(self, entity: str, record: str) -> Row | None:
        """The row with that 18-character id."""

    def parent(self, field: Field, record: str) -> Row | None:
        """The row a reference points to; for a polymorphic one a `Name` row, whose Type is the entity."""
