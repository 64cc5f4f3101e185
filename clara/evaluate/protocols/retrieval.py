"""Retrieval both ways over the whole gallery (V-E, Tables V and VI).

The gallery of texts holds each distinct text of the tested recordings once, the gallery of audio
each recording. Recordings that share a text answer it together, and a recording is answered by any
of its texts, so nothing right counts as wrong. Recall@k is the share of queries with an answer
among the first k; mAP@k also counts the further answers and their ranks. Several corpora are
searched as one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from clara.embed import Encoder
from clara.errors import UsageError
from clara.evaluate import intervals, seen
from clara.evaluate.embedded import EmbeddedIndex
from clara.evaluate.examples import choose
from clara.evaluate.metrics import Bools, Floats, Ints, precision_at
from clara.evaluate.ranking import both_ways
from clara.evaluate.scoring import task_name
from clara.evaluate.tasks import Task
from clara.records import Embeddings, Labels, Outcomes, Scores
from clara.text.phrases import captions

__all__ = ["run"]

_RANKS = (1, 5, 10)  # of Table V
_PRECISIONS = (1, 3, 5, 10)  # of Table VI, and what others publish
_CAPTIONS = (
    "those that people wrote; where there are none, the first that labels and transcript make, "
    "which says the most"
)


class _Gallery(NamedTuple):
    """What is searched.

    Attributes:
        audio: `[N, D]`.
        keys: Of each recording.
        texts: Each once `[M]`.
        pairs: Which recordings and texts belong together: places of both, `[P]` each.
    """

    audio: Floats
    keys: list[str]
    texts: list[str]
    pairs: tuple[Ints, Ints]


def run(task: Task, encoder: Encoder, data: EmbeddedIndex) -> Scores:
    """Looks for texts by audio and for audio by texts.

    Raises:
        UsageError: The encoder has no text side, or the shards hold nothing to test on.
    """
    own = [dataclasses.replace(task, corpus=corpus) for corpus in data.corpora(task)]
    splits = {each.corpus: data.headline(each) for each in own}
    data.text([task.name])  # first: who cannot read need not listen
    gallery, left_out = _gallery(task, data, splits)
    recordings, texts = gallery.pairs
    rows = data.text(gallery.texts)
    of_text, of_audio = _split(texts, recordings), _split(recordings, texts)
    by_audio, by_text = both_ways(gallery.audio, rows, gallery.pairs, max(_RANKS))
    ways = (("text_to_audio", by_text, of_text), ("audio_to_text", by_audio, of_audio))
    # The captions of one recording are no independent questions: they count as one.
    first = np.array([places[0] for places in of_text])
    values: dict[str, float] = {}
    for way, hits, answers in ways:
        groups = first if way == "text_to_audio" else None
        values |= _one_way(way, hits, np.array([len(each) for each in answers]), groups)
    keys = [gallery.keys[place] for place in first.tolist()]
    found = ways[0][1][:, 0]
    counted = next(iter(splits.values()))
    return Scores(
        task=task_name(task, counted),
        protocol="retrieval",
        encoder=encoder.name,
        values=values,
        support=len(gallery.audio),
        chance=float(np.mean([len(answers) for answers in of_text]) / len(gallery.audio)),
        seen=seen.worst({data.seen(corpus, names) for corpus, names in splits.items()}),
        detail={
            "primary": "text_to_audio_recall@1",
            "texts": len(gallery.texts),
            "recordings": len(gallery.audio),
            "captions": _CAPTIONS,
            "chance_audio_to_text": float(
                np.mean([len(answers) for answers in of_audio]) / len(gallery.texts)
            ),
            "left_out": left_out,
            "overlap": _summed([data.overlap(*each) for each in splits.items()]),
            "examples": choose(
                gallery.audio,
                rows,
                gallery.keys,
                gallery.texts,
                (of_text, of_audio),
                (by_text[:, 0], by_audio[:, 0]),
            ),
            "met": seen.most({data.met(corpus, names) for corpus, names in splits.items()}),
        },
        outcomes=Outcomes.over(gallery.texts, found, groups=keys, figure="text_to_audio_recall@1"),
    )


def _gallery(
    task: Task, data: EmbeddedIndex, splits: dict[str, tuple[str, ...]]
) -> tuple[_Gallery, dict[str, int]]:
    """What is searched, and why recordings are not in it."""
    left_out: dict[str, int] = {}
    vectors, keys, found = [], list[str](), list[tuple[str, ...]]()
    for corpus, names in splits.items():
        left_out |= _named(corpus if len(splits) > 1 else "", data.left_out(corpus, names))
        for name in names:
            rows = data.counted(corpus, name).rows
            told = _texts(rows)
            known = np.array([bool(each) for each in told], dtype=bool)
            if not known.all():
                left_out |= _named(
                    corpus if len(splits) > 1 else "",
                    {f"{name}: no caption": int((~known).sum())},
                )
            vectors.append(rows.vectors[known])
            keys += [key for key, each in zip(rows.keys, told, strict=True) if each]
            found += [each for each in told if each]
    place = {text: number for number, text in enumerate(dict.fromkeys(t for f in found for t in f))}
    if len(found) < 2 or len(place) < 2:
        raise UsageError(
            f"{task.name} needs two recordings with different captions, but {task.split} holds "
            f"{len(found)} with {len(place)}; there is nothing to look for."
        )
    recordings = np.repeat(np.arange(len(found)), [len(each) for each in found])
    texts = np.array([place[text] for each in found for text in each], dtype=np.int64)
    return _Gallery(np.concatenate(vectors), keys, list(place), (recordings, texts)), left_out


def _texts(rows: Embeddings) -> list[tuple[str, ...]]:
    """What may find each recording, without what merely repeats it in other words."""
    pairs = zip(rows.texts, rows.labels, strict=True)
    return [_worth(texts, labels) for texts, labels in pairs]


def _worth(texts: Sequence[str], labels: Labels) -> tuple[str, ...]:
    """The captions that people wrote, or the richest of those that templates made.

    >>> _worth(["The sound of dog", "A dog barks twice"], {"sound": ("dog",)})
    ('A dog barks twice',)
    >>> _worth(['A woman saying "Yes."', "A woman", "Yes."], {"gender": ("woman",)})
    ('A woman saying "Yes."',)
    """
    clean = tuple(dict.fromkeys(filter(None, (" ".join(text.split()) for text in texts))))
    made = captions(labels)
    if not set(made) & set(clean):
        return clean
    # Those made of a transcript, which labels do not hold, come first; no one writes beside them.
    written = tuple(text for text in clean if text not in made) if clean[0] == made[0] else ()
    return written or clean[:1]


def _split(owners: Ints, others: Ints) -> list[Ints]:
    """Of each owner, who belongs to it; every owner has someone."""
    order = np.argsort(owners, kind="stable")
    return np.split(others[order], np.cumsum(np.bincount(owners))[:-1])


def _one_way(way: str, hits: Bools, answers: Ints, groups: Ints | None) -> dict[str, float]:
    figures: dict[str, Floats] = {}
    for k in _RANKS:
        figures[f"recall@{k}"] = np.asarray(hits[:, :k].any(axis=1), dtype=np.float64)
    for k in _PRECISIONS:
        figures[f"map@{k}"] = precision_at(hits, answers, k)
    values: dict[str, float] = {}
    for name, of_queries in figures.items():
        low, high = intervals.of_mean(of_queries, groups)
        values[f"{way}_{name}"] = float(of_queries.mean())
        values[f"{way}_{name}_low"], values[f"{way}_{name}_high"] = low, high
    return values


def _named(corpus: str, counts: dict[str, int]) -> dict[str, int]:
    return {f"{corpus}/{why}" if corpus else why: count for why, count in counts.items()}


def _summed(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    return {name: sum(each[name] for each in counts) for name in counts[0]}
