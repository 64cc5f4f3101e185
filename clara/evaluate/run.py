"""Measuring an encoder on tasks: the way into this package."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict, Unpack

from clara import rooms
from clara.embed import Encoder
from clara.errors import UsageError
from clara.evaluate.cache import Cache
from clara.evaluate.embedded import EmbeddedIndex, label_sets, languages
from clara.evaluate.map import Map, draw
from clara.evaluate.tasks import KEYWORD, LANGUAGE, RETRIEVAL, SPOTTING, Task, choose
from clara.records import Scores
from clara.shards import Index
from clara.text.phrases import Style, templates


@dataclass(frozen=True, slots=True)
class Missing:
    """What was asked for and could not be measured, and why."""

    task: str
    protocol: str
    encoder: str
    reason: str


@dataclass(frozen=True, slots=True)
class Results:
    """All that a run has measured, what it could not measure, and maps if they were asked for."""

    scores: tuple[Scores, ...]
    missing: tuple[Missing, ...] = ()
    maps: tuple[Map, ...] = ()


class How(TypedDict, total=False):
    """How a run measures, whatever it measures.

    Attributes:
        folds: The folds to test, for tasks that are tested on folds; all if none are named.
        prompts: The set of prompts that headlines ask with: "paper" (Table II; unless given),
            "code" (what the authors' code says) or "ensemble" (all templates for a kind of label,
            averaged in the space of embeddings).
        seed: Of whatever is drawn while something is learned; 0 unless given.
        progress: Told how many recordings of a split are embedded, and of how many.
        cache: Where embeddings are kept; nowhere unless given.
    """

    folds: Sequence[str]
    prompts: Style
    seed: int
    progress: Callable[[int, int], None] | None
    cache: Cache | None


def evaluate(
    encoder: Encoder,
    index: Index,
    tasks: Sequence[str] = ("all",),
    protocols: Sequence[str] = (),
    *,
    beside: Sequence[Encoder] = (),
    maps: bool = False,
    **how: Unpack[How],
) -> Results:
    """Measures an encoder. Each recording is embedded once, whatever the number of tasks.

    Args:
        encoder: Any encoder.
        index: The recordings, test and training parts.
        tasks: Names of tasks, groups of tasks, or "all" that the recordings can answer.
        protocols: How; those of each task if none are named.
        beside: Encoders that it is compared with: a fold that one of them was trained on counts for
            none.
        maps: Draw the recordings and prompts of each task with classes, too.
        how: As in `How`.

    Raises:
        UnknownNameError: There is no such task, protocol or set of prompts; the message names the
            nearest.
        UsageError: Nothing that was asked for can be measured.
    """
    measures = {name: rooms.load("evaluate.protocols", name) for name in protocols}
    templates("sound", how.get("prompts", "paper"))  # a wrong name is told before hours of work
    chosen, absent = choose_tasks(index, tasks)
    data = EmbeddedIndex(encoder, index, beside=beside, **how)
    scores: list[Scores] = []
    missing = [Missing(name, "", encoder.name, why) for name, why in absent.items()]
    drawn: list[Map] = []
    for task in chosen:
        before = len(scores)
        for protocol in _fitting(task, protocols):
            measure = measures.get(protocol) or rooms.load("evaluate.protocols", protocol)
            try:
                scores.append(measure(task, encoder, data))
            except UsageError as error:
                missing.append(Missing(task.name, protocol, encoder.name, str(error)))
        if maps:
            drawn += draw(task, data, scores[before:])
    if not scores:
        raise UsageError(_nothing(chosen, missing))
    return Results(tuple(scores), tuple(missing), tuple(drawn))


def compare(
    encoders: Mapping[str, Encoder],
    index: Index,
    tasks: Sequence[str] = ("all",),
    protocols: Sequence[str] = (),
    *,
    maps: bool = False,
    **how: Unpack[How],
) -> Results:
    """As `evaluate`, for several encoders on the same recordings and folds.

    Args:
        encoders: What to call each encoder in the results, and the encoder.
        index: The recordings.
        tasks: Names of tasks, groups of tasks, or "all".
        protocols: How; those of each task if none are named.
        maps: As in `evaluate`.
        how: As in `How`.

    Raises:
        UsageError: Nothing that was asked for can be measured of any encoder.
    """
    scores: list[Scores] = []
    missing: list[Missing] = []
    drawn: list[Map] = []
    refused: list[UsageError] = []
    for name, encoder in encoders.items():
        try:
            others = list(encoders.values())
            found = evaluate(encoder, index, tasks, protocols, beside=others, maps=maps, **how)
        except UsageError as error:
            refused.append(error)
            missing.append(Missing("", "", name, str(error)))
            continue
        scores += [replace(each, encoder=name) for each in found.scores]
        missing += [replace(each, encoder=name) for each in found.missing]
        drawn += [replace(each, encoder=name) for each in found.maps]
    if not scores and refused:
        raise refused[0]
    return Results(tuple(scores), tuple(missing), tuple(drawn))


def choose_tasks(index: Index, names: Sequence[str]) -> tuple[list[Task], dict[str, str]]:
    """As `clara.evaluate.tasks.choose`, for what an index holds."""
    holdings: dict[str, set[str]] = {}
    folded = set()
    for corpus in index.corpora:
        view = index.select(corpora=[corpus])
        holdings[corpus] = {kind for labels in label_sets(view) for kind in labels}
        if len(languages(view)) > 1:
            holdings[corpus].add(LANGUAGE)
        if any(split.startswith("fold") for split in view.splits):
            folded.add(corpus)
    return choose(names, holdings, folded)


def _nothing(chosen: Sequence[Task], missing: Sequence[Missing]) -> str:
    """Why there is no score at all."""
    if missing:
        reasons = (each.reason if each.protocol else _of(each) for each in missing)
        return " ".join(dict.fromkeys(reasons))
    known = f"; {chosen[0].name} is by {', '.join(chosen[0].protocols)}" if chosen else ""
    return f"None of the tasks can be measured by these protocols{known}."


def _of(missing: Missing) -> str:
    return f"The task {missing.task} cannot be answered: {missing.reason}"


def _fitting(task: Task, protocols: Sequence[str]) -> list[str]:
    """The protocols for a task: retrieval is measured by its own alone, and words are spotted."""
    if not protocols:
        return list(task.protocols)
    return [
        name
        for name in protocols
        if (name == RETRIEVAL) == (task.target == RETRIEVAL)
        and (name not in SPOTTING or task.target == KEYWORD)
    ]
