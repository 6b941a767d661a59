"""YAML and JSON with places: every mistake is told as `file:line: what is wrong (the likely fix)`.

JSON knows no lines; there the way to the value is told instead, `file: worlds[3].events[2]: what is wrong`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

from pydantic import AliasChoices, BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.composer import Composer, ComposerError
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import Node, ScalarNode
from ruamel.yaml.parser import Parser

from crm_audit.errors import BadPack
from crm_audit.near import aside

Model = TypeVar("Model", bound=BaseModel)

LARGEST = 1_000_000
"""Characters; these files are written by people, and a bigger one is a mistake or an attack."""


@dataclass(frozen=True, slots=True)
class Place:
    """A value in a file, and the way to it."""

    path: Path
    value: object
    line: int | None = 1  # None where the file knows no lines
    way: str = ""

    def __str__(self) -> str:
        if self.line is not None:
            return f"{self.path}:{self.line}"
        return f"{self.path}: {self.way}" if self.way else f"{self.path}"

    def wrong(self, what: str) -> NoReturn:
        """Refuse the file, naming this place."""
        raise BadPack(f"{self}: {what}")

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
        step = f"[{key}]" if isinstance(key, int) else f".{key}"
        return Place(self.path, value, _line(self.value, key) or self.line, f"{self.way}{step}".removeprefix("."))

    def get(self, key: str) -> Place:
        """The place below a key; where the key is not there, nothing at this place."""
        if isinstance(self.value, dict) and key in self.value:
            return self.at(key)
        return Place(self.path, None, self.line, self.way)

    def needs(self, keys: Sequence[str], what: str) -> None:
        """Refuse a mapping in which one of the keys is not there."""
        for key in keys:
            if key not in self.mapping(what):
                self.wrong(f"{what} has no {key!r}")

    def known(self, allowed: Sequence[str], what: str) -> None:
        """Refuse keys that nobody reads."""
        for key in self.mapping(what):
            if key not in allowed:
                hint = aside(key, allowed) or f"; known are {', '.join(allowed)}"
                self.at(key).wrong(f"{what} has no key {key!r}{hint}")

    def fill(self, model: type[Model], what: str, also: Sequence[str] = ()) -> Model:
        """The value as a checked model; `also` are keys that somebody else reads."""
        self.known([*_keys(model), *also], what)
        mine = {key: plain(value) for key, value in self.mapping(what).items() if key not in also}
        try:
            return model.model_validate(mine)
        except ValidationError as error:
            first = error.errors()[0]
            way, message = first["loc"], str(first["msg"]).removeprefix("Value error, ")
            if first["type"] == "missing":
                way, message = way[:-1], f"there is no {str(way[-1])!r}"
            named = [str(part) for part in way if isinstance(part, str) and part.isidentifier()]
            self._deepest(way).wrong(f"{'.'.join([what, *named])}: {message}")

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
    """A YAML file, or a JSON file by its ending, as places; BadPack where it is neither."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadPack(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadPack(f"{path}: cannot be read: {error}") from None
    if len(text) > LARGEST:
        raise BadPack(f"{path}: larger than {LARGEST:,} characters; split it")
    try:
        return _json(path, text) if path.suffix == ".json" else _yaml(path, text)
    except RecursionError:
        raise BadPack(f"{path}: nested too deeply to be read") from None


def _json(path: Path, text: str) -> Place:
    try:
        return Place(path, json.loads(text, parse_float=str, object_pairs_hook=_no_pair_twice), None)
    except json.JSONDecodeError as error:
        raise BadPack(f"{path}:{error.lineno}: not JSON: {error.msg}") from None
    except ValueError as error:
        raise BadPack(f"{path}: {error}") from None


def _no_pair_twice(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} stands twice")
    return found


def _yaml(path: Path, text: str) -> Place:
    yaml = YAML(typ="rt", pure=True)
    yaml.Constructor, yaml.Composer = _AsWritten, _WithoutAliases
    try:
        return Place(path, yaml.load(text))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = " ".join(str(error.problem or error).split())
        raise BadPack(f"{path}:{line}: {problem}") from None
    except (YAMLError, ValueError) as error:
        raise BadPack(f"{path}: not YAML: {' '.join(str(error).split())}") from None


class _AsWritten(RoundTripConstructor):
    """Days and decimals stay the text they were written as: 0.10 is no binary fraction, and a day has no zone."""

    def as_written(self, node: ScalarNode) -> str:
        """The text of a scalar."""
        return str(node.value)


for _tag in ("float", "timestamp"):
    _AsWritten.add_constructor(f"tag:yaml.org,2002:{_tag}", _AsWritten.as_written)


class _WithoutAliases(Composer):
    """A few aliases of aliases are a file of gigabytes, and a reader loses the thread long before."""

    parser: Parser

    def compose_node(self, parent: Node | None, index: object) -> Node:
        """The next node; an alias is refused."""
        if self.parser.check_event(AliasEvent):
            mark = self.parser.peek_event().start_mark
            raise ComposerError(None, None, "aliases (*name) are not read; write the value out", mark)
        node: Node = super().compose_node(parent, index)
        return node


def _keys(model: type[BaseModel]) -> Iterator[str]:
    """What a file may write for the fields of a model: their aliases where they have any."""
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        if isinstance(alias, AliasChoices):
            yield from (str(choice) for choice in alias.choices)
        else:
            yield str(alias or name)


def plain(value: object) -> object:
    """The value without the loader's own classes."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, bool) or value is None:
        return value
    for kind in (int, str):
        if isinstance(value, kind):
            return kind(value)
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
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    return "nothing" if value is None else repr(plain(value))[:60]
