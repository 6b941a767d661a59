"""Settings of a connection that only its vendor understands: how they are checked, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from crm_audit.config import Connection
from crm_audit.domain import BASICS, TOPIC_ALIASES
from crm_audit.errors import FixConfig
from crm_audit.near import aside

ALL_BASICS = "all"
RECHECK = "recheck_"
"""`fields.recheck_<topic>`, or `fields.recheck_all`, maps a date of the deal: asked again on that day."""


class Frozen(BaseModel):
    """Settings that never change, and in which a key nobody reads is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Model = TypeVar("Model", bound=Frozen)


def checked(connection: Connection, model: type[Model], *, parts: Sequence[type[Frozen]] = ()) -> Model:
    """The options of a connection; FixConfig names the wrong one, and the nearest of the keys of model and parts."""
    raw = dict(connection.options)
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        known = [*model.model_fields, *(name for part in parts for name in part.model_fields)]
        raise FixConfig(f"{way(first['loc'], raw)}: {_says(first, known)}") from None


def topics_named(names: Iterable[str]) -> tuple[str, ...]:
    """Topics under the one name that every pack shares (ruling 31); `all` stands for the three basics."""
    found = (topic for name in names for topic in (BASICS if name == ALL_BASICS else (TOPIC_ALIASES.get(name, name),)))
    return tuple(dict.fromkeys(found))


def way(loc: Sequence[int | str], raw: object) -> str:
    """The key as the user wrote it: where one value needs no list around it, its number is left out."""
    path, node = ["options"], raw
    for part in loc:
        if isinstance(part, int) and not isinstance(node, (list, tuple)):
            continue
        path.append(str(part))
        node = _inside(node, part)
    return ".".join(part for part in path if part != "[key]")


def _inside(node: object, part: int | str) -> object:
    if isinstance(node, Mapping):
        return node.get(part)
    if isinstance(node, (list, tuple)) and isinstance(part, int):
        return node[part] if part < len(node) else None
    return None


def _says(error: ErrorDetails, known: Iterable[str]) -> str:
    if error["type"] != "extra_forbidden":
        return error["msg"].removeprefix("Value error, ")
    return f"is not a setting{aside(str(error['loc'][-1]), known)}"
