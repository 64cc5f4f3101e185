"""Who is among the first `k`, exactly, of galleries too large to compute every likeness with care.

A rank is a count: how many members that do not answer a query come before its answer. A product in
the fastest arithmetic that the processor has says of nearly every pair, with a proven bound on its
error, on which side of the answer it lies; the few that lie too close are computed again in double
precision. So the result is that of double precision to the last hit, on any machine and number of
threads, and equal rows tie.

One product serves both directions. Each side meets a sample of the other first: a query whose
answers are already behind `k` others is done, and a pair is computed only while one of its two ends
is not.

Axes: `N` and `M` rows of the two sides, `D` width, `P` pairs that belong together, `K` ranks.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from clara.audio.threads import spread
from clara.evaluate.products import Doubles, Floats, Ints, Keys, Product, ordered

Bools = npt.NDArray[np.bool_]

_ROWS, _COLUMNS = 1024, 1024  # of a tile: its likenesses stay in the cache of a core
_SHARES = (1 / 32, 1 / 8, 1 / 3, 1.0)  # of a side, that the other side meets one after the other
_DENSE = 16  # so many candidates of a row in one tile are counted first, not looked at one by one
_PAIRS = 256  # computed at once, so that they stay in the cache of a core
_PANEL = 8192  # columns that are made ready for the product at once


def both_ways(
    left: Floats, right: Floats, pairs: tuple[Ints, Ints], k: int, *, one_way: bool = False
) -> tuple[Bools, Bools]:
    """Whether each of the `k` nearest on the other side belongs to a row, for the rows of each.

    Equal likenesses count against a row: what does not belong to it comes first.

    Args:
        left: Rows `[N, D]`.
        right: Rows `[M, D]`.
        pairs: Who belong together: places on the left `[P]` and on the right `[P]`, each pair once.
        k: How many ranks.
        one_way: Only the rows on the left look; what is returned for the right says nothing.

    Returns:
        bool `[N, min(k, M)]` and `[M, min(k, N)]`, best rank first.

    >>> hits, _ = both_ways(np.eye(2), np.eye(2), (np.array([0, 1]), np.array([0, 0])), 2)
    >>> hits.tolist()
    [[True, False], [False, True]]
    """
    belong = _Pairs(left, right, *pairs)
    sides = (
        _Side(len(left), min(k, len(right)), pairs[0], belong.likeness),
        _Side(0 if one_way else len(right), min(k, len(left)), pairs[1], belong.likeness),
    )
    product = Product(left, right, pairs, belong.likeness)
    rng = np.random.default_rng(0)  # whose order decides how long it takes, and nothing else
    parts = [
        [product.order(side, part) for part in _parts(rng.permutation(len(rows)))]
        for side, rows in enumerate((left, right))
    ]
    for rows, columns in _rectangles(*parts):
        _sweep(belong, sides, product, rows, columns)
    return sides[0].hits(len(left)), sides[1].hits(len(right))


class _Pairs:
    """Who belong together, by rows of the left.

    Attributes:
        likeness: Of each pair as given `[P]`.
    """

    def __init__(self, left: Floats, right: Floats, mine: Ints, theirs: Ints) -> None:
        self.left, self.right = left, right
        self.likeness = self.exact(mine, theirs)
        self._theirs = theirs[np.argsort(mine, kind="stable")]
        self._ends = np.concatenate([[0], np.cumsum(np.bincount(mine, minlength=len(left)))])

    def exact(self, rows: Ints, columns: Ints) -> Doubles:
        """Likenesses in double precision; every one by the same additions in the same order."""
        return self._dots(rows, columns, np.float64)

    def closely(self, rows: Ints, columns: Ints) -> Doubles:
        """Likenesses in single precision, off by at most `Product.fine`."""
        return self._dots(rows, columns, np.float32)

    def _dots(self, rows: Ints, columns: Ints, kind: type[np.floating[Any]]) -> Doubles:
        found = np.empty(len(rows))
        for start in range(0, len(rows), _PAIRS):
            part = slice(start, start + _PAIRS)
            a = self.left[rows[part]].astype(kind, copy=False)
            b = self.right[columns[part]].astype(kind, copy=False)
            found[part] = np.einsum("nd,nd->n", a, b)
        return found

    def of(self, rows: Ints) -> tuple[Ints, Ints]:
        """The pairs of some rows: places among these rows, and rows on the right."""
        first, counts = self._ends[rows], self._ends[rows + 1] - self._ends[rows]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.repeat(np.arange(len(rows)), counts), self._theirs[
            np.repeat(first, counts) + within
        ]


class _Side:
    """The rows of one side, and how many came before each of their answers so far.

    Args:
        count: How many rows look for answers; the rest of the side is looked at only.
        k: How many ranks.
        owners: Whose answer each pair is `[P]`.
        likeness: Of each pair `[P]`.
    """

    def __init__(self, count: int, k: int, owners: Ints, likeness: Doubles) -> None:
        self.k = k
        self._lock = threading.Lock()
        order = np.lexsort((-likeness, owners)) if count else np.zeros(0, np.int64)
        owners, likeness = owners[order], likeness[order]
        each = np.bincount(owners, minlength=count)
        within = np.arange(len(owners)) - np.repeat(np.cumsum(each) - each, each)
        kept = within < k
        width = int(min(each.max(initial=0), k))
        # Of each row the likenesses of its best answers, best first; what is missing lies lowest.
        self.answers = np.full((count, width), -np.inf)
        self.answers[owners[kept], within[kept]] = likeness[kept]
        self._before = np.zeros((count, width + 1), np.int64)
        self._places = np.arange(width)
        self.bars = np.full(count, np.inf)
        self._settle(np.arange(count))

    def barred(self, rows: Ints) -> Doubles:
        """What a likeness must reach to matter to each row; infinite for rows that are done."""
        return self.bars[rows] if len(self.bars) else np.full(len(rows), np.inf)

    def waiting(self, rows: Ints) -> Bools:
        """Which rows are not done yet."""
        return np.isfinite(self.barred(rows))

    def passed(self, rows: Ints, likeness: Doubles) -> Ints:
        """Behind how many of its row's answers each likeness lies."""
        found: Ints = (self.answers[rows] > likeness[:, None]).sum(axis=1)
        return found

    def count(self, rows: Ints, places: Ints) -> None:
        """Takes in what came before answers: of which row, and before which answer first."""
        with self._lock:
            np.add.at(self._before, (rows, places), 1)
            self._settle(np.unique(rows))

    def give_up(self, rows: Ints, places: Ints) -> None:
        """Takes in that answers, from a place on, have `k` before them."""
        with self._lock:
            self._before[rows, places] += self.k
            self._settle(rows)

    def hits(self, count: int) -> Bools:
        """Whether each rank is an answer."""
        found = np.zeros((count, self.k), dtype=bool)
        rows, places = np.nonzero(self._open(np.arange(len(self.bars))))
        ranks = np.cumsum(self._before, axis=1)[rows, places] + places
        found[rows, ranks] = True
        return found

    def _open(self, rows: Ints) -> Bools:
        """Which answers of some rows are still among the first `k`."""
        ranks = np.cumsum(self._before[rows, :-1], axis=1) + self._places
        still: Bools = (ranks < self.k) & (self.answers[rows] > -np.inf)
        return still

    def _settle(self, rows: Ints) -> None:
        many = self._open(rows).sum(axis=1)
        last = np.maximum(many - 1, 0)
        self.bars[rows] = np.where(many > 0, self.answers[rows, last], np.inf)


