"""Zero-shot classification: the class whose sentence lies nearest (V-C, Tables I to III).

A class is the mean of the embeddings of its prompts, at unit length. The headline asks with the
prompt set of the run (Table II unless another is named), or with the task's own. Beside it stand
the ensemble of all templates and each template alone, since a zero-shot figure measures the prompt
as much as the model. Recordings with several labels each, as those of AudioSet and FSD50K, are
judged by average precision instead.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from clara.embed import Encoder
from clara.evaluate.embedded import EmbeddedIndex, Part
from clara.evaluate.metrics import Bools, Floats, Ints, accuracy, mean_average_precision
from clara.evaluate.prompting import Prompts
from clara.evaluate.scoring import (
    NEEDED,
    Judged,
    classification,
    grouped,
    has_several,
    multi_label,
    relevance,
    targets,
)
from clara.evaluate.tasks import Task
from clara.records import Scores

__all__ = ["run"]


class _Asked(NamedTuple):
    """The recordings of a split that have a class, and which it is `[N]`."""

    split: str
    part: Part
    truth: Ints

    def judged(self, weights: Floats, candidates: Ints) -> Judged:
        """Their likeness to the candidates among the classes of `weights` `[C, D]`."""
        scores = self.part.rows.vectors @ weights[candidates].T
        keys, groups = self.part.rows.keys, grouped(self.part)
        return Judged(self.split, self.truth, candidates, scores, {}, keys, groups)


def run(task: Task, encoder: Encoder, data: EmbeddedIndex) -> Scores:
    """Asks for every class in words.

    Raises:
        UsageError: The encoder has no text side, or the shards hold nothing to test on.
    """
    tested = data.tested(task)
    prompts = Prompts(task, data, data.classes(task))
    weights = prompts.rows(prompts.own)  # first: who cannot read need not listen
    parts = {split: data.counted(task.corpus, split) for split in tested}
    if has_several(task, (each for part in parts.values() for each in part.rows.labels)):
        return _several(task, data, prompts)
    asked: list[_Asked] = []
    left_out = data.left_out(task.corpus, tested)
    for split, part in parts.items():
        truth = targets(part.rows.labels, task.target, prompts.classes)
        known = truth >= 0
        if not known.all():
            left_out[f"{split}: no {task.target} is known"] = int((~known).sum())
        if len(np.unique(truth[known])) < NEEDED:
            left_out[f"{split} has fewer than {NEEDED} classes"] = int(known.sum())
        else:
            asked.append(_Asked(split, part.only(known), truth[known]))
    judged = [part.judged(weights, np.unique(part.truth)) for part in asked]
    scores = classification(task, "zero_shot", data, judged, left_out, prompts.describe())
    counted = [part for part in asked if part.split in data.headline(task)] or asked
    return _beside(scores, prompts, counted)


def _beside(scores: Scores, prompts: Prompts, counted: Sequence[_Asked]) -> Scores:
    """The scores with what other prompts, and all classes of the corpus, would have given."""
    everything = np.arange(len(prompts.classes))

    def ask(templates: Sequence[str], among: Ints | None = None) -> float:
        weights = prompts.rows(templates)
        found = [p.judged(weights, np.unique(p.truth) if among is None else among) for p in counted]
        return float(np.mean([accuracy(each.truth, each.predicted) for each in found]))

    values = dict(scores.values)
    if len(prompts.ensemble) > 1:
        values["accuracy_ensemble"] = ask(prompts.ensemble)
    if scores.detail["classes_without_support"]:
        values["accuracy_all_classes"] = ask(prompts.own, everything)
    by_template = {template: ask([template]) for template in prompts.known}
    detail = {**scores.detail, "by_template": by_template}
    return dataclasses.replace(scores, values=values, detail=detail)


def _several(task: Task, data: EmbeddedIndex, prompts: Prompts) -> Scores:
    """Recordings with several labels each."""
    splits = data.headline(task)
    parts, relevant = [], []
    left_out = data.left_out(task.corpus, splits)
    for split in splits:
        whole = data.counted(task.corpus, split)
        marked = relevance(whole.rows.labels, task.target, prompts.classes)
        known: Bools = np.asarray(marked.any(axis=1))
        if not known.all():
            left_out[f"{split}: no {task.target} is known"] = int((~known).sum())
        parts.append(whole.only(known))
        relevant.append(marked[known])
    truth = np.concatenate(relevant)
    vectors = np.concatenate([part.rows.vectors for part in parts])
    scores = vectors @ prompts.rows(prompts.own).T
    detail = {**prompts.describe(), "left_out": left_out}
    found = multi_label(task, "zero_shot", data, parts, truth, scores, detail)
    if len(prompts.ensemble) < 2:
        return found
    likeness = vectors @ prompts.rows(prompts.ensemble).T
    values = {**found.values, "map_ensemble": mean_average_precision(truth, likeness)}
    return dataclasses.replace(found, values=values)
