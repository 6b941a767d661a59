"""The reference says what the code says: nothing stale, nothing left out, and every example runs."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from crm_audit import connectors, packs
from crm_audit.config import Connection, Settings
from crm_audit.errors import CrmAuditError
from crm_audit.evaluate import RANK
from crm_audit.near import one_of
from crm_audit.policy import Node, Pack, Rule
from crm_audit.predicates import PREDICATES
from crm_audit.reference import markdown, models
from crm_audit.reference.__main__ import pages, vendors
from crm_audit.reference.commands import endings
from crm_audit.reference.errors import TODO, below
from crm_audit.reference.predicates import COMBINATORS, EXAMPLES, REASONS
from crm_audit.reference.requirements import flow, limits, yaml
from crm_audit.reference.settings import EXAMPLE
from tests import faults
from tests.recordings import page as differences
from tests.sources import ROOT

FOLDER = ROOT / "docs" / "reference"
DETAILS = "annotation.md"
"""Written by hand, for it describes a text and no code; tests/writeback/test_details.py reads its example."""
PROMISES = "promises.md"
"""Written by hand, too; tests/test_promises.py holds it to the tests that it names."""
PAGES = pages()
PACKS = [packs.load(path.parent.name) for path in sorted((ROOT / "rules").glob("*/pack.yaml"))]
RULES = [(pack, rule) for pack in PACKS for rule in pack.rules]

PACK = """\
pack: example
title: An example
version: 1
rules:
  - id: X-EXAMPLE
    title: It is so
    layer: hygiene
    from: 1
    severity: minor
    messages: {none: {says: It is not so.}}
    require:
