"""Statistics of shards, from their index alone: Table VII of any data."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from clara.shards import Index


def summarise(index: Index) -> dict[str, Any]:
    """Counts what an index holds, in all, by corpus and by split.

    Args:
        index: The samples.

    Returns:
        As JSON values: `total`, and `corpora` (name to the same, with `splits` inside). Each has
        clips, hours, seconds (mean, median, least, most), bytes, languages and labels (value to
        clips, most frequent first), speakers, sources, captions a clip, characters of the longest
        caption (mean, most).

    >>> summarise(Index.open("tests/mini/none"))  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    clara.errors.UsageError: ...
    """
    corpora = {}
    for corpus in index.corpora:
        part = index.select(corpora=[corpus])
        splits = {split: _summary(part.select(splits=[split])) for split in part.splits}
        corpora[corpus] = {**_summary(part), "splits": splits}
    return {"total": _summary(index), "corpora": corpora}


def _summary(index: Index) -> dict[str, Any]:
    seconds = index.column("seconds").astype(np.float64)
    chars = index.column("text_chars")
    captions = int(pc.sum(pc.list_value_length(index.table["texts"])).as_py() or 0)
    return {
        "clips": len(index),
        "hours": round(float(seconds.sum()) / 3600, 4),
        "seconds": {
            "mean": _figure(seconds, np.mean),
            "median": _figure(seconds, np.median),
            "least": _figure(seconds, np.min),
            "most": _figure(seconds, np.max),
        },
        "bytes": int(index.column("audio_size").sum()),
        "captions": captions,
        "characters": {"mean": _figure(chars, np.mean), "most": _figure(chars, np.max)},
        "languages": _ordered(_counts(index, "language")),
        "speakers": _distinct(index, "speaker"),
        "sources": _distinct(index, "source"),
        "labels": _labels(index),
    }


def _figure(values: npt.NDArray[Any], function: Any) -> float:
    return round(float(function(values)), 3) if len(values) else 0.0


def _counts(index: Index, name: str) -> Counter[str]:
    """How many samples carry each name; no name is not counted."""
    codes, names = index.codes(name)
    counts = np.bincount(codes, minlength=len(names))
    return Counter({n: int(c) for n, c in zip(names, counts, strict=True) if n and c})


def _labels(index: Index) -> dict[str, dict[str, int]]:
    """Kind of label to value to clips. Each distinct set of labels is parsed once."""
    kinds: dict[str, Counter[str]] = {}
    for text, count in _counts(index, "labels").items():
        for kind, values in json.loads(text).items():
            for value in values:
                kinds.setdefault(kind, Counter())[value] += count
    return {kind: _ordered(kinds[kind]) for kind in sorted(kinds)}


def _ordered(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _distinct(index: Index, name: str) -> int:
    """How many different names there are: of speakers or sources, each corpus has its own."""
    pairs = index.table.select(["corpus", name]).group_by(["corpus", name]).aggregate([])
    return int(pc.sum(pc.not_equal(pairs[name], "")).as_py() or 0)
