"""From class scores of recordings to the `Scores` of a classification task.

What stands in `Scores.detail` of a classification: "primary" (the main figure's name), "classes",
"confusion" (counts, true class by row), "majority" (accuracy of the best constant answer), "parts"
(figures of each tested split), "left_out" (why recordings did not count), "overlap" (recordings
whose source, and so do not count, or speaker was trained on), "met" (`EmbeddedIndex.met`),
"classes_without_support", and what the protocol adds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clara.errors import UsageError
from clara.evaluate import intervals, metrics
from clara.evaluate.embedded import EmbeddedIndex, Part
from clara.evaluate.metrics import Bools, Floats, Ints
from clara.evaluate.tasks import FOLDS, TASKS, Task
from clara.records import Labels, Outcomes, Scores

NEEDED = 2  # a choice between fewer classes is none


@dataclass(frozen=True, slots=True)
class Judged:
    """The recordings of one tested split with a score for each class.

    Attributes:
        split: Its name.
        truth: The class of each recording, a place in all classes of the task `[N]`.
        candidates: The classes that could be chosen, places in all classes `[C]`.
        scores: Of each candidate `[N, C]`.
        detail: What the protocol has to say of this split.
        keys: The names of the recordings; none where runs are not to be compared one by one.
        groups: Of each recording, who speaks or what it was cut from; none where each stands alone.
    """

    split: str
    truth: Ints
    candidates: Ints
    scores: Floats
    detail: Mapping[str, Any] = field(default_factory=dict)
    keys: Sequence[str] = ()
    groups: Sequence[object] = ()

    @property
    def predicted(self) -> Ints:
        """The chosen class of each recording, a place in all classes `[N]`."""
        chosen: Ints = self.candidates[self.scores.argmax(axis=1)]
        return chosen

    @property
    def places(self) -> Ints:
        """`truth` as places among the candidates `[N]`."""
        places: Ints = np.searchsorted(self.candidates, self.truth)
        return places


def grouped(*parts: Part) -> Sequence[object]:
    """What `Judged.groups` says of parts: none where in one of them each recording stands alone."""
    told = [part for part in parts if part.grouped_by != "recording"]
    groups = [name for part in told for name in part.groups.tolist()]
    return groups if len(groups) == sum(len(part.rows) for part in parts) else []


def has_several(task: Task, labels: Iterable[Labels]) -> bool:
    """Whether recordings have several of the task's labels each, as it or as they say."""
    return task.several or any(len(each.get(task.target, ())) > 1 for each in labels)


def targets(labels: Sequence[Labels], kind: str, classes: Sequence[str]) -> Ints:
    """The class of each recording `[N]`; -1 where it has none of the classes.

    >>> targets([{"gender": ("man",)}, {}], "gender", ["man", "woman"]).tolist()
    [0, -1]
    """
    place = {name: number for number, name in enumerate(classes)}
    firsts = (next(iter(each.get(kind, ())), "") for each in labels)
    return np.array([place.get(first, -1) for first in firsts], dtype=np.int64)


def relevance(labels: Sequence[Labels], kind: str, classes: Sequence[str]) -> Bools:
    """Whether each recording has each class `[N, C]`.

    >>> relevance([{"sound": ("dog", "rain")}, {}], "sound", ["cat", "dog", "rain"]).tolist()
    [[False, True, True], [False, False, False]]
    """
    place = {name: number for number, name in enumerate(classes)}
    marked = np.zeros((len(labels), len(classes)), dtype=bool)
    pairs = [
        (row, place[name])
        for row, each in enumerate(labels)
        for name in each.get(kind, ())
        if name in place
    ]
    if pairs:
        marked[tuple(np.array(pairs).T)] = True
    return marked


def classification(
    task: Task,
    protocol: str,
    data: EmbeddedIndex,
    judged: Sequence[Judged],
    left_out: Mapping[str, int],
    detail: Mapping[str, Any],
) -> Scores:
    """The figures of a classification, the mean over its tested splits.

    Args:
        task: What was asked.
        protocol: How it was measured.
        data: Says what the encoder has seen of each split.
        judged: The tested splits, those that the encoder was trained on included: they get figures
            of their own but no part in the headline, unless there is nothing else.
        left_out: Reasons why recordings did not count, and how many.
        detail: What the protocol has to say.

    Raises:
        UsageError: No split could be judged.
    """
    if not judged:
        reasons = "; ".join(left_out) or "it holds no recording with this label"
        raise UsageError(f"{task.name} cannot be measured by {protocol}: {reasons}.")
    classes = data.classes(task)
    clean = headline(task, data, judged)
    counted = [part.split for part in clean]
    hits = [part.predicted == part.truth for part in clean]
    low, high = metrics.interval(hits)
    values = {
        "accuracy": float(np.mean([np.mean(part) for part in hits])),
        "accuracy_low": low,
        "accuracy_high": high,
        "macro_recall": _mean(metrics.macro_recall(p.truth, p.predicted) for p in clean),
    }
    sure = intervals.of_macro_recall([(p.truth, h) for p, h in zip(clean, hits, strict=True)])
    values["macro_recall_low"], values["macro_recall_high"] = sure
    for k in (3, 5):
        if min(len(part.candidates) for part in clean) > k:
            values[f"top{k}"] = _mean(metrics.top_k(p.places, p.scores, k) for p in clean)
            each = (metrics.macro_top_k(p.places, p.scores, k) for p in clean)
            values[f"macro_recall@{k}"] = _mean(each)
    if len(clean) > 1:
        values["accuracy_pooled"] = float(np.mean(np.concatenate(hits)))
    counts = sum(metrics.confusion(p.truth, p.predicted, len(classes)) for p in clean)
    shown = sorted({int(c) for part in clean for c in part.candidates})
    return Scores(
        task=task_name(task, counted),
        protocol=protocol,
        encoder=data.encoder.name,
        values=values,
        support=sum(len(part.truth) for part in clean),
        chance=_mean(1 / len(part.candidates) for part in clean),
        seen=data.seen(task.corpus, counted),
        detail={
            "primary": "accuracy",
            "majority": _mean(metrics.majority_share(part.truth) for part in clean),
            "classes": [classes[c] for c in shown],
            "confusion": np.asarray(counts)[np.ix_(shown, shown)].tolist(),
            "classes_without_support": [c for i, c in enumerate(classes) if i not in shown],
            "parts": [
                _part(part, data.seen(task.corpus, [part.split]), counted) for part in judged
            ],
            "left_out": dict(left_out),
            "overlap": data.overlap(task.corpus, counted),
            "met": data.met(task.corpus, counted),
            **detail,
        },
        outcomes=_outcomes(clean, hits),
    )


