from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from crm_audit.zones import ZoneName, zone

SETTING: TypeAdapter[str] = TypeAdapter(ZoneName)


def test_a_zone_is_found_by_its_name() -> None:
    found = zone("America/New_York")
    assert found is not None
    assert found.key == "America/New_York"
    assert SETTING.validate_python("UTC") == "UTC"


@pytest.mark.parametrize("name", ["", "Nowhere/Land", "America", "../secret", "/etc/localtime", "a\0b", "x" * 5_000])
def test_what_is_no_zone_is_told_whatever_the_database_makes_of_it(name: str) -> None:
    assert zone(name) is None
    with pytest.raises(ValidationError, match="not an IANA time zone"):
        SETTING.validate_python(name)
