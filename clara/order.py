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
# Row numbers while an order is made: there are many, and several arrays of them.
Few = npt.NDArray[np.int32]

# Lengths are sorted after a change of up to this share of the median length, so that the same clips
# do not meet again. A share of each length would cost more padding for as much mixing.
_JITTER = 0.05
# Pools that are sorted together.
_TOGETHER = 64
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
        balance: Exponent a of p ~ n^a, by which a language of n clips gets its share p of the
            visits: 1 leaves it as it is, 0 gives all languages alike, and between them rare ones
            are heard more often (as Conneau et al., Unsupervised Cross-lingual Representation
            Learning at Scale, 2020, doi:10.18653/v1/2020.acl-main.747). A clip counts as often as
            `weights` says; the clips without a language are one group among the others.
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
    balance: float = 1.0
    exclude: tuple[str, ...] = ()
    batch: int = 96
    max_seconds: float = 10.0
    window: int = 8
    pool: int = 64
    threads: int = 2
    seed: int = 0
    mix: float = 0.0

    def __post_init__(self) -> None:
        for name in ("batch", "window", "pool", "threads"):
            expect(getattr(self, name) >= 1, f"{name} to be at least 1", getattr(self, name))
        expect(self.seed >= 0, "seed to be at least 0", self.seed)
        expect(0 < self.max_seconds < math.inf, "max_seconds to be above 0", self.max_seconds)
        expect(0 <= self.balance <= 1, "balance to be from 0 to 1", self.balance)
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
    groups = _Groups.of(index, config)
    total = sum(_visits(n, w) for n, w in zip(groups.sizes, groups.weights, strict=True))
    if total < config.batch:
        raise UsageError(
            f"Expected at least one batch of {config.batch} clips in an epoch but found {total}; "
            "ask for smaller batches, add data, or raise the weights of the corpora."
        )
    return total // config.batch


@dataclass(frozen=True)
class _Groups:
    """Clips that are visited equally often: a corpus, or what is in one language of a corpus.

    Attributes:
        codes: Group of each clip `[N]`; the groups of a corpus lie together.
        sizes: Clips of each group.
        weights: Visits to a clip of each group in an epoch.
        each: Groups of a corpus.
    """

    codes: npt.NDArray[np.integer]
    sizes: list[int]
    weights: list[float]
    each: int

    @classmethod
    def of(cls, index: Index, config: DataConfig) -> _Groups:
        """The groups that the settings make."""
        codes, names = index.codes("corpus")
        weights = np.array([config.weights.get(name, 1.0) for name in names])[:, None]
        if config.balance == 1:
            sizes = np.bincount(codes, minlength=len(names))
            return cls(codes, sizes.tolist(), weights[:, 0].tolist(), 1)
        languages, each = index.codes("language")
        # As narrow as can be: there is one number for each clip.
        kind = np.min_scalar_type(len(names) * len(each))
        codes = codes.astype(kind) * kind.type(len(each)) + languages.astype(kind)
        table = np.bincount(codes, minlength=len(names) * len(each)).reshape(len(names), len(each))
        factors = smoothed((table * weights).sum(axis=0), config.balance)
        return cls(codes, table.ravel().tolist(), (weights * factors).ravel().tolist(), len(each))


def smoothed(counts: npt.NDArray[np.floating], exponent: float) -> npt.NDArray[np.float64]:
    """How many times as often each language is to be heard for p ~ n^a, the sum left as it is.

    Args:
        counts: Visits to each language in an epoch as it is `[L]`; 0 where there is none.
        exponent: The a of the formula, from 0 to 1.

    >>> counts = np.array([8000.0, 1000.0, 0.0])
    >>> smoothed(counts, 0.0), smoothed(counts, 1 / 3) * counts
    (array([0.5625, 4.5   , 0.    ]), array([6000., 3000.,    0.]))
    """
    found = counts > 0
    n = np.where(found, counts, 1.0)
    powers = np.where(found, n**exponent, 0.0)
    factors: npt.NDArray[np.float64] = counts.sum() * powers / max(powers.sum(), 1e-300) / n
    return factors


def _visits(clips: int, weight: float) -> int:
    """Visits to a group in an epoch, the same in each."""
    return max(1, round(clips * weight)) if clips and weight else 0


def epoch_order(index: Index, config: DataConfig, epoch: int) -> Rows:
    """The rows of the index that each step of an epoch visits, over all ranks.

    Shards are shuffled, then the rows of `window` shards together, so that reading stays local. Of
    what is visited several times, each pass takes its own part of the epoch. Then the rows
    of `pool` batches are sorted by length, after a little jitter, and cut into batches, which are
    shuffled in their pool.

    Args:
        index: The samples, as `Batches.choose` gives them.
        config: The settings; seed, weights, balance, batch, window, pool and max_seconds matter.
        epoch: From 0 on.

    Returns:
        int64 `[steps, batch]`.

    Raises:
        UsageError: The visits of an epoch do not fill one batch.
    """
    steps = steps_per_epoch(index, config)
    rng = np.random.default_rng((ORDER, config.seed, epoch))
    # The languages of a shard have times of their own where some are visited more often.
    units = 0 if config.balance == 1 else len(np.unique(index.shard_ids))
    rows = _shuffled(*_passes(index, config, epoch, rng), units, config.window, rng)
    rows = rows[: steps * config.batch]
    lengths = np.minimum(index.column("seconds"), np.float32(config.max_seconds))
    # Of the median, since a mean may differ in its last bit from one machine to another.
    most = np.float32(_JITTER) * np.median(lengths)
    lengths += most * rng.random(len(lengths), dtype=np.float32)
    full = steps // config.pool * config.pool * config.batch
    pools = (rows[:full].reshape(-1, config.pool * config.batch), rows[full:].reshape(1, -1))
    return np.concatenate([_bucketed(pool, lengths, config.batch, rng) for pool in pools])


