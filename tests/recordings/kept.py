"""The recordings, as exchanges: what was asked, where that is known, and what came back."""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.shared import shared

FILES = {
    "ampersand": ("ampersand/providers", "ampersand/test"),
    "restforce": ("restforce",),
    "dlt_hubspot": ("dlt_hubspot",),
}
"""Collections of single bodies, and the folders below which they lie."""
NOTES = ("LICENSE", "PROVENANCE.md")


@dataclass(frozen=True, slots=True)
class Kept:
    """One recorded answer; status, headers and the request are known only of whole calls."""

    body: Any
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    request: Any = None
    uri: str = ""


@cache
def exchanges() -> Mapping[str, Sequence[Kept]]:
    """All recordings by name: whole calls that ask for the same with the same status stand together."""
    found: defaultdict[str, list[Kept]] = defaultdict(list)
    for name, kept in [*_calls(), *_bodies()]:
        found[name].append(kept)
    return dict(sorted(found.items()))


def _calls() -> Iterator[tuple[str, Kept]]:
    with gzip.open(shared("data/recordings/hubspot_vcr/interactions.jsonl.gz"), "rt", encoding="utf-8") as lines:
        for call in map(json.loads, lines):
            path = re.sub(r"(?<=/)(?!v\d/)(?:[\w-]*\d[\w-]*|[^/]*@[^/]*)(?=/|$)", "{id}", urlsplit(call["uri"]).path)
            name = f"hubspot_vcr: {call['method']} {path} {call['status']}"
            headers = {key.lower(): values[0] for key, values in call["headers"].items()}
            yield name, Kept(call["response"], call["status"], headers, call["request"], call["uri"])


def _bodies() -> Iterator[tuple[str, Kept]]:
    for collection, folders in FILES.items():
        for folder in folders:
            root = shared("data/recordings", folder)
            for path in sorted(each for each in root.rglob("*") if each.is_file() and each.name not in NOTES):
                yield f"{collection}: {path.relative_to(root).as_posix()}", Kept(_read(path))


def _read(path: Path) -> object:
    text = path.read_text("utf-8")
    return json.loads(text) if path.suffix == ".json" and text.strip() else text
