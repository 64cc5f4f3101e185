"""The recordings of a run, embedded once for each encoder and shared by all tasks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clara import rooms
from clara.embed import Encoder, embed_index
from clara.errors import DataError, UnknownNameError, UsageError
from clara.evaluate.tasks import FOLDS, Task
from clara.records import Embeddings, Labels
from clara.shards import Index

TRAINED = "trained"


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
        return tuple(sorted({v for each in distinct(view) for v in each.get(task.target, ())}))

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
                if all(each.seen(task.corpus, split) != TRAINED for each in encoders)
            )

        return clean((self.encoder, *self.beside)) or clean([self.encoder]) or tested

    def seen(self, corpus: str, splits: Sequence[str]) -> str:
        """What the encoder has seen of these splits, by the worst of them."""
        states = {self.encoder.seen(corpus, split) for split in splits}
        for state in (TRAINED, "unknown", "held-out"):
            if state in states:
                return state
        return "unseen"

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

        An encoder may tell the ids of its sources (`encoder.sources`); beyond that, only what these
        shards hold can be compared.
        """
        tested = self.index.select(corpora=[corpus]).select(splits=splits)
        tested = tested.select(mask=~self._trained(tested))
        sources, speakers = self._met
        return {
            "source": sum(source in sources for source in tested.column("source")),
            "speaker": sum((corpus, each) in speakers for each in tested.column("speaker")),
        }

    @functools.cached_property
    def _met(self) -> tuple[set[str], set[tuple[str, str]]]:
        """The sources, and the corpora with their speakers, that the encoder was trained on."""
        view = self.index.select(mask=self._trained(self.index))
        sources = {*view.column("source"), *getattr(self.encoder, "sources", ())} - {""}
        speakers = zip(view.column("corpus"), view.column("speaker"), strict=True)
        return sources, {(corpus, speaker) for corpus, speaker in speakers if speaker}

    def _trained(self, view: Index) -> npt.NDArray[np.bool_]:
        """Of each recording, whether the encoder was trained on its split `[N]`."""
        (corpora, names), (splits, parts) = view.codes("corpus"), view.codes("split")
        places = corpora.astype(np.int64) * len(parts) + splits
        found = [
            place
            for place in np.unique(places).tolist()
            if self.encoder.seen(names[place // len(parts)], parts[place % len(parts)]) == TRAINED
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


def distinct(view: Index) -> list[Labels]:
    """The different sets of labels in a view, each once: there are few, however many recordings."""
    _, rows = np.unique(view.codes("labels")[0], return_index=True)
    return [view.labels(int(row)) for row in rows]
