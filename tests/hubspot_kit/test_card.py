"""The card: compiled, linted, tested by HubSpot's own renderer, read against the program's, and in a real browser."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pytest

from crm_audit.writeback import details
from crm_audit.writeback.details import Details, Entry, Rests
from tests.hubspot_kit import story
from tests.hubspot_kit.kit import CARDS, HERE, KIT
from tests.node import missing, node
from tests.sources import ROOT

SCREENS = ("overstated", "why", "answer", "supported", "unverifiable", "moved", "unchecked", "unreadable")
CODES = ("CQ-STK-AUTH", "none", "critical", "open", "unverifiable", "stale", "MP-CH-ACTIVE")
SAID = (
    "Ada Ng saw USD 80,000.",
    "Q: who decides?",
    "Größe: 日本 🎯",
    "Missing: a b c d",
    " ",
    "x\ny",
    "",
    "Left off: 3",
)


def compiled(config: Path) -> str:
    """What the compiler has to say, line by line."""
    ran = node("node_modules/typescript/bin/tsc", "-p", str(config), project=HERE)
    assert bool(ran.returncode) == bool(ran.stdout), ran.stderr
    return ran.stdout


def test_the_compiler_finds_nothing() -> None:
    assert compiled(HERE / "tsconfig.json") == ""


def test_a_planted_fault_is_found_by_the_compiler(tmp_path: Path) -> None:
    (tmp_path / "planted.tsx").write_text(
        "import React from 'react';\nimport { Alert } from '@hubspot/ui-extensions';\n"
        "export const Planted = () => <Alert variant='purple' title={window.name} />;\n"
    )
    config = tmp_path / "tsconfig.json"
    config.write_text(json.dumps({"extends": str(HERE / "tsconfig.json"), "include": ["planted.tsx"]}))
    assert set(re.findall(r"error (TS\d+)", compiled(config))) == {"TS2322", "TS2304"}


def test_hubspots_lint_finds_nothing() -> None:
    ran = node("lint.mjs", str(KIT), project=HERE)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.startswith(f"{len(scripts())} files")


def test_a_planted_fault_is_found_by_the_lint(tmp_path: Path) -> None:
    planted = tmp_path / "src" / "app" / "cards" / "planted.tsx"
    planted.parent.mkdir(parents=True)
    planted.write_text("export const planted = () => <div>{localStorage.getItem('a')}</div>;\n")
    ran = node("lint.mjs", str(tmp_path), project=HERE)
    assert ran.returncode == 1
    assert "no-html-elements" in ran.stdout
    assert "no-browser-storage" in ran.stdout


def scripts() -> list[Path]:
    return sorted([*CARDS.rglob("*.ts"), *CARDS.rglob("*.tsx")])


def test_the_card_asks_nobody_but_hubspots_own_hooks() -> None:
    for path in scripts():
        text = path.read_text("utf-8")
        assert not re.search(r"\bfetch\b|serverless|XMLHttpRequest|WebSocket|experimental", text)
        assert set(re.findall(r"from '([^'.]+)'", text)) <= {
            "react", "@hubspot/ui-extensions", "@hubspot/ui-extensions/crm",
        }  # fmt: skip


def test_the_story_is_what_the_program_writes() -> None:
    """Where it is not: python -m tests.hubspot_kit.story"""
    assert story.STORY.read_text("utf-8") == story.written()


def test_the_card_passes_its_tests() -> None:
    ran = node(
        "node_modules/vitest/vitest.mjs", "run", "--config", "vitest.config.mjs", project=HERE, says={"NO_COLOR": "1"}
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"Tests +\d+ passed \(\d+\)", ran.stdout)


def test_the_card_reads_the_details_as_the_program_does() -> None:
    """Texts that the program wrote, and the same after somebody spoilt them."""
    chance = random.Random(20260912)
    page = (ROOT / "docs/reference/annotation.md").read_text("utf-8").split("```\n")[1]
    written = [details.text(made_up(chance)) for _ in range(400)]
    told = [held["crm_audit_details"] or "" for held in story.deals().values() if "crm_audit_details" in held]
    texts = [page, *told, *written, *(spoilt(text, chance) for text in written)]
    ran = node("parse.mjs", project=HERE, hears=json.dumps(texts))
    assert ran.returncode == 0, ran.stderr
    read = json.loads(ran.stdout)
    for text, found in zip(texts, read, strict=True):
        assert found == as_the_card_has_it(details.parse(text)), text
    assert sum(len(found["missing"]) + len(found["others"]) for found in read) > 1_000
    assert read[0]["missing"][0]["todo"] == 'Ask Lee Park: "Who else signs this off?"'


def made_up(chance: random.Random) -> Details:
    """Details as no deal has them, with whatever people may have in a name."""
    entries = tuple(made_up_entries(chance))
    cut = chance.randint(0, len(entries))
    return Details(
        claimed=chance.choice([None, "5 committed (Contract sent)", "Odd: one"]),
        next=chance.choice([None, "3 evaluating (Ready (soon))"]),
        refused=tuple(chance.choices(SAID, k=chance.randint(0, 2))),
        warned=tuple(chance.choices(SAID, k=chance.randint(0, 2))),
        holds=tuple(chance.choices(SAID, k=chance.randint(0, 3))),
        missing=entries[:cut],
        others=entries[cut:],
        left_off=chance.choice([0, 0, 12]),
    )


def made_up_entries(chance: random.Random) -> Iterator[Entry]:
    for _ in range(chance.randint(0, 4)):
        rule, reason, severity, status = chance.choices(CODES, k=4)
        yield Entry(
            rule=rule, reason=reason, severity=severity, status=status, says=chance.choice(SAID),
            do=chance.choice(SAID), asks=tuple(chance.choices(("pricing", "all"), k=chance.randint(0, 2))),
            rests=chance.choice([None, Rests("meeting_held", "meetings:501", date(2026, 2, chance.randint(1, 28)))]),
        )  # fmt: skip


def spoilt(text: str, chance: random.Random) -> str:
    """Lines lost, doubled, moved, cut and added, as by hand or by a later version."""
    lines = text.split("\n") + chance.choices(
        [
            "Mood: fine",
            "Record: call_connected calls:1 2026-02-30",
            "Record: a b",
            "Missing: only three words",
            "Left off: ²",
        ],
        k=2,
    )
    for _ in range(3):
        at = chance.randrange(len(lines))
        how = chance.choice(("lose", "double", "move", "cut"))
        if how == "lose" and len(lines) > 1:
            del lines[at]
        elif how == "double":
            lines.insert(at, lines[at])
        elif how == "move":
            lines.append(lines.pop(at))
        else:
            lines[at] = lines[at][: chance.randint(0, len(lines[at]))].rstrip()
    return chance.choice(("\n", "\r\n")).join(lines)


def as_the_card_has_it(read: Details) -> dict[str, object]:
    return {
        "claimed": read.claimed, "next": read.next, "refused": list(read.refused), "warned": list(read.warned),
        "holds": list(read.holds), "leftOff": read.left_off, "missing": entries(read.missing),
        "others": entries(read.others),
    }  # fmt: skip


def entries(read: Sequence[Entry]) -> list[dict[str, object]]:
    return [
        {
            "rule": one.rule, "reason": one.reason, "severity": one.severity, "status": one.status, "says": one.says,
            "todo": one.do, "asks": list(one.asks),
            "rests": one.rests and {"kind": one.rests.kind, "id": one.rests.id, "day": one.rests.day.isoformat()},
        }
        for one in read
    ]  # fmt: skip


def test_the_card_in_a_browser(tmp_path: Path) -> None:
    """Clicked through, clean by axe-core, and photographed as in the docs."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        missing("chromium is not there; set CHROMIUM to a browser of that kind")
    ran = node(
        "--test", "--test-reporter=spec", "view/view.test.js",
        project=HERE, says={"CHROMIUM": str(chromium), "SCREENS": str(tmp_path)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert {path.name for path in tmp_path.iterdir()} == {f"hubspot-{name}.png" for name in SCREENS}


@pytest.mark.parametrize("name", SCREENS)
def test_the_docs_have_every_picture_and_it_is_small(name: str) -> None:
    picture = ROOT / "docs" / "images" / f"hubspot-{name}.png"
    assert 1_000 < picture.stat().st_size < 80_000
