from __future__ import annotations

import pytest

from crm_audit.near import aside, near


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
