"""The kit as files: what its metadata says, read back for the tests."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.sources import ROOT

KIT = ROOT / "connectors" / "hubspot"
APP = KIT / "src" / "app"
CARDS = APP / "cards"
HERE = Path(__file__).resolve().parent

PAIR = re.compile(r"^ {4}(\w+): '([^']*)',?$", re.MULTILINE)


def told(path: Path) -> dict[str, Any]:
    """What a JSON file says."""
    said: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return said


def subscriptions() -> list[Mapping[str, Any]]:
    """What the kit wants to hear of."""
    listed: list[Mapping[str, Any]] = told(APP / "webhooks/webhooks-hsmeta.json")["config"]["subscriptions"][
        "crmObjects"
    ]
    return listed


def words(path: Path, table: str) -> dict[str, str]:
    """A table of words in a script: codes with what is said for them."""
    _, _, rest = path.read_text("utf-8").partition(f"export const {table}")
    return dict(PAIR.findall(rest.partition("};")[0]))


def properties() -> set[str]:
    """The names that the card reads."""
    return set(re.findall(r"^export const \w+ = '(\w+)'", (CARDS / "properties.ts").read_text("utf-8"), re.MULTILINE))
