"""The search: which records match, in which order. Pure but for the association look-up it is given."""

from __future__ import annotations

import operator
import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from math import ceil, floor

from crm_audit.emulator.hubspot.bodies import Filter, Search, Sort
from crm_audit.emulator.hubspot.index import Index
from crm_audit.emulator.hubspot.records import Record
from crm_audit.emulator.hubspot.refusals import invalid
from crm_audit.emulator.hubspot.values import instant

PAGE, CEILING, LONGEST_BODY = 200, 10_000, 3_000
GROUPS, FILTERS, FILTERS_IN_ALL = 5, 6, 18

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
_BEFORE, _AFTER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_BOUNDS = frozenset({"EQ", "LT", "LTE", "GT", "GTE", "BETWEEN"})
"""Operators that cut one piece out of an order."""
_ID = "hs_object_id"
_NO_NUMBER = 10**40

Test = Callable[[Record], bool]
Group = tuple[Filter, ...]
Linked = Callable[[str, Collection[str]], Collection[str]]
"""Given another type and ids of it: the ids of this type's records that are associated with any of them."""


def refuse_excess(search: Search, body: bytes) -> None:
    """Raise Refusal (400) for a search beyond HubSpot's limits."""
    characters = len(body.decode(errors="replace"))
    if characters > LONGEST_BODY:
        raise invalid(f"The request body is {characters} characters long; {LONGEST_BODY} is the limit")
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
    conditions = [*search.filters, *(condition for group in search.groups for condition in group.filters)]
    if len(conditions) > FILTERS_IN_ALL:
        raise invalid(f"At most {FILTERS_IN_ALL} filters in all")
    for condition in conditions:
        if condition.operator not in OPERATORS:
            raise invalid(f"{condition.operator} is no operator; HubSpot has {', '.join(sorted(OPERATORS))}")


@dataclass(frozen=True, slots=True)
class Found:
    """A piece of a list of records; a large one is not copied for every page of a walk."""

    records: Sequence[Record]
    start: int
    end: int

    @property
    def total(self) -> int:
        """How many records were found."""
        return self.end - self.start

    def page(self, after: int, limit: int) -> Sequence[Record]:
        """So many of them from a place on."""
        first = self.start + after
        return self.records[first : min(first + limit, self.end)]


