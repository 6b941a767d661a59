"""A SOQL query as frozen values; `at` is where something stands in the text and does not count for equality."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Relative:
    """A date literal such as TODAY or LAST_N_DAYS:30: a range of days in the user's zone."""

    name: str
    days: int = 0


Literal = str | bool | Decimal | date | datetime | Relative | None


@dataclass(frozen=True, slots=True)
class Path:
    """A field, reached over zero or more relationships: `Account.Owner.Name`."""

    names: tuple[str, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """`=`, `!=`, `<`, `<=`, `>` or `>=` against one literal."""

    path: Path
    op: str
    value: Literal


@dataclass(frozen=True, slots=True)
class Like:
    """A pattern with `%` and `_`; a backslash before either means the character itself."""

    path: Path
    pattern: str


@dataclass(frozen=True, slots=True)
class Among:
    """IN or NOT IN a list of literals, or the single column of another query."""

    path: Path
    values: tuple[Literal, ...] | Select
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; conditions are two-valued in SOQL."""

    item: Condition


@dataclass(frozen=True, slots=True)
class And:
    """All of them."""

    items: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of them."""

    items: tuple[Condition, ...]


Condition = Compare | Like | Among | Not | And | Or


@dataclass(frozen=True, slots=True)
class Order:
    """One sort key; nulls come first unless NULLS LAST says otherwise, whatever the direction."""

    path: Path
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, slots=True)
class Select:
    """A query. No columns means COUNT(). As a column of another query, `source` is a child relationship."""

    columns: tuple[Path | Select, ...]
    source: str
    where: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int | None = None
    at: int = field(default=0, compare=False)
