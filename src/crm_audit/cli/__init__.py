"""The command line: one file per command. Results go to stdout, everything else to stderr.

Heavy imports stand inside the commands, so that `--help` and a mistyped option answer at once.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType

from crm_audit.cli import (
    answers,
    check,
    demo,
    doctor,
    emulator,
    explain,
    forget,
    gate,
    glass,
    kit,
    log,
    provision,
    rules,
    run,
    serve,
    sync,
    waivers,
    writeback,
)
from crm_audit.cli.base import app, logged
from crm_audit.cli.signals import ENDS, end
from crm_audit.errors import CrmAuditError

# importing a command registers it
__all__ = [
    "answers",
    "check",
    "demo",
    "doctor",
    "emulator",
    "explain",
    "forget",
    "gate",
    "glass",
    "kit",
    "log",
    "main",
    "provision",
    "rules",
    "run",
    "serve",
    "sync",
    "waivers",
    "writeback",
]

BUG = 70


def main() -> None:
    """Run a command; every way it can end has its exit code (see errors.py)."""
    for number in ENDS:
        signal.signal(number, _interrupted)
    try:
        app()
    except CrmAuditError as error:
        print(f"crm-audit: {error}", file=sys.stderr)  # noqa: T201 -- the one line of an error
        sys.exit(error.exit_code)
    except Exception:  # noqa: BLE001 -- the edge: whatever else escapes is ours to mend
        print(f"crm-audit: {logged()}", file=sys.stderr)  # noqa: T201 -- as above
        sys.exit(BUG)


def _interrupted(number: int, frame: FrameType | None) -> None:
    print("crm-audit: interrupted; what was read is kept, nothing half-written", file=sys.stderr)  # noqa: T201 -- as above
    end(ENDS[signal.Signals(number)])
