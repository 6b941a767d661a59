from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from crm_audit.patterns import Pattern


def test_a_pattern_that_cannot_be_read_is_refused() -> None:
    pattern: TypeAdapter[str] = TypeAdapter(Pattern)
    assert pattern.validate_python(r"^demo$") == r"^demo$"
    with pytest.raises(ValidationError, match=r"'\(' is not a regular expression"):
        pattern.validate_python("(")
