"""Small corpora of a user's own recordings, and folders that cannot be written to."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from clara.prepare.run import Report, prepare


@pytest.fixture(scope="session")
def write_corpus() -> Callable[..., Path]:
    """Writes a small corpus of noise."""
    return _write_corpus


@pytest.fixture(scope="session")
def files() -> Callable[[Path], dict[str, bytes]]:
    """Reads everything below a folder."""
    return _files


def _write_corpus(folder: Path, clips: int, seconds: float = 0.1, rate: int = 16_000) -> Path:
    """A `folder` corpus of noise: three splits, two languages, texts of several scripts."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(7)
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["path", "text", "gender", "language", "split", "speaker", "source"])
        for i in range(clips):
            wave = rng.uniform(-0.5, 0.5, int(seconds * rate))
            soundfile.write(folder / f"{i:03d}.wav", wave, rate)
            row = [f"{i:03d}.wav", f"رقم {i} 🎧", ("man", "woman")[i % 2], ("ar", "pl")[i % 2]]
            table.writerow([*row, ("train", "train", "valid", "test")[i % 4], f"s{i % 5}", f"r{i}"])
    return folder


def _files(folder: Path) -> dict[str, bytes]:
    """Everything below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="session")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty clips of 1.5 s: about a second of work at 48 kHz."""
    return _write_corpus(tmp_path_factory.mktemp("big") / "corpus", 60, 1.5)


@pytest.fixture(scope="session")
def reference(big: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process that nobody kills makes of them, in shards of 5 at 48 kHz."""
    out = tmp_path_factory.mktemp("reference") / "out"
    prepare("folder", big, out, rate=48_000, shard_size=5, workers=1)
    return _files(out)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Twelve clips of 0.1 s."""
    return _write_corpus(tmp_path / "corpus", 12)


@pytest.fixture
def made(corpus: Path, tmp_path: Path) -> Report:
    """The twelve clips, prepared in shards of 4."""
    settings = {"name": "folder", "rate": 16_000, "shard_size": 4, "workers": 1}
    return prepare("folder", corpus, tmp_path / "made", **settings)
