"""`python -m crm_audit.reference FOLDER`: write every page anew."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from crm_audit import cli, packs, shipped
from crm_audit.config import RungName, Settings
from crm_audit.connectors import CONNECTORS
from crm_audit.patterns import Pattern
from crm_audit.reference.commands import commands
from crm_audit.reference.errors import errors
from crm_audit.reference.models import Named
from crm_audit.reference.predicates import predicates
from crm_audit.reference.rules import rules
from crm_audit.reference.settings import Vendor, settings
from crm_audit.zones import ZoneName

NAMED: Named = (
    (Pattern, "regular expression"),
    (RungName, "0 to 5, `won` or `lost`"),
    (ZoneName, "IANA time zone"),
)


def pages() -> Mapping[str, str]:
    """File name -> what it must hold."""
    prefix = Settings.model_config.get("env_prefix", "")
    return {
        "rules.md": rules(packs.load(str(path.parent)) for path in sorted(shipped.rules().glob("*/pack.yaml"))),
        "predicates.md": predicates(),
        "settings.md": settings(Settings, list(vendors()), prefix=prefix, named=NAMED),
        "commands.md": commands(cli.base.app),
        "errors.md": errors(),
    }


def vendors() -> Iterator[Vendor]:
    """What each connector says of itself."""
    for name in CONNECTORS:
        said = vars(importlib.import_module(f"crm_audit.connectors.{name}"))
        yield Vendor(name=name, options=said["Options"], fields=said.get("FIELDS", {}), login=said.get("LOGIN", {}))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
