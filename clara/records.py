"""The five nouns, in the order in which data become answers.

    Entry -> Sample -> Batch -> Embeddings -> Scores

Axes by one letter, here and everywhere: `B` batch, `T` samples of time, `F` frames, `M` mel bands,
`L` tokens, `D` width, `N` rows, `C` classes. No noun before `Sample` holds audio, and none after
`Batch`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

Wave = npt.NDArray[np.float32]
Labels = Mapping[str, tuple[str, ...]]


@runtime_checkable
class Clip(Protocol):
    """A recording that lies in no file of its own, such as a row of a table.

    It can be pickled, and its text names it, the same wherever the data lie.
    """

    def read(self) -> bytes:
        """The encoded audio.

        Raises:
            OSError: It cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Unspoken:
    """In the place of a recording, where there is only a text as yet: a `Clip` that has no sound.

    Attributes:
        name: Says which text it is, the same wherever it is read.
    """

    name: str

    def __str__(self) -> str:
        return self.name

    def read(self) -> bytes:
        """Finds nothing.

        Raises:
            OSError: Always; the step `synthesise` makes a recording of it.
        """
        raise OSError("it is not spoken yet")


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a corpus: where a recording lies and what is known of it.

    Attributes:
        key: Unique in its corpus.
        path: The audio file, or where else the recording lies.
        start: Where the recording begins in the file, in seconds.
        end: Where it ends, in seconds; the end of the file if None.
        split: "train", "valid", "test", or a fold ("fold1").
        language: BCP 47 tag of what is spoken ("pl"); empty if nothing is.
        transcript: The words spoken.
        labels: Kind of label to values: `{"emotion": ("angry",), "gender": ("woman",)}`.
        texts: Captions that people wrote; captions from labels are made later, by templates.
        source: Id of the recording this one was cut from ("freesound:100032"), against leaks.
        speaker: Who speaks, unique in the corpus.
        licence: What the owner of this recording allows; empty if the corpus says it for all.
        extra: Whatever else the corpus says, as JSON values.
        fault: Why it cannot be used, in words that all such records share; empty if it can. So a
            corpus counts a bad record among others instead of stopping at it.
    """

    key: str
    path: Path | Clip
    start: float = 0.0
    end: float | None = None
    split: str = "train"
    language: str = ""
    transcript: str = ""
    labels: Labels = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    source: str = ""
    speaker: str = ""
    licence: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """A decoded recording with its texts.

    Attributes:
        key: Unique in its corpus.
        wave: float32 `[T]`, mono.
        rate: Samples per second.
        texts: At least one caption.
        labels: As in `Entry`.
    """

    key: str
    wave: Wave
    rate: int
    texts: tuple[str, ...]
    labels: Labels = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.wave) / self.rate


@dataclass(frozen=True, slots=True)
class Batch:
    """What the model eats. Every length travels with its tensor.

    Attributes:
        waves: float32 `[B, T]`, zero behind each length.
        wave_lengths: int64 `[B]`, in samples.
        tokens: int64 `[B, L]`, padding behind each length.
        token_lengths: int64 `[B]`.
        text_ids: int64 `[B]`, equal where the texts are equal.
        true_ids: int64 `[B, K]`, the ids of all captions of each row, the one drawn first.
        keys: Of each row, "corpus/key".
    """

    waves: torch.Tensor
    wave_lengths: torch.Tensor
    tokens: torch.Tensor
    token_lengths: torch.Tensor
    text_ids: torch.Tensor
    true_ids: torch.Tensor
    keys: tuple[str, ...]

    def __len__(self) -> int:
        """Number of rows `B`."""
        return len(self.keys)


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Unit rows with their keys.

    Attributes:
        vectors: float32 `[N, D]`, each of length 1.
        keys: Of each row.
        labels: Of each row, as in `Entry`.
        texts: Of each row, as in `Sample`.
    """

    vectors: npt.NDArray[np.float32]
    keys: Sequence[str]
    labels: Sequence[Labels] = ()
    texts: Sequence[tuple[str, ...]] = ()

    def __len__(self) -> int:
        """Number of rows `N`."""
        return len(self.keys)


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Of each recording (or query) that counts, whether its answer was right.

    Attributes:
        recordings: Says which they are and in which order: equal in two runs that can be compared
            one by one.
        right: bool `[N]`.
        groups: int64 `[N]`, equal where recordings are not independent, being of one speaker or
            source, or where queries are for one recording; none where each stands alone.
        parts: int64 `[N]`, the part (fold, language) that each counts in, where the figure is a
            mean over parts; none where it is the share of all.
        figure: The key in `Scores.values` of the figure that these are the answers of.
    """

    recordings: str
    right: npt.NDArray[np.bool_]
    groups: npt.NDArray[np.int64] | None = None
    parts: npt.NDArray[np.int64] | None = None
    figure: str = "accuracy"

    @classmethod
    def over(
        cls,
        keys: Iterable[str],
        right: npt.NDArray[np.bool_],
        groups: Iterable[object] = (),
        parts: Iterable[object] = (),
        figure: str = "accuracy",
    ) -> Outcomes:
        """Of recordings with their names.

        Args:
            keys: Of each recording (or query), in a fixed order.
            right: bool `[N]`.
            groups: Of each, a name that it shares with those it is not independent of.
            parts: Of each, the name of its part, where the figure is a mean over parts.
            figure: As in the attributes.

        >>> once = Outcomes.over(["a", "b"], np.array([True, False]), groups=["ann", "ann"])
        >>> once.recordings == Outcomes.over(["a", "b"], np.array([True, True])).recordings
        True
        >>> once.groups.tolist()
        [0, 0]
        """
        digest, count = hashlib.sha256(), 0
        for key in keys:
            name = key.encode("utf-8", "surrogatepass")
            digest.update(len(name).to_bytes(8, "little") + name)
            count += 1
        assert right.shape == (count,)
        own, part = _numbered(groups), _numbered(parts)
        assert all(each is None or len(each) == count for each in (own, part))
        return cls(f"sha256:{digest.hexdigest()}", right, own, part, figure)

    def __len__(self) -> int:
        """How many answers there are `N`."""
        return len(self.right)


def _numbered(names: Iterable[object]) -> npt.NDArray[np.int64] | None:
    """Numbers in order of first appearance; none for no names."""
    place: dict[object, int] = {}
    numbers = [place.setdefault(name, len(place)) for name in names]
    return np.array(numbers, np.int64) if numbers else None


@dataclass(frozen=True, slots=True)
class Scores:
    """The figures of one task, and what they are figures of.

    Attributes:
        task: Name of the task ("ravdess/emotion").
        protocol: How it was measured ("zero_shot").
        encoder: Name of the model.
        values: Named figures ("accuracy" to 0.61).
        support: How many test recordings they rest on.
        chance: The main figure of a guess, 0 if undefined.
        seen: Computed from the checkpoint: "unseen" (the corpus was not trained on), "held-out"
            (other splits of it were), "trained" (these recordings were, or all that they were cut
            from), or "unknown".
        detail: Prompts, classes, confusion counts and the like, as JSON values.
        outcomes: Which answers of the main figure were right, if it is made of such.
    """

    task: str
    protocol: str
    encoder: str
    values: Mapping[str, float]
    support: int
    chance: float = 0.0
    seen: str = "unknown"
    detail: Mapping[str, Any] = field(default_factory=dict)
    outcomes: Outcomes | None = field(default=None, compare=False, repr=False)
