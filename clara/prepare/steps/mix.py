"""Lays environmental sound behind recordings, in wave and text at once (equation 1, figure 2)."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from clara.augment.mix import Mix as Mixture
from clara.configs import expect, expect_within
from clara.errors import AudioError
from clara.prepare.desk import Desk, dice, signed
from clara.prepare.encode import BadRecordError, captions
from clara.records import Entry, Sample
from clara.shards import Index

__all__ = ["Mix"]


@dataclass(frozen=True)
class Mix:
    """Lays a drawn background behind each entry, which stays beside the mixture.

    The background lies in the split of the entry, so that no sound of a test split is trained on;
    its label goes to the kind "background".

    Attributes:
        background: A folder of shards; those of environmental sound.
        low: Least weight of the background.
        high: Greatest weight of the background.
        share: The share of the entries that get a mixture.
        rate: Samples per second of the mixture.
        seed: Of the draws.
    """

    background: str
    low: float = 0.01
    high: float = 0.8
    share: float = 1.0
    rate: int = 48_000
    seed: int = 0

    def __post_init__(self) -> None:
        expect(bool(self.background), "a folder of shards as background", "none")
        expect_within(self, 0, 1, "share")
        Mixture(self.low, self.high)

    def __call__(self, entries: Iterable[Entry], desk: Desk) -> Iterator[Entry]:
        """As `clara.prepare.steps.Step`."""
        for entry in entries:
            yield entry
            rng = dice(self.seed, entry.key)
            if rng.random() < self.share:
                yield from self._mixed(entry, rng, desk)

    def _mixed(self, entry: Entry, rng: np.random.Generator, desk: Desk) -> Iterator[Entry]:
        index, rows = _backgrounds(self.background, entry.split)
        if not len(rows):
            desk.count(f"no background in the split {entry.split}")
            return
        try:
            behind = index.sample(int(rng.choice(rows)), rate=self.rate)
        except AudioError:
            desk.count("a background could not be decoded")
            return
        try:
            wave, rate = desk.load(entry, rate=self.rate)
            texts = tuple(captions(entry))
        except (AudioError, BadRecordError):
            # The entry itself goes on as it is, and is counted where it ends up.
            desk.count("a background could not be laid behind a bad record")
            return
        front = Sample(entry.key, wave, rate, texts, entry.labels)
        weight = rng.uniform(self.low, self.high)
        mixed = Mixture(weight, weight)(front, behind, rng)
        key = f"{entry.key}+background"
        made = replace(
            entry,
            key=key,
            path=desk.keep(key, mixed.wave, rate),
            start=0.0,
            end=None,
            labels={**entry.labels, "background": behind.labels.get("sound", ())},
            texts=mixed.texts,
        )
        yield signed(made, "mix", background=behind.key, weight=round(weight, 6), rate=rate)


@functools.lru_cache(maxsize=64)
def _backgrounds(folder: str, split: str) -> tuple[Index, npt.NDArray[np.int64]]:
    index = _index(folder)
    codes, names = index.codes("split")
    rows = np.flatnonzero(codes == names.index(split)) if split in names else np.zeros(0, np.int64)
    return index, rows


@functools.lru_cache(maxsize=4)
def _index(folder: str) -> Index:
    return Index.open(folder)
