"""A PostgreSQL of one's own, which a test may stop and start."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

OWNER = "postgres"
"""PostgreSQL refuses to run as root; this user comes with its package."""


@dataclass(frozen=True)
class Cluster:
    """A server with its files in one folder."""

    tools: Path
    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://{OWNER}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._run("pg_ctl", "-w", "-o", options, "-l", str(self.folder / "log"), "start")

    def stop(self) -> None:
        """Every connection is cut."""
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def _run(self, tool: str, *arguments: str) -> None:
        command = [str(self.tools / tool), "-D", str(self.folder / "data"), *arguments]
        as_owner = [] if os.geteuid() else ["runuser", "-u", OWNER, "--"]
        subprocess.run([*as_owner, *command], check=True, stdout=subprocess.DEVNULL, cwd=self.folder)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A running server; where PostgreSQL is not installed, the test is skipped."""
    tools = max(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), default=None)
    if tools is None:
        pytest.skip("no PostgreSQL is installed here that could be stopped and started")
    with tempfile.TemporaryDirectory(prefix="cluster-") as name, socket.socket() as door:
        folder = Path(name)
        door.bind(("127.0.0.1", 0))
        made = Cluster(tools.parent, folder, door.getsockname()[1])
        door.close()
        if not os.geteuid():
            shutil.chown(folder, pwd.getpwnam(OWNER).pw_uid)
        made._run("initdb", "-U", OWNER, "--auth=trust", "--no-sync")
        made.start()
        try:
            yield made
        finally:
            made._run("pg_ctl", "-w", "-m", "immediate", "stop")
