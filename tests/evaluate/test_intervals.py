"""Intervals against the plain bootstrap, against how often they hold, and at the ends."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from clara.evaluate import intervals, metrics


def resampled(figure: Callable[[np.ndarray], float], count: int) -> tuple[float, float]:
    """The plain bootstrap: the figure of recordings drawn with replacement, a thousand times."""
    rng = np.random.default_rng(0)
    draws = [figure(rng.integers(0, count, count)) for _ in range(1000)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def test_of_a_mean_it_is_that_of_the_plain_bootstrap() -> None:
    values = np.random.default_rng(1).random(300) ** 2
    expected = resampled(lambda rows: values[rows].mean(), 300)
    assert intervals.of_mean(values) == pytest.approx(expected, abs=0.01)


def test_queries_of_one_recording_count_as_one() -> None:
    rng = np.random.default_rng(2)
    # Captions of a recording are all found or none: a hundred recordings, not five hundred.
    groups = np.repeat(np.arange(100), 5)
    found = np.repeat(rng.random(100) < 0.6, 5)
    together = resampled(lambda rows: found.reshape(100, 5)[rows].mean(), 100)
    assert intervals.of_mean(found, groups) == pytest.approx(together, abs=0.01)
    alone = intervals.of_mean(found)
    assert alone[1] - alone[0] < 0.6 * (together[1] - together[0])
    order = rng.permutation(500)
    assert intervals.of_mean(found[order], groups[order]) == pytest.approx(together, abs=0.01)


def test_of_macro_recall_it_is_that_of_the_plain_bootstrap() -> None:
    rng = np.random.default_rng(3)
    truth = rng.choice(3, size=600, p=[0.1, 0.3, 0.6])
    right = rng.random(600) < np.array([0.2, 0.5, 0.9])[truth]
    predicted = np.where(right, truth, 3)
    expected = resampled(lambda rows: metrics.macro_recall(truth[rows], predicted[rows]), 600)
    assert intervals.of_macro_recall([(truth, right)]) == pytest.approx(expected, abs=0.015)


def test_of_folds_it_is_narrower_by_the_root_of_their_number() -> None:
    rng = np.random.default_rng(4)
    parts = [(rng.integers(0, 2, 200), rng.random(200) < 0.5) for _ in range(4)]
    one = intervals.of_macro_recall(parts[:1])
    four = intervals.of_macro_recall(parts)
    assert (four[1] - four[0]) / (one[1] - one[0]) == pytest.approx(0.5, abs=0.05)


def multi_label(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    relevant = rng.random((count, 6)) < np.array([0.05, 0.1, 0.1, 0.2, 0.3, 0.5])
    scores = rng.normal(size=(count, 6)) + relevant + rng.normal(size=(count, 1))
    return relevant, np.round(scores, 1)  # with ties


def test_of_average_precision_it_is_that_of_the_plain_bootstrap() -> None:
    relevant, scores = multi_label(np.random.default_rng(5), 800)
    figure, influence = metrics.average_precisions(relevant, scores)
    found = intervals.around(figure.mean(), influence)
    expected = resampled(
        lambda rows: metrics.mean_average_precision(relevant[rows], scores[rows]), 800
    )
    assert found[1] - found[0] == pytest.approx(expected[1] - expected[0], rel=0.15)
    assert found == pytest.approx(expected, abs=0.03)


def test_of_average_precision_it_holds_as_often_as_it_says() -> None:
    rng = np.random.default_rng(6)
    tests = [metrics.average_precisions(*multi_label(rng, 250)) for _ in range(200)]
    figures = [precisions.mean() for precisions, _ in tests]
    # What a test of this size comes to on average; average precision falls as tests grow.
    truth = np.mean(figures)
    held = 0
    for figure, (_, influence) in zip(figures, tests, strict=True):
        low, high = intervals.around(figure, influence, rounds=2000)
        held += low <= truth <= high
    assert 0.9 <= held / 200 <= 0.99


def test_influence_is_the_derivative_of_average_precision() -> None:
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(7)
    relevant, scores = rng.random(30) < 0.3, rng.integers(0, 12, 30) / 3.0
    figure, influence = metrics.average_precisions(relevant[:, None], scores[:, None])
    assert influence.sum() == pytest.approx(0, abs=1e-9)
    for row in range(30):
        weights = np.ones(30)
        weights[row] += 1e-6
        moved = average_precision_score(relevant, scores, sample_weight=weights)
        assert influence[row] / 30 == pytest.approx((moved - figure[0]) / 1e-6, abs=1e-4)


@pytest.mark.parametrize("count", [1, 2, 50])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_few_that_are_all_right_are_not_sure(count: int, value: float) -> None:
    low, high = intervals.of_mean(np.full(count, value))
    assert low <= value <= high
    assert high - low > 0.5 / count
    # As the interval of accuracies, by Jeffreys' prior.
    assert (low, high) == pytest.approx(metrics.interval([np.full(count, bool(value))]), abs=0.02)


def test_it_lies_between_nothing_and_all() -> None:
    low, high = intervals.around(0.5, np.array([9.0, -9.0]))
    assert 0 <= low < 0.1 < 0.9 < high <= 1
