"""Miniatures: metadata lie in tests/mini, the recordings they speak of are made here."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from clara import corpora
from clara.records import Entry

MINI = Path(__file__).parents[1] / "mini"
RATE = 8000


@pytest.fixture
def miniature(tmp_path: Path) -> Callable[[str], Path]:
    """Makes the folder of a corpus: its metadata, and 0.1 s tones for `recordings.txt`."""

    def make(name: str) -> Path:
        root = tmp_path / name
        shutil.copytree(MINI / name, root)
        times = np.arange(RATE // 10) / RATE
        for number, line in enumerate((root / "recordings.txt").read_text("utf-8").splitlines()):
            path = root / line
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, 0.3 * np.sin(2 * np.pi * (300 + 50 * number) * times))
        (root / "recordings.txt").unlink()
        return root

    return make


@pytest.fixture
def read(miniature: Callable[[str], Path]) -> Callable[[str], dict[str, Entry]]:
    """Reads the miniature of a corpus, by key."""

    def by_key(name: str) -> dict[str, Entry]:
        return {entry.key: entry for entry in corpora.get(name).read(miniature(name))}

    return by_key


def write(path: Path, wave: np.ndarray) -> None:
    """Encodes samples at `RATE` as the suffix says."""
    if path.suffix == ".opus":
        soundfile.write(path, wave, RATE, format="OGG", subtype="OPUS")
    elif path.suffix == ".webm":
        _write_webm(path, wave)
    else:
        soundfile.write(path, wave, RATE)


def _write_webm(path: Path, wave: np.ndarray) -> None:
    """Opus in WebM, as browsers record it; the rate is that of Opus."""
    av = pytest.importorskip("av")
    rate = 48_000
    samples = np.repeat(wave, rate // RATE).astype(np.float32)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libopus", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = rate
        for part in av.AudioResampler(format=stream.format, layout="mono", rate=rate).resample(
            frame
        ):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
