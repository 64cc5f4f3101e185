"""Keeps copies of recordings that sound different and mean the same (section III-A2)."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from clara.augment import Chain
from clara.configs import expect
from clara.errors import AudioError
from clara.prepare.desk import Desk, dice, signed
from clara.records import Entry, Sample

__all__ = ["Augment"]


@dataclass(frozen=True)
class Augment:
    """Adds augmented copies of each entry, which stays beside them.

    Training augments each visit anew (`clara train --augment`), which costs no disk; copies are for
    what is too slow there, such as `codec`, and for shards that other tools read.

    Attributes:
        chain: Augmentations, each with its chance and settings: "pitch 0.5", "codec 1 form=mp3".
        copies: How many of each entry.
        rate: Samples per second of the copies; as recorded if 0.
        seed: Of the draws.
    """

    chain: tuple[str, ...]
    copies: int = 1
    rate: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        expect(bool(self.chain), "at least one augmentation in the chain", "none")
        expect(self.copies >= 1, "copies to be at least 1", self.copies)
        expect(self.rate >= 0, "a rate of at least 0", self.rate)
        _chain(self.chain)

    def __call__(self, entries: Iterable[Entry], desk: Desk) -> Iterator[Entry]:
        """As `clara.prepare.steps.Step`."""
        for entry in entries:
            yield entry
            yield from self._copies(entry, desk)

    def _copies(self, entry: Entry, desk: Desk) -> Iterator[Entry]:
        try:
            wave, rate = desk.load(entry, rate=self.rate or None)
        except AudioError:
            # The entry itself goes on as it is, and is counted where it ends up.
            desk.count("no copies of a bad record")
            return
        for number in range(self.copies):
            key = f"{entry.key}~{number}"
            sample = Sample(entry.key, wave, rate, entry.texts or ("",), entry.labels)
            heard = _chain(self.chain)(sample, dice(self.seed, key))
            if not np.isfinite(heard.wave).all() or not len(heard.wave):
                desk.count("a copy came out empty")
                continue
            path = desk.keep(key, heard.wave, rate)
            copy = replace(entry, key=key, path=path, start=0.0, end=None)
            yield signed(copy, "augment", chain=list(self.chain), of=entry.key)


@functools.lru_cache(maxsize=8)
def _chain(lines: tuple[str, ...]) -> Chain:
    return Chain.parse(lines)
