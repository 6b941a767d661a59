"""Associations between records: typed, labelled, seen from both ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from crm_audit.emulator.hubspot.catalogue import LABELS, LINKS, TYPES

Pair = tuple[str, str]
TypeIds = frozenset[int]

MOST_LABELS = 10
"""Labels that one pair of types may have."""

_FIRST_LABEL_ID = 36


@dataclass(frozen=True, slots=True)
class LinkType:
    """One direction of an association type; `back` is the id under which the other end shows it."""

    id: int
    back: int
    label: str | None
    name: str
    category: str = "HUBSPOT_DEFINED"


def _name(pair: Pair, *, unlabelled: bool) -> str:
    ends = ("meeting_event" if plural == "meetings" else TYPES[plural].singular for plural in pair)
    has_primary = pair in LABELS or pair[::-1] in LABELS
    return "_to_".join(ends) + ("_unlabeled" if unlabelled and has_primary else "")


def _standard_types() -> dict[Pair, dict[int, LinkType]]:
    types: dict[Pair, dict[int, LinkType]] = {}
    for pair, (there, back) in LINKS.items():
        turned = pair[::-1]
        types[pair] = {there: LinkType(there, back, None, _name(pair, unlabelled=True))}
        types[turned] = {back: LinkType(back, there, None, _name(turned, unlabelled=True))}
    for pair, (there, back, label) in LABELS.items():
        turned = pair[::-1]
        types[pair][there] = LinkType(there, back, label, _name(pair, unlabelled=False))
        types[turned][back] = LinkType(back, there, label, _name(turned, unlabelled=False))
    return types


@dataclass(slots=True)
class Links:
    """Every association of a portal; both directions are kept, so either end is found at once.

    Sets of type ids are shared between associations: a million of them are alike.
    """

    types: dict[Pair, dict[int, LinkType]] = field(default_factory=_standard_types)
    _ends: dict[Pair, dict[str, dict[str, TypeIds]]] = field(default_factory=dict)
    _shared: dict[TypeIds, TypeIds] = field(default_factory=dict)
    _next: int = _FIRST_LABEL_ID

    def define(self, pair: Pair, label: str, inverse: str) -> int:
        """A new label for a pair of types and one for the way back; gives the first one's type id."""
        mine = sum(kind.category == "USER_DEFINED" for kind in self.types[pair].values())
        if mine >= MOST_LABELS:
            raise ValueError(f"{' to '.join(pair)} already has {MOST_LABELS} labels, the most HubSpot allows")
        there, back = self._next, self._next + 1
        self._next += 2
        turned = pair[::-1]
        self.types[pair][there] = LinkType(there, back, label, label.lower().replace(" ", "_"), "USER_DEFINED")
        self.types[turned][back] = LinkType(back, there, inverse, inverse.lower().replace(" ", "_"), "USER_DEFINED")
        return there

    def type_of(self, pair: Pair, label: str | None) -> LinkType:
        """The association type with that label, None for the unlabelled one; raises ValueError."""
        if pair not in self.types:
            raise ValueError(f"{pair[0]} cannot be associated with {pair[1]}")
        for kind in self.types[pair].values():
            if kind.label == label:
                return kind
        raise ValueError(f"{' to '.join(pair)} has no label {label!r}; define_label makes one")

    def join(self, pair: Pair, ids: Iterable[Pair], kinds: Iterable[LinkType]) -> None:
        """Associate pairs of records; a labelled association always comes with the unlabelled one."""
        both = {self.type_of(pair, None), *kinds}
        there, back = self._share(kind.id for kind in both), self._share(kind.back for kind in both)
        near, far = self._ends.setdefault(pair, {}), self._ends.setdefault(pair[::-1], {})
        for one, other in ids:
            self._add(near, (one, other), there)
            self._add(far, (other, one), back)

    def part(self, pair: Pair, ids: Pair, kinds: Iterable[LinkType]) -> None:
        """Take labels away, or with the unlabelled type the association and all labels; unknown ones are no error."""
        held = self.of(pair, ids[0]).get(ids[1])
        if held is None:
            return
        left = held - {kind.id for kind in kinds}
        if self.type_of(pair, None).id in left:
            backs = {self.types[pair][number].back for number in left}
            self._ends[pair][ids[0]][ids[1]] = self._share(left)
            self._ends[pair[::-1]][ids[1]][ids[0]] = self._share(backs)
            return
        self._cut(pair, ids)
        self._cut(pair[::-1], ids[::-1])

    def of(self, pair: Pair, record_id: str) -> Mapping[str, TypeIds]:
        """The ids at the other end with their association type ids, in the order of joining."""
        return self._ends.get(pair, {}).get(record_id, {})

    def all_of(self, plural: str, record_id: str) -> Iterator[tuple[Pair, str, TypeIds]]:
        """Every association of one record: the pair of types, the id at the other end, the type ids."""
        for pair in [pair for pair in self._ends if pair[0] == plural]:
            for other, type_ids in [*self.of(pair, record_id).items()]:
                yield pair, other, type_ids

    def shown(self, pair: Pair, type_ids: Iterable[int]) -> list[LinkType]:
        """Association types in the order in which HubSpot shows them: labels first."""
        return sorted((self.types[pair][number] for number in type_ids), key=lambda t: (t.label is None, t.id))

    def move(self, plural: str, old: str, new: str) -> None:
        """Hand every association of one record to another, as a merge does."""
        for pair, other, type_ids in self.all_of(plural, old):
            self.join(pair, [(new, other)], [self.types[pair][number] for number in type_ids])
        self.forget(plural, old)

    def forget(self, plural: str, record_id: str) -> None:
        """Take every association of one record away."""
        for pair, other, _ in self.all_of(plural, record_id):
            self._cut(pair, (record_id, other))
            self._cut(pair[::-1], (other, record_id))

    def _add(self, ends: dict[str, dict[str, TypeIds]], ids: Pair, type_ids: TypeIds) -> None:
        cells = ends.get(ids[0])
        if cells is None:
            ends[ids[0]] = {ids[1]: type_ids}
            return
        held = cells.get(ids[1])
        cells[ids[1]] = type_ids if held is None else self._share(held | type_ids)

    def _cut(self, pair: Pair, ids: Pair) -> None:
        ends = self._ends[pair][ids[0]]
        del ends[ids[1]]
        if not ends:
            del self._ends[pair][ids[0]]

    def _share(self, numbers: Iterable[int]) -> TypeIds:
        own = frozenset(numbers)
        return self._shared.setdefault(own, own)
