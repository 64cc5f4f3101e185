"""Counting tens of millions of rows: put in order once, then counted over neighbours.

Rows are put in order of corpus, split and language. What has all three in common is a cell, what
has the first two a part. Each column is looked at once, in numbers for names; what is counted of
cells and of parts is then put together for any run of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from clara.hashes import Hashes, distinct
from clara.shards import Index

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]

# Numbers below this are counted in a table; larger ones by sorting.
_TABLE = 1 << 26


class Part(NamedTuple):
    """A split of a corpus.

    Attributes:
        corpus: Name of the corpus.
        split: Name of the split.
        low: Its first cell.
        high: The first cell behind it.
    """

    corpus: str
    split: str
    low: int
    high: int


class Cells:
    """The rows of an index in order of corpus, split and language.

    Attributes:
        order: int64 `[N]`, the rows.
        starts: int64 `[K + 1]`, where each cell begins in `order`.
        names: Corpus, split and language of each cell.
        parts: The splits of the corpora, in order.
    """

    def __init__(self, index: Index) -> None:
        columns = [index.codes(name) for name in ("corpus", "split", "language")]
        places: npt.NDArray[Any] = np.zeros(len(index), np.int64)
        for codes, names in columns:
            places = places * len(names) + ranks(names)[codes]
        found, cell = _renumbered(places)
        self.order: Ints = np.argsort(cell, kind="stable")
        sizes = np.bincount(cell, minlength=len(found))
        self.starts: Ints = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        digits = np.unravel_index(found, [max(1, len(names)) for _, names in columns])
        named = [
            [sorted(names)[digit] for digit in each.tolist()]
            for (_, names), each in zip(columns, digits, strict=True)
        ]
        self.names: list[tuple[str, str, str]] = list(zip(*named, strict=True))
        self.parts = []
        for (corpus, split), run in itertools.groupby(range(len(found)), self._part_of):
            cells = list(run)
            self.parts.append(Part(corpus, split, cells[0], cells[-1] + 1))

    def _part_of(self, cell: int) -> tuple[str, str]:
        return self.names[cell][:2]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def sizes(self) -> Ints:
        """How many rows each cell has `[K]`."""
        return np.diff(self.starts)

    def each(self) -> Codes:
        """The cell of each row, in their order `[N]`."""
        return np.repeat(np.arange(len(self), dtype=np.int32), self.sizes)

    def sums(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The sum over each cell `[K]` of values in their order `[N]`."""
        wide = np.float64 if values.dtype.kind == "f" else np.int64
        firsts = self.starts[:-1]
        return np.add.reduceat(values, firsts, dtype=wide) if len(firsts) else np.zeros(0, wide)

    def distinct(self, keys: Hashes, there: npt.NDArray[np.bool_]) -> list[Hashes]:
        """Of each cell, its different keys among those that are there, in order."""
        cells = itertools.pairwise(self.starts.tolist())
        return [distinct(keys[low:high][there[low:high]]) for low, high in cells]

    def counts(self, codes: Codes) -> list[Sparse]:
        """Of each part, how many of its rows have each code."""
        bounds = [(self.starts[part.low], self.starts[part.high]) for part in self.parts]
        return [Sparse.of(codes[low:high]) for low, high in bounds]


class Sparse(NamedTuple):
    """How often values occur; those that never do are left out.

    Attributes:
        values: int64 `[V]`, in order.
        counts: int64 `[V]`.
    """

    values: Ints
    counts: Ints

    @classmethod
    def of(cls, codes: npt.NDArray[Any], weights: Ints | None = None) -> Sparse:
        """Counts codes, each as often as its weight says."""
        sums = np.bincount(codes, weights).astype(np.int64)
        values = np.flatnonzero(sums)
        return cls(values, sums[values])


class Tally:
    """Named values counted over parts.

    Args:
        parts: What was counted in each part.
        names: Of each value.
    """

    def __init__(self, parts: list[Sparse], names: Sequence[Any]) -> None:
        self.parts = parts
        self.names = names
        self._ranks = ranks(names)

    def over(self, parts: slice) -> list[tuple[Any, int]]:
        """Names and counts over a run of parts, most first."""
        run = self.parts[parts]
        values, counts = Sparse.of(
            np.concatenate([np.zeros(0, np.int64), *(each.values for each in run)]),
            np.concatenate([np.zeros(0, np.int64), *(each.counts for each in run)]),
        )
        order = np.lexsort((self._ranks[values], -counts))
        pairs = zip(values[order].tolist(), counts[order].tolist(), strict=True)
        return [(self.names[value], count) for value, count in pairs]


class Lengths:
    """How long the rows of each cell are.

    Args:
        values: `[N]`, in the order of the cells.
        cells: The cells.
        bounds: Up to which length the rows of each bar of a histogram are; of the last, longer.
    """

    def __init__(self, values: npt.NDArray[Any], cells: Cells, bounds: Sequence[float]) -> None:
        self.values = values
        self.starts = cells.starts
        self.bounds = bounds
        self.sums = cells.sums(values)
        width = len(bounds) + 1
        kind = values.dtype if values.dtype.kind == "f" else np.int64
        bars = np.searchsorted(np.array(bounds, kind), values).astype(np.int32)
        places = cells.each() * np.int32(width) + bars
        self.bars = np.bincount(places, minlength=len(cells) * width).reshape(-1, width)

    def over(self, low: int, high: int) -> dict[str, Any]:
        """Mean, median, least and most of some cells, and how many rows are of each length."""
        values = self.values[self.starts[low] : self.starts[high]]
        figures = {"mean": 0.0, "median": 0.0, "least": 0.0, "most": 0.0}
        if len(values):
            mean = self.sums[low:high].sum() / len(values)
            found = (mean, np.median(values), values.min(), values.max())
            figures = {n: round(float(f), 3) for n, f in zip(figures, found, strict=True)}
        bars = self.bars[low:high].sum(axis=0).tolist()
        return {**figures, "up_to": list(self.bounds), "clips": bars}


def ranks(names: Sequence[Any]) -> Ints:
    """The place of each name in the order of the names `[V]`.

    >>> ranks(["b", "a"]).tolist()
    [1, 0]
    """
    places = np.empty(len(names), np.int64)
    places[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return places


def _renumbered(places: Ints) -> tuple[Ints, npt.NDArray[Any]]:
    """The numbers that occur, in order, and which of them each is, in as few bits as will do."""
    most = int(places.max(initial=0))
    if most < _TABLE:
        found = np.flatnonzero(np.bincount(places))
        table = np.zeros(most + 1, np.int64)
        table[found] = np.arange(len(found))
    else:
        found, places = np.unique(places, return_inverse=True)
        table = np.arange(len(found))
    # Sixteen bits are sorted by counting, in a fraction of the time.
    return found, table.astype(np.uint16 if len(found) < 1 << 16 else np.int64)[places]
