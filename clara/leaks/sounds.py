"""Recordings that sound the same, where their index does not tell what they were cut from."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clara.audio import io
from clara.audio.fingerprint import (
    RATE,
    Gallery,
    Print,
    Prints,
    comparable,
    fingerprint,
    search,
)
from clara.errors import AudioError
from clara.leaks import cache
from clara.leaks.sources import Parts
from clara.shards import Index

Ints = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]

# Frames of 20 ms. A gallery takes 24 bytes for each, the search of some queries far less.
_GALLERY = 1 << 24
_QUERIES = 1 << 20


@dataclass(frozen=True, slots=True)
class Heard:
    """What comparing by sound has found.

    Attributes:
        a: Rows of the one set `[P]`.
        b: Rows of the other `[P]`.
        likeness: Of each pair, from 0 to 1 `[P]`.
        offset: Where `a` begins in `b`, in seconds `[P]`.
        listened: How many recordings of either were listened to.
        mute: How many of these are too short or too quiet to be compared.
        skipped: Why others could not be, and how many.
    """

    a: Ints
    b: Ints
    likeness: npt.NDArray[np.float64]
    offset: npt.NDArray[np.float64]
    listened: tuple[int, int]
    mute: tuple[int, int]
    skipped: Mapping[str, int]

    @classmethod
    def nothing(cls) -> Heard:
        """For when nobody listened."""
        rows, numbers = np.zeros(0, np.int64), np.zeros(0)
        return cls(rows, rows, numbers, numbers, (0, 0), (0, 0), {})

    def rows(self) -> Iterator[tuple[int, int, float, float]]:
        """The pairs one by one."""
        columns = (self.a, self.b, self.likeness, self.offset)
        yield from zip(*(column.tolist() for column in columns), strict=True)


def listen(
    a: Index,
    b: Index,
    part: Parts,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Heard:
    """Compares recordings by sound where one of the two has no source in the index.

    What was heard of a shard is kept beside it, for the next time.

    Args:
        a: The one set.
        b: The other; or the same object, of which different parts are then compared.
        part: The parts of the one set.
        threads: That decode; one for each core if None.
        progress: Told how many recordings are done, and of how many.

    Raises:
        ShardError: A shard is missing or is not the one that was indexed.
    """
    bare_a, bare_b = a.hashes("source") == 0, b.hashes("source") == 0
    rows_a = np.flatnonzero(bare_a | bare_b.any())
    rows_b = np.flatnonzero(bare_b | bare_a.any())
    if not len(rows_a) or not len(rows_b):
        return Heard.nothing()
    ear = _Ear(threads or os.cpu_count() or 1, progress, len(rows_a) + len(rows_b) * (a is not b))

    def wanted(mine: Ints, theirs: Ints) -> npt.NDArray[np.bool_]:
        either: npt.NDArray[np.bool_] = bare_a[mine] | bare_b[theirs]
        # Within one set a pair is met from both sides; once, with the later part last, is enough.
        return either & (part.codes[mine] < part.codes[theirs]) if a is b else either

    found: list[tuple[int, int, float, float]] = []
    turned = len(rows_a) < len(rows_b)  # the smaller one is held
    held, asked = ((a, rows_a), (b, rows_b)) if turned else ((b, rows_b), (a, rows_a))
    for others, prints in ear.blocks(*held, _GALLERY):
        gallery = Gallery(prints)
        for rows, queries in ear.blocks(*asked, _QUERIES):
            for match in search(queries, gallery, _pairs(wanted, rows, others, turned)):
                query, other = int(rows[match.query]), int(others[match.found])
                if turned:
                    found.append((other, query, match.likeness, -match.offset))
                else:
                    found.append((query, other, match.likeness, match.offset))
    found.sort()
    columns = np.array(found, np.float64).reshape(-1, 4).T
    return Heard(
        columns[0].astype(np.int64),
        columns[1].astype(np.int64),
        columns[2],
        columns[3],
        (len(rows_a), len(rows_b)),
        (ear.mute(a, rows_a), ear.mute(b, rows_b)),
        dict(sorted(ear.skipped.items())),
    )


def _pairs(
    wanted: Callable[[Ints, Ints], npt.NDArray[np.bool_]], rows: Ints, others: Ints, turned: bool
) -> Callable[[Ints, Ints], npt.NDArray[np.bool_]]:
    """`wanted` for places among some queries and in a gallery."""
    if turned:
        return lambda query, found: wanted(others[found], rows[query])
    return lambda query, found: wanted(rows[query], others[found])


class _Ear:
    """Takes the fingerprints of recordings, each once or from where they were kept.

    Args:
        threads: That decode.
        progress: Told how many recordings are done, and of how many.
        total: How many there are.
    """

    def __init__(self, threads: int, progress: Progress | None, total: int) -> None:
        self.threads = threads
        self.progress = progress
        self.total = total
        self.done = 0
        self.skipped: Counter[str] = Counter()
        self._silent: dict[tuple[int, str], int] = {}

    def blocks(self, index: Index, rows: Ints, frames: int) -> Iterator[tuple[Ints, Prints]]:
        """Rows with their fingerprints, about so many frames at a time."""
        held: list[tuple[Ints, Prints]] = []
        size = 0
        for some, prints in self.shards(index, rows):
            held.append((some, prints))
            size += len(prints.signs)
            if size >= frames:
                yield _together(held)
                held, size = [], 0
        if held:
            yield _together(held)

    def shards(self, index: Index, rows: Ints) -> Iterator[tuple[Ints, Prints]]:
        """Rows with their fingerprints, shard by shard."""
        shards, names = index.shard_ids[rows], index.codes("shard")[1]
        order = np.argsort(shards, kind="stable")
        cuts = np.flatnonzero(np.diff(shards[order])) + 1
        for mine in np.split(rows[order], cuts):
            shard = names[index.shard_ids[mine[0]]]
            mark = cache.mark(index, mine, shard)
            prints = cache.load(shard, mark, len(mine))
            if prints is None:
                failed = self.skipped.total()
                prints = self._listen(index, mine)
                if self.skipped.total() == failed:
                    cache.store(shard, mark, prints)
            self._silent[id(index), shard] = int((~comparable(prints)).sum())
            self._tell(len(mine))
            yield mine, prints

    def mute(self, index: Index, rows: Ints) -> int:
        """How many of the recordings that were listened to are too short or too quiet."""
        names = index.codes("shard")[1]
        there = np.unique(index.shard_ids[rows])
        return sum(self._silent[id(index), names[shard]] for shard in there)

    def _listen(self, index: Index, rows: Ints) -> Prints:
        with ThreadPoolExecutor(self.threads) as pool:
            return Prints.of(list(pool.map(lambda row: self._hear(index, int(row)), rows)))

    def _hear(self, index: Index, row: int) -> Print:
        try:
            return fingerprint(*io.load(index.read(row), rate=RATE))
        except AudioError as error:
            self.skipped[error.cause] += 1
            return fingerprint(np.zeros(1, np.float32), RATE)

    def _tell(self, count: int) -> None:
        self.done += count
        if self.progress:
            self.progress(self.done, max(self.total, self.done))


def _together(held: list[tuple[Ints, Prints]]) -> tuple[Ints, Prints]:
    rows = np.concatenate([rows for rows, _ in held])
    ends = np.cumsum([0, *(len(prints.signs) for _, prints in held)])
    starts = [prints.starts[:-1] + end for (_, prints), end in zip(held, ends, strict=False)]
    signs = np.concatenate([prints.signs for _, prints in held])
    firm = np.concatenate([prints.firm for _, prints in held])
    return rows, Prints(signs, firm, np.concatenate([*starts, ends[-1:]]))