@dataclass(frozen=True, slots=True)
class Matcher:
    """Finds records of one type; `kinds` gives the kind of each property's values, `modified` the stamp's name."""

    kinds: Mapping[str, str]
    modified: str
    linked: Linked

    def find(self, search: Search, records: Sequence[Record], index: Index[Record]) -> Found:
        """The records that match, in the order asked for; `records` are in the order of their ids.

        Bounds on the id are cut out of what the other conditions find, so the pages of a walk share one find.
        """
        groups = [group.filters for group in search.groups] + ([search.filters] if search.filters else [])
        low, high = 0, _NO_NUMBER
        if len(groups) == 1:
            low, high = self._span(each for each in groups[0] if _bounds(each, _ID))
            groups = [tuple(each for each in groups[0] if not _bounds(each, _ID))]
        rest = () if groups in ([], [()]) else tuple(groups)
        passing = any(each.name.startswith("associations.") for group in rest for each in group)
        matched = records if not rest else self._matched(rest, records) if passing else None
        if matched is None:
            matched = index.remembered(rest, lambda: self._matched(rest, records))
        start = bisect_left(matched, low, key=_number)
        end = max(start, bisect_left(matched, high, key=_number))
        if search.sorts and search.sorts[0] == _BY_ID:
            return Found(matched, start, end)

        def in_order() -> list[Record]:
            return self._ordered(matched[start:end], search.sorts)

        found = in_order() if passing else index.remembered((rest, low, high, search.sorts), in_order)
        return Found(found, 0, len(found))

    def _matched(self, groups: Sequence[Group], records: Iterable[Record]) -> list[Record]:
        if len(groups) > 1:
            either = [[self._test(each) for each in group] for group in groups]
            return [record for record in records if any(all(test(record) for test in tests) for tests in either)]
        first, last = self._window(each for each in groups[0] if _bounds(each, self.modified))
        tests = [self._test(each) for each in groups[0] if not _bounds(each, self.modified)]
        inside = [record for record in records if first <= record.modified < last]
        return [record for record in inside if all(test(record) for test in tests)] if tests else inside

    def _span(self, conditions: Iterable[Filter]) -> tuple[int, int]:
        """The ids from the first to before the second."""
        low, high = 0, _NO_NUMBER
        for each in conditions:
            least, most = self._limits(each)
            low = max(low, least)
            high = min(high, most)
        return low, high

    def _window(self, conditions: Iterable[Filter]) -> tuple[datetime, datetime]:
        """The instants from the first to before the second."""
        low, high = self._span(conditions)
        return _at(low, _BEFORE), _at(high, _AFTER)

    def _limits(self, condition: Filter) -> tuple[int, int]:
        asked = self._asked(condition.name, _value(condition))[0]
        least, most = ceil(asked), floor(asked) + 1
        match condition.operator:
            case "EQ":
                return least, most
            case "GTE":
                return least, _NO_NUMBER
            case "GT":
                return most, _NO_NUMBER
            case "LT":
                return 0, least
            case "LTE":
                return 0, most
        return least, floor(self._asked(condition.name, _high(condition))[0]) + 1

    def _test(self, condition: Filter) -> Test:
        name = condition.name
        if name.startswith("associations."):
            wanted = {condition.value, *condition.values} - {None}
            ids = self.linked(name.partition(".")[2], [one for one in wanted if one])
            return lambda record: record.id in ids
        if condition.operator == "NOT_HAS_PROPERTY":
            return lambda record: name not in record.values
        holds = self._holds(condition)

        def test(record: Record) -> bool:
            held = record.values.get(name)  # an empty property, or one that this type does not have, matches nothing
            return held is not None and holds(held)

        return test

    def _holds(self, condition: Filter) -> Callable[[str], bool]:
        asked, name = condition.operator, condition.name
        if asked == "HAS_PROPERTY":
            return lambda held: True
        if asked in ("IN", "NOT_IN"):
            return self._among(condition, wanted=asked == "IN")
        if asked.endswith("CONTAINS_TOKEN"):
            text = _value(condition)
            return lambda held: _has_token(held, text) is (asked == "CONTAINS_TOKEN")
        low = self._asked(name, _value(condition))
        if asked == "BETWEEN":
            high = self._asked(name, _high(condition))
            return lambda held: low <= self.key(name, held) <= high
        compare = _COMPARES[asked]
        return lambda held: compare(self.key(name, held), low)

    def _among(self, condition: Filter, *, wanted: bool) -> Callable[[str], bool]:
        name, values = condition.name, condition.values
        if self.kinds.get(name) == "string":  # the index holds lower case, and these values are not folded
            return lambda held: (held.lower() in values) is wanted
        asked = {self._asked(name, value) for value in values}
        return lambda held: (self.key(name, held) in asked) is wanted

    def _asked(self, name: str, text: str) -> Rank:
        try:
            rank = self.key(name, text)
            finite = rank[0].is_finite()
        except (ValueError, OverflowError, InvalidOperation):
            finite = False
        if not finite:
            raise invalid(f"{text} is not a valid value for {name}")
        return rank

    def key(self, name: str, text: str) -> Rank:
        """A value of that property as it compares."""
        return _rank(self.kinds.get(name), text)

    def _ordered(self, by_id: Sequence[Record], sorts: tuple[Sort, ...]) -> list[Record]:
        """Records by the one sort, or by creation; those without a value come last, equal ones by id."""
        if not sorts:
            return sorted(by_id, key=lambda record: record.created)
        name, descending = sorts[0].name, sorts[0].direction == "DESCENDING"
        if name == self.modified:
            return sorted(by_id, key=lambda record: record.modified, reverse=descending)
        with_value = [record for record in by_id if name in record.values]
        with_value.sort(key=lambda record: self.key(name, record.values[name]), reverse=descending)
        return with_value + [record for record in by_id if name not in record.values]


_BY_ID = Sort.model_validate(_ID)


def _bounds(condition: Filter, name: str) -> bool:
    return condition.name == name and condition.operator in _BOUNDS


def _number(record: Record) -> int:
    return int(record.id)


def _at(milliseconds: int, beyond: datetime) -> datetime:
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return beyond


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


def _high(condition: Filter) -> str:
    if condition.high is None:
        raise invalid(f"BETWEEN on {condition.name} needs a highValue")
    return condition.high


def _has_token(held: str, wanted: str) -> bool:
    tokens = re.findall(r"[^\W_]+", held.lower())
    pattern = re.compile(re.escape(wanted.lower()).replace(r"\*", ".*"))
    return any(pattern.fullmatch(token) for token in [*tokens, held.lower()])