"""


def required(text: str, folder: Path) -> Node:
    """A requirement as the program reads it from a pack."""
    path = folder / "pack.yaml"
    path.write_text(PACK + "".join(f"      {line}\n" for line in text.splitlines()), "utf-8")
    node = packs.read(path).rule("X-EXAMPLE").require
    assert node is not None
    return node


def section(page: str, heading: str) -> str:
    """What stands below a heading, down to the next of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    _, found, rest = PAGES[page].partition(f"\n{heading}\n")
    assert found, f"{page} has no {heading!r}"
    return re.split(rf"^#{{1,{level}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def cells(text: str, head: str = "") -> Iterator[list[str]]:
    """The rows of the tables in a text whose first column is called `head`."""
    for drawn in re.findall(rf"^\| {head} \|.*\n\| ---.*\n((?:\|.*\n)+)", f"{text}\n", flags=re.MULTILINE):
        for line in drawn.splitlines():
            yield [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


# As checked in


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_the_code_says(name: str) -> None:
    written = (FOLDER / name).read_text("utf-8") if (FOLDER / name).is_file() else ""
    if written != PAGES[name]:
        pytest.fail(f"docs/reference/{name} is stale: `{markdown.COMMAND}` writes it anew", pytrace=False)


def test_the_folder_holds_no_other_page() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*PAGES, differences.NAME, faults.PAGE.name, PROMISES, DETAILS}


def test_the_command_that_refreshes_is_there() -> None:
    target = markdown.COMMAND.removeprefix("make ")
    assert f"\n{target}: " in (ROOT / "Makefile").read_text("utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_every_reference_within_a_page_leads_to_a_heading_that_stands_there_once(name: str) -> None:
    headings = [line.lstrip("# ").lower().replace(":", "").replace(" ", "-") for line in _headings(PAGES[name])]
    asked = set(re.findall(r"\]\(#([^)]+)\)", PAGES[name]))
    assert asked <= set(headings)
    assert {heading: headings.count(heading) for heading in asked} == dict.fromkeys(asked, 1)


def _headings(page: str) -> list[str]:
    prose = re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"^#+ .*$", prose, flags=re.MULTILINE)


@pytest.mark.parametrize("name", PAGES)
def test_every_row_of_a_table_has_the_cells_of_its_head(name: str) -> None:
    widths: list[int] = []
    for line in PAGES[name].splitlines():
        widths = [*widths, len(re.split(r"(?<!\\)\|", line))] if line.startswith("|") else []
        assert len(set(widths)) <= 1, line


# Rules


@pytest.mark.parametrize(("pack", "rule"), RULES, ids=[rule.id for _, rule in RULES])
def test_a_rule_is_told_whole(pack: Pack, rule: Rule) -> None:
    told = section("rules.md", f"### {rule.id}")
    said = {row[0]: row[1] for row in cells(told)}
    assert rule.title in told
    assert (said["layer"], said["severity"], said["basis"]) == (rule.layer, rule.severity, rule.basis)
    assert said["gate"] == ("yes" if rule.gate else "no")
    assert str(rule.block_from) in said["action"] if rule.block_from is not None else said["action"] == "annotate"
    assert re.findall(r"#([\w-]+)", said.get("hidden by", "")) == [other.lower() for other in rule.suppressed_by]


@pytest.mark.parametrize(("pack", "rule"), RULES, ids=[rule.id for _, rule in RULES])
def test_every_reason_of_a_rule_is_listed_with_its_words(pack: Pack, rule: Rule) -> None:
    rows = {row[0].strip("`"): row[1:] for row in cells(section("rules.md", f"### {rule.id}"), "reason")}
    assert set(rows) == {*rule.reasons().fails, *rule.reasons().unknown}
    for reason, message in rule.messages.items():
        assert rows[reason][1:] == [message.says, message.todo]
    for reason in rule.reasons().unknown:
        assert rows[reason][0] == "unverifiable"


@pytest.mark.parametrize(("pack", "rule"), RULES, ids=[rule.id for _, rule in RULES])
def test_a_requirement_is_shown_as_a_pack_may_write_it(pack: Pack, rule: Rule, tmp_path: Path) -> None:
    shown = re.findall(r"^```yaml\n(.*?)^```", section("rules.md", f"### {rule.id}"), re.MULTILINE | re.DOTALL)
    asked = [node for node in (rule.when, rule.require) if node is not None]
    assert [required(text, tmp_path) for text in shown] == asked


def test_limits_are_told_rung_by_rung() -> None:
    core = packs.load("core")
    assert dict(limits(core.rule("CQ-MOM-SILENT"))) == {"evidence.within": [45, 30, 21, 14]}
    assert dict(limits(core.rule("CQ-OPP-BASICS"))) == {"rechecked.within": [45, 30, 14]}
    assert dict(limits(core.rule("CQ-STK-PRICE"))) == {"evidence.within": [90]}
    assert dict(limits(core.rule("CQ-OPP-NEED"))) == {}
    rows = list(cells(section("rules.md", "### CQ-MOM-AGE"), "limit"))
    assert rows == [["`since.max`", "30", "45", "60", "45", "30"]]


# Predicates


def test_every_predicate_and_combinator_has_its_section_and_its_example() -> None:
    assert [*EXAMPLES] == [*PREDICATES, *COMBINATORS]
    assert (*COMBINATORS,) == packs.COMBINATORS
    for name in PREDICATES:
        section("predicates.md", f"## {name}")
    for name in COMBINATORS:
        section("predicates.md", f"### {name}")


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_read_by_the_program_and_written_back_the_same(name: str, tmp_path: Path) -> None:
    node = required(EXAMPLES[name], tmp_path)
    assert required(yaml(node), tmp_path) == node
    assert EXAMPLES[name] in PAGES["predicates.md"]


@pytest.mark.parametrize("name", PREDICATES)
def test_every_argument_is_listed_with_its_meaning(name: str) -> None:
    rows = cells(section("predicates.md", f"## {name}"), "name")
    meaning = {row[0].strip("`").split("`")[0]: row[3] for row in rows}
    for argument, field in PREDICATES[name].Args.model_fields.items():
        choices = getattr(field.validation_alias, "choices", [argument])
        assert meaning[choices[0]], f"{name}.{argument} has no comment"


@pytest.mark.parametrize("name", PREDICATES)
def test_what_makes_a_predicate_unknown_is_said(name: str) -> None:
    told = section("predicates.md", f"## {name}")
    unknown = {reason for reason in PREDICATES[name].REASONS if reason in ("unmapped", "no_source", "no_rate")}
    assert "*Observes*" in told
    assert "Unknown" in told.partition("*Judges*")[2].partition("\n")[0]
    assert {reason for reason in unknown if f"`{reason}`: " in told.partition("*Unknown*")[2]} == unknown


def test_every_reason_has_a_meaning() -> None:
    given = {reason for predicate in PREDICATES.values() for reason in predicate.REASONS}
    assert given <= set(REASONS)
    assert set(RANK) <= set(REASONS)
    assert list(REASONS) == sorted(REASONS)


# Settings


def every_model() -> list[type[BaseModel]]:
    tops: list[type[BaseModel]] = [Settings, *(vendor.options for vendor in vendors())]
    return [model for top in tops for model in (top, *dict.fromkeys(models.parts(top)))]


def test_every_vendor_has_its_part() -> None:
    assert [vendor.name for vendor in vendors()] == list(connectors.CONNECTORS)
    assert Connection in every_model()


@pytest.mark.parametrize("model", every_model(), ids=lambda model: f"{model.__module__}.{model.__name__}")
def test_every_setting_is_listed_with_its_meaning(model: type[BaseModel]) -> None:
    rows = {row[0].strip("`"): row for row in cells(models.arguments(model), "name")}
    assert list(rows) == list(model.model_fields)
    assert [name for name, row in rows.items() if not row[3]] == []
    assert "None" not in "".join(row[3] for row in rows.values())
    told = [row[0].strip("`") for row in cells(PAGES["settings.md"], "name")]
    assert set(rows) <= set(told)


def test_the_example_is_a_settings_file() -> None:
    settings = Settings(**tomllib.loads(EXAMPLE))
    (connection,) = settings.connections.values()
    assert connections_options(connection).model_dump()["folder"] == "exports"


def connections_options(connection: Connection) -> BaseModel:
    (vendor,) = (vendor for vendor in vendors() if vendor.name == connection.vendor)
    return vendor.options.model_validate(dict(connection.options))


# Commands and errors


def test_every_command_is_told() -> None:
    asked = re.findall(r"^## (crm-audit .*)$", PAGES["commands.md"], re.MULTILINE)
    assert {"crm-audit check", "crm-audit rules test", "crm-audit writeback apply"} <= set(asked)
    for name in asked:
        assert f"Usage: {name} " in section("commands.md", f"## {name}")


def test_every_way_to_end_is_told() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "src/crm_audit/cli").glob("*.py"))
    raised = [number for line in re.findall(r"Exit\(([^)]*)", source) for number in re.findall(r"\b\d+\b", line)]
    named = {int(number) for number in raised} | {error.exit_code for error in below(CrmAuditError)} | {70, 130}
    assert named <= set(endings())
    assert [int(row[0]) for row in cells(section("commands.md", "## Exit codes"), "code")] == sorted(endings())


