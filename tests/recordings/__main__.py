"""`python -m tests.recordings FOLDER`: write the page of differences anew, where the recordings are."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.recordings import page

if __name__ == "__main__":
    try:
        (Path(sys.argv[1]) / page.NAME).write_text(page.text(), encoding="utf-8")
    except pytest.skip.Exception as absent:
        sys.stderr.write(f"{page.NAME} is left as it is: {absent.msg}\n")
