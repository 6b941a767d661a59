"""The name that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def near(name: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?` with the nearest of the known names, or nothing where none is near."""
    match = get_close_matches(name, list(known), n=1)
    return f"did you mean {match[0]!r}?" if match else ""


def aside(name: str, known: Iterable[str]) -> str:
    """The same in brackets, to end a sentence with."""
    hint = near(name, known)
    return f" ({hint})" if hint else ""
