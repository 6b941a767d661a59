"""The audit log as values: its entries, how each is chained to the one before it, and what is wrong with a log. Pure.

`h_i = seal(h_(i-1) + canonical(entry_i))`, where `seal` is keyed. So an entry that was changed, taken out or
moved no longer fits. A tail that was cut off leaves what fits: a head which was kept elsewhere tells.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

Act = Literal[
    "applied", "undone", "moved_back", "gate_opened", "waived", "waiver_approved", "waiver_withdrawn", "broke_glass",
    "answered", "forgot",
]  # fmt: skip
"""What the log tells of; nothing else stands in it."""

Seal = Callable[[str], str]
"""A keyed hash of a text, in hexadecimal characters."""

BEFORE_ALL = ""
"""What the first entry is chained to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the log. Of people it holds references only, so that erasing them leaves the chain whole."""

    number: int  # 1 is the first
    at: str  # UTC, to the second
    connection: str
    actor: str  # reference to who did it
    act: str  # of Act
    what: str  # JSON: ids, counts, and references to what people wrote
    chain: str  # the seal over the entry and the chain of the one before

    def facts(self) -> Mapping[str, object]:
        """What was done, by name."""
        told: Mapping[str, object] = json.loads(self.what)
        return told


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of a log: kept elsewhere, it tells whether the log was cut."""

    number: int
    chain: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `NUMBER:HASH` says; ValueError where it says nothing."""
        found = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", text.strip())
        if found is None:
            raise ValueError(f"{text!r} is no head: it looks like 12:3fa9…, as `crm-audit log head` prints it")
        return cls(int(found[1]), found[2])

    def __str__(self) -> str:
        return f"{self.number}:{self.chain}"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the entry of that number."""

    number: int
    says: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a verification came to."""

    entries: int
    head: Head | None
    erased: int = 0  # references whose words are gone, because somebody was forgotten
    faults: tuple[Fault, ...] = field(default=())


def written(what: Mapping[str, object]) -> str:
    """What was done as one text, the same for the same facts."""
    return json.dumps(dict(what), sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def canonical(entry: Entry) -> str:
    """The entry without its chain, as one text that no other entry has."""
    return json.dumps([entry.number, entry.at, entry.connection, entry.actor, entry.act, entry.what], ensure_ascii=True)


def chained(entry: Entry, before: str, seal: Seal) -> str:
    """The chain of an entry that follows one with that chain."""
    return seal(before + canonical(entry))


def faults(entries: Sequence[Entry], seal: Seal) -> list[Fault]:
    """What is wrong with a log, by number; `entries` are in the order of their numbers."""
    found: list[Fault] = []
    chains = {entry.chain for entry in entries}
    number, before = 0, {BEFORE_ALL}
    for entry in entries:
        gap = _missing(number, entry.number)
        found += gap
        fits = any(chained(entry, each, seal) == entry.chain for each in before)
        if not fits and not gap and not _elsewhere(entry, chains, seal):
            found.append(Fault(entry.number, "is not as it was written, or not where it was"))
        # After one that does not fit, either of its chains may be the true one: the next is judged by itself.
        others = set() if fits or gap else {chained(entry, each, seal) for each in before}
        before = {entry.chain} | others
        number = entry.number
    return found


def _missing(last: int, following: int) -> list[Fault]:
    """The numbers between two, as one fault."""
    first, to = last + 1, following - 1
    if first > to:
        return []
    return [Fault(first, "is missing" if first == to else f"to {to} are missing")]


def _elsewhere(entry: Entry, chains: Iterable[str], seal: Seal) -> bool:
    """Whether an entry is whole, and only what it followed was put elsewhere."""
    return any(chained(entry, chain, seal) == entry.chain for chain in chains)


def cut(entries: Sequence[Entry], head: Head) -> list[Fault]:
    """What a head that was kept elsewhere tells: entries that are gone, or others in their place."""
    last = entries[-1].number if entries else 0
    if head.number > last:
        return _missing(last, head.number + 1)
    there = {entry.number: entry.chain for entry in entries}
    if there.get(head.number, head.chain) == head.chain:
        return []
    return [Fault(head.number, "is another one than the head that was kept")]