def _outcomes(clean: Sequence[Judged], hits: Sequence[Bools]) -> Outcomes | None:
    """Which answers were right, if the recordings have names."""
    if not all(len(part.keys) == len(part.truth) for part in clean):
        return None
    groups = [name for part in clean for name in part.groups]
    splits = [part.split for part in clean for _ in part.keys] if len(clean) > 1 else []
    right = np.concatenate(hits)
    keys = [key for part in clean for key in part.keys]
    return Outcomes.over(keys, right, groups if len(groups) == len(keys) else (), splits)


def headline(task: Task, data: EmbeddedIndex, judged: Sequence[Judged]) -> list[Judged]:
    """The judged splits of the headline, or all where none of these could be judged."""
    clean = [part for part in judged if part.split in data.headline(task)]
    return clean or list(judged)


def multi_label(
    task: Task,
    protocol: str,
    data: EmbeddedIndex,
    parts: Sequence[Part],
    relevant: Bools,
    scores: Floats,
    detail: Mapping[str, Any],
) -> Scores:
    """The figures of a task whose recordings have several labels each.

    Args:
        task: What was asked.
        protocol: How it was measured.
        data: Says what the encoder has seen of each split.
        parts: The recordings of the headline's splits, `N` together.
        relevant: Whether each has each class `[N, C]`.
        scores: Of each class `[N, C]`.
        detail: What the protocol has to say.

    Returns:
        mAP (macro, over the classes with support), and how often the first answer is right at all.

    Raises:
        UsageError: All recordings have the same labels, so that every order of them is right.
    """
    splits = data.headline(task)
    present = relevant.any(axis=0)
    if not present.any() or (relevant == relevant[0]).all():
        raise UsageError(
            f"{task.name} cannot be measured by {protocol}: {'+'.join(splits)} holds no two "
            f"recordings with different labels {task.target!r}."
        )
    first = np.take_along_axis(relevant, scores.argmax(axis=1)[:, None], axis=1)[:, 0]
    low, high = metrics.interval([first])
    precisions, influence = metrics.average_precisions(relevant, scores)
    map_low, map_high = intervals.around(float(precisions.mean()), influence)
    classes = data.classes(task)
    names = [classes[c] for c in np.flatnonzero(present)]
    keys = [key for part in parts for key in part.rows.keys]
    return Scores(
        task=task_name(task, splits),
        protocol=protocol,
        encoder=data.encoder.name,
        values={
            "map": float(precisions.mean()),
            "map_low": map_low,
            "map_high": map_high,
            "accuracy_any": float(first.mean()),
            "accuracy_any_low": low,
            "accuracy_any_high": high,
        },
        support=len(relevant),
        chance=metrics.chance_of_average_precision(relevant),
        seen=data.seen(task.corpus, splits),
        detail={
            "primary": "map",
            "chance_accuracy_any": float(relevant.mean()),
            "precision_by_class": dict(zip(names, precisions.tolist(), strict=True)),
            "classes_without_support": [classes[c] for c in np.flatnonzero(~present)],
            "overlap": data.overlap(task.corpus, splits),
            "met": data.met(task.corpus, splits),
            **detail,
        },
        outcomes=Outcomes.over(keys, first, grouped(*parts), figure="accuracy_any"),
    )


def task_name(task: Task, counted: Sequence[str]) -> str:
    """The task's name; with the splits where they are not the official ones."""
    official = TASKS[task.name].split if task.name in TASKS else "test"
    plain = task.split in (official, FOLDS)
    return task.name if plain else f"{task.name}@{'+'.join(counted)}"


def _part(part: Judged, seen: str, counted: Sequence[str]) -> dict[str, Any]:
    return {
        "split": part.split,
        "seen": seen,
        "counted": part.split in counted,
        "accuracy": metrics.accuracy(part.truth, part.predicted),
        "support": len(part.truth),
        "classes": len(part.candidates),
        **part.detail,
    }


def _mean(values: Any) -> float:
    return float(np.mean(list(values)))
