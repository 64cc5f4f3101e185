"""Recordings that two sets of shards share, or the parts of one: what must not be in a test.

Recordings that both tell what they were cut from ("freesound:100032") are compared by that. Where
one of the two does not, they are compared by sound (`clara.audio.fingerprint`).
"""

from __future__ import annotations

import codecs
import csv
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from clara.files import replacing
from clara.leaks.sounds import Heard, listen
from clara.leaks.sources import Parts, Shared, parts, shared
from clara.shards import Index

Ints = npt.NDArray[np.int64]

_TOLD = 1 << 18


class Leak(NamedTuple):
    """Two recordings that are one, or pieces of one.

    Attributes:
        a: Row of the one.
        b: Row of the other.
        likeness: How alike they sound, from 0 to 1; None where their source is the same.
        offset: Where `a` begins in `b`, in seconds, if it is known from the sound.
    """

    a: int
    b: int
    likeness: float | None = None
    offset: float | None = None


@dataclass(frozen=True, slots=True)
class Leaks:
    """What was found.

    Attributes:
        a: The one set.
        b: The other; the same object where the parts of one set were compared.
        parts: The parts of either.
        by_source: Recordings that share a source.
        by_sound: Recordings that sound the same, and what could not be compared.
    """

    a: Index
    b: Index
    parts: tuple[Parts, Parts]
    by_source: Shared
    by_sound: Heard

    @property
    def within(self) -> bool:
        """Whether the parts of one set were compared."""
        return self.a is self.b

    def table(self) -> list[dict[str, Any]]:
        """For each two parts that share recordings, how many of each are shared."""
        names_a, names_b = self.parts[0].names, self.parts[1].names
        counts: dict[tuple[int, int], dict[str, Any]] = {}
        found = {"source": self.by_source.counts(), "sound": self._heard()}
        for how, of in found.items():
            for pair, (mine, theirs) in of.items():
                row = counts.setdefault(pair, {f"{each}_{s}": 0 for each in found for s in "ab"})
                row |= {f"{how}_a": mine, f"{how}_b": theirs}
        return [
            {"a": names_a[p], "b": names_b[q], **counts[p, q]}
            for p, q in sorted(counts, key=lambda pair: (pair[1], pair[0]))
        ]

    def pairs(self) -> Iterator[Leak]:
        """Every two recordings, those that share a source first."""
        for mine, theirs in self.by_source.pairs():
            yield from itertools.starmap(Leak, zip(mine.tolist(), theirs.tolist(), strict=True))
        yield from self._sounding()

    def leaked(self) -> tuple[int, int]:
        """How many recordings of each set the other holds too; of one set, of its later parts."""
        mine, theirs = (np.zeros(len(index), dtype=bool) for index in (self.a, self.b))
        rows = self.by_source.rows()
        mine[rows[0]], theirs[rows[1]] = True, True
        mine[self.by_sound.a], theirs[self.by_sound.b] = True, True
        return int(mine.sum()), int(theirs.sum())

    def examples(self, most: int) -> list[dict[str, Any]]:
        """Some pairs by name, half of them of each kind where there are so many."""
        sound = min(len(self.by_sound.a), max(most // 2, most - self.by_source.count()))
        shown = itertools.islice(self.pairs(), most - sound)
        heard = itertools.islice(self._sounding(), sound)
        return list(self.told(dict.fromkeys((*shown, *heard))))

    def as_json(self) -> dict[str, Any]:
        """The figures, and the first pairs, as JSON values."""
        mine, theirs = self.leaked()
        return {
            "within": self.within,
            "recordings": {"a": len(self.a), "b": len(self.b)},
            "leaked": {"a": mine, "b": theirs},
            "pairs": {"source": self.by_source.count(), "sound": len(self.by_sound.a)},
            "parts": self.table(),
            "listened_to": dict(zip("ab", self.by_sound.listened, strict=True)),
            "too_short_or_quiet": dict(zip("ab", self.by_sound.mute, strict=True)),
            "skipped": dict(self.by_sound.skipped),
            "examples": self.examples(100),
        }

    def told(self, leaks: Iterable[Leak]) -> Iterator[dict[str, Any]]:
        """Pairs by name; of some thousand the names are read at a time."""
        rest = iter(leaks)
        while some := list(itertools.islice(rest, _TOLD)):
            one = _Names(self.a, self.parts[0], np.array([leak.a for leak in some]))
            other = _Names(self.b, self.parts[1], np.array([leak.b for leak in some]))
            for number, leak in enumerate(some):
                mine, theirs = one.of(number), other.of(number)
                heard = leak.likeness is not None
                yield {
                    "a": mine.key,
                    "part_a": mine.part,
                    "b": theirs.key,
                    "part_b": theirs.part,
                    "how": "sound" if heard else "source",
                    "what": f"{leak.likeness:.3f}" if heard else mine.source,
                    "offset": leak.offset,
                }

    def _sounding(self) -> Iterator[Leak]:
        for row, other, likeness, offset in self.by_sound.rows():
            yield Leak(row, other, likeness, round(offset, 2))

    def _heard(self) -> Mapping[tuple[int, int], tuple[int, int]]:
        (codes_a, _), (codes_b, names_b) = self.parts
        a, b = self.by_sound.a, self.by_sound.b
        pair = codes_a[a].astype(np.int64) * len(names_b) + codes_b[b]
        return {
            (number // len(names_b), number % len(names_b)): (
                len(np.unique(a[pair == number])),
                len(np.unique(b[pair == number])),
            )
            for number in np.unique(pair).tolist()
        }


class _Name(NamedTuple):
    """What a recording is called: its key, part and source."""

    key: str
    part: str
    source: str


class _Names:
    """The names of some recordings, read together.

    Args:
        index: The set.
        parts: Its parts.
        rows: int64 `[R]`.
    """

    def __init__(self, index: Index, parts: Parts, rows: Ints) -> None:
        there = np.zeros(len(index), dtype=bool)
        there[rows] = True
        view = index.select(mask=there)
        named = np.flatnonzero(there)
        columns = (view.column("corpus"), view.column("key"), view.column("source"))
        codes = parts.codes[named].tolist()
        self._names = [
            _Name(f"{corpus}/{key}", parts.names[code], source)
            for code, corpus, key, source in zip(codes, *columns, strict=True)
        ]
        self._places: list[int] = np.searchsorted(named, rows).tolist()

    def of(self, number: int) -> _Name:
        """The name of the recording at a place in `rows`."""
        return self._names[self._places[number]]


def find(
    a: Index,
    b: Index | None = None,
    *,
    sound: bool = True,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Leaks:
    """Finds the recordings that two sets share, or that two parts of one set share.

    Args:
        a: The recordings; a part is a split of a corpus.
        b: What they are compared with; their own other parts if None.
        sound: Compare by sound where no source is known; else sources alone are compared.
        threads: That decode; one for each core if None.
        progress: Told how many recordings were listened to, and of how many.

    Raises:
        ShardError: A shard is missing or is not the one that was indexed.
    """
    mine = parts(a)
    b, theirs = (a, mine) if b is None else (b, parts(b))
    heard = listen(a, b, mine, threads=threads, progress=progress) if sound else Heard.nothing()
    return Leaks(a, b, (mine, theirs), shared(a, b, mine, theirs), heard)


def write_csv(leaks: Leaks, path: Path) -> None:
    """Writes every pair as a line of a table.

    Raises:
        DataError: It cannot be written.
    """
    columns = ("a", "part_a", "b", "part_b", "how", "what", "offset")
    with replacing(path) as file:
        table = csv.DictWriter(codecs.getwriter("utf-8")(file), columns, lineterminator="\n")
        table.writeheader()
        table.writerows(leaks.told(leaks.pairs()))
