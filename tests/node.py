"""Clients and grammars from npm that the emulator is held against: `tests/clients`, installed as locked."""

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
LOCK = PROJECT / "package-lock.json"
INSTALLED = PROJECT / "node_modules" / ".installed"
PATIENCE = 300
"""Seconds for one run; an install fetches 110 packages."""


def node(*arguments: str, says: Mapping[str, str] | None = None, hears: str = "") -> subprocess.CompletedProcess[str]:
    """Run Node in `tests/clients`, with more in its environment and something to read."""
    _install()
    return _run("node", *arguments, env={**os.environ, **(says or {})}, input=hears)


@contextmanager
def spoken_to(script: str) -> Iterator[Callable[[object], object]]:
    """A script that answers each line of JSON with one, as a function from the one to the other."""
    _install()
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
def _install() -> None:
    """Install what is locked, once for each lock file; test processes wait for each other."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            _missing(f"{program} is not there; Node 20 or newer runs tests/clients")
    with LOCK.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        locked = lock.read()
        if INSTALLED.is_file() and INSTALLED.read_bytes() == locked:
            return
        installed = _run("npm", "ci", "--silent", env=dict(os.environ))
        if installed.returncode:
            _missing(f"`npm ci` in tests/clients failed:\n{installed.stdout}{installed.stderr}")
        INSTALLED.write_bytes(locked)


def _run(*command: str, env: dict[str, str], input: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=PROJECT, env=env, input=input, capture_output=True, text=True, check=False, timeout=PATIENCE
    )


def _missing(reason: str) -> None:
    """Skip; under CI fail: there a test that did not run is a hole."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
