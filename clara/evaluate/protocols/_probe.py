"""What both probes and fine-tuning share: what a classifier learns from, and is judged on.

A classifier judged on "test" learns from "train" and "valid", one of a fold from the other folds,
one of "valid" from "train"; never from what was cut from a tested source. A class counts where both
sides hold it. Recordings may have one label of the kind asked for, or several.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from clara.errors import UsageError
from clara.evaluate import seen
from clara.evaluate.embedded import EmbeddedIndex, Part, label_sets
from clara.evaluate.metrics import Bools, Floats, Ints
from clara.evaluate.scoring import (
    NEEDED,
    Judged,
    classification,
    grouped,
    has_several,
    headline,
    multi_label,
    relevance,
    targets,
)
from clara.evaluate.tasks import Task
from clara.hashes import distinct
from clara.records import Scores


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a classifier learns from.

    Attributes:
        x: Features `[N, W]`.
        y: Classes `[N]`, from 0 to `classes` - 1; or whether each recording has each label
            `[N, C]`.
        groups: Of each recording, its speaker or source `[N]`.
        held: Which recordings are the corpus's own validation split `[N]`; none may be.
        keys: Of each recording, "corpus/key" `[N]`.
        classes: How many classes there are `C`.
        seed: Of whatever is drawn.
    """

    x: Floats
    y: npt.NDArray[Any]
    groups: npt.NDArray[np.object_]
    held: Bools
    keys: npt.NDArray[np.object_]
    classes: int
    seed: int = 0

    @property
    def several(self) -> bool:
        """Whether a recording may have several labels."""
        return self.y.ndim == 2

    def only(self, rows: Ints | Bools) -> Lesson:
        """A part of it."""
        own = {name: getattr(self, name)[rows] for name in ("x", "y", "groups", "held", "keys")}
        return replace(self, **own)


Fit = Callable[[Lesson, Part], tuple[Floats, Mapping[str, Any]]]
"""Learns, and gives scores `[N, C]` for what is tested and what is to be said of the fit."""


class _Case(NamedTuple):
    """A tested split: what is learned for it, what is asked, and what is right.

    Attributes:
        lesson: The training part.
        asked: What is tested; nothing if there is no question.
        truth: Of each, its class `[N]`, or whether it has each class `[N, C]`, among all classes.
        candidates: The classes that both sides hold, places in all classes.
        detail: What is to be said of the training part.
        left_out: Why recordings of the split do not count, and how many.
    """

    lesson: Lesson
    asked: Part
    truth: npt.NDArray[Any]
    candidates: Ints
    detail: Mapping[str, Any]
    left_out: Mapping[str, int]


def probe(task: Task, protocol: str, data: EmbeddedIndex, fit: Fit) -> Scores:
    """Judges a classifier that learns from the training part of a corpus (V-D).

    Args:
        task: What is asked.
        protocol: The classifier's name.
        data: The embedded recordings.
        fit: The classifier.

    Raises:
        UsageError: The shards hold nothing to learn from or to test on.
    """
    tested = data.tested(task)
    lessons = {split: _learned(task, data, split) for split in tested}
    held = {one for split in tested for one in (*seen.each(split), *lessons[split])}
    view = data.index.select(corpora=[task.corpus]).select(splits=sorted(held))
    several = has_several(task, label_sets(view))
    left_out = dict(data.left_out(task.corpus, tested))
    judged: list[tuple[Judged, Part]] = []
    grouped_by: set[str] = set()
    for split, learned in lessons.items():
        parts = {each: _apart(task, data, each, split) for each in learned}
        grouped_by |= {part.grouped_by for part in parts.values()}
        case = _case(task, data, split, parts, several)
        left_out |= case.left_out
        if len(case.asked.rows):
            scores, told = fit(case.lesson, case.asked)
            detail, keys, groups = (
                {**case.detail, **told},
                case.asked.rows.keys,
                grouped(case.asked),
            )
            found = Judged(split, case.truth, case.candidates, scores, detail, keys, groups)
            judged.append((found, case.asked))
    told = {
        "features": "the encoder's output before the projection head"
        if data.has_features
        else "the encoder's embeddings",
        "grouped_by": sorted(grouped_by),
    }
    if several:
        return _multi(task, protocol, data, judged, {**told, "left_out": left_out})
    return classification(task, protocol, data, [each for each, _ in judged], left_out, told)


def _learned(task: Task, data: EmbeddedIndex, split: str) -> list[str]:
    tested = seen.each(split)
    present = [each for each in data.splits(task.corpus) if each not in tested]
    if all(each.startswith("fold") for each in tested):
        learned = [each for each in present if each.startswith("fold")]
    else:
        wanted = ("train",) if "valid" in tested else ("train", "valid")
        learned = [each for each in present if each in wanted]
    if not learned:
        raise UsageError(
            f"A probe of {task.name} on {split} needs recordings to learn from, but of "
            f"{task.corpus} the shards hold {split} only; prepare its other splits too."
        )
    return learned


