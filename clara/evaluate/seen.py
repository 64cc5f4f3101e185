"""What encoders have met of the recordings of an index: computed, never typed.

An encoder says which splits of which corpora it was trained on (`Encoder.seen`) and, if it can,
what these recordings were cut from (`Encoder.sources`). With the sources and speakers that the
index holds, this tells whether a test is of anything new.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from clara.embed import Encoder
from clara.hashes import Hashes, distinct, hashed
from clara.shards import Index

TRAINED = "trained"
HELD_OUT = "held-out"
UNSEEN = "unseen"
UNKNOWN = "unknown"

WORST_FIRST = (TRAINED, UNKNOWN, HELD_OUT, UNSEEN)


def each(split: str) -> list[str]:
    """The splits that a name joins.

    >>> each("valid+test")
    ['valid', 'test']
    """
    return split.split("+")


class Acquaintance:
    """Who has met which recordings of an index.

    Splits may be joined ("valid+test"); rows are then in the order of their names.

    Args:
        index: The recordings.
    """

    def __init__(self, index: Index) -> None:
        self.index = index
        self._known: dict[int, Hashes] = {}
        self._mets: dict[tuple[int, str, str], npt.NDArray[np.bool_]] = {}
        self._voices: dict[tuple[int, str], Hashes] = {}

    def state(self, encoder: Encoder, corpus: str, split: str) -> str:
        """As `Encoder.seen`; a split of which every source was trained on was trained on too."""
        return TRAINED if self.met(encoder, corpus, split).all() else told(encoder, corpus, split)

    def met(self, encoder: Encoder, corpus: str, split: str) -> npt.NDArray[np.bool_]:
        """Which recordings of a split were cut from a source that an encoder trained on `[N]`."""
        place = (id(encoder), corpus, split)
        if place not in self._mets:
            numbers = self.hashes(corpus, split, "source")
            self._mets[place] = among(numbers, self._sources(encoder))
        return self._mets[place]

    def voices(self, encoder: Encoder, corpus: str) -> Hashes:
        """The speakers of a corpus that an encoder was trained on, in order."""
        place = (id(encoder), corpus)
        if place not in self._voices:
            view = self.index.select(corpora=[corpus])
            view = view.select(mask=self.trained(view, encoder))
            self._voices[place] = distinct(view.hashes("speaker"))
        return self._voices[place]

    def hashes(self, corpus: str, split: str, name: str) -> Hashes:
        """A column of a split as numbers `[N]`."""
        view = self.index.select(corpora=[corpus])
        return np.concatenate([view.select(splits=[one]).hashes(name) for one in each(split)])

    def trained(self, view: Index, encoder: Encoder) -> npt.NDArray[np.bool_]:
        """Of each recording of a view, whether an encoder was trained on its split `[N]`."""
        (corpora, names), (splits, parts) = view.codes("corpus"), view.codes("split")
        places = corpora.astype(np.int64) * len(parts) + splits
        found = [
            place
            for place in np.unique(places).tolist()
            if encoder.seen(names[place // len(parts)], parts[place % len(parts)]) == TRAINED
        ]
        return np.isin(places, found)

    def _sources(self, encoder: Encoder) -> Hashes:
        """The sources an encoder was trained on: those it tells, and those of these shards."""
        if id(encoder) not in self._known:
            view = self.index.select(mask=self.trained(self.index, encoder))
            own = getattr(encoder, "sources", ())
            numbers = own if isinstance(own, np.ndarray) else hashed(own)
            self._known[id(encoder)] = distinct(np.concatenate([view.hashes("source"), numbers]))
        return self._known[id(encoder)]


def told(encoder: Encoder, corpus: str, split: str) -> str:
    """What an encoder says of a split, or of several the worst."""
    return worst({encoder.seen(corpus, one) for one in each(split)})


def worst(states: set[str]) -> str:
    """The state that speaks most against a test.

    >>> worst({"unseen", "held-out"})
    'held-out'
    """
    return min(states, key=WORST_FIRST.index, default=UNSEEN)


def most(met: set[str]) -> str:
    """The most that was met, of the words of `EmbeddedIndex.met`.

    >>> most({"neither", "sources"})
    'sources'
    """
    return min(met, key=("corpus", "sources", UNKNOWN, "neither").index)


def among(numbers: Hashes, known: Hashes) -> npt.NDArray[np.bool_]:
    """Which numbers are among the known ones, which are in order; 0 is never `[N]`."""
    places = np.searchsorted(known, numbers)
    found: npt.NDArray[np.bool_] = np.zeros(len(numbers), dtype=bool)
    inside = (places < len(known)) & (numbers != 0)
    found[inside] = known[places[inside]] == numbers[inside]
    return found
