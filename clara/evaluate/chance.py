"""How likely differences are by chance alone: exact where they can be, and honest about speakers.

Two models that answer the same questions are compared question by question. If neither is better,
each question on which they differ falls to either side as a coin does: McNemar's exact test (1947).
Questions of one speaker stand or fall together, so there the coin is thrown for the whole speaker.
Models that answer different questions are compared as two samples.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

LEVEL = 0.95
_EXACT = 16  # groups whose every throw of coins is looked at
_THROWS = 19_999
_STEPS = 20_001


class Found(NamedTuple):
    """A difference, and what it is worth.

    Attributes:
        difference: The second less the first.
        low: Lower end of its 95 % interval.
        high: Upper end.
        p: How often chance alone makes one as large, either way.
        test: What says so.
    """

    difference: float
    low: float
    high: float
    p: float
    test: str


def paired(first: Bools, second: Bools, weights: Doubles, groups: Ints | None) -> Found:
    """Of two models on the same questions.

    Args:
        first: Whether each answer of the first was right `[N]`.
        second: Of the second `[N]`.
        weights: How much each question adds to the figure `[N]`; 1 in all.
        groups: Equal where questions are not independent `[N]`; None where all are.

    >>> right = np.array([True] * 90 + [False] * 10)
    >>> found = paired(right[::-1], right, np.full(100, 0.01), None)
    >>> found.difference, found.test, found.p
    (0.0, 'McNemar, exact', 1.0)
    """
    if groups is None and np.all(weights == weights[0]):
        won, lost = int((second & ~first).sum()), int((first & ~second).sum())
        low, high = _of_pairs(won, lost, len(first))
        difference = (won - lost) / len(first)
        return Found(difference, low, high, mcnemar(won, lost), "McNemar, exact")
    gained = weights * (second.astype(np.float64) - first)
    difference = float(gained.sum())
    numbers = np.arange(len(first)) if groups is None else np.unique(groups, return_inverse=True)[1]
    together: Doubles = np.bincount(numbers, gained).astype(np.float64)
    # How far a group is from what its share of the difference would be.
    rest = together - difference * np.bincount(numbers, weights)
    low, high = _around(difference, _error(rest), len(rest) - 1)
    what = "recordings" if groups is None else "speakers or sources"
    test = f"signs of {len(together):,} {what}"
    if 2.0 ** (1 - len(together)) > 1 - LEVEL:
        test += ", too few to show any"
    return Found(difference, low, high, signs(together), test)


def unpaired(
    first: tuple[Bools, Doubles, Ints | None], second: tuple[Bools, Doubles, Ints | None]
) -> Found:
    """Of two models on different questions.

    Args:
        first: Of the first model which answers were right `[N]`, what each weighs, and its group.
        second: Of the second model.
    """
    (right, weights, groups), (other, other_weights, other_groups) = first, second
    shares = [float(right @ weights), float(other @ other_weights)]
    difference = shares[1] - shares[0]
    plain = all(np.all(each == each[0]) for each in (weights, other_weights))
    if groups is None and other_groups is None and plain:
        return _of_two(int(right.sum()), len(right), int(other.sum()), len(other))
    errors, free = zip(*(_of_one(*each) for each in (first, second)), strict=True)
    return _welch(difference, errors, free, "two samples, t")


def of_intervals(
    first: tuple[float, float, float], second: tuple[float, float, float], count: tuple[int, int]
) -> Found:
    """Of two figures of which only the 95 % intervals are known.

    Args:
        first: Figure, lower and upper end.
        second: The same of the second model.
        count: On how many recordings they rest.
    """
    wide = 2 * t_bound(math.inf)
    errors = [(high - low) / wide for _, low, high in (first, second)]
    free = [max(each - 1, 1) for each in count]
    return _welch(second[0] - first[0], errors, free, "two samples, by their intervals")


def mcnemar(won: int, lost: int) -> float:
    """How often so many coins fall at least as far to one side (McNemar's exact test).

    >>> round(mcnemar(8, 1), 4), mcnemar(5, 5), mcnemar(0, 0)
    (0.0391, 1.0, 1.0)
    """
    count, few = won + lost, min(won, lost)
    places = np.arange(few + 1)
    if 2 * few == count:
        return 1.0
    logs = _log_factorial(count)
    terms = logs[count] - logs[places] - logs[count - places] - count * math.log(2)
    return min(1.0, 2 * float(np.exp(terms).sum()))


def signs(gained: Doubles) -> float:
    """How often the sum is as far from nothing when every group falls to either side by a coin.

    Args:
        gained: What the second model has more than the first in each group `[G]`.

    >>> signs(np.ones(5))
    0.0625
    """
    sizes = np.abs(gained[gained != 0])
    reached = abs(float(gained.sum())) * (1 - 1e-9)
    if not len(sizes):
        return 1.0
    if len(sizes) <= _EXACT:
        throws = np.zeros(1)
        for size in sizes:
            throws = np.concatenate([throws - size, throws + size])
        return float(np.mean(np.abs(throws) >= reached))
    rng = np.random.default_rng(0)  # the same answers always give the same p
    # Groups with equal gains are thrown together, for there are few different ones.
    kinds, counts = np.unique(np.round(sizes / sizes.max(), 9), return_counts=True)
    throws = np.zeros(_THROWS)
    for kind, count in zip(kinds * sizes.max(), counts, strict=True):
        throws += kind * (2 * rng.binomial(count, 0.5, _THROWS) - count)
    return float((1 + np.sum(np.abs(throws) >= reached)) / (1 + _THROWS))


def holm(found: list[float]) -> list[float]:
    """Each p as it counts among so many tests (Holm 1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted, least = [0.0] * len(found), 0.0
    for place, number in enumerate(sorted(range(len(found)), key=found.__getitem__)):
        least = max(least, min(1.0, (len(found) - place) * found[number]))
        adjusted[number] = least
    return adjusted


def t_tail(t: float, free: float) -> float:
    """How often Student's t with so many degrees of freedom is as far from nothing.

    >>> round(t_tail(2.228139, 10), 4), round(t_tail(1.959964, math.inf), 4)
    (0.05, 0.05)
    """
    if math.isinf(free):
        return math.erfc(abs(t) / math.sqrt(2))
    turns, inside = _student(free)
    return max(0.0, 1 - float(np.interp(math.atan(abs(t) / math.sqrt(free)), turns, inside)))


def t_bound(free: float) -> float:
    """How far from nothing Student's t is once in twenty times.

    >>> round(t_bound(4), 3), round(t_bound(math.inf), 3)
    (2.776, 1.96)
    """
    if math.isinf(free):
        return NormalDist().inv_cdf((1 + LEVEL) / 2)
    turns, inside = _student(free)
    return math.sqrt(free) * math.tan(float(np.interp(LEVEL, inside, turns)))


def _student(free: float) -> tuple[Doubles, Doubles]:
    """How often Student's t lies below sqrt(free) tan(turn), its sign aside, for many turns."""
    # So written its density is a power of a cosine, which is smooth. Where many are free next to
    # nothing is left behind a t of 40.
    last = math.pi / 2 if free < 100 else math.atan(40 / math.sqrt(free))
    turns = np.linspace(0, last, _STEPS)
    density = np.cos(turns) ** (free - 1)
    whole = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return turns, whole / whole[-1]


def _of_pairs(won: int, lost: int, count: int) -> tuple[float, float]:
    """The interval of a difference of pairs, with half a win and loss more (Agresti, Min 2005)."""
    won_, lost_, count_ = won + 0.5, lost + 0.5, count + 2.0
    middle = (won_ - lost_) / count_
    error = math.sqrt(max(0.0, (won_ + lost_) / count_ - middle**2) / count_)
    low, high = _around(middle, error, math.inf)
    observed = (won - lost) / count
    return min(low, observed), max(high, observed)


def _of_two(right: int, count: int, other: int, other_count: int) -> Found:
    """Two shares: the test with one share for both, the interval by Agresti and Caffo (2000)."""
    shares = right / count, other / other_count
    common = (right + other) / (count + other_count)
    error = math.sqrt(common * (1 - common) * (1 / count + 1 / other_count))
    p = t_tail((shares[1] - shares[0]) / error, math.inf) if error else 1.0
    more = [((hits + 1) / (of + 2), of + 2) for hits, of in ((right, count), (other, other_count))]
    wide = math.sqrt(sum(share * (1 - share) / of for share, of in more))
    low, high = _around(more[1][0] - more[0][0], wide, math.inf)
    difference = shares[1] - shares[0]
    return Found(difference, min(low, difference), max(high, difference), p, "two shares, z")


def _of_one(right: Bools, weights: Doubles, groups: Ints | None) -> tuple[float, float]:
    """The standard error of a weighted share, and its degrees of freedom."""
    share = float(right @ weights)
    rest = weights * (right - share)
    if groups is not None:
        rest = np.bincount(np.unique(groups, return_inverse=True)[1], rest)
    return _error(rest), len(rest) - 1


def _error(rest: Any) -> float:
    count = len(rest)
    return math.sqrt(count / (count - 1) * float(np.square(rest).sum())) if count > 1 else math.inf


def _welch(difference: float, errors: Any, free: Any, test: str) -> Found:
    error = math.hypot(*errors)
    if not math.isfinite(error):
        return Found(difference, -1.0, 1.0, 1.0, test)
    if not error:
        return Found(difference, difference, difference, float(difference == 0), test)
    # Welch and Satterthwaite: by how much each of the two is known.
    spread = sum(each**4 / of for each, of in zip(errors, free, strict=True))
    own = error**4 / spread if spread else math.inf
    low, high = _around(difference, error, own)
    return Found(difference, low, high, t_tail(difference / error, own), test)


def _around(middle: float, error: float, free: float) -> tuple[float, float]:
    if not math.isfinite(error) or free < 1:
        return -1.0, 1.0
    wide = t_bound(free) * error
    return max(-1.0, middle - wide), min(1.0, middle + wide)


def _log_factorial(count: int) -> Doubles:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
