"""Recordings that were cut from the same source, by the ids in the index alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from clara.hashes import Hashes, distinct
from clara.shards import Index

Ints = npt.NDArray[np.int64]

_RANKS = {"train": 0, "valid": 2, "test": 3}
_CHUNK = 1 << 16


class Parts(NamedTuple):
    """Which part each recording is of.

    Attributes:
        codes: int32 `[N]`.
        names: "corpus/split" of each number. Of two the later one is rather the one to test on.
    """

    codes: npt.NDArray[np.int32]
    names: list[str]


def parts(index: Index) -> Parts:
    """The part that each recording is of."""
    (corpus, corpora), (split, splits) = index.codes("corpus"), index.codes("split")
    places = corpus.astype(np.int64) * max(1, len(splits)) + split
    found = np.flatnonzero(np.bincount(places, minlength=1))
    named = [(corpora[place // len(splits)], splits[place % len(splits)]) for place in found]
    order = sorted(range(len(found)), key=lambda n: (_RANKS.get(named[n][1], 1), *named[n]))
    codes = np.zeros(int(found.max(initial=0)) + 1, np.int32)
    codes[found[order]] = np.arange(len(found))
    return Parts(codes[places], ["/".join(named[n]) for n in order])


@dataclass(frozen=True, slots=True)
class _Cells:
    """Recordings by source and part, the sources in order.

    Attributes:
        rows: int64 `[R]`, the recordings of the first cell, then those of the second, ...
        starts: int64 `[K + 1]`, where each cell begins in `rows`.
        source: uint64 `[K]`, the source of each cell.
        part: int32 `[K]`, its part.
    """

    rows: Ints
    starts: Ints
    source: Hashes
    part: npt.NDArray[np.int32]

    @property
    def sizes(self) -> Ints:
        return np.diff(self.starts)

    def of(self, cells: Ints) -> Ints:
        """The recordings of some cells."""
        sizes = self.sizes[cells]
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        rows: Ints = self.rows[np.repeat(self.starts[cells], sizes) + within]
        return rows


@dataclass(frozen=True, slots=True)
class Shared:
    """Recordings of two sets that share a source.

    Attributes:
        a: Those of the one set, by source and part.
        b: Those of the other.
        pairs_of_cells: int64 `[P]` twice: which cell of the one goes with which of the other.
    """

    a: _Cells
    b: _Cells
    pairs_of_cells: tuple[Ints, Ints]

    def count(self) -> int:
        """How many pairs of recordings there are."""
        mine, theirs = self.pairs_of_cells
        return int((self.a.sizes[mine] * self.b.sizes[theirs]).sum())

    def counts(self) -> Mapping[tuple[int, int], tuple[int, int]]:
        """Of each two parts how many recordings of the one, and of the other, are shared."""
        mine, theirs = self.pairs_of_cells
        width = int(self.b.part.max(initial=0)) + 1
        pair = self.a.part[mine].astype(np.int64) * width + self.b.part[theirs]
        found, place = np.unique(pair, return_inverse=True)
        of_a = np.bincount(place, self.a.sizes[mine], len(found)).astype(int).tolist()
        of_b = np.bincount(place, self.b.sizes[theirs], len(found)).astype(int).tolist()
        names = (divmod(number, width) for number in found.tolist())
        return dict(zip(names, zip(of_a, of_b, strict=True), strict=True))

    def rows(self) -> tuple[Ints, Ints]:
        """The recordings of the one set, and of the other, that are shared; each once."""
        mine, theirs = (np.unique(cells) for cells in self.pairs_of_cells)
        return self.a.of(mine), self.b.of(theirs)

    def pairs(self) -> Iterator[tuple[Ints, Ints]]:
        """Every pair of recordings, some thousand at a time: rows of the one and of the other."""
        mine, theirs = self.pairs_of_cells
        width = self.b.sizes[theirs]
        ends = np.cumsum(self.a.sizes[mine] * width)
        for first in range(0, self.count(), _CHUNK):
            flat = np.arange(first, min(first + _CHUNK, int(ends[-1])))
            cell = np.searchsorted(ends, flat, side="right")
            row, column = np.divmod(flat - (ends - self.a.sizes[mine] * width)[cell], width[cell])
            yield (
                self.a.rows[self.a.starts[mine[cell]] + row],
                self.b.rows[self.b.starts[theirs[cell]] + column],
            )


def shared(a: Index, b: Index, part_a: Parts, part_b: Parts) -> Shared:
    """The recordings of two sets that share a source; of one set, those of two of its parts.

    Tens of millions of recordings take seconds.

    Args:
        a: The one set.
        b: The other, or the same object.
        part_a: The parts of the one.
        part_b: The parts of the other.
    """
    mine = a.hashes("source")
    if a is b:
        ordered = np.sort(mine[mine > 0])
        cells = _cells(part_a, mine, distinct(ordered[1:][ordered[1:] == ordered[:-1]]))
        return Shared(cells, cells, _joined_on(cells, cells, ordered=True))
    theirs = b.hashes("source")
    few, many = sorted((mine, theirs), key=len)
    ids = distinct(few[few > 0])
    ids = distinct(many[_among(many, ids)])
    one, other = _cells(part_a, mine, ids), _cells(part_b, theirs, ids)
    return Shared(one, other, _joined_on(one, other, ordered=False))


def _among(hashes: Hashes, ids: Hashes) -> npt.NDArray[np.bool_]:
    """Which are among the ids, which are sorted `[N]`."""
    if not len(ids):
        return np.zeros(len(hashes), dtype=bool)
    among: npt.NDArray[np.bool_] = (
        ids[np.minimum(np.searchsorted(ids, hashes), len(ids) - 1)] == hashes
    )
    return among


def _cells(of: Parts, hashes: Hashes, ids: Hashes) -> _Cells:
    rows = np.flatnonzero(_among(hashes, ids))
    part = of.codes[rows]
    order = np.lexsort((rows, part, hashes[rows]))
    rows, part = rows[order], part[order]
    source = hashes[rows]
    new = (np.diff(source, prepend=0) != 0) | (np.diff(part, prepend=-1) != 0)
    firsts = np.flatnonzero(new)
    return _Cells(rows, np.append(firsts, len(rows)), source[firsts], part[firsts])


def _joined_on(a: _Cells, b: _Cells, *, ordered: bool) -> tuple[Ints, Ints]:
    """Cells of the same source; if ordered, only with cells of a later part."""
    first = np.searchsorted(b.source, a.source, side="left")
    count = np.searchsorted(b.source, a.source, side="right") - first
    mine = np.repeat(np.arange(len(a.source)), count)
    theirs = np.arange(len(mine)) - np.repeat(np.cumsum(count) - count, count) + first[mine]
    if ordered:
        later = b.part[theirs] > a.part[mine]
        mine, theirs = mine[later], theirs[later]
    return mine, theirs