def _parts(rows: Ints) -> list[Ints]:
    """The rows of a side, cut into what the other side meets at first, then, and last."""
    ends = [0, *(max(1, round(len(rows) * share)) for share in _SHARES)]
    return [rows[a:b] for a, b in itertools.pairwise(ends) if b > a]


def _rectangles(rows: list[Ints], columns: list[Ints]) -> Iterator[tuple[Ints, Ints]]:
    """All of one side against all of the other: everybody meets the first part first."""
    every = itertools.product(range(len(rows)), range(len(columns)))
    for row, column in sorted(every, key=lambda place: (min(place), max(place))):
        yield rows[row], columns[column]


def _sweep(
    belong: _Pairs, sides: tuple[_Side, _Side], product: Product, rows: Ints, columns: Ints
) -> None:
    """Lets rows and columns meet as far as one of the two is not done yet."""
    for start in range(0, len(columns), _PANEL):
        panel = columns[start : start + _PANEL]
        waiting, asked = (
            side.waiting(each) for side, each in zip(sides, (rows, panel), strict=True)
        )
        # Those that wait meet all, those that are done only those that wait.
        for some, others in ((rows[waiting], panel), (rows[~waiting], panel[asked])):
            if len(some) and len(others):
                _meet(belong, sides, product, some, others)


