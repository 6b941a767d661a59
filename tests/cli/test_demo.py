"""The demo, as a newcomer starts it: from any folder, with whatever is in the environment."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from crm_audit.cli.base import app
from crm_audit.config import load
from crm_audit.emulator.company import SECRETS

PROGRAM = str(Path(sys.executable).with_name("crm-audit"))
MISLEADING = {
    "CRM_AUDIT_STORE": "sqlite:////nowhere/real.db",  # somebody's own store: a demo must not touch it
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
}


def run(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """The installed program in a process of its own."""
    settings = {"cwd": cwd, "env": {**os.environ, **environ}, "capture_output": True, "encoding": "utf-8"}
    return subprocess.run([PROGRAM, *arguments], timeout=300, check=False, **settings)  # type: ignore[call-overload,no-any-return]  # settings of mixed types


@dataclass(frozen=True)
class Told:
    """One run of the demo, and where it ran."""

    folder: Path
    cwd: Path
    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """Everything in one line, however a table broke it."""
        return " ".join(self.out.split())


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    cwd = tmp_path_factory.mktemp("elsewhere")
    folder = tmp_path_factory.mktemp("demo") / "made" / "by the demo"
    done = run("demo", "--folder", str(folder), cwd=cwd, **MISLEADING)
    return Told(folder, cwd, done.returncode, done.stdout, done.stderr)


def test_it_ends_well_and_without_a_word_of_trouble(told: Told) -> None:
    assert told.code == 0, told.err
    assert "Traceback" not in told.out + told.err
    assert told.err.splitlines() == ["Inventing a company and playing its past into two local CRMs …"]


def test_its_steps_come_in_order(told: Told) -> None:
    headings = re.findall(r"^(\d) · (\w+)", told.out, re.MULTILINE)
    assert headings == [
        ("1", "Sync"), ("2", "Check"), ("3", "Explain"), ("4", "Write"), ("5", "What"), ("6", "Once"),
    ]  # fmt: skip


def test_both_crms_are_read_whole(told: Told) -> None:
    runs = re.findall(r"^(\w+): run (\d) complete,", told.out, re.MULTILINE)
    assert runs == [("salesforce", "1"), ("hubspot", "2"), ("salesforce", "3"), ("hubspot", "4")]


def test_it_tells_coverage_verdicts_and_money(told: Told) -> None:
    assert len(re.findall(r"^Coverage  +\d+ % of what the rules ask", told.out, re.MULTILINE)) == 2
    assert "no source connected for the owner: CQ-STK-CONTACT" in told.out
    assert told.out.count("2 deals not judged at all: their stage stands on no ladder") == 2
    claims = re.findall(r"USD ([\d,]+) claimed by probability, USD ([\d,]+) supported by evidence", told.out)
    assert len(claims) == 2
    assert all(float(more.replace(",", "")) > float(less.replace(",", "")) for more, less in claims)


def test_money_is_told_rung_by_rung(told: Told) -> None:
    committed = next(line for line in told.out.splitlines() if line.startswith("5 committed"))
    org_claimed, org_supported, portal_claimed, portal_supported = (
        int(cell.replace(",", "")) for cell in committed.split()[2:]
    )
    assert org_supported < org_claimed
    assert portal_supported < portal_claimed


def test_the_seed_story_is_there(told: Told) -> None:
    assert "Acme Freight invoice matching USD 100,000 5 4" in told.words
    assert "Dana Ruiz makes the final call and has not seen the pricing." in told.words


def test_the_annotated_record_is_shown_as_the_crm_gives_it_back(told: Told) -> None:
    shown = told.out.partition("5 · What the CRM shows")[2].partition("6 · ")[0]
    explained = told.out.partition("3 · Explain")[2].partition("\n\n")[0]
    assert "Verdict: overstated" in explained
    assert re.search(r"(crm_audit_status|Status__c): overstated", shown)
    top = re.search(r"(?:crm_audit_top_finding|Top_Finding__c): (.+)", shown)
    assert top is not None
    assert top[1] in told.out.partition("3 · Explain")[2].partition("Why:")[0]


def test_the_second_time_nothing_is_written(told: Told) -> None:
    again = told.out.partition("6 · Once more")[2]
    assert re.findall(r"(\w+): 0 of 0 writes done and read back, in 0 calls", again) == ["salesforce", "hubspot"]
    assert "0 calls wrote, as the CRMs themselves counted them." in again


def test_lines_stay_within_the_screen(told: Told) -> None:
    listed = told.out.partition("2 · Check")[2].partition("3 · Explain")[0]
    assert max(len(line.rstrip()) for line in listed.splitlines()) <= 120


def test_the_settings_are_there_to_be_read_and_hold_no_secret(told: Told) -> None:
    text = (told.folder / "crm-audit.toml").read_text("utf-8")
    assert text.count("#") > 15
    assert set(load(told.folder / "crm-audit.toml").connections) == {"salesforce", "hubspot"}
    assert all(f'"{name}"' in text for name in SECRETS)
    assert "pat-na1" not in text


def test_it_writes_into_its_own_folder_only(told: Told) -> None:
    assert sorted(path.name for path in told.folder.iterdir()) == ["crm-audit.db", "crm-audit.toml"]
    assert not list(told.cwd.iterdir())


def named(out: str) -> list[str]:
    """The commands that a demo names: the program's name, or the way it was started where no shell finds it."""
    lines = [line.strip() for line in out.partition("What to try next")[2].splitlines() if line.startswith("  ")]
    return [line for line in lines if Path(shlex.split(line)[0]).name == "crm-audit"]


