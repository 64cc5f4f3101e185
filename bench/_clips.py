"""Shards of FLAC clips as a corpus has them, for benches that read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from clara.audio import io
from clara.shards import SCHEMA, ShardWriter, write_index

RATE, SECONDS = 48_000, 10
SHARD = 64


def wave(seed: int, seconds: float = SECONDS) -> np.ndarray:
    """Coloured noise that comes and goes: FLAC takes a bit over half of its 16 bits for it."""
    rng = np.random.default_rng(seed)
    samples = int(seconds * RATE)
    noise = rng.normal(size=samples).cumsum()
    noise = np.diff(noise, prepend=0) * 0.5 + np.convolve(noise, [1, -0.98], "same") * 0.5
    swell = np.interp(np.arange(samples), np.arange(0, samples, RATE // 4), _steps(rng, samples))
    return (0.1 * noise * swell).clip(-1, 1).astype(np.float32)


def _steps(rng: np.random.Generator, samples: int) -> np.ndarray:
    return rng.uniform(0.02, 1, size=len(range(0, samples, RATE // 4)))


def write(
    folder: Path, clips: int, seconds: int = SECONDS, different: int = 32, shard_size: int = SHARD
) -> None:
    """Writes shards with an index, as `clara prepare` does; after `different` clips they repeat."""
    flacs = [io.encode_flac(wave(seed, seconds), RATE) for seed in range(min(different, clips))]
    rows = []
    for first in range(0, clips, shard_size):
        name = f"{first // shard_size:06d}.tar"
        with ShardWriter(folder / name) as shard:
            for number in range(first, min(first + shard_size, clips)):
                text = f"The sound of clip {number}"
                labels = {"sound": [f"clip {number}"]}
                known = {
                    **{"key": f"clip{number:05d}", "corpus": "bench", "split": "train"},
                    **{"language": "", "source": f"freesound:{number}", "speaker": ""},
                    "licence": "CC0",
                }
                original = {**known, "labels": labels, "transcript": ""}
                meta = {"text": [text], "tag": labels["sound"], "original_data": original}
                place = shard.add(known["key"], flacs[number % len(flacs)], meta)
                rows.append(
                    {
                        **place._asdict(),
                        **known,
                        **{"shard": name, "suffix": "flac", "labels": json.dumps(labels)},
                        **{"rate": RATE, "frames": seconds * RATE, "seconds": float(seconds)},
                        **{"text_chars": len(text), "texts": [text]},
                    }
                )
    table = pa.Table.from_pylist(rows).select(SCHEMA.names).cast(SCHEMA)
    write_index(iter([table]), folder / "index.parquet")
