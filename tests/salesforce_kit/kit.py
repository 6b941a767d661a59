"""The kit as files: what its metadata says, read back for the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from tests.sources import ROOT

KIT = ROOT / "connectors" / "salesforce"
MAIN = KIT / "force-app" / "main" / "default"
HERE = Path(__file__).resolve().parent
NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"


def metadata() -> list[Path]:
    """Every metadata file."""
    return sorted(KIT.rglob("*-meta.xml"))


def told(path: Path) -> dict[str, str]:
    """The simple elements of a metadata file."""
    root = ElementTree.parse(path).getroot()
    return {child.tag.removeprefix(NAMESPACE): child.text or "" for child in root if not len(child)}


def fields(name: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The fields that the kit gives an object."""
    for path in sorted((MAIN / "objects" / name / "fields").glob("*.field-meta.xml")):
        yield path.name.removesuffix(".field-meta.xml"), told(path)


def objects() -> list[str]:
    """The objects that the kit has a folder for."""
    return sorted(path.name for path in (MAIN / "objects").iterdir())


def formula(rule: str) -> str:
    """The text of a validation rule on the Opportunity."""
    return told(MAIN / "objects/Opportunity/validationRules" / f"{rule}.validationRule-meta.xml")[
        "errorConditionFormula"
    ]
