"""WHERE as one Python closure over a row, built once per query.

As in Salesforce: text compares whatever its case, `''` is null, `!=` and NOT IN keep rows that hold null, and an
ordering comparison with null is false.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from crm_audit.emulator.soql import dates
from crm_audit.emulator.soql.ids import full_id
from crm_audit.emulator.soql.refusal import Refusal, at
from crm_audit.emulator.soql.schema import IDS, NUMBERS, TEXTS, Catalog, Entity, Field, Row, Value
from crm_audit.emulator.soql.syntax import (
    Among,
    And,
    Compare,
    Condition,
    Like,
    Literal,
    Not,
    Or,
    Path,
    Relative,
    Select,
)

Getter = Callable[[Row], Value]
Test = Callable[[Row], bool]
Column = Callable[[Select], frozenset[Value]]
"""Runs a semi-join and gives the values of its only column."""

_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MORE = (
    "If you are attempting to use a custom {thing}, be sure to append the '{suffix}' after the custom {thing} name. "
    "Please reference your WSDL or the describe call for the appropriate names."
)


@dataclass(frozen=True, slots=True)
class Bound:
    """A path resolved against the schema: the field at its end and how to reach it from a row."""

    field: Field
    get: Getter

    def comparable(self) -> Getter:
        """The value as comparisons see it: text in one case."""
        if self.field.type not in TEXTS:
            return self.get
        return lambda row: None if (value := self.get(row)) is None else str(value).casefold()


@dataclass(frozen=True, slots=True)
class Scope:
    """Where the names of one query are looked up; the text is there for the error messages."""

    catalog: Catalog
    text: str
    column: Column

    def bound(self, entity: Entity, path: Path) -> Bound:
        """The path from rows of that entity; raises Refusal (INVALID_FIELD)."""
        hops: list[Field] = []
        for name in path.names[:-1]:
            link, entity = self.hop(entity, name, path=path)
            hops.append(link)
        field = entity.field_named(path.names[-1])
        if field is None:
            more = _MORE.format(thing="field", suffix="__c")
            raise self._invalid(path, f"No such column '{path.names[-1]}' on entity '{entity.name}'. {more}")
        return Bound(field, self._getter(hops, field))

    def told(self, entity: Entity, path: Path) -> str:
        """The path in the schema's own spelling: `what.name` is What.Name."""
        names: list[str] = []
        for name in path.names[:-1]:
            link, entity = self.hop(entity, name, path=path)
            names.append(str(link.relationship))
        return ".".join([*names, self.bound(entity, Path(path.names[-1:], path.at)).field.name])

    def hop(self, entity: Entity, name: str, *, path: Path) -> tuple[Field, Entity]:
        """The reference behind a relationship and what it leads to; raises Refusal (INVALID_FIELD)."""
        link = entity.relation(name)
        target = self.catalog.entity("Name" if link.polymorphic else link.targets[0]) if link else None
        if link is None or target is None:
            more = _MORE.format(thing="relationship", suffix="__r")
            raise self._invalid(path, f"Didn't understand relationship '{name}' in field path. {more}")
        return link, target

    def test(self, entity: Entity, condition: Condition) -> Test:
        """The condition as a function of a row of that entity; raises Refusal."""
        match condition:
            case And(items):
                tests = [self.test(entity, item) for item in items]
                return _all(tests)
            case Or(items):
                tests = [self.test(entity, item) for item in items]
                return lambda row: any(test(row) for test in tests)
            case Not(item):
                inner = self.test(entity, item)
                return lambda row: not inner(row)
        bound = self.bound(entity, condition.path)
        if not bound.field.filterable:
            raise self._invalid(condition.path, f"field '{bound.field.name}' can not be filtered in a query call")
        match condition:
            case Compare(_, op, Relative() as relative):
                return self._within(bound, op, relative=relative, path=condition.path)
            case Compare(path, op, value):
                return _compared(bound, op, wanted=self._operand(bound.field, path, value=value))
            case Like():
                return self._like(bound, condition)
            case Among(path, values, negated):
                return _chosen(bound, self._values(bound.field, path, values=values), negated=negated)

    def _getter(self, hops: list[Field], field: Field) -> Getter:
        if not hops:
            return field.read
        parent = self.catalog.parent

        def reach(row: Row) -> Value:
            current: Row | None = row
            for hop in hops:
                record = current.get(hop.name) if current is not None else None
                current = parent(hop, str(record)) if record is not None else None
            return field.read(current) if current is not None else None

        return reach

    def _invalid(self, path: Path, reason: str, *, code: str = "INVALID_FIELD") -> Refusal:
        return at(self.text, path.at, code=code, reason=reason)

    def _operand(self, field: Field, path: Path, *, value: Literal) -> Value:
        """The literal as it compares with stored values; raises Refusal where its type is not the field's."""
        if value is None:
            return None
        if field.type in TEXTS and isinstance(value, str):
            return value.casefold() or None
        if field.type in IDS and isinstance(value, str):
            record = full_id(value)
            if record is None:
                raise self._invalid(path, f"invalid ID field: {value}", code="INVALID_QUERY_FILTER_OPERATOR")
            return record
        fits = (
            (field.type in NUMBERS and isinstance(value, Decimal))
            or (field.type == "boolean" and isinstance(value, bool))
            or (field.type == "datetime" and isinstance(value, datetime))
            or (field.type == "date" and isinstance(value, date) and not isinstance(value, datetime))
        )
        if fits and not isinstance(value, Relative):
            return value
        kind, quotes = _kind(field)
        raise self._invalid(
            path, f"value of filter criterion for field '{field.name}' must be of type {kind} and should {quotes}"
        )

    def _within(self, bound: Bound, op: str, *, relative: Relative, path: Path) -> Test:
        get = bound.get
        first: Any
        last: Any
        if bound.field.type == "datetime":
            first, last = dates.instants(relative, self.catalog.now(), zone=self.catalog.zone)
        elif bound.field.type == "date":
            first, last = dates.days(relative, self.catalog.now().astimezone(self.catalog.zone).date())
        else:
            self._operand(bound.field, path, value=relative)
        if op in ("=", "!="):
            equal = op == "="
            return lambda row: ((value := get(row)) is not None and first <= value <= last) is equal
        limit = first if op in ("<", ">=") else last
        ordered = _ORDERED[op]
        return lambda row: (value := get(row)) is not None and ordered(value, limit)

    def _like(self, bound: Bound, condition: Like) -> Test:
        if bound.field.type not in TEXTS:
            raise self._invalid(condition.path, "invalid operator on id field", code="INVALID_QUERY_FILTER_OPERATOR")
        parts = re.findall(r"\\.|.", condition.pattern, re.DOTALL)
        pattern = re.compile("".join(_WILD.get(part, re.escape(part[-1])) for part in parts), re.IGNORECASE | re.DOTALL)
        get = bound.get
        return lambda row: (value := get(row)) is not None and pattern.fullmatch(str(value)) is not None

    def _values(self, field: Field, path: Path, *, values: tuple[Literal, ...] | Select) -> frozenset[Value]:
        if isinstance(values, Select):
            return self.column(values)
        return frozenset(self._operand(field, path, value=value) for value in values)


_WILD = {"%": ".*", "_": "."}


def _kind(field: Field) -> tuple[str, str]:
    if field.type in TEXTS or field.type in IDS:
        return "string", "be enclosed in quotes"
    names = {"datetime": "dateTime", "currency": "double", "percent": "double"}
    return names.get(field.type, field.type), "not be enclosed in quotes"


def _all(tests: list[Test]) -> Test:
    """All of them, as one call inside another: a generator takes twice as long, a million times over."""
    first, *rest = tests
    if not rest:
        return first
    others = _all(rest)
    return lambda row: first(row) and others(row)


def _compared(bound: Bound, op: str, *, wanted: Value) -> Test:
    get = bound.comparable()
    if op == "=":
        return lambda row: get(row) == wanted
    if op == "!=":
        return lambda row: get(row) != wanted
    if wanted is None:
        return lambda row: False
    ordered = _ORDERED[op]
    return lambda row: (value := get(row)) is not None and ordered(value, wanted)


def _chosen(bound: Bound, values: frozenset[Value], *, negated: bool) -> Test:
    get = bound.comparable()
    if negated:
        return lambda row: get(row) not in values
    return lambda row: get(row) in values
