"""SOQL text → syntax tree, or MALFORMED_QUERY with the place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedInput, UnexpectedToken, VisitError

from crm_audit.emulator.soql import syntax
from crm_audit.emulator.soql.refusal import Refusal, at
from crm_audit.emulator.soql.syntax import Condition, Literal, Path, Relative, Select

LONGEST = 100_000
"""Characters in a query (SOQL limits)."""
DEEPEST = 5
"""Relationships from child to parent in one path (relationship query limits)."""

FIXED_DAYS = ("TODAY", "YESTERDAY", "TOMORROW")
COUNTED_DAYS = ("LAST_N_DAYS", "NEXT_N_DAYS")

Columns = tuple[Path | Select, ...]

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)


class _Wrong(Exception):
    """Well-formed for the grammar, but not SOQL."""

    def __init__(self, token: Token, reason: str) -> None:
        super().__init__(reason)
        self.position = token.start_pos or 0
        self.reason = reason


def _text(token: Token, *, pattern: bool = False) -> str:
    def meaning(match: re.Match[str]) -> str:
        char = match[1]
        if char in "\\%_":
            return match[0] if pattern else char
        if char in "'\"":
            return char
        if len(char) == 5:
            return chr(int(char[1:], 16))
        if char.lower() in _ESCAPES:
            return _ESCAPES[char.lower()]
        raise _Wrong(
            token, f"Invalid string literal {token}. Illegal character sequence '{match[0]}' in string literal"
        )

    return _ESCAPE.sub(meaning, token[1:-1])


def _select(parts: Sequence[Any]) -> Select:
    columns, source, where, *keys, limit, offset = parts
    return Select(
        columns=columns,
        source=str(source),
        where=where,
        order=tuple(key for key in keys if key is not None),
        limit=None if limit is None else int(limit),
        offset=None if offset is None else int(offset),
        at=source.start_pos,
    )


@v_args(inline=True)
class _Tree(Transformer[Token, Select]):
    """Grammar rules to syntax nodes, one method per rule."""

    def start(self, select: Select) -> Select:
        return select

    @v_args(inline=False)
    def select(self, parts: Sequence[Any]) -> Select:
        return _select(parts)

    @v_args(inline=False)
    def children(self, parts: Sequence[Any]) -> Select:
        return _select([*parts, None])

    @v_args(inline=False)
    def semijoin(self, parts: Sequence[Any]) -> Select:
        return _select([*parts, None, None])

    def count(self) -> Columns:
        return ()

    def columns(self, *columns: Path | Select) -> Columns:
        return columns

    def path(self, *names: Token) -> Path:
        if len(names) > DEEPEST + 1:
            raise _Wrong(names[0], f"maximum depth exceeded: at most {DEEPEST} child-to-parent relationships")
        return Path(tuple(str(name) for name in names), names[0].start_pos or 0)

    def negation(self, item: Condition) -> Condition:
        return syntax.Not(item)

    def both(self, *items: Condition) -> Condition:
        return syntax.And(items)

    def either(self, *items: Condition) -> Condition:
        return syntax.Or(items)

    @v_args(inline=False)
    def compare(self, parts: Sequence[Any]) -> Condition:
        path, op, value = parts
        return syntax.Compare(path, "!=" if op == "<>" else str(op), value)

    def like(self, path: Path, pattern: Token) -> Condition:
        return syntax.Like(path, _text(pattern, pattern=True))

    def among(self, path: Path, values: tuple[Literal, ...] | Select) -> Condition:
        return syntax.Among(path, values)

    def outside(self, path: Path, values: tuple[Literal, ...] | Select) -> Condition:
        return syntax.Among(path, values, negated=True)

    def literals(self, *values: Literal) -> tuple[Literal, ...]:
        return values

    @v_args(inline=False)
    def order(self, parts: Sequence[Any]) -> syntax.Order:
        path, descending, nulls_last = parts
        return syntax.Order(path, bool(descending), bool(nulls_last))

    def ascending(self) -> bool:
        return False

    def descending(self) -> bool:
        return True

    def first(self) -> bool:
        return False

    def last(self) -> bool:
        return True

    def string(self, token: Token) -> Literal:
        return _text(token)

    def instant(self, token: Token) -> Literal:
        try:
            return datetime.fromisoformat(token.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            raise _Wrong(token, f"Invalid datetime: {token}") from None

    def day(self, token: Token) -> Literal:
        try:
            return date.fromisoformat(token)
        except ValueError:
            raise _Wrong(token, f"Invalid date: {token}") from None

    def number(self, token: Token) -> Literal:
        return Decimal(token)

    def relative(self, token: Token) -> Literal:
        name, _, days = token.upper().partition(":")
        if name in (COUNTED_DAYS if days else FIXED_DAYS):
            return Relative(name, int(days or 0))
        raise _Wrong(token, f"unexpected token: '{token}'")

    def true(self) -> Literal:
        return True

    def false(self) -> Literal:
        return False

    def null(self) -> Literal:
        return None


@cache
def _grammar() -> Lark:
    text = files("crm_audit.emulator.soql").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(text, parser="lalr", lexer="contextual", maybe_placeholders=True)


def _malformed(text: str, position: int, *, reason: str) -> Refusal:
    return at(text, position, code="MALFORMED_QUERY", reason=reason)


def _unexpected(text: str, error: UnexpectedInput) -> Refusal:
    if isinstance(error, UnexpectedToken):
        if error.token.type == "$END":
            return _malformed(text, len(text.rstrip()), reason="unexpected token: '<EOF>'")
        return _malformed(text, error.token.start_pos or 0, reason=f"unexpected token: '{error.token}'")
    position = sum(len(line) + 1 for line in text.split("\n")[: error.line - 1]) + error.column - 1
    if not text[position:].startswith("'"):
        word = re.match(r"\w+|.", text[position:], re.DOTALL)
        return _malformed(text, position, reason=f"unexpected token: '{word[0] if word else ''}'")
    return _malformed(text, position, reason="unexpected char: '''")


@lru_cache(maxsize=256)
def parse(text: str) -> Select:
    """The syntax tree of a query; raises Refusal (MALFORMED_QUERY)."""
    if len(text) > LONGEST:
        raise Refusal("MALFORMED_QUERY", f"SOQL statements cannot be longer than {LONGEST} characters.")
    if not text.strip():
        raise Refusal("MALFORMED_QUERY", "A query string has to be specified")
    try:
        return _Tree().transform(_grammar().parse(text))
    except UnexpectedInput as error:
        raise _unexpected(text, error) from None
    except VisitError as error:
        if isinstance(error.orig_exc, _Wrong):
            raise _malformed(text, error.orig_exc.position, reason=error.orig_exc.reason) from None
        raise
