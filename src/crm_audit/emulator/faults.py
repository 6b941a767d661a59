"""Scripts of trouble: which call of an emulated CRM goes wrong, and how.

A fault is `(match, nth, action)`. A response as action is answered instead of the CRM's; the other actions spoil the
way back, or change the CRM between two calls. The CRM knows nothing of it: `serve(crm, faults=Faults().add(...))`.
"""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from crm_audit.emulator.server import Deliver, Request, Response, Wire, plainly

Ask = Callable[[], Response]
"""Lets the CRM answer; where nobody asks, it never hears of the call."""

LOGIN_PAGE = Response(200, b"<!DOCTYPE html><html><body>Please log in</body></html>", {"content-type": "text/html"})
NOTHING = Response(200, b"")
BUSY = Response(429, {"status": "error", "message": "You have reached your limit."}, {"retry-after": "1"})
BROKEN = tuple(Response(status, b"<html>Oops</html>", {"content-type": "text/html"}) for status in (500, 502, 503, 504))

_PIECE = 64 * 1024
_READ_BY_POST = ("/read", "/search", "/jobs/query")


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the connection after so many bytes of the body, -1: before the head, None: before the CRM hears of it."""

    after: int | None = None

    def act(self, ask: Ask) -> tuple[Response, Deliver]:
        """Ask the CRM, unless the call never arrives."""
        return NOTHING if self.after is None else ask(), self._deliver

    def _deliver(self, wire: Wire, response: Response) -> None:
        content = response.content()
        if self.after is not None and self.after >= 0:
            wire.head(response, length=len(content))
            wire.write(content[: self.after])
        wire.reset()


@dataclass(frozen=True, slots=True)
class Cut:
    """Send this share of the body under its whole length, then close in good order."""

    share: float = 0.5

    def act(self, ask: Ask) -> tuple[Response, Deliver]:
        """Ask the CRM."""
        return ask(), self._deliver

    def _deliver(self, wire: Wire, response: Response) -> None:
        content = response.content()
        wire.head(response, length=max(len(content), 1))
        wire.write(content[: int(len(content) * self.share)])
        wire.close()


@dataclass(frozen=True, slots=True)
class NotGzip:
    """Say that the body is compressed, and send it as it is."""

    def act(self, ask: Ask) -> tuple[Response, Deliver]:
        """Ask the CRM."""
        answer = ask()
        return _as_gzip(answer, answer.content()), plainly


@dataclass(frozen=True, slots=True)
class CutGzip:
    """Compress the body and send this share of it, with the length of just that."""

    share: float = 0.5

    def act(self, ask: Ask) -> tuple[Response, Deliver]:
        """Ask the CRM."""
        answer = ask()
        whole = gzip.compress(answer.content(), mtime=0)
        return _as_gzip(answer, whole[: int(len(whole) * self.share)]), plainly


@dataclass(frozen=True, slots=True)
class Drip:
    """Send the body byte by byte, with so many seconds before each."""

    interval: float

    def act(self, ask: Ask) -> tuple[Response, Deliver]:
        """Ask the CRM."""
        return ask(), self._deliver

    def _deliver(self, wire: Wire, response: Response) -> None:
        content = response.content()
        wire.head(response, length=len(content))
        for position in range(len(content)):
            if not wire.wait(self.interval):
                return
            wire.write(content[position : position + 1])


@dataclass(frozen=True, slots=True)
class Endless:
    """Follow the body by blanks, of no stated length, until the other side has had enough."""

    def act(self, ask: Ask) -> tuple[Response, Deliver]:
        """Ask the CRM."""
        return ask(), self._deliver

    def _deliver(self, wire: Wire, response: Response) -> None:
        wire.head(response, length=None)
        wire.write(response.content())
        while wire.wait(0):
            wire.write(b" " * _PIECE)


@dataclass(frozen=True, slots=True)
class Delay:
    """Answer well, so many seconds late."""

    seconds: float

    def act(self, ask: Ask) -> tuple[Response, Deliver]:
        """Ask the CRM."""
        return ask(), self._deliver

    def _deliver(self, wire: Wire, response: Response) -> None:
        if wire.wait(self.seconds):
            plainly(wire, response)


@dataclass(frozen=True, slots=True)
class Change:
    """Call a function before or after the CRM answers: its records or its schema change between two calls."""

    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None


Spoil = Reset | Cut | NotGzip | CutGzip | Drip | Endless | Delay
Action = Response | Spoil | Change


@dataclass(frozen=True, slots=True)
class Fault:
    """An action on the nth call that matches, and with `every` on every so many after it.

    `match` is a regular expression, looked for in `GET /path`; `where` may look at the rest of the call. A call counts
    for a fault only if no earlier fault of the script has taken it; a change takes none.
    """

    match: str
    action: Action
    nth: int = 1
    every: int = 0
    where: Callable[[Request], bool] | None = None

    def fits(self, request: Request) -> bool:
        """Whether this is one of the calls that are counted."""
        found = re.search(self.match, f"{request.method} {request.path}")
        return found is not None and (self.where is None or self.where(request))

    def due(self, count: int) -> bool:
        """Whether it is the turn of that call, counted from 1."""
        beyond = count - self.nth
        return beyond == 0 or (self.every > 0 and beyond > 0 and beyond % self.every == 0)


@dataclass(frozen=True, slots=True)
class Fired:
    """A fault that happened, and the number of the call to which it did, counted from 1."""

    call: int
    request: Request
    fault: Fault


@dataclass(slots=True)
class _Turn:
    fault: Fault
    count: int = 0
    over: bool = False


@dataclass(slots=True)
class Faults:
    """A script of faults, every call it saw, and which faults it made happen. A script may grow at any time."""

    seen: list[Request] = field(default_factory=list)
    fired: list[Fired] = field(default_factory=list)
    _turns: list[_Turn] = field(default_factory=list)

    def add(self, *faults: Fault) -> Faults:
        """Put faults at the end of the script; they count from now on."""
        self._turns.extend(_Turn(fault) for fault in faults)
        return self

    def next(self, match: str, *actions: Action) -> Faults:
        """These actions, one after another, on the next calls that match."""
        return self.add(*(Fault(match, action) for action in actions))

    def random(
        self, random: Random, *, count: int = 3, within: int = 50, actions: Sequence[Action] | None = None
    ) -> list[Fault]:
        """So many faults among the next reads, which they leave unanswered or unreadable; gives what it added."""
        turns = sorted(random.sample(range(1, within + 1), count))
        chosen = [random.choice(actions or _passing(random)) for _ in turns]
        faults = [
            Fault("", action, nth=turn - taken, where=is_read)
            for taken, (turn, action) in enumerate(zip(turns, chosen, strict=True))
        ]
        self.add(*faults)
        return faults

    def clear(self) -> None:
        """Drop the rest of the script; what was seen and fired stays."""
        self._turns.clear()

    @property
    def waiting(self) -> list[Fault]:
        """The faults that have not happened yet."""
        return [turn.fault for turn in self._turns if not turn.over]

    @property
    def counts(self) -> Counter[str]:
        """How often each sort of action happened: `Reset`, `Response`, …"""
        return Counter(type(each.fault.action).__name__ for each in self.fired)

    def meet(self, request: Request, ask: Ask) -> tuple[Response, Deliver]:
        """Answer one call as the script has it, and say how to deliver the answer."""
        self.seen.append(request)
        changes, action = self._due(request)
        for change in changes:
            if change.before:
                change.before()
        if isinstance(action, Response):
            answered: tuple[Response, Deliver] = (action, plainly)
        else:
            answered = action.act(ask) if action else (ask(), plainly)
        for change in changes:
            if change.after:
                change.after()
        return answered

    def _due(self, request: Request) -> tuple[list[Change], Response | Spoil | None]:
        changes: list[Change] = []
        for turn in self._turns:
            if not self._turned(turn, request):
                continue
            if not isinstance(turn.fault.action, Change):
                return changes, turn.fault.action
            changes.append(turn.fault.action)
        return changes, None

    def _turned(self, turn: _Turn, request: Request) -> bool:
        if not turn.fault.fits(request):
            return False
        turn.count += 1
        if not turn.fault.due(turn.count):
            return False
        turn.over = True
        self.fired.append(Fired(len(self.seen), request, turn.fault))
        return True


def is_read(request: Request) -> bool:
    """Whether a call changes nothing; a log-in is none."""
    if request.method == "POST":
        return request.path.endswith(_READ_BY_POST) or (request.path.endswith("/composite") and _only_gets(request))
    return request.method in ("GET", "HEAD")


def _only_gets(request: Request) -> bool:
    match request.json():
        case {"compositeRequest": [*parts]}:
            return all(isinstance(part, dict) and part.get("method") == "GET" for part in parts)
    return False


def _passing(random: Random) -> list[Action]:
    """What a good client gets over by asking once more."""
    cuts: list[Action] = [
        Reset(),
        Reset(-1),
        Reset(random.randrange(200)),
        Cut(random.random()),
        CutGzip(0.9),
        NotGzip(),
    ]
    return [*cuts, *BROKEN, BUSY, LOGIN_PAGE, NOTHING]


def _as_gzip(response: Response, body: bytes) -> Response:
    return replace(response, body=body, headers={**response.headers, "content-encoding": "gzip"})
