"""The classifiers of the learning protocols by themselves, against scikit-learn and theory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clara.evaluate.protocols._head import answers, hold_out, learn, standards
from clara.evaluate.protocols._probe import Lesson
from clara.evaluate.protocols._regression import Regression

pytestmark = pytest.mark.usefixtures("one_thread")


def lesson(count: int = 200, classes: int = 5, **more: Any) -> Lesson:
    rng = np.random.default_rng(0)
    values: dict[str, Any] = {
        "x": rng.normal(size=(count, 6)).astype(np.float32),
        "y": np.arange(count) % classes,
        "groups": np.repeat([f"speaker{n}" for n in range(count // 10)], 10).astype(object),
        "held": np.zeros(count, dtype=bool),
        "keys": np.array([f"a/{n}" for n in range(count)], dtype=object),
        "classes": classes,
    }
    return Lesson(**{**values, **more})


def test_the_held_out_part_keeps_speakers_whole() -> None:
    whole = lesson()
    held = hold_out(whole)
    assert 0.08 < held.mean() < 0.2
    assert not set(whole.groups[held]) & set(whole.groups[~held])
    few = replace(whole, groups=np.repeat(["a", "b"], 100).astype(object))
    assert hold_out(few).sum() == 100
    assert hold_out(replace(whole, held=np.arange(200) < 3)).sum() == 3
    # A corpus of which the shards hold nothing but the validation split still has to be learned.
    assert 0.08 < hold_out(replace(whole, held=np.ones(200, dtype=bool))).mean() < 0.2


def test_no_class_is_held_out_whole() -> None:
    rare = lesson(y=np.r_[np.zeros(190, np.int64), np.arange(1, 11)], classes=11)
    alone = replace(rare, groups=rare.keys)
    assert set(alone.y[~hold_out(alone)]) == set(range(11))
    several = replace(alone, y=np.eye(11, dtype=bool)[alone.y])
    assert several.y[~hold_out(several)].any(axis=0).all()


def test_many_groups_are_held_out_at_once() -> None:
    count = 100_000
    rng = np.random.default_rng(0)
    many = lesson(
        x=np.zeros((count, 1), np.float32),
        y=rng.random((count, 50)) < 0.02,
        groups=np.array([f"source{n}" for n in range(count)], dtype=object),
        held=np.zeros(count, dtype=bool),
        keys=np.zeros(count, dtype=object),
        classes=50,
    )
    held = hold_out(many)
    assert 0.08 < held.mean() < 0.2


def test_features_are_measured_without_copies_of_them() -> None:
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(20_000, 3)) * [1, 1e-3, 0] + [5, 1e3, 7.3]).astype(np.float32)
    mean, scale = standards(x, np.ones(len(x), dtype=bool))
    np.testing.assert_allclose(mean, x.astype(np.float64).mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(scale[:2], x.astype(np.float64).std(axis=0)[:2], rtol=1e-5)
    assert scale[2] == 1


@pytest.mark.parametrize("strength", [1e-2, 1.0])
def test_several_labels_are_told_as_scikit_learn_tells_them(strength: float) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    x = (rng.normal(size=(900, 12)) @ rng.normal(size=(12, 12))).astype(np.float32)
    y = x @ rng.normal(size=(12, 6)) / 6 + rng.normal(size=(900, 6)) > rng.uniform(0, 3, 6)
    scaled = StandardScaler().fit_transform(x.astype(np.float64))
    model = OneVsRestClassifier(LogisticRegression(C=strength, tol=1e-8, max_iter=5000))
    wanted = model.fit(scaled, y).decision_function(scaled)
    found = Regression(x, y, 6, strength, 1000)
    assert found.converged
    np.testing.assert_allclose(found(x), wanted, atol=0.02)


def test_one_class_each_is_told_as_scikit_learn_tells_it() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    x = (rng.normal(size=(900, 12)) @ rng.normal(size=(12, 12))).astype(np.float32)
    y = (x @ rng.normal(size=(12, 5)) + 5 * rng.normal(size=(900, 5))).argmax(axis=1)
    scaled = StandardScaler().fit_transform(x.astype(np.float64))
    model = LogisticRegression(C=0.1, tol=1e-8, max_iter=5000).fit(scaled, y)
    found = Regression(x, y, 5, 0.1, 1000)
    assert found.converged
    odds = found(x)
    likely = np.exp(odds - odds.max(axis=1, keepdims=True))
    likely /= likely.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(likely, model.predict_proba(scaled), atol=2e-3)


def test_a_head_learns_several_labels() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 6)).astype(np.float32)
    taught = lesson(600, 3, x=x, y=x[:, :3] > 0.5)
    head, told = learn(taught, hold_out(taught))
    scores = answers(head, x)
    assert ((scores > 0) == taught.y).mean() > 0.9
    assert told["validation_loss"] < 0.4
