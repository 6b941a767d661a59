"""Where the files shipped beside the code lie, in a wheel or a checkout."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent
CHECKOUT = PACKAGE.parents[1]


def folder(in_wheel: str, in_checkout: str) -> Path:
    """The shipped folder, whichever way crm-audit was installed."""
    for place in (PACKAGE / in_wheel, CHECKOUT / in_checkout):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"{in_wheel!r} is missing from this installation; reinstall crm-audit")


def rules() -> Path:
    """The built-in rule packs."""
    return folder("rules", "rules")


def crm_kits() -> Path:
    """What gets deployed into each CRM."""
    return folder("crm_kits", "connectors")