def test_every_command_it_names_works_as_printed(told: Told) -> None:
    """Without the CRMs, which have stopped, and without their secrets: the store explains alone."""
    commands = named(told.out)
    assert len(commands) == 4
    for command in commands:
        done = run(*shlex.split(command)[1:], cwd=told.cwd)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), (command, done.stderr)
        assert done.stdout.strip()


def test_an_explanation_needs_neither_secret_nor_network(told: Told) -> None:
    (command,) = (each for each in named(told.out) if " explain " in each)
    secrets = dict.fromkeys(SECRETS, "invented")
    without, unreachable = (run(*shlex.split(command)[1:], cwd=told.cwd, **each) for each in ({}, secrets))
    assert without.returncode == unreachable.returncode == 0
    assert without.stdout == unreachable.stdout
    assert "Why: every rule at rung" in without.stdout


@pytest.mark.parametrize("name", ["crm-audit.toml", "crm-audit.db"])
def test_it_overwrites_nothing(tmp_path: Path, name: str) -> None:
    mine = tmp_path / name
    mine.write_text("mine", "utf-8")
    done = run("demo", "--folder", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert f"{name} is already there" in done.stderr
    assert not done.stdout
    assert [(path.name, path.read_text("utf-8")) for path in tmp_path.iterdir()] == [(name, "mine")]


def test_a_second_demo_into_the_same_folder_is_refused(told: Told) -> None:
    before = (told.folder / "crm-audit.toml").read_bytes()
    done = run("demo", "--folder", str(told.folder), cwd=told.cwd)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert (told.folder / "crm-audit.toml").read_bytes() == before


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    done = run("demo", "--folder", str(tmp_path / "file" / "below"), cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "name a folder that can be made" in done.stderr


def test_as_json_it_is_one_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = dict(os.environ)
    result = CliRunner().invoke(app, ["-q", "demo", "--json"])
    assert result.exit_code == 0, result.output
    assert dict(os.environ) == before
    assert not result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    assert (document["schema_version"], document["kind"]) == (1, "demo")
    assert Path(document["folder"]).parent == tmp_path
    assert [each["status"] for each in document["sync"]] == ["complete", "complete"]
    for each in document["check"]:
        assert each["open_deals"] > 150
        assert each["money"]["evidenced"] < each["money"]["weighted"] < each["money"]["amount"]
    assert document["seed_story"]["name"] == "Acme Freight invoice matching"
    assert document["seed_story"]["weighted"] - document["seed_story"]["evidenced"] == 10_000
    assert document["explained"]["at_risk"] >= 10_000
    assert document["explained"]["deal"]["action"] == "block"
    for each in document["writeback"]:
        assert each["done"] == each["writes"] > 150
        assert 0 < each["calls_that_wrote"] < 10
    assert document["again"]["calls_that_wrote"] == 0
    assert [each["writes"] for each in document["again"]["connections"]] == [0, 0]


def test_kept_running_its_commands_can_be_tried_until_ctrl_c(tmp_path: Path) -> None:
    command = [PROGRAM, "-q", "demo", "--keep", "--folder", str(tmp_path / "kept")]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, encoding="utf-8") as kept:
        assert kept.stdout is not None
        lines: list[str] = []
        while not lines or "rules list" not in lines[-1]:
            lines.append(kept.stdout.readline())
            assert lines[-1], "".join(lines)  # an empty line would be the end of a demo that did not wait
        told = [line.strip() for line in lines]
        secrets = dict(line.removeprefix("export ").split("=", 1) for line in told if line.startswith("export "))
        tried = [
            line for line in told if re.search(r"toml' (doctor|sync|writeback)|toml (doctor|sync|writeback)", line)
        ]
        try:
            assert len(tried) == 4
            for line in tried:
                done = run(*shlex.split(line)[1:], cwd=tmp_path, **secrets)
                assert done.returncode == 0, (line, done.stderr)
            assert "0 to" not in done.stdout
            assert "nothing to write" in done.stdout
        finally:
            kept.send_signal(signal.SIGINT)
        assert kept.wait(timeout=60) == 0
