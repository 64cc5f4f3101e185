"""Likenesses of very many pairs in the fastest arithmetic there is, with a bound on their error.

Rows are rotated so that their weight lies in the first directions, and cut to as many as pay: what
is left out of two rows adds at most the product of its lengths to their likeness (Cauchy-Schwarz).
What remains is rounded to bf16 where the processor multiplies that faster.
"""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

Floats = npt.NDArray[np.floating[Any]]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[Any]

_ROWS = 4096
_ROUND = 128
_WIDTHS = (32, 64, 128)
_SAMPLE = 1024  # rows of each side by which the rotation and the width are chosen
_SMALL = 1 << 24  # pairs below which nothing is worth the search for the fastest way
_SURE, _UNSURE = 0.01, 1500.0  # what a pair costs: for each direction, and if it stays undecided
_HUGE = 1e30


class Product:
    """Likenesses of rows of two sides.

    They are given as keys: numbers in the order of the likenesses, with one for what a likeness is
    compared with.

    Args:
        left: Rows `[N, D]`.
        right: Rows `[M, D]`.
        pairs: Who belong together, by rows `[P]` of both: likenesses are compared with theirs.
        likeness: Of those pairs `[P]`.

    Attributes:
        kind: What rows are rounded to.
        width: How many directions are left of them.
        fine: How far off a likeness of whole rows in float32 is at most.
    """

    def __init__(
        self, left: Floats, right: Floats, pairs: tuple[Ints, Ints], likeness: Doubles
    ) -> None:
        sides = (left, right)
        large = len(left) * len(right) > _SMALL
        self.kind = _fastest() if large else torch.float32
        self._relative = 2.0**-8 if self.kind == torch.bfloat16 else 0.0
        turn = _rotation(sides, pairs, likeness) if large else None
        self.width = left.shape[1] if turn is None else turn.shape[1]
        self._sides = [_Reduced.of(rows, turn, self.kind) for rows in sides]
        (norm, off), (other, other_off) = ((each.norm, each.off) for each in self._sides)
        # What each of so many additions in float32 may lose, twice: half of it is to spare.
        added = left.shape[1] * 2.0**-23 * (norm + off) * (other + other_off)
        self.fine = left.shape[1] * 2.0**-22 * norm * other + 1e-30
        self._base = off * (other + other_off) + norm * other_off + added + 1e-30
        assert np.isfinite(self._base)

    def order(self, side: int, rows: Ints) -> Ints:
        """Some rows of a side so that those with like errors lie together."""
        return rows[np.argsort(self._sides[side].tails[rows], kind="stable")]

    def rows(self, side: int, rows: Ints) -> torch.Tensor:
        """Some rows of a side as they are multiplied."""
        return self._sides[side].rows(rows)

    def errors(self, rows: Ints, columns: Ints) -> tuple[Doubles, Doubles]:
        """How far off the likenesses of each row, and of each column, are before rounding."""
        tails = [each.tails[own] for each, own in zip(self._sides, (rows, columns), strict=True)]
        worst = [float(each.max(initial=0)) for each in tails]
        return tails[0] * worst[1] + self._base, tails[1] * worst[0] + self._base

    def keys(self, a: torch.Tensor, b: torch.Tensor) -> Keys:
        """Likenesses `[R, C]`; where all that they are compared with is positive, as keys."""
        # Torch keeps a program for every shape it has multiplied: of shapes there are to be few.
        return _numbers(_filled(a) @ _filled(b).T)[: len(a), : len(b)]

    def bars(self, likeness: Doubles, errors: Doubles) -> Keys:
        """Keys that no likeness of at least so much stays below."""
        low = likeness - errors
        return self._key(low - 2 * self._relative * np.minimum(np.abs(low), _HUGE))

    def safe(self, likeness: Doubles, errors: Doubles) -> Keys:
        """Keys that no lesser likeness reaches."""
        high = likeness + errors
        return self._key(high + 2 * self._relative * np.minimum(np.abs(high), _HUGE))

    def between(self, keys: Keys, errors: Doubles) -> tuple[Doubles, Doubles]:
        """Between which likenesses those of some keys lie."""
        about = keys
        if self.kind == torch.bfloat16:
            about = torch.from_numpy(ordered(keys)).view(torch.bfloat16).float().numpy()
        about = about.astype(np.float64)
        off = errors + self._relative * np.abs(about)
        return about - off, about + off

    def _key(self, likeness: Doubles) -> Keys:
        return ordered(_numbers(torch.from_numpy(likeness).to(self.kind)))


