"""Keyword spotting by words, language by language (V-B, Table VIII and figure 4).

The paper says neither what words there are to choose from nor how they are asked for. Here each
recording is asked which of all words of the test split in its language it holds, in the prompt set
of the run (the bare word). The headline is the mean over the languages of Table VIII that are
there. What was cut from sentences that were trained on does not count; voices that were trained on
do, but stand apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clara.embed import Encoder
from clara.errors import UsageError
from clara.evaluate import intervals
from clara.evaluate.embedded import EmbeddedIndex, Speakers
from clara.evaluate.metrics import Bools, Floats, Ints, accuracy, interval, macro_recall
from clara.evaluate.prompting import Prompts
from clara.evaluate.scoring import NEEDED, grouped, task_name
from clara.evaluate.tables import HOURS
from clara.evaluate.tasks import LANGUAGE, Task
from clara.records import Outcomes, Scores

__all__ = ["run"]

_CELLS = 1 << 24  # likenesses at once, so that memory stays bounded


@dataclass(frozen=True, slots=True)
class _Spoken:
    """The recordings of one language.

    Attributes:
        language: Its tag; empty if it is not told.
        words: What there is to choose from `[V]`.
        truth: The word of each recording, a place among `words` `[N]`.
        predicted: The word that was chosen `[N]`.
        keys: The names of the recordings.
        groups: Who speaks, or where it was cut from; none where each stands alone.
        speakers: Who was trained on; None if that is not known.
    """

    language: str
    words: Sequence[str]
    truth: Ints
    predicted: Ints
    keys: Sequence[str]
    groups: Sequence[object]
    speakers: Speakers | None

    @property
    def right(self) -> Bools:
        """Whether each was recognised `[N]`."""
        right: Bools = self.truth == self.predicted
        return right

    def among(self, chosen: Bools | None) -> dict[str, Any] | None:
        """The accuracy of some recordings; None if there are none."""
        if chosen is None or not chosen.any():
            return None
        return {"accuracy": float(self.right[chosen].mean()), "support": int(chosen.sum())}

    def told(self, hours: Mapping[str, float] | None) -> dict[str, Any]:
        """The figures of this language."""
        low, high = interval([self.right])
        met = self.speakers
        return {
            "language": self.language,
            "words": len(self.words),
            "accuracy": accuracy(self.truth, self.predicted),
            "accuracy_low": low,
            "accuracy_high": high,
            "macro_recall": macro_recall(self.truth, self.predicted),
            "chance": 1 / len(self.words),
            "support": len(self.truth),
            "hours": None if hours is None else hours.get(self.language, 0.0),
            "seen_speakers": self.among(met and met.told & met.met),
            "unseen_speakers": self.among(met and met.told & ~met.met),
        }


def run(task: Task, encoder: Encoder, data: EmbeddedIndex) -> Scores:
    """Asks of every recording which word of its language it holds.

    Raises:
        UsageError: The encoder has no text side, or no language has words to choose from.
    """
    splits = data.headline(task)
    data.text([task.name])  # first: who cannot read need not listen
    left_out = data.left_out(task.corpus, splits)
    spoken = list(_spoken(task, data, splits, left_out))
    if not spoken:
        raise UsageError(
            f"{task.name} cannot be measured by keyword_spotting: no language of "
            f"{'+'.join(splits)} has {NEEDED} words labelled {task.target!r}."
        )
    counted = [each for each in spoken if each.language in HOURS] or spoken
    hours = data.hours(task.corpus)
    by_language = [each.told(hours) for each in spoken]
    macro = [macro_recall(each.truth, each.predicted) for each in counted]
    # A mean over languages is a mean over classes, each language being one.
    place = [np.full(len(each.truth), number) for number, each in enumerate(counted)]
    right = np.concatenate([each.right for each in counted])
    low, high = intervals.of_macro_recall([(np.concatenate(place), right)])
    groups = [name for each in counted for name in each.groups]
    keys = [key for each in counted for key in each.keys]
    prompts = Prompts(task, data, spoken[0].words)
    return Scores(
        task=task_name(task, splits),
        protocol="keyword_spotting",
        encoder=encoder.name,
        values={
            "accuracy": float(np.mean([each.right.mean() for each in counted])),
            "accuracy_low": low,
            "accuracy_high": high,
            "macro_recall": float(np.mean(macro)),
            "accuracy_pooled": float(right.mean()),
            "accuracy_all": float(np.mean([each["accuracy"] for each in by_language])),
        },
        support=len(right),
        chance=float(np.mean([1 / len(each.words) for each in counted])),
        seen=data.seen(task.corpus, splits),
        detail={
            "primary": "accuracy",
            "languages": [each.language for each in counted],
            "by_language": by_language,
            "left_out": left_out,
            "overlap": data.overlap(task.corpus, splits),
            "met": data.met(task.corpus, splits),
            **prompts.describe(),
        },
        outcomes=Outcomes.over(
            keys,
            right,
            groups,
            [each.language for each in counted for _ in each.keys],
        ),
    )


def _spoken(
    task: Task, data: EmbeddedIndex, splits: Sequence[str], left_out: dict[str, int]
) -> Iterator[_Spoken]:
    """The recordings of each language, asked; why some are not is written to `left_out`."""
    parts = [data.counted(task.corpus, split) for split in splits]
    labels = [each for part in parts for each in part.rows.labels]
    words = np.array([next(iter(each.get(task.target, ())), "") for each in labels], dtype=object)
    tags = np.array([next(iter(each.get(LANGUAGE, ())), "") for each in labels], dtype=object)
    vectors = np.concatenate([part.rows.vectors for part in parts])
    keys = [key for part in parts for key in part.rows.keys]
    groups = grouped(*parts)
    speakers = _together([data.speakers(task.corpus, split) for split in splits])
    unknown = words == ""
    if unknown.any():
        left_out[f"no {task.target} is known"] = int(unknown.sum())
    for tag in sorted(set(tags[~unknown])):
        rows = np.flatnonzero((tags == tag) & ~unknown)
        choice = sorted(set(words[rows]))
        if len(choice) < NEEDED:
            left_out[f"{tag or 'no language'}: fewer than {NEEDED} words"] = len(rows)
            continue
        prompts = Prompts(task, data, choice)
        weights = prompts.rows(prompts.own)
        place = {word: number for number, word in enumerate(choice)}
        yield _Spoken(
            language=tag,
            words=choice,
            truth=np.array([place[word] for word in words[rows]], dtype=np.int64),
            predicted=_nearest(vectors, rows, weights),
            keys=[keys[row] for row in rows.tolist()],
            groups=[groups[row] for row in rows.tolist()] if groups else [],
            speakers=speakers and Speakers(speakers.told[rows], speakers.met[rows]),
        )


def _nearest(vectors: Floats, rows: Ints, weights: Floats) -> Ints:
    """The nearest of `weights` `[V, D]` to some rows of `vectors` `[N, D]`."""
    step = max(1, _CELLS // len(weights))
    found = [
        (vectors[rows[start : start + step]] @ weights.T).argmax(axis=1)
        for start in range(0, len(rows), step)
    ]
    return np.concatenate(found)


def _together(speakers: Sequence[Speakers | None]) -> Speakers | None:
    known = [each for each in speakers if each is not None]
    if len(known) < len(speakers):
        return None
    return Speakers(*(np.concatenate(column) for column in zip(*known, strict=True)))
