"""The page of differences, and the reasons that have to be given for each of them."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from itertools import groupby
from pathlib import Path

from crm_audit.reference.markdown import codes, page, table
from tests.recordings.kept import exchanges
from tests.recordings.of_hubspot import HUBSPOT
from tests.recordings.of_salesforce import SALESFORCE
from tests.recordings.shape import Difference

NAME = "emulator-differences.md"
REASONS = Path(__file__).with_name("reasons.toml")
INTRODUCTION = """\
The emulator's answers beside recorded calls and bodies of real accounts, which are not part of the project. Compared
are the status, the headers, every key of a body with the JSON type of its value, and the text of error codes
(`errorCode`, `category`, `errorType` and the like). `null` says nothing about a type. In a place, `#` is any element of
a list; `-` means that nothing is there. What stands here is everything that differs."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something differs, or is not emulated at all: for everything that all of these patterns fit."""

    why: str
    exchanges: Sequence[str]
    places: Sequence[str] = ("*",)
    recorded: str = "*"
    emulated: str = "*"

    def explains(self, each: Difference) -> bool:
        """Whether this is a reason for that."""
        fits = any(fnmatchcase(each.exchange, pattern) for pattern in self.exchanges)
        there = fnmatchcase(each.recorded, self.recorded) and fnmatchcase(each.emulated, self.emulated)
        return fits and there and any(fnmatchcase(each.place, pattern) for pattern in self.places)


@cache
def reasons(kind: str) -> Sequence[Reason]:
    """The reasons in the file, for what is `different` or `absent`."""
    return [Reason(**one) for one in tomllib.loads(REASONS.read_text("utf-8"))[kind]]


@cache
def found() -> Sequence[Difference]:
    """Every difference between the emulator and the recordings."""
    recordings = exchanges()
    return [*HUBSPOT.differences(recordings), *SALESFORCE.differences(recordings)]


@cache
def absent() -> Sequence[Difference]:
    """Recorded exchanges for which no call to the emulator stands, as differences in everything."""
    twins = [*HUBSPOT.exchanges(), *SALESFORCE.exchanges()]
    return [Difference(name, "", "all", "-") for name in exchanges() if name not in twins]


def reason_for(kind: str, each: Difference) -> Reason | None:
    """The first reason of a kind that fits."""
    return next((reason for reason in reasons(kind) if reason.explains(each)), None)


def text() -> str:
    """The page as it must be."""
    compared = len(exchanges()) - len(absent())
    counted = f"{compared} kinds of answers are compared; {len(absent())} are of calls that the emulator does not know."
    return page(
        "Emulator and recordings",
        INTRODUCTION,
        counted,
        "## What differs",
        *map(_differing, reasons("different")),
        "## What is not emulated",
        table(("answers", "kinds", "why"), map(_missing, reasons("absent"))),
    )


def _differing(reason: Reason) -> str:
    mine = [each for each in found() if reason_for("different", each) is reason]
    rows = groupby(mine, key=lambda each: (each.exchange, each.recorded, each.emulated))
    told = ((name, codes(each.place for each in places), there, here) for (name, there, here), places in rows)
    return f"{reason.why}\n\n{table(('answer', 'place', 'recorded', 'emulator'), told)}"


def _missing(reason: Reason) -> tuple[str, str, str]:
    mine = [each for each in absent() if reason_for("absent", each) is reason]
    return codes(reason.exchanges), str(len(mine)), reason.why
