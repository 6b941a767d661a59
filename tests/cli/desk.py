"""A folder with settings and a store, and the command line over it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from crm_audit.cli.base import app
from crm_audit.domain import Record
from crm_audit.pull import pull
from crm_audit.store import Run, Start, Store
from tests.builders import LADDER, at
from tests.shelf import Shelf

MOMENT = "2026-03-16T15:00:00Z"
"""`builders.NOW`, as it is written after --as-of."""

RUNGS = "\n".join(f"{stage} = {rung!r}" for stage, rung in LADDER.items())
PLAIN = f"""
[connections.org]
vendor = "files"
internal_domains = ["seller.example"]
zone = "America/New_York"
currency = "USD"
source_days = 400

[connections.org.options]
folder = "export"

[connections.org.options.tables.deals]
file = "deals.csv"
id = "Id"
columns = {{ stage = "Stage", amount = "Amount" }}
constants = {{ pipeline = "new" }}

[connections.org.ladders.new]
{RUNGS}
"""


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def json(self) -> Any:  # noqa: ANN401 -- whatever the document holds
        """The one document on stdout."""
        return json.loads(self.out)


@dataclass
class Desk:
    """Where a user sits: `crm-audit.toml` and whatever it names lie in this folder."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "crm-audit.toml"

    @property
    def database(self) -> Path:
        return self.folder / "crm-audit.db"

    def settle(self, text: str = PLAIN) -> None:
        """Write the settings."""
        self.config.write_text(text, encoding="utf-8")

    def store(self) -> Store:
        """The store that the settings name."""
        return Store.open(f"sqlite:///{self.database}")

    def learn(
        self,
        records: Iterable[Record],
        days: int = 1,
        *,
        name: str = "org",
        breaks: Mapping[str, Exception] | None = None,
    ) -> Run:
        """A sync so many days before 16 March 2026."""
        start = Start(connection=name, started=at(days), config="abc")
        with self.store() as store:
            shelf = Shelf(records, breaks=breaks or {})
            return pull(shelf, store, start=start, now=lambda: at(days) + timedelta(minutes=5))

    def __call__(self, *arguments: str) -> Answer:
        """Run a command in this process; an error that only `main` turns into a code is raised."""
        result = CliRunner().invoke(app, ["--config", str(self.config), *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    def process(self, *arguments: str, **environ: str) -> Answer:
        """Run the program as a process of its own."""
        done = subprocess.run(
            [*PROGRAM, "--config", str(self.config), *arguments],
            env={**os.environ, "TMPDIR": str(self.folder), **environ},
            cwd=self.folder,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)


PROGRAM = (sys.executable, "-c", "from crm_audit.cli import main; main()")
