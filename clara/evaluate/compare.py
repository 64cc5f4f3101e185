"""Which differences between two models are larger than chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clara.errors import UnknownNameError, UsageError
from clara.evaluate import chance
from clara.evaluate.chance import Doubles, Found, Ints
from clara.evaluate.figures import primary
from clara.evaluate.stored import Stored
from clara.records import Outcomes, Scores

ALPHA = 0.05
# What a figure is of; where two differ in it they are two figures.
_KINDS = {
    "prompts": "prompts",
    "templates": "templates of the prompts",
    "classes": "classes",
    "languages": "languages",
    "captions": "choice of captions",
    "texts": "number of captions",
    "recordings": "number of recordings that are searched",
    "recipe": "recipes of training",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of one task, of two models.

    Attributes:
        task: Name of the task.
        protocol: How both were measured.
        figure: A key of `Scores.values`.
        first: The figure of the first model.
        second: Of the second.
        found: Their difference, and how likely it is by chance alone.
        p: The same among all that were compared (Holm).
        paired: Whether both answered the same questions, and are compared one by one.
        seen: What each has seen of the recordings, as in `Scores.seen`.
    """

    task: str
    protocol: str
    figure: str
    first: float
    second: float
    found: Found
    p: float
    paired: bool
    seen: tuple[str, str]

    @property
    def verdict(self) -> str:
        """Which is better beyond chance: "first", "second", or "neither"."""
        if self.p >= ALPHA:
            return "neither"
        return "second" if self.found.difference > 0 else "first"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models beside each other.

    Attributes:
        names: Of the models.
        differences: Of what can be compared.
        refused: Task and protocol of what cannot, and why.
        alone: Task and protocol of what only one has, and which model that is.
    """

    names: tuple[str, str]
    differences: tuple[Difference, ...]
    refused: tuple[tuple[str, str, str], ...] = ()
    alone: tuple[tuple[str, str, str], ...] = ()


def compare(first: Stored, second: Stored, models: Sequence[str] = ()) -> Comparison:
    """Compares a model of one report with a model of another, or of the same.

    Args:
        first: A report.
        second: Another, or the same.
        models: The model of each, where a report holds several.

    Raises:
        UsageError: A report holds several models and none is named, or nothing can be compared.
        UnknownNameError: A report has no such model.
    """
    if models and len(models) != 2:
        raise UsageError(
            f"Expected two models, one of each report, but found {', '.join(models)}; name the "
            "first's and then the second's."
        )
    wanted = models or (None, None)
    names = _chosen(first, wanted[0]), _chosen(second, wanted[1])
    if first.path == second.path and names[0] == names[1]:
        raise UsageError(f"Expected two models to compare, but found {names[0]} twice.")
    mine, theirs = (
        {(each.task, each.protocol): each for each in report.scores if each.encoder == name}
        for report, name in zip((first, second), names, strict=True)
    )
    alone = [
        (*place, name)
        for name, own, other in ((names[0], mine, theirs), (names[1], theirs, mine))
        for place in own
        if place not in other
    ]
    refused: list[tuple[str, str, str]] = []
    rows: list[Difference] = []
    for place, one in mine.items():
        if place not in theirs:
            continue
        why = _unlike(one, theirs[place])
        if why:
            refused.append((*place, why))
        else:
            rows += _differences(one, theirs[place])
    if not rows:
        reasons = "; ".join(f"{task} by {how}: {why}" for task, how, why in refused)
        raise UsageError(
            f"{names[0]} and {names[1]} have no figure in common that can be compared"
            f"{': ' + reasons if reasons else ''}; measure both on the same tasks, by the same "
            "protocols and with the same prompts."
        )
    adjusted = chance.holm([row.found.p for row in rows])
    differences = tuple(replace(row, p=p) for row, p in zip(rows, adjusted, strict=True))
    return Comparison(names, differences, tuple(refused), tuple(alone))


def _chosen(report: Stored, wanted: str | None) -> str:
    there = sorted({scores.encoder for scores in report.scores})
    if wanted is not None:
        if wanted not in there:
            raise UnknownNameError(f"model in {report.path}", wanted, there)
        return wanted
    if len(there) > 1:
        raise UsageError(
            f"Expected {report.path} to be of one model, but it holds {', '.join(there)}; say "
            "which, as in --models FIRST SECOND."
        )
    return there[0]


def _unlike(one: Scores, other: Scores) -> str:
    """Why two scores of one task and protocol are no two values of one figure; empty if they are.

    >>> _unlike(
    ...     Scores("t", "zero_shot", "a", {"accuracy": 0.5}, 9, detail={"prompts": "paper"}),
    ...     Scores("t", "zero_shot", "b", {"accuracy": 0.5}, 9, detail={"prompts": "code"}),
    ... )
    'they differ in prompts'
    """
    if primary(one) != primary(other):
        return f"one tells {primary(one)} and the other {primary(other)}"
    kinds = [
        words for name, words in _KINDS.items() if one.detail.get(name) != other.detail.get(name)
    ]
    if _splits(one) != _splits(other):
        kinds.append("splits that are tested or learnt from")
    return f"they differ in {' and '.join(kinds)}" if kinds else ""


def _splits(scores: Scores) -> list[tuple[str, ...]]:
    """Each tested split with those that its classifier learnt from."""
    parts = [part for part in scores.detail.get("parts", []) if part.get("counted", True)]
    return sorted((str(part["split"]), *part.get("learned_from", ())) for part in parts)


def _differences(one: Scores, other: Scores) -> Iterator[Difference]:
    """Of the figure that single answers make up, and of the main one where it is another."""
    answers, others = one.outcomes, other.outcomes
    shown = primary(one)
    if answers and others and answers.figure == others.figure:
        same = _same(answers, others)
        found = _paired(answers, others) if same else _unpaired(answers, others)
        yield _row(one, other, answers.figure, found, same)
        if answers.figure == shown:
            return
    first, second = _interval(one, shown), _interval(other, shown)
    if first and second:
        count = one.support, other.support
        yield _row(one, other, shown, chance.of_intervals(first, second, count), False)


def _same(answers: Outcomes, others: Outcomes) -> bool:
    """Whether both are answers to the same questions, weighed alike."""
    return (
        answers.recordings == others.recordings
        and len(answers) == len(others)
        and bool(np.allclose(_weights(answers), _weights(others)))
    )


def _paired(answers: Outcomes, others: Outcomes) -> Found:
    groups = answers.groups if answers.groups is not None else others.groups
    return chance.paired(answers.right, others.right, _weights(answers), _joint(groups))


def _unpaired(answers: Outcomes, others: Outcomes) -> Found:
    first, second = (
        (each.right, _weights(each), _joint(each.groups)) for each in (answers, others)
    )
    return chance.unpaired(first, second)


def _weights(answers: Outcomes) -> Doubles:
    """How much each answer adds to the figure: alike, or alike within parts that count alike."""
    count = len(answers)
    if answers.parts is None:
        return np.full(count, 1 / count)
    _, places, sizes = np.unique(answers.parts, return_inverse=True, return_counts=True)
    weights: Doubles = 1 / (len(sizes) * sizes[places].astype(np.float64))
    return weights


def _joint(groups: Ints | None) -> Ints | None:
    """Groups, unless each is of one alone."""
    return groups if groups is not None and len(np.unique(groups)) < len(groups) else None


def _interval(scores: Scores, figure: str) -> tuple[float, float, float] | None:
    ends = scores.values.get(f"{figure}_low"), scores.values.get(f"{figure}_high")
    if ends[0] is None or ends[1] is None:
        return None
    return scores.values[figure], ends[0], ends[1]


def _row(one: Scores, other: Scores, figure: str, found: Found, paired: bool) -> Difference:
    return Difference(
        task=one.task,
        protocol=one.protocol,
        figure=figure,
        first=one.values[figure],
        second=other.values[figure],
        found=found,
        p=found.p,
        paired=paired,
        seen=(one.seen, other.seen),
    )


def as_json(found: Comparison) -> dict[str, Any]:
    """A comparison as plain values."""
    rows = [
        {
            **{name: getattr(each, name) for name in ("task", "protocol", "figure")},
            "first": each.first,
            "second": each.second,
            "difference": each.found.difference,
            "low": each.found.low,
            "high": each.found.high,
            "p": each.found.p,
            "p_holm": each.p,
            "verdict": each.verdict,
            "test": each.found.test,
            "paired": each.paired,
            "seen": list(each.seen),
        }
        for each in found.differences
    ]
    names = ("task", "protocol")
    return {
        "first": found.names[0],
        "second": found.names[1],
        "differences": rows,
        "refused": [dict(zip((*names, "why"), each, strict=True)) for each in found.refused],
        "alone": [dict(zip((*names, "model"), each, strict=True)) for each in found.alone],
    }