@dataclass(frozen=True, slots=True)
class _Reduced:
    """The rows of a side as they are multiplied.

    Attributes:
        whole: The rows as they were given `[N, D]`.
        kept: The same, rotated, cut and rounded `[N, W]`; made when asked for if None.
        kind: What they are rounded to.
        tails: Of each row, the length of what was cut off `[N]`.
        norm: The greatest length of a row.
        off: The greatest length of what rotating and rounding changed in a row.
    """

    whole: Floats
    kept: torch.Tensor | None
    kind: torch.dtype
    tails: npt.NDArray[np.float32]
    norm: float
    off: float

    @classmethod
    def of(cls, whole: Floats, turn: torch.Tensor | None, kind: torch.dtype) -> _Reduced:
        kept = None if turn is None else torch.empty((len(whole), turn.shape[1]), dtype=kind)
        tails = np.zeros(len(whole), np.float32)
        norm = off = turned = 0.0
        for start in range(0, len(whole), _ROWS):
            part = slice(start, start + _ROWS)
            rows = torch.from_numpy(whole[part])
            lengths = rows.double().norm(dim=1)
            if turn is not None and kept is not None:
                rows = rows.float() @ turn
                # What float32 may do to the sums of a row, and so to its length.
                lost = turn.shape[0] * 2.0**-23 * turn.shape[1] ** 0.5 * lengths
                sure = (rows.double().norm(dim=1) - lost).clamp(min=0)
                rest = (lengths.square() - sure.square()).clamp(min=0).sqrt()
                tails[part] = rest.float().numpy() * np.float32(1 + 1e-6)
                kept[part] = rows.to(kind)
                turned = max(turned, float(lost.max()))
            norm = max(norm, float(lengths.max()))
            off = max(off, float((rows.double() - rows.to(kind).double()).norm(dim=1).max()))
        return cls(whole, kept, kind, tails, norm, off + turned)

    def rows(self, rows: Ints) -> torch.Tensor:
        """Some of them."""
        if self.kept is not None:
            return self.kept[torch.from_numpy(rows)]
        return torch.from_numpy(self.whole[rows]).to(self.kind)


def ordered(keys: Keys) -> Keys:
    """Numbers in the order of the floats whose bits they are; and the other way round.

    >>> bits = torch.tensor([-2.0, -1.0, 0.0, 3.0], dtype=torch.bfloat16).view(torch.int16).numpy()
    >>> bool((np.diff(ordered(bits)) > 0).all()), bool((ordered(ordered(bits)) == bits).all())
    (True, True)
    """
    # Positive floats are in the order of their bits, negative ones in the opposite order.
    return keys ^ ((keys >> 15) & 0x7FFF) if keys.dtype == np.int16 else keys


def _filled(rows: torch.Tensor) -> torch.Tensor:
    """Rows with zeros behind them, up to a round number."""
    return torch.nn.functional.pad(rows, (0, 0, 0, -len(rows) % _ROUND))


def _numbers(values: torch.Tensor) -> Keys:
    """For numpy, which compares whole numbers of 16 bits many times as fast as torch bf16."""
    numbers: Keys = (values.view(torch.int16) if values.dtype == torch.bfloat16 else values).numpy()
    return numbers


@functools.cache
def _fastest() -> torch.dtype:
    """The kind of number that this processor multiplies fastest, if it does so as it should."""
    rng = np.random.default_rng(0)
    rows = torch.from_numpy(rng.standard_normal((512, 512)).astype(np.float32) / 512**0.5)
    half = rows.bfloat16()
    taken = []
    for each in (rows, half):
        each @ each.T
        begun = time.perf_counter()
        product = each @ each.T
        taken.append(time.perf_counter() - begun)
    exact = half.double() @ half.double().T
    # What adds up in bf16 too is far off, and no bound here holds for it.
    sound = bool(((product.double() - exact).abs() <= 2.0**-8 * exact.abs() + 2.0**-14).all())
    return torch.bfloat16 if sound and taken[1] < taken[0] else torch.float32


def _rotation(
    sides: tuple[Floats, Floats], pairs: tuple[Ints, Ints], likeness: Doubles
) -> torch.Tensor | None:
    """The directions of most weight `[D, W]`, as many as make ranking cheapest; None for all."""
    rng = np.random.default_rng(0)
    some = rng.integers(0, len(likeness), _SAMPLE)
    samples = [
        torch.from_numpy(rows[own[some]]).double() for rows, own in zip(sides, pairs, strict=True)
    ]
    weight = sum(rows.T @ rows / rows.square().sum().clamp(min=1e-30) for rows in samples)
    _, directions = torch.linalg.eigh(weight)
    directions = directions.flip(1)
    turned = [rows @ directions for rows in samples]
    likest = torch.from_numpy(likeness[some])
    above = turned[0] @ turned[1].T - likest[:, None]
    # Those with many before their answer are done early: it is the others that meet everybody.
    last = (above > 0).sum(dim=1).argsort(stable=True)[: _SAMPLE // 16]
    gap = above[last].abs()
    best, cheapest = None, _SURE * len(directions)
    for width in _WIDTHS:
        if 2 * width > len(directions):
            break
        tails = [rows[:, width:].norm(dim=1) for rows in turned]
        undecided = float((gap <= tails[0][last, None] * tails[1] + 2.0**-8).double().mean())
        cost = _SURE * width + _UNSURE * undecided
        if cost < cheapest:
            best, cheapest = width, cost
    return None if best is None else directions[:, :best].float().contiguous()
