"""What the standing documents say about the code, against the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from ruamel.yaml import YAML

from crm_audit import domain
from crm_audit.chain import Act
from crm_audit.predicates.base import Predicate
from tests import test_shape as shape
from tests.sources import ROOT

DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:|#)([^)#\s]+)")
CELL = re.compile(r"^\| `(\w+)", re.MULTILINE)


def nav(entry: object) -> set[str]:
    """Every page named in a navigation tree."""
    match entry:
        case str(page):
            return {page}
        case list(entries):
            return set().union(*(nav(one) for one in entries))
        case dict(named):
            return set().union(*(nav(one) for one in named.values()))
    return set()


def test_the_table_of_the_log_tells_of_every_act() -> None:
    table = (
        (DOCS / "how-to/exceptions.md").read_text("utf-8").partition("| act | is logged when |")[2].partition("\n\n")[0]
    )
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", "".join(cells))) == sorted(get_args(Act))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = [link for link in LINK.findall(page.read_text("utf-8")) if not (page.parent / link).exists()]
    assert not broken


def test_the_navigation_names_every_page_and_no_other() -> None:
    listed = nav(YAML(typ="safe").load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"])
    assert listed == {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}


def test_the_list_of_decisions_is_whole() -> None:
    folder = DOCS / "adr"
    listed = set(LINK.findall((folder / "README.md").read_text("utf-8")))
    assert listed == {page.name for page in folder.glob("0*.md")}


@pytest.mark.parametrize("part", ["Situation", "Decision", "What follows", "What would change our mind"])
def test_every_decision_says_what_a_decision_has_to(part: str) -> None:
    silent = [page.name for page in (DOCS / "adr").glob("0*.md") if f"**{part}.**" not in page.read_text("utf-8")]
    assert not silent


def test_the_rule_shown_to_contributors_is_the_one_that_ships() -> None:
    shown = CONTRIBUTING.partition("```yaml\n")[2].partition("```")[0]
    (rule,) = YAML(typ="safe").load(shown)
    pack = YAML(typ="safe").load((ROOT / "rules" / "core" / "pack.yaml").read_text("utf-8"))
    assert rule in pack["rules"]


def test_the_parts_of_a_predicate_are_listed() -> None:
    section = CONTRIBUTING.partition("## Add a predicate")[2].partition("\n## ")[0]
    assert set(CELL.findall(section)) == {name for name in vars(Predicate) if not name.startswith("_")}


def test_the_budget_shown_to_contributors_is_the_one_that_is_checked() -> None:
    section = CONTRIBUTING.partition("The budget is checked")[2].partition("\nEverything is typed")[0]
    rows = [row.strip("|").split("|")[1:] for row in section.splitlines() if row.startswith("| ")]
    numbers = [[int(cell) for cell in row if cell.strip().isdigit()] for row in rows]
    assert [row for row in numbers if row] == [
        [shape.FILE_MEDIAN, shape.FILE_MAX],
        [shape.FUNCTION_MEDIAN, shape.FUNCTION_P95, shape.FUNCTION_MAX],
        [shape.NESTING_MAX],
        [shape.ARGUMENTS_MAX],
        [shape.SUPPRESSIONS_PER_1000],
    ]
    assert f"{shape.TESTS_PER_SOURCE} lines of test" in CONTRIBUTING


def test_the_glossary_names_the_rungs_in_order() -> None:
    text = (DOCS / "glossary.md").read_text("utf-8")
    assert ", ".join(domain.RUNGS.values()) in text
