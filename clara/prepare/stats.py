"""Statistics of shards, from their index alone: Table VII of any data."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from clara.shards import Index


def summarise(index: Index) -> dict[str, Any]:
    """Counts what an index holds, in all, by corpus and by split.

    Args:
        index: The samples.

    Returns:
        As JSON values: `total`, and `corpora` (name to the same, with `splits` inside). Each has
        clips, hours, seconds (mean, median, least, most), bytes, characters of the longest caption
        (mean, most), languages and labels (value to clips, most frequent first), and how many
        speakers and sources there are. A speaker belongs to one corpus, a source to all.
    """
    columns = {name: index.column(name) for name in ("seconds", "text_chars", "audio_size")}
    for name in ("language", "labels"):
        columns[name] = index.codes(name)[0]
    for name in ("speaker", "source"):
        columns[name] = _numbers(index, name)
    codes, names = index.codes("corpus")
    split_codes, splits = index.codes("split")

    def summary(rows: npt.NDArray[np.int64]) -> dict[str, Any]:
        return _summary(index, {name: column[rows] for name, column in columns.items()})

    corpora = {}
    for corpus in index.corpora:
        rows = np.flatnonzero(codes == names.index(corpus))
        parts = {
            splits[code]: rows[split_codes[rows] == code] for code in np.unique(split_codes[rows])
        }
        corpora[corpus] = {
            **summary(rows),
            "splits": {split: summary(parts[split]) for split in sorted(parts)},
        }
    speakers = sum(each["speakers"] for each in corpora.values())
    return {"total": {**summary(np.arange(len(index))), "speakers": speakers}, "corpora": corpora}


def _summary(index: Index, columns: dict[str, npt.NDArray[Any]]) -> dict[str, Any]:
    seconds = columns["seconds"].astype(np.float64)
    characters = columns["text_chars"]
    return {
        "clips": len(seconds),
        "hours": round(float(seconds.sum()) / 3600, 4),
        "seconds": {
            "mean": _figure(seconds, np.mean),
            "median": _figure(seconds, np.median),
            "least": _figure(seconds, np.min),
            "most": _figure(seconds, np.max),
        },
        "bytes": int(columns["audio_size"].sum()),
        "characters": {"mean": _figure(characters, np.mean), "most": _figure(characters, np.max)},
        "languages": _ordered(_counts(columns["language"], index.codes("language")[1])),
        "labels": _labels(_counts(columns["labels"], index.codes("labels")[1])),
        "speakers": _distinct(columns["speaker"]),
        "sources": _distinct(columns["source"]),
    }


def _figure(values: npt.NDArray[Any], function: Any) -> float:
    return round(float(function(values)), 3) if len(values) else 0.0


def _counts(codes: npt.NDArray[np.int32], names: list[str]) -> Counter[str]:
    """How many samples carry each name; no name is not counted."""
    counts = np.bincount(codes, minlength=len(names))
    return Counter({n: int(c) for n, c in zip(names, counts, strict=True) if n and c})


def _labels(counts: Counter[str]) -> dict[str, dict[str, int]]:
    """Kind of label to value to clips. Each distinct set of labels is parsed once."""
    kinds: dict[str, Counter[str]] = {}
    for text, count in counts.items():
        for kind, values in json.loads(text).items():
            for value in values:
                kinds.setdefault(kind, Counter())[value] += count
    return {kind: _ordered(kinds[kind]) for kind in sorted(kinds)}


def _ordered(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _numbers(index: Index, name: str) -> npt.NDArray[np.int32]:
    """Texts as numbers, equal where the texts are equal, and -1 where there is none."""
    encoded = index.arrow(name).combine_chunks().dictionary_encode()
    codes: npt.NDArray[np.int32] = encoded.indices.to_numpy(zero_copy_only=False).copy()
    codes[codes == encoded.dictionary.index("").as_py()] = -1
    return codes


def _distinct(numbers: npt.NDArray[np.int32]) -> int:
    return int(np.count_nonzero(np.unique(numbers) >= 0))
