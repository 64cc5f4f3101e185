"""Statistics of shards, from their index alone: Table VII of any data.

Of 20 million rows it takes a quarter of a minute; how is told in `clara.prepare.tally`.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from clara.hashes import distinct, mixed
from clara.prepare.tally import Cells, Lengths, Sparse, Tally
from clara.shards import Index

SECONDS = (0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 60, 120, 300)
"""Up to which length, in seconds, the clips of each bar of a histogram are; of the last, longer."""
CHARACTERS = (10, 20, 40, 60, 80, 120, 160, 240, 320, 640)
"""The same for the longest caption of a clip, in characters."""
UNKNOWN = "unknown"

_CONTENT = {
    # What a corpus is of, as Table VII says it, by the kinds of label its recordings have.
    "keyword": "words",
    "emotion": "emotion",
    "age": "age",
    "gender": "gender",
    "sound": "sounds",
    "scene": "sounds",
    "imitation": "sounds",
    "song": "music",
}
CONTENT = ("speech", "words", "emotion", "age", "gender", "sounds", "music")
_DECADES = (
    *("teens", "twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties"),
    "nineties",
)

# The last four bits of a speaker's number say the gender: its place among the names, or none.
_GENDER = np.uint64(15)
_NO_GENDER = 15


def summarise(index: Index) -> dict[str, Any]:
    """Counts what an index holds, in all, by corpus, by split and by language.

    Args:
        index: The samples.

    Returns:
        As JSON values: `total`, `corpora` (name to the same, with `splits` inside) and `languages`
        (most hours first: clips, hours, speakers, genders, and clips by corpus). Each of the first
        has clips, hours, seconds and characters of the longest caption (mean, median, least, most,
        and how many clips of each length), bytes, content (Table VII), languages and labels (value
        to clips, most frequent first), genders by clips and by speakers, ages by decade, licences,
        and how many speakers and sources there are. A speaker belongs to one corpus, a source to
        all; one who is a man here and a woman there counts for both.
    """
    table = _Table(index)
    corpora = {}
    for corpus, run in itertools.groupby(enumerate(table.cells.parts), lambda part: part[1].corpus):
        parts = list(run)
        first, last = parts[0][0], parts[-1][0] + 1
        splits = {part.split: table.summary(number, number + 1) for number, part in parts}
        corpora[corpus] = {**table.summary(first, last), "splits": splits}
    total = table.summary(0, len(table.cells.parts))
    found = {each for corpus in corpora.values() for each in corpus["content"]}
    total["content"] = [each for each in CONTENT if each in found]
    return {"total": total, "corpora": corpora, "languages": table.languages()}


class _Table:
    """What is counted of an index, to be put together for any run of its parts."""

    def __init__(self, index: Index) -> None:
        self.cells = cells = Cells(index)
        order = cells.order
        self.seconds = Lengths(index.column("seconds")[order], cells, SECONDS)
        self.characters = Lengths(index.column("text_chars")[order], cells, CHARACTERS)
        self.bytes = cells.sums(index.column("audio_size")[order])
        codes, licences = index.codes("licence")
        self.licences = Tally(cells.counts(codes[order]), licences)
        codes, texts = index.codes("labels")
        codes, sets = codes[order], _Sets(texts)
        self.labels = Tally([sets.spread(each) for each in cells.counts(codes)], sets.names)
        genders = sets.genders[codes]
        self.gender_names = sets.gender_names
        self.genders = _by_gender(cells, genders)
        speaker = index.hashes("speaker")[order]
        homes = {corpus: number for number, (corpus, _, _) in enumerate(cells.names)}
        home = np.array([homes[corpus] for corpus, _, _ in cells.names], np.uint64)
        own = mixed(speaker + np.repeat(home, cells.sizes))  # a speaker belongs to one corpus
        self.speakers = cells.distinct(own & ~_GENDER | genders, speaker != 0)
        source = index.hashes("source")[order]
        self.sources = cells.distinct(source, source != 0)

    def summary(self, first: int, last: int) -> dict[str, Any]:
        """All that is known of the parts from `first` to before `last`."""
        parts = self.cells.parts[first:last]
        low, high = (parts[0].low, parts[-1].high) if parts else (0, 0)
        labels: dict[str, dict[str, int]] = {}
        for (kind, value), count in self.labels.over(slice(first, last)):
            labels.setdefault(kind, {})[value] = count
        sizes = self.cells.sizes[low:high].tolist()
        languages: Counter[str] = Counter()
        for (_, _, language), size in zip(self.cells.names[low:high], sizes, strict=True):
            languages[language] += size
        speech = sum(sizes) > languages.pop("", 0)
        speakers, genders = self._genders(range(low, high))
        return {
            "clips": sum(sizes),
            "hours": _hours(self.seconds.sums[low:high]),
            "seconds": self.seconds.over(low, high),
            "bytes": int(self.bytes[low:high].sum()),
            "characters": self.characters.over(low, high),
            "content": _content(labels, speech=speech),
            "languages": _ordered(languages),
            "labels": {kind: labels[kind] for kind in sorted(labels)},
            "genders": genders,
            "ages": decades(labels.get("age", {})),
            "licences": dict(self.licences.over(slice(first, last))),
            "speakers": speakers,
            "sources": len(distinct(*self.sources[low:high])),
        }

    def languages(self) -> dict[str, Any]:
        """What is known of each language, most hours first."""
        runs: dict[str, list[int]] = {}
        for number, (_, _, language) in enumerate(self.cells.names):
            runs.setdefault(language, []).append(number)
        told = {name: self._language(cells) for name, cells in runs.items() if name}
        return dict(sorted(told.items(), key=lambda item: (-item[1]["hours"], item[0])))

    def _language(self, cells: list[int]) -> dict[str, Any]:
        corpora: Counter[str] = Counter()
        for cell, size in zip(cells, self.cells.sizes[cells].tolist(), strict=True):
            corpora[self.cells.names[cell][0]] += size
        speakers, genders = self._genders(cells)
        return {
            "clips": corpora.total(),
            "hours": _hours(self.seconds.sums[cells]),
            "speakers": speakers,
            "genders": genders,
            "corpora": _ordered(corpora),
        }

    def _genders(self, cells: Sequence[int]) -> tuple[int, dict[str, dict[str, int]]]:
        """How many speakers there are in some cells, and clips and speakers of each gender."""
        keys = distinct(*(self.speakers[cell] for cell in cells))
        gender = (keys & _GENDER).astype(np.int64)
        first = np.diff(keys >> np.uint64(4), prepend=np.uint64(0)) != 0
        # Having none is the last of the genders: a speaker who begins with it has no other.
        counted = (gender != _NO_GENDER) | first
        speakers = np.bincount(gender[counted], minlength=_NO_GENDER + 1)
        clips = self.genders[list(cells)].sum(axis=0)
        return int(first.sum()), {"clips": self._named(clips), "speakers": self._named(speakers)}

    def _named(self, counts: npt.NDArray[np.int64]) -> dict[str, int]:
        *known, unknown = counts.tolist()
        named = {n: c for n, c in zip(self.gender_names, known, strict=False) if c}
        return _ordered(named) | {UNKNOWN: unknown}


class _Sets:
    """The different sets of labels that recordings have.

    Args:
        texts: Each as JSON.

    Attributes:
        names: Kind and value of each label in any of them.
        genders: uint64 `[S]`, the gender of each set as a number, or `_NO_GENDER`.
        gender_names: Of each gender.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        labels: list[int] = []
        ends = [0]
        numbers: dict[tuple[str, str], int] = {}
        names: dict[str, int] = {}
        genders: list[int] = []
        # As one array: to begin anew for each text takes as long as to read it.
        for each in json.loads(f"[{','.join(texts)}]"):
            for kind, values in each.items():
                labels += [numbers.setdefault((kind, value), len(numbers)) for value in values]
            ends.append(len(labels))
            gender = next(iter(each.get("gender", ())), None)
            # There is room for few; what comes beyond counts for the last of them.
            number = None if gender is None else names.setdefault(gender, len(names))
            genders.append(_NO_GENDER if number is None else min(number, _NO_GENDER - 1))
        self._labels = np.array(labels, np.int64)
        self._starts = np.array(ends, np.int64)
        self.names = list(numbers)
        self.genders = np.array(genders, np.uint64)
        self.gender_names = list(names)[:_NO_GENDER]

    def spread(self, sets: Sparse) -> Sparse:
        """Counts of sets as counts of the labels in them."""
        sizes = np.diff(self._starts)[sets.values]
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        labels = self._labels[np.repeat(self._starts[sets.values], sizes) + within]
        return Sparse.of(labels, np.repeat(sets.counts, sizes))


