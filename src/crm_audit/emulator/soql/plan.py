"""Where to look for the rows of a query, so that a page out of a million rows costs what a page costs.

A plan only narrows: every row it names is still tested. Ids and instants have orders; other fields are scanned for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

from crm_audit.emulator.soql.ids import full_id
from crm_audit.emulator.soql.order import Order, Span
from crm_audit.emulator.soql.schema import IDS, Catalog, Entity, Field, Row, Value
from crm_audit.emulator.soql.syntax import Among, And, Compare, Condition, Or, Path, Select

ORDERED = IDS | {"datetime"}
"""Types of fields that have an order."""
CHEAP = 20_000
"""Rows that are sooner tested and sorted than walked to in the order asked for."""
PROBE = 40
"""What finding one value in an order costs, in rows tested."""

Limit = Span | frozenset[Value]
Limits = dict[str, Limit]
Column = Callable[[Select], frozenset[Value]]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to the rows: how many there are on it, and whether they come in the order asked for."""

    rows: Iterable[Row]
    count: int
    sorted: bool = False


def way(catalog: Catalog, entity: Entity, select: Select, *, column: Column) -> Way:
    """The cheapest way to a superset of the rows that a query is about; `column` runs a semi-join."""
    narrowed = limits(entity, select.where, column=column)
    ways = [found for name, limit in narrowed.items() if (found := _along(catalog, entity, name=name, limit=limit))]
    walk = _walk(catalog, entity, select, narrowed=narrowed)
    if not ways:
        return walk or Way(catalog.rows(entity.name), catalog.count(entity.name))
    shortest = min(ways, key=lambda each: each.count)
    if walk is None or (shortest.count < walk.count and (select.limit is None or shortest.count <= CHEAP)):
        return shortest
    return walk


def limits(entity: Entity, where: Condition | None, *, column: Column) -> Limits:
    """What a condition says outright about each field that has an order."""
    match where:
        case And(items):
            return reduce(_both, (limits(entity, item, column=column) for item in items))
        case Or(items):
            return reduce(_either, (limits(entity, item, column=column) for item in items))
        case Compare(Path((name,)), op, value) if op != "!=":
            field = _ordered(entity, name)
            known = _value(field, value) if field else None
            return {field.name: _span(op, known)} if field and known is not None else {}
        case Among(Path((name,)), values, False):
            field = _ordered(entity, name)
            if field is None:
                return {}
            chosen = column(values) if isinstance(values, Select) else {_value(field, value) for value in values}
            return {} if None in chosen else {field.name: frozenset(chosen)}
    return {}


def _ordered(entity: Entity, name: str) -> Field | None:
    field = entity.field_named(name)
    return field if field and field.type in ORDERED and field.formula is None else None


def _value(field: Field, value: object) -> Value:
    if field.type in IDS:
        return full_id(value) if isinstance(value, str) else None
    return value if isinstance(value, datetime) else None


def _span(op: str, value: Value) -> Span:
    if op == "=":
        return Span(value, value)
    if op in ("<", "<="):
        return Span(high=value, open_high=op == "<")
    return Span(low=value, open_low=op == ">")


def _both(one: Limits, other: Limits) -> Limits:
    return one | other | {name: _narrower(one[name], other[name]) for name in one.keys() & other.keys()}


def _narrower(one: Limit, other: Limit) -> Limit:
    if isinstance(one, Span) and isinstance(other, Span):
        return one.meet(other)
    return one if isinstance(one, frozenset) else other


def _either(one: Limits, other: Limits) -> Limits:
    return {name: _hull(one[name]).join(_hull(other[name])) for name in one.keys() & other.keys()}


def _hull(limit: Limit) -> Span:
    if isinstance(limit, Span):
        return limit
    values = sorted(limit, key=str)
    return Span(values[0], values[-1]) if values else Span()


def _along(catalog: Catalog, entity: Entity, *, name: str, limit: Limit) -> Way | None:
    if isinstance(limit, Span):
        return _slice(catalog.order(entity.name, name), limit)
    if len(limit) * PROBE > catalog.count(entity.name) + PROBE * PROBE:
        return None  # so many values that looking at every row is sooner done
    if name == "Id":
        rows = [row for value in sorted(map(str, limit)) if (row := catalog.row(entity.name, value))]
    else:
        order = catalog.order(entity.name, name)
        rows = [row for value in sorted(limit, key=str) for row in order.holding(value)]
    return Way(rows, len(rows))


def _slice(order: Order, span: Span, *, backwards: bool = False) -> Way:
    rows = order.rows()
    begin, end = order.place(span)
    places = range(end - 1, begin - 1, -1) if backwards else range(begin, end)
    return Way((rows[place] for place in places), len(places))


def _walk(catalog: Catalog, entity: Entity, select: Select, *, narrowed: Limits) -> Way | None:
    """The rows in the order that the query asks for, where there is one: by that field and at most the id after it."""
    keys = select.order
    if not keys or len(keys) > 2 or any(len(key.path.names) > 1 for key in keys):
        return None
    field = _ordered(entity, keys[0].path.names[0])
    second = keys[-1].path.names[0].lower() == "id"
    if field is None or not (len(keys) == 1 or (second and keys[0].descending == keys[1].descending)):
        return None
    order, limit = catalog.order(entity.name, field.name), narrowed.get(field.name)
    if limit is None and len(order.rows()) < catalog.count(entity.name):
        return None  # rows without a value have a place of their own
    along = _slice(order, _hull(limit) if limit is not None else Span(), backwards=keys[0].descending)
    return Way(along.rows, along.count, sorted=True)
