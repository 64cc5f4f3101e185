"""Miniatures: metadata lie in tests/mini, the recordings they speak of are made here."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

MINI = Path(__file__).parents[1] / "mini"
RATE = 8000


@pytest.fixture
def miniature(tmp_path: Path) -> Callable[[str], Path]:
    """Makes the folder of a corpus: its metadata, and 0.1 s tones for `recordings.txt`."""

    def make(name: str) -> Path:
        root = tmp_path / name
        shutil.copytree(MINI / name, root)
        times = np.arange(RATE // 10) / RATE
        for number, line in enumerate((root / "recordings.txt").read_text().splitlines()):
            path = root / line
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, 0.3 * np.sin(2 * np.pi * (300 + 50 * number) * times), RATE)
        (root / "recordings.txt").unlink()
        return root

    return make
