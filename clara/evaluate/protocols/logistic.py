"""Logistic regression on frozen embeddings, standardised on the training part.

The same classifier on log-mel means and deviations (`clara.encoders.baseline`) is the floor that a
model must beat. Its one setting, the strength of regularisation, is chosen inside the training part
by cross-validation that keeps a speaker or source on one side, never on what is tested.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from clara.embed import Encoder
from clara.errors import MissingExtraError
from clara.evaluate.embedded import EmbeddedIndex
from clara.evaluate.metrics import Floats, Ints
from clara.evaluate.protocols._probe import Lesson, probe
from clara.evaluate.tasks import Task
from clara.records import Scores

__all__ = ["run"]

_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
_FOLDS = 3
_STEPS = 1000


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


def _fit(lesson: Lesson, tested: Floats) -> tuple[Floats, Mapping[str, Any]]:
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    # Products this small take far longer to share out among threads than to compute.
    with threadpool_limits(1):
        found = {strength: _validated(lesson, strength) for strength in _STRENGTHS}
        best = max(found, key=lambda strength: (found[strength], -strength))
        scores, reached = _scores(lesson.x, lesson.y, tested, lesson.classes, best)
    return scores, {"C": best, "cross_validated": found[best], "converged": reached}


def _validated(lesson: Lesson, strength: float) -> float:
    """The accuracy over the training part, each recording judged by a fit that had not seen it."""
    right = []
    for learned, judged in _folds(lesson):
        scores, _ = _scores(
            lesson.x[learned], lesson.y[learned], lesson.x[judged], lesson.classes, strength
        )
        right.append(scores.argmax(axis=1) == lesson.y[judged])
    return float(np.mean(np.concatenate(right))) if right else 0.0


def _folds(lesson: Lesson) -> Iterator[tuple[Ints, Ints]]:
    from sklearn.model_selection import StratifiedGroupKFold

    # A single speaker cannot be kept apart from itself: then recordings are.
    groups = lesson.groups if len(set(lesson.groups)) > 1 else np.arange(len(lesson.y))
    folds = StratifiedGroupKFold(min(_FOLDS, len(set(groups))), shuffle=True, random_state=0)
    with warnings.catch_warnings():
        # A class with fewer recordings than folds is fine: it is missing from some folds.
        warnings.filterwarnings("ignore", message="The least populated class")
        for learned, judged in folds.split(lesson.x, lesson.y, groups):
            if len(np.unique(lesson.y[learned])) > 1 and len(judged):
                yield learned, judged


def _scores(
    x: Floats, y: Ints, tested: Floats, classes: int, strength: float
) -> tuple[Floats, bool]:
    """Log-odds of each class `[N, C]`, and whether the fit converged."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(x)
    model = LogisticRegression(C=strength, max_iter=_STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(scaler.transform(x), y)
    scores = np.full((len(tested), classes), -np.inf)
    odds = model.decision_function(scaler.transform(tested))
    # Of two classes only the second gets a number.
    scores[:, model.classes_] = odds if odds.ndim > 1 else np.stack([-odds, odds], axis=1)
    return scores, bool(np.max(model.n_iter_) < _STEPS)
