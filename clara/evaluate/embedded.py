"""The recordings of a run, embedded once for each encoder and shared by all tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from clara import rooms
from clara.embed import Encoder
from clara.errors import DataError, UnknownNameError, UsageError
from clara.evaluate import seen
from clara.evaluate.cache import Cache
from clara.evaluate.seen import TRAINED, Acquaintance
from clara.evaluate.tasks import FOLDS, LANGUAGE, Task
from clara.records import Embeddings, Labels
from clara.shards import Index
from clara.text.phrases import Style

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

    def only(self, kept: npt.NDArray[np.bool_]) -> Part:
        """Those recordings that are kept: bool `[N]`."""
        if kept.all():
            return self
        rows, places = self.rows, np.flatnonzero(kept).tolist()
        chosen = Embeddings(
            rows.vectors[kept],
            [rows.keys[row] for row in places],
            [rows.labels[row] for row in places],
            [rows.texts[row] for row in places],
        )
        return Part(chosen, self.groups[kept], self.grouped_by)


class Speakers(NamedTuple):
    """Of each recording, whether its speaker is told, and is one that was trained on.

    Attributes:
        told: bool `[N]`.
        met: bool `[N]`.
    """

    told: npt.NDArray[np.bool_]
    met: npt.NDArray[np.bool_]


class EmbeddedIndex:
    """An index seen through an encoder: each split is embedded when it is first asked for.

    Where a split is asked for, several may be joined ("valid+test").

    Args:
        encoder: What embeds.
        index: The recordings.
        folds: The folds to test where a task is tested on folds; all of them if empty.
        beside: Encoders that it is compared with. A split that one of them was trained on is in no
            headline, so that all rest on the same recordings.
        progress: Told how many recordings of a split are embedded, and of how many.
        prompts: Which of the shipped sets of prompts classes are asked for with.
        seed: Of whatever is drawn while something is learned.
        cache: Where embeddings are kept; nowhere if None.
    """

    def __init__(
        self,
        encoder: Encoder,
        index: Index,
        *,
        folds: Sequence[str] = (),
        beside: Sequence[Encoder] = (),
        progress: Callable[[int, int], None] | None = None,
        prompts: Style = "paper",
        seed: int = 0,
        cache: Cache | None = None,
    ) -> None:
        self.encoder = encoder
        self.index = index
        self.folds = tuple(folds)
        self.beside = tuple(beside)
        self.progress = progress
        self.prompts: Style = prompts
        self.seed = seed
        self.cache = cache or Cache(None)
        self._parts: dict[tuple[str, str, bool], Part] = {}
        self._contact = Acquaintance(index)
        self._width = 0

    def splits(self, corpus: str) -> list[str]:
        """The splits of a corpus that the shards hold, in order."""
        found = self.index.select(corpora=[corpus]).splits
        return sorted(found, key=lambda split: (len(split), split))  # fold2 before fold10

    def corpora(self, task: Task) -> tuple[str, ...]:
        """The corpora of a task: one, unless its name joins several that the shards hold."""
        return (task.corpus,) if task.corpus in self.index.corpora else task.corpora

    def classes(self, task: Task) -> tuple[str, ...]:
        """Every value that the task's label can have, by the corpus; as found if it says none."""
        try:
            known = rooms.load("corpora", task.corpus).labels.get(task.target, ())
        except UnknownNameError:
            known = ()
        if known:
            return tuple(known)
        view = self.index.select(corpora=[task.corpus])
        values = {v for each in label_sets(view) for v in each.get(task.target, ())}
        if task.target == LANGUAGE:
            values.update(languages(view))
        return tuple(sorted(values))

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
        absent = [one for split in wanted for one in seen.each(split) if one not in splits]
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
                if all(
                    self._contact.state(each, task.corpus, split) != TRAINED for each in encoders
                )
            )

        return clean((self.encoder, *self.beside)) or clean([self.encoder]) or tested

    def seen(self, corpus: str, splits: Sequence[str]) -> str:
        """What the encoder has seen of these splits, by the worst of them."""
        return seen.worst({self._contact.state(self.encoder, corpus, split) for split in splits})

    def met(self, corpus: str, splits: Sequence[str]) -> str:
        """What of a test the encoder has met.

        Returns:
            "corpus" if it was trained on this corpus, "sources" if only on recordings that some of
            the tested ones were cut from, "neither", or "unknown".
        """
        told = seen.worst({seen.told(self.encoder, corpus, split) for split in splits})
        if told in (TRAINED, seen.HELD_OUT):
            return "corpus"
        if any(self._contact.met(self.encoder, corpus, split).any() for split in splits):
            return "sources"
        return seen.UNKNOWN if told == seen.UNKNOWN else "neither"

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
        return self.part(corpus, split, features=features).only(~self._leaked(corpus, split))

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
            if len(splits := seen.each(split)) > 1:
                parts = [self.part(corpus, one, features=features) for one in splits]
                self._parts[place] = _joined(parts)
            else:
                self._parts[place] = self._embed(corpus, split, features)
        return self._parts[place]

    @property
    def has_features(self) -> bool:
        """Whether the encoder shows what it pools before its projection head."""
        return hasattr(self.encoder, "features")

    def text(self, sentences: Sequence[str]) -> npt.NDArray[np.float32]:
        """Sentences to unit rows `[N, D]`, in the space of the recordings.

        Raises:
            UsageError: The encoder has no text side.
            DataError: The encoder gave numbers that are not finite, or of another count or width.
        """
        rows = self.encoder.text(sentences)
        name = self.encoder.name
        if len(rows) != len(sentences):
            raise DataError(
                f"Expected {len(sentences)} rows of {name}, one for each sentence, but found "
                f"{len(rows)}; mend its `text`."
            )
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            raise self._diverged(sentences[int(finite.argmin())])
        self._same_width(rows.shape[1])
        return rows

    def overlap(self, corpus: str, splits: Sequence[str]) -> dict[str, int]:
        """How many tested recordings share a source or a speaker with what the encoder trained on.

        Those that share a source do not count; those that share a speaker do. Beyond the sources
        that an encoder tells (`encoder.sources`), only what these shards hold can be compared.
        """
        leaked = sum(int(self._leaked(corpus, split).sum()) for split in splits)
        view = self.index.select(corpora=[corpus])
        tested = view.select(splits=[one for split in splits for one in seen.each(split)])
        tested = tested.select(mask=~self._contact.trained(tested, self.encoder))
        voices = self._contact.voices(self.encoder, corpus)
        met = seen.among(tested.hashes("speaker"), voices)
        return {"source": leaked, "speaker": int(met.sum())}

    def speakers(self, corpus: str, split: str) -> Speakers | None:
        """Of the recordings that `counted` gives, who speaks; None if training is not known."""
        if self._contact.state(self.encoder, corpus, split) == seen.UNKNOWN:
            return None
        numbers = self._contact.hashes(corpus, split, "speaker")[~self._leaked(corpus, split)]
        voices = self._contact.voices(self.encoder, corpus)
        return Speakers(numbers != 0, seen.among(numbers, voices))

    def hours(self, corpus: str) -> dict[str, float] | None:
        """The hours of training in each language; None if the shards hold no training part."""
        if "train" not in self.splits(corpus):
            return None
        view = self.index.select(corpora=[corpus]).select(splits=["train"])
        codes, names = view.codes("language")
        seconds = np.bincount(codes, view.column("seconds"), minlength=len(names))
        return {name: float(each) / 3600 for name, each in zip(names, seconds, strict=True)}

    def _leaked(self, corpus: str, split: str) -> npt.NDArray[np.bool_]:
        """Which recordings of a split do not count `[N]`."""
        own = self._contact.met(self.encoder, corpus, split)
        if self._contact.state(self.encoder, corpus, split) == TRAINED:
            return np.zeros(len(own), dtype=bool)
        anyone = own
        for each in self.beside:
            if seen.told(each, corpus, split) != TRAINED:
                anyone = anyone | self._contact.met(each, corpus, split)
        return own if anyone.all() else anyone

    def _embed(self, corpus: str, split: str, features: bool) -> Part:
        view = self.index.select(corpora=[corpus]).select(splits=[split])
        tell = self.progress
        rows = self.cache.embed(
            self.encoder,
            view,
            features=features,
            progress=(lambda done: tell(done, len(view))) if tell else None,
        )
        finite = np.isfinite(rows.vectors).all(axis=1)
        if not finite.all():
            raise self._diverged(rows.keys[int(finite.argmin())])
        if not features:
            self._same_width(rows.vectors.shape[1])
        rows = Embeddings(rows.vectors, rows.keys, _with_language(rows.labels, view), rows.texts)
        known = (name for name in ("speaker", "source") if all(view.column(name)))
        name = next(known, "key")
        return Part(rows, view.column(name), "recording" if name == "key" else name)

    def _diverged(self, first: str) -> DataError:
        return DataError(
            f"Expected finite embeddings of {self.encoder.name} but found others, the first at "
            f"{first!r}; the model has diverged or is damaged."
        )

    def _same_width(self, width: int) -> None:
        self._width = self._width or width
        if width != self._width:
            raise DataError(
                f"Expected recordings and sentences of {self.encoder.name} in one space, but found "
                f"rows of {self._width} and of {width} numbers, which cannot be compared."
            )


