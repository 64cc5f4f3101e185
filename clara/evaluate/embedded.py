"""The recordings of a run, embedded once for each encoder and shared by all tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clara import rooms
from clara.embed import Encoder, embed_index
from clara.errors import DataError, UnknownNameError, UsageError
from clara.evaluate.tasks import FOLDS, Task
from clara.hashes import Hashes, distinct, hashed
from clara.records import Embeddings, Labels
from clara.shards import Index

TRAINED = "trained"
LEAKED = "cut from sources that were trained on"


@dataclass(frozen=True, slots=True)
class Part:
    """The embedded recordings of one split.

    Attributes:
        rows: Their embeddings, or the encoder's features, `[N, D]`.
        groups: Of each, who speaks or which recording it was cut from `[N]`: what must not lie on
            both sides of a split inside the training part.
        grouped_by: "speaker", "source" or "recording".
    """

    rows: Embeddings
    groups: npt.NDArray[np.object_]
    grouped_by: str


class EmbeddedIndex:
    """An index seen through an encoder: each split is embedded when it is first asked for.

    Args:
        encoder: What embeds.
        index: The recordings.
        folds: The folds to test where a task is tested on folds; all of them if empty.
        beside: Encoders that it is compared with. A split that one of them was trained on is in no
            headline, so that all rest on the same recordings.
        progress: Told how many recordings of a split are embedded, and of how many.
    """

    def __init__(
        self,
        encoder: Encoder,
        index: Index,
        *,
        folds: Sequence[str] = (),
        beside: Sequence[Encoder] = (),
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.encoder = encoder
        self.index = index
        self.folds = tuple(folds)
        self.beside = tuple(beside)
        self.progress = progress
        self._parts: dict[tuple[str, str, bool], Part] = {}
        self._known: dict[int, Hashes] = {}
        self._mets: dict[tuple[int, str, str], npt.NDArray[np.bool_]] = {}

    def splits(self, corpus: str) -> list[str]:
        """The splits of a corpus that the shards hold, in order."""
        found = self.index.select(corpora=[corpus]).splits
        return sorted(found, key=lambda split: (len(split), split))  # fold2 before fold10

    def classes(self, task: Task) -> tuple[str, ...]:
        """Every value that the task's label can have, by the corpus; as found if it says none."""
        try:
            known = rooms.load("corpora", task.corpus).labels.get(task.target, ())
        except UnknownNameError:
            known = ()
        if known:
            return tuple(known)
        view = self.index.select(corpora=[task.corpus])
        return tuple(sorted({v for each in label_sets(view) for v in each.get(task.target, ())}))

    def tested(self, task: Task) -> tuple[str, ...]:
        """The splits that the task is tested on.

        Raises:
            UsageError: The shards do not hold them.
        """
        splits = self.splits(task.corpus)
        if task.split != FOLDS:
            wanted: tuple[str, ...] = (task.split,)
        else:
            folds = tuple(split for split in splits if split.startswith("fold"))
            wanted = self.folds or folds or (FOLDS,)
        absent = [split for split in wanted if split not in splits]
        if absent:
            raise UsageError(
                f"{task.name} is tested on {', '.join(wanted)}, but of {task.corpus} the shards "
                f"hold {', '.join(splits)} only; name another split, as in "
                f"{task.name}@{splits[-1]}."
            )
        return wanted

    def headline(self, task: Task) -> tuple[str, ...]:
        """The tested splits for the headline: those that no encoder here was trained on.

        Where there are none, those that this encoder was not trained on; where it was trained on
        all, all are returned, and `seen` then says "trained".
        """
        tested = self.tested(task)

        def clean(encoders: Sequence[Encoder]) -> tuple[str, ...]:
            return tuple(
                split
                for split in tested
                if all(self._state(each, task.corpus, split) != TRAINED for each in encoders)
            )

        return clean((self.encoder, *self.beside)) or clean([self.encoder]) or tested

    def seen(self, corpus: str, splits: Sequence[str]) -> str:
        """What the encoder has seen of these splits, by the worst of them."""
        states = {self._state(self.encoder, corpus, split) for split in splits}
        for state in (TRAINED, "unknown", "held-out"):
            if state in states:
                return state
        return "unseen"

    def counted(self, corpus: str, split: str, *, features: bool = False) -> Part:
        """The recordings of a tested split that count: as `part`, without those that leak.

        A recording leaks if it was cut from a source that this encoder, or one that it is compared
        with, was trained on. Of a split that it was trained on itself all count, for the score says
        so.

        Args:
            corpus: Name of the corpus.
            split: Name of the split.
            features: As in `part`.
        """
        whole = self.part(corpus, split, features=features)
        clean = ~self._leaked(corpus, split)
        if clean.all():
            return whole
        rows, kept = whole.rows, np.flatnonzero(clean).tolist()
        chosen = Embeddings(
            rows.vectors[clean],
            [rows.keys[row] for row in kept],
            [rows.labels[row] for row in kept],
            [rows.texts[row] for row in kept],
        )
        return Part(chosen, whole.groups[clean], whole.grouped_by)

    def left_out(self, corpus: str, splits: Sequence[str]) -> dict[str, int]:
        """Why recordings of tested splits do not count whatever is asked, and how many."""
        counts = {split: int(self._leaked(corpus, split).sum()) for split in splits}
        return {f"{split}: {LEAKED}": count for split, count in counts.items() if count}

    def part(self, corpus: str, split: str, *, features: bool = False) -> Part:
        """A split, embedded once and kept.

        Args:
            corpus: Name of the corpus.
            split: Name of the split.
            features: Take what the encoder pools before its projection head, if it shows that.

        Raises:
            DataError: The encoder gave numbers that are not finite.
        """
        features = features and self.has_features
        place = (corpus, split, features)
        if place not in self._parts:
            self._parts[place] = self._embed(corpus, split, features)
        return self._parts[place]

    @property
    def has_features(self) -> bool:
        """Whether the encoder shows what it pools before its projection head."""
        return hasattr(self.encoder, "features")

    def overlap(self, corpus: str, splits: Sequence[str]) -> dict[str, int]:
        """How many tested recordings share a source or a speaker with what the encoder trained on.

        Those that share a source do not count; those that share a speaker do. Beyond the sources
        that an encoder tells (`encoder.sources`), only what these shards hold can be compared.
        """
        leaked = sum(int(self._leaked(corpus, split).sum()) for split in splits)
        view = self.index.select(corpora=[corpus])
        trained = distinct(view.select(mask=self._trained(view, self.encoder)).hashes("speaker"))
        tested = view.select(splits=splits)
        tested = tested.select(mask=~self._trained(tested, self.encoder))
        return {"source": leaked, "speaker": int(_among(tested.hashes("speaker"), trained).sum())}

    def _state(self, encoder: Encoder, corpus: str, split: str) -> str:
        """As `Encoder.seen`; a split of which every source was trained on was trained on too."""
        told = encoder.seen(corpus, split)
        return TRAINED if self._met(encoder, corpus, split).all() else told

    def _leaked(self, corpus: str, split: str) -> npt.NDArray[np.bool_]:
        """Which recordings of a split do not count `[N]`."""
        own = self._met(self.encoder, corpus, split)
        if self._state(self.encoder, corpus, split) == TRAINED:
            return np.zeros(len(own), dtype=bool)
        anyone = own
        for each in self.beside:
            if each.seen(corpus, split) != TRAINED:
                anyone = anyone | self._met(each, corpus, split)
        return own if anyone.all() else anyone

    def _met(self, encoder: Encoder, corpus: str, split: str) -> npt.NDArray[np.bool_]:
        """Which recordings of a split were cut from a source that an encoder trained on `[N]`."""
        place = (id(encoder), corpus, split)
        if place not in self._mets:
            view = self.index.select(corpora=[corpus]).select(splits=[split])
            self._mets[place] = _among(view.hashes("source"), self._sources(encoder))
        return self._mets[place]

    def _sources(self, encoder: Encoder) -> Hashes:
        """The sources an encoder was trained on: those it tells, and those of these shards."""
        if id(encoder) not in self._known:
            view = self.index.select(mask=self._trained(self.index, encoder))
            told = getattr(encoder, "sources", ())
            numbers = told if isinstance(told, np.ndarray) else hashed(told)
            self._known[id(encoder)] = distinct(np.concatenate([view.hashes("source"), numbers]))
        return self._known[id(encoder)]

    def _trained(self, view: Index, encoder: Encoder) -> npt.NDArray[np.bool_]:
        """Of each recording, whether an encoder was trained on its split `[N]`."""
        (corpora, names), (splits, parts) = view.codes("corpus"), view.codes("split")
        places = corpora.astype(np.int64) * len(parts) + splits
        found = [
            place
            for place in np.unique(places).tolist()
            if encoder.seen(names[place // len(parts)], parts[place % len(parts)]) == TRAINED
        ]
        return np.isin(places, found)

    def _embed(self, corpus: str, split: str, features: bool) -> Part:
        view = self.index.select(corpora=[corpus]).select(splits=[split])
        tell = self.progress
        rows = embed_index(
            self.encoder,
            view,
            features=features,
            progress=(lambda done: tell(done, len(view))) if tell else None,
        )
        finite = np.isfinite(rows.vectors).all(axis=1)
        if not finite.all():
            raise DataError(
                f"Expected finite embeddings of {self.encoder.name} but found others, the first at "
                f"{rows.keys[int(finite.argmin())]!r}; the model has diverged or is damaged."
            )
        known = (name for name in ("speaker", "source") if all(view.column(name)))
        name = next(known, "key")
        return Part(rows, view.column(name), "recording" if name == "key" else name)


def _among(numbers: Hashes, known: Hashes) -> npt.NDArray[np.bool_]:
    """Which numbers are among the known ones, which are in order; 0 is never `[N]`."""
    places = np.searchsorted(known, numbers)
    among: npt.NDArray[np.bool_] = np.zeros(len(numbers), dtype=bool)
    inside = (places < len(known)) & (numbers != 0)
    among[inside] = known[places[inside]] == numbers[inside]
    return among


def label_sets(view: Index) -> list[Labels]:
    """The different sets of labels in a view, each once: there are few, however many recordings."""
    _, rows = np.unique(view.codes("labels")[0], return_index=True)
    return [view.labels(int(row)) for row in rows]
