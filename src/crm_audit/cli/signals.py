"""A signal ends a command at once, wherever it is, and what it holds is put away on the way out."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

ENDS = {signal.SIGINT: 130, signal.SIGTERM: 143}
"""What ends a command early, and the exit code by which a shell knows it."""

AGAIN = 0.01
"""Seconds after which an end that was swallowed is asked for again."""


class Ended(SystemExit):
    """The way out after a signal; `code` is the exit code."""


def end(code: int) -> NoReturn:
    """Leave, and let no further signal disturb the leaving."""
    for other in ENDS:
        signal.signal(other, signal.SIG_IGN)
    sys.unraisablehook = _swallowed
    raise Ended(code)


def _swallowed(args: UnraisableHookArgs) -> None:
    """A signal may arrive while Python clears an object away, where it drops every exception: leave a moment later."""
    ended = args.exc_value
    if not isinstance(ended, Ended):
        sys.__unraisablehook__(args)
        return

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        raise Ended(ended.code)

    signal.signal(signal.SIGALRM, leave)
    signal.setitimer(signal.ITIMER_REAL, AGAIN)
