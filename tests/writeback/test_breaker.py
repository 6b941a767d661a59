"""The breaker: what touches more deals than expected waits, and the number of deals counts, not of writes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from crm_audit.connectors.base import Write
from crm_audit.writeback.breaker import FEW, held
from crm_audit.writeback.plan import Plan

SHARE = Decimal("0.3")


def touching(deals: int) -> Plan:
    return Plan(tuple(Write(f"d{n}", place, None, {"x": 1}) for n in range(deals) for place in ("verdict", "link")), 0)


@pytest.mark.parametrize(
    ("deals", "open_deals", "waits"),
    [
        (0, 0, False),
        (FEW, FEW, False),  # all of a small organisation
        (FEW + 1, FEW + 1, True),
        (300, 1000, False),
        (301, 1000, True),
        (1000, 100_000, False),
        (1001, 100_000, True),
    ],
)
def test_a_plan_waits_above_a_number_and_above_a_share(deals: int, open_deals: int, waits: bool) -> None:
    assert (held(touching(deals), open_deals=open_deals, most=1000, share=SHARE) is not None) == waits


def test_it_says_which_setting_holds_it() -> None:
    assert "breaker_deals is 2" in str(held(touching(3), open_deals=9, most=2, share=SHARE))
    assert "51 of 60 open deals, and breaker_share is 0.3" in str(
        held(touching(51), open_deals=60, most=1000, share=SHARE)
    )
