"""A map of embeddings: recordings and the prompts of their classes on one plane.

Audio and texts of a contrastive model lie in two narrow cones, apart from each other; on a plane
that gap would hide everything else. So each side is centred on its own mean first, and how far
apart the two are is told as a number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clara.errors import UsageError
from clara.evaluate.embedded import EmbeddedIndex
from clara.evaluate.metrics import Floats
from clara.evaluate.prompting import Prompts
from clara.evaluate.tasks import Task
from clara.records import Labels, Scores

MOST = 1000  # recordings on a map: more are neither told apart nor quick to place
_FEWEST = 8


@dataclass(frozen=True, slots=True)
class Map:
    """Where recordings and prompts lie on a plane.

    Attributes:
        task: Name of the task.
        encoder: Name of the model.
        method: "t-SNE" or "PCA".
        classes: Those of the task that are on the map, the most frequent first.
        audio: Places of the recordings `[N, 2]`.
        labels: Of each, its class, a place among `classes`.
        keys: Of each, "corpus/key".
        prompts: Places of the prompts of `classes` `[C, 2]`; none for an encoder without texts.
        template: What they ask with.
        total: How many recordings the task has; all are on the map unless there are too many.
        gap: The cosine between the mean of the recordings and that of the prompts; None without.
    """

    task: str
    encoder: str
    method: str
    classes: tuple[str, ...]
    audio: Floats
    labels: tuple[int, ...]
    keys: tuple[str, ...]
    prompts: Floats
    template: str
    total: int
    gap: float | None


def draw(task: Task, data: EmbeddedIndex, scores: Sequence[Scores]) -> list[Map]:
    """The map of a task that was just measured; none if it has too few recordings with a class.

    Args:
        task: What was asked.
        data: The embeddings, which are kept.
        scores: What was measured; those by prompts say what the map's prompts ask with.
    """
    named = [each for each in scores if each.detail.get("classes")]
    if not named:
        return []
    asked = next((each for each in named if each.detail.get("templates")), named[0])
    classes = [str(name) for name in asked.detail["classes"]]
    numbers = {name: number for number, name in enumerate(classes)}
    parts = [data.counted(task.corpus, split).rows for split in data.headline(task)]
    found = [
        (part.vectors[row], numbers[label], str(part.keys[row]))
        for part in parts
        for row, label in enumerate(_label(each, task.target) for each in part.labels)
        if label in numbers
    ]
    if len(found) < _FEWEST:
        return []
    # A draw that is the same for every model, so that their maps show the same recordings.
    lots = [hashlib.sha256(key.encode(errors="replace")).digest() for *_, key in found]
    chosen = [found[row] for row in sorted(range(len(found)), key=lots.__getitem__)[:MOST]]
    counts = np.bincount([label for _, label, _ in chosen], minlength=len(classes))
    present = [int(label) for label in np.argsort(-counts, kind="stable") if counts[label]]
    place = {label: number for number, label in enumerate(present)}
    audio = np.stack([vector for vector, *_ in chosen]).astype(np.float64)
    template = str(next(iter(asked.detail.get("templates", ())), "{label}"))
    names = [classes[label] for label in present]
    texts = _texts(data, Prompts(task, data, names).sentences(template))
    centred, gap = _centred(audio), None
    if len(texts):
        gap = float(_unit(audio.mean(axis=0)) @ _unit(texts.mean(axis=0)))
        centred = np.concatenate([centred, _centred(texts)])
    plane, method = _plane(centred)
    made = Map(
        task=asked.task,
        encoder=asked.encoder,
        method=method,
        classes=tuple(names),
        audio=plane[: len(audio)],
        labels=tuple(place[label] for _, label, _ in chosen),
        keys=tuple(key for *_, key in chosen),
        prompts=plane[len(audio) :],
        template=template,
        total=len(found),
        gap=gap,
    )
    return [made]


def _label(labels: Labels, kind: str) -> str:
    return next(iter(labels.get(kind, ())), "")


def _texts(data: EmbeddedIndex, sentences: list[str]) -> Floats:
    """Rows of the prompts `[C, D]`; none if the encoder has no text side."""
    try:
        return data.text(sentences).astype(np.float64)
    except UsageError:
        return np.empty((0, 0))


def _unit(rows: Floats) -> Floats:
    unit: Floats = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)
    return unit


def _centred(rows: Floats) -> Floats:
    """Directions from the mean of the rows; of a single row, no direction."""
    return _unit(rows - rows.mean(axis=0))


def _plane(rows: Floats) -> tuple[Floats, str]:
    """Rows on a plane `[N, 2]` by t-SNE with a fixed seed, by principal axes without scikit-learn.

    Both get the 50 first principal axes, of which the sign is that of their largest share.
    """
    centred = rows - rows.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:50]
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    reduced = centred @ (axes * np.sign(largest)[:, None]).T
    reduced = np.pad(reduced, ((0, 0), (0, max(2 - len(axes), 0))))
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        return reduced[:, :2], "PCA"
    spread = reduced[:, :2].std(axis=0)
    if not spread.min() > 1e-12:
        return reduced[:, :2], "PCA"  # all rows lie on a line or in a point: nothing to unfold
    start = reduced[:, :2] / spread[0] * 1e-4
    perplexity = min(30.0, (len(rows) - 1) / 3)
    model = TSNE(init=start, perplexity=perplexity, random_state=0, max_iter=600)
    placed: Floats = model.fit_transform(reduced)
    return placed, "t-SNE"