def label_sets(view: Index) -> list[Labels]:
    """The different sets of labels in a view, each once: there are few, however many recordings."""
    _, rows = np.unique(view.codes("labels")[0], return_index=True)
    return [view.labels(int(row)) for row in rows]


def languages(view: Index) -> list[str]:
    """The languages that are spoken in a view, in order."""
    codes, names = view.codes("language")
    return sorted(filter(None, (names[code] for code in np.unique(codes).tolist())))


def _joined(parts: Sequence[Part]) -> Part:
    """Several splits as one."""
    rows = Embeddings(
        np.concatenate([part.rows.vectors for part in parts]),
        [key for part in parts for key in part.rows.keys],
        [labels for part in parts for labels in part.rows.labels],
        [texts for part in parts for texts in part.rows.texts],
    )
    kinds = {part.grouped_by for part in parts}
    if len(kinds) > 1:
        return Part(rows, np.array(rows.keys, dtype=object), "recording")
    return Part(rows, np.concatenate([part.groups for part in parts]), kinds.pop())


def _with_language(labels: Sequence[Labels], view: Index) -> list[Labels]:
    """Labels of recordings, among them what is spoken, where the corpus has not labelled it."""
    (codes, tags), kinds = view.codes("language"), view.codes("labels")[0]
    known: dict[tuple[int, int], Labels] = {}
    for each, kind, code in zip(labels, kinds.tolist(), codes.tolist(), strict=True):
        if (kind, code) not in known:
            spoken = {LANGUAGE: (tags[code],)} if tags[code] and LANGUAGE not in each else {}
            known[kind, code] = {**each, **spoken}
    return [known[place] for place in zip(kinds.tolist(), codes.tolist(), strict=True)]
