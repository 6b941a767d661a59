"""Data that nobody on this project wrote (exports, recorded traffic, worlds), read in place and never copied."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def shared(*parts: str) -> Path:
    """A file or folder of the shared data, which lies beside the checkout or where `CRM_AUDIT_SHARED` says.

    Where it is absent the test is skipped, and fails under CI: there a test that did not run is a hole.
    """
    found = (ROOT / os.environ.get("CRM_AUDIT_SHARED", "../shared")).joinpath(*parts)
    if found.exists():
        return found.resolve()
    reason = f"no shared data at {found}; set CRM_AUDIT_SHARED to the folder that holds it"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason, allow_module_level=True)
