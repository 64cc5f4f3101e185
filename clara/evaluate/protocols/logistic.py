"""Logistic regression on frozen embeddings, standardised on the training part.

The same classifier on log-mel means and deviations (`clara.encoders.baseline`) is the floor that a
model must beat. Its one setting, the strength of regularisation, is chosen inside the training part
by cross-validation that keeps a speaker or source on one side, never on what is tested. Of several
labels for each recording each is a question of its own, yes or no (one against the rest).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from clara.embed import Encoder
from clara.errors import MissingExtraError
from clara.evaluate.embedded import EmbeddedIndex, Part
from clara.evaluate.metrics import Floats, Ints
from clara.evaluate.protocols._head import mean_loss
from clara.evaluate.protocols._probe import Lesson, probe
from clara.evaluate.protocols._regression import Regression
from clara.evaluate.tasks import Task
from clara.records import Scores

__all__ = ["run"]

_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
_FOLDS = 3
_STEPS = 1000
# Of large data: more logits than these are large, and the strength is chosen on a sample of so many
# (yet of `_ENOUGH` recordings). Such fits end after fewer steps, each of which costs seconds.
_LARGE = 1_000_000
_ENOUGH = 10_000
_FEW_STEPS = 50


def run(task: Task, encoder: Encoder, data: EmbeddedIndex) -> Scores:
    """Learns a linear classifier from the training part and judges it on the test part.

    Raises:
        MissingExtraError: scikit-learn is not installed.
        UsageError: The shards hold nothing to learn from or to test on.
    """
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("logistic regression", "eval") from error
    return probe(task, "logistic", data, _fit)


def _fit(lesson: Lesson, tested: Part) -> tuple[Floats, Mapping[str, Any]]:
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    # Products of small data take far longer to share out among threads than to compute.
    with threadpool_limits(None if _large(lesson) else 1):
        sample = _sampled(lesson)
        found = {strength: _validated(sample, strength) for strength in _STRENGTHS}
        best = max(found, key=lambda strength: (found[strength], -strength))
        scores, reached = _scores(lesson, tested.rows.vectors, best)
    told = {"C": best, "cross_validated": found[best], "converged": reached}
    return scores, told if sample is lesson else {**told, "C_chosen_on": len(sample.y)}


def _large(lesson: Lesson) -> bool:
    return len(lesson.y) * lesson.classes > _LARGE


def _sampled(lesson: Lesson) -> Lesson:
    """What the strength is chosen on: all, or a part of large data."""
    size = max(_LARGE // lesson.classes, _ENOUGH)
    if not _large(lesson) or size >= len(lesson.y):
        return lesson
    rng = np.random.default_rng(lesson.seed)
    return lesson.only(np.sort(rng.choice(len(lesson.y), size, replace=False)))


def _validated(lesson: Lesson, strength: float) -> float:
    """How well the training part is told, each recording judged by a fit that had not seen it.

    Returns:
        The accuracy; of several labels the binary cross-entropy, less than 0 to be the more the
        better: average precision is often perfect at any strength, however little is learned.
    """
    truth, found = [], []
    for learned, judged in _folds(lesson):
        scores, _ = _scores(lesson.only(learned), lesson.x[judged], strength)
        truth.append(lesson.y[judged])
        found.append(scores)
    if not found:
        return 0.0
    scores, wanted = np.concatenate(found), np.concatenate(truth)
    if lesson.several:
        return -mean_loss(scores, wanted)
    return float(np.mean(scores.argmax(axis=1) == wanted))


def _folds(lesson: Lesson) -> Iterator[tuple[Ints, Ints]]:
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    # A single speaker cannot be kept apart from itself: then recordings are.
    groups = lesson.groups if len(set(lesson.groups)) > 1 else np.arange(len(lesson.y))
    count = min(_FOLDS, len(set(groups)))
    if not lesson.several:  # of one recording of each class none can be spared
        count = min(count, int(np.bincount(lesson.y).max()))
    if count < 2:
        return
    # Several labels have no one class to spread evenly.
    folds = (
        GroupKFold(count)
        if lesson.several
        else StratifiedGroupKFold(count, shuffle=True, random_state=lesson.seed)
    )
    with warnings.catch_warnings():
        # A class with fewer recordings than folds is fine: it is missing from some folds.
        warnings.filterwarnings("ignore", message="The least populated class")
        for learned, judged in folds.split(lesson.x, lesson.y, groups):
            if len(judged) and (lesson.several or len(np.unique(lesson.y[learned])) > 1):
                yield learned, judged


def _scores(lesson: Lesson, tested: Floats, strength: float) -> tuple[Floats, bool]:
    """Log-odds of each class `[N, C]`, and whether the fit converged."""
    if lesson.several or _large(lesson):
        steps = _FEW_STEPS if _large(lesson) else _STEPS
        model = Regression(lesson.x, lesson.y, lesson.classes, strength, steps)
        return model(tested), model.converged
    return _plain(lesson.x, lesson.y, tested, lesson.classes, strength)


def _plain(
    x: Floats, y: npt.NDArray[Any], tested: Floats, classes: int, strength: float
) -> tuple[Floats, bool]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(x)
    model = LogisticRegression(C=strength, max_iter=_STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Many classes of few recordings are no regression, as scikit-learn suspects.
        warnings.filterwarnings("ignore", message="The number of unique classes")
        model.fit(scaler.transform(x), y)
    scores = np.full((len(tested), classes), -np.inf)
    odds = model.decision_function(scaler.transform(tested))
    # Of two classes only the second gets a number.
    scores[:, model.classes_] = odds if odds.ndim > 1 else np.stack([-odds, odds], axis=1)
    return scores, bool(np.max(model.n_iter_) < _STEPS)
