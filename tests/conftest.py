"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings in official layouts, or a skip where it is absent."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("CLARA_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder}; set CLARA_DATA to a folder of corpora")
    return folder
