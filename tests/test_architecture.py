"""Who may know what: the import directions of the design, read from the syntax tree."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator

import pytest

from tests.sources import ROOT, Source, imports, parse, program, uses

FOUNDATION = ("domain", "errors")
EDGE = ("cli", "web", "schedule", "rounds", "watch", "live", "moveback", "wire", "reference.__main__")
WIRE = ("connectors", "emulator")

HTTP = (
    "requests", "urllib3", "urllib.request", "httpx", "aiohttp", "http", "socket", "ssl",
    "simple_salesforce", "hubspot", "uvicorn", "starlette",
)  # fmt: skip
DATABASES = ("sqlalchemy", "sqlmodel", "alembic", "sqlite3", "psycopg", "duckdb")
OUTSIDE_WORLD = (
    *HTTP, *DATABASES, "asyncio", "io", "os", "pathlib", "random", "secrets", "shutil", "subprocess", "sys",
    "tempfile", "threading", "time", "uuid", "structlog", "tenacity",
)  # fmt: skip
EFFECTFUL = (
    "__main__", "cases", "cli", "config", "connectors", "crash", "emulator", "kits", "live", "moveback", "packs",
    "pipeline", "pull", "reference.__main__", "rounds", "schedule", "shipped", "store", "watch", "web", "wire",
    "worlds", "writeback.apply", "yamls",
)  # fmt: skip
"""Modules that may reach the outside world. Whatever is not named here is pure."""
VALUES_OF_EFFECTFUL = ("connectors.base",)
"""Their pure parts: what a pure module may still import of them."""
FOR_TESTS_ONLY = ("tests", "pytest", "hypothesis", "coverage", "build", "pyarrow", "duckdb")

CALENDAR = (
    "datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow", "datetime.date.today",
    "time.time", "time.time_ns", "time.gmtime", "time.localtime", "time.strftime", "time.ctime",
)  # fmt: skip
BUILTIN_IO = ("open", "input", "print")

VENDOR = re.compile(r"salesforce|hubspot|\w__[cr]\b|\bhs_\w", re.IGNORECASE)


def below(name: str, *roots: str) -> bool:
    """Whether a dotted name is one of the roots or lies below one."""
    return any(f"{name}.".startswith(f"{root}.") for root in roots)


def ours(*modules: str) -> tuple[str, ...]:
    return tuple(f"crm_audit.{module}" for module in modules)


def imported(source: Source, *roots: str, but: tuple[str, ...] = ()) -> Iterator[str]:
    for line, name in imports(source):
        if below(name, *roots) and not below(name, *but):
            yield f"{source.path}:{line} imports {name}"


def mentioned(source: Source, *names: str) -> Iterator[str]:
    for line, name in uses(source):
        if name in names:
            yield f"{source.path}:{line} uses {name}"


def vendor_words(source: Source) -> Iterator[str]:
    """Every vendor's name in code: names and strings. Comments and docstrings may explain what they like."""
    prose = {id(node.value) for node in ast.walk(source.tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(source.tree):
        if id(node) in prose:
            continue
        for word in _words(node):
            if VENDOR.search(word):
                yield f"{source.path}:{getattr(node, 'lineno', 1)} says {word[:60]!r}"


def _words(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
            yield name
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.keyword(arg=str(name)):
            yield name
        case ast.alias(name=name, asname=other):
            yield f"{name} {other or ''}".strip()


def pure() -> Iterator[Source]:
    """Every module that is not effectful, and the pure parts of those packages that are."""
    return (source for source in program() if source.within(*VALUES_OF_EFFECTFUL) or not source.within(*EFFECTFUL))


def faults(found: Iterator[str]) -> None:
    listed = sorted(set(found))
    assert not listed, "\n" + "\n".join(listed)


def test_the_vocabulary_and_the_errors_rest_on_nothing_of_ours() -> None:
    faults(fault for source in program() if source.within(*FOUNDATION) for fault in imported(source, "crm_audit"))


def test_what_is_pure_cannot_reach_the_outside_world() -> None:
    faults(fault for source in pure() for fault in imported(source, *OUTSIDE_WORLD))
    faults(fault for source in pure() for fault in mentioned(source, *BUILTIN_IO, *CALENDAR))


def test_what_is_pure_imports_nothing_that_is_not() -> None:
    barred, allowed = ours(*EFFECTFUL), ours(*VALUES_OF_EFFECTFUL)
    faults(fault for source in pure() for fault in imported(source, *barred, but=allowed))


def test_only_connectors_the_emulator_and_what_listens_know_http() -> None:
    others = [source for source in program() if not source.within(*WIRE, "web")]
    faults(fault for source in others for fault in imported(source, *HTTP))


def test_only_connectors_and_the_emulator_name_a_vendor() -> None:
    commands = ("cli.base", "cli.demo", "cli.emulator", "cli.kit", "cli.provision")
    others = [source for source in program() if not source.within(*WIRE, *commands, "wire")]
    faults(fault for source in others for fault in vendor_words(source))


def test_only_the_store_knows_the_database() -> None:
    """The scratch of a run is none: a file without a name for rows that memory has no room for, gone with the run."""
    others = [source for source in program() if not source.within("store", "connectors.scratch")]
    faults(fault for source in others for fault in imported(source, *DATABASES))


def test_steps_do_not_know_their_order() -> None:
    steps = [source for source in program() if not source.within("pipeline", "wire", *EDGE)]
    faults(fault for source in steps for fault in imported(source, *ours("pipeline")))


def test_nothing_but_the_edge_knows_the_edge() -> None:
    inner = [source for source in program() if not source.within(*EDGE)]
    faults(fault for source in inner for fault in imported(source, *ours(*EDGE)))


def test_connectors_know_neither_the_store_nor_the_emulated_crm() -> None:
    connectors = [source for source in program() if source.within("connectors")]
    barred, transport = ours("store", "emulator"), ours("emulator.transport")
    faults(fault for source in connectors for fault in imported(source, *barred, but=transport))


def test_the_program_runs_without_what_only_tests_and_checks_need() -> None:
    faults(fault for source in program() for fault in imported(source, *FOR_TESTS_ONLY))


def test_only_the_edge_reads_the_calendar() -> None:
    inner = [source for source in program() if not source.within(*EDGE)]
    faults(fault for source in inner for fault in mentioned(source, *CALENDAR))


@pytest.mark.parametrize("folder", ["rules", "connectors"])
def test_policy_and_crm_kits_hold_no_python(folder: str) -> None:
    """One .py there would break every editable install."""
    python = (path for path in (ROOT / folder).rglob("*.py") if "node_modules" not in path.parts)
    faults(f"{path.relative_to(ROOT)} belongs in src/" for path in python)


@pytest.mark.parametrize("shipped_as", ["rules", "crm_kits"])
def test_no_module_takes_the_name_of_a_shipped_folder(shipped_as: str) -> None:
    """In a wheel `crm_audit/rules/` is data; a module of that name would lie beside it and hide or be hidden."""
    faults(
        f"{source.path}: crm_audit/{shipped_as}/ is data in the wheel"
        for source in program()
        if source.within(shipped_as)
    )


def test_every_crm_kit_belongs_to_a_connector() -> None:
    kits = {path.relative_to(ROOT / "connectors").parts[0] for path in (ROOT / "connectors").glob("*/**/*")}
    registry = vars(importlib.import_module("crm_audit.connectors")).get("CONNECTORS", {})
    faults(f"connectors/{kit} has no key in crm_audit.connectors.CONNECTORS" for kit in kits - set(registry))


# What is measured above has to be able to fail.


@pytest.mark.parametrize(
    "line",
    [
        "import requests",
        "import requests.adapters as adapters",
        "from requests import Session",
        "from urllib.request import urlopen",
        "def late():\n    import socket",
        "if TYPE_CHECKING:\n    from http.client import HTTPResponse",
    ],
)
def test_an_import_is_seen_wherever_it_stands(line: str) -> None:
    assert list(imported(parse(line), *HTTP))


@pytest.mark.parametrize("line", ["import httpxyz", "from urllib.parse import urlsplit", "from crm_audit import http"])
def test_a_similar_name_is_another_module(line: str) -> None:
    assert not list(imported(parse(line), *HTTP))


@pytest.mark.parametrize("line", ["from crm_audit import store", "from .store import Store", "from . import store"])
def test_our_own_modules_are_seen_however_they_are_imported(line: str) -> None:
    assert list(imported(parse(line), *ours("store")))


def test_a_value_of_an_effectful_package_may_be_let_through() -> None:
    source = parse("from crm_audit.connectors.base import Write\nfrom crm_audit.connectors import CONNECTORS")
    seen = list(imported(source, *ours("connectors"), but=ours("connectors.base")))
    assert seen == ["planted.py:2 imports crm_audit.connectors.CONNECTORS"]


@pytest.mark.parametrize(
    "code",
    [
        "import datetime\ndatetime.datetime.now()",
        "from datetime import datetime\ndatetime.now(tz=None)",
        "from datetime import datetime as dt\nclock = dt.now",
        "from datetime import date\nprint(date.today().isoformat())",
        "import time as t\nt.time()",
        "from time import time\ntime()",
    ],
)
def test_the_calendar_is_seen_under_any_name(code: str) -> None:
    assert list(mentioned(parse(code), *CALENDAR))


@pytest.mark.parametrize("code", ["clock.now()", "facts.today", "from time import monotonic\nmonotonic()"])
def test_a_time_that_was_handed_in_is_no_calendar(code: str) -> None:
    assert not list(mentioned(parse(code), *CALENDAR))


@pytest.mark.parametrize(
    "code",
    [
        "if vendor == 'salesforce': pass",
        "url = f'https://api.hubapi.com/{path}/hubspot'",
        "from crm_audit.connectors import hubspot",
        "class SalesforceThing: pass",
        "field = 'CRM_Audit_Verdict__c'",
        "want(hs_object_id=1)",
        "column = 'hs_object_id'",
    ],
)
def test_a_vendor_is_seen_in_names_and_strings(code: str) -> None:
    assert list(vendor_words(parse(code)))


def test_docstrings_and_comments_may_name_a_vendor() -> None:
    source = parse('"""Salesforce stores the inverse."""\nx = 1  # HubSpot too\n"""hs_what."""\n__class__ = 2')
    assert not list(vendor_words(source))


def test_a_module_lies_within_its_package_only() -> None:
    plan = parse("", module="crm_audit.writeback.plan")
    assert plan.within("writeback.plan")
    assert plan.within("writeback")
    assert not plan.within("write", "plan", "writeback.planner")
