"""What is called chance is chance: p-values and intervals keep what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from clara.evaluate import chance

ROUNDS = 400


def alike(count: int) -> np.ndarray:
    return np.full(count, 1 / count)


def test_mcnemar_is_the_binomial_test() -> None:
    stats = pytest.importorskip("scipy.stats")
    for won, lost in [(0, 1), (1, 1), (3, 9), (9, 3), (0, 40), (180, 220), (5000, 5200)]:
        expected = stats.binomtest(won, won + lost).pvalue
        assert chance.mcnemar(won, lost) == pytest.approx(expected, rel=1e-6)


def test_students_t_is_that_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for free in (1, 2, 3.7, 10, 200, 1e5):
        for t in (0.0, 0.5, 2.0, 6.0):
            expected = 2 * stats.t.sf(t, free)
            assert chance.t_tail(t, free) == pytest.approx(expected, abs=2e-6)
        assert chance.t_bound(free) == pytest.approx(stats.t.ppf(0.975, free), rel=1e-3)


def test_signs_are_exact_for_few_groups_and_near_it_for_many() -> None:
    rng = np.random.default_rng(0)
    for count in (1, 4, 10):
        gained = rng.normal(size=count)
        throws = np.array(np.meshgrid(*[[-1, 1]] * count)).reshape(count, -1).T @ np.abs(gained)
        expected = np.mean(np.abs(throws) >= abs(gained.sum()) * (1 - 1e-9))
        assert chance.signs(gained) == expected
    ones = np.concatenate([np.ones(140), -np.ones(110)])
    assert chance.signs(ones) == pytest.approx(chance.mcnemar(140, 110), abs=0.005)
    assert chance.signs(np.zeros(30)) == 1.0


def test_holm_is_that_of_statsmodels_by_hand() -> None:
    assert chance.holm([]) == []
    assert chance.holm([0.5]) == [0.5]
    adjusted = chance.holm([0.001, 0.2, 0.012, 0.04])
    assert adjusted == pytest.approx([0.004, 0.2, 0.036, 0.08])


def share_of_alarms(test: str, difference: float, rng: np.random.Generator) -> tuple[float, float]:
    """How often p is below 0.05, and how often the interval holds the true difference."""
    alarms = held = 0
    for _ in range(ROUNDS):
        if test in ("pairs", "two samples"):
            count = 300
            base = rng.random(count)
            first = rng.random(count) < 0.6
            if test == "pairs":
                second = np.where(base < 0.5, first, rng.random(count) < 0.6 + 2 * difference)
                found = chance.paired(first, second, alike(count), None)
            else:
                second = rng.random(count + 50) < 0.6 + difference
                found = chance.unpaired(
                    (first, alike(count), None), (second, alike(count + 50), None)
                )
        else:
            # 24 speakers, each easier or harder for either model by its own measure.
            groups = np.repeat(np.arange(24), 20)
            ease = rng.normal(0, 0.15, (2, 24))
            likely = np.clip(0.55 + np.array([[0.0], [difference]]) + ease, 0, 1)
            first, second = (rng.random(480) < likely[model][groups] for model in (0, 1))
            if test == "speakers":
                found = chance.paired(first, second, alike(480), groups)
            else:
                found = chance.unpaired((first, alike(480), groups), (second, alike(480), groups))
        alarms += found.p < 0.05
        held += found.low <= difference <= found.high
    return alarms / ROUNDS, held / ROUNDS


@pytest.mark.parametrize("test", ["pairs", "speakers", "two samples", "two samples of speakers"])
def test_alarms_come_at_the_stated_rate_and_real_differences_are_found(test: str) -> None:
    rng = np.random.default_rng(7)
    alarms, held = share_of_alarms(test, 0.0, rng)
    # 5 %, and three standard errors of so many rounds. Exact tests of counts may stay below.
    assert 0.015 <= alarms <= 0.083
    assert 0.92 <= held <= 0.985
    power, held = share_of_alarms(test, 0.2, rng)
    assert power > 0.9
    assert 0.92 <= held <= 0.985


def test_forgetting_the_speakers_would_raise_false_alarms() -> None:
    rng = np.random.default_rng(8)
    groups = np.repeat(np.arange(24), 20)
    naive = 0
    for _ in range(200):
        likely = np.clip(0.55 + rng.normal(0, 0.15, (2, 24)), 0, 1)
        first, second = (rng.random(480) < likely[model][groups] for model in (0, 1))
        naive += chance.paired(first, second, alike(480), None).p < 0.05
    assert naive / 200 > 0.12


def test_the_difference_is_that_of_means_over_parts() -> None:
    rng = np.random.default_rng(9)
    first, second = rng.random(30) < 0.5, rng.random(30) < 0.8
    weights = np.concatenate([np.full(10, 1 / 20), np.full(20, 1 / 40)])
    found = chance.paired(first, second, weights, None)
    means = [(each[:10].mean() + each[10:].mean()) / 2 for each in (first, second)]
    assert found.difference == pytest.approx(means[1] - means[0])
    assert found.low < found.difference < found.high


@pytest.mark.parametrize("same", [True, False])
def test_answers_that_are_all_alike(same: bool) -> None:
    right = np.ones(20, dtype=bool)
    other = right if same else ~right
    for found in (
        chance.paired(right, other, alike(20), None),
        chance.unpaired((right, alike(20), None), (other, alike(20), None)),
    ):
        assert found.difference == (0 if same else -1)
        assert (found.p > 0.9) == same
        assert found.low <= found.difference <= found.high


def test_one_speaker_proves_nothing() -> None:
    first, second = np.zeros(50, dtype=bool), np.ones(50, dtype=bool)
    one = np.zeros(50, dtype=np.int64)
    found = chance.paired(first, second, alike(50), one)
    assert (found.p, found.low, found.high) == (1.0, -1.0, 1.0)
    found = chance.unpaired((first, alike(50), one), (second, alike(50), one))
    assert (found.p, found.low, found.high) == (1.0, -1.0, 1.0)


def test_intervals_alone_will_do() -> None:
    found = chance.of_intervals((0.5, 0.45, 0.55), (0.62, 0.57, 0.67), (400, 400))
    assert found.p == pytest.approx(math.erfc(0.12 / (0.1 / 3.92 * 2**0.5) / 2**0.5), rel=0.1)
    assert 0.04 < found.low < found.difference < found.high < 0.2
