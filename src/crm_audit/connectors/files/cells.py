"""What the text of a cell means: days, instants, money, flags. Pure; text that means nothing raises Unreadable."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from types import NoneType
from typing import get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

from crm_audit.domain import KINDS, When

ISO = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d{1,2})(:\d\d(?::\d\d(?:\.\d+)?)?) ?(Z|UTC|[+-]\d\d:?\d\d)?)?")
CURRENCY = r"(?:[A-Z]{3}|[$€£¥])?"
NUMBER = re.compile(rf"(-?){CURRENCY}(\d{{1,3}}(?:,\d{{3}})+|\d+|(?=\.\d))(\.\d+)?([eE][+-]?\d\d?)?{CURRENCY}")
DIGITS = 15  # no deal is worth more digits; beyond them a column was mixed up
TRUE, FALSE = frozenset({"true", "t", "yes", "y", "1", "x"}), frozenset({"false", "f", "no", "n", "0"})
SWAP = str.maketrans(".,", ",.")

Read = Callable[[str], object]


class Unreadable(ValueError):
    """Says what the cell should have held, never what it holds: that may be anybody's data."""


@dataclass(frozen=True, slots=True)
class Reader:
    """How one export writes its values."""

    zone: ZoneInfo  # in which the organisation's days begin
    times: ZoneInfo  # in which times without an offset are written
    dates: tuple[str, ...] = ()  # strptime formats; ISO 8601 is understood besides
    decimal: str = "."
    percent: bool = False  # probabilities run from 0 to 100

    def text(self, text: str) -> str:
        """The text itself."""
        return text

    def when(self, text: str) -> When:
        """A date where no time is written, else an instant in UTC."""
        return _moment(text, self.dates, times=self.times)

    def instant(self, text: str) -> datetime:
        """An instant in UTC; a date stands for the beginning of that day in the organisation's zone."""
        moment = self.when(text)
        if isinstance(moment, datetime):
            return moment
        return datetime(moment.year, moment.month, moment.day, tzinfo=self.zone).astimezone(UTC)

    def day(self, text: str) -> date:
        """A date; an instant stands for its day in the organisation's zone."""
        moment = self.when(text)
        return moment.astimezone(self.zone).date() if isinstance(moment, datetime) else moment

    def number(self, text: str) -> Decimal:
        """An exact decimal, with or without a currency sign and separators of thousands."""
        plain = "".join(text.split())
        match = NUMBER.fullmatch(plain.translate(SWAP) if self.decimal == "," else plain)
        if match is None:
            raise Unreadable("a number")
        sign, whole, fraction, exponent = match.groups(default="")
        value = Decimal(f"{sign}{whole.replace(',', '')}{fraction}{exponent}")
        if value and value.adjusted() >= DIGITS:
            raise Unreadable(f"a number of at most {DIGITS} digits")
        return value

    def share(self, text: str) -> Decimal:
        """A probability from 0 to 1."""
        percent = self.percent or text.endswith("%")
        value = self.number(text.removesuffix("%"))
        value = value.scaleb(-2) if percent else value
        if not 0 <= value <= 1:
            raise Unreadable("between 0 and 100 %" if percent else "between 0 and 1")
        return value

    def score(self, text: str) -> Decimal:
        """A score from 0 to 100."""
        value = self.number(text)
        if not 0 <= value <= 100:
            raise Unreadable("between 0 and 100")
        return value

    def whole(self, text: str) -> int:
        """A whole number."""
        value = self.number(text)
        if value != value.to_integral_value():
            raise Unreadable("a whole number")
        return int(value)

    def flag(self, text: str) -> bool:
        """Yes or no, in the words that exports use."""
        word = text.casefold()
        if word not in TRUE | FALSE:
            raise Unreadable("true or false")
        return word in TRUE

    def listed(self, text: str) -> tuple[str, ...]:
        """Several values in one cell, separated by semicolons, each once."""
        return tuple(dict.fromkeys(part.strip() for part in text.split(";") if part.strip()))

    def reads(self, kind: str) -> Mapping[str, Read]:
        """How each field of a kind of record is read, by the type that the vocabulary gives it."""
        by_type: Mapping[frozenset[object], Read] = {
            frozenset({str}): self.text,
            frozenset({date, datetime}): self.when,
            frozenset({datetime}): self.instant,
            frozenset({date}): self.day,
            frozenset({Decimal}): self.number,
            frozenset({int}): self.whole,
            frozenset({bool}): self.flag,
            frozenset({tuple}): self.listed,
        }
        reads = {name: by_type[_types(hint)] for name, hint in get_type_hints(KINDS[kind]).items()}
        narrower: Mapping[str, Read] = {"probability": self.share, "fit_score": self.score}
        return reads | {name: read for name, read in narrower.items() if name in reads}


def _types(hint: object) -> frozenset[object]:
    if get_origin(hint) is tuple:
        return frozenset({tuple})
    return frozenset(get_args(hint) or (hint,)) - {NoneType}


@lru_cache(maxsize=1 << 16)  # an export repeats its dates, and strptime is slow
def _moment(text: str, formats: tuple[str, ...], *, times: ZoneInfo) -> When:
    for form in formats:
        try:
            moment = datetime.strptime(text, form).replace(tzinfo=times)
            return moment.astimezone(UTC) if tells_time(form) else moment.date()
        except (ValueError, OverflowError):
            continue
    return _iso(text, times)


def tells_time(form: str) -> bool:
    """Whether a strptime format carries a time of day."""
    return any(mark in form for mark in ("%H", "%I", "%c", "%X"))


def _iso(text: str, times: ZoneInfo) -> When:
    match = ISO.fullmatch(text)
    if match is None:
        raise Unreadable("a date")
    day, hour, rest, offset = match.groups(default="")
    try:
        if not hour:
            return date.fromisoformat(day)
        moment = datetime.fromisoformat(f"{day}T{hour:0>2}{rest}{offset.replace('UTC', 'Z')}")
        return (moment if offset else moment.replace(tzinfo=times)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable("a date") from None
