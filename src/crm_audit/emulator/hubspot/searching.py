"""The search: which records match, in which order. Pure but for the association look-up it is given."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from crm_audit.emulator.hubspot.bodies import Filter, Search, Sort
from crm_audit.emulator.hubspot.records import Record
from crm_audit.emulator.hubspot.refusals import invalid
from crm_audit.emulator.hubspot.values import instant

PAGE, CEILING, LONGEST_BODY = 200, 10_000, 3_000
GROUPS, FILTERS = 5, 6

Rank = tuple[Decimal, str]
"""A number or an instant in milliseconds, then text: one of the two is always empty."""

_COMPARES: Mapping[str, Callable[[Rank, Rank], bool]] = {
    "EQ": operator.eq, "NEQ": operator.ne, "LT": operator.lt, "LTE": operator.le, "GT": operator.gt,
    "GTE": operator.ge,
}  # fmt: skip
OPERATORS = frozenset(_COMPARES) | {
    "BETWEEN", "IN", "NOT_IN", "HAS_PROPERTY", "NOT_HAS_PROPERTY", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN",
}  # fmt: skip

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Linked = Callable[[Record, str], Collection[str]]
"""Ids of the other type that a record is associated with."""


def refuse_excess(search: Search, body: bytes) -> None:
    """Raise Refusal (400) for a search beyond HubSpot's limits."""
    if len(body) > LONGEST_BODY:
        raise invalid(f"The request body is {len(body)} characters long; {LONGEST_BODY} is the limit")
    if search.query is not None:
        raise invalid("`query` is not part of this emulator; use filters")
    if search.limit > PAGE:
        raise invalid(f"The limit {search.limit} is over the maximum of {PAGE} per page")
    if search.after + search.limit > CEILING:
        raise invalid(f"Paging past {CEILING} results is not supported: narrow the filters")
    if len(search.groups) > GROUPS or any(len(group.filters) > FILTERS for group in search.groups):
        raise invalid(f"At most {GROUPS} filterGroups with {FILTERS} filters each")
    if len(search.sorts) > 1:
        raise invalid("Only one sort is supported")
    for condition in _conditions(search):
        if condition.operator not in OPERATORS:
            raise invalid(f"{condition.operator} is no operator; HubSpot has {', '.join(sorted(OPERATORS))}")


def _conditions(search: Search) -> list[Filter]:
    return [*search.filters, *(condition for group in search.groups for condition in group.filters)]


@dataclass(frozen=True, slots=True)
class Matcher:
    """Judges records of one type; `kinds` gives the kind of each property's values."""

    kinds: Mapping[str, str]
    linked: Linked

    def matches(self, record: Record, search: Search) -> bool:
        """Whether any group holds; a search without filters finds everything."""
        groups = [group.filters for group in search.groups] + ([search.filters] if search.filters else [])
        return not groups or any(all(self._holds(record, each) for each in group) for group in groups)

    def _holds(self, record: Record, condition: Filter) -> bool:
        if condition.name.startswith("associations."):
            wanted = {condition.value, *condition.values} - {None}
            return not wanted.isdisjoint(self.linked(record, condition.name.partition(".")[2]))
        held = record.values.get(condition.name)
        if condition.operator == "NOT_HAS_PROPERTY":
            return held is None
        if held is None:  # an empty property, or one that this type does not have, matches nothing else
            return False
        return self._compares(held, condition)

    def _compares(self, held: str, condition: Filter) -> bool:
        asked = condition.operator
        if asked == "HAS_PROPERTY":
            return True
        if asked in ("IN", "NOT_IN"):
            return self._among(held, condition) is (asked == "IN")
        if asked.endswith("CONTAINS_TOKEN"):
            return _has_token(held, _value(condition)) is (asked == "CONTAINS_TOKEN")
        return self._ordered(held, condition)

    def _among(self, held: str, condition: Filter) -> bool:
        if self.kinds.get(condition.name) == "string":  # the index holds lower case, and these values are not folded
            return held.lower() in condition.values
        mine = self.key(condition.name, held)
        return any(mine == self._asked(condition.name, value) for value in condition.values)

    def _ordered(self, held: str, condition: Filter) -> bool:
        mine, low = self.key(condition.name, held), self._asked(condition.name, _value(condition))
        if condition.operator != "BETWEEN":
            return _COMPARES[condition.operator](mine, low)
        if condition.high is None:
            raise invalid(f"BETWEEN on {condition.name} needs a highValue")
        return low <= mine <= self._asked(condition.name, condition.high)

    def _asked(self, name: str, text: str) -> Rank:
        try:
            return self.key(name, text)
        except (ValueError, OverflowError, InvalidOperation):
            raise invalid(f"{text} is not a valid value for {name}") from None

    def key(self, name: str, text: str) -> Rank:
        """A value of that property as it compares."""
        return _rank(self.kinds.get(name), text)


@lru_cache(maxsize=200_000)  # a walk through a large portal ranks the same values page after page
def _rank(kind: str | None, text: str) -> Rank:
    """A value as it compares; enumerations keep their case, other text does not."""
    match kind:
        case "number":
            return Decimal(text), ""
        case "date" | "datetime":
            return Decimal((instant(text) - _EPOCH) // timedelta(milliseconds=1)), ""
        case "enumeration" | "bool":
            return Decimal(), text
    return Decimal(), text.lower()


def _value(condition: Filter) -> str:
    if condition.value is None:
        raise invalid(f"{condition.operator} on {condition.name} needs a value")
    return condition.value


def _has_token(held: str, wanted: str) -> bool:
    tokens = re.findall(r"[^\W_]+", held.lower())
    pattern = re.compile(re.escape(wanted.lower()).replace(r"\*", ".*"))
    return any(pattern.fullmatch(token) for token in [*tokens, held.lower()])


def in_order(records: list[Record], sorts: tuple[Sort, ...], matcher: Matcher) -> list[Record]:
    """Records by the one sort, or by creation; those without a value come last, equal ones by id."""
    if not sorts:
        return sorted(records, key=lambda record: (record.created, int(record.id)))
    name, descending = sorts[0].name, sorts[0].direction == "DESCENDING"
    by_id = sorted(records, key=lambda record: int(record.id))
    with_value = [record for record in by_id if name in record.values]
    with_value.sort(key=lambda record: matcher.key(name, record.values[name]), reverse=descending)
    return with_value + [record for record in by_id if name not in record.values]
