"""`crm-audit run`: everything once, as far as the ladder allows, one connection after another."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crm_audit.emulator.faults import Faults
from crm_audit.emulator.hubspot import SERVICE_KEY
from crm_audit.emulator.server import Response, serve
from tests.cli.desk import PLAIN, PROGRAM, Answer, Desk
from tests.cli.patience import until
from tests.cli.portals import HUBSPOT, export, hubspot, nobody_there, salesforce

LOWEST = "appointmentscheduled"


def steps(answer: Answer) -> list[tuple[str, str, int]]:
    return [(step["connection"], step["step"], step["code"]) for step in answer.json()["steps"]]


def test_in_shadow_everything_is_done_and_nothing_written(desk: Desk) -> None:
    export(desk)
    answer = desk("run")
    assert answer.code == 0
    sync, check, plan = answer.out.splitlines()
    assert sync == "org: sync: run 1 complete, export, 0 calls"
    assert check.startswith("org: check: 2 open deals (")
    assert plan == "org: plan: in shadow: nothing is written"


def test_what_is_to_be_shown_is_written_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch) as crm:
        deal = crm.deal(dealstage=LOWEST)
        first = desk("run", "portal")
        assert first.out.splitlines()[2:] == [
            "portal: plan: 1 writes, 0 deals show it already",
            "portal: apply: 1 of 1 writes done and read back, 0 refused",
            f"log: {desk('log', 'head').out.strip()}",
        ]
        assert crm.portal.value("deals", deal, "crm_audit_status") == "supported"
        again = desk("run", "portal", "--json")
    assert (first.code, again.code) == (0, 0)
    assert steps(again) == [("portal", step, 0) for step in ("sync", "check", "plan", "apply")]
    assert "0 of 0 writes" in again.json()["steps"][-1]["says"]
    assert (again.json()["schema_version"], again.json()["kind"], again.json()["code"]) == (1, "run", 0)
    assert first.out.splitlines()[-1] == f"log: {again.json()['log']}"


def test_in_shadow_the_crm_is_not_written_to(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch, ladder="shadow") as crm:
        deal = crm.deal(dealstage=LOWEST)
        assert desk("run").code == 0
        assert crm.portal.value("deals", deal, "crm_audit_status") is None


REFUSED = Response(403, {"category": "MISSING_SCOPES", "message": "no"})


def test_nothing_is_written_from_an_incomplete_sync(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with hubspot(desk, monkeypatch) as crm:
        deal = crm.deal(dealstage=LOWEST)
        with serve(crm.portal, faults=Faults().next("/deals/contacts/batch/read", *[REFUSED] * 9)) as base:
            desk.settle(HUBSPOT.format(base=base, ladder="annotate"))
            answer = desk("run")
        assert crm.portal.value("deals", deal, "crm_audit_status") is None
    assert answer.code == 3
    assert "; not read: links: " in answer.out
    assert answer.out.splitlines()[-1].startswith("portal: check: [3] portal: the last sync could not read the deals")


def test_a_refused_write_is_four(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with salesforce(desk, monkeypatch) as crm:
        crm.deal("Locked", StageName="Prospecting")
        crm.org.refuse("Opportunity", lambda before, after: after["Name"] == "Locked", message="This deal is locked.")
        answer = desk("run")
    assert answer.code == 4
    assert "apply: [4] " in answer.out
    assert "1 refused" in answer.out


def test_a_connection_that_fails_does_not_stop_the_others(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_TOKEN", SERVICE_KEY)
    desk.settle(HUBSPOT.format(base=nobody_there(), ladder="annotate") + PLAIN)
    export(desk)
    answer = desk("run", "--json")
    assert answer.code == 3
    assert steps(answer) == [("portal", "sync", 3), ("org", "sync", 0), ("org", "check", 0), ("org", "plan", 0)]
    assert answer.json()["steps"][0]["broke"] is True
    assert desk("run", "org").code == 0


def test_a_setting_that_is_wrong_is_two_for_its_connection_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORTAL_TOKEN", raising=False)
    desk.settle(HUBSPOT.format(base=nobody_there(), ladder="shadow") + PLAIN)
    export(desk)
    answer = desk("run", "--json")
    assert answer.code == 2
    assert "PORTAL_TOKEN" in answer.json()["steps"][0]["says"]
    assert steps(answer)[-1] == ("org", "plan", 0)


def test_a_mistake_of_ours_is_seventy_and_its_details_are_in_a_log(desk: Desk) -> None:
    export(desk)
    desk("run")
    with sqlite3.connect(desk.database) as db:
        db.execute("DROP TABLE rates")
    db.close()
    answer = desk.process("run")
    assert answer.code == 70
    (last,) = [line for line in answer.out.splitlines() if "[70]" in line]
    assert "a mistake in crm-audit itself" in last
    assert "no such table" in Path(last.split()[-1]).read_text("utf-8")


def test_an_unknown_connection_is_refused_before_anything_begins(desk: Desk) -> None:
    assert desk.process("run", "nobody").code == 2
    with desk.store() as store:
        assert store.runs("org") == []


def test_fault_33_a_long_wait_ends_at_once_with_sigterm(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CRM that says: come again in fifty seconds."""
    with hubspot(desk, monkeypatch) as crm:
        busy = Response(429, {"policyName": "TEN_SECONDLY_ROLLING"}, {"retry-after": "50"})
        faults = Faults().next("", *[busy] * 9)
        with serve(crm.portal, faults=faults) as base:
            desk.settle(HUBSPOT.format(base=base, ladder="annotate"))
            command = [*PROGRAM, "--config", str(desk.config), "run"]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8") as process:
                until(lambda: bool(faults.seen))
                sent = datetime.now(UTC)
                process.send_signal(signal.SIGTERM)
                out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (143, "")
    assert err == "crm-audit: interrupted; what was read is kept, nothing half-written\n"
    with desk.store() as store:
        (run,) = store.runs("portal")
    assert (run.status, run.reason) == ("failed", "interrupted")
    assert run.finished is not None
    assert run.finished - sent < timedelta(seconds=2)