def test_every_error_says_what_to_do() -> None:
    assert set(TODO) == {error.__name__ for error in below(CrmAuditError)}
    rows = {row[0].strip("`"): int(row[1]) for row in cells(PAGES["errors.md"], "error")}
    assert rows == {error.__name__: error.exit_code for error in below(CrmAuditError)}
    assert "└── StoreTooNew" in PAGES["errors.md"]


# How it is told


class Colour(BaseModel):
    """A colour."""

    model_config = ConfigDict(frozen=True)

    red: Annotated[int, Field(ge=0, le=255)] = 0  # how much of it
    name: str  # what people -> call it
    mixed: tuple[str, ...] = (
        "a",
        "b",
    )  # of what
    share: Decimal = Field(default=Decimal("0.5"), ge=0)  # of the whole
    silent: bool = False
    inner: Mapping[str, tuple[int, ...]] = {}  # more


def test_a_model_is_told_with_the_comments_behind_its_fields() -> None:
    assert list(cells(models.arguments(Colour), "name")) == [
        ["`red`", "whole number from 0 to 255", "`0`", "how much of it"],
        ["`name`", "text", "required", "what people → call it"],
        ["`mixed`", "list of text", '`["a", "b"]`', "of what"],
        ["`share`", "number from 0", "`0.5`", "of the whole"],
        ["`silent`", "true or false", "`false`", ""],
        ["`inner`", "table: text → list of whole number", "–", "more"],
    ]


class Shade(StrEnum):
    """No words are known for this one."""

    DARK = "dark"


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (Literal["a", "b"], "`a` or `b`"),
        (str | None, "text"),
        (int | Literal["won"], "whole number or `won`"),
        (Annotated[str, one_of(("x", "y"), "letter")], "`x`, `y`"),
        (Annotated[str, one_of(map(str, range(99)), "number of a house")], "number of a house"),
        (Annotated[str, AfterValidator(str.strip)], "text"),
        (tuple[Colour, ...], "list of [Colour](#colour)"),
    ],
)
def test_types_are_told_in_words(hint: object, words: str) -> None:
    assert models.kind(hint) == words
    assert models.kind(hint, ((hint, "a word of its own"),)) == "a word of its own"


def test_a_type_without_words_is_no_silent_gap() -> None:
    with pytest.raises(KeyError):
        models.kind(Shade)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (7, "7"),
        (Decimal("0.10"), "0.10"),
        ("A", "A"),
        ("company.fit_tier", "company.fit_tier"),
        ("two words", "'two words'"),
        ("it's", "'it''s'"),
        ("", "''"),
        (("A", "B"), "[A, B]"),
        ({"role": ("a", "b")}, "{role: [a, b]}"),
        ({0: 90}, "90"),
        ({3: 45, 5: 14}, "{3: 45, 5: 14}"),
    ],
)
def test_values_are_written_as_yaml(value: object, text: str) -> None:
    assert flow(value) == text


@pytest.mark.parametrize("text", ["yes", "no", "true", "null", "off", "1e3", "2026-03-16", "a: b", "~", "[x]"])
def test_text_that_yaml_would_read_otherwise_stays_text(text: str, tmp_path: Path) -> None:
    node = required(f"field: {{path: need, equals: '{text}'}}", tmp_path)
    assert required(yaml(node), tmp_path) == node


def test_a_table_escapes_what_would_end_a_cell_and_is_nothing_without_rows() -> None:
    assert markdown.table(("a",), [("x|y\nz",)]) == "| a |\n| --- |\n| x\\|y z |"
    assert markdown.table(("a",), []) == ""
