from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from crm_audit.near import aside, near, one_of


@pytest.mark.parametrize(
    ("name", "hint"),
    [("budgt", "did you mean 'budget'?"), ("champoin", "did you mean 'champion'?"), ("zzz", ""), ("", "")],
)
def test_a_slip_of_the_pen_is_told_from_another_word(name: str, hint: str) -> None:
    known = ("budget", "champion")
    assert near(name, known) == hint
    assert aside(name, known) == (f" ({hint})" if hint else "")


def test_among_several_the_nearest_is_named() -> None:
    assert near("fit_teir", iter(("fit_score", "fit_tier", "fit"))) == "did you mean 'fit_tier'?"
    assert near("anything", ()) == ""


def test_one_of_several_names_is_asked_for() -> None:
    role: TypeAdapter[str] = TypeAdapter(Annotated[str, one_of(("champion", "sponsor"), "role")])
    assert role.validate_python("sponsor") == "sponsor"
    with pytest.raises(ValidationError, match=r"unknown role 'champoin' \(did you mean 'champion'\?\)"):
        role.validate_python("champoin")
    with pytest.raises(ValidationError, match="unknown role 'boss'; known are champion, sponsor"):
        role.validate_python("boss")
