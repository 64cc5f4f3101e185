"""Figures against scikit-learn, against theory, and against what would flatter a model."""

from __future__ import annotations

import itertools

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


@pytest.mark.parametrize("ties", [True, False])
def test_multi_label_figures_equal_torchmetrics(ties: bool) -> None:
    import torch
    from torchmetrics.functional.classification import multilabel_average_precision as theirs

    rng = np.random.default_rng(5)
    relevant = rng.random((120, 9)) < 0.15
    relevant[:, 7:] = rng.permutation(np.eye(120, 2, dtype=bool))  # of one recording each
    scores = rng.random((120, 9)).astype(np.float32)
    if ties:
        scores = np.round(scores, 1)
    each = theirs(
        torch.from_numpy(scores), torch.from_numpy(relevant).long(), num_labels=9, average="none"
    )
    assert metrics.average_precisions(relevant, scores)[0] == pytest.approx(each.numpy(), abs=1e-6)


def test_recall_figures_equal_torchmetrics() -> None:
    import torch
    from torchmetrics.functional.classification import multiclass_recall as theirs

    rng = np.random.default_rng(6)
    truth, scores = rng.integers(0, 7, 300), rng.random((300, 7))
    for k in (1, 3, 5):
        for average, ours in (("macro", metrics.macro_top_k), ("micro", metrics.top_k)):
            expected = theirs(
                torch.from_numpy(scores), torch.from_numpy(truth), 7, average=average, top_k=k
            )
            assert ours(truth, scores, k) == pytest.approx(expected.item(), abs=1e-6)
    predicted = scores.argmax(axis=1)
    assert metrics.macro_top_k(truth, scores, 1) == metrics.macro_recall(truth, predicted)


def test_retrieval_figures_equal_torchmetrics_where_all_ranks_count() -> None:
    import torch
    from torchmetrics.functional import retrieval as theirs

    rng = np.random.default_rng(7)
    queries, gallery = rng.normal(size=(40, 5)), rng.normal(size=(25, 5))
    relevant = [rng.choice(25, size=rng.integers(1, 9), replace=False) for _ in range(40)]
    hits = metrics.ranked(queries, gallery, relevant, 25)
    answers = np.array([len(each) for each in relevant])
    likeness = torch.from_numpy(queries @ gallery.T).sigmoid()  # none below 0 is found by theirs
    truth = torch.zeros(40, 25, dtype=torch.bool)
    for row, places in enumerate(relevant):
        truth[row, places] = True
    each = list(zip(likeness, truth, strict=True))
    precisions = [theirs.retrieval_average_precision(*pair).item() for pair in each]
    assert metrics.precision_at(hits, answers, 25) == pytest.approx(precisions, abs=1e-6)
    for k in (1, 5, 10):
        expected = np.mean([theirs.retrieval_hit_rate(*pair, top_k=k).item() for pair in each])
        assert metrics.recall_at(hits, k) == pytest.approx(expected)


def test_average_precision_at_k_equals_the_sum_that_defines_it() -> None:
    rng = np.random.default_rng(8)
    for k in (1, 3, 5, 10):
        for _ in range(50):
            answers = int(rng.integers(1, 8))
            hits = rng.permutation(np.arange(12) < answers)
            expected = 0.0
            for rank in range(1, k + 1):
                if hits[rank - 1]:
                    expected += hits[:rank].sum() / rank
            expected /= min(answers, k)
            (found,) = metrics.precision_at(hits[None], np.array([answers]), k)
            assert found == pytest.approx(expected)


def test_the_first_rank_alone_has_one_figure_by_two_names() -> None:
    hits = np.random.default_rng(9).random((50, 10)) < 0.3
    answers = np.full(50, 4)
    assert metrics.map_at(hits, answers, 1) == metrics.recall_at(hits, 1)


@pytest.mark.parametrize(("count", "true"), [(2, 1), (7, 3), (5, 5)])
def test_chance_of_average_precision_is_its_mean_over_all_orders(count: int, true: int) -> None:
    relevant = np.arange(count) < true
    orders = itertools.permutations(range(count))
    mean = np.mean([metrics.average_precision(relevant, np.array(order)) for order in orders])
    assert metrics.chance_of_average_precision(relevant[:, None]) == pytest.approx(mean)


def test_one_recording_and_one_class() -> None:
    assert metrics.mean_average_precision(np.array([[True]]), np.array([[0.3]])) == 1.0
    assert metrics.chance_of_average_precision(np.array([[True]])) == 1.0
    assert metrics.top_k(np.array([0]), np.array([[0.3]]), 1) == 1.0
    assert metrics.macro_top_k(np.array([0]), np.array([[0.3]]), 1) == 1.0


def test_scores_that_tie_are_one_step_whatever_their_order() -> None:
    relevant = np.array([True, False, False, True, False])
    assert metrics.average_precision(relevant, np.zeros(5)) == pytest.approx(0.4)
    assert metrics.average_precision(relevant[::-1], np.zeros(5)) == pytest.approx(0.4)


def test_each_class_is_sorted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(10)
    relevant = rng.random((200, 50)) < 0.05
    scores = rng.normal(size=(200, 50)).astype(np.float32)
    sorted_, sort = [], np.sort

    def counted(values: np.ndarray) -> np.ndarray:
        sorted_.append(len(values))
        return sort(values)

    monkeypatch.setattr(np, "sort", counted)
    metrics.average_precisions(relevant, scores)
    # Its scores, and those of its own recordings among them.
    present = int(relevant.any(axis=0).sum())
    assert sum(sorted_) == present * len(scores) + int(relevant.sum())
