"""The program as a process: exit codes, and what goes to stdout and what to stderr."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from crm_audit import __version__
from crm_audit.emulator.hubspot import SERVICE_KEY
from crm_audit.errors import NoAccess
from tests.builders import around, but, clean, story
from tests.cli.desk import MOMENT, PROGRAM, Answer, Desk
from tests.cli.portals import HUBSPOT, export, hubspot, nobody_there, salesforce


def one_line(answer: Answer, code: int) -> str:
    """The one line of an error; nothing may stand on stdout."""
    assert answer.code == code, answer
    assert answer.out == ""
    assert answer.err.startswith("crm-audit: ")
    assert answer.err.count("\n") == 1, answer.err
    return answer.err


def test_nothing_asked_shows_the_help() -> None:
    done = subprocess.run(PROGRAM, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 2
    for command in ("sync", "check", "explain", "writeback", "rules", "doctor", "demo", "emulator"):
        assert command in done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"], ["writeback", "--help"], ["--version"]])
def test_help_and_version_are_results(desk: Desk, arguments: list[str]) -> None:
    answer = desk.process(*arguments)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out
    if arguments == ["--version"]:
        assert answer.out == f"crm-audit {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["chek"], ["check", "--bogus"], ["explain"], ["--config"], ["writeback", "plan"]]
)
def test_what_nobody_understands_is_exit_two(desk: Desk, arguments: list[str]) -> None:
    answer = desk.process(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err


def test_done_is_zero_and_json_is_all_of_stdout(desk: Desk) -> None:
    desk.learn([*around(), *story("d1", need=None), *story("d2")])
    answer = desk.process("check", "--as-of", MOMENT, "--json")
    assert (answer.code, answer.err) == (0, "")
    assert json.loads(answer.out)["schema_version"] == 1
    text = desk.process("check", "--as-of", MOMENT)
    assert text.code == 0
    assert "Next: " in text.err
    assert "\x1b" not in text.out + text.err  # nobody looks at colours in a file


def test_findings_from_the_level_on_are_one(desk: Desk) -> None:
    desk.learn(but(clean(), "d1-dana-authority"))
    answer = desk.process("check", "--as-of", MOMENT, "--fail-on", "block")
    assert answer.code == 1
    assert "Verdicts" in answer.out


def test_a_rule_that_broke_is_one(desk: Desk) -> None:
    desk.learn([*around(), *story("d1"), *story("d2")])
    with sqlite3.connect(desk.database) as db:
        db.execute("UPDATE deals SET budget = 'abc' WHERE id = 'd2'")
    db.close()
    answer = desk.process("check", "--as-of", MOMENT)
    assert answer.code == 1
    assert "could not be worked out for this deal" in answer.out
    assert "Traceback" not in answer.err


def test_no_settings_are_two(desk: Desk) -> None:
    desk.config.unlink()
    assert "no such file; `crm-audit demo`" in one_line(desk.process("check"), 2)


def test_wrong_settings_are_two(desk: Desk) -> None:
    desk.settle("[connections.org]\nvendor = 'files'\nzone = 'Mars/Base'\n")
    said = one_line(desk.process("sync"), 2)
    assert "crm-audit.toml: connections.org.zone: 'Mars/Base' is not an IANA time zone" in said


def test_an_unknown_vendor_is_two(desk: Desk) -> None:
    desk.settle("[connections.org]\nvendor = 'salesfroce'\n")
    assert "did you mean 'salesforce'?" in one_line(desk.process("sync"), 2)


def test_an_unknown_connection_is_two(desk: Desk) -> None:
    assert "has no connection 'nobody'; it has org" in one_line(desk.process("check", "nobody"), 2)


def test_an_unknown_deal_is_two(desk: Desk) -> None:
    desk.learn(clean())
    assert "no deal 'd9'" in one_line(desk.process("explain", "d9", "--as-of", MOMENT), 2)


def test_an_export_without_its_column_is_two(desk: Desk) -> None:
    export(desk, "Id,Amount\nd1,5\n")
    assert "Stage" in one_line(desk.process("sync"), 2)


def test_a_store_of_a_newer_program_is_two_and_stays_as_it_was(desk: Desk) -> None:
    desk.learn(clean())
    with sqlite3.connect(desk.database) as db:
        db.execute("UPDATE crm_audit_schema SET version_num = '9999'")
    db.close()
    before = desk.database.read_bytes()
    for command in (["check"], ["sync"], ["doctor"]):
        assert "newer" in one_line(desk.process(*command), 2)
    assert desk.database.read_bytes() == before


def test_a_store_that_is_no_store_is_two(desk: Desk) -> None:
    desk.database.write_bytes(b"this is no database" * 100)
    one_line(desk.process("check"), 2)


def test_a_store_nobody_can_reach_is_no_bug_of_ours(desk: Desk) -> None:
    url = nobody_there().replace("http://", "postgresql+psycopg://root@") + "/test?connect_timeout=2"
    said = one_line(desk.process("check", CRM_AUDIT_STORE=url), 3)
    assert "mistake in crm-audit" not in said


def test_before_any_sync_it_is_three(desk: Desk) -> None:
    assert "run `crm-audit sync org` first" in one_line(desk.process("check"), 3)


def test_a_crm_that_nobody_reaches_is_three(desk: Desk) -> None:
    desk.settle(HUBSPOT.format(base=nobody_there(), ladder="shadow"))
    one_line(desk.process("sync", PORTAL_TOKEN="pat-na1-secret"), 3)


@pytest.mark.parametrize("token", ["pat-na1-wrong", "pat-na1-\u00fc"])
def test_a_wrong_token_is_three_and_is_not_shown(desk: Desk, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    with hubspot(desk, monkeypatch):
        assert token not in one_line(desk.process("sync", PORTAL_TOKEN=token), 3)


def test_a_wrong_secret_is_three_and_is_not_shown(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with salesforce(desk, monkeypatch):
        assert "not-the-secret" not in one_line(desk.process("sync", ORG_SECRET="not-the-secret"), 3)


def test_a_check_of_a_partial_sync_is_three_and_its_result_is_told(desk: Desk) -> None:
    desk.learn(clean(), breaks={"history": NoAccess("history is not for you")})
    answer = desk.process("check", "--as-of", MOMENT)
    assert answer.code == 3
    assert "INCOMPLETE: history were not read: history is not for you" in answer.out


def test_a_write_that_was_refused_is_four(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with salesforce(desk, monkeypatch) as crm:
        crm.deal("Locked", StageName="Prospecting")
        assert desk.process("sync").code == 0
        crm.org.refuse("Opportunity", lambda before, after: after["Name"] == "Locked", message="This deal is locked.")
        answer = desk.process("writeback", "apply", "org")
    assert answer.code == 4
    assert "This deal is locked." in answer.out


BROKEN = """
from crm_audit import cli
from crm_audit.cli.base import app

