"""The name that was probably meant, and settings that must be one of several names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from pydantic import AfterValidator


def near(name: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?` with the nearest of the known names, or nothing where none is near."""
    match = get_close_matches(name, list(known), n=1)
    return f"did you mean {match[0]!r}?" if match else ""


def aside(name: str, known: Iterable[str]) -> str:
    """The same in brackets, to end a sentence with."""
    hint = near(name, known)
    return f" ({hint})" if hint else ""


@dataclass(frozen=True, slots=True)
class OneOf:
    """Accepts these names, and offers the nearest one otherwise."""

    names: tuple[str, ...]
    what: str

    def __call__(self, name: str) -> str:
        """The name; ValueError where it is not known."""
        if name not in self.names:
            hint = aside(name, self.names) or f"; known are {', '.join(self.names)}"
            raise ValueError(f"unknown {self.what} {name!r}{hint}")
        return name


def one_of(names: Iterable[str], what: str) -> AfterValidator:
    """A validator that accepts these names and offers the nearest one otherwise."""
    return AfterValidator(OneOf(tuple(names), what))
