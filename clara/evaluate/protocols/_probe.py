"""What both probes share: which recordings a classifier learns from, and which it is judged on.

A probe of "test" learns from "train" and "valid", one of a fold from the other folds, one of
"valid" from "train". A class counts where both sides hold it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from clara.errors import UsageError
from clara.evaluate.embedded import EmbeddedIndex, Part
from clara.evaluate.metrics import Bools, Floats, Ints
from clara.evaluate.scoring import NEEDED, Judged, classification, targets
from clara.evaluate.tasks import Task
from clara.records import Scores


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a classifier learns from.

    Attributes:
        x: Features `[N, D]`.
        y: Classes `[N]`, from 0 to `classes` - 1.
        groups: Of each recording, its speaker or source `[N]`.
        held: Which recordings are the corpus's own validation split `[N]`; none may be.
        classes: How many classes there are.
    """

    x: Floats
    y: Ints
    groups: npt.NDArray[np.object_]
    held: Bools
    classes: int


Fit = Callable[[Lesson, Floats], tuple[Floats, Mapping[str, Any]]]
"""Learns, and gives scores `[N, C]` for features `[N, D]` and what is to be said of the fit."""


def probe(task: Task, protocol: str, data: EmbeddedIndex, fit: Fit) -> Scores:
    """Judges a classifier on frozen embeddings (V-D).

    Args:
        task: What is asked.
        protocol: The classifier's name.
        data: The embedded recordings.
        fit: The classifier.

    Raises:
        UsageError: The shards hold nothing to learn from or to test on.
    """
    judged: list[Judged] = []
    left_out = data.left_out(task.corpus, data.tested(task))
    grouped: set[str] = set()
    for split in data.tested(task):
        learned = _learned(task, data, split)
        lessons = [data.part(task.corpus, each, features=True) for each in learned]
        x, y, groups = _gather(task, data, lessons)
        held = np.repeat([each == "valid" for each in learned], [len(p.rows) for p in lessons])
        tested, truth, _ = _gather(task, data, [data.counted(task.corpus, split, features=True)])
        grouped |= {part.grouped_by for part in lessons}
        candidates = np.intersect1d(y[y >= 0], truth[truth >= 0])
        if len(candidates) < NEEDED:
            left_out[f"{split} shares fewer than {NEEDED} classes with the rest"] = len(truth)
            continue
        mine, theirs = np.isin(y, candidates), np.isin(truth, candidates)
        for why, those in (
            (f"no {task.target} is known", truth < 0),
            ("no class that the training part has", ~theirs & (truth >= 0)),
        ):
            if those.any():
                left_out[f"{split}: {why}"] = int(those.sum())
        lesson = Lesson(
            x[mine], np.searchsorted(candidates, y[mine]), groups[mine], held[mine], len(candidates)
        )
        scores, told = fit(lesson, tested[theirs])
        detail = {"learned_from": learned, "trained_on": int(mine.sum()), **told}
        judged.append(Judged(split, truth[theirs], candidates, scores, detail))
    detail = {
        "features": "the encoder's output before the projection head"
        if data.has_features
        else "the encoder's embeddings",
        "grouped_by": sorted(grouped),
    }
    return classification(task, protocol, data, judged, left_out, detail)


def _learned(task: Task, data: EmbeddedIndex, split: str) -> list[str]:
    present = [each for each in data.splits(task.corpus) if each != split]
    if split.startswith("fold"):
        learned = [each for each in present if each.startswith("fold")]
    else:
        wanted = ("train",) if split == "valid" else ("train", "valid")
        learned = [each for each in present if each in wanted]
    if not learned:
        raise UsageError(
            f"A probe of {task.name} on {split} needs recordings to learn from, but of "
            f"{task.corpus} the shards hold {split} only; prepare its other splits too."
        )
    return learned


def _gather(
    task: Task, data: EmbeddedIndex, parts: Sequence[Part]
) -> tuple[Floats, Ints, npt.NDArray[np.object_]]:
    """Features `[N, D]`, classes and groups `[N]`."""
    classes = data.classes(task)
    if any(len(each.get(task.target, ())) > 1 for part in parts for each in part.rows.labels):
        raise UsageError(
            f"A probe of {task.name} needs one {task.target} for each recording, but some have "
            "several; measure it by zero_shot."
        )
    return (
        np.concatenate([part.rows.vectors for part in parts]),
        np.concatenate([targets(part.rows.labels, task.target, classes) for part in parts]),
        np.concatenate([part.groups for part in parts]),
    )
