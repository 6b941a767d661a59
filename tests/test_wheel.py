"""What ships: built as a release is built, wheel from sdist, from a copy of the checkout with local files strewn in."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from email import message_from_string
from pathlib import Path

import pytest

import crm_audit
from tests.sources import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

SHIPPED = (
    "crm_audit/rules/core/pack.yaml",
    "crm_audit/crm_kits/salesforce/README.md",
    "crm_audit/crm_kits/hubspot/hsproject.json",
    "crm_audit/crm_kits/hubspot/src/app/cards/DealCard.tsx",
    "crm_audit/crm_kits/hubspot/src/app/webhooks/webhooks-hsmeta.json",
    "crm_audit/py.typed",
)
STREWN = (
    "rules/acme.local/pack.yaml",
    "rules/core/thresholds.local.yaml",
    "connectors/salesforce/node_modules/left/index.js",
    "connectors/salesforce/org.local.json",
    "connectors/hubspot/src/app/cards/node_modules/react/index.js",
    "src/crm_audit/orders.db",
    "src/crm_audit/crm-audit.log",
    "cassettes/hubspot/deals.yaml",
    ".env",
)
"""What people have lying in a checkout and would not want to see published."""
CACHES = shutil.ignore_patterns("__pycache__", "*_cache", "node_modules")
BARRED = ("node_modules", ".local", ".db", ".log", "cassettes", ".env", "__pycache__", "_cache/")


@dataclass(frozen=True)
class Built:
    """What was there to ship, what shipped (without the folder that an sdist adds), and the wheel's metadata."""

    source: frozenset[str]
    sdist: frozenset[str]
    wheel: frozenset[str]
    metadata: str


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    checkout = copy(tmp_path_factory.mktemp("checkout"))
    files = (path.relative_to(checkout).as_posix() for path in checkout.rglob("*") if path.is_file())
    source = frozenset(name for name in files if not any(part in name for part in BARRED))
    for name in STREWN:
        path = checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("private")
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(checkout)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return opened(out, source=source)


def copy(checkout: Path) -> Path:
    """The part of the checkout that a release is made from."""
    included = PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["only-include"]
    for name in ("pyproject.toml", ".gitignore", *included):
        place = ROOT / name
        if place.is_dir():
            shutil.copytree(
                place, checkout / name, ignore=shutil.ignore_patterns("__pycache__", "*_cache", "node_modules")
            )
        elif place.exists():
            shutil.copy(place, checkout / name)
    return checkout


def opened(out: Path, *, source: frozenset[str]) -> Built:
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    with tarfile.open(sdist) as archive:
        packed = frozenset(name.partition("/")[2] for name in archive.getnames())
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        return Built(source, packed, frozenset(names), archive.read(metadata).decode())


@pytest.mark.parametrize("name", SHIPPED)
def test_the_wheel_carries(built: Built, name: str) -> None:
    assert name in built.wheel


def test_the_wheel_carries_every_module_and_every_file_between_them(built: Built) -> None:
    """Grammars, tables and migration templates are not Python, and would be missed only at run time."""
    assert {name.removeprefix("src/") for name in built.source if name.startswith("src/")} <= built.wheel


@pytest.mark.parametrize(("folder", "shipped_as"), [("rules", "crm_audit/rules"), ("connectors", "crm_audit/crm_kits")])
def test_the_wheel_carries_policy_and_kits_whole(built: Built, folder: str, shipped_as: str) -> None:
    files = {name.removeprefix(folder) for name in built.source if name.startswith(f"{folder}/")}
    assert files
    assert {f"{shipped_as}{name}" for name in files} <= built.wheel


def test_nothing_private_is_published(built: Built) -> None:
    inner = {name for name in built.sdist | built.wheel if any(part in f"/{name}" for part in BARRED)}
    assert not inner


def test_the_wheel_carries_the_program_and_no_tests(built: Built) -> None:
    roots = {name.partition("/")[0] for name in built.wheel}
    assert roots == {"crm_audit", f"crm_audit-{crm_audit.__version__}.dist-info"}


def test_the_licence_travels_with_both(built: Built) -> None:
    assert "LICENSE" in built.sdist
    assert f"crm_audit-{crm_audit.__version__}.dist-info/licenses/LICENSE" in built.wheel


def test_the_sdist_can_be_tested_by_whoever_packages_it(built: Built) -> None:
    assert {"tests/test_wheel.py", "Makefile", "requirements-dev.lock", "pyproject.toml"} <= built.sdist


def test_the_version_comes_from_one_place(built: Built) -> None:
    assert "version" in PYPROJECT["project"]["dynamic"]
    assert message_from_string(built.metadata)["Version"] == crm_audit.__version__


def test_every_lock_line_is_pinned_by_hash() -> None:
    for lock in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / lock).read_text("utf-8").replace("\\\n", " ")
        loose = [line for line in text.splitlines() if line and line[0] not in "#" and "--hash=sha256:" not in line]
        assert not loose, f"{lock}: {loose}"


@pytest.mark.parametrize(("lock", "more"), [("requirements.lock", ()), ("requirements-dev.lock", ("test", "check"))])
def test_the_locks_cover_what_is_declared(lock: str, more: tuple[str, ...]) -> None:
    groups = PYPROJECT["dependency-groups"]
    declared = [*PYPROJECT["project"]["dependencies"], *(line for group in more for line in groups[group])]
    locked = {line.partition("==")[0] for line in (ROOT / lock).read_text("utf-8").splitlines() if "==" in line}
    assert {normal(line) for line in declared} <= {normal(line) for line in locked}


def normal(requirement: str) -> str:
    """The normalised name of a requirement line."""
    bare = requirement.strip().split("[")[0]
    for mark in "<>=!~; ":
        bare = bare.split(mark)[0]
    return bare.lower().replace("_", "-").replace(".", "-")
