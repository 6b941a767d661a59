"""Salesforce record ids: 15 case-sensitive characters, or 18 that survive a change of case."""

from __future__ import annotations

import re
import string
from functools import lru_cache

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_CHECKS = string.ascii_uppercase + "012345"
_SHAPE = re.compile(r"[0-9A-Za-z]{15}([A-Z0-5]{3})?")

INSTANCE = "ak0"
"""Characters 4 to 6 of every id: the instance on which the org was created, and one that is reserved."""


_UPPER = {char: char.isupper() for char in _DIGITS}


def _check(short: str) -> str:
    """Three characters, each saying which of five characters are upper case."""
    return _five(short[:5]) + _five(short[5:10]) + _last(short[10:])


def _last(five: str) -> str:
    first, second, third, fourth, fifth = map(_UPPER.__getitem__, five)
    return _CHECKS[first | second << 1 | third << 2 | fourth << 3 | fifth << 4]


_five = lru_cache(maxsize=4096)(_last)
"""The beginnings of ids are few, so they are looked up."""


def new_id(prefix: str, number: int) -> str:
    """The 18-character id of the number-th record under a key prefix."""
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    short = prefix + INSTANCE + digits.rjust(9, "0")
    return short + _check(short)


def full_id(text: str) -> str | None:
    """The 18-character form of an id, or None if the text cannot be one."""
    if not _SHAPE.fullmatch(text):
        return None
    short = text[:15]
    if len(text) == 18 and text[15:] != _check(short):
        return None
    return short + _check(short)
