"""How numbers look."""

from __future__ import annotations

import pytest

from crm_audit.cli import screen


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.0, "0 %"), (0.29, "29 %"), (0.57, "57 %"), (1 - 1 / 20_000_000, "99 %"), (1.0, "100 %"), (None, "–")],
)
def test_a_share_is_never_rounded_up_and_loses_nothing_to_binary(value: float | None, told: str) -> None:
    assert screen.share(value) == told
