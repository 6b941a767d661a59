from __future__ import annotations

import pytest

from crm_audit.connectors.titles import PRICING_WORDS, spoken

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
