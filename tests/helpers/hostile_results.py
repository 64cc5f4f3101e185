"""Results as bad as they come: markup for names, names without end, hundreds of classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from clara.evaluate.map import Map
from clara.evaluate.run import Missing, Results
from clara.evaluate.tables import CELLS, HOURS
from clara.records import Scores

MARKUP = '<script>alert("x")</script> & مرحبا بكم 雨'
LONG = "x" * 200
SENTENCE = "a label of two hundred letters " * 7
BACKWARDS = "שלום <b>עולם</b>"
NAMES = (MARKUP, LONG, SENTENCE, BACKWARDS)
STATES = ("unseen", "held-out", "trained", "unknown")
RECORDING = f"{MARKUP}/{LONG}"


def results(classes: int = 527, states: Sequence[str] = STATES) -> Results:
    """Every cell of the paper's tables, and all else that a page shows, by two models."""
    rng = np.random.default_rng(0)
    scores = [*_cells(rng, LONG, states), *_cells(rng, MARKUP, states)]
    scores += [_classified(rng, classes, states[0]), _found(states[-1])]
    missing = Missing(MARKUP, LONG, SENTENCE, BACKWARDS), Missing("", "", MARKUP, "no text side")
    return Results(tuple(scores), missing, tuple(_maps(rng, classes)))


def _cells(rng: np.random.Generator, encoder: str, states: Sequence[str]) -> Iterator[Scores]:
    measured = dict.fromkeys((cell.task, cell.protocol) for cell in CELLS)
    for number, (task, protocol) in enumerate(measured):
        mine = [cell.figure for cell in CELLS if (cell.task, cell.protocol) == (task, protocol)]
        values = {figure: float(rng.random()) for figure in mine if ":" not in figure}
        detail: dict[str, Any] = {"prompts": "ensemble"}
        if protocol == "keyword_spotting":
            values = {"accuracy": 0.7, "accuracy_low": 0.6, "accuracy_high": 0.8}
            detail = {"by_language": list(_languages(rng))}
        elif any(figure.startswith("by_template:") for figure in mine):
            detail["by_template"] = {
                figure.partition(":")[2]: float(rng.random()) for figure in mine if ":" in figure
            }
        state = states[number % len(states)]
        yield Scores(
            task, protocol, encoder, values or {"accuracy": 0.5}, 1000, 0.01, state, detail
        )


def _languages(rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Fifty languages: with hours and without, with speakers told and not, and one unknown tag."""
    more = ("es", "sv-SE", "zh-CN", "ga", "cs", "pt", "nl", "ia", "tt", MARKUP, LONG, "zz", "q1")
    for number, tag in enumerate((*HOURS, *more, "q2")):
        hours = float(10 ** rng.uniform(-2, 3.2)) if number % 7 else (None, 0.0)[number % 2]
        yield {
            "language": tag,
            "words": 300,
            "accuracy": float(rng.uniform(0.3, 1)),
            "accuracy_low": 0.2,
            "accuracy_high": 1.0,
            "macro_recall": 0.5,
            "chance": 1 / 300,
            "support": 12345,
            "hours": hours,
            "seen_speakers": {"accuracy": 0.5, "support": 100} if number % 3 else None,
            "unseen_speakers": None,
        }


def _classes(count: int) -> list[str]:
    return [*NAMES, *(f"class {number}" for number in range(count))][:count]


def _classified(rng: np.random.Generator, count: int, state: str) -> Scores:
    table = rng.integers(0, 2, (count, count))
    table[np.arange(count), np.arange(count)] = 9
    return Scores(
        task=f"{MARKUP}/sound",
        protocol="zero_shot",
        encoder=LONG,
        values={"accuracy": 0.5, "accuracy_low": 0.4, "accuracy_high": 0.6, "macro_recall": 0.5},
        support=20000,
        chance=1 / count,
        seen=state,
        detail={
            "confusion": table.tolist(),
            "classes": _classes(count),
            "templates": [f"{{label}} {MARKUP}"],
            "majority": 0.02,
            "left_out": {MARKUP: 3},
            "overlap": {"source": 3, "speaker": 5},
            "parts": [{"split": MARKUP, "seen": state, "counted": True, "accuracy": 0.5}],
        },
    )


def _found(state: str) -> Scores:
    """Retrieval with examples of every kind."""
    examples: list[dict[str, Any]] = []
    for rank, text in zip((1, 2, 1000, 4), NAMES, strict=True):
        answer = {
            "recording": RECORDING,
            "texts": [text, BACKWARDS],
            "right": rank == 1,
            "likeness": 0.5,
        }
        example = {"way": "text_to_audio", "query": {"text": text}, "rank": rank, "gallery": 10000}
        example["answers"] = [answer] * 3
        if rank > 3:
            example["wanted"] = {**answer, "recording": "c/k", "right": True, "likeness": -0.1}
        examples.append(example)
    wrong = [{"text": text, "right": False, "likeness": 0.5} for text in NAMES[:3]]
    examples.append(
        {
            "way": "audio_to_text",
            "query": {"recording": "c/k", "texts": list(NAMES)},
            "rank": 9,
            "gallery": 10,
            "answers": wrong,
            "wanted": {"text": BACKWARDS, "right": True, "likeness": 0.01},
        }
    )
    values = {"text_to_audio_recall@1": 0.3, "audio_to_text_recall@1": 0.2}
    detail = {"examples": examples, "primary": "text_to_audio_recall@1"}
    return Scores("audiocaps/retrieval", "retrieval", "third", values, 975, 0.001, state, detail)


def _maps(rng: np.random.Generator, count: int) -> Iterator[Map]:
    labels = rng.integers(0, count, 1000)
    middles = rng.normal(size=(count, 2)) * 5
    yield Map(
        task=f"{MARKUP}/sound",
        encoder=LONG,
        method="t-SNE",
        classes=tuple(_classes(count)),
        audio=middles[labels] + rng.normal(size=(1000, 2)),
        labels=tuple(labels.tolist()),
        keys=tuple(f"{MARKUP}/{number}" for number in range(1000)),
        prompts=middles,
        template=f"{{label}}{MARKUP}",
        total=20000,
        gap=-0.2,
    )
    yield Map(
        task="one/place",
        encoder="third",
        method="PCA",
        classes=("a",),
        audio=np.zeros((9, 2)),
        labels=(0,) * 9,
        keys=("k",) * 9,
        prompts=np.empty((0, 2)),
        template="{label}",
        total=9,
        gap=None,
    )
