"""`make bench-sync`: what a first sync, a night and an unchanged night cost, in calls, seconds and memory.

Calls are counted by the emulated CRM. It keeps the vendor's rate limits in its own time, which moves on while the
connector waits; so the seconds measured are those of connector, store and emulator, and the vendor's are told beside.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.loading import postgres
from bench.watch import peak
from crm_audit.config import Connection, digest, secret
from crm_audit.connectors import salesforce
from crm_audit.connectors.base import Connector
from crm_audit.connectors.hubspot import HubSpot
from crm_audit.connectors.hubspot.gateway import Gateway
from crm_audit.connectors.hubspot.limits import Pace
from crm_audit.emulator.transport import Loopback
from crm_audit.pull import pull
from crm_audit.store import Start, Store

ROOT = Path(__file__).parents[1]
MOST: Mapping[str, Mapping[str, int]] = {
    "salesforce": {"first": 120, "a night": 30, "an unchanged night": 15},
    "hubspot": {"first": 9_500, "a night": 320, "an unchanged night": 130},
}
"""Calls that the reference org may cost at full size."""
DATABASES = ("sqlite", "postgresql")


@dataclass(slots=True)
class Org:
    """The process that holds the org."""

    process: subprocess.Popen[str]
    ready: Mapping[str, Any]
    now: datetime

    def tell(self, do: str, **more: object) -> dict[str, Any]:
        """Have something done there, and hear what it says."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self.process.stdin.flush()
        said: dict[str, Any] = json.loads(self.process.stdout.readline())
        return said

    def sleep(self, seconds: float) -> None:
        """Let the time of the org pass."""
        self.tell("advance", seconds=seconds)
        self.now += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        """Seconds of the org's time, which only runs forwards."""
        return self.now.timestamp()


@contextmanager
def served(vendor: str, scale: int) -> Iterator[Org]:
    """The reference org, in a process of its own for as long as the context lasts."""
    command = [sys.executable, "-m", "bench.emulated", vendor, str(scale)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        yield Org(process, ready, datetime.fromisoformat(ready["now"]))
        process.stdin.close()


def nights(vendor: str, scale: int, url: str) -> Iterator[dict[str, Any]]:
    """A first sync, a night after a day's work, and a night after a day on which nobody worked."""
    with served(vendor, scale) as org, Store.open(url) as store:
        connection = Connection.model_validate(org.ready["settings"])
        yield {"phase": "built", **{name: org.ready[name] for name in ("records", "seconds", "MiB")}}
        for phase in MOST[vendor]:
            if phase == "a night":
                org.now = datetime.fromisoformat(org.tell("day")["now"])
            yield {"phase": phase, **_measured(org, store, connection=connection)}
            org.sleep(timedelta(hours=12).total_seconds())


def _measured(org: Org, store: Store, *, connection: Connection) -> dict[str, Any]:
    org.tell("calls")
    counts: dict[str, int] = {}

    def progress(kind: str, read: int) -> None:
        counts[kind] = read

    began, wall, cpu = org.now, time.perf_counter(), time.process_time()
    start = Start(connection="reference", started=org.now, config=digest(connection))
    with connected(org, connection) as crm:
        run = pull(crm, store, start=start, now=lambda: org.now, progress=progress)
    spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    told = org.tell("calls")
    return {
        "status": run.status,
        "missing": dict(run.missing),
        "calls": sum(told["calls"].values()),
        "by kind": told["calls"],
        "rows": sum(counts.values()),
        **spent,
        "MiB": peak(),
        "emulator MiB": told["MiB"],
        "vendor's minutes": (org.now - began).total_seconds() / 60,
    }


@contextmanager
def connected(org: Org, connection: Connection) -> Iterator[Connector]:
    """A connector to the org whose waiting is the org's time."""
    loopback, environ = Loopback(org.ready["base"]), org.ready["environ"]
    if connection.vendor == "salesforce":
        with loopback.session() as session:
            yield salesforce.connect(connection, environ=environ, session=session, sleep=org.sleep)
        return
    pace = Pace(share=connection.quota_share, monotonic=org.monotonic, sleep=org.sleep)
    with loopback.pool() as pool:
        yield HubSpot(connection, Gateway(secret(connection, "access_token", environ), pool=pool, pace=pace))


def main() -> None:
    """Measure and print; exit 1 where a limit is broken."""
    asked = _asked()
    if asked.child:
        vendor, url = asked.child
        for told in nights(vendor, asked.scale, url):
            print(json.dumps(told), flush=True)
        return
    broken = [line for vendor in MOST for database in asked.databases for line in _shown(vendor, database, asked.scale)]
    print("\n".join(["", *(broken or ["every limit is kept"])]))
    sys.exit(bool(broken))


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.sync", description=__doc__)
    parser.add_argument("--scale", type=int, default=1, help="divide the org by this")
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=DATABASES)
    parser.add_argument("--child", nargs=2, metavar=("VENDOR", "URL"), help=argparse.SUPPRESS)
    return parser.parse_args()


def _shown(vendor: str, database: str, scale: int) -> Iterator[str]:
    """Print what one vendor with one database costs; yields the limits that are broken."""
    print(f"\n{vendor}, {database}, 1/{scale} of the reference org")
    with _url(database) as url:
        command = [sys.executable, "-m", "bench.sync", "--scale", str(scale), "--child", vendor, url]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for line in child.stdout:
                yield from _judged(json.loads(line), MOST[vendor])
    if child.returncode:
        yield f"{vendor}, {database}: ended with {child.returncode}"


def _judged(told: Mapping[str, Any], most: Mapping[str, int]) -> Iterator[str]:
    phase = told["phase"]
    if phase == "built":
        print(f"  built: {told['records']:,} records in {told['seconds']:.0f} s, emulator {told['MiB']:,.0f} MiB")
        return
    minutes = told["vendor's minutes"]
    print(
        f"  {phase:19} {told['calls']:6,} calls (at most {most[phase]:,})  {told['rows']:9,} records  "
        f"{told['rows'] / told['wall']:7,.0f}/s  {told['wall']:6.1f} s  {told['cpu']:6.1f} processor s  "
        f"peak {told['MiB']:5.0f} MiB  {minutes:5.1f} min by the vendor's limits"
    )
    if told["status"] != "complete":
        yield f"{phase}: {told['status']}: {told['missing']}"
    if told["calls"] > most[phase]:
        yield f"{phase}: {told['calls']:,} calls, {most[phase]:,} are allowed: {told['by kind']}"


@contextmanager
def _url(database: str) -> Iterator[str]:
    if database == "postgresql":
        with postgres() as url:
            yield url
        return
    with TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/sync.db"


if __name__ == "__main__":
    main()
