"""The text of the details: what keeps a deal from its next stage, line by line, for people and for both views. Pure.

docs/reference/annotation.md describes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

LONGEST = 32_768
"""Characters that a long text area of Salesforce holds; HubSpot's takes twice as many."""

ROOM = len("\n\nLeft off: 99999")


@dataclass(frozen=True, slots=True)
class Rests:
    """The record that a finding rests on: the kind of event, its id and its day."""

    kind: str
    id: str
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One rule that does not hold."""

    rule: str
    reason: str
    severity: str
    status: str
    says: str
    do: str = ""
    asks: tuple[str, ...] = ()  # topics that were not asked again in time
    rests: Rests | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What keeps a deal from its next stage, and what else does not hold where it stands."""

    claimed: str | None = None
    next: str | None = None
    refused: tuple[str, ...] = ()  # labels of stages
    warned: tuple[str, ...] = ()  # labels of stages that are open to whoever gives a reason
    holds: tuple[str, ...] = ()  # titles of rules
    missing: tuple[Entry, ...] = ()
    others: tuple[Entry, ...] = ()
    left_off: int = 0


def text(details: Details) -> str:
    """The details in lines, at most 32,768 characters; what does not fit is counted; empty without a block."""
    if not details.missing and not details.others:
        return ""
    head = [*_line("Claimed stage", details.claimed), *_line("Next stage", details.next)]
    lists = (("Not yet", details.refused), ("With a reason", details.warned), ("Holds", details.holds))
    head += [line for name, values in lists for value in values for line in _line(name, value)]
    blocks = ["\n".join(head)] if head else []
    blocks += [_block("Missing", entry) for entry in details.missing]
    blocks += [_block("Finding", entry) for entry in details.others]
    kept = _fitting(blocks)
    left = len(blocks) - kept + details.left_off
    return "\n\n".join([*blocks[:kept], *_line("Left off", str(left) if left else None)])


def parse(told: str) -> Details:
    """What a text says; lines that are not known are skipped, as are words that do not fit."""
    found = Details()
    for line in told.splitlines():
        name, _, value = line.partition(": ")
        found = _with(found, name, value.strip())
    return found


def _fitting(blocks: Sequence[str]) -> int:
    """How many of the blocks have room."""
    length = 0
    for number, block in enumerate(blocks):
        length += len(block) + 2
        if length > LONGEST - ROOM:
            return number
    return len(blocks)


def _block(name: str, entry: Entry) -> str:
    rests = entry.rests
    record = f"{rests.kind} {rests.id} {rests.day.isoformat()}" if rests else None
    lines = [
        *_line(name, f"{entry.rule} {entry.reason} {entry.severity} {entry.status}"),
        *_line("Says", entry.says),
        *_line("Do", entry.do),
        *_line("Ask", " ".join(entry.asks)),
        *_line("Record", record),
    ]
    return "\n".join(lines)


def _line(name: str, value: str | None) -> Iterator[str]:
    """A name of a company may hold a line break; a value may not."""
    flat = " ".join((value or "").split())
    if flat:
        yield f"{name}: {flat}"


def _with(found: Details, name: str, value: str) -> Details:
    match name:
        case "Claimed stage":
            return replace(found, claimed=value)
        case "Next stage":
            return replace(found, next=value)
        case "Not yet":
            return replace(found, refused=(*found.refused, value))
        case "With a reason":
            return replace(found, warned=(*found.warned, value))
        case "Holds":
            return replace(found, holds=(*found.holds, value))
        case "Missing" | "Finding":
            return _begun(found, name, value.split())
        case "Left off" if value.isascii() and value.isdigit():
            return replace(found, left_off=int(value))
        case "Says" | "Do" | "Ask" | "Record":
            return _continued(found, name, value)
    return found


def _begun(found: Details, name: str, words: list[str]) -> Details:
    if len(words) != 4:
        return found
    rule, reason, severity, status = words
    entry = Entry(rule=rule, reason=reason, severity=severity, status=status, says="")
    if name == "Missing":
        return replace(found, missing=(*found.missing, entry))
    return replace(found, others=(*found.others, entry))


def _continued(found: Details, name: str, value: str) -> Details:
    """One more line of the block that was begun last; the ones that are missing stand before all others."""
    if found.others:
        return replace(found, others=(*found.others[:-1], _told(found.others[-1], name, value)))
    if found.missing:
        return replace(found, missing=(*found.missing[:-1], _told(found.missing[-1], name, value)))
    return found


def _told(entry: Entry, name: str, value: str) -> Entry:
    if name == "Record":
        return replace(entry, rests=_rests(value.split()))
    if name == "Ask":
        return replace(entry, asks=tuple(value.split()))
    return replace(entry, says=value) if name == "Says" else replace(entry, do=value)


def _rests(words: list[str]) -> Rests | None:
    try:
        kind, record, day = words
        return Rests(kind, record, date.fromisoformat(day))
    except ValueError:
        return None
