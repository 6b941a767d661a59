"""YAML with places: every mistake is told as `file:line: what is wrong (the likely fix)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError

from crm_audit.errors import BadPack

Model = TypeVar("Model", bound=BaseModel)

LARGEST = 1_000_000
"""Bytes; a rule file is written by people, and a bigger one is a mistake or an attack."""


@dataclass(frozen=True, slots=True)
class Place:
    """A value in a YAML file, and the way to it."""

    path: Path
    value: object
    line: int = 1

    def wrong(self, what: str) -> NoReturn:
        """Refuse the file, naming this place."""
        raise BadPack(f"{self.path}:{self.line}: {what}")

    def mapping(self, what: str) -> Mapping[str, object]:
        """The value as a mapping with text keys."""
        if not isinstance(self.value, dict):
            self.wrong(f"{what} must be a mapping of names to values, not {_kind(self.value)}")
        for key in self.value:
            if not isinstance(key, str):
                self.wrong(f"{what} has the key {key!r}, which is not text; put it in quotes")
        return self.value

    def list(self, what: str) -> Sequence[Place]:
        """The value as a list of places."""
        if not isinstance(self.value, list):
            self.wrong(f"{what} must be a list, not {_kind(self.value)}")
        return [self.at(position) for position in range(len(self.value))]

    def at(self, key: str | int) -> Place:
        """The place below a key or position."""
        value = self.value[key]  # type: ignore[index]  # callers ask only for what they have seen
        return Place(self.path, value, _line(self.value, key) or self.line)

    def known(self, allowed: Sequence[str], what: str) -> None:
        """Refuse keys that nobody reads."""
        for key in self.mapping(what):
            if key not in allowed:
                near = get_close_matches(key, allowed, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(allowed)}"
                self.at(key).wrong(f"{what} has no key {key!r} ({hint})")

    def fill(self, model: type[Model], what: str, also: Sequence[str] = ()) -> Model:
        """The value as a checked model; `also` are keys that somebody else reads."""
        names = [field.validation_alias for field in model.model_fields.values()]
        choices = [c for n in names for c in getattr(n, "choices", [n] if isinstance(n, str) else [])]
        self.known([*model.model_fields, *(str(choice) for choice in choices), *also], what)
        try:
            return model.model_validate(plain(self.value))
        except ValidationError as error:
            first = error.errors()[0]
            place = self._deepest(first["loc"])
            where = ".".join(str(part) for part in first["loc"] if isinstance(part, str))
            message = str(first["msg"]).removeprefix("Value error, ")
            place.wrong(f"{what}{'.' if where else ''}{where}: {message}")

    def _deepest(self, way: Sequence[str | int]) -> Place:
        place = self
        for key in way:
            inside = place.value
            if not (isinstance(inside, dict) and key in inside) and not (
                isinstance(inside, list) and isinstance(key, int)
            ):
                break
            place = place.at(key)
        return place


def read(path: Path) -> Place:
    """A YAML file as places; BadPack where it is no YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadPack(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadPack(f"{path}: cannot be read: {error}") from None
    if len(text) > LARGEST:
        raise BadPack(f"{path}: larger than {LARGEST:,} bytes; split it")
    yaml = YAML(typ="rt", pure=True)
    try:
        return Place(path, yaml.load(text))
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadPack(f"{path}:{line}: {error.problem}") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadPack(f"{path}:{line}: {error.problem or error}") from None


def plain(value: object) -> object:
    """The value without the loader's own classes. Scalars keep how they were written where that matters."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, bool) or value is None:
        return value
    for kind in (int, str):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, float):
        return str(value)
    return value


def _line(container: object, key: str | int) -> int | None:
    if not isinstance(container, (CommentedMap, CommentedSeq)):
        return None
    try:
        at = container.lc.key(key) if isinstance(container, CommentedMap) else container.lc.item(key)
    except (KeyError, AttributeError, TypeError):
        return None
    return int(at[0]) + 1


def _kind(value: object) -> str:
    return "nothing" if value is None else f"{type(value).__name__} {value!r}"[:60]
