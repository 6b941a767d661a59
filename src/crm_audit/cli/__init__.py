"""The command line: one file per command. Results go to stdout, everything else to stderr.

Heavy imports stand inside the commands, so that `--help` and a mistyped option answer at once.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from crm_audit import __version__
from crm_audit.cli import check, demo, doctor, emulator, explain, rules, sync, writeback
from crm_audit.cli.base import app
from crm_audit.errors import CrmAuditError

# importing a command registers it
__all__ = ["check", "demo", "doctor", "emulator", "explain", "main", "rules", "sync", "writeback"]

INTERRUPTED, BUG = 130, 70


def main() -> None:
    """Run a command; every way it can end has its exit code (see errors.py)."""
    signal.signal(signal.SIGINT, _interrupted)
    try:
        app()
    except CrmAuditError as error:
        print(f"crm-audit: {error}", file=sys.stderr)  # noqa: T201 -- the one line of an error
        sys.exit(error.exit_code)
    except Exception:  # noqa: BLE001 -- the edge: whatever else escapes is ours to mend
        place = _log()
        print(f"crm-audit: this is a mistake in crm-audit itself; details are in {place}", file=sys.stderr)  # noqa: T201 -- as above
        sys.exit(BUG)


def _interrupted(number: int, frame: FrameType | None) -> None:
    print("crm-audit: interrupted; what was read is kept, nothing half-written", file=sys.stderr)  # noqa: T201 -- as above
    sys.exit(INTERRUPTED)


def _log() -> Path:
    """Versions and the traceback in a file, ready for a bug report; it holds no settings and no records."""
    with tempfile.NamedTemporaryFile("w", prefix="crm-audit-", suffix=".log", delete=False, encoding="utf-8") as file:
        file.write(
            f"crm-audit {__version__}, Python {sys.version.split()[0]}, {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n\n"
        )
        file.write(traceback.format_exc())
    return Path(file.name)
