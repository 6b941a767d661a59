"""After whatever happened, one clean run makes the store equal to the CRM. `make soak` lives 500 histories each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.soak.life import Life
from tests.soak.life_hubspot import HubspotLife
from tests.soak.life_salesforce import SalesforceLife
from tests.soak.machine import soak


@pytest.mark.parametrize("life", [SalesforceLife, HubspotLife], ids=["salesforce", "hubspot"])
def test_whatever_happened_one_clean_run_makes_store_and_crm_equal(life: Callable[[], Life], store_url: str) -> None:
    soak(life, store_url)
