"""Three public exports on their whole way: mapped, stored, judged. Nothing may rest on a table that was not there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from crm_audit.cli.base import app
from tests.shared import ROOT, shared

EXAMPLES = ROOT / "examples" / "exports"

Report = dict[str, Any]
Audited = Callable[[str], Report]


@pytest.fixture
def audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store_url: str) -> Audited:
    """Syncs and checks an example, and gives the report that `check --json` prints."""
    monkeypatch.setenv("CRM_EXPORTS", str(shared("data", "crm")))
    monkeypatch.setenv("CRM_AUDIT_STORE", store_url)

    def run(example: str) -> Report:
        config = tmp_path / example
        config.write_text((EXAMPLES / example).read_text(encoding="utf-8"), encoding="utf-8")
        synced = CliRunner().invoke(app, ["--config", str(config), "sync"])
        assert synced.exit_code == 0, synced.output
        checked = CliRunner().invoke(app, ["--config", str(config), "check", "--json"])
        assert checked.exit_code == 0, checked.output
        (report,) = json.loads(checked.stdout)["reports"]
        return report  # type: ignore[no-any-return]  # JSON

    return run


def accusing(report: Report) -> dict[str, int]:
    """Open findings by rule."""
    counts: dict[str, int] = {}
    for finding in report["findings"]:
        if finding["status"] == "open":
            counts[finding["rule"]] = counts.get(finding["rule"], 0) + 1
    return counts


def test_what_the_hardware_seller_did_not_export_accuses_nobody(audited: Audited) -> None:
    report = audited("maven.toml")
    assert report["open_deals"] == 2_089
    verdicts = report["verdicts"]
    assert {name: verdicts[name] for name in ("overstated", "unverifiable", "supported")} == {
        "overstated": 1_088, "unverifiable": 501, "supported": 500,
    }  # fmt: skip
    assert accusing(report) == {"CQ-ORG-COMPANY": 1_088}  # the one question that the export can answer
    blind = {(row["rule"], row["reason"]): row["deals"] for row in report["coverage"]["blind"]}
    assert blind == {("CQ-STK-CONTACT", "unmapped"): 1_589, ("CQ-MOM-AGE", "unmapped"): 1_589}
    assert 0.33 < report["coverage"]["share"] < 0.34


def test_a_warehouse_copy_of_deleted_deals_leaves_none_to_judge(audited: Audited) -> None:
    report = audited("fivetran-salesforce.toml")
    assert report["open_deals"] == 0
    assert report["findings"] == []
    assert report["coverage"]["share"] is None
    assert any("none is left to audit" in note for note in report["run"]["notes"])


def test_deals_without_a_stage_are_not_judged_and_not_accused(audited: Audited) -> None:
    report = audited("fivetran-hubspot.toml")
    assert report["open_deals"] == 0
    assert report["verdicts"] == {"unmapped": 44}
    assert sum(report["not_judged"].values()) == 44
    assert {finding["rule"] for finding in report["findings"]} == {"SYS-UNMAPPED-STAGE"}
    assert accusing(report) == {}
