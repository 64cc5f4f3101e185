"""How much of the batches of an epoch is padding, and what of the work it costs.

    python -m bench.gpu.padding [--clips 200000]

This needs no accelerator: lengths and orders decide it. The orders are those of training
(`clara.order.epoch_order`), over lengths as corpora have them.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bench import _clips, _flops
from bench.__main__ import write
from bench._timing import Table, machine
from clara.columns import SCHEMA
from clara.order import DataConfig, epoch_order
from clara.recipes import clara_100m
from clara.shards import Index, write_index

RATE, SHARD, TOKENS = _clips.RATE, 512, 32
BATCHES = (16, 96, 1024)


def lengths(kind: str, clips: int, rng: np.random.Generator) -> np.ndarray:
    """Seconds `[N]` as speech, sounds and both have them."""
    if kind == "speech":
        return rng.gamma(4, 1.5, clips).clip(0.5, 30)
    if kind == "sounds":  # most are cut to ten seconds, the rest are shorter or much longer
        kinds = rng.random(clips)
        rest = np.where(kinds < 0.9, rng.uniform(0.3, 10, clips), rng.uniform(10, 30, clips))
        return np.where(kinds < 0.7, 10.0, rest)
    halves = [lengths(each, clips, rng) for each in ("speech", "sounds")]
    return np.where(np.arange(clips) // SHARD % 2, *halves)


def index_of(folder: Path, seconds: np.ndarray) -> Index:
    """An index of clips of these lengths; there is nothing behind it."""
    number = np.arange(len(seconds))
    columns: dict[str, Any] = {
        "key": pa.array(number).cast(pa.string()),
        "corpus": pa.array(["bench"] * len(seconds)),
        "split": pa.array(["train"] * len(seconds)),
        "shard": pa.array([f"{shard:06d}.tar" for shard in number // SHARD]),
        "suffix": pa.array(["flac"] * len(seconds)),
        "texts": pa.array([["a text"]] * len(seconds)),
        "labels": pa.array(["{}"] * len(seconds)),
        "rate": np.full(len(seconds), RATE),
        "frames": (seconds * RATE).astype(np.int64),
        "seconds": seconds,
    }
    for field in SCHEMA:
        nothing = 0 if pa.types.is_integer(field.type) else ""
        columns.setdefault(field.name, pa.array([nothing] * len(seconds)))
    arrays = {name: pa.array(column) for name, column in columns.items()}
    table = pa.table(arrays).select(SCHEMA.names).cast(SCHEMA)
    write_index(iter([table]), folder / "index.parquet")
    return Index.open(folder)


def shares(index: Index, config: DataConfig) -> tuple[float, float]:
    """Of an epoch: the share of its samples, and of its operations, that is padding."""
    order = epoch_order(index, config, 0)
    heard = np.minimum(index.column("seconds"), config.max_seconds)[order]
    padded = np.broadcast_to(heard.max(1, keepdims=True), heard.shape)
    model = clara_100m().model
    short, long = (_flops.of(model, seconds, TOKENS).training for seconds in (1.0, 10.0))
    slope = (long - short) / 9  # what a second costs; the latents cost the same whatever comes
    cost = short - slope + slope * heard
    wasted = slope * (padded - heard)
    return 1 - heard.sum() / padded.sum(), wasted.sum() / (cost + wasted).sum()


def report(clips: int) -> Table:
    """Every kind of corpus with every batch."""
    rows, rng = [], np.random.default_rng(0)
    for kind in ("speech", "sounds", "speech and sounds"):
        with tempfile.TemporaryDirectory() as name:
            index = index_of(Path(name), lengths(kind, clips, rng))
            for batch in BATCHES:
                config = DataConfig(batch=batch)
                waste, work = shares(index, config)
                unsorted, _ = shares(index, DataConfig(batch=batch, pool=1))
                cells = [f"{share:.2%}" for share in (waste, unsorted, work)]
                rows.append([kind, f"{batch:,}", *cells])
    return Table(
        title="Padding",
        text=(
            f"An epoch of {clips:,} clips, cut at {DataConfig().max_seconds:.0f} s, in the order "
            f"of training: the clips of {DataConfig().pool} batches sorted by length, after a "
            "jitter. Speech: gamma distributed around 6 s; sounds: 70 % of 10 s, the "
            "rest shorter or longer. Counted, not timed: the share of the samples of all batches "
            "that is padding; and the share of the operations of `clara_100m`, forward and back, "
            "that is spent on it: its latents, which take nearly all, cost the same whatever they "
            f"read. {machine('numpy')}"
        ),
        columns=["", "batch", "padding", "unsorted", "of the operations"],
        rows=rows,
    )


def main(words: list[str] | None = None) -> None:
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--clips", type=int, default=200_000)
    made.add_argument("--out", type=Path, default=Path("docs/performance.md"))
    options = made.parse_args(words)
    table = report(options.clips)
    print(table.markdown())
    write(options.out, table.markdown())


if __name__ == "__main__":
    main()
