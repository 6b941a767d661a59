"""Which call to the emulator stands for which recorded exchange."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tests.emulator.hubspot.conftest import Answer
from tests.recordings.kept import Kept
from tests.recordings.shape import Difference, Places, differences, places

C = TypeVar("C")

FRAME = ("content-length", "connection")
"""Headers of the transport, which whoever recorded the calls did not keep."""


@dataclass(frozen=True, slots=True)
class Twin(Generic[C]):
    """How to get from the emulator what was recorded; `skip` fits places that depend on what is in the account."""

    exchanges: tuple[str, ...]
    ask: Callable[[C], Answer]
    skip: str | None = None


class Twins(Generic[C]):
    """The twins of one vendor, in the order in which they are written down."""

    def __init__(self, served: Callable[[], AbstractContextManager[C]]) -> None:
        self.served = served
        self.all: list[Twin[C]] = []

    def of(self, *exchanges: str, skip: str | None = None) -> Callable[[Callable[[C], Answer]], Callable[[C], Answer]]:
        """Marks a function that asks a new account of the emulator's for what these exchanges hold."""

        def mark(ask: Callable[[C], Answer]) -> Callable[[C], Answer]:
            self.all.append(Twin(exchanges, ask, skip))
            return ask

        return mark

    def exchanges(self) -> Iterator[str]:
        """The recorded exchanges for which there is a call."""
        return (name for twin in self.all for name in twin.exchanges)

    def differences(self, recordings: Mapping[str, Sequence[Kept]]) -> Iterator[Difference]:
        """Everything in which the emulator's answers differ from the recorded ones."""
        for twin in self.all:
            with self.served() as crm:
                answer = twin.ask(crm)
            for exchange in twin.exchanges:
                kept = recordings[exchange]
                whole = kept[0].status is not None
                yield from differences(exchange, _kept(kept), _answered(answer, whole=whole), skip=twin.skip)


def _kept(kept: Sequence[Kept]) -> Places:
    heads = [_head(one.status, one.headers) for one in kept if one.status is not None]
    return {**places(one.body for one in kept), **_merged(heads)}


def _answered(answer: Answer, *, whole: bool) -> Places:
    body: Any = answer.body.decode() if isinstance(answer.body, bytes) else answer.body
    return {**places([body]), **(_head(answer.status, answer.headers) if whole else {})}


def _head(status: int, headers: Mapping[str, str]) -> Places:
    """Status and headers as places: a header is told by being there, and the type of the content by what it says."""
    names = {name.lower(): value for name, value in headers.items() if name.lower() not in FRAME}
    said = {f"header {name}": frozenset(["there"]) for name in names}
    kind = frozenset([names.get("content-type", "-").lower()])
    return {**said, "header content-type": kind, "status code": frozenset([str(status)])}


def _merged(heads: Sequence[Places]) -> Places:
    return {place: frozenset().union(*(head.get(place, ()) for head in heads)) for head in heads for place in head}
