"""`crm-audit emulator` as a process: what it prints works, and it ends when it is told to."""

from __future__ import annotations

import json
import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from crm_audit.config import load
from crm_audit.emulator.company import SECRETS
from tests.cli.test_demo import PROGRAM, run

ANYWHERE = ("--salesforce-port", "0", "--hubspot-port", "0")
CALLS = re.compile(r"^# (\w+): (\d+) calls read, (\d+) wrote$", re.MULTILINE)


@dataclass
class Running:
    """A running emulator and what it has printed, all of it after `stop`."""

    process: subprocess.Popen[str]
    told: str

    @property
    def secrets(self) -> dict[str, str]:
        exports = [shlex.split(line)[1] for line in self.told.splitlines() if line.startswith("export ")]
        return dict(line.split("=", 1) for line in exports)

    @property
    def addresses(self) -> dict[str, str]:
        return dict(re.findall(r"^# (Salesforce|HubSpot): (http://127\.0\.0\.1:\d+)$", self.told, re.MULTILINE))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process.stdout is not None
        self.process.send_signal(number)
        self.told += self.process.stdout.read()
        return self.process.wait(timeout=30)


@contextmanager
def running(*arguments: str) -> Iterator[Running]:
    command = [PROGRAM, "emulator", *ANYWHERE, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=subprocess.STDOUT, encoding="utf-8") as process:
        assert process.stdout is not None
        emulator = Running(process, "")
        while SECRETS[-1] not in emulator.told:
            emulator.told += process.stdout.readline()
            assert process.poll() is None, emulator.told
        try:
            yield emulator
        finally:
            process.kill()


def test_a_plugin_finds_all_it_needs_in_what_is_printed_and_written(tmp_path: Path) -> None:
    with running("--folder", str(tmp_path / "made"), "--transcript", str(tmp_path / "calls.jsonl")) as emulator:
        assert set(emulator.secrets) == set(SECRETS)
        settings = tmp_path / "made" / "crm-audit.toml"
        reached = {str(each.emulator) for each in load(settings).connections.values()}
        assert reached == set(emulator.addresses.values())
        done = run("-q", "-c", str(settings), "sync", cwd=tmp_path, **emulator.secrets)
        assert (done.returncode, done.stdout.count("complete")) == (0, 2), done.stderr
        assert emulator.stop() == 0
    counted = {name: int(read) for name, read, wrote in CALLS.findall(emulator.told) if wrote == "0"}
    assert set(counted) == {"salesforce", "hubspot"}
    calls = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text("utf-8").splitlines()]
    assert {call["status"] for call in calls} <= {200, 207}
    answered = [call for call in calls if call["crm"] == "hubspot"]
    assert len(answered) == counted["hubspot"] > 10
    assert all(call["bytes_out"] > 0 and call["target"].startswith("/") for call in calls)
    assert not [secret for secret in emulator.secrets.values() if secret in str(calls)]


def test_without_the_company_there_is_everything_but_deals(tmp_path: Path) -> None:
    with running("--empty") as emulator:
        key = {"authorization": f"Bearer {emulator.secrets[SECRETS[2]]}"}

        def asked(path: str) -> dict[str, object]:
            answer: dict[str, object] = requests.get(
                emulator.addresses["HubSpot"] + path, headers=key, timeout=5
            ).json()
            return answer

        assert asked("/crm/v3/objects/deals")["results"] == []
        assert "budget" in str(asked("/crm/v3/properties/deals"))
        assert emulator.stop(signal.SIGINT) == 0
    assert "# hubspot: 2 calls read, 0 wrote" in emulator.told
    assert list(tmp_path.iterdir()) == []


def test_time_goes_on_there() -> None:
    with running("--empty") as emulator:
        key, secret, _ = (emulator.secrets[name] for name in SECRETS)
        login = {"grant_type": "client_credentials", "client_id": key, "client_secret": secret}
        address = f"{emulator.addresses['Salesforce']}/services/oauth2/token"
        issued = {requests.post(address, data=login, timeout=5).json()["issued_at"] for _ in range(20)}
    assert len(issued) > 1


def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("-q", "emulator", "--empty", "--salesforce-port", port, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"port {port}" in done.stderr


@pytest.mark.parametrize(
    ("option", "says"),
    [("--folder", "nothing is overwritten"), ("--transcript", "name a file that can be written")],
)
def test_nothing_is_overwritten(tmp_path: Path, option: str, says: str) -> None:
    mine = tmp_path / "crm-audit.toml"
    mine.write_text("mine", "utf-8")
    done = run("-q", "emulator", "--empty", *ANYWHERE, option, str(tmp_path), cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert says in done.stderr
    assert mine.read_text("utf-8") == "mine"


def test_the_same_settings_serve_again(tmp_path: Path) -> None:
    with running("--empty", "--folder", str(tmp_path)) as emulator:
        ports = [address.rpartition(":")[2] for address in emulator.addresses.values()]
        assert emulator.stop() == 0
    again = ("--salesforce-port", ports[0], "--hubspot-port", ports[1])  # the later option counts
    with running("--empty", "--folder", str(tmp_path), *again) as emulator:
        assert emulator.stop() == 0
