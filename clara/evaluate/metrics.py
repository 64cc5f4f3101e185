"""The figures: accuracy and its interval, recall, top-k, average precision, retrieval.

All are pure functions of arrays, over a whole test set at once: none is averaged over batches.
Axes: `N` recordings, `C` classes, `Q` queries, `G` members of a gallery, `K` ranks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from clara.evaluate.intervals import ENDS
from clara.evaluate.ranking import both_ways

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_COLUMNS = 32  # classes that are turned at once


def accuracy(truth: Ints, predicted: Ints) -> float:
    """The share of recordings `[N]` whose class is predicted (micro average).

    >>> accuracy(np.array([0, 1, 1, 1]), np.array([0, 1, 1, 0]))
    0.75
    """
    assert truth.shape == predicted.shape
    assert len(truth)
    return float(np.mean(truth == predicted))


def macro_recall(truth: Ints, predicted: Ints) -> float:
    """The mean over classes of the share of its recordings that are found (unweighted recall).

    Classes without a recording are left out.

    >>> macro_recall(np.array([0, 1, 1, 1]), np.array([0, 1, 1, 0]))
    0.8333333333333333
    """
    assert truth.shape == predicted.shape
    assert len(truth)
    return float(np.mean([np.mean(predicted[truth == each] == each) for each in np.unique(truth)]))


def top_k(truth: Ints, scores: Floats, k: int) -> float:
    """The share of recordings whose class is among the `k` best.

    Ties count against the true class: a model that gives every class one score gains nothing.

    Args:
        truth: Classes `[N]`.
        scores: Of each class `[N, C]`.
        k: How many may be named.

    >>> top_k(np.array([2, 0]), np.array([[0.1, 0.5, 0.4], [0.3, 0.3, 0.3]]), 2)
    0.5
    """
    return float(np.mean(_before(truth, scores) < k))


def macro_top_k(truth: Ints, scores: Floats, k: int) -> float:
    """The mean over classes of the share of its recordings that are among the `k` best.

    Args:
        truth: Classes `[N]`.
        scores: Of each class `[N, C]`.
        k: As in `top_k`.

    >>> scores = np.array([[0.1, 0.5, 0.4], [0.9, 0.3, 0.2], [0.2, 0.3, 0.5]])
    >>> macro_top_k(np.array([2, 0, 1]), scores, 2), macro_top_k(np.array([2, 2, 1]), scores, 2)
    (1.0, 0.75)
    """
    found = _before(truth, scores) < k
    return float(np.mean([found[truth == each].mean() for each in np.unique(truth)]))


def confusion(truth: Ints, predicted: Ints, classes: int) -> Ints:
    """How often each true class (row) was given each class (column).

    Returns:
        Counts `[C, C]`.

    >>> confusion(np.array([0, 1, 1]), np.array([0, 0, 1]), 2).tolist()
    [[1, 0], [1, 1]]
    """
    flat = np.bincount(truth * classes + predicted, minlength=classes * classes)
    return flat.reshape(classes, classes).astype(np.int64)


def majority_share(truth: Ints) -> float:
    """The accuracy of always naming the most frequent class of `truth` `[N]`.

    >>> majority_share(np.array([0, 1, 1, 1]))
    0.75
    """
    return float(np.bincount(truth).max() / len(truth))


def interval(hits: Sequence[Bools], *, rounds: int = 20_000) -> tuple[float, float]:
    """The bootstrap interval of a mean of shares (one share for each part, as for folds).

    The Bayesian bootstrap (Rubin 1981) over recordings, with half a hit and half a miss added to
    each part (Jeffreys' prior): unlike the plain one it does not shrink to nothing where a few
    recordings are all hits. Recordings count as independent; how much speakers or rooms differ is
    not in it.

    Args:
        hits: For each part, whether each recording was right `[N]`.
        rounds: How many draws.

    Returns:
        The lower and the upper end; the observed mean lies between.

    >>> low, high = interval([np.ones(10, bool)])
    >>> round(low, 2), high
    (0.79, 1.0)
    """
    assert hits
    assert all(len(part) for part in hits)
    rng = np.random.default_rng(0)  # the same hits always give the same interval
    draws = np.zeros(rounds)
    for part in hits:
        right = int(part.sum())
        draws += rng.beta(right + 0.5, len(part) - right + 0.5, size=rounds)
    draws /= len(hits)
    mean = float(np.mean([part.mean() for part in hits]))
    low, high = np.quantile(draws, ENDS)
    return min(float(low), mean), max(float(high), mean)


def average_precision(relevant: Bools, scores: Floats) -> float:
    """The area under the precision-recall steps, equal scores being one step.

    Args:
        relevant: `[N]`, at least one true.
        scores: `[N]`.

    >>> average_precision(np.array([True, False, True]), np.array([0.9, 0.8, 0.7]))
    0.8333333333333333
    """
    assert relevant.any()
    return float(_Steps(relevant, scores).precision.mean())


def mean_average_precision(relevant: Bools, scores: Floats) -> float:
    """The mean over classes of `average_precision` (macro), for recordings with several labels.

    Args:
        relevant: Whether each recording has each label `[N, C]`.
        scores: `[N, C]`.

    Classes without a recording are left out.
    """
    return float(np.mean([average_precision(*each) for each in _columns(relevant, scores)]))


def average_precisions(relevant: Bools, scores: Floats) -> tuple[Floats, Floats]:
    """The average precision of each class that has a recording, in order.

    Args:
        relevant: Whether each recording has each label `[N, C]`, some of them true.
        scores: `[N, C]`.

    Returns:
        The average precisions `[P]`; and by how much their mean moves, times `N`, if a recording
        weighs more `[N]`, for `clara.evaluate.intervals`.
    """
    found, total = [], np.zeros(len(scores))
    for known, likeness in _columns(relevant, scores):
        steps = _Steps(known, likeness)
        found.append(steps.precision.mean())
        total += steps.influence()
    return np.array(found), total / len(found)


def chance_of_average_precision(relevant: Bools) -> float:
    """What `mean_average_precision` comes to, on average, where every order is equally likely.

    Of a class with P of N recordings, rank k is true with probability P / N, and then as many of
    the others before it as of all: for few recordings this is far more than P / N.

    Args:
        relevant: Whether each recording has each label `[N, C]`.

    >>> chance_of_average_precision(np.array([[True], [False]]))
    0.75
    """
    count = len(relevant)
    true = relevant.sum(axis=0)
    true = true[true > 0]
    harmonic = float(np.sum(1 / np.arange(1, count + 1)))
    others = (true - 1) / max(count - 1, 1)
    return float(np.mean((harmonic + others * (count - harmonic)) / count))


def _columns(relevant: Bools, scores: Floats) -> Iterator[tuple[Bools, Floats]]:
    """Each class that has a recording; rows of the transpose lie in one piece, and sort faster."""
    present = np.flatnonzero(relevant.any(axis=0))
    assert len(present)
    for first in range(0, len(present), _COLUMNS):
        some = present[first : first + _COLUMNS]
        yield from zip(relevant[:, some].T.copy(), scores[:, some].T.copy(), strict=True)


class _Steps:
    """The precision at each true recording of a class, and what each recording does to their mean.

    With weights the mean, weighted, over true recordings p, is of A(p) / B(p): the weight of the
    true ones, and of all, that score no less. The influence is its derivative at equal weights.

    Attributes:
        precision: At the true ones, from the lowest score up.
    """

    def __init__(self, relevant: Bools, scores: Floats) -> None:
        self.relevant, self.scores = relevant, scores
        self._true = np.sort(scores[relevant])
        above = len(self._true) - np.searchsorted(self._true, self._true)  # A(p)
        self._all_above = len(scores) - np.searchsorted(np.sort(scores), self._true)  # B(p)
        self.precision = above / self._all_above

    def influence(self) -> Floats:
        """By how much the mean moves, times `N`, if a recording weighs more `[N]`."""
        # A recording is in A and B of every true one that it does not lie below.
        gain = np.append(0.0, np.cumsum(1 / self._all_above))
        loss = np.append(0.0, np.cumsum(self.precision / self._all_above))
        passed = np.searchsorted(self._true, self.scores, side="right")
        moved = -loss[passed]
        own = passed[self.relevant]
        moved[self.relevant] += self.precision[own - 1] - self.precision.mean() + gain[own]
        scaled: Floats = moved * (len(self.scores) / len(self._true))
        return scaled


def ranked(queries: Floats, gallery: Floats, relevant: Sequence[Ints], k: int) -> Bools:
    """Whether each of the `k` nearest members of the whole gallery answers its query.

    Equal scores count against the query: what does not answer it comes first.

    Args:
        queries: `[Q, D]`.
        gallery: `[G, D]`.
        relevant: For each query, the places of its answers in the gallery, at least one.
        k: How many ranks; fewer are returned if the gallery is smaller.

    Returns:
        `[Q, min(k, G)]`, best rank first.
    """
    assert len(queries) == len(relevant)
    own = np.repeat(np.arange(len(relevant)), [len(places) for places in relevant])
    pairs = own, np.concatenate([np.zeros(0, np.int64), *relevant])
    return both_ways(queries, gallery, pairs, k, one_way=True)[0]


def recall_at(hits: Bools, k: int) -> float:
    """The share of queries with an answer among the first `k` ranks of `ranked` `[Q, K]`.

    >>> recall_at(np.array([[False, True], [False, False]]), 2)
    0.5
    """
    return float(hits[:, :k].any(axis=1).mean())


def map_at(hits: Bools, answers: Ints, k: int = 10) -> float:
    """The mean average precision of the first `k` ranks (mAP@k), of `precision_at`.

    >>> map_at(np.array([[True, False, True]]), np.array([2]), k=3)
    0.8333333333333333
    """
    return float(precision_at(hits, answers, k).mean())


def precision_at(hits: Bools, answers: Ints, k: int) -> Floats:
    """The average precision of the first `k` ranks, of each query `[Q]`.

    Args:
        hits: As `ranked` returns them `[Q, K]`.
        answers: How many answers each query has in the gallery `[Q]`.
        k: How many ranks count; the best possible value of a query is 1 even with more answers.
    """
    hits = hits[:, :k]
    precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    found: Floats = (precision * hits).sum(axis=1) / np.minimum(answers, k)
    return found


def _before(truth: Ints, scores: Floats) -> Ints:
    """How many other classes score no less than the true one `[N]`."""
    assert scores.shape[0] == len(truth) > 0
    own = np.take_along_axis(scores, truth[:, None], axis=1)
    before: Ints = (scores >= own).sum(axis=1) - 1
    return before
