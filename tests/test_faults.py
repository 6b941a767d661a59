"""Every class of faults has a test that carries its number, and the documents list them all."""

from __future__ import annotations

from tests import faults


def test_every_class_of_faults_has_a_test() -> None:
    assert faults.FAULTS.keys() == faults.tests().keys()


def test_the_page_of_faults_is_fresh() -> None:
    assert faults.PAGE.read_text(encoding="utf-8") == faults.page(), "run python -m tests.faults --write"
