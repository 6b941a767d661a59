"""The Lightning components: Salesforce's own lint and test runner, and a real browser."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.node import missing, node
from tests.salesforce_kit.kit import HERE, KIT

LWC = "force-app/main/default/lwc"
SCREENS = ("overstated", "why", "answer", "answered", "supported", "unchecked")


def test_salesforces_lint_finds_nothing() -> None:
    ran = node("lint.mjs", str(KIT), project=HERE)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.startswith(f"{len(list((KIT / LWC).rglob('*.js')))} files")


def test_a_planted_fault_is_found_by_the_lint(tmp_path: Path) -> None:
    planted = tmp_path / LWC / "planted" / "planted.js"
    planted.parent.mkdir(parents=True)
    planted.write_text(
        "import { LightningElement } from 'lwc';\nexport default class extends LightningElement {\n"
        "    connectedCallback() {\n        setTimeout(() => document.querySelector('a'), 1);\n    }\n}\n"
    )
    ran = node("lint.mjs", str(tmp_path), project=HERE)
    assert ran.returncode == 1
    assert "@lwc/lwc/" in ran.stdout


def test_the_components_pass_their_tests() -> None:
    ran = node("node_modules/jest/bin/jest.js", "-c", "jest.config.cjs", "--no-cache", project=HERE)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"Tests: +\d+ passed, \d+ total", ran.stderr)


def test_the_components_in_a_browser(tmp_path: Path) -> None:
    """Clicked through, clean by axe-core, and photographed as in the docs."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        missing("chromium is not there; set CHROMIUM to a browser of that kind")
    ran = node(
        "--test", "--test-reporter=spec", "view/view.test.js",
        project=HERE, says={"CHROMIUM": str(chromium), "SCREENS": str(tmp_path)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert {path.name for path in tmp_path.iterdir()} == {f"salesforce-{name}.png" for name in SCREENS}


@pytest.mark.parametrize("name", SCREENS)
def test_the_docs_have_every_picture_and_it_is_small(name: str) -> None:
    picture = KIT.parents[1] / "docs" / "images" / f"salesforce-{name}.png"
    assert 1_000 < picture.stat().st_size < 80_000


def test_no_component_calls_apex_or_the_network() -> None:
    for path in (KIT / LWC).rglob("*.js"):
        text = path.read_text("utf-8")
        assert "@salesforce/apex" not in text
        assert "fetch(" not in text
        assert set(re.findall(r"from '([^'.]+)'", text)) <= {
            "lwc", "lightning/uiRecordApi", "lightning/uiRelatedListApi", "lightning/navigation",
            "lightning/platformShowToastEvent", "@salesforce/i18n/locale",
        }  # fmt: skip