def _by_gender(cells: Cells, genders: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """How many clips of each cell are of each gender `[K, 16]`."""
    places = cells.each() * np.int32(_NO_GENDER + 1) + genders.astype(np.int32)
    counts = np.bincount(places, minlength=len(cells) * (_NO_GENDER + 1))
    return counts.reshape(-1, _NO_GENDER + 1)


def _hours(seconds: npt.NDArray[np.float64]) -> float:
    return round(float(seconds.sum()) / 3600, 4)


def _content(kinds: Iterable[str], *, speech: bool) -> list[str]:
    found = {_CONTENT[kind] for kind in kinds if kind in _CONTENT}
    if speech and "words" not in found:
        found.add("speech")
    return [each for each in CONTENT if each in found]


def decades(ages: Mapping[str, int]) -> dict[str, int]:
    """Ages as corpora write them, in years or in words, by decade.

    >>> decades({"31": 2, "thirties": 1, "fourties": 4, "20s": 1, "old": 1})
    {'20s': 1, '30s': 3, '40s': 4, 'old': 1}
    """
    counts: Counter[str] = Counter()
    for age, count in ages.items():
        years = re.match(r"\d+", age)
        word = age.replace("fourties", "forties")  # as Common Voice spells it
        if years:
            counts[f"{int(years[0]) // 10 * 10}s"] += count
        else:
            counts[f"{10 * _DECADES.index(word) + 10}s" if word in _DECADES else age] += count
    numbered = {age: int(age[:-1]) for age in counts if re.fullmatch(r"\d+s", age)}
    order = sorted(counts, key=lambda age: (numbered.get(age, 10**9), age))
    return {age: counts[age] for age in order}


def _ordered(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