def _meet(
    belong: _Pairs, sides: tuple[_Side, _Side], product: Product, rows: Ints, columns: Ints
) -> None:
    """Lets all of some rows meet all of some columns, on all cores."""
    b = product.rows(1, columns)
    place = np.full(len(belong.right), -1)
    place[columns] = np.arange(len(columns))
    starts = iter(range(0, len(rows), _ROWS))
    turn = threading.Lock()

    def work(_: object) -> None:
        while True:
            with turn:
                start = next(starts, None)
            if start is None:
                return
            some = rows[start : start + _ROWS]
            a = product.rows(0, some)
            own, theirs = belong.of(some)
            theirs = place[theirs]
            for first in range(0, len(columns), _COLUMNS):
                last = min(first + _COLUMNS, len(columns))
                here = (theirs >= first) & (theirs < last)
                ids = (some, columns[first:last])
                answers = (own[here], theirs[here] - first)
                keys = product.keys(a, b[first:last])
                tile = _Tile(ids, answers, keys, product.errors(*ids))
                for axis, side in enumerate(sides):
                    tile.judge(axis, side, product, belong)

    spread(work, [1] * torch.get_num_threads())


class _Tile:
    """Some rows that have met some columns.

    Args:
        ids: The rows and the columns.
        answers: Who of them belong together, by their places here.
        keys: Their likenesses `[R, C]`, as `Product.keys` gives them.
        errors: How far off those of each row and of each column may be.
    """

    def __init__(
        self,
        ids: tuple[Ints, Ints],
        answers: tuple[Ints, Ints],
        keys: Keys,
        errors: tuple[Doubles, Doubles],
    ) -> None:
        self._ids = ids
        self._errors = errors
        self._answers = answers
        self._keys = keys
        self._sorted = keys.dtype != np.int16
        self._mask()

    def judge(self, axis: int, side: _Side, product: Product, belong: _Pairs) -> None:
        """Takes in for each row of a side what came before its answers."""
        errors = self._errors[axis]
        bars = product.bars(side.barred(self._ids[axis]), errors)
        # Bits compare as floats do as long as what they are compared with is positive.
        if not self._sorted and bars.min() <= 0:
            self._keys = ordered(self._keys)
            self._sorted = True
            self._mask()
        keys = self._keys.T if axis else self._keys
        lines = np.flatnonzero(keys.max(axis=1) >= bars)  # most rows have nothing here
        if not len(lines):
            return
        keys = keys[lines]
        found = keys >= bars[lines, None]
        many = np.count_nonzero(found, axis=1) > _DENSE
        if many.any():
            self._give_up(axis, side, product, lines[many], keys[many])
            bars = product.bars(side.barred(self._ids[axis]), errors)
            found = keys >= bars[lines, None]
        rows, others = np.divmod(np.flatnonzero(found), found.shape[1])
        places = lines[rows]
        low, high = product.between(keys[rows, others], errors[places])
        own, theirs = self._ids[axis][places], self._ids[1 - axis][others]
        first, last = side.passed(own, high), side.passed(own, low)
        # The fewer are left undecided, the more is spent on each.
        for dots, error in ((belong.closely, product.fine), (belong.exact, 0.0)):
            unsure = np.flatnonzero(first != last)
            pair = (theirs[unsure], own[unsure]) if axis else (own[unsure], theirs[unsure])
            about = dots(*pair)
            first[unsure] = side.passed(own[unsure], about + error)
            last[unsure] = side.passed(own[unsure], about - error)
        side.count(own, first)

    def _give_up(self, axis: int, side: _Side, product: Product, dense: Ints, keys: Keys) -> None:
        """Has rows with many candidates `[R]` give up the answers that `k` of these come before."""
        own, errors = self._ids[axis][dense], self._errors[axis][dense]
        for place in range(side.answers.shape[1]):
            real = np.flatnonzero(side.answers[own, place] > -np.inf)
            safe = product.safe(side.answers[own[real], place], errors[real])
            beaten = real[np.count_nonzero(keys[real] >= safe[:, None], axis=1) >= side.k]
            side.give_up(own[beaten], np.full(len(beaten), place))

    def _mask(self) -> None:
        """Puts answers where they come before nothing: they are counted by their exact likeness."""
        whole = self._keys.dtype == np.int16
        self._keys[self._answers] = np.iinfo(np.int16).min if whole else -np.inf