def _passes(
    index: Index, config: DataConfig, epoch: int, rng: np.random.Generator
) -> tuple[Few, npt.NDArray[np.float64]]:
    """Every visit of the epoch `[V]` and its time in it `[V]`, from 0 to 1.

    In a pass the clips of a shard have their visits at one time, so that reading stays local.
    """
    groups, shards = _Groups.of(index, config), index.shard_ids
    count = int(shards.max(initial=-1)) + 1
    visits = [_visits(n, weight) for n, weight in zip(groups.sizes, groups.weights, strict=True)]
    rows, times = np.empty(sum(visits), np.int32), np.empty(sum(visits))
    by_group = np.argsort(groups.codes, kind="stable").astype(np.int32)
    place, dice = 0, list[npt.NDArray[np.float64]]()
    for number, members in enumerate(np.split(by_group, np.cumsum(groups.sizes)[:-1])):
        if number % groups.each == 0:
            dice = []  # one for each pass through the shards of the corpus, for all its languages
        whole, rest = divmod(visits[number], max(1, len(members)))
        for turn in range(whole + bool(rest)):
            if turn == len(dice):
                dice.append(rng.random(count))
            some, share = members, 1.0
            if turn == whole:
                # A fixed shuffle, gone through over the epochs, so that all get their turn.
                shuffle = np.random.default_rng((TURNS, config.seed, number)).permutation(members)
                some = np.take(shuffle, epoch * rest + np.arange(rest), mode="wrap")
                share = rest / len(members)  # a part of a pass takes a part of its time
            time = dice[turn][shards[some]]
            if whole:
                time = (turn + time * share) / (whole + rest / len(members))
            end = place + len(some)
            rows[place:end], times[place:end], place = some, time, end
    return rows, times


def _shuffled(
    rows: Few, times: npt.NDArray[np.float64], units: int, window: int, rng: np.random.Generator
) -> Few:
    """Rows in the order of their times, those of `window` units of time shuffled together.

    Args:
        rows: `[V]`.
        times: Of the rows `[V]`.
        units: How many there are from 0 to 1; each time is a unit of its own if 0.
        window: Units shuffled together.
        rng: The dice.
    """
    # A stable sort everywhere: the fast ones leave ties in an order that depends on the machine.
    order = np.argsort(times, kind="stable")
    rows, times = rows[order], times[order]
    del order
    keys = rng.random(len(rows))
    if units:
        keys += (times * units).astype(np.int32) // window
    else:
        changes = np.zeros(len(times), np.int32)
        np.cumsum(times[1:] != times[:-1], out=changes[1:])
        keys += changes // window
    del times
    shuffled: Few = rows[np.argsort(keys, kind="stable")]
    return shuffled


def _bucketed(
    pools: Few, lengths: npt.NDArray[np.float32], batch: int, rng: np.random.Generator
) -> Rows:
    """Pools `[P, K * batch]` as batches `[P * K, batch]` of like lengths, shuffled in each pool."""
    count, size = pools.shape
    dice = rng.random((count, size // batch))
    layer = 2 * lengths.max(initial=0)
    batches = np.empty((count, size // batch, batch), np.int64)
    for first in range(0, count, _TOGETHER):  # a few at a time: each takes memory several times
        some = slice(first, first + _TOGETHER)
        # A clip that is twice in the pool lies in another layer, and so in another batch.
        keys = lengths[pools[some]] + layer * _occurrence(pools[some])
        order = np.argsort(keys, axis=1, kind="stable")
        ordered = np.take_along_axis(pools[some], order, axis=1).reshape(batches[some].shape)
        turns = np.argsort(dice[some], axis=1, kind="stable")
        batches[some] = np.take_along_axis(ordered, turns[:, :, None], axis=1)
    return batches.reshape(-1, batch)


def _occurrence(pools: Few) -> npt.NDArray[np.int32]:
    """How often each entry `[P, S]` has come before in its pool."""
    order = np.argsort(pools, axis=1, kind="stable")
    ordered = np.take_along_axis(pools, order, axis=1)
    place = np.broadcast_to(np.arange(pools.shape[1], dtype=np.int32), pools.shape)
    first = np.where(np.diff(ordered, axis=1, prepend=-1) != 0, place, 0)
    before = np.empty(pools.shape, dtype=np.int32)
    np.put_along_axis(before, order, place - np.maximum.accumulate(first, axis=1), axis=1)
    return before
