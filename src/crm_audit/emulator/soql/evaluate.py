"""A parsed query against an org: which rows, in which order, and how each is shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from crm_audit.emulator.soql.conditions import Bound, Getter, Scope
from crm_audit.emulator.soql.parse import parse
from crm_audit.emulator.soql.plan import way
from crm_audit.emulator.soql.refusal import Refusal, at
from crm_audit.emulator.soql.schema import IDS, Catalog, Entity, Row, Value
from crm_audit.emulator.soql.syntax import Among, And, Compare, Condition, Order, Path, Select
from crm_audit.emulator.soql.wire import wire

FURTHEST = 2_000
"""The largest OFFSET."""

RESTRICTED = (
    "Implementation restriction: {entity} requires a filter by a single Id on {fields} using the equals operator or "
    "multiple Id's using the IN operator."
)

Shown = dict[str, Any]
Show = Callable[[Row], Shown]
Part = tuple[str, Callable[[Row], object]]


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a query and how one of them looks in JSON; `counts` if only their number was asked for."""

    rows: Sequence[Row]
    show: Show
    counts: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a query and its columns, as Bulk API gives them: parents' fields beside the row's own."""

    entity: str
    rows: Sequence[Row]
    names: tuple[str, ...]
    cells: Callable[[Row], list[Value]]


def answer(text: str, catalog: Catalog, *, address: str, everything: bool = False) -> Answer:
    """Run a query; `everything` keeps deleted and archived rows (queryAll). Raises Refusal.

    `address` is the path under which records are found, such as `/services/data/v66.0/sobjects`.
    """
    return _Query(catalog, text, address, everything=everything).answer(parse(text))


def table(text: str, catalog: Catalog, *, everything: bool = False) -> Table:
    """Run a query whose columns are all fields; raises Refusal."""
    select = parse(text)
    query = _Query(catalog, text, "", everything=everything)
    entity = query.entity(select)
    paths = [column for column in select.columns if isinstance(column, Path)]
    if not paths or len(paths) < len(select.columns):
        raise Refusal("API_ERROR", "Aggregate Relationships not supported in Bulk Query")
    names = tuple(query.scope.told(entity, path) for path in paths)
    gets = [query.scope.bound(entity, path).get for path in paths]
    return Table(entity.name, query.found(entity, select), names, lambda row: [get(row) for get in gets])


class _Query:
    def __init__(self, catalog: Catalog, text: str, address: str, *, everything: bool) -> None:
        self.catalog = catalog
        self.text = text
        self.address = address
        self.everything = everything
        self.scope = Scope(catalog, text, self.column)
        self.columns: dict[Select, frozenset[Value]] = {}

    def answer(self, select: Select) -> Answer:
        entity = self.entity(select)
        rows = self.found(entity, select)
        if not select.columns:
            return Answer(rows, lambda _: {}, counts=True)
        return Answer(rows, self.show(entity, select.columns))

    def entity(self, select: Select) -> Entity:
        entity = self.catalog.entity(select.source)
        if entity is None:
            raise self.unsupported(select)
        return entity

    def unsupported(self, select: Select) -> Refusal:
        reason = (
            f"sObject type '{select.source}' is not supported. If you are attempting to use a custom object, be sure "
            "to append the '__c' after the entity name. Please reference your WSDL or the describe call for the "
            "appropriate names."
        )
        return at(self.text, select.at, code="INVALID_TYPE", reason=reason)

    def found(self, entity: Entity, select: Select) -> list[Row]:
        """Filtered, sorted and cut."""
        if entity.filtered_by and not any(_ids(select.where, name.lower()) for name in entity.filtered_by):
            *most, last = entity.filtered_by
            raise Refusal(
                "MALFORMED_QUERY", RESTRICTED.format(entity=entity.name, fields=f"{', '.join(most)} or {last}")
            )
        if (select.offset or 0) > FURTHEST:
            raise Refusal("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {FURTHEST}")
        test = self.scope.test(entity, select.where) if select.where else None
        keys = [(self.sortable(entity, order).comparable(), order) for order in select.order]
        found = way(self.catalog, entity, select, column=self.column)
        visible = self.visible(entity)
        rows = (row for row in found.rows if visible(row) and (not test or test(row)))
        begin = select.offset or 0
        end = None if select.limit is None else begin + select.limit
        if found.sorted:
            return list(islice(rows, begin, end))
        kept = list(rows)
        for get, order in reversed(keys):
            kept = _sorted(kept, get, descending=order.descending, nulls_last=order.nulls_last)
        return kept[begin:end]

    def sortable(self, entity: Entity, order: Order) -> Bound:
        bound = self.scope.bound(entity, order.path)
        if not bound.field.filterable:
            reason = f"field '{bound.field.name}' can not be sorted in a query call"
            raise at(self.text, order.path.at, code="INVALID_FIELD", reason=reason)
        return bound

    def visible(self, entity: Entity) -> Callable[[Row], bool]:
        flags = [flag for flag in ("IsDeleted", "IsArchived") if flag in entity.fields]
        match [] if self.everything else flags:
            case []:
                return lambda row: True
            case [flag]:
                return lambda row: not row.get(flag)
            case [one, other]:
                return lambda row: not (row.get(one) or row.get(other))
        raise AssertionError(flags)

    def column(self, select: Select) -> frozenset[Value]:
        """The values of a semi-join, which may only be ids; run once however often it is asked for."""
        if select not in self.columns:
            self.columns[select] = self.ids(select)
        return self.columns[select]

    def ids(self, select: Select) -> frozenset[Value]:
        entity = self.entity(select)
        path = select.columns[0] if len(select.columns) == 1 else None
        if not isinstance(path, Path) or (bound := self.scope.bound(entity, path)).field.type not in IDS:
            raise at(
                self.text,
                select.at,
                code="MALFORMED_QUERY",
                reason="The inner select must select exactly one field, an ID or a reference",
            )
        return frozenset(value for row in self.found(entity, select) if (value := bound.get(row)) is not None)

    def show(self, entity: Entity, columns: Sequence[Path | Select], *, depth: int = 0) -> Show:
        """How a row looks: its type and address, its fields, its parents and its children."""
        groups: dict[str, list[Path]] = defaultdict(list)
        parts: dict[str, Part | None] = {}
        for column in columns:
            if isinstance(column, Path) and len(column.names) - depth > 1:
                link = column.names[depth].lower()
                groups[link].append(column)
                parts[f".{link}"] = None  # keeps its place
                continue
            name, part = (
                self.children(entity, column) if isinstance(column, Select) else self.leaf(entity, column, depth=depth)
            )
            if name in parts:
                raise Refusal("MALFORMED_QUERY", f"duplicate field selected: {name}")
            parts[name] = (name, part)
        for link, paths in groups.items():
            parts[f".{link}"] = self.parent(entity, paths, depth=depth)
        address, shown = self.address, tuple(part for part in parts.values() if part)

        def show(row: Row) -> Shown:
            kind = row["Type"] if entity.name == "Name" else entity.name
            attributes = {"type": entity.name, "url": f"{address}/{kind}/{row['Id']}"}
            return {"attributes": attributes} | {name: part(row) for name, part in shown}

        return show

    def leaf(self, entity: Entity, path: Path, *, depth: int) -> Part:
        bound = self.scope.bound(entity, Path(path.names[depth:], path.at))
        get = bound.get
        return bound.field.name, lambda row: wire(get(row))

    def parent(self, entity: Entity, paths: list[Path], *, depth: int) -> Part:
        link, target = self.scope.hop(entity, paths[0].names[depth], path=paths[0])
        show = self.show(target, paths, depth=depth + 1)

        def shown(row: Row) -> Shown | None:
            record = row.get(link.name)
            found = self.catalog.parent(link, str(record)) if record is not None else None
            return show(found) if found is not None else None

        return str(link.relationship), shown

    def children(self, entity: Entity, select: Select) -> Part:
        """A subquery: all children are found once and grouped by their parent."""
        known = self.catalog.child(entity.name, select.source)
        if known is None:
            reason = f"Didn't understand relationship '{select.source}' in FROM part of query call."
            raise at(self.text, select.at, code="INVALID_TYPE", reason=reason)
        child, link = known
        whole = Select(select.columns, child.name, select.where, select.order)
        show = self.show(child, select.columns)
        groups: dict[Value, list[Row]] = defaultdict(list)
        for row in self.found(child, whole):
            groups[row.get(link.name)].append(row)
        begin = select.offset or 0
        end = None if select.limit is None else begin + select.limit

        def shown(row: Row) -> Shown | None:
            rows = groups.get(row["Id"], [])[begin:end]
            if not rows:
                return None
            return {"totalSize": len(rows), "done": True, "records": [show(child_row) for child_row in rows]}

        return str(link.children), shown


def _ids(where: Condition | None, name: str = "id") -> list[str] | None:
    """The ids a row must be among in that field (in lower case), where the condition says so outright."""
    match where:
        case Compare(Path((field,)), "=", str(value)) if field.lower() == name:
            return [value]
        case Among(Path((field,)), tuple(values), False) if field.lower() == name:
            return [value for value in values if isinstance(value, str)]
        case And(items):
            return next((ids for item in items if (ids := _ids(item, name)) is not None), None)
    return None


def _sorted(rows: list[Row], get: Getter, *, descending: bool, nulls_last: bool) -> list[Row]:
    nulls = [row for row in rows if get(row) is None]
    key: Callable[[Row], Any] = get
    rest = sorted((row for row in rows if get(row) is not None), key=key, reverse=descending)
    return rest + nulls if nulls_last else nulls + rest
