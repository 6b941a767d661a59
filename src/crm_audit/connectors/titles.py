"""What a title or subject tells of an activity: its topics. The text itself never leaves a connector."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

PRICING = "pricing"
"""The topic that titles are searched for without anybody asking."""

PRICING_WORDS = r"\b(pric\w*|quote|proposal|commercials?|order form|statement of work|SOW|budget review)\b"
"""Qualification 2.2."""


def spoken(titles: Iterable[str | None], patterns: Mapping[str, str]) -> tuple[str, ...]:
    """The topics whose pattern fits one of the titles, upper and lower case alike."""
    said = [title for title in titles if title]
    return tuple(
        topic for topic, pattern in patterns.items() if any(re.search(pattern, title, re.IGNORECASE) for title in said)
    )
