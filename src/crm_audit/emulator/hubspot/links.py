"""Associations between records: typed, labelled, seen from both ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from crm_audit.emulator.hubspot.catalogue import LABELS, LINKS, TYPES

Pair = tuple[str, str]

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
    """Every association of a portal; both directions are kept, so either end is found at once."""

    types: dict[Pair, dict[int, LinkType]] = field(default_factory=_standard_types)
    _ends: dict[Pair, dict[str, dict[str, set[int]]]] = field(default_factory=dict)
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

    def join(self, pair: Pair, ids: Pair, label: str | None) -> None:
        """Associate two records; a labelled association always comes with the unlabelled one."""
        for kind in (self.type_of(pair, None), self.type_of(pair, label)):
            self._cell(pair, ids).add(kind.id)
            self._cell(pair[::-1], ids[::-1]).add(kind.back)

    def part(self, pair: Pair, ids: Pair, label: str | None) -> None:
        """Take one label away, or with None the association and all its labels; unknown ones are no error."""
        kind = self.type_of(pair, label)
        if label is None:
            self._ends.get(pair, {}).get(ids[0], {}).pop(ids[1], None)
            self._ends.get(pair[::-1], {}).get(ids[1], {}).pop(ids[0], None)
            return
        self.of(pair, ids[0]).get(ids[1], set()).discard(kind.id)
        self.of(pair[::-1], ids[1]).get(ids[0], set()).discard(kind.back)

    def of(self, pair: Pair, record_id: str) -> Mapping[str, set[int]]:
        """The ids at the other end with their association type ids, in the order of joining."""
        return self._ends.get(pair, {}).get(record_id, {})

    def shown(self, pair: Pair, type_ids: set[int]) -> list[LinkType]:
        """Association types in the order in which HubSpot shows them: labels first."""
        return sorted((self.types[pair][number] for number in type_ids), key=lambda t: (t.label is None, t.id))

    def move(self, plural: str, old: str, new: str) -> None:
        """Hand every association of one record to another, as a merge does."""
        for pair in [pair for pair in self._ends if pair[0] == plural]:
            for other, type_ids in self._ends[pair].pop(old, {}).items():
                backs = self._ends[pair[::-1]][other].pop(old)
                self._cell(pair, (new, other)).update(type_ids)
                self._cell(pair[::-1], (other, new)).update(backs)

    def _cell(self, pair: Pair, ids: Pair) -> set[int]:
        return self._ends.setdefault(pair, {}).setdefault(ids[0], {}).setdefault(ids[1], set())