@app.command()
def stumble() -> None:
    raise RuntimeError("a bug")

cli.main()
"""


def test_a_bug_of_ours_is_seventy_with_one_line_and_a_log(desk: Desk) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BROKEN, "stumble"],
        env={**os.environ, "TMPDIR": str(desk.folder)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    said = one_line(Answer(done.returncode, done.stdout, done.stderr), 70)
    log = Path(said.split()[-1])
    assert log.parent == desk.folder
    text = log.read_text("utf-8")
    assert text.startswith(f"crm-audit {__version__}, Python ")
    assert "RuntimeError: a bug" in text
    assert log.stat().st_mode & 0o077 == 0  # nobody else may read it


def test_an_interrupted_sync_is_130_and_leaves_no_half_run(desk: Desk) -> None:
    """A CRM that takes the call and never answers; the process is interrupted while it waits."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        door.settimeout(60)
        desk.settle(HUBSPOT.format(base=f"http://127.0.0.1:{door.getsockname()[1]}", ladder="shadow"))
        process = subprocess.Popen(
            [*PROGRAM, "--config", str(desk.config), "sync"],
            env={**os.environ, "PORTAL_TOKEN": SERVICE_KEY},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        caller, _ = door.accept()
        with caller:
            assert caller.recv(3) == b"GET"
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err == "crm-audit: interrupted; what was read is kept, nothing half-written\n"
    with desk.store() as store:
        assert [(run.status, run.reason) for run in store.runs("portal")] == [("failed", "interrupted")]


SWALLOWED = """
import os, signal, sys, time
from crm_audit import cli
from crm_audit.cli.base import app

class Cleared:
    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

@app.command()
def wait() -> None:
    Cleared()
    time.sleep(60)

cli.main()
"""


def test_fault_33_a_signal_at_a_moment_at_which_python_drops_every_exception_ends_it_all_the_same() -> None:
    done = subprocess.run([sys.executable, "-c", SWALLOWED, "wait"], capture_output=True, check=False, timeout=50)
    assert (done.returncode, done.stdout) == (143, b"")
    assert done.stderr == b"crm-audit: interrupted; what was read is kept, nothing half-written\n"


def test_the_store_lies_beside_the_settings_wherever_one_stands(desk: Desk, tmp_path: Path) -> None:
    export(desk)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        [*PROGRAM, "--config", str(desk.config), "sync"], cwd=elsewhere, capture_output=True, check=False
    )
    assert done.returncode == 0
    assert desk.database.exists()
    assert list(elsewhere.iterdir()) == []


def test_the_environment_names_another_store(desk: Desk) -> None:
    export(desk)
    other = desk.folder / "other.db"
    assert desk.process("sync", CRM_AUDIT_STORE=f"sqlite:///{other}").code == 0
    assert (other.exists(), desk.database.exists()) == (True, False)
