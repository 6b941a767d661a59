"""Time zones by their IANA names."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator


def zone(name: str) -> ZoneInfo | None:
    """The time zone of that name, None where there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; no name at all; a folder of the database, such as "America"
        return None


def _checked(name: str) -> str:
    if zone(name) is None:
        raise ValueError(f"{name!r} is not an IANA time zone, such as 'America/New_York'")
    return name


ZoneName = Annotated[str, AfterValidator(_checked)]
"""A setting that names a time zone."""
