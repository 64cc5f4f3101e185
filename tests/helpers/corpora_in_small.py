"""Every corpus that a task needs, in small: its splits and labels, and sound that is a number."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from clara import corpora
from clara.audio import io
from clara.evaluate.embedded import EmbeddedIndex
from clara.evaluate.prompting import Prompts
from clara.evaluate.tasks import TASKS, Task
from clara.records import Labels
from clara.shards import SCHEMA, Index, ShardWriter, write_index
from clara.text.phrases import captions

RATE = 8000
LANGUAGES = ("cs", "cy", "de", "pl", "rw")  # of which Table VIII lacks Czech
SENTENCES = ("It is eleven o'clock.", "The airplane is almost full.", "Don't forget a jacket.")
SIZES = {"train": 240, "valid": 48, "test": 168}


WORDS = tuple(f"word{number}" for number in range(8))  # of a corpus that lists none


def rows(corpus: str) -> Iterator[dict]:
    """What an index says of the recordings of a corpus."""
    record = corpora.get(corpus)
    own = [task for task in TASKS.values() if corpus in task.corpora]
    kinds = {
        task.target: record.labels.get(task.target) or WORDS
        for task in own
        if task.target not in ("retrieval", "language")
    }
    for split in record.splits:
        # Whatever is asked has each class as often in a split, so that a guess is worth 1 / C.
        most = max(map(len, kinds.values()), default=0)
        # The genders of EmoV-DB lie in different splits, which must then be of one size.
        size = SIZES["test"] if corpus == "emov_db" else SIZES.get(split, 50)
        for number in range(max(size, most)):
            labels = {}
            for place, (kind, names) in enumerate(kinds.items()):
                count = 1 + number % 3 if any(task.several for task in own) else 1
                at = (number // (7 if place else 1)) % len(names)
                labels[kind] = tuple(names[(at + 5 * step) % len(names)] for step in range(count))
            yield row(corpus, split, number, labels, bool(record.languages))


def row(
    corpus: str, split: str, number: int, labels: dict[str, tuple[str, ...]], spoken: bool
) -> dict:
    speaker = f"{split}-{number % 4}" if spoken else ""
    if corpus == "emov_db":  # one speaker in each split, and so one gender
        speaker = split
        labels["gender"] = ("man" if split == "valid" else "woman",)
        if split == "train" and number % 2:
            speaker, labels["gender"] = "another", ("man",)
    if corpus == "common_voice" and number % 9 == 8:
        labels = {}  # who speaks is often not told
    language = ""
    if spoken:
        many = corpus in ("common_voice", "mswc")
        language = LANGUAGES[number // 8 % len(LANGUAGES)] if many else "en"
    sentence = SENTENCES[number % len(SENTENCES)] if spoken and "keyword" not in labels else ""
    made = captions(labels, sentence, language)
    return {
        "key": f"{split}-{number:04d}",
        "corpus": corpus,
        "split": split,
        "texts": list(made) or described(number),
        "language": language,
        "labels": json.dumps(labels),
        "source": f"{corpus}:{split}:{number}",
        "speaker": speaker,
    }


def described(number: int) -> list[str]:
    """Five captions; some recordings share one with others."""
    own = [f"Sound number {number} in words of writer {writer}" for writer in range(5)]
    return [*own[:4], "A dog barks"] if number % 12 == 0 else own


def write(folder: Path, corpora_asked: Sequence[str]) -> Index:
    """Shards in which the first sample of each wave is the number of its recording."""
    every = [each for corpus in corpora_asked for each in rows(corpus)]
    table = []
    with ShardWriter(folder / "000000.tar") as shard:
        for number, each in enumerate(every):
            place = shard.add(f"{number:06d}", sound(number), {"text": each["texts"]})
            rest = {"shard": "000000.tar", "suffix": "flac", "rate": RATE, "frames": 16}
            length = {"seconds": 16 / RATE, "text_chars": max(map(len, each["texts"]))}
            table.append({**place._asdict(), **each, **rest, **length, "licence": ""})
    made = pa.Table.from_pylist(table).select(SCHEMA.names).cast(SCHEMA)
    write_index(iter([made]), folder / "index.parquet")
    return Index.open(folder)


def sound(number: int) -> bytes:
    high, low = divmod(number, 1 << 14)
    wave = np.zeros(16, np.float32)
    wave[:2] = np.array([high, low]) / (1 << 15)
    return io.encode_flac(wave, RATE)


def number_of(source: io.Source) -> int:
    wave, _ = io.load(source)
    high, low = np.rint(wave[:2] * (1 << 15)).astype(int).tolist()
    return (high << 14) + low


class Planted:
    """Knows what it hears by number, and what it reads by heart; in `chaos` nothing of either.

    A recording lies in the direction of its classes, or for retrieval in one of its own; a sentence
    where all recordings lie that it is true of.
    """

    name = "planted"
    rate = RATE

    def __init__(self, index: Index, task: Task, seed: int | None = None) -> None:
        self.rng = None if seed is None else np.random.default_rng(seed)
        self.known: dict[str, np.ndarray] = {}
        everything = [index.labels(row) for row in range(len(index))]
        tongues = index.column("language")
        if task.target == "retrieval":
            mine = np.isin(index.column("corpus").astype(str), task.corpora)
            mine = np.flatnonzero(mine & (index.column("split").astype(str) == task.split))
            self.rows = np.zeros((len(index), len(mine)), np.float32)
            self.rows[mine] = np.eye(len(mine))
            for n in mine.tolist():
                for text in index.texts(n):
                    self.known[text] = self.known.get(text, 0) + self.rows[n]
        else:
            values = [
                self.values(task.target, *each) for each in zip(everything, tongues, strict=True)
            ]
            names = sorted({value for each in values for value in each if value})
            self.rows = np.array([[name in each for name in names] for each in values], np.float32)
            self.names = names
            self.learn(index, task, names)
        self.rows += 1e-4  # nothing lies nowhere
        self.rows /= np.linalg.norm(self.rows, axis=1, keepdims=True)

    @staticmethod
    def values(kind: str, labels: Labels, language: str) -> tuple[str, ...]:
        return (language,) if kind == "language" else labels.get(kind, ())

    def learn(self, index: Index, task: Task, names: Sequence[str]) -> None:
        prompts = Prompts(task, EmbeddedIndex(self, index), names)
        for template in prompts.known:
            for sentence, row in zip(prompts.sentences(template), np.eye(len(names)), strict=True):
                self.known[sentence] = row

    def audio(self, sources: Sequence[io.Source]) -> np.ndarray:
        if self.rng is not None:
            return self.chaos(len(sources))
        return self.rows[[number_of(source) for source in sources]]

    def text(self, texts: Sequence[str]) -> np.ndarray:
        if self.rng is not None:
            return self.chaos(len(texts))
        nothing = np.zeros(self.rows.shape[1])
        found = np.array([self.known.get(text, nothing) for text in texts], np.float32) + 1e-6
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def chaos(self, count: int) -> np.ndarray:
        found = self.rng.normal(size=(count, 16)).astype(np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def tower(self) -> Tower:
        return Tower(self.rows)

    def seen(self, corpus: str, split: str) -> str:
        return "unseen"


class Tower(torch.nn.Module):
    """The rows of `Planted` as something that can be trained."""

    def __init__(self, rows: np.ndarray) -> None:
        super().__init__()
        self.rows = torch.nn.Embedding.from_pretrained(torch.from_numpy(rows.copy()), freeze=False)

    def forward(self, waves: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        parts = (waves[:, :2] * (1 << 15)).round().long()
        return self.rows((parts[:, 0] << 14) + parts[:, 1])
