"""Zero-shot classification: the class whose sentence lies nearest (V-C, Tables I to III).

A class is the mean of the embeddings of its prompts, at unit length. The headline asks with the
template of Table II, or with the task's own. Beside it stand the ensemble of all templates and each
template alone, since a zero-shot figure measures the prompt as much as the model.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from clara.embed import Encoder
from clara.evaluate.embedded import EmbeddedIndex
from clara.evaluate.metrics import Floats, Ints, accuracy
from clara.evaluate.scoring import NEEDED, Judged, classification, multi_label, targets
from clara.evaluate.tasks import Task
from clara.records import Scores
from clara.text.languages import language_name
from clara.text.phrases import PAPER_CODE, TABLE_III, TEMPLATES, prompt

__all__ = ["run"]


class _Asked(NamedTuple):
    """The recordings of a split that have a class: vectors `[N, D]`, truth `[N]`."""

    split: str
    vectors: Floats
    truth: Ints

    def judged(self, weights: Floats, candidates: Ints) -> Judged:
        """Their likeness to the candidates among the classes of `weights` `[C, D]`."""
        scores = self.vectors @ weights[candidates].T
        return Judged(self.split, self.truth, candidates, scores)


def run(task: Task, encoder: Encoder, data: EmbeddedIndex) -> Scores:
    """Asks for every class in words.

    Raises:
        UsageError: The encoder has no text side, or the shards hold nothing to test on.
    """
    tested = data.tested(task)
    prompts = _Prompts(encoder, task.target, data.classes(task))
    weights = prompts.rows(prompts.own(task))  # first: who cannot read need not listen
    parts = {split: data.counted(task.corpus, split).rows for split in tested}
    if any(len(each.get(task.target, ())) > 1 for rows in parts.values() for each in rows.labels):
        return _several(task, data, prompts)
    asked: list[_Asked] = []
    left_out = data.left_out(task.corpus, tested)
    for split, rows in parts.items():
        truth = targets(rows.labels, task.target, prompts.classes)
        known = truth >= 0
        if not known.all():
            left_out[f"{split}: no {task.target} is known"] = int((~known).sum())
        if len(np.unique(truth[known])) < NEEDED:
            left_out[f"{split} has fewer than {NEEDED} classes"] = int(known.sum())
        else:
            asked.append(_Asked(split, rows.vectors[known], truth[known]))
    judged = [part.judged(weights, np.unique(part.truth)) for part in asked]
    scores = classification(
        task, "zero_shot", data, judged, left_out, _describe(prompts, prompts.own(task))
    )
    counted = [part for part in asked if part.split in data.headline(task)] or asked
    return _beside(task, scores, prompts, counted)


def _beside(task: Task, scores: Scores, prompts: _Prompts, counted: Sequence[_Asked]) -> Scores:
    """The scores with what other prompts, and all classes of the corpus, would have given."""
    everything = np.arange(len(prompts.classes))

    def ask(templates: Sequence[str], among: Ints | None = None) -> float:
        weights = prompts.rows(templates)
        found = [p.judged(weights, np.unique(p.truth) if among is None else among) for p in counted]
        return float(np.mean([accuracy(each.truth, each.predicted) for each in found]))

    values = dict(scores.values)
    if len(prompts.ensemble(task)) > 1:
        values["accuracy_ensemble"] = ask(prompts.ensemble(task))
    if scores.detail["classes_without_support"]:
        values["accuracy_all_classes"] = ask(prompts.own(task), everything)
    by_template = {template: ask([template]) for template in prompts.known(task)}
    detail = {**scores.detail, "by_template": by_template}
    return dataclasses.replace(scores, values=values, detail=detail)


def _several(task: Task, data: EmbeddedIndex, prompts: _Prompts) -> Scores:
    """Recordings with several labels each, as FSD50K and AudioSet have them."""
    rows = [data.counted(task.corpus, split).rows for split in data.headline(task)]
    labels = [each.get(task.target, ()) for part in rows for each in part.labels]
    relevant = np.array([[name in each for name in prompts.classes] for each in labels])
    vectors = np.concatenate([part.vectors for part in rows])
    templates = prompts.own(task)
    scores = vectors @ prompts.rows(templates).T
    detail = _describe(prompts, templates)
    return multi_label(task, "zero_shot", data, relevant, scores, detail)


def _describe(prompts: _Prompts, templates: Sequence[str]) -> dict[str, object]:
    return {"templates": list(templates), "example": prompts.sentences(templates[0])[0]}


class _Prompts:
    """The sentences for the classes of a task, each embedded once."""

    def __init__(self, encoder: Encoder, kind: str, classes: Sequence[str]) -> None:
        self.encoder = encoder
        self.kind = kind
        self.classes = classes
        self._rows: dict[str, Floats] = {}

    def ensemble(self, task: Task) -> tuple[str, ...]:
        """The task's templates, or all for its kind of label."""
        # A kind that only its owner knows is asked for by the bare label.
        return task.templates or TEMPLATES.get(self.kind, ("{label}",))

    def own(self, task: Task) -> tuple[str, ...]:
        """The templates of the headline, fixed before anything is measured."""
        return task.templates or self.ensemble(task)[:1]

    def known(self, task: Task) -> tuple[str, ...]:
        """Every template worth a figure of its own."""
        more = PAPER_CODE.get(self.kind, ()) + (TABLE_III if self.kind == "sound" else ())
        return tuple(dict.fromkeys((*self.ensemble(task), *more)))

    def sentences(self, template: str) -> list[str]:
        """The prompt of each class."""
        if self.kind == "language":
            return [prompt(template, language_name(each) or each) for each in self.classes]
        return [prompt(template, each) for each in self.classes]

    def rows(self, templates: Sequence[str]) -> Floats:
        """A unit row for each class `[C, D]`, the mean over its prompts."""
        for template in templates:
            if template not in self._rows:
                self._rows[template] = self.encoder.text(self.sentences(template))
        mean = np.mean([self._rows[template] for template in templates], axis=0)
        # The mean of opposite rows is zero; it stays so, and such a class is never the nearest.
        unit: Floats = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9)
        return unit