def _apart(task: Task, data: EmbeddedIndex, learned: str, split: str) -> Part:
    """A split to learn from, without what was cut from a source of the tested one."""
    view = data.index.select(corpora=[task.corpus])
    tested = distinct(view.select(splits=seen.each(split)).hashes("source"))
    met = seen.among(view.select(splits=[learned]).hashes("source"), tested)
    return data.part(task.corpus, learned, features=True).only(~met)


def _case(
    task: Task, data: EmbeddedIndex, split: str, learned: Mapping[str, Part], several: bool
) -> _Case:
    mine = list(learned.values())
    tested = data.counted(task.corpus, split, features=True)
    y, truth = _truth(task, data, mine, several), _truth(task, data, [tested], several)
    candidates = np.intersect1d(_held(y), _held(truth))
    # What has other labels still shows what several labels each are not.
    kept = _known(y) if several else np.isin(y, candidates)
    asked = _has(truth, candidates)
    left_out = {
        f"{split}: {why}": int(those.sum())
        for why, those in (
            (f"no {task.target} is known", ~_known(truth)),
            ("no class that the training part has", _known(truth) & ~asked),
        )
        if those.any()
    }
    if len(candidates) < NEEDED or kept.sum() < NEEDED:
        asked = np.zeros_like(asked)
        left_out = {f"{split} shares fewer than {NEEDED} classes with the rest": len(truth)}
    lesson = Lesson(
        x=np.concatenate([part.rows.vectors for part in mine])[kept],
        y=y[kept][:, candidates] if several else np.searchsorted(candidates, y[kept]),
        groups=np.concatenate([part.groups for part in mine])[kept],
        held=np.repeat([each == "valid" for each in learned], [len(p.rows) for p in mine])[kept],
        keys=np.array([key for part in mine for key in part.rows.keys], dtype=object)[kept],
        classes=len(candidates),
        seed=data.seed,
    )
    told: dict[str, Any] = {"learned_from": list(learned), "trained_on": len(lesson.y)}
    everything = data.index.select(corpora=[task.corpus]).select(splits=list(learned))
    if len(everything) > len(y):
        told["not_learned_from"] = {"cut from sources that are tested": len(everything) - len(y)}
    return _Case(lesson, tested.only(asked), truth[asked], candidates, told, left_out)


def _truth(
    task: Task, data: EmbeddedIndex, parts: Sequence[Part], several: bool
) -> npt.NDArray[Any]:
    """The class of each recording `[N]`, -1 for none; or whether it has each `[N, C]`."""
    labels = [each for part in parts for each in part.rows.labels]
    return (relevance if several else targets)(labels, task.target, data.classes(task))


def _known(truth: npt.NDArray[Any]) -> Bools:
    """Which recordings have a class `[N]`."""
    return np.asarray(truth.any(axis=1) if truth.ndim == 2 else truth >= 0)


def _has(truth: npt.NDArray[Any], classes: Ints) -> Bools:
    """Which recordings have one of some classes `[N]`."""
    return np.asarray(truth[:, classes].any(axis=1) if truth.ndim == 2 else np.isin(truth, classes))


def _held(truth: npt.NDArray[Any]) -> Ints:
    """The classes that some recording has."""
    return np.flatnonzero(truth.any(axis=0)) if truth.ndim == 2 else np.unique(truth[truth >= 0])


def _multi(
    task: Task,
    protocol: str,
    data: EmbeddedIndex,
    judged: Sequence[tuple[Judged, Part]],
    detail: Mapping[str, Any],
) -> Scores:
    """The figures for several labels each; classes that were not learned have no support."""
    if not judged:
        why = "; ".join(detail["left_out"])
        raise UsageError(f"{task.name} cannot be measured by {protocol}: {why}.")
    clean = headline(task, data, [each for each, _ in judged])
    counted = {each.split for each in clean}
    relevant, scores = [], []
    for part in clean:
        here = np.zeros_like(part.truth)
        here[:, part.candidates] = part.truth[:, part.candidates]
        everything = np.full(here.shape, -np.inf, dtype=np.float32)
        everything[:, part.candidates] = part.scores
        relevant.append(here)
        scores.append(everything)
    told = [
        {"split": p.split, "support": len(p.truth), "classes": len(p.candidates), **p.detail}
        for p in clean
    ]
    return multi_label(
        task,
        protocol,
        data,
        [part for each, part in judged if each.split in counted],
        np.concatenate(relevant),
        np.concatenate(scores),
        {**detail, "parts": told},
    )
