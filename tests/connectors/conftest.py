"""What the tests of connectors share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.connectors.exports import Opener, opener


@pytest.fixture
def opened(tmp_path: Path) -> Opener:
    """Opens folders of exports below the test's own."""
    return opener(tmp_path)
