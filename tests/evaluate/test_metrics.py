"""Figures against scikit-learn, against theory, and against what would flatter a model."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from clara.evaluate import metrics


@pytest.fixture
def guesses() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.integers(0, 5, 200), rng.normal(size=(200, 5)).astype(np.float32)


def test_classification_figures_equal_scikit_learn(guesses) -> None:
    truth, scores = guesses
    predicted = scores.argmax(1)
    assert metrics.accuracy(truth, predicted) == reference.accuracy_score(truth, predicted)
    macro = reference.recall_score(truth, predicted, average="macro")
    assert metrics.macro_recall(truth, predicted) == pytest.approx(macro)
    for k in (1, 2, 4):
        expected = reference.top_k_accuracy_score(truth, scores, k=k)
        assert metrics.top_k(truth, scores, k) == pytest.approx(expected)
    counted = metrics.confusion(truth, predicted, 5)
    assert np.array_equal(counted, reference.confusion_matrix(truth, predicted))


def test_average_precision_equals_scikit_learn_also_with_ties() -> None:
    rng = np.random.default_rng(2)
    relevant = rng.random((300, 4)) < 0.2
    scores = rng.integers(0, 20, (300, 4)) / 20
    expected = reference.average_precision_score(relevant, scores, average="macro")
    assert metrics.mean_average_precision(relevant, scores) == pytest.approx(expected)


def test_classes_without_support_do_not_count() -> None:
    truth = np.array([0, 0, 2])
    assert metrics.macro_recall(truth, np.array([0, 1, 2])) == 0.75
    relevant = np.array([[True, False], [False, False]])
    assert metrics.mean_average_precision(relevant, np.array([[0.9, 0.9], [0.1, 0.1]])) == 1.0


def test_retrieval_of_an_identity_is_perfect() -> None:
    rows = np.eye(30, dtype=np.float32)
    own = [np.array([i]) for i in range(30)]
    hits = metrics.ranked(rows, rows, own, 10)
    assert metrics.recall_at(hits, 1) == 1.0
    assert metrics.map_at(hits, np.ones(30, int)) == 1.0


def test_a_model_that_says_always_the_same_gains_nothing() -> None:
    same = np.ones((40, 8), dtype=np.float32)
    own = [np.array([i]) for i in range(40)]
    hits = metrics.ranked(same, same, own, 10)
    assert metrics.recall_at(hits, 10) == 0.0
    assert metrics.top_k(np.zeros(4, int), np.zeros((4, 6)), 5) == 0.0


@pytest.mark.parametrize("count", [1, 3, 2000])
def test_ranks_equal_a_plain_sort(count: int) -> None:
    rng = np.random.default_rng(count)
    queries, gallery = rng.normal(size=(count, 6)), rng.normal(size=(50, 6))
    relevant = [rng.choice(50, size=rng.integers(1, 15), replace=False) for _ in range(count)]
    hits = metrics.ranked(queries, gallery, relevant, 10)
    for row in range(min(count, 20)):
        order = np.argsort(-(gallery @ queries[row]))[:10]
        assert hits[row].tolist() == np.isin(order, relevant[row]).tolist()


def test_a_gallery_smaller_than_k() -> None:
    rows = np.eye(3, dtype=np.float32)
    hits = metrics.ranked(rows, rows, [np.array([i]) for i in range(3)], 10)
    assert hits.shape == (3, 3)
    assert metrics.recall_at(hits, 10) == 1.0
    assert metrics.map_at(hits, np.ones(3, int), 10) == 1.0


def test_map_at_k_is_one_when_all_ranks_answer_though_more_answers_exist() -> None:
    assert metrics.map_at(np.ones((1, 10), bool), np.array([25]), 10) == 1.0


def test_random_rows_are_found_by_chance() -> None:
    rng = np.random.default_rng(3)
    queries, gallery = rng.normal(size=(4000, 8)), rng.normal(size=(100, 8))
    own = [np.array([i % 100]) for i in range(4000)]
    assert metrics.recall_at(metrics.ranked(queries, gallery, own, 10), 10) == pytest.approx(
        0.1, abs=0.02
    )


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(400):
        low, high = metrics.interval([rng.random(60) < 0.7], rounds=2000)
        covered += low <= 0.7 <= high
    assert 0.91 <= covered / 400 <= 0.99


def test_the_interval_contains_the_mean_and_never_vanishes() -> None:
    for hits in (np.ones(2, bool), np.zeros(2, bool), np.array([True, False])):
        low, high = metrics.interval([hits])
        assert low <= hits.mean() <= high
        assert high - low > 0.3


def test_the_interval_of_folds_is_of_the_mean_of_folds() -> None:
    small, large = np.ones(10, bool), np.zeros(1000, bool)
    low, high = metrics.interval([small, large])
    assert 0.35 < low < 0.5 <= high < 0.52


def test_the_interval_repeats() -> None:
    hits = np.arange(50) % 3 == 0
    assert metrics.interval([hits]) == metrics.interval([hits])
