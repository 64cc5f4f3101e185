"""Small shards of tones, and an encoder that hears pitch and reads its name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from clara.audio import io
from clara.shards import SCHEMA, Index, ShardWriter, write_index

RATE = 8000
PITCHES = {"low": 250, "middle": 500, "high": 1000, "shrill": 2000}


@dataclass(frozen=True)
class Clip:
    pitch: str
    split: str = "test"
    speaker: str = ""
    source: str = ""
    texts: tuple[str, ...] = ()
    labels: Mapping[str, tuple[str, ...]] | None = None
    corpus: str = "tones"
    language: str = ""


def tone(pitch: str, rng: np.random.Generator) -> np.ndarray:
    time = np.arange(RATE // 4) / RATE
    wave = np.sin(2 * np.pi * PITCHES[pitch] * time + rng.uniform(0, 6)) * 0.3
    return (wave + 0.01 * rng.normal(size=len(wave))).astype(np.float32)


@pytest.fixture
def shards(tmp_path: Path) -> Callable[[Sequence[Clip]], Index]:
    """Writes clips as a folder of shards and opens its index."""

    def make(clips: Sequence[Clip]) -> Index:
        rng = np.random.default_rng(0)
        rows = []
        with ShardWriter(tmp_path / "shards" / "000000.tar") as shard:
            for number, clip in enumerate(clips):
                key = f"clip{number:04d}"
                wave = tone(clip.pitch, rng)
                audio = io.encode_flac(wave, RATE)
                labels = {"sound": (clip.pitch,)} if clip.labels is None else clip.labels
                texts = clip.texts or (f"The sound of {clip.pitch}",)
                place = shard.add(key, audio, {"text": list(texts)})
                row = {
                    **place._asdict(),
                    "key": key,
                    "corpus": clip.corpus,
                    "split": clip.split,
                    "shard": "000000.tar",
                    "suffix": "flac",
                    "rate": RATE,
                    "frames": len(wave),
                    "seconds": len(wave) / RATE,
                    "text_chars": max(map(len, texts)),
                    "texts": list(texts),
                    "language": clip.language,
                    "labels": json.dumps(labels),
                    "source": clip.source,
                    "speaker": clip.speaker,
                    "licence": "",
                }
                rows.append(row)
        table = pa.Table.from_pylist(rows).select(SCHEMA.names).cast(SCHEMA)
        write_index(iter([table]), tmp_path / "shards" / "index.parquet")
        return Index.open(tmp_path / "shards")

    return make


@dataclass
class Ear:
    """Hears which of the four pitches a tone has, and finds their names in a sentence."""

    name: str = "ear"
    rate: int = RATE
    trained: frozenset[tuple[str, str]] = frozenset()
    deaf: bool = False
    heard: list[int] = field(default_factory=list)

    def audio(self, sources: Sequence[io.Source]) -> np.ndarray:
        self.heard.append(len(sources))
        rows = np.zeros((len(sources), 4), np.float32)
        for row, source in zip(rows, sources, strict=True):
            wave, rate = io.load(source)
            bins = [round(f * len(wave) / rate) for f in PITCHES.values()]
            row[:] = 1 if self.deaf else np.abs(np.fft.rfft(wave))[bins]
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def text(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.array([[name in text.lower() for name in PITCHES] for text in texts], np.float32)
        rows += 1e-3
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def seen(self, corpus: str, split: str) -> str:
        if (corpus, split) in self.trained:
            return "trained"
        return "held-out" if any(name == corpus for name, _ in self.trained) else "unseen"


def everything(splits: Sequence[str], each: int = 6) -> list[Clip]:
    """Each pitch some times in each split, by speakers who stay in one split."""
    return [
        Clip(pitch, split, speaker=f"{split}-{number % 3}")
        for split in splits
        for pitch in PITCHES
        for number in range(each)
    ]


@pytest.fixture
def tones(shards: Callable[[Sequence[Clip]], Index]) -> SimpleNamespace:
    """All of the above, for tests."""
    return SimpleNamespace(
        shards=shards, Clip=Clip, Ear=Ear, everything=everything, PITCHES=PITCHES, rate=RATE
    )
