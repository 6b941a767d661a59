"""A settings model as a table: the comment behind a field is its meaning."""

from __future__ import annotations

import ast
import inspect
import textwrap
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import AfterValidator, AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from crm_audit.near import OneOf
from crm_audit.reference.markdown import code, codes, table

Named = Sequence[tuple[object, str]]
"""Types that have a word of their own."""

PLAIN: Mapping[object, str] = {
    str: "text", int: "whole number", bool: "true or false", Decimal: "number", date: "date", datetime: "instant",
    time: "time of the day, `HH:MM`", timedelta: "minutes or hours, such as `2m`", object: "anything",
}  # fmt: skip
ENDS = {"ge": "from", "le": "to"}
"""Limits of a number, as pydantic calls them."""

FEW = 12
"""Names that are listed in a cell; of more only the kind is told."""


def arguments(model: type[BaseModel], named: Named = ()) -> str:
    """The table of a model's fields: name, type, default, meaning."""
    meanings, hints = comments(model), get_type_hints(model, include_extras=True)
    rows = [
        (codes(_names(name, field)), _kind_of(field, hints[name], named), _default(field), meanings.get(name, ""))
        for name, field in model.model_fields.items()
    ]
    return table(("name", "type", "default", "meaning"), rows)


def _kind_of(field: FieldInfo, hint: object, named: Named) -> str:
    """The words for a field, whose limits may stand in its default as well."""
    words = kind(hint, named)
    return words if get_origin(hint) is Annotated else _within(words, field.metadata)


def parts(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The models that the fields of a model are made of."""
    for hint in get_type_hints(model, include_extras=True).values():
        for inner in dict.fromkeys(_models(hint)):
            yield inner
            yield from parts(inner)


def _models(hint: object) -> Iterator[type[BaseModel]]:
    if inspect.isclass(hint) and issubclass(hint, BaseModel):
        yield hint
    for inner in get_args(hint):
        yield from _models(inner)


def comments(model: type) -> dict[str, str]:
    """The comment behind each field of a class."""
    source = textwrap.dedent(inspect.getsource(model))
    tokens = tokenize.generate_tokens(iter(source.splitlines(keepends=True)).__next__)
    told = {token.start[0]: _said(token.string) for token in tokens if token.type == tokenize.COMMENT}
    (body,) = ast.parse(source).body
    return {
        ast.unparse(node.target): " ".join(told[line] for line in range(node.lineno, _end(node) + 1) if line in told)
        for node in ast.walk(body)
        if isinstance(node, ast.AnnAssign)
    }


def _said(comment: str) -> str:
    return comment.lstrip("# ").replace("->", "→")


def _end(node: ast.AnnAssign) -> int:
    return node.end_lineno or node.lineno


def _names(name: str, field: FieldInfo) -> Sequence[str]:
    alias = field.validation_alias
    return [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [name]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    return "as below" if isinstance(value, BaseModel) else written(value)


def written(value: object) -> str:
    """A default as one writes it; a dash for nothing."""
    if value is None or (isinstance(value, (tuple, dict)) and not value):
        return "–"
    if isinstance(value, bool):
        return code(str(value).lower())
    if isinstance(value, tuple):
        return code("[" + ", ".join(f'"{each}"' for each in value) + "]")
    return code(value)


def kind(hint: object, named: Named = ()) -> str:
    """What may be written for a type, in words."""
    for known, words in named:
        if hint == known:
            return words
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _annotated(inner[0], inner[1:], named)
    if origin is Literal:
        return " or ".join(code(each) for each in inner)
    if origin in (Union, UnionType):
        return " or ".join(kind(each, named) for each in inner if each is not NoneType)
    if origin is tuple:
        return f"list of {kind(inner[0], named)}"
    if origin is not None and issubclass(origin, Mapping):
        return f"table: {kind(inner[0], named)} → {kind(inner[1], named)}"
    if inspect.isclass(hint) and issubclass(hint, BaseModel):
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    return PLAIN[hint]


def _annotated(base: object, marks: Sequence[object], named: Named) -> str:
    limits = [limit for mark in marks for limit in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
    for mark in limits:
        if isinstance(mark, AfterValidator) and isinstance(mark.func, OneOf):
            return codes(mark.func.names) if len(mark.func.names) <= FEW else mark.func.what
    return _within(kind(base, named), limits)


def _within(words: str, limits: Iterable[object]) -> str:
    told = [f"{word} {getattr(limit, end)}" for limit in limits for end, word in ENDS.items() if hasattr(limit, end)]
    return " ".join([words, *told])
