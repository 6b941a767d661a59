"""Whatever a CRM does against it, write-back does no harm. `make soak` lives sixty histories each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.soak.hostile import Hostile, fight
from tests.soak.hostile_hubspot import HostileHubspot
from tests.soak.hostile_salesforce import HostileSalesforce


@pytest.mark.parametrize("life", [HostileSalesforce, HostileHubspot], ids=["salesforce", "hubspot"])
def test_whatever_a_crm_does_write_back_does_no_harm(life: Callable[[], Hostile], store_url: str) -> None:
    fight(life, store_url)
