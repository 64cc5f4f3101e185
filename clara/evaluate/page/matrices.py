"""What is taken for what: confusion matrices, and the most frequent mistakes in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clara.evaluate.metrics import Ints
from clara.evaluate.page.words import how, tasks
from clara.pictures import svg
from clara.pictures.html import foreign
from clara.records import Scores

READING = "A row is what was there, a column what the model said, the stronger the more."
_OPEN = 12  # classes
_MOST = 50  # classes; of more, those with the most mistakes are shown


def blocks(scores: Sequence[Scores]) -> str:
    """One block for each task; the first is open if its matrices are small."""
    shown: list[str] = []
    there = [each for each in scores if "confusion" in each.detail]
    for task in tasks(there):
        mine = [each for each in there if each.task == task]
        pictures = "".join(map(_figure, mine))
        opened = not shown and max(len(each.detail["classes"]) for each in mine) <= _OPEN
        shown.append(
            f"<details{' open' if opened else ''}><summary>{foreign(task)}</summary>"
            f'<div class="row">{pictures}</div></details>'
        )
    return "".join(shown)


def _figure(scores: Scores) -> str:
    counts = np.asarray(scores.detail["confusion"], dtype=np.int64)
    classes = [str(name) for name in scores.detail["classes"]]
    kept = worst(counts, _MOST)
    part = ""
    if len(kept) < len(classes):
        part = f"Shown are the {len(kept)} of {len(classes)} classes with the most mistakes. "
    picture = svg.confusion(counts[np.ix_(kept, kept)].tolist(), [classes[each] for each in kept])
    return (
        f'<figure><div class="scroll" role="region" tabindex="0" aria-label="confusion matrix">'
        f"{picture}</div><figcaption><b>{foreign(how(scores))}</b><br>"
        f"{part}{_mistakes(counts, classes)}</figcaption></figure>"
    )


def worst(counts: Ints, most: int) -> list[int]:
    """The classes with the most mistakes, either way, in their order; all if they are few.

    >>> worst(np.array([[5, 0, 0], [0, 2, 3], [0, 1, 4]]), 2)
    [1, 2]
    """
    wrong = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diagonal(counts)
    return sorted(np.argsort(-wrong, kind="stable")[:most].tolist())


def _mistakes(counts: Ints, classes: Sequence[str]) -> str:
    """The most frequent confusions in words, as HTML."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:5]
    pairs = [(*map(int, np.unravel_index(place, wrong.shape)),) for place in order.tolist()]
    told = ", ".join(
        f"{foreign(classes[true])} for {foreign(classes[answer])} ({wrong[true, answer]})"
        for true, answer in pairs
        if wrong[true, answer]
    )
    return f"Most often mistaken: {told}." if told else "Nothing is taken for anything else."
