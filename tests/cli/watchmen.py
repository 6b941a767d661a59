"""Processes that serve, woken often and with a clock that is set by hand; what they log is read from a file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crm_audit.emulator.hubspot import SERVICE_KEY
from tests.cli.desk import Desk
from tests.cli.portals import HUBSPOT

NIGHTLY = 'vendor = "hubspot"\nnightly = "01:30"\nzone = "America/New_York"'

SERVE = """
import sys
from datetime import datetime
from pathlib import Path
from apscheduler.triggers.interval import IntervalTrigger
from crm_audit.cli import base, main, serve
from crm_audit.schedule import Waking

config, clock = map(Path, sys.argv[1:3])

@base.app.command()
def often() -> None:
    waking = Waking(trigger=IntervalTrigger(seconds=0.2), glance=0.2)
    serve.served(waking, now=lambda: datetime.fromisoformat(clock.read_text()))

sys.argv[1:] = ["--config", str(config), "often"]
main()
"""


@dataclass(frozen=True)
class Watchman:
    """One process, and what it said so far."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def holder(self) -> str:
        return f":{self.process.pid}:"

    def said(self, event: str) -> list[dict[str, Any]]:
        """Its log lines about an event."""
        lines = [json.loads(line) for line in self.log.read_text("utf-8").splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> int:
        """Its exit code after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@dataclass
class Station:
    """Where watchmen serve: settings, a clock, and a store."""

    desk: Desk
    store: str
    number: int = 0
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def clock(self) -> Path:
        return self.desk.folder / "clock"

    def settle(self, base: str, ladder: str = "annotate") -> None:
        """A portal that is audited every night."""
        text = HUBSPOT.format(base=base, ladder=ladder)
        self.desk.settle(text.replace('vendor = "hubspot"', NIGHTLY))

    def set(self, now: datetime) -> None:
        """Set the clock of all who serve here."""
        fresh = self.clock.with_suffix(".new")
        fresh.write_text(now.astimezone(UTC).isoformat())
        fresh.replace(self.clock)

    @contextmanager
    def serving(self, program: str = SERVE) -> Iterator[Watchman]:
        """A process that serves; it ends with the context at the latest."""
        self.number += 1
        log = self.desk.folder / f"log-{self.number}"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-c", program, str(self.desk.config), str(self.clock)],
                env={**os.environ, "CRM_AUDIT_STORE": self.store, "PORTAL_TOKEN": SERVICE_KEY, **self.environ},
                cwd=self.desk.folder,
                stdout=file,
                stderr=file,
            )
        try:
            yield Watchman(process, log)
        finally:
            process.kill()
            process.wait(30)
