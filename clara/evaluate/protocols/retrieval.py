"""Retrieval both ways over the whole gallery (V-E, Tables V and VI).

The gallery of texts holds each distinct text of the tested recordings once, the gallery of audio
each recording. Recordings that share a text answer it together, and a recording is answered by any
of its texts, so nothing right counts as wrong. Recall@k is the share of queries with an answer
among the first k.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clara.embed import Encoder
from clara.evaluate.embedded import EmbeddedIndex
from clara.evaluate.metrics import Floats, Ints, interval, map_at, ranked, recall_at
from clara.evaluate.scoring import task_name
from clara.evaluate.tasks import Task
from clara.records import Embeddings, Scores

__all__ = ["run"]

_RANKS = (1, 5, 10)


def run(task: Task, encoder: Encoder, data: EmbeddedIndex) -> Scores:
    """Looks for texts by audio and for audio by texts.

    Raises:
        UsageError: The encoder has no text side, or the shards hold nothing to test on.
    """
    splits = data.headline(task)
    parts = [data.counted(task.corpus, split).rows for split in splits]
    audio = np.concatenate([part.vectors for part in parts])
    captions = [texts for part in parts for texts in _captions(part)]
    distinct = dict.fromkeys(text for own in captions for text in own)
    place = {text: number for number, text in enumerate(distinct)}
    texts = encoder.text(list(place))
    of_audio = [np.array([place[text] for text in each]) for each in captions]
    of_text = _turned(of_audio, len(place))
    values: dict[str, float] = {}
    for way, queries, gallery, answers in (
        ("text_to_audio", texts, audio, of_text),
        ("audio_to_text", audio, texts, of_audio),
    ):
        values |= _one_way(way, queries, gallery, answers)
    return Scores(
        task=task_name(task, splits),
        protocol="retrieval",
        encoder=encoder.name,
        values=values,
        support=len(audio),
        chance=float(np.mean([len(answers) for answers in of_text]) / len(audio)),
        seen=data.seen(task.corpus, splits),
        detail={
            "primary": "text_to_audio_recall@1",
            "texts": len(place),
            "recordings": len(audio),
            "captions": "of a recording with labels its first caption, which says the most; of "
            "others every caption",
            "chance_audio_to_text": float(np.mean([len(own) for own in of_audio]) / len(place)),
            "left_out": data.left_out(task.corpus, splits),
            "overlap": data.overlap(task.corpus, splits),
        },
    )


def _captions(rows: Embeddings) -> list[tuple[str, ...]]:
    """What may find each recording: captions made from labels repeat the first in other words."""
    pairs = zip(rows.texts, rows.labels, strict=True)
    return [tuple(dict.fromkeys(texts[:1] if labels else texts)) for texts, labels in pairs]


def _turned(answers: Sequence[Ints], size: int) -> list[Ints]:
    """Who is answered by each member of a gallery, from who answers each query."""
    queries = np.repeat(np.arange(len(answers)), [len(own) for own in answers])
    members = np.concatenate(answers)
    order = np.argsort(members, kind="stable")
    return np.split(queries[order], np.cumsum(np.bincount(members, minlength=size))[:-1])


def _one_way(
    way: str, queries: Floats, gallery: Floats, answers: Sequence[Ints]
) -> dict[str, float]:
    hits = ranked(queries, gallery, answers, max(_RANKS))
    values = {f"{way}_recall@{k}": recall_at(hits, k) for k in _RANKS}
    low, high = interval([hits[:, 0]])
    values |= {f"{way}_recall@1_low": low, f"{way}_recall@1_high": high}
    values[f"{way}_map@10"] = map_at(hits, np.array([len(own) for own in answers]))
    return values
