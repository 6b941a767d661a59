"""A desk for every test of a command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import clusters
from tests.cli.desk import Desk


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.delenv("CRM_AUDIT_STORE", raising=False)
    made = Desk(tmp_path)
    made.settle()
    return made


@pytest.fixture
def cluster() -> Iterator[clusters.Cluster]:
    with clusters.cluster() as made:
        yield made
