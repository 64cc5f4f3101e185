"""Small corpora of which some recordings are copies of others."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from clara.prepare.run import prepare
from clara.records import Wave
from clara.shards import Index

RATE = 16_000

Clip = tuple[str, Wave, str]
"""Its split, its sound, and its source."""


@pytest.fixture(scope="session")
def scene() -> Callable[[int], Wave]:
    """Three seconds of noise that swells and fades, another for each number."""

    def make(seed: int) -> Wave:
        rng = np.random.default_rng(seed)
        wave = rng.normal(size=3 * RATE) * np.repeat(rng.uniform(0.05, 1, 30), RATE // 10)
        return (0.1 * wave).astype(np.float32)

    return make


@pytest.fixture
def shards(tmp_path: Path) -> Callable[[str, Sequence[Clip]], Index]:
    """Prepares clips as a folder of shards of the name given."""

    def make(name: str, clips: Sequence[Clip]) -> Index:
        source = tmp_path / f"{name}-source"
        source.mkdir()
        with (source / "manifest.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["path", "text", "split", "source"])
            for number, (split, wave, origin) in enumerate(clips):
                soundfile.write(source / f"{name}{number:02d}.wav", wave, RATE)
                table.writerow([f"{name}{number:02d}.wav", "a sound", split, origin])
        prepare("folder", source, tmp_path / name, rate=RATE, shard_size=3, workers=1)
        return Index.open(tmp_path / name)

    return make
