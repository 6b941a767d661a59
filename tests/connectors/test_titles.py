from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from crm_audit.connectors.titles import PRICING_WORDS, Pattern, spoken

WORDS = {"pricing": PRICING_WORDS, "demo": r"\bdemo\b"}


@pytest.mark.parametrize(
    ("title", "topics"),
    [
        ("Pricing walkthrough", ("pricing",)),
        ("our PRICE list", ("pricing",)),
        ("Commercial terms", ("pricing",)),
        ("signed order form", ("pricing",)),
        ("SOW v2", ("pricing",)),
        ("Budget review with Dana", ("pricing",)),
        ("Budget", ()),
        ("Surprise party", ()),
        ("she did not sow", ("pricing",)),
        ("Sowing season", ()),
        ("Demo and quote", ("pricing", "demo")),
        ("", ()),
        (None, ()),
    ],
)
def test_a_title_tells_topics(title: str | None, topics: tuple[str, ...]) -> None:
    assert spoken((title,), WORDS) == topics


def test_of_several_titles_one_is_enough_and_topics_stand_once() -> None:
    assert spoken(("Quote 7", None, "Quote 8", "the demo"), WORDS) == ("pricing", "demo")
    assert spoken((), WORDS) == ()


def test_a_pattern_that_cannot_be_read_is_refused() -> None:
    pattern: TypeAdapter[str] = TypeAdapter(Pattern)
    assert pattern.validate_python(r"^demo$") == r"^demo$"
    with pytest.raises(ValidationError, match=r"'\(' is not a regular expression"):
        pattern.validate_python("(")
