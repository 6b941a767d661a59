"""What is compared of two answers: which places there are in them, of which types, and what the codes of errors say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

CODES = ("category", "subCategory", "errorType", "policyName", "errorCode", "statusCode", "error", "code")
"""Keys whose text is compared too, because programs decide by it."""
ELEMENT = "#"
"""Stands in a place for every element of a list."""

Places: TypeAlias = Mapping[str, frozenset[str]]


@dataclass(frozen=True, order=True, slots=True)
class Difference:
    """One place in which the emulator's answer is not like the recorded ones; `-` stands for nothing there."""

    exchange: str
    place: str
    recorded: str
    emulated: str


def places(answers: Iterable[Any]) -> Places:
    """Every place in some answers with the types found there, or with the text of a code; null says nothing."""
    found: dict[str, set[str]] = {}
    for answer in answers:
        for place, said in _walk(answer, ""):
            found.setdefault(place, set()).update([said] if said != "null" else [])
    return {place: frozenset(said) for place, said in found.items()}


def _walk(value: object, place: str) -> Iterator[tuple[str, str]]:
    match value:
        case dict():
            yield place, "object"
            for key, inner in value.items():
                yield from _walk(inner, f"{place}.{key}".lstrip("."))
        case list():
            yield place, "list"
            for inner in value:
                yield from _walk(inner, f"{place}.{ELEMENT}".lstrip("."))
        case str() if place.rpartition(".")[2] in CODES:
            yield place, value
        case _:
            yield place, _type(value)


def _type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "number"
    return "text"


def differences(exchange: str, recorded: Places, emulated: Places, *, skip: str | None = None) -> Iterator[Difference]:
    """Where two answers differ; what lies inside a place that one of them lacks, or has empty, is not told again."""
    for place in sorted({*recorded, *emulated}):
        if skip and re.match(skip, place):
            continue
        if place in recorded and place in emulated:
            if recorded[place] and not emulated[place] <= recorded[place]:
                yield Difference(exchange, place, _told(recorded[place]), _told(emulated[place]))
        elif place in recorded and _comparable(place, emulated):
            yield Difference(exchange, place, _told(recorded[place]), "-")
        elif place in emulated and _comparable(place, recorded):
            yield Difference(exchange, place, "-", _told(emulated[place]))


def _comparable(place: str, other: Places) -> bool:
    parent, _, last = place.rpartition(".")
    return last != ELEMENT and (parent in other or not parent)


def _told(said: frozenset[str]) -> str:
    return ", ".join(sorted(said)) or "null"
