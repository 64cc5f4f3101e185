"""The order of an epoch: which samples each step visits, by arithmetic alone.

It is a pure function of the index, the settings and the epoch, made with whole-array operations:
20 million samples take seconds. So to resume is to start at a step, with nothing to save.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from clara.configs import expect
from clara.errors import UsageError
from clara.shards import Index

Rows = npt.NDArray[np.int64]

# Lengths are sorted after a change of up to this share, so that the same clips do not meet again.
_JITTER = 0.1
# What seeds are made with, so that no two uses of them share their dice.
ORDER, TURNS, VISIT = 1, 2, 3


@dataclass(frozen=True)
class DataConfig:
    """What to train on, and in which order.

    Attributes:
        folders: Folders or URLs of shards.
        corpora: Names of corpora; all if empty.
        splits: Names of splits.
        weights: Visits to each clip of a corpus in an epoch, 1 if not named: 2.5 is two full passes
            and half of a third, 0 leaves the corpus out.
        exclude: Parts that are held out, as "corpus/split".
        batch: Clips of a step over all ranks together.
        max_seconds: A longer clip is cut to this at a random place on each visit.
        window: Shards shuffled together.
        pool: Batches whose clips are sorted by length together; 1 sorts nothing.
        threads: Threads that decode.
        seed: Of the order, the places of cuts and the captions drawn.
        mix: Share of the clips that get another one in the background (equation 1).
    """

    folders: tuple[str, ...] = ()
    corpora: tuple[str, ...] = ()
    splits: tuple[str, ...] = ("train",)
    weights: Mapping[str, float] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    batch: int = 96
    max_seconds: float = 10.0
    window: int = 8
    pool: int = 32
    threads: int = 2
    seed: int = 0
    mix: float = 0.0

    def __post_init__(self) -> None:
        for name in ("batch", "window", "pool", "threads"):
            expect(getattr(self, name) >= 1, f"{name} to be at least 1", getattr(self, name))
        expect(self.seed >= 0, "seed to be at least 0", self.seed)
        expect(0 < self.max_seconds < math.inf, "max_seconds to be above 0", self.max_seconds)
        expect(0 <= self.mix <= 1, "mix to be a share from 0 to 1", self.mix)
        for corpus, weight in self.weights.items():
            expect(0 <= weight < math.inf, f"the weight of {corpus} to be at least 0", weight)


def parts(index: Index) -> list[str]:
    """Every "corpus/split" of the index, sorted."""
    (corpus, corpora), (split, splits) = index.codes("corpus"), index.codes("split")
    codes = np.unique(corpus.astype(np.int64) * len(splits) + split)
    return sorted(f"{corpora[c // len(splits)]}/{splits[c % len(splits)]}" for c in codes)


def allowed(index: Index, config: DataConfig) -> npt.NDArray[np.bool_]:
    """Which samples are neither held out nor of weight 0: bool `[N]`."""
    (corpus, corpora), (split, splits) = index.codes("corpus"), index.codes("split")
    table = np.array(
        [
            [f"{c}/{s}" not in config.exclude and config.weights.get(c, 1) > 0 for s in splits]
            for c in corpora
        ],
        dtype=bool,
    ).reshape(len(corpora), len(splits))
    result: npt.NDArray[np.bool_] = table[corpus, split]
    return result


def steps_per_epoch(index: Index, config: DataConfig) -> int:
    """Full batches in an epoch; what does not fill the last one is dropped, another part each time.

    Raises:
        UsageError: The visits of an epoch do not fill one batch.
    """
    codes, names = index.codes("corpus")
    counts = np.bincount(codes, minlength=len(names)).tolist()
    weights = [config.weights.get(name, 1.0) for name in names]
    total = sum(_visits(n, weight) for n, weight in zip(counts, weights, strict=True))
    if total < config.batch:
        raise UsageError(
            f"Expected at least one batch of {config.batch} clips in an epoch but found {total}; "
            "ask for smaller batches, add data, or raise the weights of the corpora."
        )
    return total // config.batch


def _visits(clips: int, weight: float) -> int:
    """Visits to a corpus in an epoch, the same in each."""
    return max(1, round(clips * weight)) if clips and weight else 0


def epoch_order(index: Index, config: DataConfig, epoch: int) -> Rows:
    """The rows of the index that each step of an epoch visits, over all ranks.

    Shards are shuffled, then the rows of `window` shards together, so that reading stays local. Of
    a corpus that is visited several times, each pass takes its own part of the epoch. Then the rows
    of `pool` batches are sorted by length, after a little jitter, and cut into batches, which are
    shuffled in their pool.

    Args:
        index: The samples, as `Batches.choose` gives them.
        config: The settings; seed, weights, batch, window, pool and max_seconds matter.
        epoch: From 0 on.

    Returns:
        int64 `[steps, batch]`.

    Raises:
        UsageError: The visits of an epoch do not fill one batch.
    """
    steps = steps_per_epoch(index, config)
    rng = np.random.default_rng((ORDER, config.seed, epoch))
    rows = _shuffled(*_passes(index, config, epoch, rng), config.window, rng)
    rows = rows[: steps * config.batch]
    lengths = np.minimum(index.column("seconds"), np.float32(config.max_seconds))
    lengths *= 1 + _JITTER * rng.random(len(lengths), dtype=np.float32)
    full = steps // config.pool * config.pool * config.batch
    pools = (rows[:full].reshape(-1, config.pool * config.batch), rows[full:].reshape(1, -1))
    return np.concatenate([_bucketed(pool, lengths, config.batch, rng) for pool in pools])


def _passes(
    index: Index, config: DataConfig, epoch: int, rng: np.random.Generator
) -> tuple[Rows, npt.NDArray[np.float64]]:
    """Every visit of the epoch `[V]` and its time in it `[V]`, one time for each shard and pass."""
    codes, names = index.codes("corpus")
    shards = index.shard_ids
    count = int(shards.max(initial=-1)) + 1
    by_corpus = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(names)))[:-1]
    rows, times = [], []
    for number, members in enumerate(np.split(by_corpus, ends)):
        weight = config.weights.get(names[number], 1.0)
        whole, rest = divmod(_visits(len(members), weight), max(1, len(members)))
        for turn in range(whole + bool(rest)):
            some = members
            if turn == whole:
                # A fixed shuffle, gone through over the epochs, so that all get their turn.
                shuffle = np.random.default_rng((TURNS, config.seed, number)).permutation(members)
                some = np.take(shuffle, epoch * rest + np.arange(rest), mode="wrap")
            rows.append(some)
            times.append((turn + rng.random(count)[shards[some]]) / weight)
    return np.concatenate(rows), np.concatenate(times)


def _shuffled(
    rows: Rows, times: npt.NDArray[np.float64], window: int, rng: np.random.Generator
) -> Rows:
    """Rows in the order of their times, those of `window` equal times shuffled together."""
    # A stable sort everywhere: the fast ones leave ties in an order that depends on the machine.
    order = np.argsort(times, kind="stable")
    rows, times = rows[order], times[order]
    del order
    unit = np.cumsum(np.diff(times, prepend=times[:1]) != 0)
    keys = unit // window + rng.random(len(rows))
    shuffled: Rows = rows[np.argsort(keys, kind="stable")]
    return shuffled


def _bucketed(
    pools: Rows, lengths: npt.NDArray[np.float32], batch: int, rng: np.random.Generator
) -> Rows:
    """Pools `[P, K * batch]` as batches `[P * K, batch]` of like lengths, shuffled in each pool."""
    count, size = pools.shape
    # A clip that is twice in the pool lies in another layer, and so in another batch.
    keys = lengths[pools] + 2 * lengths.max(initial=0) * _occurrence(pools)
    order = np.argsort(keys, axis=1, kind="stable")
    batches = np.take_along_axis(pools, order, axis=1).reshape(count, size // batch, batch)
    turns = np.argsort(rng.random((count, size // batch)), axis=1, kind="stable")
    return np.take_along_axis(batches, turns[:, :, None], axis=1).reshape(-1, batch)


def _occurrence(pools: Rows) -> npt.NDArray[np.int32]:
    """How often each entry `[P, S]` has come before in its pool."""
    order = np.argsort(pools, axis=1, kind="stable")
    ordered = np.take_along_axis(pools, order, axis=1)
    place = np.broadcast_to(np.arange(pools.shape[1], dtype=np.int32), pools.shape)
    first = np.where(np.diff(ordered, axis=1, prepend=-1) != 0, place, 0)
    before = np.empty(pools.shape, dtype=np.int32)
    np.put_along_axis(before, order, place - np.maximum.accumulate(first, axis=1), axis=1)
    return before
