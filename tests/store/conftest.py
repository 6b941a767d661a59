"""An open store on every database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crm_audit.store import Store


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store."""
    with Store.open(store_url) as opened:
        yield opened
