"""`crm-audit rules list|lint|test`."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from crm_audit.errors import BadPack, FixConfig
from crm_audit.shipped import rules as built_in
from tests.builders import CORE
from tests.cli.desk import Desk

PACK = """\
pack: small
title: A small pack
version: 3
rules:
  - id: SM-NEED
    title: The need is noted
    layer: opportunity
    from: 2
    gate: true
    severity: major
    require: {field: {path: need}}
    messages:
      missing: {says: No need is noted., do: Note it.}
"""


def packed(folder: Path, text: str = PACK, cases: str | None = None) -> Path:
    made = folder / "small"
    made.mkdir(exist_ok=True)
    (made / "pack.yaml").write_text(dedent(text), encoding="utf-8")
    if cases is not None:
        (made / "cases.yaml").write_text(dedent(cases), encoding="utf-8")
    return made


def test_the_core_pack_is_listed(desk: Desk) -> None:
    answer = desk("rules", "list")
    assert answer.code == 0
    assert answer.out.startswith(f"{CORE.title} (core {CORE.version})")
    for rule in CORE.rules:
        assert rule.id in answer.out
    assert "block from 5" in answer.out


def test_json_has_every_rule_with_its_basis(desk: Desk) -> None:
    document = desk("rules", "list", "--json").json()
    assert (document["schema_version"], document["kind"], document["pack"]) == (1, "rules", "core")
    assert [each["rule"] for each in document["rules"]] == [rule.id for rule in CORE.rules]
    price = next(each for each in document["rules"] if each["rule"] == "CQ-STK-PRICE")
    assert (price["from"], price["to"], price["gate"], price["severity"], price["block_from"]) == (
        5,
        5,
        True,
        "critical",
        5,
    )
    assert all(each["basis"] for each in document["rules"])


def test_a_pack_of_ones_own_is_listed(desk: Desk, tmp_path: Path) -> None:
    answer = desk("rules", "list", str(packed(tmp_path)))
    assert answer.out.startswith("A small pack (small 3)")
    assert "SM-NEED" in answer.out


def test_rules_need_no_settings(desk: Desk) -> None:
    desk.config.unlink()
    assert desk("rules", "list").code == 0


def test_the_core_pack_has_nothing_wrong(desk: Desk) -> None:
    answer = desk("rules", "lint")
    assert (answer.code, "nothing wrong" in answer.out) == (0, True)
    assert desk("rules", "lint", "--json").json()["rules"] == len(CORE.rules)


WRONG = {
    # what to change in the pack, the line, what is said of it
    "an unknown key": ("severity: major", "severty: major", 10, "severity"),
    "an unknown predicate": ("{field: {path", "{feild: {path", 11, "field"),
    "an unknown argument": ("{path: need}", "{paht: need}", 11, "path"),
    "an unknown field": ("path: need", "path: needs", 11, "need"),
    "an unknown severity": ("severity: major", "severity: huge", 10, "severity"),
    "a rung above the ladder": ("from: 2", "from: 7", 8, "from"),
    "no yaml at all": ("rules:\n", "rules: [\n", None, ""),
    "a rule that hides an unknown one": ("gate: true", "suppressed_by: [SM-NONE]", 9, "SM-NONE"),
}


@pytest.mark.parametrize(("old", "new", "line", "named"), WRONG.values(), ids=WRONG)
def test_a_broken_pack_says_file_and_line_and_the_fix(
    desk: Desk, tmp_path: Path, old: str, new: str, line: int | None, named: str
) -> None:
    folder = packed(tmp_path, PACK.replace(old, new))
    answer = desk.process("rules", "lint", str(folder))
    assert answer.code == 2
    assert answer.out == ""
    place = f"{folder / 'pack.yaml'}:" + ("" if line is None else f"{line}")
    assert answer.err.startswith(f"crm-audit: {place}"), answer.err
    assert named in answer.err
    assert answer.err.count("\n") == 1


def test_a_pack_without_cases_is_not_finished(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(BadPack, match=r"cases\.yaml"):
        desk("rules", "lint", str(packed(tmp_path)))


def test_a_pack_that_is_nowhere_names_those_that_are(desk: Desk) -> None:
    for command in ("list", "lint"):
        with pytest.raises(BadPack, match="built in are core"):
            desk("rules", command, "nowhere")


def test_a_broken_pack_judges_nothing(desk: Desk, tmp_path: Path) -> None:
    folder = packed(tmp_path, PACK.replace("path: need", "path: needs"))
    text = desk.config.read_text("utf-8").replace('vendor = "files"', f'vendor = "files"\npack = "{folder}"')
    desk.settle(text)
    with pytest.raises(BadPack, match=r"pack\.yaml:11"):
        desk("check")
    with pytest.raises(BadPack, match=r"pack\.yaml:11"):
        desk("sync")
    with desk.store() as store:
        assert store.runs("org") == []


def test_the_cases_of_the_core_pack_agree(desk: Desk) -> None:
    answer = desk("rules", "test", str(built_in() / "core" / "cases.yaml"))
    last = answer.out.strip().splitlines()[-1]
    tried, _, of = last.split()[:3]
    assert (answer.code, tried) == (0, of)
    assert "FAIL" not in answer.out


@pytest.mark.parametrize("arguments", [["nowhere.yaml"], ["--through", "pigeon", "x.yaml"], []])
def test_what_cannot_be_tried_is_exit_two(desk: Desk, arguments: list[str]) -> None:
    try:
        code = desk("rules", "test", *arguments).code
    except FixConfig as error:
        code = error.exit_code
    assert code == 2


# --- deadlocks -------------------------------------------------------------------------------------------------------

NEVER = (
    PACK
    + """\
  - id: SM-NONE
    title: The need is not noted
    layer: opportunity
    from: 2
    block_from: 3
    severity: major
    require: {not: {field: {path: need}}}
    messages:
      differs: {says: A need is noted.}
"""
)


def test_a_pack_that_can_be_passed_says_so(desk: Desk) -> None:
    answer = desk("rules", "deadlocks")
    assert (answer.code, answer.out) == (0, "core 1: 6 rules may block, and a deal can get through all of them\n")


def test_rules_that_keep_every_deal_out_are_named_with_exit_one(desk: Desk, tmp_path: Path) -> None:
    folder = packed(tmp_path, NEVER.replace("    gate: true\n", "    gate: true\n    block_from: 3\n"))
    answer = desk("rules", "deadlocks", str(folder))
    assert answer.code == 1
    assert answer.out.startswith("SM-NEED and SM-NONE contradict each other at 3 evaluating; change one of them")
    document = desk("rules", "deadlocks", str(folder), "--json").json()
    assert [(each["rung"], each["rules"]) for each in document["deadlocks"]] == [
        (rung, ["SM-NEED", "SM-NONE"]) for rung in (3, 4, 5)
    ]
    assert desk("rules", "deadlocks", str(packed(tmp_path, NEVER))).code == 0
